//! What a child printed: the head and the tail of it, within a limit.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// What a child wrote to one of its outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The text. Where it was longer than the limit, its head and its tail with a line in between that says so.
    /// Bytes that are not UTF-8 are replaced.
    pub text: String,
    /// How many bytes were written, as far as they were read.
    pub bytes: u64,
    /// Whether something of it was left out.
    pub cut: bool,
}

/// Takes bytes and keeps the first and the last of them.
#[derive(Debug)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    room: usize,
    bytes: u64,
}

impl Capture {
    /// Makes one that keeps at most this many bytes, half of them of the head.
    pub(super) fn new(limit: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), room: limit / 2, bytes: 0 }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        let (first, rest) = chunk.split_at(chunk.len().min(self.room - self.head.len()));
        self.head.extend_from_slice(first);
        // Of a long chunk only its end can stay.
        let rest = rest.get(rest.len().saturating_sub(self.room)..).unwrap_or_default();
        let over = (self.tail.len() + rest.len()).saturating_sub(self.room);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    /// Gives the text. `seam` bytes on both sides of a cut are left out too, so that no half of a secret stays there.
    pub(super) fn finish(mut self, seam: usize) -> Output {
        let kept = (self.head.len() + self.tail.len()) as u64;
        if kept == self.bytes {
            self.head.extend(self.tail);
            return Output { text: String::from_utf8_lossy(&self.head).into_owned(), bytes: self.bytes, cut: false };
        }
        self.head.truncate(self.head.len().saturating_sub(seam));
        self.tail.drain(..seam.min(self.tail.len()));
        let left = self.bytes - (self.head.len() + self.tail.len()) as u64;
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        text.push_str(&format!("\n[{left} bytes left out]\n"));
        text.push_str(&String::from_utf8_lossy(self.tail.make_contiguous()));
        Output { text, bytes: self.bytes, cut: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_whole_whatever_the_chunks() {
        for size in [1, 3, 7, 16] {
            let mut capture = Capture::new(16);
            for chunk in b"0123456789abcdef".chunks(size) {
                capture.push(chunk);
            }
            let output = capture.finish(4);
            assert_eq!(output.text, "0123456789abcdef");
            assert!(!output.cut);
        }
    }

    #[test]
    fn head_and_tail_stay_of_what_does_not_fit() {
        for size in [1, 3, 5, 26] {
            let mut capture = Capture::new(8);
            for chunk in b"abcdefghijklmnopqrstuvwxyz".chunks(size) {
                capture.push(chunk);
            }
            let output = capture.finish(0);
            assert_eq!(output.text, "abcd\n[18 bytes left out]\nwxyz", "chunks of {size}");
            assert_eq!(output.bytes, 26);
            assert!(output.cut);
        }
    }

    #[test]
    fn a_secret_on_the_seam_is_not_half_shown() {
        let mut capture = Capture::new(16);
        capture.push(b"aaaahunt");
        capture.push(b"er22aaaabbbbcccc");
        assert_eq!(capture.finish(6).text, "aa\n[20 bytes left out]\ncc");
    }
}
