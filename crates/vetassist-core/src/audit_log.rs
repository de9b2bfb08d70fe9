//! The audit log: a transparency log of the audit trail.
//!
//! The trail is sealed as a Merkle tree (RFC 6962) of [`Entry`]s. A [`Checkpoint`] states the tree's size and root;
//! a signed checkpoint is a [`note`](open_note). A consistency proof shows that every entry before a kept checkpoint is
//! still in its place. An inclusion proof shows one entry without the others.
//!
//! This module does not read a database: the caller passes leaves and proofs.
//!
//! ```
//! use vetassist_core::audit_log::*;
//!
//! // The log of yesterday, signed by a watcher, and the log of today.
//! let leaves: Vec<Hash> = [b"first", b"other", b"third"].map(|data| leaf_hash(data)).into();
//! let origin: Origin = "vetassist/0f6c1d9e-5c1c-4a57-9a8e-2b1f6f0f4f11".parse()?;
//! let key = AuditKey::from_bytes(&[1; 32]);
//! let yesterday = Checkpoint { origin, size: 2, root: root(&leaves[..2]) };
//! let note = sign_note(&yesterday.to_string(), &origin.to_string(), &[&key])?;
//! let today = Checkpoint { origin, size: 3, root: root(&leaves) };
//! let proof = consistency_proof(&leaves, 2)?;
//!
//! // A verifier needs only the verifier key.
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
