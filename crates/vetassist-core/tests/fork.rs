//! Tests that a forked process never repeats a nonce of its parent.
#![allow(clippy::unwrap_used, missing_docs, unsafe_code)]

use std::{
    collections::HashSet,
    fs::File,
    io::{Read, Write},
    os::fd::FromRawFd,
    sync::atomic::{AtomicU64, Ordering},
};

use vetassist_core::{NoncePool, NONCE_LEN};

/// The number of forks between the first process and this one.
static FORKS: AtomicU64 = AtomicU64::new(0);

extern "C" fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// The number of draws, which needs more than one block.
const DRAWS: usize = 500;

fn draw(pool: &mut NoncePool, epoch: u64) -> Vec<u8> {
    (0..DRAWS).flat_map(|_| *pool.draw(epoch).unwrap().as_bytes()).collect()
}

/// Draws in a child process, which has a copy of the pool, and returns the nonces.
fn draw_in_child(pool: &mut NoncePool, epoch_of: fn() -> u64) -> Vec<u8> {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: the child only draws, writes and leaves; no lock of the parent's is taken.
    match unsafe { libc::fork() } {
        -1 => panic!("fork failed"),
        0 => {
            // SAFETY: ours alone in this process.
            let mut pipe = unsafe { File::from_raw_fd(ends[1]) };
            let wrote = pipe.write_all(&draw(pool, epoch_of()));
            // SAFETY: leaves at once, without what the test harness registered.
            unsafe { libc::_exit(i32::from(wrote.is_err())) };
        }
        child => {
            // SAFETY: the end that only the child writes to.
            drop(unsafe { File::from_raw_fd(ends[1]) });
            let mut drawn = Vec::new();
            // SAFETY: ours alone in this process.
            unsafe { File::from_raw_fd(ends[0]) }.read_to_end(&mut drawn).unwrap();
            let mut status = 0;
            // SAFETY: our child, and room for its status.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0);
            assert_eq!(drawn.len(), DRAWS * NONCE_LEN);
            drawn
        }
    }
}

fn distinct(drawn: &[Vec<u8>]) -> usize {
    drawn.iter().flat_map(|some| some.chunks(NONCE_LEN)).collect::<HashSet<_>>().len()
}

#[test]
fn parent_and_children_share_no_nonce() {
    // SAFETY: the handler adds to an atomic number and nothing else.
    assert_eq!(unsafe { libc::pthread_atfork(None, None, Some(forked)) }, 0);
    let epoch = || FORKS.load(Ordering::Relaxed);
    let mut pool = NoncePool::new();
    // A part of a block is used. A child with the same epoch would repeat the rest.
    let mut drawn = vec![draw(&mut pool, epoch())];
    for _ in 0..4 {
        drawn.push(draw_in_child(&mut pool, epoch));
    }
    drawn.push(draw(&mut pool, epoch()));
    assert_eq!(distinct(&drawn), drawn.len() * DRAWS);
}

#[test]
fn children_with_an_unchanged_epoch_share_nonces() {
    // This shows that the test above can fail.
    let epoch = || 1;
    let mut pool = NoncePool::new();
    let mut drawn = vec![draw(&mut pool, epoch())];
    drawn.push(draw_in_child(&mut pool, epoch));
    drawn.push(draw_in_child(&mut pool, epoch));
    assert!(distinct(&drawn) < drawn.len() * DRAWS);
}
