//! What a device's description says of addresses.

use pgrx::pg_extern;
use vetassist_core::metadata;

/// Whether a member of this name describes a device's address.
#[pg_extern(immutable, strict, parallel_safe, sql = false)]
fn vetassist_names_address(name: &str) -> bool {
    metadata::names_address(name)
}
