//! The code that every type of these modules needs to cross between SQL and Rust.

/// Lets PostgreSQL return a type from a function and pass it to a statement. The type has `into_raw`, which makes a datum
/// of it, in the memory context of the call.
macro_rules! result {
    ($type:ty, $oid:ident) => {
        impl pgrx::IntoDatum for $type {
            #[inline]
            fn into_datum(self) -> Option<pgrx::pg_sys::Datum> {
                Some(self.into_raw())
            }

            fn type_oid() -> pgrx::pg_sys::Oid {
                pgrx::pg_sys::$oid
            }
        }

        // SAFETY: the datum is one of the type that the function is declared to return, which a test compares.
        #[allow(unsafe_code)]
        unsafe impl pgrx::callconv::BoxRet for $type {
            #[inline]
            unsafe fn box_into<'fcx>(
                self,
                fcinfo: &mut pgrx::callconv::FcInfo<'fcx>,
            ) -> pgrx::datum::Datum<'fcx> {
                // SAFETY: the type is the declared one, and the datum is not NULL.
                unsafe { fcinfo.return_raw_datum(self.into_raw()) }
            }
        }
    };
}

/// Lets PostgreSQL pass a type to a function and return it from a statement, and what [`result`] does. `$from` makes one of
/// a datum of the SQL type; it is unsafe code, to which PostgreSQL's promise is that the datum is one. It may borrow what
/// the datum points to for as long as the call. The type is given once as it is anywhere, and once with the lifetime of a
/// call.
macro_rules! argument {
    ($type:ty, $of_call:ty, $sql:literal, $oid:ident, $from:expr) => {
        pgrx::impl_sql_translatable!($type, $sql);

        impl pgrx::FromDatum for $type {
            #[allow(unsafe_code)]
            #[inline(always)]
            unsafe fn from_polymorphic_datum(
                datum: pgrx::pg_sys::Datum,
                is_null: bool,
                _: pgrx::pg_sys::Oid,
            ) -> Option<Self> {
                if is_null {
                    return None;
                }
                // SAFETY: the caller promises that it is a datum of this type.
                Some(unsafe { $from(datum) })
            }
        }

        // SAFETY: the declaration in SQL says that the argument is of this type, which a test compares. Where it may be
        // NULL the function takes an option, for which pgrx asks first.
        #[allow(unsafe_code)]
        unsafe impl<'fcx> pgrx::callconv::ArgAbi<'fcx> for $of_call {
            #[inline(always)]
            unsafe fn unbox_arg_unchecked(arg: pgrx::callconv::Arg<'_, 'fcx>) -> Self {
                // SAFETY: the argument is of the type that is declared.
                let argument: Option<Self> = unsafe { arg.unbox_arg_using_from_datum() };
                argument
                    .unwrap_or_else(|| panic!("a function that must not be called with NULL was"))
            }
        }

        result!($type, $oid);
    };
}
