//! Accepts another key ring.

use pgrx::pg_extern;

use super::known_keys::{current, note};
use crate::{
    errors::SqlResult,
    statements::{connected, failed, own_schema},
};

/// Makes the ring known to the database, no matter which tokens are stored.
#[pg_extern(volatile, parallel_unsafe, sql = false)]
fn vetassist_accept_ring() -> SqlResult<()> {
    let key = current()?;
    connected(|client| {
        note(client)?;
        let schema = own_schema(client)?;
        let event = format!(
            "SELECT {schema}.vetassist_write_event('ring_accepted', NULL, jsonb_build_object('fingerprint', $1))"
        );
        client.update(&event, None, &[key.into()]).map(|_| ()).map_err(failed)
    })?;
    Ok(())
}
