//! Merkle trees: RFC 6962, section 2.1.

use alloc::vec::Vec;
use core::{array::TryFromSliceError, fmt};

use sha2::{Digest, Sha256};

/// Length of a hash in bytes.
pub const HASH_LEN: usize = 32;

/// The size of the largest tree, which is the largest `bigint` of PostgreSQL.
pub const MAX_SIZE: u64 = i64::MAX as u64;

const LEAF: [u8; 1] = [0];
const NODE: [u8; 1] = [1];

/// A SHA-256 hash: of a leaf, a node, a root, or a commitment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; HASH_LEN]);

impl Hash {
    /// Returns the hash's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_LEN] {
        &self.0
    }
}

impl From<[u8; HASH_LEN]> for Hash {
    fn from(bytes: [u8; HASH_LEN]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, TryFromSliceError> {
        bytes.try_into().map(Self)
    }
}

impl fmt::Display for Hash {
    /// Writes lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

fn finish(hash: Sha256) -> Hash {
    Hash(hash.finalize().into())
}

/// Returns the hash of a leaf with this data.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Hash {
    finish(Sha256::new_with_prefix(LEAF).chain_update(data))
}

/// Returns the hash of a node with these two children.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    finish(Sha256::new_with_prefix(NODE).chain_update(left.0).chain_update(right.0))
}

/// Returns the root of the tree of these leaves, given by their hashes.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

/// A tree that only grows. It keeps the roots of its complete subtrees, from which its own root is computed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One for each bit that is set in `size`, the largest first.
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// Returns the empty tree.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, subtrees: Vec::new() }
    }

    /// Appends a leaf, given by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        // Each carried bit completes a subtree.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.subtrees.push(node);
        self.size += 1;
    }

    /// Returns the number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut subtrees = self.subtrees.iter().rev();
        match subtrees.next() {
            None => finish(Sha256::new()),
            Some(last) => subtrees.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}
