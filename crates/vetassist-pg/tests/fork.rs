//! Tests that a forked child never uses its parent's ring, or a nonce of its parent.
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

#[allow(unsafe_code)]
#[path = "../src/keyring/forks.rs"]
mod forks;
#[allow(unsafe_code)]
#[path = "../src/keyring/memory.rs"]
mod memory;
#[path = "../src/keyring/place.rs"]
mod place;

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    ptr,
};

use place::Place;
use vetassist_core::Uuid;

const TEXT: &[u8] = b"2222222222222222222222222222222222222222222222222222222222222222";
const TOKEN: &[u8] = b"a token";
const USER: Uuid = Uuid::from_u128(0x1266421b_a944_46cc_bc26_e3e89453b8cd);

fn seal(place: &mut Place) -> Vec<u8> {
    let mut sealed = vec![0; TOKEN.len() + 28];
    place.get().unwrap().seal_token_into(USER, TOKEN, &mut sealed, forks::forks()).unwrap();
    sealed
}

fn opens(place: &mut Place, sealed: &[u8]) -> bool {
    let mut token = vec![0; TOKEN.len()];
    place.get().unwrap().open_token_into(USER, sealed, &mut token) == Ok(0) && token == TOKEN
}

/// Returns bytes of this process's memory.
fn bytes_at(address: usize) -> Vec<u8> {
    // The system reads them, so no Rust reference to wiped memory is needed.
    let mut bytes = vec![1; 32];
    let memory = fs::File::open("/proc/self/mem").unwrap();
    memory.read_exact_at(&mut bytes, address as u64).unwrap();
    bytes
}

/// Checks the ring in a child. Returns the nonce of a token that it seals, if every check passes.
fn child(place: &mut Place, key: usize, is_protected: bool, of_parent: &[u8]) -> Option<[u8; 12]> {
    let is_wiped = bytes_at(key) == [0; 32];
    let is_there = place.get().is_some();
    place.read(TEXT).ok()?;
    let sealed = seal(place);
    let works = opens(place, &sealed) && opens(place, of_parent);
    (is_wiped == is_protected && !is_there && works).then(|| sealed[..12].try_into().ok())?
}

#[test]
#[allow(unsafe_code)]
fn a_forked_child_has_no_ring_until_it_reads_it() {
    forks::count().unwrap();
    for is_protected in [true, false] {
        let mut place = Place::new().unwrap();
        if is_protected {
            place.protect().unwrap();
        }
        assert!(place.get().is_none());
        place.read(TEXT).unwrap();
        let first = seal(&mut place);
        assert!(opens(&mut place, &first));
        let key = ptr::from_ref(place.get().unwrap().ring().current().expose_bytes()) as usize;
        assert_eq!(bytes_at(key), [0x22; 32]);

        let (mut from_child, mut to_parent) = io::pipe().unwrap();
        // SAFETY: the child only runs the next lines, and ends without this process's destructors.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let nonce = child(&mut place, key, is_protected, &first);
            let said = nonce.is_some_and(|nonce| to_parent.write_all(&nonce).is_ok());
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(!said)) };
        }
        assert!(pid > 0);
        drop(to_parent);
        let mut nonce = Vec::new();
        from_child.read_to_end(&mut nonce).unwrap();
        let mut status = 0;
        // SAFETY: waits for our own child.
        assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status}");
        // The parent continues with other nonces.
        let second = seal(&mut place);
        assert!(opens(&mut place, &first) && opens(&mut place, &second));
        assert!(nonce != first[..12] && nonce != second[..12] && first[..12] != second[..12]);
    }
}

#[test]
fn a_replaced_or_cleared_ring_is_wiped() {
    let mut place = Place::new().unwrap();
    place.read(TEXT).unwrap();
    let key = ptr::from_ref(place.get().unwrap().ring().current().expose_bytes()) as usize;
    // Reading a malformed ring wipes the current one.
    assert!(place.read(b"no key").is_err() && place.get().is_none());
    assert_eq!(bytes_at(key), [0; 32]);
    place.read(TEXT).unwrap();
    place.clear();
    assert_eq!(bytes_at(key), [0; 32]);
}
