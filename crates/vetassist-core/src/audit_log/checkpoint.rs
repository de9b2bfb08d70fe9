//! Checkpoints: the body of a C2SP tlog-checkpoint.

use core::{fmt, str::FromStr};

use base64ct::{Base64, Encoding};
use uuid::Uuid;

use super::{
    error::{CheckpointError, NoteError},
    key::VerifierKey,
    note::open_note,
    ranges::plain_number,
    tree::{root, Hash, HASH_LEN},
};

const ORIGIN: &str = "vetassist/";

/// The name of one log: `vetassist/` and a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(Uuid);

impl Origin {
    /// Returns the origin with this UUID.
    #[must_use]
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ORIGIN}{}", self.0.hyphenated())
    }
}

impl FromStr for Origin {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let uuid = text.strip_prefix(ORIGIN).ok_or(CheckpointError::Origin)?;
        let id = Uuid::try_parse(uuid).map_err(|_| CheckpointError::Origin)?;
        let mut lower = Uuid::encode_buffer();
        if *id.hyphenated().encode_lower(&mut lower) == *uuid {
            Ok(Self(id))
        } else {
            Err(CheckpointError::Origin)
        }
    }
}

/// The state of a log at one moment: its origin, size and root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log.
    pub origin: Origin,
    /// The number of its entries.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads a checkpoint from a note that one of these keys signed. The name of the key must be the checkpoint's origin.
    ///
    /// # Errors
    /// [`NoteError`] if the note is refused, its text is not a checkpoint, or only keys of other logs signed it.
    pub fn open(note: &[u8], keys: &[VerifierKey]) -> Result<Self, NoteError> {
        let note = open_note(note, keys)?;
        let checkpoint: Self = note.text().parse().map_err(|_| NoteError::NotACheckpoint)?;
        let origin = checkpoint.origin;
        let signed = note
            .signatures()
            .iter()
            .any(|signature| signature.name().parse::<Origin>().is_ok_and(|name| name == origin));
        if signed {
            Ok(checkpoint)
        } else {
            Err(NoteError::NotSigned)
        }
    }
}

impl fmt::Display for Checkpoint {
    /// Writes the three lines, each with a line feed at its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, size, root } = self;
        writeln!(f, "{origin}\n{size}\n{}", Base64::encode_string(root.as_bytes()))
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.split('\n');
        let mut line = || lines.next().ok_or(CheckpointError::Lines);
        let (origin, size, hash) = (line()?, line()?, line()?);
        // The third line feed ends the text.
        if lines.next() != Some("") || lines.next().is_some() {
            return Err(CheckpointError::Lines);
        }
        let origin = origin.parse()?;
        let size = plain_number(size).ok_or(CheckpointError::Size)?;
        let mut bytes = [0; HASH_LEN];
        let decoded = Base64::decode(hash, &mut bytes).map_err(|_| CheckpointError::Root)?;
        let checkpoint = Self {
            origin,
            size,
            root: Hash::try_from(decoded).map_err(|_| CheckpointError::Root)?,
        };
        if size == 0 && checkpoint.root != root(&[]) {
            return Err(CheckpointError::Root);
        }
        Ok(checkpoint)
    }
}
