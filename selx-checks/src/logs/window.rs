//! Which part of a file can hold lines of a window: found by halving, as lines come in the order of their times.

use std::fs::File;

use memchr::{memchr, memrchr};

use super::colours;
use super::mark::read_full;
use super::stamp::Reader;

/// How much is read at one place to find a line with a time; and how much at most.
const PROBE: usize = 16 << 10;
const PROBE_MOST: usize = 1 << 20;
/// Files shorter than this are read whole.
const SHORT: u64 = 1 << 20;
/// At how many places the order is looked at before it is relied on.
const PLACES: u64 = 24;
/// How far lines may be out of order: a day has clocks that are set and queues that wait. In microseconds.
const SLACK: i64 = 3_600_000_000;

/// What part is to be read, and why that is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// From here to there; the rest is older, or newer.
    Some(u64, u64),
    /// Nothing: the last line is older than the window.
    Older,
}

/// What the lines are like that were looked at to know a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Habits {
    /// Whether there are times in them.
    pub(super) timed: bool,
    /// Whether there are colours in them.
    pub(super) coloured: bool,
}

/// Learns where the lines of a file have their times, from its begin, its middle and its end.
pub(super) fn learn(file: &File, size: u64, reader: &mut Reader) -> Habits {
    let mut samples = Vec::new();
    for at in [0, size / 2, size.saturating_sub(PROBE as u64)] {
        let mut bytes = vec![0; PROBE];
        let length = read_full(file, &mut bytes, at).unwrap_or(0);
        bytes.truncate(length);
        let skipped = if at == 0 { 0 } else { memchr(b'\n', &bytes).map_or(bytes.len(), |found| found + 1) };
        samples.push(bytes.split_off(skipped.min(bytes.len())));
    }
    let coloured = samples.iter().any(|bytes| colours::are_in(bytes));
    let lines = samples.iter().flat_map(|bytes| bytes.split(|byte| *byte == b'\n')).filter(|line| !line.is_empty());
    Habits { timed: reader.learn(lines) > 0, coloured }
}

/// Finds the part of a file of `size` bytes that can hold lines from `from` on and before `to`.
pub(super) fn part(file: &File, size: u64, reader: &mut Reader, from: i64, to: i64) -> Part {
    let mut probe = Probe { file, size, reader };
    if size < SHORT {
        return if probe.is_older(from - SLACK) { Part::Older } else { Part::Whole };
    }
    let Some(last) = probe.last() else { return Part::Whole };
    let mut before = i64::MIN;
    for place in 0..PLACES {
        match probe.latest_in_order(size / PLACES * place, before) {
            Some(latest) => before = latest,
            None => return Part::Whole,
        }
    }
    if last < before.saturating_sub(SLACK) {
        return Part::Whole;
    }
    if before < from - SLACK && last < from - SLACK {
        return Part::Older;
    }
    let begin = probe.first_from(from.saturating_sub(SLACK), Undated::IsLater);
    let end = if to.saturating_add(SLACK) > last {
        size
    } else {
        probe.first_from(to.saturating_add(SLACK), Undated::IsEarlier)
    };
    Part::Some(begin, end.max(begin))
}

/// Where a stretch is taken to be in which no line has a time: so that it is read, whichever end of the window is looked
/// for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Undated {
    IsEarlier,
    IsLater,
}

struct Probe<'a> {
    file: &'a File,
    size: u64,
    reader: &'a mut Reader,
}

