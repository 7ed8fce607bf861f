//! Going through the bytes of a log, line by line, without looking at most of them twice.
//!
//! The search for needles runs over whole buffers; only a line in which it finds one is cut out, matched and dated. The
//! bytes before such a line stay in the buffer: an event is a line with a time and the lines without one that follow, at
//! most [`BACK`] bytes of them, and is found by going back.

use std::io;

use memchr::{memchr, memrchr};

use super::piece::{Dress, Piece, Search, Source, Swept};
use super::stamp::{Reader, Stamp};
use super::tally::{Tally, When};
use super::{colours, container};
use crate::unpack::ALIGNED;

/// How many bytes are read at once: what is still in the cache of a processor when it is searched.
const READ: usize = 256 << 10;
/// How many reads there is room for: what is kept in front of a line is moved once for all of them.
const READS: usize = 4;
/// How far before a line its time may stand; and how long a line is before it is looked at in pieces.
pub(super) const BACK: usize = 64 << 10;
/// By how much the pieces of a long line overlap.
const OVERLAP: usize = 4 << 10;

/// A line with a time, to which those behind it belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    offset: u64,
    stamp: Option<Stamp>,
    /// Whether the line itself says it, so that those behind it belong to it.
    says: bool,
}

/// One worker's buffer; it serves one piece after the other.
pub(super) struct Sweep {
    memory: Vec<u8>,
}

impl Sweep {
    pub(super) fn new() -> Self {
        Self { memory: vec![0; BACK + READS * READ + ALIGNED] }
    }

    /// Goes through a piece.
    pub(super) fn run(&mut self, piece: Piece, source: &mut dyn Source, search: Search<'_>) -> Swept {
        let tally = Tally::of(search.matcher.patterns.len());
        let counted = vec![None; search.matcher.patterns.len()];
        let mut state = State {
            begin: piece.begin,
            log: piece.log,
            dress: piece.dress,
            coloured: piece.coloured,
            goes_on: piece.goes_on,
            reader: piece.reader,
            search,
            tally,
            counted,
            base: piece.base,
            last: None,
            long: None,
            scratch: Vec::new(),
            hits: Vec::new(),
        };
        let mut length = 0;
        // Where the next line begins, once the first one of the piece is found.
        let mut at = None;
        let offset = self.memory.as_ptr().align_offset(ALIGNED).min(ALIGNED);
        let buffer = self.memory.get_mut(offset..).unwrap_or_default();
        loop {
            if search.cancel.is_cancelled() {
                return state.end(at.unwrap_or(0), Some(io::Error::other("the look was ended")));
            }
            // What is too far back to be needed makes room.
            let keep = at.unwrap_or(length).saturating_sub(BACK + 1) / ALIGNED * ALIGNED;
            if keep > 0 && buffer.len() - length < READ {
                buffer.copy_within(keep..length, 0);
                state.base += keep as u64;
                length -= keep;
                at = at.map(|at| at - keep);
            }
            // What is kept is never longer than a long line's part and what stands before it, so that there is room.
            let Some(room) = buffer.get_mut(length..length + READ) else {
                return state.end(at.unwrap_or(0), Some(io::Error::other("a line left no room to read on")));
            };
            let read = loop {
                match source.read(room) {
                    Ok(read) => break read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        let filled = buffer.get(..length).unwrap_or_default();
                        let done = at.map_or(0, |at| state.lines(filled, at, piece.end));
                        return state.end(done, Some(error));
                    }
                }
            };
            length += read;
            let filled = buffer.get(..length).unwrap_or_default();
            if at.is_none() {
                at = state.first_line(filled);
                // What begins before it is another piece's.
                state.begin = at.map_or(state.begin, |at| state.base + at as u64);
            }
            if let Some(start) = at {
                let ended = read == 0;
                let mut next = state.lines(filled, start, piece.end);
                if ended && piece.to_the_last && state.base + (next as u64) < piece.end && next < length {
                    match state.long.take() {
                        Some((_, head)) => state.part(filled, next.saturating_sub(OVERLAP), length, head),
                        None => state.line(filled, next, length),
                    }
                    next = length;
                } else if !ended
                    && length - next >= BACK + OVERLAP
                    && (state.long.is_some() || state.base + (next as u64) < piece.end)
                {
                    next = state.part_of_a_long_line(filled, next, length);
                }
                at = Some(next);
                if state.base + next as u64 >= piece.end && state.long.is_none() {
                    return state.end(next, None);
                }
            }
            if read == 0 {
                return state.end(at.unwrap_or(0), None);
            }
        }
    }
}

