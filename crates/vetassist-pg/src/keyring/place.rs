//! Holds a process's ring.

use std::io;

use vetassist_core::{RingError, RingSession};

use super::{forks::forks, memory::Locked};

/// The memory of a ring and of every key that is derived from it. It stays for as long as the process does.
pub(super) struct Place {
    session: Locked<Option<RingSession>>,
    /// The number of forks when it was last written to.
    forks: u64,
}

impl Place {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { session: Locked::new(None)?, forks: forks() })
    }

    /// Keeps it out of swap, core dumps and children, see [`Locked::protect`].
    pub(super) fn protect(&self) -> io::Result<()> {
        self.session.protect()
    }

    /// Returns the ring, if one was read by this very process.
    #[inline(always)]
    pub(super) fn get(&mut self) -> Option<&mut RingSession> {
        if self.forks == forks() {
            self.session.get().as_mut().filter(|session| session.has_ring())
        } else {
            None
        }
    }

    /// Wipes the ring, if there is one.
    pub(super) fn clear(&mut self) {
        if self.forks == forks() {
            // In place: what is written there as a whole takes along what keys left on the stack.
            if let Some(session) = self.session.get() {
                session.clear();
            }
        } else {
            // This is a child, and its parent's ring was wiped for it.
            self.session.overwrite(None);
            self.forks = forks();
        }
    }

    /// Reads a ring from text. The one that was there goes first, also where the text is none.
    pub(super) fn read(&mut self, text: &[u8]) -> Result<(), RingError> {
        self.clear();
        RingSession::read_into(self.session.get(), text).map(|_| ())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.clear();
    }
}
