//! Raw deflate, RFC 1951, as fast as safe code gets: 64 bits at hand, tables that answer with several letters at once, and
//! room behind every write so that copies go in whole steps.
//!
//! zlib-rs, which is the reference in the tests, takes a third more time for the archives that this is for. A
//! block is read here from bytes that are all at hand; what is missing at the end of a file is filled with zeros, and that
//! they were used is the sign of a cut.

use super::bits::Bits;
use super::codes::{Alphabet, BASE, COUNT, DISTANCE_BITS, DISTANCES, END, LETTER_BITS, LETTERS, LONGER, TAKES, fill};

/// How far a copy may reach back.
const WINDOW: usize = 32 << 10;
/// The bytes of window and output; an index is masked with it, so that it needs no other check.
const ROOM: usize = 128 << 10;
/// What may be written at once behind the last place where a symbol may begin.
const SLACK: usize = 512;
/// Where output ends.
const LIMIT: usize = ROOM - SLACK;
/// How many bytes at hand are enough for the header of any block.
pub(super) const AT_HAND: usize = 1024;
/// How many bytes the header of a block has at most, with room to spare.
const HEADER: usize = 800;
/// How many bytes before the end of what is at hand the last symbol begins.
const MARGIN: usize = 32;

type Output = [u8; ROOM + SLACK];

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
    /// Whole bytes that were used.
    pub(super) used: usize,
    /// Whether the last block has ended.
    pub(super) ended: bool,
}

pub(super) struct Inflate {
    letters: Box<[u32; LETTERS]>,
    distances: Box<[u32; DISTANCES]>,
    output: Box<Output>,
    /// Where the output of this step begins and ends.
    from: usize,
    to: usize,
    /// How many bytes before `from` were written in this member, at most the window.
    history: usize,
    place: Place,
    is_last: bool,
    /// Fewer than eight bits that were read and not used.
    bits: u64,
    count: u32,
}

