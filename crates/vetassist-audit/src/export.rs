//! Exports: the whole log as lines of JSON, for verifying it without the database.
//!
//! The first line is `{"log": …}`, then there is one line `{"entry": …}` for each entry from 0 on, one line
//! `{"pending": …}` for each change that is not in the log yet, and at the end `{"end": …}` with both counts. A
//! member that would be NULL is left out. Bytes are padded base64.

mod base64;
mod format;
mod read;
mod write;

pub use format::{EndLine, EntryLine, Line, LogLine, PendingLine, FORMAT};
pub use read::{ExportError, Lines};
pub use write::write;