impl Probe<'_> {
    /// Returns the first line with a time that begins at or behind an offset: where it begins, and its time.
    fn at(&mut self, offset: u64) -> Option<(u64, i64)> {
        let mut length = PROBE;
        loop {
            // One byte before tells whether a line begins right here.
            let base = offset.saturating_sub(1);
            let mut bytes = vec![0; length];
            let read = read_full(self.file, &mut bytes, base).ok()?;
            bytes.truncate(read);
            let mut at = if offset == 0 { 0 } else { memchr(b'\n', &bytes)? + 1 };
            while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
                let end = memchr(b'\n', rest).unwrap_or(rest.len());
                if let Some(stamp) = rest.get(..end).and_then(|line| self.reader.read(line)) {
                    return Some((base + at as u64, stamp.at));
                }
                at += end + 1;
            }
            if read < length || length >= PROBE_MOST {
                return None;
            }
            length *= 8;
        }
    }

    /// Looks at all lines of one place, of which none may be older than those before it by more than the slack. Returns
    /// the latest time so far, or `None` if they are out of order or have no times.
    fn latest_in_order(&mut self, offset: u64, before: i64) -> Option<i64> {
        let (begin, first) = self.at(offset)?;
        let mut bytes = vec![0; PROBE];
        let read = read_full(self.file, &mut bytes, begin).ok()?;
        let lines = bytes.get(..read)?.split(|byte| *byte == b'\n');
        let times = lines.filter_map(|line| self.reader.read(line)).map(|stamp| stamp.at);
        let mut latest = before.max(first);
        if first < before.saturating_sub(SLACK) {
            return None;
        }
        for at in times {
            if at < latest.saturating_sub(SLACK) {
                return None;
            }
            latest = latest.max(at);
        }
        Some(latest)
    }

    /// Tells whether a short file has times, all of them before this one. The last lines decide it, as a rule.
    fn is_older(&mut self, time: i64) -> bool {
        let mut bytes = vec![0; usize::try_from(self.size).unwrap_or(0)];
        let Ok(read) = read_full(self.file, &mut bytes, 0) else { return false };
        let lines = bytes.get(..read).unwrap_or_default().rsplit(|byte| *byte == b'\n');
        let mut times = lines.filter_map(|line| self.reader.read(line)).map(|stamp| stamp.at).peekable();
        times.peek().is_some() && times.all(|at| at < time)
    }

    /// Returns the time of the last line that has one.
    fn last(&mut self) -> Option<i64> {
        let mut length = PROBE as u64;
        loop {
            let base = self.size.saturating_sub(length);
            let mut bytes = vec![0; usize::try_from(self.size - base).ok()?];
            let read = read_full(self.file, &mut bytes, base).ok()?;
            bytes.truncate(read);
            let mut end = bytes.len();
            while end > 0 {
                let begin = bytes.get(..end - 1).and_then(|before| memrchr(b'\n', before)).map_or(0, |found| found + 1);
                // The first of these bytes may be the rest of a line.
                if begin == 0 && base > 0 {
                    break;
                }
                if let Some(stamp) = bytes.get(begin..end).and_then(|line| self.reader.read(line)) {
                    return Some(stamp.at);
                }
                end = begin;
            }
            if base == 0 || length >= PROBE_MOST as u64 {
                return None;
            }
            length *= 8;
        }
    }

    /// Finds, by halving, where lines from a time on begin.
    fn first_from(&mut self, time: i64, undated: Undated) -> u64 {
        // Lines that begin before `low` are older; `high` begins a line that is not, or is the end.
        let (mut low, mut high) = (0, self.size);
        while high - low > PROBE as u64 {
            let middle = low + (high - low) / 2;
            match self.at(middle) {
                Some((_, at)) if at < time => low = middle,
                Some((begin, _)) if begin < high => high = middle,
                // Nothing dated is left before `high`.
                Some(_) => high = middle,
                None if undated == Undated::IsEarlier => low = middle,
                None => high = middle,
            }
        }
        self.line_at(low)
    }

    /// Returns where the line begins that holds an offset.
    fn line_at(&self, offset: u64) -> u64 {
        let mut length = PROBE as u64;
        loop {
            let base = offset.saturating_sub(length);
            let mut bytes = vec![0; usize::try_from(offset - base).unwrap_or(0)];
            let read = read_full(self.file, &mut bytes, base).unwrap_or(0);
            if let Some(found) = bytes.get(..read).and_then(|bytes| memrchr(b'\n', bytes)) {
                return base + found as u64 + 1;
            }
            if base == 0 {
                return 0;
            }
            // A line as long as that is not of the window: what begins behind it is.
            if length >= PROBE_MOST as u64 {
                return offset;
            }
            length *= 8;
        }
    }
}
