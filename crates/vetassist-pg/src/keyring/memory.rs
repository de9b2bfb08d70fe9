//! Memory for keys: locked, so that it is never written to swap, left out of core dumps, empty in a forked child,
//! and wiped when it is given back.
//!
//! The core keeps each key in a box of its own. While this process works with its ring, boxes come from an arena of
//! such memory; all other memory of Rust's is the system's, as if this module were not there.

use core::{
    alloc::{GlobalAlloc, Layout},
    hint, ptr, slice,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering},
};
use std::{alloc::System, io};

use crate::errors::log_to_server;

/// A mapping of its own.
pub(crate) struct Mapping {
    start: *mut u8,
    len: usize,
}

impl Mapping {
    /// Of zeros. Where the system does not let it be locked, the server's log says so, once in a process, and it is
    /// used all the same.
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: asks for memory anywhere.
        let start = unsafe { libc::mmap(ptr::null_mut(), len, access, kind, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mapping = Self { start: start.cast(), len };
        if let Err(error) = mapping.protect() {
            static SAID: AtomicBool = AtomicBool::new(false);
            if !SAID.swap(true, Ordering::Relaxed) {
                log_to_server(format!(
                    "vetassist: the memory of the keys is not kept out of swap and core dumps: {error}"
                ));
            }
        }
        Ok(mapping)
    }

    fn protect(&self) -> io::Result<()> {
        let check = |result| if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
        let start = self.start.cast::<libc::c_void>();
        // Each as far as the system has it.
        #[cfg(target_os = "linux")]
        let advised = [libc::MADV_DONTDUMP, libc::MADV_WIPEONFORK].map(|advice| {
            // SAFETY: our mapping.
            check(unsafe { libc::madvise(start, self.len, advice) })
        });
        #[cfg(not(target_os = "linux"))]
        let advised: [io::Result<()>; 0] = [];
        // SAFETY: our mapping.
        let locked = check(unsafe { libc::mlock(start, self.len) });
        advised.into_iter().collect::<io::Result<()>>().and(locked)
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: our mapping, all of which is initialised, borrowed for as long as `self` is.
        unsafe { slice::from_raw_parts_mut(self.start, self.len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.as_mut_slice().fill(0);
        hint::black_box(self.start);
        // SAFETY: our mapping, which nobody uses any more. What was locked no longer is.
        unsafe { libc::munmap(self.start.cast(), self.len) };
    }
}

/// Bytes that were read into a mapping.
pub(crate) struct SecretText {
    mapping: Mapping,
    len: usize,
}

impl SecretText {
    /// Room for so many bytes.
    pub(crate) fn with_room(len: usize) -> io::Result<Self> {
        Ok(Self { mapping: Mapping::new(len)?, len: 0 })
    }

    pub(crate) fn room(&mut self) -> &mut [u8] {
        let len = self.len;
        &mut self.mapping.as_mut_slice()[len..]
    }

    /// Takes what was written to the beginning of the room.
    pub(crate) fn extend(&mut self, len: usize) {
        self.len += len;
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn as_bytes(&mut self) -> &[u8] {
        let len = self.len;
        &self.mapping.as_mut_slice()[..len]
    }
}

/// How large a part of the arena is. A key with what is made of it takes one.
const SLOT: usize = 512;
/// A ring's 16 keys, as many of one user's, and as many for what is in between.
const SLOTS: usize = 64;

/// Where the arena begins, once it is there. It stays as long as the process does.
static ARENA: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
/// A bit for each slot that is taken.
static TAKEN: AtomicU64 = AtomicU64::new(0);
/// Whether the process works with its ring.
static SECRET: AtomicBool = AtomicBool::new(false);

/// Runs with new boxes in the arena.
pub(crate) fn in_secret<T>(f: impl FnOnce() -> T) -> T {
    struct Leave(bool);
    impl Drop for Leave {
        fn drop(&mut self) {
            SECRET.store(self.0, Ordering::Relaxed);
        }
    }
    if ARENA.load(Ordering::Relaxed).is_null() {
        // Without it, boxes are where all others are.
        if let Ok(mapping) = Mapping::new(SLOT * SLOTS) {
            ARENA.store(mapping.start, Ordering::Relaxed);
            core::mem::forget(mapping);
        }
    }
    // Two plain instructions instead of one that locks the bus: a backend has one thread.
    let _leave = Leave(SECRET.load(Ordering::Relaxed));
    SECRET.store(true, Ordering::Relaxed);
    f()
}

/// Runs in a part of the stack that [`wipe_stack`] wipes when it is called from the same function.
#[inline(never)]
pub(crate) fn below<T>(f: impl FnOnce() -> T) -> T {
    f()
}

/// Overwrites the part of the stack that the calls before this one used, and the registers that ciphers work in: what
/// keys are made with leaves copies in both, and whoever saves registers writes them to the stack later.
#[inline(never)]
pub(crate) fn wipe_stack<const BYTES: usize>() {
    wipe_registers();
    let mut below = [0_u8; BYTES];
    hint::black_box(&mut below);
}

#[cfg(target_arch = "x86_64")]
fn wipe_registers() {
    if is_x86_feature_detected!("avx") {
        // SAFETY: no more than zeros the vector registers, which are the caller's to save.
        unsafe {
            core::arch::asm!(
                "vzeroall",
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
                out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _, options(nomem, nostack)
            );
        }
    }
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: as above. No code that is compiled without AVX-512 has anything in these.
        unsafe {
            core::arch::asm!(
                "vpxord zmm16, zmm16, zmm16",
                "vpxord zmm17, zmm17, zmm17",
                "vpxord zmm18, zmm18, zmm18",
                "vpxord zmm19, zmm19, zmm19",
                "vpxord zmm20, zmm20, zmm20",
                "vpxord zmm21, zmm21, zmm21",
                "vpxord zmm22, zmm22, zmm22",
                "vpxord zmm23, zmm23, zmm23",
                "vpxord zmm24, zmm24, zmm24",
                "vpxord zmm25, zmm25, zmm25",
                "vpxord zmm26, zmm26, zmm26",
                "vpxord zmm27, zmm27, zmm27",
                "vpxord zmm28, zmm28, zmm28",
                "vpxord zmm29, zmm29, zmm29",
                "vpxord zmm30, zmm30, zmm30",
                "vpxord zmm31, zmm31, zmm31",
                options(nomem, nostack)
            );
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn wipe_registers() {}

/// Rust's memory in this library.
struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// The bits of so many slots in a row, from the first on.
const fn run_of(slots: usize) -> u64 {
    u64::MAX >> (SLOTS - slots)
}

/// So many free slots in a row, taken.
fn take(slots: usize) -> Option<usize> {
    let mut taken = TAKEN.load(Ordering::Relaxed);
    let mut first = 0;
    while first + slots <= SLOTS {
        let run = run_of(slots) << first;
        if taken & run != 0 {
            first += 1;
            continue;
        }
        // A backend has one thread; should there ever be another, they share the arena.
        match TAKEN.compare_exchange(taken, taken | run, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => return Some(first),
            Err(now) => taken = now,
        }
    }
    None
}

/// Whether an allocation is in the arena.
fn is_ours(pointer: *mut u8) -> bool {
    let arena = ARENA.load(Ordering::Relaxed);
    !arena.is_null() && (pointer as usize).wrapping_sub(arena as usize) < SLOT * SLOTS
}

// SAFETY: memory of the arena is ours alone, in one piece, and aligned to a slot, which is as much as is given;
// all other requests are the system allocator's.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if SECRET.load(Ordering::Relaxed) {
            let arena = ARENA.load(Ordering::Relaxed);
            let slots = layout.size().div_ceil(SLOT);
            if !arena.is_null() && (1..=SLOTS).contains(&slots) && layout.align() <= SLOT {
                if let Some(first) = take(slots) {
                    // SAFETY: within the arena.
                    return unsafe { arena.add(first * SLOT) };
                }
            }
        }
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if SECRET.load(Ordering::Relaxed) {
            // SAFETY: the caller's promise, handed on.
            let pointer = unsafe { self.alloc(layout) };
            if !pointer.is_null() {
                // SAFETY: just allocated, so large.
                unsafe { ptr::write_bytes(pointer, 0, layout.size()) };
            }
            return pointer;
        }
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !SECRET.load(Ordering::Relaxed) && !is_ours(pointer) {
            // SAFETY: the caller's promise, handed on: it is the system's, and stays it.
            return unsafe { System.realloc(pointer, layout, size) };
        }
        // SAFETY: the caller promises that the size is one that a layout can have.
        let larger = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: as above.
        let new = unsafe { self.alloc(larger) };
        if !new.is_null() {
            // SAFETY: two allocations, each of at least so many bytes; the old one is not used any more.
            unsafe {
                ptr::copy_nonoverlapping(pointer, new, layout.size().min(size));
                self.dealloc(pointer, layout);
            }
        }
        new
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if !is_ours(pointer) {
            // SAFETY: the caller's promise, handed on.
            return unsafe { System.dealloc(pointer, layout) };
        }
        // SAFETY: what `alloc` gave, so large.
        unsafe { ptr::write_bytes(pointer, 0, layout.size()) };
        hint::black_box(pointer);
        let first = (pointer as usize - ARENA.load(Ordering::Relaxed) as usize) / SLOT;
        TAKEN.fetch_and(!(run_of(layout.size().div_ceil(SLOT)) << first), Ordering::Release);
    }
}
