//! Tables that turn the bits of deflate into symbols, RFC 1951.
//!
//! A table is asked with the next bits and answers with everything at once: how many of them the code took, what it stands
//! for, and how many more bits belong to it. Where two or three letters, or one or two and the length behind them, fit into the
//! bits of one question, one entry holds them all: whether a letter or a copy comes next is what a processor cannot guess, and
//! to be asked that less often is most of the speed.

/// How many bits of letters and lengths are looked up at once. With more, the tables push other things out of the fastest
/// cache.
pub(super) const LETTER_BITS: u32 = 10;
/// How many bits of a distance are looked up at once.
pub(super) const DISTANCE_BITS: u32 = 9;
/// The size of the table of letters with those for its long codes, which take at most 1334 entries together; a power of two,
/// so that an index can be masked.
pub(super) const LETTERS: usize = 2048;
/// The size of the table of distances.
pub(super) const DISTANCES: usize = 1024;

/// The part of an entry that says how many bits it takes.
pub(super) const TAKES: u32 = 0xf;
/// The part with the number of letters in an entry, up to three; their bytes begin at bit 8.
pub(super) const COUNT: u32 = 0x30;
/// The entry ends the block, or stands for nothing.
pub(super) const END: u32 = 0x40;
/// The entry is a distance: the number of extra bits from bit 8 on, and the base from bit 16 on. Or a length, behind at most
/// two letters: its place in [`BASES`] from bit 24 on, and the number of extra bits from bit 29 on.
pub(super) const BASE: u32 = 0x80;
/// The entry leads to a table for longer codes: how many bits it is asked with from bit 8 on, its place from bit 16 on.
pub(super) const LONGER: u32 = END | BASE;
/// The entry of a code that stands for nothing.
pub(super) const NOTHING: u32 = END | 0x100;
/// The shortest length that each code stands for.
pub(super) const BASES: [u16; 32] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
    0, 0, 0,
];

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
    let is_used = |length: &usize| counts.get(*length).is_some_and(|count| *count > 0);
    let (longest, shortest) = ((1..=LONGEST).rev().find(is_used), (1..=LONGEST).find(is_used));
    let (Some(longest), Some(shortest)) = (longest, shortest) else {
        table.fill(if alphabet == Alphabet::Letters { NOTHING } else { 0 });
        return alphabet != Alphabet::Lengths;
    };
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
    short(table, root, lengths, alphabet, &codes, &counts);
    if longest > root as usize && !long(table, root, lengths, alphabet, &codes) {
        return false;
    }
    if alphabet == Alphabet::Letters {
        if left > 0 {
            // Here what stands for nothing has to be told from letters.
            table.iter_mut().filter(|entry| **entry == 0).for_each(|entry| *entry = NOTHING);
        }
        join(table, root, shortest as u32);
    }
    true
}

/// Fills the first table, for one length of codes after the other: whatever is longer by a bit is the same twice.
fn short(
    table: &mut [u32],
    root: u32,
    lengths: &[u8],
    alphabet: Alphabet,
    codes: &[u16; SYMBOLS],
    counts: &[u16; LONGEST + 1],
) {
    // The symbols in the order of the lengths of their codes.
    let mut places = [0_u16; LONGEST + 1];
    let mut free = 0_u16;
    for (place, count) in places.iter_mut().zip(counts).skip(1) {
        (*place, free) = (free, free.wrapping_add(*count));
    }
    let mut sorted = [0_u16; SYMBOLS];
    for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
        let Some(place) = places.get_mut(usize::from(*length)) else { continue };
        if let Some(slot) = sorted.get_mut(usize::from(*place)) {
            *slot = symbol as u16;
        }
        *place = place.wrapping_add(1);
    }
    let mut sorted = sorted.iter().map(|symbol| usize::from(*symbol));
    table.fill(0);
    for (length, count) in (0..=root).zip(counts) {
        for symbol in sorted.by_ref().take(if length == 0 { 0 } else { usize::from(*count) }) {
            let code = codes.get(symbol).copied().map_or(0, usize::from);
            if let Some(slot) = table.get_mut(code) {
                *slot = entry(symbol, alphabet) | length;
            }
        }
        if length < root {
            table.copy_within(..1 << length, 1 << length);
        }
    }
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

/// Joins letters, and the length behind them, that fit into the bits of one question.
fn join(table: &mut [u32], root: u32, shortest: u32) {
    let is_one_more = |entry: u32| entry & COUNT != 0 || entry & LONGER == BASE;
    // What follows a letter is found at a smaller index, whose entry still is that of one symbol.
    for at in (1..1_usize << root).rev() {
        let Some(mut joined) = table.get(at).copied().filter(|first| first & LONGER == 0) else { continue };
        if (joined & TAKES) + shortest > root {
            continue;
        }
        for letters in 1..=2 {
            let after = at >> (joined & TAKES);
            let Some(next) = table.get(after).copied().filter(|next| is_one_more(*next)) else { break };
            let bits = (joined & TAKES) + (next & TAKES);
            if bits > root {
                break;
            }
            let letter = if next & COUNT == 0 { next & (BASE | 0xff00_0000) } else { (next & 0xff00) << (8 * letters) };
            joined = (joined & !TAKES & !COUNT) | letter | bits | ((letters << 4) + (next & COUNT));
            if next & COUNT == 0 {
                break;
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
        (Alphabet::Letters, 257..=285) => {
            let extra = if matches!(symbol, 265..=284) { (symbol - 261) / 4 } else { 0 };
            BASE | ((symbol as u32 - 257) << 24) | ((extra as u32) << 29)
        }
        (Alphabet::Letters, _) => NOTHING,
        (Alphabet::Distances, 0..=3) => base(symbol + 1, 0),
        (Alphabet::Distances, 4..=29) => {
            let extra = symbol / 2 - 1;
            base(((symbol % 2 + 2) << extra) + 1, extra)
        }
        _ => 0,
    }
}
