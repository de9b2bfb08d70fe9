//! The audit log: a transparency log of the audit trail.
//!
//! The trail is sealed as a Merkle tree (RFC 6962) of [`Entry`]s. A [`Checkpoint`] states the tree's size and root;
//! signed, it is a [`note`](open_note). Whoever keeps a signed checkpoint can tell later, by a consistency proof,
//! that every entry is still in its place, and by an inclusion proof show one entry without the others.
//!
//! Nothing here reads a database: the caller brings leaves and proofs.
//!
//! ```
//! use vetassist_core::audit_log::*;
//!
//! // What a database was yesterday, signed by whoever watches it, and what it is today.
//! let leaves: Vec<Hash> = [b"first", b"other", b"third"].map(|data| leaf_hash(data)).into();
//! let origin: Origin = "vetassist/0f6c1d9e-5c1c-4a57-9a8e-2b1f6f0f4f11".parse()?;
//! let key = AuditKey::from_bytes(&[1; 32]);
//! let yesterday = Checkpoint { origin, size: 2, root: root(&leaves[..2]) };
//! let note = sign_note(&yesterday.to_string(), &origin.to_string(), &[&key])?;
//! let today = Checkpoint { origin, size: 3, root: root(&leaves) };
//! let proof = consistency_proof(&leaves, 2)?;
//!
//! // Somebody else, who knows the verifier key alone.
//! let known = [key.verifier(&origin.to_string())?];
//! let yesterday = Checkpoint::open(note.as_bytes(), &known)?;
//! verify_consistency(yesterday.size, &yesterday.root, today.size, &today.root, &proof)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoint;
mod entry;
mod error;
mod field;
mod key;
mod note;
mod proof;
mod ranges;
mod tree;

pub use checkpoint::{Checkpoint, Origin};
pub use entry::{Entry, Erasure, Purge, Rehash, Restart, Row, USER_ERASED};
pub use error::{
    CheckpointError, EntryError, NoteError, ProofError, RangesError, VerifierKeyError,
};
pub use field::{commit, Salt, MAX_VALUE_LEN, SALT_LEN};
pub use key::{AuditKey, VerifierKey};
pub use note::{open_note, sign_note, Note, Signature, MAX_NOTE_LEN, MAX_SIGNATURES};
pub use proof::{consistency_proof, inclusion_proof, verify_consistency, verify_inclusion};
pub use ranges::EntryRanges;
pub use tree::{leaf_hash, node_hash, root, Frontier, Hash, HASH_LEN, MAX_SIZE};
