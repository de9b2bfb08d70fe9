//! The text of a key ring, as it is read from its source.

use std::io::{self, Read};

use zeroize::Zeroizing;

/// The greatest length of the text in bytes, which is enough for 16 keys with long comments.
pub(super) const MAX_LEN: usize = 64 * 1024;

/// A buffer of one byte more than the greatest length, so that a longer text is noticed. It never moves, and is wiped when
/// it is dropped.
pub(super) struct RingText {
    room: Zeroizing<Vec<u8>>,
    len: usize,
}

impl RingText {
    pub(super) fn new() -> Self {
        Self { room: Zeroizing::new(vec![0; MAX_LEN + 1]), len: 0 }
    }

    /// Reads once more from the source. Returns the number of bytes read, which is 0 at the end or when the buffer is full.
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
