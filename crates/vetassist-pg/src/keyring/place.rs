//! The memory of a process's ring.

use std::io;

use vetassist_core::{RingError, RingSession};

use super::{forks::forks, memory::Locked};

/// The memory of a ring and of every key that is derived from it. It exists until the process ends.
pub(super) struct Place {
    session: Locked<Option<RingSession>>,
    /// The number of forks at the last write.
    forks: u64,
}

impl Place {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { session: Locked::new(None)?, forks: forks() })
    }

    /// Keeps the memory out of swap, core dumps and child processes, see [`Locked::protect`].
    pub(super) fn protect(&self) -> io::Result<()> {
        self.session.protect()
    }

    /// Returns the ring, if this process itself has read one.
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
            // The session is cleared in place: moving a new value there would copy remains of keys from the stack.
            if let Some(session) = self.session.get() {
                session.clear();
            }
        } else {
            // This is a forked child, in which the system has wiped the parent's ring.
            self.session.overwrite(None);
            self.forks = forks();
        }
    }

    /// Reads a ring from text. It wipes the old ring first, even if the text is malformed.
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
