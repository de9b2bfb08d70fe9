//! The traits that both kinds of keys implement.

/// Implements conversion from a slice, comparison in constant time, and a `Debug` that shows no key. The type must have
/// `bytes` and `from_bytes`.
macro_rules! key_traits {
    ($key:ident) => {
        impl TryFrom<&[u8]> for $key {
            type Error = crate::error::KeyError;

            fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
                let bytes = bytes.try_into().map_err(|_| Self::Error::Length(bytes.len()))?;
                Ok(Self::from_bytes(bytes))
            }
        }

        impl subtle::ConstantTimeEq for $key {
            fn ct_eq(&self, other: &Self) -> subtle::Choice {
                self.bytes.ct_eq(&*other.bytes)
            }
        }

        impl PartialEq for $key {
            fn eq(&self, other: &Self) -> bool {
                subtle::ConstantTimeEq::ct_eq(self, other).into()
            }
        }

        impl Eq for $key {}

        impl core::fmt::Debug for $key {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($key)).finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use key_traits;
