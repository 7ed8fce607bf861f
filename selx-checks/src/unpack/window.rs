//! Where inflated bytes go: room for those of one step, with the window that copies reach back into in front of it.

use super::inflate::{Output, WINDOW, Writer, boxed, store};
use super::tokens::Tokens;

/// The bytes of window and output; an index is masked with it, so that it needs no other check.
const ROOM: usize = 512 << 10;
/// What may be written at once behind the last place where a symbol may begin.
const SLACK: usize = 512;

type Bytes = [u8; ROOM + SLACK];

pub(super) struct Window {
    bytes: Box<Bytes>,
}

impl Window {
    pub(super) fn new() -> Self {
        Self { bytes: boxed() }
    }

    /// Returns what the last step wrote, which came to so many bytes.
    pub(super) fn output(&self, written: usize) -> &[u8] {
        self.bytes.get(WINDOW..WINDOW + written).unwrap_or_default()
    }

    /// Writes what was read before.
    pub(super) fn replay(&mut self, tokens: &Tokens) {
        let bytes = &mut *self.bytes;
        let (mut at, mut from) = (WINDOW, 0_usize);
        for (run, distance, length) in tokens.copies() {
            // Most runs of letters are short; what is written behind one is written over.
            store(bytes, at & (ROOM - 1), tokens.letters(from));
            let mut done = 16;
            while done < run {
                store(bytes, at.wrapping_add(done) & (ROOM - 1), tokens.letters(from.wrapping_add(done)));
                done += 16;
            }
            (at, from) = (at.wrapping_add(run), from.wrapping_add(run));
            copy(bytes, at, distance, length);
            at = at.wrapping_add(length);
        }
        let rest = tokens.letters_from(from);
        if let Some(to) = bytes.get_mut(at..at + rest.len()) {
            to.copy_from_slice(rest);
        }
    }
}

impl Output for Window {
    type Writer<'a> = Writing<'a>;
    // What fits into the cache of a processor together with the tables.
    const LIMIT: usize = 96 << 10;

    fn begin(&mut self, written: usize) {
        if written > 0 {
            self.bytes.copy_within(written..WINDOW + written, 0);
        }
    }

    fn writer(&mut self) -> Writing<'_> {
        Writing { bytes: &mut self.bytes }
    }
}

pub(super) struct Writing<'a> {
    bytes: &'a mut Bytes,
}

impl Writer for Writing<'_> {
    #[inline(always)]
    fn letters(&mut self, at: usize, letters: [u8; 4], _: usize) {
        store(self.bytes, at.wrapping_add(WINDOW) & (ROOM - 1), letters);
    }

    #[inline(always)]
    fn copy(&mut self, at: usize, distance: usize, length: usize) {
        copy(self.bytes, at.wrapping_add(WINDOW), distance, length);
    }

    fn stored(&mut self, at: usize, bytes: &[u8]) {
        if let Some(to) = self.bytes.get_mut(WINDOW + at..WINDOW + at + bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }
}

#[inline(always)]
fn load<const BYTES: usize>(bytes: &Bytes, at: usize) -> [u8; BYTES] {
    let at = at & (ROOM - 1);
    bytes.get(at..at + BYTES).and_then(|bytes| bytes.first_chunk().copied()).unwrap_or([0; BYTES])
}

/// Repeats what stands some bytes before; it may write up to 16 bytes more than it is asked for.
#[inline(always)]
fn copy(bytes: &mut Bytes, at: usize, distance: usize, length: usize) {
    let (mut from, mut to, end) = (at.wrapping_sub(distance), at, at.wrapping_add(length));
    if distance >= 16 {
        while to < end {
            store(bytes, to & (ROOM - 1), load::<16>(bytes, from));
            (from, to) = (from.wrapping_add(16), to.wrapping_add(16));
        }
    } else if distance >= 8 {
        while to < end {
            store(bytes, to & (ROOM - 1), load::<8>(bytes, from));
            (from, to) = (from.wrapping_add(8), to.wrapping_add(8));
        }
    } else if distance == 1 {
        let [byte] = load::<1>(bytes, from);
        while to < end {
            store(bytes, to & (ROOM - 1), [byte; 16]);
            to = to.wrapping_add(16);
        }
    } else {
        while to < end {
            store(bytes, to & (ROOM - 1), load::<1>(bytes, from));
            (from, to) = (from.wrapping_add(1), to.wrapping_add(1));
        }
    }
}
