//! `timestamptz`.

use pgrx::{
    callconv::{Arg, ArgAbi},
    impl_sql_translatable, pg_sys, IntoDatum,
};

/// A `timestamptz` as it is, to be handed to a statement.
#[derive(Clone, Copy)]
pub(crate) struct Instant(pg_sys::TimestampTz);

impl_sql_translatable!(Instant, arg_only = "timestamp with time zone");

// SAFETY: a timestamptz is passed by value.
unsafe impl<'fcx> ArgAbi<'fcx> for Instant {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the function's declaration says what it is, and whoever may be NULL is an option.
        Self(unsafe { arg.unbox_arg_using_from_datum() }.unwrap_or_default())
    }
}

impl IntoDatum for Instant {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        self.0.into_datum()
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::TIMESTAMPTZOID
    }
}

impl Instant {
    /// What `now()` is.
    pub(crate) fn of_transaction() -> Self {
        // SAFETY: reads a variable of this process.
        Self(unsafe { pg_sys::GetCurrentTransactionStartTimestamp() })
    }
}
