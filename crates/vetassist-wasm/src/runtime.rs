//! Provides the parts that `std` would: an allocator, a panic handler, randomness.

use vetassist_core::RandomError;

/// Fills a buffer with random bytes from `crypto.getRandomValues` of the runtime.
#[cfg(target_arch = "wasm32")]
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), RandomError> {
    #[link(wasm_import_module = "runtime")]
    extern "C" {
        fn random(place: *mut u8, len: usize) -> i32;
    }
    // SAFETY: `bytes` may be written to, and the facade writes `len` bytes from `place` on and nothing else.
    match unsafe { random(bytes.as_mut_ptr(), bytes.len()) } {
        0 => Ok(()),
        _ => Err(RandomError),
    }
}

/// Fills a buffer with random bytes, for the fuzzers, which compile these files natively.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(|_| RandomError)
}

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
