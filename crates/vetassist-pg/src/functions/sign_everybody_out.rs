//! Ending every session, in batches. `sql/functions/sign_out_batch.sql` has the code of a batch.

use pgrx::{pg_extern, pg_sys};

use super::batches::{Batches, Progress};
use crate::{
    errors::SqlResult,
    statements::{failed, one},
};

/// Ends every active session of all users, and writes an event with their number.
#[pg_extern(sql = false)]
fn vetassist_sign_everybody_out(
    batch_size: Option<i32>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> SqlResult<()> {
    const USUAL: &str = "Leave it out for its default, 10000.";
    let call = c"CALL vetassist_sign_everybody_out()";
    let batches = Batches::begin(fcinfo, call, batch_size, USUAL)?;
    let schema = &batches.schema;
    let active = batches.run(|client| {
        let count = format!(
            "SELECT count(*) FROM {schema}.vetassist_sessions AS s WHERE s.revoked_at IS NULL AND s.expires_at > now()"
        );
        one(client.select(&count, Some(1), &[]).and_then(|rows| rows.first().get_one()))
    })?;
    let mut progress = Progress::new("of them ended", active);
    loop {
        let ended: i32 = batches.run(|client| {
            let batch = format!("SELECT {schema}.vetassist_sign_out_batch($1)");
            let rows = client.update(&batch, Some(1), &[batches.size.into()]);
            one(rows.and_then(|rows| rows.first().get_one()))
        })?;
        if ended == 0 {
            break;
        }
        progress.add(ended, ended);
    }
    progress.report();
    batches.run(|client| {
        let event = format!(
            "SELECT {schema}.vetassist_write_event('everybody_signed_out', NULL, jsonb_build_object('count', $1))"
        );
        client.update(&event, None, &[progress.changed().into()]).map(|_| ()).map_err(failed)
    })?;
    batches.end();
    Ok(())
}
