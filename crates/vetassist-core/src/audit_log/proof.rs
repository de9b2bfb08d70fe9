//! Makes and verifies proofs: RFC 6962, sections 2.1.1 and 2.1.2. Their hashes are in order from the leaf up.

use alloc::vec::Vec;

use super::{
    error::ProofError,
    tree::{node_hash, root, Hash},
};

/// Returns the proof that a leaf is in the tree of all these leaves.
///
/// # Errors
/// [`ProofError::Range`] if there is no such leaf.
pub fn inclusion_proof(leaves: &[Hash], index: usize) -> Result<Vec<Hash>, ProofError> {
    if index >= leaves.len() {
        return Err(ProofError::Range);
    }
    let mut proof = Vec::new();
    let (mut part, mut index) = (leaves, index);
    while part.len() > 1 {
        let (left, right) = part.split_at(split(part.len()));
        if index < left.len() {
            proof.push(root(right));
            part = left;
        } else {
            proof.push(root(left));
            index -= left.len();
            part = right;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Returns the proof that the tree of all these leaves continues the tree of the first `from` leaves.
///
/// The proof is empty if `from` is 0 or the number of all leaves.
///
/// # Errors
/// [`ProofError::Range`] if there are fewer leaves.
pub fn consistency_proof(leaves: &[Hash], from: usize) -> Result<Vec<Hash>, ProofError> {
    if from > leaves.len() {
        return Err(ProofError::Range);
    }
    let mut proof = Vec::new();
    if from == 0 || from == leaves.len() {
        return Ok(proof);
    }
    let (mut part, mut from, mut is_whole) = (leaves, from, true);
    while from != part.len() {
        let (left, right) = part.split_at(split(part.len()));
        if from <= left.len() {
            proof.push(root(right));
            part = left;
        } else {
            proof.push(root(left));
            from -= left.len();
            part = right;
            is_whole = false;
        }
    }
    // If the former tree is one subtree, the verifier has its root already.
    if !is_whole {
        proof.push(root(part));
    }
    proof.reverse();
    Ok(proof)
}

/// Returns the largest power of two below a size of at least 2.
const fn split(size: usize) -> usize {
    1 << (size - 1).ilog2()
}

/// Checks the proof that a leaf is in the tree of this size and root.
///
/// # Errors
/// [`ProofError`] if it does not prove that.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Range);
    }
    let mut path = Path { node: index, last: size - 1 };
    let mut hash = *leaf;
    for other in proof {
        if path.last == 0 {
            return Err(ProofError::Length);
        }
        hash = if path.is_right() {
            path.skip_single();
            node_hash(other, &hash)
        } else {
            node_hash(&hash, other)
        };
        path.rise();
    }
    path.arrived()?;
    equal(&hash, root)
}

/// Checks the proof that the tree of one size and root continues the tree of another.
///
/// Every tree continues the empty one.
///
/// # Errors
/// [`ProofError`] if it does not prove that.
pub fn verify_consistency(
    from_size: u64,
    from_root: &Hash,
    to_size: u64,
    to_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if from_size > to_size {
        return Err(ProofError::Range);
    }
    if from_size == 0 || from_size == to_size {
        if !proof.is_empty() {
            return Err(ProofError::Length);
        }
        let expected = if from_size == 0 { root(&[]) } else { *to_root };
        return equal(from_root, &expected);
    }
    let mut path = Path { node: from_size - 1, last: to_size - 1 };
    while path.node & 1 == 1 {
        path.rise();
    }
    // If the former tree is one subtree, the proof begins at its root.
    let (first, rest) = if path.node == 0 {
        (from_root, proof)
    } else {
        proof.split_first().ok_or(ProofError::Length)?
    };
    let (mut former, mut hash) = (*first, *first);
    for other in rest {
        if path.last == 0 {
            return Err(ProofError::Length);
        }
        if path.is_right() {
            former = node_hash(other, &former);
            hash = node_hash(other, &hash);
            path.skip_single();
        } else {
            hash = node_hash(&hash, other);
        }
        path.rise();
    }
    path.arrived()?;
    equal(&former, from_root)?;
    equal(&hash, to_root)
}

/// The path from a node up to the root, and the last node of each level.
struct Path {
    node: u64,
    last: u64,
}

impl Path {
    /// Returns true if the next hash of the proof belongs to the left.
    const fn is_right(&self) -> bool {
        self.node & 1 == 1 || self.node == self.last
    }

    /// Goes up through the levels in which the node has no sibling.
    const fn skip_single(&mut self) {
        while self.node & 1 == 0 && self.node != 0 {
            self.rise();
        }
    }

    const fn rise(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }

    fn arrived(&self) -> Result<(), ProofError> {
        if self.last == 0 {
            Ok(())
        } else {
            Err(ProofError::Length)
        }
    }
}

fn equal(found: &Hash, expected: &Hash) -> Result<(), ProofError> {
    if found == expected {
        Ok(())
    } else {
        Err(ProofError::Refused)
    }
}
