//! Tests properties of every tree, entry and note, and of damaged ones.
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use vetassist_core::{
    audit_log::{
        commit, consistency_proof, inclusion_proof, leaf_hash, node_hash, open_note, root,
        sign_note, verify_consistency, verify_inclusion, AuditKey, Entry, EntryRanges, Erasure,
        Frontier, Hash, Origin, Purge, Rehash, Restart, Row, HASH_LEN, MAX_SIZE,
    },
    Timestamp, Uuid,
};

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect()
}

fn number(size: usize) -> u64 {
    size.try_into().unwrap()
}

/// Returns the root as RFC 6962 defines it.
fn root_by_definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => root(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&root_by_definition(left), &root_by_definition(right))
        }
    }
}

fn flip(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8 % HASH_LEN] ^= 1 << (bit % 8);
    bytes.into()
}

#[test]
fn every_proof_of_small_trees_verifies_only_its_own_claim() {
    let all = leaves(40);
    let roots: Vec<Hash> = (0..=all.len()).map(|size| root(&all[..size])).collect();
    for to in 0..=all.len() {
        for index in 0..to {
            let proof = inclusion_proof(&all[..to], index).unwrap();
            for other in 0..to {
                let verified =
                    verify_inclusion(&all[index], number(other), number(to), &proof, &roots[to]);
                assert_eq!(verified.is_ok(), other == index, "{index}, {other} in {to}");
            }
        }
        for from in 0..=to {
            let proof = consistency_proof(&all[..to], from).unwrap();
            for other in 0..=to {
                let verified = verify_consistency(
                    number(other),
                    &roots[other],
                    number(to),
                    &roots[to],
                    &proof,
                );
                // The proofs from size 0 and from the whole size are empty.
                let is_alike = proof.is_empty() && (other == 0 || other == to);
                assert_eq!(verified.is_ok(), other == from || is_alike, "{from}, {other} to {to}");
            }
        }
    }
}

