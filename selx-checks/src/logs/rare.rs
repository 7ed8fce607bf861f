//! The search for texts by single bytes that hardly ever stand in the log at hand.
//!
//! Which bytes these are, the log says: a part of every buffer is counted. One byte that is in all texts, or two or three
//! that have each text between them, are found at several times the speed at which whole texts are.

use memchr::{memchr, memchr2, memchr3};

/// As many texts have a bit each in a mask.
const TEXTS: usize = 64;
/// So many different bytes are found as fast as one.
const BYTES: usize = 3;
/// A buffer that is shorter is not worth the counting.
const SHORTEST: usize = 32 << 10;
/// How many parts of a buffer are counted, and how long one is.
const PARTS: usize = 16;
const PART: usize = 64;
/// How often a byte may stand in what is counted: of 1,024 bytes, that is once or twice in a few lines.
const SELDOM: [u16; 3] = [0, 1, 2];
/// How often the bytes may be found without a text around them: so many times at once, and from there on once in so many
/// bytes. More often, the search for whole texts is faster.
const MISSES: usize = 64;
const APART: usize = 128;

/// Texts, and which bytes stand in which of them.
#[derive(Debug)]
pub(super) struct Rare {
    texts: Vec<Vec<u8>>,
    /// A byte, and a bit for every text that it is in.
    bytes: Vec<(u8, u64)>,
}

/// A search through one buffer.
#[derive(Debug)]
pub(super) struct Hunt<'a> {
    rare: &'a Rare,
    /// The bytes that are looked for; the last one again where there are fewer.
    bytes: [u8; BYTES],
    begin: Option<usize>,
    misses: usize,
}

impl Rare {
    /// Makes a search, unless there are too many texts. One with a line end is in no line, and would lead astray: what is
    /// found first has to be in the first line that has a text.
    pub(super) fn new(texts: &[&[u8]]) -> Option<Self> {
        if texts.is_empty() || texts.len() > TEXTS || texts.iter().any(|text| text.is_empty() || text.contains(&b'\n'))
        {
            return None;
        }
        let mut masks = [0_u64; 256];
        for (index, text) in texts.iter().enumerate() {
            for byte in *text {
                if let Some(mask) = masks.get_mut(usize::from(*byte)) {
                    *mask |= 1 << index;
                }
            }
        }
        let bytes = (0..=u8::MAX).zip(masks).filter(|(_, mask)| *mask != 0).collect();
        Some(Self { texts: texts.iter().map(|text| text.to_vec()).collect(), bytes })
    }

    /// Begins a search in a buffer, if the buffer is long and has bytes for it that are rare.
    pub(super) fn hunt(&self, buffer: &[u8]) -> Option<Hunt<'_>> {
        if buffer.len() < SHORTEST {
            return None;
        }
        let mut counts = [0_u16; 256];
        for part in buffer.chunks(buffer.len() / PARTS).take(PARTS) {
            for byte in part.iter().take(PART) {
                if let Some(count) = counts.get_mut(usize::from(*byte)) {
                    *count += 1;
                }
            }
        }
        let count = |byte: u8| counts.get(usize::from(byte)).copied().unwrap_or(u16::MAX);
        let bytes = SELDOM.iter().find_map(|most| self.cover(|byte| count(byte) <= *most))?;
        Some(Hunt { rare: self, bytes, begin: None, misses: 0 })
    }

    /// Chooses bytes such that every text has one of them.
    fn cover(&self, may: impl Fn(u8) -> bool) -> Option<[u8; BYTES]> {
        let mut missing = u64::MAX >> (TEXTS - self.texts.len());
        let mut chosen: Option<[u8; BYTES]> = None;
        for turn in 0..BYTES {
            let seldom = self.bytes.iter().filter(|(byte, _)| may(*byte));
            let (byte, mask) = seldom.max_by_key(|(_, mask)| (mask & missing).count_ones())?;
            let bytes = chosen.get_or_insert([*byte; BYTES]);
            bytes.iter_mut().skip(turn).for_each(|place| *place = *byte);
            missing &= !mask;
            if missing == 0 {
                return chosen;
            }
        }
        None
    }

    /// Returns where a text begins that has the byte at a place.
    fn around(&self, bytes: &[u8], from: usize, place: usize) -> Option<usize> {
        let byte = bytes.get(place)?;
        self.texts.iter().find_map(|text| {
            // Whatever comes behind its first one in a text, is found later.
            let begin = place.checked_sub(memchr(*byte, text)?)?;
            (begin >= from && bytes.get(begin..)?.starts_with(text)).then_some(begin)
        })
    }
}

