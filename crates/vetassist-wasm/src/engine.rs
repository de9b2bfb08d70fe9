//! The state of an instance of the module: the staging buffer, the nonces and the keys.

use alloc::{boxed::Box, vec::Vec};
use core::{fmt, mem, ptr, slice};

use spin::Mutex;
use vetassist_core::{Key, MasterKey, Nonce, NoncePool, RingSession, KEY_LEN, NONCE_LEN, OVERHEAD};
use zeroize::Zeroize;

use crate::{
    runtime::random,
    status::{code, Status},
};

pub(crate) struct Engine {
    pub(crate) stage: Vec<u8>,
    // The pool draws when it is first used, because Cloudflare's workerd refuses randomness at module scope.
    nonces: NoncePool,
    entries: Vec<Option<Entry>>,
}

/// An instance of a module is never forked, so the epoch of its nonces never changes.
pub(crate) const EPOCH: u64 = 0;

/// The value that a handle names. It is boxed, so that no key is moved when the list of entries grows.
pub(crate) enum Entry {
    Key(Box<Key>),
    Master(Box<MasterKey>),
    Ring(Box<RingSession>),
}

impl Entry {
    /// Returns the master keys of a ring, or the one master key.
    pub(crate) fn masters(&self) -> Result<&[MasterKey], Status> {
        match self {
            Self::Master(key) => Ok(slice::from_ref(key)),
            Self::Ring(session) => Ok(session.ring().keys()),
            Self::Key(_) => Err(Status::Bounds),
        }
    }
}

// JavaScript runs one call at a time, so the lock is always free, except after a call that did not end, because the stack of
// JavaScript overflowed in it. Then the state may be inconsistent, and every later call fails. Waiting would never end.
static ENGINE: Mutex<Engine> = Mutex::new(Engine {
    stage: Vec::new(),
    nonces: NoncePool::with_source(random),
    entries: Vec::new(),
});

/// Runs `work` on the engine, and returns its result as one number.
pub(crate) fn run(work: impl FnOnce(&mut Engine) -> Result<usize, Status>) -> i32 {
    code(ENGINE.try_lock().ok_or(Status::Interrupted).and_then(|mut engine| work(&mut engine)))
}

/// Makes the staging buffer at least `len` bytes long, and returns its address.
///
/// Returns null if there is not enough memory; the buffer is then unchanged.
#[no_mangle]
pub extern "C" fn stage(len: usize) -> *mut u8 {
    let Some(mut engine) = ENGINE.try_lock() else { return ptr::null_mut() };
    if engine.stage.len() < len {
        let mut larger = Vec::new();
        if larger.try_reserve_exact(len).is_err() {
            return ptr::null_mut();
        }
        larger.resize(len, 0);
        engine.stage.zeroize();
        engine.stage = larger;
    }
    engine.stage.as_mut_ptr()
}

/// Frees the staging buffer, after a call with large values.
#[no_mangle]
pub extern "C" fn unstage() {
    if let Some(mut engine) = ENGINE.try_lock() {
        engine.stage = Vec::new();
    }
}

/// Stages a nonce, for a seal with the runtime's own AES-GCM.
#[no_mangle]
pub extern "C" fn draw_nonce() -> i32 {
    run(|engine| {
        let nonce = engine.nonce()?;
        engine.put(nonce.as_bytes())
    })
}

/// Stages the 32 bytes of a new key.
#[no_mangle]
pub extern "C" fn generate_key() -> i32 {
    run(|engine| {
        let key = engine.staged(KEY_LEN)?;
        random(key).map_err(|_| Status::Random)?;
        Ok(KEY_LEN)
    })
}

/// Wipes and removes the value that the handle names. The handle is used again for another value.
#[no_mangle]
pub extern "C" fn release(handle: usize) {
    let Some(mut engine) = ENGINE.try_lock() else { return };
    if let Some(entry) = engine.entries.get_mut(handle.wrapping_sub(1)) {
        *entry = None;
    }
}

impl Engine {
    /// Draws the next nonce.
    pub(crate) fn nonce(&mut self) -> Result<Nonce, Status> {
        self.nonces.draw(EPOCH).map_err(|_| Status::Random)
    }

    /// Returns the first `len` staged bytes.
    pub(crate) fn staged(&mut self, len: usize) -> Result<&mut [u8], Status> {
        self.stage.get_mut(..len).ok_or(Status::Bounds)
    }

    /// Stages a result.
    pub(crate) fn put(&mut self, result: &[u8]) -> Result<usize, Status> {
        self.staged(result.len())?.copy_from_slice(result);
        Ok(result.len())
    }

    /// Stores a value and returns a handle to it, which is its position from 1.
    pub(crate) fn keep(&mut self, entry: Entry) -> usize {
        let free = self.entries.iter().position(Option::is_none).unwrap_or_else(|| {
            self.entries.push(None);
            self.entries.len() - 1
        });
        self.entries[free] = Some(entry);
        free + 1
    }

    /// Returns the value that the handle names, and two parts of the staged bytes: `head_len` bytes and then `len` bytes.
    pub(crate) fn entry(
        &mut self,
        handle: usize,
        head_len: usize,
        len: Option<usize>,
    ) -> Result<(&mut Entry, &[u8], &mut [u8]), Status> {
        let (head, rest) = self.stage.split_at_mut_checked(head_len).ok_or(Status::Bounds)?;
        let body = len.and_then(|len| rest.get_mut(..len)).ok_or(Status::Bounds)?;
        let entry = self.entries.get_mut(handle.wrapping_sub(1)).and_then(Option::as_mut);
        Ok((entry.ok_or(Status::Bounds)?, head, body))
    }

    /// Returns the master keys of the ring that the handle names, or the one master key.
    pub(crate) fn masters(&self, handle: usize) -> Result<&[MasterKey], Status> {
        match self.entries.get(handle.wrapping_sub(1)) {
            Some(Some(entry)) => entry.masters(),
            _ => Err(Status::Bounds),
        }
    }

    /// Stages a message and a zero byte after it. A message that is too long for the buffer is cut off.
    pub(crate) fn put_message(&mut self, message: &dyn fmt::Display) {
        struct Tail<'a>(&'a mut [u8]);

        impl fmt::Write for Tail<'_> {
            fn write_str(&mut self, part: &str) -> fmt::Result {
                let (head, tail) =
                    mem::take(&mut self.0).split_at_mut_checked(part.len()).ok_or(fmt::Error)?;
                head.copy_from_slice(part.as_bytes());
                self.0 = tail;
                Ok(())
            }
        }

        self.stage.fill(0);
        let _ = fmt::write(&mut Tail(&mut self.stage), format_args!("{message}"));
    }
}

// The facade uses these numbers when it fills the staging buffer.
const _: () = assert!(KEY_LEN == 32 && NONCE_LEN == 12 && OVERHEAD == 28);
