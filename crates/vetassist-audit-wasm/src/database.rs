//! The audit log of a database, over a connection of JavaScript.

use std::path::Path;

use base64ct::{Base64, Encoding};
use serde::Serialize;
use vetassist_audit::{
    functions::{bigint, hash, strange, EntryRow, Functions, SNAPSHOT},
    log::{Each, Log, LogError},
};
use vetassist_core::audit_log::Hash;

use crate::host::checked;

#[link(wasm_import_module = "host")]
extern "C" {
    fn connect(settings: *const u8, len: usize) -> i32;
    fn query(statement: *const u8, len: usize) -> i32;
    fn next_rows() -> i32;
    fn take_rows(place: *mut u8);
}

/// The only connection, and the functions.
#[derive(Debug)]
pub(crate) struct Connection(Functions);

#[derive(Serialize)]
struct Settings<'a> {
    database: &'a str,
    authority: Option<&'a Path>,
}

#[derive(Serialize)]
struct Statement<'a> {
    text: &'a str,
    values: &'a [&'a str],
}

/// A row from JavaScript: text, and base64 for bytea.
type Row = Vec<Option<String>>;

impl Connection {
    /// Connects.
    pub(crate) fn new(
        database: &str,
        schema: &str,
        authority: Option<&Path>,
    ) -> Result<Self, LogError> {
        let settings = json(&Settings { database, authority })?;
        // SAFETY: JavaScript reads the bytes and nothing else.
        answered(unsafe { connect(settings.as_ptr(), settings.len()) })?;
        Ok(Self(Functions::of(schema)))
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, LogError> {
    serde_json::to_vec(value).map_err(|error| LogError(error.to_string()))
}

fn answered(result: i32) -> Result<usize, LogError> {
    checked(result).map_err(|error| LogError(error.to_string()))
}

/// Runs a statement and passes on its rows. JavaScript holds only a part of them at a time.
fn rows(
    text: &str,
    values: &[&str],
    each: &mut dyn FnMut(Row) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let statement = json(&Statement { text, values })?;
    // SAFETY: JavaScript reads the bytes and nothing else.
    answered(unsafe { query(statement.as_ptr(), statement.len()) })?;
    loop {
        // SAFETY: JavaScript returns a number and touches no memory.
        let mut part = vec![0; answered(unsafe { next_rows() })?];
        if part.is_empty() {
            return Ok(());
        }
        // SAFETY: `part` may be written to, and JavaScript writes as many bytes as it has just said.
        unsafe { take_rows(part.as_mut_ptr()) };
        let rows: Vec<Row> =
            serde_json::from_slice(&part).map_err(|_| strange("rows that are none"))?;
        rows.into_iter().try_for_each(&mut *each)?;
    }
}

/// Runs a statement that returns one value.
fn value(text: &str, values: &[&str]) -> Result<Option<String>, LogError> {
    let mut value = None;
    rows(text, values, &mut |row| {
        value = row.into_iter().next().flatten();
        Ok(())
    })?;
    Ok(value)
}

fn bytes(base64: &str) -> Result<Vec<u8>, LogError> {
    Base64::decode_vec(base64).map_err(|_| strange("bytes that are none"))
}

impl Log for Connection {
    fn take_snapshot(&mut self) -> Result<(), LogError> {
        value(SNAPSHOT, &[]).map(drop)
    }

    fn checkpoint(&mut self) -> Result<Option<String>, LogError> {
        value(&self.0.checkpoint(), &[])
    }

    fn consistency(&mut self, from_size: u64, to_size: u64) -> Result<Vec<Hash>, LogError> {
        let sizes = [bigint(from_size)?.to_string(), bigint(to_size)?.to_string()];
        let mut proof = Vec::new();
        rows(&self.0.consistency(), &sizes.each_ref().map(String::as_str), &mut |row| {
            let base64 = row.first().and_then(Option::as_deref);
            proof.push(hash(&bytes(base64.unwrap_or_default())?)?);
            Ok(())
        })?;
        Ok(proof)
    }

    fn entries(&mut self, from_index: u64, max_rows: u32, each: Each<'_>) -> Result<(), LogError> {
        rows(&self.0.entries(from_index, max_rows), &[], &mut |row| each(read(row)?.try_into()?))
    }

    fn note_watch(&mut self, checkpoint: &str) -> Result<(), LogError> {
        value(&self.0.note_watch(), &[checkpoint]).map(drop)
    }
}

fn read(row: Row) -> Result<EntryRow, LogError> {
    let columns: [Option<String>; 9] =
        row.try_into().map_err(|_| strange("another number of columns"))?;
    let [entry, kind, audit_id, leaf_hash, data, event_data, event_data_salt, ip_hash, ip_hash_salt] =
        columns;
    let number = |text: Option<String>| {
        let number = text.map(|text| text.parse()).transpose();
        number.map_err(|_| strange("a number that is none"))
    };
    let bytes = |base64: Option<String>| base64.as_deref().map(bytes).transpose();
    Ok(EntryRow {
        entry: number(entry)?,
        kind,
        audit_id: number(audit_id)?,
        leaf_hash: bytes(leaf_hash)?,
        data: bytes(data)?,
        event_data,
        event_data_salt: bytes(event_data_salt)?,
        ip_hash,
        ip_hash_salt: bytes(ip_hash_salt)?,
    })
}
