//! The text of a key ring, on its way from where it is kept.

use std::io::{self, Read};

use zeroize::Zeroizing;

/// Its greatest length in bytes: more than 16 keys with long comments need.
pub(super) const MAX_LEN: usize = 64 * 1024;

/// Text with room for one byte more than it may have. It never moves, and is wiped when dropped.
pub(super) struct RingText {
    room: Zeroizing<Vec<u8>>,
    len: usize,
}

impl RingText {
    pub(super) fn new() -> Self {
        Self { room: Zeroizing::new(vec![0; MAX_LEN + 1]), len: 0 }
    }

    /// Reads on, once. Returns how many bytes there were: none at the end, or when it is too long.
    pub(super) fn read_from(&mut self, source: &mut impl Read) -> io::Result<usize> {
        let read = source.read(&mut self.room[self.len..])?;
        self.len += read;
        Ok(read)
    }

    pub(super) fn is_too_long(&self) -> bool {
        self.len > MAX_LEN
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.room[..self.len]
    }
}
