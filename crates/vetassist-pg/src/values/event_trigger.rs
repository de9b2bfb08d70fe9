//! `event_trigger`.

use pgrx::{impl_sql_translatable, pg_sys};

/// The empty result of an event trigger's function.
pub(crate) struct EventTrigger;

impl_sql_translatable!(EventTrigger, "event_trigger");
result!(EventTrigger, EVENT_TRIGGEROID);

impl EventTrigger {
    fn into_raw(self) -> pg_sys::Datum {
        pg_sys::Datum::null()
    }
}
