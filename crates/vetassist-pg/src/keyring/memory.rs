//! Memory for keys: locked, so that it is never written to swap, left out of core dumps, empty in a forked child,
//! and wiped when it is given back.

use core::ptr::{self, NonNull};
use std::io;

/// One value in a mapping of its own.
///
/// A child that forks finds zeros there, which are no value. Before anything else it calls
/// [`overwrite`](Self::overwrite).
pub(super) struct Locked<T> {
    place: NonNull<T>,
}

impl<T> Locked<T> {
    /// Puts a value there. Moving it leaves copies behind, so it is one that holds no secret yet.
    pub(super) fn new(value: T) -> io::Result<Self> {
        assert!(align_of::<T>() <= 4096, "a mapping is aligned to a page");
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: asks for memory anywhere, of which nobody else knows.
        let start = unsafe { libc::mmap(ptr::null_mut(), size_of::<T>(), access, kind, -1, 0) };
        let place = NonNull::new(start.cast::<T>()).filter(|_| start != libc::MAP_FAILED);
        let locked = Self { place: place.ok_or_else(io::Error::last_os_error)? };
        // SAFETY: the mapping is as large as the value, and more than aligned for it.
        unsafe { locked.place.write(value) };
        Ok(locked)
    }

    /// Keeps the value out of swap, of core dumps and of forked children, each as far as the system has it.
    ///
    /// It is an error if the system does not let one of them be; the others hold all the same.
    pub(super) fn protect(&self) -> io::Result<()> {
        let check = |result| if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
        let (start, len) = (self.place.as_ptr().cast::<libc::c_void>(), size_of::<T>());
        #[cfg(target_os = "linux")]
        let advised = [libc::MADV_DONTDUMP, libc::MADV_WIPEONFORK].map(|advice| {
            // SAFETY: the mapping is ours, and the advice changes nothing in this process.
            check(unsafe { libc::madvise(start, len, advice) })
        });
        #[cfg(not(target_os = "linux"))]
        let advised: [io::Result<()>; 0] = [];
        // SAFETY: the mapping is ours, and locking it changes nothing but where it is kept.
        let locked = check(unsafe { libc::mlock(start, len) });
        advised.into_iter().collect::<io::Result<()>>().and(locked)
    }

    /// Returns the value.
    pub(super) fn get(&mut self) -> &mut T {
        // SAFETY: `new` put a value there, and whoever forked put another; it is borrowed for as long as `self` is.
        unsafe { self.place.as_mut() }
    }

    /// Replaces the value without dropping it: in a forked child there is none, or its parent's.
    pub(super) fn overwrite(&mut self, value: T) {
        self.wipe();
        // SAFETY: as large as the value, and more than aligned for it. What was there needs no more than to be wiped.
        unsafe { self.place.write(value) };
    }

    fn wipe(&mut self) {
        // SAFETY: the memory is ours, and is used as a value only after another was written there.
        unsafe { zeroize::zeroize_flat_type(self.place.as_ptr()) };
    }
}

impl<T> Drop for Locked<T> {
    fn drop(&mut self) {
        // SAFETY: there is a value, and this is its last use.
        unsafe { self.place.drop_in_place() };
        self.wipe();
        // SAFETY: the mapping is ours alone, and nobody uses it any more.
        unsafe { libc::munmap(self.place.as_ptr().cast(), size_of::<T>()) };
    }
}