impl Inflate {
    pub(super) fn new() -> Self {
        Self {
            letters: boxed(),
            distances: boxed(),
            output: boxed(),
            from: WINDOW,
            to: WINDOW,
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
        (self.from, self.to, self.history) = (WINDOW, WINDOW, 0);
    }

    /// Returns what the last step wrote.
    pub(super) fn output(&self) -> &[u8] {
        self.output.get(self.from..self.to).unwrap_or_default()
    }

    /// Inflates until the room is full, the end, or nearly the end of what is at hand, of which there are at least
    /// [`AT_HAND`] bytes; fewer are the end of the file.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Result<Inflated, Wrong> {
        self.make_room();
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

    /// Moves the window to the front.
    fn make_room(&mut self) {
        let produced = self.to - self.from;
        self.history = (self.history + produced).min(WINDOW);
        if self.to > WINDOW {
            self.output.copy_within(self.to - WINDOW..self.to, 0);
        }
        (self.from, self.to) = (WINDOW, WINDOW);
    }

    /// Runs until a symbol begins behind `end`; the bytes of the file end at `file_end`.
    fn run(&mut self, bytes: &[u8], end: usize, file_end: usize) -> Result<Inflated, Wrong> {
        let mut bits = Bits { bytes, at: 0, bits: self.bits, count: self.count };
        while bits.at <= end && self.to < LIMIT && !matches!(self.place, Place::End) {
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
        Ok(Inflated { used: bits.at, ended })
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
        let most = left.min(LIMIT - self.to).min(end + 1 - bits.at);
        let from = bits.bytes.get(bits.at..bits.at + most).unwrap_or_default();
        if let Some(to) = self.output.get_mut(self.to..self.to + from.len()) {
            to.copy_from_slice(from);
        }
        bits.at += most;
        self.to += most;
        self.place = if left == most { self.after_block() } else { Place::Stored(left - most) };
    }

    /// Reads symbols; `true` at the end of the block.
    fn codes(&mut self, input: &mut Bits, end: usize) -> Result<bool, Wrong> {
        let Self { letters, distances, output, to, history, .. } = self;
        // What is changed for every symbol is kept where the compiler sees that nothing else looks at it.
        let mut bits = Bits { bytes: input.bytes, at: input.at, bits: input.bits, count: input.count };
        let mut at = *to;
        let floor = WINDOW - *history;
        let mut result = Ok(false);
        while bits.at <= end && at < LIMIT {
            bits.refill();
            let mut entry = letter(letters, bits.bits);
            if entry & COUNT != 0 {
                // Three times at most eleven bits.
                at = write(output, at, entry);
                bits.take(entry & TAKES);
                entry = letter(letters, bits.bits);
                if entry & COUNT != 0 {
                    at = write(output, at, entry);
                    bits.take(entry & TAKES);
                    entry = letter(letters, bits.bits);
                    if entry & COUNT != 0 {
                        at = write(output, at, entry);
                        bits.take(entry & TAKES);
                        continue;
                    }
                }
                bits.refill();
            }
            if entry & LONGER == LONGER {
                bits.take(LETTER_BITS);
                let inner = bits.bits as usize & ((1 << ((entry >> 8) & TAKES)) - 1);
                entry = letters.get(((entry >> 16) as usize + inner) & (LETTERS - 1)).copied().unwrap_or_default();
                if entry & COUNT != 0 {
                    at = write(output, at, entry);
                    bits.take(entry & TAKES);
                    continue;
                }
            }
            bits.take(entry & TAKES);
            if entry & BASE == 0 {
                result = if entry & END != 0 {
                    Ok(true)
                } else {
                    Err(Wrong::Bad("a code for a letter or a length stands for nothing"))
                };
                break;
            }
            let length = (entry >> 16) as usize + bits.get((entry >> 8) & TAKES);
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
            let distance = (entry >> 16) as usize + bits.get((entry >> 8) & TAKES);
            if distance > at.wrapping_sub(floor) {
                result = Err(Wrong::Bad("a copy reaches back before the beginning"));
                break;
            }
            copy(output, at, distance, length);
            at = at.wrapping_add(length);
        }
        (input.at, input.bits, input.count) = (bits.at, bits.bits, bits.count);
        *to = at;
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

/// Writes the letters of an entry; what is written behind them is written over.
#[inline(always)]
fn write(output: &mut Output, at: usize, entry: u32) -> usize {
    store(output, at, (entry >> 8).to_le_bytes());
    at.wrapping_add(((entry >> 4) & 3) as usize)
}

#[inline(always)]
fn store<const BYTES: usize>(output: &mut Output, at: usize, bytes: [u8; BYTES]) {
    let at = at & (ROOM - 1);
    if let Some(room) = output.get_mut(at..at + BYTES) {
        room.copy_from_slice(&bytes);
    }
}

#[inline(always)]
fn load<const BYTES: usize>(output: &Output, at: usize) -> [u8; BYTES] {
    let at = at & (ROOM - 1);
    output.get(at..at + BYTES).and_then(|bytes| bytes.first_chunk().copied()).unwrap_or([0; BYTES])
}

/// Repeats what stands some bytes before; it may write up to 16 bytes more than it is asked for.
#[inline(always)]
fn copy(output: &mut Output, at: usize, distance: usize, length: usize) {
    let (mut from, mut to, end) = (at.wrapping_sub(distance), at, at.wrapping_add(length));
    if distance >= 16 {
        while to < end {
            store(output, to, load::<16>(output, from));
            (from, to) = (from.wrapping_add(16), to.wrapping_add(16));
        }
    } else if distance >= 8 {
        while to < end {
            store(output, to, load::<8>(output, from));
            (from, to) = (from.wrapping_add(8), to.wrapping_add(8));
        }
    } else if distance == 1 {
        let [byte] = load::<1>(output, from);
        while to < end {
            store(output, to, [byte; 16]);
            to = to.wrapping_add(16);
        }
    } else {
        while to < end {
            store(output, to, load::<1>(output, from));
            (from, to) = (from.wrapping_add(1), to.wrapping_add(1));
        }
    }
}

/// Makes a large array without a stop on the stack.
fn boxed<T: Clone + Default, const SIZE: usize>() -> Box<[T; SIZE]> {
    match vec![T::default(); SIZE].into_boxed_slice().try_into() {
        Ok(array) => array,
        // The length is the one that it was made with.
        Err(_) => unreachable!(),
    }
}