proptest! {
    #[test]
    fn a_growing_tree_has_the_root_of_rfc_6962(size in 0_usize..600) {
        let leaves = leaves(size);
        let mut frontier = Frontier::new();
        leaves.iter().for_each(|leaf| frontier.push(*leaf));
        prop_assert_eq!(frontier.size(), number(size));
        prop_assert_eq!(frontier.root(), root_by_definition(&leaves));
    }

    #[test]
    fn damaged_inclusion_proofs_are_refused(
        (size, index) in (1_usize..600).prop_flat_map(|size| (Just(size), 0..size)),
        place: prop::sample::Index,
        bit in 0_usize..256,
        extra: [u8; HASH_LEN],
    ) {
        let leaves = leaves(size);
        let root = root(&leaves);
        let proof = inclusion_proof(&leaves, index).unwrap();
        let verifies = |leaf: &Hash, proof: &[Hash], root: &Hash| {
            verify_inclusion(leaf, number(index), number(size), proof, root).is_ok()
        };
        prop_assert!(verifies(&leaves[index], &proof, &root));
        prop_assert!(!verifies(&flip(&leaves[index], bit), &proof, &root));
        prop_assert!(!verifies(&leaves[index], &proof, &flip(&root, bit)));
        prop_assert!(!verifies(&leaves[index], &[&proof[..], &[extra.into()]].concat(), &root));
        if !proof.is_empty() {
            let mut flipped = proof.clone();
            let place = place.index(proof.len());
            flipped[place] = flip(&proof[place], bit);
            prop_assert!(!verifies(&leaves[index], &flipped, &root));
            prop_assert!(!verifies(&leaves[index], &proof[1..], &root));
            prop_assert!(!verifies(&leaves[index], &proof[..proof.len() - 1], &root));
        }
    }

    #[test]
    fn damaged_consistency_proofs_are_refused(
        (to, from) in (1_usize..600).prop_flat_map(|to| (Just(to), 0..=to)),
        place: prop::sample::Index,
        bit in 0_usize..256,
        extra: [u8; HASH_LEN],
    ) {
        let leaves = leaves(to);
        let (old, new) = (root(&leaves[..from]), root(&leaves));
        let proof = consistency_proof(&leaves, from).unwrap();
        let verifies = |old: &Hash, new: &Hash, proof: &[Hash]| {
            verify_consistency(number(from), old, number(to), new, proof).is_ok()
        };
        prop_assert!(verifies(&old, &new, &proof));
        prop_assert!(!verifies(&flip(&old, bit), &new, &proof));
        // Every tree continues the empty one.
        prop_assert_eq!(verifies(&old, &flip(&new, bit), &proof), from == 0);
        prop_assert!(!verifies(&old, &new, &[&proof[..], &[extra.into()]].concat()));
        if !proof.is_empty() {
            let mut flipped = proof.clone();
            let place = place.index(proof.len());
            flipped[place] = flip(&proof[place], bit);
            prop_assert!(!verifies(&old, &new, &flipped));
            prop_assert!(!verifies(&old, &new, &proof[1..]));
        }
    }

    #[test]
    fn entries_are_read_as_they_were_written(entry in entries()) {
        let data = entry.encode().unwrap();
        prop_assert_eq!(Entry::decode(&data).unwrap(), entry);
    }

    #[test]
    fn an_entry_has_only_one_encoding(entry in entries(), at: prop::sample::Index, byte: u8) {
        let mut data = entry.encode().unwrap();
        let at = at.index(data.len());
        data[at] = byte;
        if let Ok(read) = Entry::decode(&data) {
            prop_assert_eq!(read.encode().unwrap(), data);
        }
    }

    #[test]
    fn ranges_of_entries_hold_exactly_their_entries(
        entries in prop::collection::btree_set(prop_oneof![0..50_u64, 0..MAX_SIZE], 0..40),
        other in 0..60_u64,
    ) {
        let ranges: EntryRanges = entries.iter().rev().copied().collect();
        prop_assert_eq!(ranges.to_string().parse(), Ok(ranges.clone()));
        prop_assert_eq!(ranges.count(), number(entries.len()));
        prop_assert_eq!(ranges.last(), entries.last().copied());
        prop_assert!(entries.iter().all(|entry| ranges.contains(*entry)));
        prop_assert_eq!(ranges.contains(other), entries.contains(&other));
    }

    #[test]
    fn commitments_bind_value_and_salt(
        salt: [u8; 16], other_salt: [u8; 16], value: Option<String>, other: Option<String>,
    ) {
        let same = (&salt, &value) == (&other_salt, &other);
        let found = commit(&salt, value.as_deref()) == commit(&other_salt, other.as_deref());
        prop_assert_eq!(found, same);
    }

    #[test]
    fn signed_text_opens_and_damaged_notes_do_not(
        seed: [u8; 32], text in "([^\\x00-\\x1f]|\n){0,300}", at: prop::sample::Index, bit in 0..8_u8,
    ) {
        let key = AuditKey::from_bytes(&seed);
        let known = [key.verifier("log").unwrap()];
        let text = format!("{text}\n");
        let note = sign_note(&text, "log", &[&key]).unwrap().into_bytes();
        prop_assert_eq!(open_note(&note, &known).unwrap().text(), text);
        let mut damaged = note.clone();
        damaged[at.index(note.len())] ^= 1 << bit;
        prop_assert!(open_note(&damaged, &known).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Entry::decode(&bytes).is_err());
        prop_assert!(open_note(&bytes, &[]).is_err());
    }
}

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; HASH_LEN]>().prop_map(Hash::from)
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        any::<i64>().prop_filter_map("out of range", Timestamp::from_unix_micros),
        Just(Timestamp::INFINITY),
        Just(Timestamp::NEG_INFINITY),
        Just(Timestamp::MAX),
        Just(Timestamp::MIN),
    ]
}

fn ranges() -> impl Strategy<Value = EntryRanges> {
    prop::collection::vec(prop_oneof![0..30_u64, 0..MAX_SIZE], 0..20)
        .prop_map(|entries| entries.into_iter().collect())
}

fn entries() -> impl Strategy<Value = Entry> {
    let user_id = prop::option::of(any::<u128>().prop_map(Uuid::from_u128));
    prop_oneof![
        (any::<i64>(), user_id, any::<String>(), prop::option::of(time()), hash(), hash())
            .prop_map(|(id, user_id, event_type, created_at, event_data, ip_hash)| {
                Entry::Row(Row { id, user_id, event_type, created_at, event_data, ip_hash })
            }),
        (ranges(), any::<String>(), time()).prop_map(|(rows, session_user, at)| {
            Entry::Erasure(Erasure { rows, session_user, at })
        }),
        (0..MAX_SIZE, hash()).prop_map(|(row, ip_hash)| Entry::Rehash(Rehash { row, ip_hash })),
        (time(), ranges(), any::<String>(), time()).prop_map(|(cutoff, rows, session_user, at)| {
            Entry::Purge(Purge { cutoff, rows, session_user, at })
        }),
        (any::<String>(), any::<u128>(), 0..=MAX_SIZE, hash()).prop_map(
            |(reason, origin, size, root)| {
                let origin = Origin::new(Uuid::from_u128(origin));
                Entry::Restart(Restart { reason, origin, size, root })
            }
        ),
    ]
}
