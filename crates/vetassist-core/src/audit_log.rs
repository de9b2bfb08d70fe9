//! The audit log: a transparency log of the audit trail.
//!
//! The trail is sealed as a Merkle tree (RFC 6962) of [`Entry`]s. A [`Checkpoint`] states the tree's size and root;
//! signed, it is a [`note`](open_note). Whoever keeps a signed checkpoint can tell later, by a consistency proof,
//! that every entry is still in its place, and by an inclusion proof show one entry without the others.
//!
//! Nothing here reads a database: the caller brings leaves and proofs.

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
pub use tree::{leaf_hash, node_hash, root, Frontier, Hash, HASH_LEN};

/// The largest tree, and one more than the largest index: what PostgreSQL's `bigint` holds.
pub const MAX_SIZE: u64 = i64::MAX as u64;