impl Hunt<'_> {
    /// Returns where a text begins in the first line, from `from` on, that has one; what is before `from` is not looked
    /// at.
    ///
    /// # Errors
    ///
    /// The bytes are not rare enough: another search has to go on from where this one was asked to.
    pub(super) fn next(&mut self, bytes: &[u8], from: usize) -> Result<Option<usize>, ()> {
        let begin = *self.begin.get_or_insert(from);
        let [one, two, three] = self.bytes;
        let mut at = from;
        while let Some(rest) = bytes.get(at..) {
            let found = match () {
                () if one == two => memchr(one, rest),
                () if two == three => memchr2(one, two, rest),
                () => memchr3(one, two, three, rest),
            };
            let Some(found) = found else { return Ok(None) };
            let place = at + found;
            if let Some(text) = self.rare.around(bytes, from, place) {
                return Ok(Some(text));
            }
            self.misses += 1;
            if self.misses > MISSES + (place - begin) / APART {
                return Err(());
            }
            at = place + 1;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines that have a text, by going through all of them.
    fn by_reading(log: &[u8], texts: &[&[u8]]) -> Vec<usize> {
        let mut begin = 0;
        let mut lines = Vec::new();
        for line in log.split_inclusive(|byte| *byte == b'\n') {
            if texts.iter().any(|text| memchr::memmem::find(line, text).is_some()) {
                lines.push(begin);
            }
            begin += line.len();
        }
        lines
    }

    /// The same by the hunt; `None` if it gave up, or never began.
    fn by_hunting(log: &[u8], texts: &[&[u8]]) -> Option<Vec<usize>> {
        let rare = Rare::new(texts)?;
        let mut hunt = rare.hunt(log)?;
        let (mut at, mut lines) = (0, Vec::new());
        while let Some(found) = hunt.next(log, at).ok()? {
            lines.push(log[..found].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
            at = memchr(b'\n', &log[found..]).map_or(log.len(), |end| found + end + 1);
        }
        Some(lines)
    }

    fn log(line: &str, every: usize, odd: &str) -> Vec<u8> {
        let mut log = String::new();
        for index in 0.. {
            log += if index % every == every - 1 { odd } else { line };
            log.push('\n');
            if log.len() > 4 * SHORTEST {
                break;
            }
        }
        log.into_bytes()
    }

    #[test]
    fn bytes_that_no_line_has_are_looked_for_and_those_of_every_line_are_not() {
        let texts: [&[u8]; 2] = [b"CRITICAL", b"FATAL"];
        let lines = log("10:00:00 INFO request done", 300, "10:00:00 FATAL disk is gone");
        assert_eq!(by_hunting(&lines, &texts), Some(by_reading(&lines, &texts)));
        // Every line has every letter of one of the texts.
        let lines = log("10:00:00 INFO TAIL of FATA", 300, "10:00:00 FATAL disk is gone");
        assert_eq!(by_hunting(&lines, &texts), None);
        // What was counted has none; what comes between is full of them.
        let mut lines = log("10:00:00 INFO request done", 300, "10:00:00 FATAL disk is gone");
        let parts = lines.len() / PARTS;
        lines[parts / 4..parts / 2].fill(b'L');
        assert_eq!(by_hunting(&lines, &[b"CL", b"FL"]), None);
    }

    #[test]
    fn a_search_that_is_not_worth_it_or_could_go_wrong_is_not_begun() {
        let short = vec![b'x'; SHORTEST - 1];
        assert!(Rare::new(&[b"L"]).unwrap().hunt(&short).is_none());
        assert!(Rare::new(&[b"L"]).unwrap().hunt(&vec![b'x'; SHORTEST]).is_some());
        assert!(Rare::new(&[b"a\nb"]).is_none());
        assert!(Rare::new(&[]).is_none());
        let many: [&[u8]; TEXTS + 1] = [b"x"; TEXTS + 1];
        assert!(Rare::new(&many[1..]).is_some() && Rare::new(&many).is_none());
        // No three bytes are in all of them.
        let texts: [&[u8]; 4] = [b"A", b"B", b"C", b"D"];
        assert!(Rare::new(&texts).unwrap().hunt(&vec![b'x'; SHORTEST]).is_none());
        assert!(Rare::new(&texts[..3]).unwrap().hunt(&vec![b'x'; SHORTEST]).is_some());
    }

    proptest! {
        #[test]
        fn the_same_lines_are_found(
            texts in proptest::collection::vec("[ABCab]{1,5}", 1..6),
            // Lines of other letters, with a part of a text here and there, or all of one.
            lines in proptest::collection::vec(("[xyz ]{0,60}", "[ABCab]{0,5}", "[xyz]{0,5}"), 1..40),
            between in 0_usize..400,
        ) {
            let mut all = Vec::new();
            for (before, inside, behind) in lines.iter().cycle() {
                all.extend([before.as_bytes(), inside.as_bytes(), behind.as_bytes(), b"\n"].concat());
                all.extend(b"zzzzzzzzzzzzzzzzzzzzzzzzzzz\n".repeat(between));
                if all.len() > 2 * SHORTEST {
                    break;
                }
            }
            let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
            if let Some(found) = by_hunting(&all, &texts) {
                prop_assert_eq!(found, by_reading(&all, &texts));
            }
        }
    }
}
