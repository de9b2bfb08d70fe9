//! The status of a failed call.

use vetassist_core::{OpenError, SealError};

/// The reason why a call failed. The facade has the same numbers, each with its `code` and message.
#[derive(Clone, Copy, Debug)]
#[repr(i32)]
pub(crate) enum Status {
    /// The facade passed a length above that of the staging buffer, or an invalid handle: a bug in the package.
    Bounds = -1,
    Key = -2,
    Uuid = -3,
    Address = -4,
    IpHash = -5,
    /// The staging buffer begins with a message that ends with a zero byte.
    Ring = -6,
    TooShort = -7,
    Refused = -8,
    TooLarge = -9,
    Random = -10,
    /// An earlier call did not end.
    Interrupted = -11,
}

impl From<SealError> for Status {
    fn from(error: SealError) -> Self {
        match error {
            SealError::TooLong => Self::TooLarge,
            SealError::Random(_) => Self::Random,
            _ => Self::Bounds,
        }
    }
}

impl From<OpenError> for Status {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::TooShort(_) => Self::TooShort,
            OpenError::Refused => Self::Refused,
            _ => Self::Bounds,
        }
    }
}

/// Returns a length, a handle or a status as one number.
pub(crate) fn code(result: Result<usize, Status>) -> i32 {
    match result {
        Ok(number) => i32::try_from(number).unwrap_or(Status::TooLarge as i32),
        Err(status) => status as i32,
    }
}
