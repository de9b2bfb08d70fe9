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
        // SAFETY: asks for memory anywhere, of which nobody else knows. It is as large as the value, and more than aligned
        // for it.
        unsafe {
            let start = libc::mmap(ptr::null_mut(), size_of::<T>(), access, kind, -1, 0);
            if start == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let place = NonNull::new_unchecked(start.cast::<T>());
            place.write(value);
            Ok(Self { place })
        }
    }

    /// Keeps the value out of swap, of core dumps and of forked children, each as far as the system has it.
    ///
    /// It is an error if the system does not let one of them be; the others hold all the same.
    pub(super) fn protect(&self) -> io::Result<()> {
        let check = |result| if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
        let (start, len) = (self.place.as_ptr().cast::<libc::c_void>(), size_of::<T>());
        // SAFETY: the mapping is ours. Nothing changes in it, but for where the system keeps it and whom it gives it to.
        unsafe {
            let locked = check(libc::mlock(start, len));
            #[cfg(target_os = "linux")]
            for advice in [libc::MADV_DONTDUMP, libc::MADV_WIPEONFORK] {
                check(libc::madvise(start, len, advice))?;
            }
            locked
        }
    }

    /// Returns the value.
    pub(super) fn get(&mut self) -> &mut T {
        // SAFETY: `new` put a value there, and whoever forked put another; it is borrowed for as long as `self` is.
        unsafe { self.place.as_mut() }
    }

    /// Replaces the value without dropping it: in a forked child there is none, or its parent's.
    pub(super) fn overwrite(&mut self, value: T) {
        // SAFETY: the memory is ours, as large as the value and more than aligned for it. What was there needs no more than
        // to be wiped.
        unsafe {
            zeroize::zeroize_flat_type(self.place.as_ptr());
            self.place.write(value);
        }
    }
}

impl<T> Drop for Locked<T> {
    fn drop(&mut self) {
        // SAFETY: there is a value, and this is its last use. The memory is ours alone, and nobody uses it any more.
        unsafe {
            self.place.drop_in_place();
            zeroize::zeroize_flat_type(self.place.as_ptr());
            libc::munmap(self.place.as_ptr().cast(), size_of::<T>());
        }
    }
}
