//! Macros that implement pgrx's traits for the types of these modules.

/// Makes a type usable as the result of a function and as the parameter of a statement. The type has `into_raw`, which makes
/// a datum of it, in the memory context of the call.
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

        // SAFETY: the datum has the type that the function is declared to return. A test compares the declarations.
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

/// Makes a type usable as the argument of a function and as the result of a statement, and does the same as [`result`].
/// `$from` is unsafe code that makes a value of a datum; PostgreSQL guarantees that the datum has the SQL type. The value
/// may borrow from the datum until the call ends. `$type` is the type with any lifetime, `$of_call` is the type with the
/// lifetime of a call.
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
                // SAFETY: the caller guarantees that the datum has this type.
                Some(unsafe { $from(datum) })
            }
        }

        // SAFETY: the declaration in SQL gives the argument this type, which a test compares. If the argument may be NULL,
        // the function takes an option, and pgrx checks for NULL first.
        #[allow(unsafe_code)]
        unsafe impl<'fcx> pgrx::callconv::ArgAbi<'fcx> for $of_call {
            #[inline(always)]
            unsafe fn unbox_arg_unchecked(arg: pgrx::callconv::Arg<'_, 'fcx>) -> Self {
                // SAFETY: the argument has the declared type.
                let argument: Option<Self> = unsafe { arg.unbox_arg_using_from_datum() };
                argument.unwrap_or_else(|| panic!("a strict function was called with NULL"))
            }
        }

        result!($type, $oid);
    };
}
