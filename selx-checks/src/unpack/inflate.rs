//! Raw deflate, RFC 1951, as fast as safe code gets: 64 bits at hand, tables that answer with several letters at once, and
//! room behind every write so that copies go in whole steps.
//!
//! zlib-rs, which is the reference in the tests, takes a third more time for the archives that this is for. A
//! block is read here from bytes that are all at hand; what is missing at the end of a file is filled with zeros, and that
//! they were used is the sign of a cut.

use super::bits::Bits;
use super::codes::{
    Alphabet, BASE, BASES, DISTANCE_BITS, DISTANCES, END, LETTER_BITS, LETTERS, LONGER, NOTHING, TAKES, fill,
};

/// How far a copy may reach back.
pub(super) const WINDOW: usize = 32 << 10;
/// How many bytes at hand are enough for the header of any block.
pub(super) const AT_HAND: usize = 1024;
/// How many bytes the header of a block has at most, with room to spare.
const HEADER: usize = 800;
/// How many bytes before the end of what is at hand the last symbol begins.
const MARGIN: usize = 32;

/// What takes the symbols of a stream.
pub(super) trait Output {
    type Writer<'a>: Writer
    where
        Self: 'a;
    /// After how many bytes a step ends; it may write a little more.
    const LIMIT: usize;
    /// Begins a step; so many bytes were written in the last one.
    fn begin(&mut self, written: usize);
    fn writer(&mut self) -> Self::Writer<'_>;
}

/// An output while symbols are read. `at` is how many bytes were written in this step before.
pub(super) trait Writer {
    /// Takes the first of these letters.
    fn letters(&mut self, at: usize, letters: [u8; 4], count: usize);
    fn copy(&mut self, at: usize, distance: usize, length: usize);
    fn stored(&mut self, at: usize, bytes: &[u8]);
    fn end(self)
    where
        Self: Sized,
    {
    }
}

/// What is being read.
#[derive(Clone, Copy)]
enum Place {
    Header,
    /// Bytes as they are, with how many there are to come.
    Stored(usize),
    Codes,
    End,
}

/// What a step came to.
pub(super) struct Inflated {
    /// Bytes that were written.
    pub(super) written: usize,
    /// Whole bytes that were used.
    pub(super) used: usize,
    /// Whether the last block has ended.
    pub(super) ended: bool,
}

pub(super) struct Inflate<O> {
    letters: Box<[u32; LETTERS]>,
    distances: Box<[u32; DISTANCES]>,
    output: O,
    /// How many bytes this step wrote.
    written: usize,
    /// How many bytes were written in this member before, at most the window.
    history: usize,
    place: Place,
    is_last: bool,
    /// Fewer than eight bits that were read and not used.
    bits: u64,
    count: u32,
}

impl<O: Output> Inflate<O> {
    pub(super) fn new(output: O) -> Self {
        Self {
            letters: boxed(),
            distances: boxed(),
            output,
            written: 0,
            history: 0,
            place: Place::Header,
            is_last: false,
            bits: 0,
            count: 0,
        }
    }

    /// Begins a member.
    pub(super) fn reset(&mut self) {
        (self.place, self.is_last, self.bits, self.count) = (Place::Header, false, 0, 0);
        (self.written, self.history) = (0, 0);
    }

    pub(super) fn output(&self) -> &O {
        &self.output
    }

    /// Gives the output away for another one.
    pub(super) fn swap(&mut self, output: &mut O) {
        std::mem::swap(&mut self.output, output);
    }

