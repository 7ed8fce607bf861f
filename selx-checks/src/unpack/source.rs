//! Packed bytes on their way from a reader to a decoder.

use std::io::{ErrorKind, Read};

use super::Fault;

/// How much is read at once.
const ROOM: usize = 256 << 10;
/// Where reads go begins at a multiple of this: to other places some processors copy at less than half the speed.
pub(crate) const ALIGNED: usize = 64;

/// A reader with a window on its next bytes, that knows how many were used.
pub(super) struct Source<R> {
    reader: R,
    room: Vec<u8>,
    start: usize,
    from: usize,
    to: usize,
    used: u64,
    ended: bool,
}

impl<R: Read> Source<R> {
    pub(super) fn new(reader: R) -> Self {
        let room = vec![0; ROOM + ALIGNED];
        let start = room.as_ptr().align_offset(ALIGNED).min(ALIGNED);
        Self { reader, room, start, from: start, to: start, used: 0, ended: false }
    }

    /// Returns how many bytes were used.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// Returns what is at hand.
    pub(super) fn at_hand(&self) -> &[u8] {
        self.room.get(self.from..self.to).unwrap_or_default()
    }

    /// Returns what is at hand, at least this many bytes of it unless there are no more; at most 64 KiB are asked for.
    pub(super) fn want(&mut self, bytes: usize) -> Result<&[u8], Fault> {
        while self.to - self.from < bytes && !self.ended {
            self.fill()?;
        }
        Ok(self.at_hand())
    }

    /// Returns some bytes, none only at the end.
    pub(super) fn some(&mut self) -> Result<&[u8], Fault> {
        self.want(1)
    }

    /// Marks bytes at hand as used.
    pub(super) fn advance(&mut self, bytes: usize) {
        let bytes = bytes.min(self.to - self.from);
        self.from += bytes;
        self.used += bytes as u64;
    }

    /// Gives bytes away as they are, none only at the end.
    pub(super) fn read(&mut self, to: &mut [u8]) -> Result<usize, Fault> {
        let given = {
            let bytes = self.some()?;
            let given = bytes.len().min(to.len());
            if let (Some(to), Some(bytes)) = (to.get_mut(..given), bytes.get(..given)) {
                to.copy_from_slice(bytes);
            }
            given
        };
        self.advance(given);
        Ok(given)
    }

    /// Reads once more, behind what is at hand.
    fn fill(&mut self) -> Result<(), Fault> {
        if self.from == self.to {
            (self.from, self.to) = (self.start, self.start);
        } else if self.to == self.room.len() {
            let left = self.to - self.from;
            let from = self.start + (left.next_multiple_of(ALIGNED) - left);
            self.room.copy_within(self.from..self.to, from);
            (self.from, self.to) = (from, from + left);
        }
        let Some(free) = self.room.get_mut(self.to..).filter(|free| !free.is_empty()) else {
            self.ended = true;
            return Ok(());
        };
        match self.reader.read(free) {
            Ok(0) => self.ended = true,
            // A reader that says it gave more than there was room for is not believed.
            Ok(bytes) => self.to += bytes.min(free.len()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Fault::Read(error)),
        }
        Ok(())
    }
}
