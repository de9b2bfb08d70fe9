//! Writes an export.

use std::io::Write;

use time::OffsetDateTime;
use vetassist_core::audit_log::Checkpoint;

use super::format::{EndLine, EntryLine, Line, LogLine, PendingLine, FORMAT};
use crate::log::{Log, LogError, Pending, Shown, ShownEntry};

/// The number of entries in each request.
const PAGE: u32 = 10_000;

/// Writes a snapshot of the whole log, and returns the number of its entries.
///
/// Calls `progress` after each page, with the number of written entries and the number of all entries.
///
/// # Errors
/// If the database does not answer or does not return a log, or the output cannot be written.
pub fn write(
    log: &mut impl Log,
    out: &mut impl Write,
    exported_at: OffsetDateTime,
    mut progress: impl FnMut(u64, u64),
) -> Result<u64, LogError> {
    log.take_snapshot()?;
    let checkpoint = log.checkpoint()?;
    let checkpoint = checkpoint
        .ok_or_else(|| LogError("nothing is sealed yet: CALL vetassist_seal_audit()".into()))?;
    let size = checkpoint.parse::<Checkpoint>().map_err(|error| LogError(error.to_string()))?.size;
    put(out, &Line::Log(LogLine { format: FORMAT.into(), checkpoint, exported_at }))?;
    let mut counts = EndLine { entries: 0, pending: 0 };
    loop {
        let before = counts.entries;
        log.entries(before, PAGE, &mut |shown| match shown {
            Shown::Entry(entry) if entry.entry == counts.entries => {
                counts.entries += 1;
                put(out, &Line::Entry(entry.into()))
            }
            Shown::Entry(entry) => Err(LogError(format!(
                "the database shows entry {} where entry {} should be",
                entry.entry, counts.entries
            ))),
            Shown::Pending(pending) => {
                counts.pending += 1;
                put(out, &Line::Pending(pending.into()))
            }
        })?;
        progress(counts.entries, size);
        if counts.entries >= size || counts.entries == before {
            break;
        }
    }
    if counts.entries != size {
        let found = counts.entries;
        return Err(LogError(format!("the database shows {found} entries of {size}")));
    }
    put(out, &Line::End(counts))?;
    out.flush().map_err(|error| cannot_write(&error))?;
    Ok(size)
}

fn put(out: &mut impl Write, line: &Line) -> Result<(), LogError> {
    serde_json::to_writer(&mut *out, line).map_err(|error| cannot_write(&error.into()))?;
    out.write_all(b"\n").map_err(|error| cannot_write(&error))
}

fn cannot_write(error: &std::io::Error) -> LogError {
    LogError(format!("cannot write the export: {error}"))
}

impl From<ShownEntry> for EntryLine {
    fn from(shown: ShownEntry) -> Self {
        Self {
            entry: shown.entry,
            kind: shown.kind,
            audit_id: shown.audit_id,
            leaf_hash: shown.leaf_hash.as_bytes().to_vec(),
            data: shown.data,
            event_data: shown.event_data,
            event_data_salt: shown.event_data_salt.map(Into::into),
            ip_hash: shown.ip_hash,
            ip_hash_salt: shown.ip_hash_salt.map(Into::into),
        }
    }
}

impl From<Pending> for PendingLine {
    fn from(pending: Pending) -> Self {
        Self { kind: pending.kind, audit_id: pending.audit_id }
    }
}
