//! What a deflated stream says, to be written by another thread: its letters one behind the other, and what is copied
//! between them.

use super::inflate::{Output, Writer, boxed, store};

/// How many bytes the tokens of one step come to, about.
const LIMIT: usize = 240 << 10;
/// Room for letters; an index is masked with it.
const LETTERS: usize = 256 << 10;
/// What may be written at once behind the last place.
const SLACK: usize = 512;
/// Room for copies, each of three bytes or more.
const COPIES: usize = 128 << 10;

pub(super) struct Tokens {
    letters: Box<[u8; LETTERS + SLACK]>,
    letter_count: usize,
    /// How many letters stand before a copy, from bit 32 on, its length from bit 16 on, its distance.
    copies: Box<[u64; COPIES]>,
    copy_count: usize,
    /// How many letters stand before the last copy.
    before: usize,
}

impl Tokens {
    pub(super) fn new() -> Self {
        Self { letters: boxed(), letter_count: 0, copies: boxed(), copy_count: 0, before: 0 }
    }

    /// Returns each copy: how many letters come before it, from how far back it is, and how long it is.
    pub(super) fn copies(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let copies = self.copies.get(..self.copy_count).unwrap_or_default();
        copies.iter().map(|copy| ((copy >> 32) as usize, (copy & 0xffff) as usize, (copy >> 16 & 0xffff) as usize))
    }

    /// Returns some of the letters.
    #[inline(always)]
    pub(super) fn letters(&self, from: usize) -> [u8; 16] {
        let from = from & (LETTERS - 1);
        self.letters.get(from..from + 16).and_then(|bytes| bytes.first_chunk().copied()).unwrap_or([0; 16])
    }

    /// Returns the letters behind the last copy, which begin there.
    pub(super) fn letters_from(&self, from: usize) -> &[u8] {
        self.letters.get(from..self.letter_count).unwrap_or_default()
    }
}

impl Output for Tokens {
    type Writer<'a> = Writing<'a>;
    const LIMIT: usize = LIMIT;

    fn begin(&mut self, _: usize) {
        (self.letter_count, self.copy_count, self.before) = (0, 0, 0);
    }

    fn writer(&mut self) -> Writing<'_> {
        let Self { letters, letter_count, copies, copy_count, before } = self;
        let (letter, copy, run) = (*letter_count, *copy_count, *before);
        Writing { letters, letter, copies, copy, run, counts: (letter_count, copy_count, before) }
    }
}

/// The same with counts that nothing else looks at while symbols are read.
pub(super) struct Writing<'a> {
    letters: &'a mut [u8; LETTERS + SLACK],
    letter: usize,
    copies: &'a mut [u64; COPIES],
    copy: usize,
    run: usize,
    counts: (&'a mut usize, &'a mut usize, &'a mut usize),
}

impl Writer for Writing<'_> {
    #[inline(always)]
    fn letters(&mut self, _: usize, letters: [u8; 4], count: usize) {
        store(self.letters, self.letter & (LETTERS - 1), letters);
        self.letter = self.letter.wrapping_add(count);
    }

    #[inline(always)]
    fn copy(&mut self, _: usize, distance: usize, length: usize) {
        let run = self.letter.wrapping_sub(self.run);
        if let Some(copy) = self.copies.get_mut(self.copy) {
            *copy = (run as u64) << 32 | (length as u64) << 16 | distance as u64;
        }
        self.copy = self.copy.wrapping_add(1);
        self.run = self.letter;
    }

    fn stored(&mut self, _: usize, bytes: &[u8]) {
        if let Some(to) = self.letters.get_mut(self.letter..self.letter + bytes.len()) {
            to.copy_from_slice(bytes);
        }
        self.letter += bytes.len();
    }

    fn end(self) {
        let (letter_count, copy_count, before) = self.counts;
        (*letter_count, *copy_count, *before) = (self.letter, self.copy, self.run);
    }
}
