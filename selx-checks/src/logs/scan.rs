//! Several logs at once, in pieces, on as many threads as there are processors.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use selx_core::Extent;

use super::colours;
use super::piece::{Dress, Piece, Search, Source, Swept};
use super::stamp::Reader;
use super::sweep::{BACK, Sweep};
use super::tally::Tally;
use crate::unpack::{Caps, Fault, Unpacker};

/// How long one piece of a file is.
const PIECE: u64 = 8 << 20;
/// How many threads search; more would wait for memory.
const THREADS: usize = 8;
/// How many parts between holes a file may have.
const PARTS: usize = 4096;
/// What a compressed log may unpack to, and by how much.
const CAPS: Caps = Caps { bytes: 256 << 30, ratio: 2_000 };

/// A log that is open, and which part of it is to be read.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) file: Arc<File>,
    /// The parts, in order: one, unless there are holes between them. Offsets are those of what the program wrote.
    pub(super) ranges: Vec<(u64, u64)>,
    /// Whether it is compressed; then the one range ends nowhere.
    pub(super) packed: bool,
    pub(super) dress: Dress,
    pub(super) coloured: bool,
    /// Whether it begins where an earlier look ended, be it within a line.
    pub(super) goes_on: bool,
    pub(super) reader: Option<Reader>,
    /// Whether a last line without an end counts.
    pub(super) to_the_last: bool,
}

/// What came of one log.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// How many bytes were read, unpacked.
    pub(super) bytes: u64,
    /// Where the last line that was looked at ends.
    pub(super) done: u64,
    /// Why it was not read to its end, and where.
    pub(super) error: Option<(u64, String)>,
    /// Whether the reason lies in the packing: broken, or larger than anything that is plausible.
    pub(super) broken: bool,
}

/// Searches all of them; samples carry the number of their log, counted from `first` on. What is counted is handed over
/// with its number among these.
pub(super) fn scan(
    logs: &[Log],
    first: usize,
    search: Search<'_>,
    counted: &mut (dyn FnMut(usize, Tally) + Send),
) -> Vec<Scanned> {
    let pieces: Vec<(usize, usize, u64, u64)> =
        logs.iter().enumerate().flat_map(|(log, one)| pieces(log, one)).collect();
    for log in logs {
        let packed = log.file.metadata().map_or(0, |metadata| metadata.len());
        let plain = log.ranges.iter().map(|(from, to)| to - from).sum();
        search.extent.expect(if log.packed { packed } else { plain });
    }
    let next = AtomicUsize::new(0);
    let scanned = Mutex::new((logs.iter().map(|_| Scanned::default()).collect::<Vec<_>>(), counted));
    let work = || {
        let mut sweep = Sweep::new();
        while let Some((log, range, begin, end)) = pieces.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            let Some(one) = logs.get(log) else { break };
            let (swept, broken) = one.sweep(&mut sweep, first + log, range, begin, end, search);
            let mut both = scanned.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let (scanned, counted) = &mut *both;
            if let Some(scanned) = scanned.get_mut(log) {
                scanned.bytes += swept.done.saturating_sub(begin).min(end - begin);
                scanned.done = scanned.done.max(swept.done);
                scanned.broken |= broken;
                // The first place is the one to be told.
                if let Some(error) = swept.error
                    && scanned.error.as_ref().is_none_or(|(at, _)| swept.done < *at)
                {
                    scanned.error = Some((swept.done, error.to_string()));
                }
            }
            counted(log, swept.tally);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS).min(pieces.len());
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    scanned.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).0
}

/// Cuts what is to be read of a log: number of the log, number of its range, begin and end.
fn pieces(log: usize, one: &Log) -> Vec<(usize, usize, u64, u64)> {
    let mut pieces = Vec::new();
    for (range, (from, to)) in one.ranges.iter().copied().enumerate() {
        let mut begin = from;
        while begin < to {
            // A rest that is too short for a piece of its own belongs to the last one.
            let end = if one.packed || to - begin < PIECE + PIECE / 2 { to } else { begin + PIECE };
            pieces.push((log, range, begin, end));
            begin = end;
        }
    }
    pieces
}

impl Log {
    fn sweep(
        &self,
        sweep: &mut Sweep,
        log: usize,
        range: usize,
        begin: u64,
        end: u64,
        search: Search<'_>,
    ) -> (Swept, bool) {
        let (from, to) = self.ranges.get(range).copied().unwrap_or((begin, end));
        let last = range + 1 == self.ranges.len();
        // What stands before the first line of a range is looked at for the time of that line, unless there is a hole.
        let first = range == 0;
        let base =
            if self.packed { 0 } else { begin.saturating_sub(BACK as u64 + 1).max(if first { 0 } else { from }) };
        let piece = Piece {
            log,
            base,
            begin,
            end,
            to_the_last: self.to_the_last || !last,
            dress: self.dress,
            coloured: self.coloured,
            goes_on: self.goes_on && first && begin == from,
            reader: self.reader.clone(),
        };
        if !self.packed {
            let mut plain = Plain { file: &self.file, at: base, to, extent: search.extent };
            return (sweep.run(piece, &mut plain, search), false);
        }
        match Packed::new(&self.file, search.extent) {
            Ok(mut packed) => {
                let swept = sweep.run(piece, &mut packed, search);
                (swept, packed.broken)
            }
            Err(error) => {
                let tally = Tally::of(search.matcher.patterns.len());
                (Swept { tally, done: begin, error: Some(error) }, true)
            }
        }
    }
}

