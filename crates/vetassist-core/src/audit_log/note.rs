//! Signed notes: C2SP's signed-note.

use alloc::{string::String, vec::Vec};
use core::str;

use base64ct::{Base64, Encoding};

use super::{
    error::NoteError,
    key::{hex_id, is_name, AuditKey, KeyId, VerifierKey},
};

/// The longest note that is read: 1 MB.
pub const MAX_NOTE_LEN: usize = 1_000_000;
/// The most signatures that a note may have.
pub const MAX_SIGNATURES: usize = 100;

/// The beginning of a signature's line: an em dash and a space.
const SIGNATURE: &str = "\u{2014} ";

/// The text of a note, and the known keys that signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    text: &'a str,
    signatures: Vec<Signature<'a>>,
}

impl<'a> Note<'a> {
    /// Returns the text, with the line feed at its end.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// Returns the verified signatures of known keys. There is at least one.
    #[must_use]
    pub fn signatures(&self) -> &[Signature<'a>] {
        &self.signatures
    }
}

/// The key that signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    name: &'a str,
    id: KeyId,
}

impl<'a> Signature<'a> {
    /// Returns the key's name.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// Returns the key's id: eight hexadecimal digits.
    #[must_use]
    pub fn key_id(&self) -> String {
        hex_id(&self.id)
    }
}

/// Opens a note: splits it at its last blank line and verifies its signatures.
///
/// Signatures of keys that are not known are ignored.
///
/// # Errors
/// [`NoteError`] if it is not a note, no known key signed it, or a signature of a known key does not verify.
pub fn open_note<'a>(note: &'a [u8], known: &[VerifierKey]) -> Result<Note<'a>, NoteError> {
    if note.len() > MAX_NOTE_LEN {
        return Err(NoteError::TooLong);
    }
    let note = str::from_utf8(note).map_err(|_| NoteError::NotText)?;
    if note.bytes().any(is_control) {
        return Err(NoteError::NotText);
    }
    let blank = note.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
    let (text, lines) = (&note[..=blank], &note[blank + 2..]);
    let lines = lines.strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
    let mut signatures = Vec::new();
    for (place, line) in lines.split('\n').enumerate() {
        if place == MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        let (name, id, bytes) = read_signature(line).ok_or(NoteError::Signature)?;
        let signature = Signature { name, id };
        for key in known.iter().filter(|key| key.name() == name && *key.id_bytes() == id) {
            if !key.verify(text, &bytes) {
                return Err(NoteError::Refused);
            }
            if !signatures.contains(&signature) {
                signatures.push(signature);
            }
        }
    }
    if signatures.is_empty() {
        return Err(NoteError::NotSigned);
    }
    Ok(Note { text, signatures })
}

/// Returns the key's name, its id and the signature.
fn read_signature(line: &str) -> Option<(&str, KeyId, Vec<u8>)> {
    let (name, base64) = line.strip_prefix(SIGNATURE)?.split_once(' ')?;
    let bytes = Base64::decode_vec(base64).ok()?;
    let (id, signature) = bytes.split_first_chunk()?;
    (is_name(name) && !signature.is_empty()).then(|| (name, *id, signature.to_vec()))
}

/// Signs a text with each of the keys, under one name. For checkpoints the name is the log's origin.
///
/// While a key is rotated, sign with both the old and the new key.
///
/// # Errors
/// [`NoteError`] if the text or the name cannot be in a note, or there are no keys or too many.
pub fn sign_note(text: &str, name: &str, keys: &[&AuditKey]) -> Result<String, NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::NoSignatures);
    } else if text.bytes().any(is_control) {
        return Err(NoteError::NotText);
    } else if keys.is_empty() {
        return Err(NoteError::NotSigned);
    } else if keys.len() > MAX_SIGNATURES {
        return Err(NoteError::TooManySignatures);
    }
    let mut note = String::from(text);
    note.push('\n');
    for key in keys {
        let verifier = key.verifier(name).map_err(|_| NoteError::Name)?;
        let mut bytes = verifier.id_bytes().to_vec();
        bytes.extend_from_slice(&key.sign(text));
        for part in [SIGNATURE, name, " ", &Base64::encode_string(&bytes), "\n"] {
            note.push_str(part);
        }
    }
    if note.len() > MAX_NOTE_LEN {
        return Err(NoteError::TooLong);
    }
    Ok(note)
}

/// Returns true for a control character that a note must not have.
const fn is_control(byte: u8) -> bool {
    byte < b' ' && byte != b'\n'
}