    /// Inflates until the room is full, the end, or nearly the end of what is at hand, of which there are at least
    /// [`AT_HAND`] bytes; fewer are the end of the file.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Result<Inflated, Wrong> {
        self.history = (self.history + self.written).min(WINDOW);
        self.output.begin(self.written);
        self.written = 0;
        if bytes.len() >= AT_HAND {
            return self.run(bytes, bytes.len() - MARGIN, usize::MAX);
        }
        let mut tail = [0; AT_HAND + 2 * MARGIN];
        if let Some(start) = tail.get_mut(..bytes.len()) {
            start.copy_from_slice(bytes);
        }
        let tail = tail.get(..bytes.len() + 2 * MARGIN).unwrap_or_default();
        let done = self.run(tail, bytes.len() + MARGIN / 2, bytes.len())?;
        // The zeros behind the end were used: what they made is none of the file's.
        if done.used > bytes.len() { Err(Wrong::CutShort) } else { Ok(done) }
    }

    /// Runs until a symbol begins behind `end`; the bytes of the file end at `file_end`.
    fn run(&mut self, bytes: &[u8], end: usize, file_end: usize) -> Result<Inflated, Wrong> {
        let mut bits = Bits { bytes, at: 0, bits: self.bits, count: self.count };
        while bits.at <= end && self.written < O::LIMIT && !matches!(self.place, Place::End) {
            let done = match self.place {
                // A header is read whole, so that it has to be at hand whole.
                Place::Header if file_end == usize::MAX && bits.at + HEADER > bytes.len() => break,
                Place::Header => self.header(&mut bits),
                Place::Stored(left) => {
                    self.stored(&mut bits, left, end);
                    Ok(())
                }
                Place::Codes => self.codes(&mut bits, end).map(|ended| {
                    if ended {
                        self.place = self.after_block();
                    }
                }),
                Place::End => Ok(()),
            };
            bits.settle();
            // What is wrong at the very end is that it is missing; a code has at most 15 bits.
            done.map_err(|wrong| if bits.at.saturating_add(2) > file_end { Wrong::CutShort } else { wrong })?;
        }
        let ended = matches!(self.place, Place::End);
        (self.bits, self.count) = (bits.bits, bits.count);
        Ok(Inflated { written: self.written, used: bits.at, ended })
    }

    fn after_block(&self) -> Place {
        if self.is_last { Place::End } else { Place::Header }
    }

    fn header(&mut self, bits: &mut Bits) -> Result<(), Wrong> {
        bits.refill();
        self.is_last = bits.get(1) == 1;
        match bits.get(2) {
            0 => {
                let odd = bits.count & 7;
                bits.take(odd);
                let (length, complement) = (bits.get(16), bits.get(16));
                if length != !complement & 0xffff {
                    return Err(Wrong::Bad("the length of a stored block contradicts itself"));
                }
                self.place = if length == 0 { self.after_block() } else { Place::Stored(length) };
            }
            1 => {
                let mut lengths = [8_u8; 288];
                lengths.iter_mut().take(256).skip(144).for_each(|length| *length = 9);
                lengths.iter_mut().take(280).skip(256).for_each(|length| *length = 7);
                fill(&mut *self.letters, LETTER_BITS, &lengths, Alphabet::Letters);
                fill(&mut *self.distances, DISTANCE_BITS, &[5; 32], Alphabet::Distances);
                self.place = Place::Codes;
            }
            2 => {
                self.tables(bits)?;
                self.place = Place::Codes;
            }
            _ => return Err(Wrong::Bad("a block is of a kind that is not defined")),
        }
        Ok(())
    }

    /// Reads the codes of a block.
    fn tables(&mut self, bits: &mut Bits) -> Result<(), Wrong> {
        const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        let letters = bits.get(5) + 257;
        let distances = bits.get(5) + 1;
        let count = bits.get(4) + 4;
        if letters > 286 || distances > 30 {
            return Err(Wrong::Bad("a block has too many codes"));
        }
        let mut own = [0_u8; 19];
        for place in ORDER.iter().take(count) {
            bits.refill();
            if let Some(length) = own.get_mut(*place) {
                *length = bits.get(3) as u8;
            }
        }
        let mut table = [0_u32; 128];
        if !fill(&mut table, 7, &own, Alphabet::Lengths) {
            return Err(Wrong::Bad("the codes for the lengths of codes contradict each other"));
        }
        let mut lengths = [0_u8; 320];
        let (mut at, mut last) = (0, None);
        while at < letters + distances {
            bits.refill();
            let entry = table.get((bits.bits & 127) as usize).copied().unwrap_or_default();
            if entry == 0 {
                return Err(Wrong::Bad("a code for a length stands for nothing"));
            }
            bits.take(entry & TAKES);
            let (value, times) = match entry >> 16 {
                symbol @ 0..=15 => (symbol as u8, 1),
                16 => match last {
                    Some(last) => (last, bits.get(2) + 3),
                    None => return Err(Wrong::Bad("the length of a code is to be repeated before there is one")),
                },
                17 => (0, bits.get(3) + 3),
                _ => (0, bits.get(7) + 11),
            };
            if at + times > letters + distances {
                return Err(Wrong::Bad("more lengths of codes are repeated than there are codes"));
            }
            lengths.iter_mut().skip(at).take(times).for_each(|length| *length = value);
            (at, last) = (at + times, Some(value));
        }
        let (of_letters, rest) = lengths.split_at(letters);
        if of_letters.get(256) == Some(&0) {
            return Err(Wrong::Bad("a block has no code for its end"));
        }
        let of_distances = rest.get(..distances).unwrap_or_default();
        if !fill(&mut *self.letters, LETTER_BITS, of_letters, Alphabet::Letters) {
            return Err(Wrong::Bad("the codes for letters and lengths contradict each other"));
        }
        if !fill(&mut *self.distances, DISTANCE_BITS, of_distances, Alphabet::Distances) {
            return Err(Wrong::Bad("the codes for distances contradict each other"));
        }
        Ok(())
    }

    /// Copies bytes as they are; no bits are at hand by then.
    fn stored(&mut self, bits: &mut Bits, left: usize, end: usize) {
        let most = left.min(O::LIMIT - self.written).min(end + 1 - bits.at);
        let mut writer = self.output.writer();
        writer.stored(self.written, bits.bytes.get(bits.at..bits.at + most).unwrap_or_default());
        writer.end();
        bits.at += most;
        self.written += most;
        self.place = if left == most { self.after_block() } else { Place::Stored(left - most) };
    }

    /// Reads symbols; `true` at the end of the block.
    fn codes(&mut self, input: &mut Bits, end: usize) -> Result<bool, Wrong> {
        let Self { letters, distances, output, written, history, .. } = self;
        let mut writer = output.writer();
        // What is changed for every symbol is kept where the compiler sees that nothing else looks at it.
        let mut bits = Bits { bytes: input.bytes, at: input.at, bits: input.bits, count: input.count };
        let mut at = *written;
        let history = *history;
        let mut result = Ok(false);
        while bits.at <= end && at < O::LIMIT {
            bits.refill();
            let mut entry = letter(letters, bits.bits);
            at = write(&mut writer, at, entry);
            if entry & LONGER == 0 {
                // Three times at most ten bits.
                bits.take(entry & TAKES);
                entry = letter(letters, bits.bits);
                at = write(&mut writer, at, entry);
                if entry & LONGER == 0 {
                    bits.take(entry & TAKES);
                    entry = letter(letters, bits.bits);
                    at = write(&mut writer, at, entry);
                    if entry & LONGER == 0 {
                        bits.take(entry & TAKES);
                        continue;
                    }
                }
                bits.refill();
            }
            if entry & END != 0 {
                if entry & BASE != 0 {
                    bits.take(LETTER_BITS);
                    let inner = bits.bits as usize & ((1 << ((entry >> 8) & TAKES)) - 1);
                    entry = letters.get(((entry >> 16) as usize + inner) & (LETTERS - 1)).copied().unwrap_or_default();
                    at = write(&mut writer, at, entry);
                }
                if entry & BASE == 0 {
                    if entry & NOTHING == NOTHING {
                        result = Err(Wrong::Bad("a code for a letter or a length stands for nothing"));
                        break;
                    }
                    bits.take(entry & TAKES);
                    if entry & END != 0 {
                        result = Ok(true);
                        break;
                    }
                    continue;
                }
            }
            bits.take(entry & TAKES);
            let base = BASES.get((entry >> 24) as usize & 31).copied().unwrap_or_default();
            let length = usize::from(base).wrapping_add(bits.get(entry >> 29));
            let mut entry = distances.get(bits.bits as usize & ((1 << DISTANCE_BITS) - 1)).copied().unwrap_or_default();
            if entry & LONGER == LONGER {
                bits.take(DISTANCE_BITS);
                let inner = bits.bits as usize & ((1 << ((entry >> 8) & TAKES)) - 1);
                entry = distances.get(((entry >> 16) as usize + inner) & (DISTANCES - 1)).copied().unwrap_or_default();
            }
            if entry & BASE == 0 {
                result = Err(Wrong::Bad("a code for a distance stands for nothing"));
                break;
            }
            bits.take(entry & TAKES);
            let distance = ((entry >> 16) as usize).wrapping_add(bits.get((entry >> 8) & TAKES));
            if distance > at.wrapping_add(history) {
                result = Err(Wrong::Bad("a copy reaches back before the beginning"));
                break;
            }
            writer.copy(at, distance, length);
            at = at.wrapping_add(length);
        }
        (input.at, input.bits, input.count) = (bits.at, bits.bits, bits.count);
        *written = at;
        writer.end();
        result
    }
}