/// A file as it is.
struct Plain<'a> {
    file: &'a File,
    at: u64,
    to: u64,
    extent: &'a Extent,
}

impl Source for Plain<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.to.saturating_sub(self.at)).unwrap_or(usize::MAX).min(into.len());
        let read = self.file.read_at(into.get_mut(..most).unwrap_or_default(), self.at)?;
        self.at += read as u64;
        self.extent.did(read as u64);
        Ok(read)
    }
}

/// Reads a file from its begin, whatever others do with the same descriptor.
#[derive(Debug)]
pub(super) struct FromBegin<'a> {
    file: &'a File,
    at: u64,
}

impl<'a> FromBegin<'a> {
    pub(super) fn new(file: &'a File) -> Self {
        Self { file, at: 0 }
    }
}

impl io::Read for FromBegin<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// A compressed file. It counts only if it is whole: what is broken is told.
struct Packed<'a> {
    unpacker: Unpacker<FromBegin<'a>>,
    /// How much of its last piece was taken.
    taken: usize,
    broken: bool,
    extent: &'a Extent,
    /// How many packed bytes were told to be read.
    used: u64,
}

impl<'a> Packed<'a> {
    fn new(file: &'a File, extent: &'a Extent) -> io::Result<Self> {
        let unpacker =
            Unpacker::new(FromBegin::new(file), CAPS).map_err(|broken| io::Error::other(broken.to_string()))?;
        Ok(Self { unpacker, taken: 0, broken: false, extent, used: 0 })
    }
}

impl Source for Packed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.unpacker.last().len() {
            self.taken = 0;
            self.unpacker.next().map_err(|broken| {
                self.broken = !matches!(broken.fault, Fault::Read(_));
                io::Error::other(broken.to_string())
            })?;
            let used = self.unpacker.summary().encoded;
            self.extent.did(used.saturating_sub(self.used));
            self.used = used;
        }
        let rest = self.unpacker.last().get(self.taken..).unwrap_or_default();
        let fits = rest.len().min(into.len());
        into.get_mut(..fits).unwrap_or_default().copy_from_slice(rest.get(..fits).unwrap_or_default());
        self.taken += fits;
        Ok(fits)
    }
}

/// Searches a text that is in memory.
pub(super) fn scan_text(text: &[u8], log: usize, reader: Reader, search: Search<'_>) -> Tally {
    let piece = Piece {
        log,
        base: 0,
        begin: 0,
        end: text.len() as u64,
        to_the_last: true,
        dress: Dress::Bare,
        coloured: colours::are_in(text),
        goes_on: false,
        reader: Some(reader),
    };
    Sweep::new().run(piece, &mut Memory { rest: text }, search).tally
}

/// A text in memory.
struct Memory<'a> {
    rest: &'a [u8],
}

impl Source for Memory<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut self.rest, into)
    }
}

/// Returns the parts of a range in which there is something: a file with holes can be larger than any disk.
pub(super) fn without_holes(file: &File, metadata: &std::fs::Metadata, (from, to): (u64, u64)) -> Vec<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;

    use rustix::fs::SeekFrom;
    // How many bytes may be missing on the disk, by how file systems count, before it is worth looking for holes.
    const WORTH: u64 = 1 << 20;
    if metadata.blocks().saturating_mul(512).saturating_add(WORTH) >= metadata.len() {
        return vec![(from, to)];
    }
    let mut parts: Vec<(u64, u64)> = Vec::new();
    let mut at = from;
    while at < to && parts.len() < PARTS {
        let data = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(data) => data,
            // Nothing but a hole is left.
            Err(rustix::io::Errno::NXIO) => break,
            // A file system that knows of no holes is read as it is.
            Err(_) => {
                parts.push((at, to));
                break;
            }
        };
        let hole = rustix::fs::seek(file, SeekFrom::Hole(data)).unwrap_or(to);
        let (begin, end) = (data.max(from), hole.min(to));
        if begin >= end {
            break;
        }
        match parts.last_mut() {
            // A short hole is read faster than a new part is begun.
            Some(last) if begin - last.1 < WORTH => last.1 = end,
            _ => parts.push((begin, end)),
        }
        at = hole;
    }
    if parts.len() == PARTS {
        // More holes than that are not looked for: the rest is read as it is.
        parts.push((at, to));
    }
    parts
}
