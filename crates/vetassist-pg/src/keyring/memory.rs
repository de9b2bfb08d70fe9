//! Memory for keys. It is locked, so that it is never written to swap. Core dumps leave it out, a forked child finds it
//! empty, and it is wiped before it is freed.

use core::ptr::{self, NonNull};
use std::io;

/// One value in a mapping of its own.
///
/// A forked child finds zeros there, which are not a valid value. It must first call [`overwrite`](Self::overwrite).
pub(super) struct Locked<T> {
    place: NonNull<T>,
}

impl<T> Locked<T> {
    /// Maps the memory and moves a value into it. The value must hold no secret yet, because moving it leaves copies behind.
    pub(super) fn new(value: T) -> io::Result<Self> {
        assert!(align_of::<T>() <= 4096, "a mapping is aligned to a page");
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: the mapping is new and nothing else points to it. It is as large as the value, and aligned to a page,
        // which is enough for the value.
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

    /// Keeps the value out of swap, core dumps and forked children, as far as the system supports each.
    ///
    /// Returns an error if the system refuses one of them. The others are in force nevertheless.
    pub(super) fn protect(&self) -> io::Result<()> {
        let check = |result| if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
        let (start, len) = (self.place.as_ptr().cast::<libc::c_void>(), size_of::<T>());
        // SAFETY: `self` owns the mapping. The calls do not change its content, only where the system keeps it and which
        // processes get it.
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
        // SAFETY: `new` put a value there, and a forked child put another. The borrow lasts as long as that of `self`.
        unsafe { self.place.as_mut() }
    }

    /// Replaces the value without dropping it: a forked child finds no value there, or the value of its parent.
    pub(super) fn overwrite(&mut self, value: T) {
        // SAFETY: `self` owns the memory, which is as large as the value and aligned for it. The old content need only be
        // wiped, not dropped.
        unsafe {
            zeroize::zeroize_flat_type(self.place.as_ptr());
            self.place.write(value);
        }
    }
}

impl<T> Drop for Locked<T> {
    fn drop(&mut self) {
        // SAFETY: there is a value, and this is its last use. Only `self` points to the memory, and nothing uses it later.
        unsafe {
            self.place.drop_in_place();
            zeroize::zeroize_flat_type(self.place.as_ptr());
            libc::munmap(self.place.as_ptr().cast(), size_of::<T>());
        }
    }
}