/// How inflating ends before the end.
#[derive(Debug, PartialEq)]
pub(super) enum Wrong {
    CutShort,
    Bad(&'static str),
}

#[inline(always)]
fn letter(letters: &[u32; LETTERS], bits: u64) -> u32 {
    letters.get(bits as usize & ((1 << LETTER_BITS) - 1)).copied().unwrap_or_default()
}

/// Writes the letters of an entry, if it has any; what is written behind them is written over.
#[inline(always)]
fn write(writer: &mut impl Writer, at: usize, entry: u32) -> usize {
    let count = ((entry >> 4) & 3) as usize;
    writer.letters(at, (entry >> 8).to_le_bytes(), count);
    at.wrapping_add(count)
}

#[inline(always)]
pub(super) fn store<const SIZE: usize, const BYTES: usize>(into: &mut [u8; SIZE], at: usize, bytes: [u8; BYTES]) {
    if let Some(room) = into.get_mut(at..at + BYTES) {
        room.copy_from_slice(&bytes);
    }
}

/// Makes a large array without a stop on the stack.
pub(super) fn boxed<T: Clone + Default, const SIZE: usize>() -> Box<[T; SIZE]> {
    match vec![T::default(); SIZE].into_boxed_slice().try_into() {
        Ok(array) => array,
        // The length is the one that it was made with.
        Err(_) => unreachable!(),
    }
}
