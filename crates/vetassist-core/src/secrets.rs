//! Recognises secrets by their names and by their values.
//!
//! It catches common mistakes, not every secret. The rules are a table in [`event_data`](crate::event_data).

mod names;
mod pairs;
mod text;
mod values;
mod words;

pub(crate) use names::Name;
pub(crate) use pairs::names_header;
pub(crate) use text::in_text;
pub(crate) use values::{is_harmless_number, is_harmless_text, is_opaque};