struct State<'a> {
    begin: u64,
    log: usize,
    dress: Dress,
    coloured: bool,
    goes_on: bool,
    reader: Option<Reader>,
    search: Search<'a>,
    tally: Tally,
    /// The event that each pattern counted last.
    counted: Vec<Option<u64>>,
    /// Where the buffer begins in the log.
    base: u64,
    /// The last line whose head was looked for, and what came of it.
    last: Option<(u64, Head)>,
    /// Where a long line begins of which pieces are yet to come, and its head.
    long: Option<(u64, Head)>,
    scratch: Vec<u8>,
    /// The patterns that the line at hand matches.
    hits: Vec<usize>,
}

impl State<'_> {
    fn end(self, at: usize, error: Option<io::Error>) -> Swept {
        let done = self.long.map_or(self.base + at as u64, |(begin, _)| begin);
        Swept { tally: self.tally, done, error }
    }

    /// Finds where the first line begins that the piece has: at its begin, or behind the first line end after it.
    fn first_line(&self, filled: &[u8]) -> Option<usize> {
        // While no line ends, the buffer leaves its begin behind.
        let begin = usize::try_from(self.begin.saturating_sub(self.base)).ok()?;
        if self.goes_on || begin == 0 && self.begin == self.base {
            return Some(begin).filter(|begin| *begin <= filled.len());
        }
        let from = begin.saturating_sub(1);
        memchr(b'\n', filled.get(from..)?).map(|found| from + found + 1)
    }

    /// Looks at all lines that end in the buffer and begin before `end`; returns where the next one begins.
    fn lines(&mut self, filled: &[u8], start: usize, end: u64) -> usize {
        let Some(last) = filled.get(start..).and_then(|rest| memrchr(b'\n', rest)) else { return start };
        let stop = start + last + 1;
        let mut at = start;
        if let Some((_, head)) = self.long.take() {
            // The rest of a long line.
            let line_end = filled.get(at..stop).and_then(|rest| memchr(b'\n', rest)).map_or(stop, |found| at + found);
            self.part(filled, at.saturating_sub(OVERLAP), line_end, head);
            at = line_end + 1;
        }
        let lines = filled.get(..stop).unwrap_or_default();
        let limit = usize::try_from(end.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let mut cursor = self.search.matcher.cursor(self.dress, self.coloured, lines);
        while at < stop.min(limit) {
            let Some(found) = cursor.next(at) else { break };
            let begin =
                lines.get(at..found).and_then(|before| memrchr(b'\n', before)).map_or(at, |newline| at + newline + 1);
            if begin >= limit {
                break;
            }
            let line_end =
                lines.get(found..).and_then(|rest| memchr(b'\n', rest)).map_or(stop, |newline| found + newline);
            self.line(lines, begin, line_end);
            at = line_end + 1;
        }
        // What begins at or behind the end is another piece's.
        if stop > limit {
            let before = lines.get(limit.saturating_sub(1)..).and_then(|rest| memchr(b'\n', rest));
            return before.map_or(stop, |found| limit.saturating_sub(1) + found + 1).max(at);
        }
        stop
    }

    /// Takes the beginning of a line that does not fit into the buffer; the rest comes in pieces.
    fn part_of_a_long_line(&mut self, filled: &[u8], start: usize, length: usize) -> usize {
        // A log that was truncated under a program which knows where it wrote last begins with zeros: they are no part of
        // the line behind them, which has its own time.
        if self.long.is_none() && filled.get(start..length).is_some_and(|part| part.iter().all(|byte| *byte == 0)) {
            return length;
        }
        let (begin, head, from) = match self.long {
            Some((begin, head)) => (begin, head, start.saturating_sub(OVERLAP)),
            None => {
                self.tally.long_lines += 1;
                (self.base + start as u64, self.head(filled, start, length), start)
            }
        };
        self.part(filled, from, length, head);
        self.long = Some((begin, head));
        length
    }

    /// Looks at a piece of a long line.
    fn part(&mut self, filled: &[u8], from: usize, to: usize, head: Head) {
        let Some(bytes) = filled.get(from..to) else { return };
        if self.search.matcher.cursor(self.dress, self.coloured, bytes).next(0).is_some() && self.matches(bytes) {
            self.judge(filled, bytes, from, head);
        }
    }

    /// Looks at a line in which a needle was found.
    fn line(&mut self, filled: &[u8], begin: usize, end: usize) {
        let Some(raw) = filled.get(begin..end) else { return };
        if self.matches(raw) {
            let head = self.head(filled, begin, end);
            self.last = Some((self.base + begin as u64, head));
            self.judge(filled, raw, begin, head);
        }
    }

    /// Finds the patterns that a line matches, and tells whether there are any.
    fn matches(&mut self, raw: &[u8]) -> bool {
        let line = text(self.dress, raw, &mut self.scratch);
        self.search.matcher.matching(line, &mut self.hits);
        !self.hits.is_empty()
    }

    /// Counts a line for every pattern that it was found to match.
    fn judge(&mut self, filled: &[u8], raw: &[u8], begin: usize, head: Head) {
        let Some(when) = self.when(head) else { return };
        let mut scratch = std::mem::take(&mut self.scratch);
        let line = text(self.dress, raw, &mut scratch);
        let offset = self.base + begin as u64;
        let search = self.search;
        let mut shaped = false;
        let hits = std::mem::take(&mut self.hits);
        for index in hits.iter().copied() {
            if self.counted.get(index).copied().flatten() == Some(head.offset) {
                continue;
            }
            if let Some(counted) = self.counted.get_mut(index) {
                *counted = Some(head.offset);
            }
            if head.offset < self.begin && self.was_counted(filled, head, index) {
                continue;
            }
            self.tally.count(index, when, self.log, offset, line, search.wish);
            if search.wish.shapes && !shaped && when != When::Future {
                shaped = true;
                self.tally.shape(head.stamp.map(|stamp| stamp.at), self.log, offset, line);
            }
        }
        self.hits = hits;
        self.scratch = scratch;
    }

    /// Tells whether the part of an event before this piece counts for a pattern already.
    fn was_counted(&self, filled: &[u8], head: Head, index: usize) -> bool {
        let place = |offset: u64| usize::try_from(offset.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let Some(before) = filled.get(place(head.offset)..place(self.begin)) else { return false };
        let Some(pattern) = self.search.matcher.patterns.get(index) else { return false };
        let mut scratch = Vec::new();
        before.split(|byte| *byte == b'\n').any(|raw| {
            let line = text(self.dress, raw, &mut scratch);
            pattern.matches(line)
        })
    }

    /// Tells where an event lies, if it counts at all.
    fn when(&self, head: Head) -> Option<When> {
        let span = self.search.span;
        let Some(stamp) = head.stamp else {
            return Some(if span.all_new { When::Inside { at: None, twice: false } } else { When::Undated });
        };
        if stamp.at > span.now {
            return Some(When::Future);
        }
        // Of a time that the clock showed twice the second may be in the window; an hour lies between them.
        let inside = |at: i64| (span.from..span.to).contains(&at);
        let inside = inside(stamp.at) || stamp.twice && inside(stamp.at + 3_600_000_000);
        inside.then_some(When::Inside { at: Some(stamp.at), twice: stamp.twice })
    }

    /// Finds the line to which a line belongs: itself if it has a time, otherwise the nearest one before it that has.
    fn head(&mut self, filled: &[u8], begin: usize, end: usize) -> Head {
        let own = self.base + begin as u64;
        let alone = Head { offset: own, stamp: None, says: false };
        let Some(reader) = &mut self.reader else { return alone };
        let mut scratch = Vec::new();
        let mut stamp = |from: usize, to: usize| {
            let line = text(self.dress, filled.get(from..to)?, &mut scratch);
            reader.read(line)
        };
        if let Some(stamp) = stamp(begin, end) {
            return Head { offset: own, stamp: Some(stamp), says: true };
        }
        let mut at = begin;
        while at > 0 {
            let line_end = at - 1;
            let previous =
                filled.get(..line_end).and_then(|before| memrchr(b'\n', before)).map_or(0, |found| found + 1);
            // The first bytes of the buffer may be the rest of a line.
            if begin - previous > BACK || (previous == 0 && self.base > 0) {
                break;
            }
            let offset = self.base + previous as u64;
            if let Some((known, head)) = self.last
                && known == offset
            {
                let near = head.says && own - head.offset <= BACK as u64;
                if near {
                    return head;
                }
                break;
            }
            if let Some(stamp) = stamp(previous, line_end) {
                return Head { offset, stamp: Some(stamp), says: true };
            }
            at = previous;
        }
        match self.dress {
            Dress::Bare => alone,
            // The engine knows when it got the line, whatever the program wrote.
            Dress::Container => {
                let stamp = filled.get(begin..end).and_then(container::received).map(|at| Stamp { at, twice: false });
                Head { offset: own, stamp, says: false }
            }
        }
    }
}

/// Returns what a program wrote: the line without its end and its colours, out of the record of the engine if it is in one.
fn text<'a>(dress: Dress, raw: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
    let raw = raw.get(raw.iter().take_while(|byte| **byte == 0).count()..).unwrap_or_default();
    if !colours::are_in(raw) {
        return match dress {
            Dress::Bare => raw,
            Dress::Container => container::message(raw, scratch).unwrap_or(raw),
        };
    }
    let plain = match dress {
        Dress::Bare => colours::without(raw).into_owned(),
        Dress::Container => {
            let line = container::message(raw, scratch).unwrap_or(raw);
            colours::without(line).into_owned()
        }
    };
    *scratch = plain;
    scratch
}
