//! Tables that turn the bits of deflate into symbols, RFC 1951.
//!
//! A table is asked with the next bits and answers with everything at once: how many of them the code took, what it stands
//! for, and how many more bits belong to it. Where two or three letters fit into the bits of one question, one entry holds
//! them all; text is mostly letters, so that this is much of the speed.

/// How many bits of a letter or length are looked up at once.
pub(super) const LETTER_BITS: u32 = 11;
/// How many bits of a distance are looked up at once.
pub(super) const DISTANCE_BITS: u32 = 9;
/// The size of the table of letters with those for its long codes; a power of two, so that an index can be masked.
pub(super) const LETTERS: usize = 4096;
/// The size of the table of distances.
pub(super) const DISTANCES: usize = 1024;

/// The part of an entry that says how many bits it takes.
pub(super) const TAKES: u32 = 0xf;
/// The part with the number of letters in an entry, one to three; their bytes begin at bit 8.
pub(super) const COUNT: u32 = 0x30;
/// The entry ends the block.
pub(super) const END: u32 = 0x40;
/// The entry is a length or a distance: the number of extra bits from bit 8 on, and the base from bit 16 on.
pub(super) const BASE: u32 = 0x80;
/// The entry leads to a table for longer codes: how many bits it is asked with from bit 8 on, its place from bit 16 on.
pub(super) const LONGER: u32 = END | BASE;

/// The longest code.
const LONGEST: usize = 15;
/// The most symbols of an alphabet, with room to spare.
const SYMBOLS: usize = 320;

/// What codes stand for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Alphabet {
    /// Lengths of codes, in the header of a block.
    Lengths,
    /// Letters, lengths of copies, and the end.
    Letters,
    /// Distances of copies.
    Distances,
}

/// Fills a table for codes of these lengths; `false` if they are no code. An entry of 0 is a code that stands for nothing.
pub(super) fn fill(table: &mut [u32], root: u32, lengths: &[u8], alphabet: Alphabet) -> bool {
    let mut counts = [0_u16; LONGEST + 1];
    for length in lengths {
        if let Some(count) = counts.get_mut(usize::from(*length)) {
            *count += 1;
        }
    }
    let longest = (1..=LONGEST).rev().find(|length| counts.get(*length).is_some_and(|count| *count > 0)).unwrap_or(0);
    table.fill(0);
    if longest == 0 {
        return alphabet != Alphabet::Lengths;
    }
    let mut left = 1_i32;
    // The first code of each length.
    let mut next = [0_u16; LONGEST + 1];
    let mut code = 0_u16;
    for (count, next) in counts.iter().zip(&mut next).skip(1) {
        left = (left << 1) - i32::from(*count);
        if left < 0 {
            return false;
        }
        *next = code;
        code = code.wrapping_add(*count) << 1;
    }
    // One code alone may have one bit and leave the other unused.
    if left > 0 && (alphabet == Alphabet::Lengths || longest != 1) {
        return false;
    }
    // Every symbol takes the next code of its length; the bits come in the other direction.
    let mut codes = [0_u16; SYMBOLS];
    for (length, code) in lengths.iter().zip(&mut codes).filter(|(length, _)| **length > 0) {
        if let Some(next) = next.get_mut(usize::from(*length)) {
            *code = next.reverse_bits() >> (16 - u32::from(*length));
            *next = next.wrapping_add(1);
        }
    }
    for ((symbol, length), code) in lengths.iter().enumerate().zip(&codes) {
        let length = u32::from(*length);
        if length > 0 && length <= root {
            spread(table, 1 << root, usize::from(*code), length, entry(symbol, alphabet) | length);
        }
    }
    if longest > root as usize && !long(table, root, lengths, alphabet, &codes) {
        return false;
    }
    if alphabet == Alphabet::Letters {
        join(table, root);
    }
    true
}

