//! A function that returns its argument, to measure the cost of any function written with pgrx.

pgrx::pg_module_magic!();

/// Returns its argument.
#[pgrx::pg_extern(volatile, strict, parallel_safe)]
fn identity(bytes: &[u8]) -> &[u8] {
    bytes
}
