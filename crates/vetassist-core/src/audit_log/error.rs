//! Error enums of the audit log. No variant contains a byte of the refused input.

use core::fmt;

/// Implements `Error`, and `Display` with one text for each variant.
macro_rules! messages {
    ($error:ident { $($variant:ident => $text:literal,)* }) => {
        impl fmt::Display for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $text,)*
                })
            }
        }

        impl core::error::Error for $error {}
    };
}

/// The bytes are not an entry of the log, or an entry cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryError {
    /// The entry does not begin with the name of a known kind.
    Kind,
    /// The entry ends in the middle of a field.
    Truncated,
    /// A field begins with a byte other than 0 and 1.
    Marker,
    /// More bytes follow the last field.
    TrailingBytes,
    /// A field that is never NULL is NULL.
    Null,
    /// A text is not UTF-8.
    NotUtf8,
    /// A number is not written in plain decimal digits, or is out of range.
    Number,
    /// A time is not written in microseconds, or is outside of PostgreSQL's range.
    Time,
    /// A user id is not a lower-case hyphenated UUID.
    UserId,
    /// A hash is not 32 bytes.
    HashLength,
    /// A list of entries is not written as PostgreSQL writes a multirange.
    Ranges,
    /// An origin is not `vetassist/` and a UUID.
    Origin,
    /// This version does not know the reason.
    Reason,
    /// A value is longer than the log takes.
    TooLong,
}

messages!(EntryError {
    Kind => "the entry is of an unknown kind",
    Truncated => "the entry ends in the middle of a field",
    Marker => "a field of the entry begins with a byte other than 0 and 1",
    TrailingBytes => "bytes follow the last field of the entry",
    Null => "a field of the entry is NULL that must not be",
    NotUtf8 => "a text in the entry is not UTF-8",
    Number => "a number in the entry is not written in plain decimal digits, or is out of range",
    Time => "a time in the entry is not in microseconds, or out of range",
    UserId => "a user id in the entry is not a lower-case hyphenated UUID",
    HashLength => "a hash in the entry is not 32 bytes",
    Ranges => "a list of entries is not written as a multirange",
    Origin => "an origin is not vetassist/ and a UUID",
    Reason => "the reason in the entry is unknown",
    TooLong => "a value is too long for the log",
});

/// A text is not a list of entries as PostgreSQL prints an `int8multirange`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangesError;

impl fmt::Display for RangesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a list of entries such as {[0,1),[3,5)}")
    }
}

impl core::error::Error for RangesError {}

/// The requested proof does not exist, or the proof does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofError {
    /// There is no such entry in a tree of this size, or the earlier size is the larger one.
    Range,
    /// The proof has the wrong number of hashes for these sizes.
    Length,
    /// The proof leads to another root.
    Refused,
}

messages!(ProofError {
    Range => "there is no such entry or size in the tree",
    Length => "the proof has the wrong number of hashes",
    Refused => "the proof leads to another root",
});

/// A text is not a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Not three lines, each with a line feed at its end.
    Lines,
    /// The first line is not `vetassist/` and a UUID.
    Origin,
    /// The second line is not a size in plain decimal digits.
    Size,
    /// The third line is not a root hash in padded base64, or the size is 0 and it is not the root of an empty tree.
    Root,
}

messages!(CheckpointError {
    Lines => "a checkpoint has three lines: origin, tree size, root hash",
    Origin => "the checkpoint's origin is not vetassist/ and a UUID",
    Size => "the checkpoint's tree size is not a plain decimal number",
    Root => "the checkpoint's root hash is not 32 bytes in base64, or not that of an empty tree",
});

/// A note was refused, or cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteError {
    /// Longer than [`MAX_NOTE_LEN`](super::MAX_NOTE_LEN).
    TooLong,
    /// Not UTF-8, or has a control character other than a line feed.
    NotText,
    /// Has no blank line with signatures after it, or the text does not end with a line feed.
    NoSignatures,
    /// A line after the blank line is not a signature.
    Signature,
    /// More signatures than [`MAX_SIGNATURES`](super::MAX_SIGNATURES).
    TooManySignatures,
    /// A key's name is empty, or has a space or a `+` in it.
    Name,
    /// A signature of a known key does not verify.
    Refused,
    /// No known key signed the note.
    NotSigned,
    /// The text of the note is not a checkpoint.
    NotACheckpoint,
}

messages!(NoteError {
    TooLong => "the note is longer than 1 MB",
    NotText => "the note is not text, or has control characters in it",
    NoSignatures => "the note has no signatures after a blank line",
    Signature => "a signature line of the note is malformed",
    TooManySignatures => "the note has more than 100 signatures",
    Name => "the name of a key is empty, or has a space or a + in it",
    Refused => "a signature of a known key does not verify",
    NotSigned => "no known key signed the note",
    NotACheckpoint => "the note's text is not a checkpoint",
});

/// A text is not a verifier key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifierKeyError {
    /// Not a name, a key id and a key with `+` between them.
    Parts,
    /// The name is empty, or has a space or a control character in it.
    Name,
    /// The key id is not eight lower-case hexadecimal digits.
    KeyId,
    /// The key is not base64 of an Ed25519 public key.
    Key,
    /// The key id is another key's.
    Mismatch,
}

messages!(VerifierKeyError {
    Parts => "a verifier key is name+id+key",
    Name => "the verifier key's name is empty, or has a space or a control character in it",
    KeyId => "the verifier key's id is not eight lower-case hexadecimal digits",
    Key => "the verifier key does not hold an Ed25519 public key in base64",
    Mismatch => "the verifier key's id does not belong to its name and key",
});