/// Puts an entry wherever the first bits of an index are a code.
fn spread(table: &mut [u32], size: usize, code: usize, length: u32, entry: u32) {
    let mut at = code;
    while at < size {
        if let Some(slot) = table.get_mut(at) {
            *slot = entry;
        }
        at += 1 << length;
    }
}

/// Lays the tables for codes that are longer than what is looked up at once behind the first one.
fn long(table: &mut [u32], root: u32, lengths: &[u8], alphabet: Alphabet, codes: &[u16; SYMBOLS]) -> bool {
    let mask = (1_usize << root) - 1;
    let is_long = |length: &u8| u32::from(*length) > root;
    // How many more bits the codes behind each beginning have at most.
    let mut most = [0_u8; 1 << LETTER_BITS];
    for (length, code) in lengths.iter().zip(codes).filter(|(length, _)| is_long(length)) {
        if let Some(most) = most.get_mut(usize::from(*code) & mask) {
            *most = (*most).max(*length - root as u8);
        }
    }
    let mut free = 1_usize << root;
    for ((symbol, length), code) in lengths.iter().enumerate().zip(codes).filter(|((_, length), _)| is_long(length)) {
        let start = usize::from(*code) & mask;
        let bits = u32::from(most.get(start).copied().unwrap_or_default());
        let Some(lead) = table.get_mut(start) else { return false };
        if *lead == 0 {
            *lead = LONGER | (bits << 8) | ((free as u32) << 16);
            free += 1 << bits;
        }
        let place = (*lead >> 16) as usize;
        let Some(inner) = table.get_mut(place..place + (1 << bits)) else { return false };
        let length = u32::from(*length) - root;
        spread(inner, 1 << bits, usize::from(*code) >> root, length, entry(symbol, alphabet) | length);
    }
    true
}

/// Joins letters that fit into the bits of one question.
fn join(table: &mut [u32], root: u32) {
    // What follows a letter is found at a smaller index, whose entry still is that of one letter.
    for at in (1..1_usize << root).rev() {
        let Some(first) = table.get(at).copied().filter(|first| first & COUNT != 0) else { continue };
        let bits = first & TAKES;
        let after = at >> bits;
        let Some(second) = table.get(after).copied() else { continue };
        let both = bits + (second & TAKES);
        if second & COUNT == 0 || both > root {
            continue;
        }
        let mut joined = (first & 0xff00) | ((second << 8) & 0xff_0000) | (2 << 4) | both;
        if let Some(third) = table.get(after >> (second & TAKES)).copied() {
            let all = both + (third & TAKES);
            if third & COUNT == 1 << 4 && all <= root && at > after {
                joined = (joined & 0xff_ff00) | ((third << 16) & 0xff00_0000) | (3 << 4) | all;
            }
        }
        if let Some(slot) = table.get_mut(at) {
            *slot = joined;
        }
    }
}

/// Says what a symbol stands for, without the bits that its code takes.
fn entry(symbol: usize, alphabet: Alphabet) -> u32 {
    let base = |base: usize, extra: usize| BASE | ((extra as u32) << 8) | ((base as u32) << 16);
    match (alphabet, symbol) {
        (Alphabet::Lengths, _) => BASE | ((symbol as u32) << 16),
        (Alphabet::Letters, 0..=255) => (1 << 4) | ((symbol as u32) << 8),
        (Alphabet::Letters, 256) => END,
        (Alphabet::Letters, 257..=264) => base(symbol - 254, 0),
        (Alphabet::Letters, 265..=284) => {
            let extra = (symbol - 261) / 4;
            base((((symbol - 261) % 4 + 4) << extra) + 3, extra)
        }
        (Alphabet::Letters, 285) => base(258, 0),
        (Alphabet::Distances, 0..=3) => base(symbol + 1, 0),
        (Alphabet::Distances, 4..=29) => {
            let extra = symbol / 2 - 1;
            base(((symbol % 2 + 2) << extra) + 1, extra)
        }
        _ => 0,
    }
}
