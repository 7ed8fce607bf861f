//! A file of zstd frames, some of which are written before what is in them is known.
//!
//! In tar, the size of a member stands before its content, and the checksums of all are best read before the members. Both
//! are known only afterwards, and a dump that waits on a disk for that costs as much room as the database. Frames of zstd
//! that follow each other are one stream, so that a part of the stream may be a frame of its own whose bytes are not packed:
//! its length is known however they turn out. Room for it is left in the file, and filled at the end.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer};

/// The largest block of a frame.
const BLOCK: usize = 128 << 10;
/// What stands before the blocks of a frame of ours: the magic number, what follows, a window of 128 KiB, the length.
const HEAD: usize = 4 + 1 + 1 + 4;
/// How many bytes it takes to tell whether packing them needs help.
const TRIED: u64 = 16 << 20;
/// How often it is looked whether room is left, in bytes.
const LOOK: u64 = 16 << 20;

/// Where the archive ends before the disk is full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How large it may become.
    pub(super) bytes: u64,
    /// How much room has to stay free.
    pub(super) free: u64,
}

/// Room that was left in the file.
#[derive(Debug)]
pub(super) struct Room {
    at: u64,
    length: usize,
}

/// The file.
pub(super) struct Frames {
    file: File,
    context: CCtx<'static>,
    level: i32,
    buffer: Vec<u8>,
    written: u64,
    looked: u64,
    bounds: Bounds,
    is_open: bool,
    trial: Option<Trial>,
}

/// Whether packing keeps up alone. Where `pg_dump` takes longer than packing what it writes, helpers of zstd take more time
/// from it and from the server than they save; where packing takes longer, they are what makes it faster.
struct Trial {
    /// How many helpers there are to be.
    workers: u32,
    begun: Instant,
    bytes: u64,
    /// How long the processor packed them. How long that took says nothing where others have the processor.
    busy: Duration,
}

impl Trial {
    fn new(workers: u32) -> Self {
        Self { workers, begun: Instant::now(), bytes: 0, busy: Duration::ZERO }
    }
}

impl Frames {
    /// Begins in an empty file. The helpers come where packing is what takes the time.
    pub(super) fn new(file: File, level: u8, workers: u32, bounds: Bounds) -> io::Result<Self> {
        let mut context = CCtx::try_create().ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        for parameter in [CParameter::CompressionLevel(i32::from(level)), CParameter::ChecksumFlag(true)] {
            context.set_parameter(parameter).map_err(failed)?;
        }
        let buffer = Vec::with_capacity(1 << 20);
        let (level, trial) = (i32::from(level), Some(Trial::new(workers)));
        Ok(Self { file, context, level, buffer, written: 0, looked: 0, bounds, is_open: false, trial })
    }

    /// Returns how many bytes the file has.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Packs bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let begun = worked();
        let mut input = InBuffer::around(bytes);
        while input.pos() < bytes.len() {
            self.pack(&mut input, ZSTD_EndDirective::ZSTD_e_continue)?;
        }
        self.is_open |= !bytes.is_empty();
        let Some(trial) = &mut self.trial else { return Ok(()) };
        trial.bytes += bytes.len() as u64;
        trial.busy += worked().saturating_sub(begun);
        if trial.bytes < TRIED {
            return Ok(());
        }
        let (needs_help, workers) = (trial.busy * 5 > trial.begun.elapsed() * 2, trial.workers);
        if needs_help {
            // Only between frames.
            self.end()?;
            self.context.set_parameter(CParameter::NbWorkers(workers)).map_err(failed)?;
        }
        self.trial = (!needs_help).then(|| Trial::new(workers));
        Ok(())
    }

    /// Leaves room for so many bytes, in a frame of their own.
    pub(super) fn leave(&mut self, length: usize) -> io::Result<Room> {
        self.end()?;
        let room = Room { at: self.written, length };
        let mut left = stored(&vec![0; length], self.level)?.len();
        // Zeros are no frame: until it is filled, nobody takes the file for an archive.
        while left > 0 {
            let count = left.min(BLOCK);
            self.put(&vec![0; count])?;
            left -= count;
        }
        Ok(room)
    }

    /// Fills room that was left.
    pub(super) fn fill(&mut self, room: &Room, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() != room.length {
            return Err(io::Error::other("room of another length was left for it"));
        }
        self.file.write_all_at(&stored(bytes, self.level)?, room.at)
    }

    /// Ends what is being packed, and returns the file.
    pub(super) fn finish(mut self) -> io::Result<File> {
        self.end()?;
        Ok(self.file)
    }

    fn end(&mut self) -> io::Result<()> {
        if !self.is_open {
            return Ok(());
        }
        let mut nothing = InBuffer::around(&[]);
        while self.pack(&mut nothing, ZSTD_EndDirective::ZSTD_e_end)? != 0 {}
        self.is_open = false;
        Ok(())
    }

    fn pack(&mut self, input: &mut InBuffer<'_>, how: ZSTD_EndDirective) -> io::Result<usize> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let left = {
            let mut output = OutBuffer::around(&mut buffer);
            self.context.compress_stream2(&mut output, input, how).map_err(failed)
        };
        let put = left.and_then(|left| self.put(&buffer).map(|()| left));
        self.buffer = buffer;
        put
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = self.written + bytes.len() as u64;
        if length > self.bounds.bytes {
            let most = selx_core::ByteSize(self.bounds.bytes);
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, format!("it would become larger than {most}")));
        }
        if length - self.looked >= LOOK {
            self.looked = length;
            let stat = rustix::fs::fstatvfs(&self.file)?;
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            if free < self.bounds.free {
                let (free, floor) = (selx_core::ByteSize(free), selx_core::ByteSize(self.bounds.free));
                let text = format!("{free} are free on its disk, and {floor} have to stay free");
                return Err(io::Error::new(io::ErrorKind::StorageFull, text));
            }
        }
        self.file.write_all(bytes)?;
        self.written = length;
        Ok(())
    }
}

/// Makes a frame of bytes that are not packed; its length is known by theirs.
fn stored(bytes: &[u8], level: i32) -> io::Result<Vec<u8>> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::Error::other("too long for a frame of its own"))?;
    // The number, a checksum and a length of four bytes, the window, the length.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x84, 0x38];
    frame.extend(length.to_le_bytes());
    debug_assert_eq!(frame.len(), HEAD);
    let mut blocks = bytes.chunks(BLOCK).peekable();
    if blocks.peek().is_none() {
        frame.extend([1, 0, 0]);
    }
    while let Some(block) = blocks.next() {
        let is_last = u32::from(blocks.peek().is_none());
        let size = u32::try_from(block.len()).unwrap_or(0);
        frame.extend(((size << 3) | is_last).to_le_bytes().iter().take(3));
        frame.extend(block);
    }
    frame.extend(checksum(bytes, level)?);
    Ok(frame)
}

/// How long the processor has worked for this thread.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The checksum of a content as zstd has it: the last bytes of a frame that the library makes of it.
fn checksum(bytes: &[u8], level: i32) -> io::Result<[u8; 4]> {
    let mut context = CCtx::try_create().ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
    for parameter in [CParameter::CompressionLevel(level.min(1)), CParameter::ChecksumFlag(true)] {
        context.set_parameter(parameter).map_err(failed)?;
    }
    let mut packed: Vec<u8> = Vec::with_capacity(zstd_safe::compress_bound(bytes.len()));
    context.compress2(&mut packed, bytes).map_err(failed)?;
    packed.last_chunk::<4>().copied().ok_or_else(|| io::Error::other("zstd gave no checksum"))
}

fn failed(code: usize) -> io::Error {
    io::Error::other(format!("zstd: {}", zstd_safe::get_error_name(code)))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn unpack(bytes: &[u8]) -> (Vec<u8>, crate::unpack::Summary) {
        let caps = crate::unpack::Caps { bytes: 1 << 30, ratio: 1_000_000 };
        let mut unpacker = crate::unpack::Unpacker::new(bytes, caps).unwrap();
        let mut content = Vec::new();
        loop {
            let piece = unpacker.next().unwrap().to_vec();
            if piece.is_empty() {
                return (content, unpacker.summary());
            }
            content.extend(piece);
        }
    }

    #[test]
    fn what_was_left_and_filled_is_one_stream_with_the_rest() {
        for length in [0, 1, 512, BLOCK, BLOCK + 1, 3 * BLOCK + 7] {
            let file = tempfile::tempfile().unwrap();
            let bounds = Bounds { bytes: 1 << 30, free: 1 };
            let mut frames = Frames::new(file.try_clone().unwrap(), 3, 2, bounds).unwrap();
            let first = frames.leave(length).unwrap();
            frames.write(&b"in between ".repeat(100_000)).unwrap();
            let second = frames.leave(512).unwrap();
            frames.write(b"and the end").unwrap();
            let known: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            frames.fill(&first, &known).unwrap();
            frames.fill(&second, &[7; 512]).unwrap();
            assert!(frames.fill(&second, &[7; 511]).is_err());
            frames.finish().unwrap();
            let mut bytes = Vec::new();
            io::Seek::rewind(&mut &file).unwrap();
            (&file).read_to_end(&mut bytes).unwrap();
            let (content, summary) = unpack(&bytes);
            assert_eq!(content, [&known[..], &b"in between ".repeat(100_000), &[7; 512], b"and the end"].concat());
            assert_eq!((summary.unchecked, summary.members), (0, 4), "every byte is under a checksum");
        }
    }

    #[test]
    fn helpers_come_where_packing_takes_the_time() {
        let piece: Vec<u8> = (0..1_u32 << 20).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let long = Duration::from_secs(60);
        // As if a minute had gone by with something else, or with packing.
        for (waited, worked) in [(long, Duration::ZERO), (Duration::ZERO, long)] {
            let file = tempfile::tempfile().unwrap();
            let bounds = Bounds { bytes: 1 << 30, free: 1 };
            let mut frames = Frames::new(file.try_clone().unwrap(), 1, 2, bounds).unwrap();
            let trial = frames.trial.as_mut().unwrap();
            (trial.begun, trial.busy) = (trial.begun - waited, worked);
            for _ in 0..6 {
                frames.write(&piece).unwrap();
            }
            assert_eq!(frames.trial.is_none(), !worked.is_zero());
            frames.finish().unwrap();
            let mut bytes = Vec::new();
            io::Seek::rewind(&mut &file).unwrap();
            (&file).read_to_end(&mut bytes).unwrap();
            let (content, summary) = unpack(&bytes);
            assert!(content == piece.repeat(6));
            assert_eq!((summary.unchecked, summary.members), (0, if worked.is_zero() { 1 } else { 2 }));
        }
    }

    #[test]
    fn it_ends_where_it_is_to_end() {
        let bounds = Bounds { bytes: 1000, free: 1 };
        let mut frames = Frames::new(tempfile::tempfile().unwrap(), 1, 1, bounds).unwrap();
        assert!(frames.leave(2000).is_err());
        let bounds = Bounds { bytes: 1 << 40, free: u64::MAX };
        let mut frames = Frames::new(tempfile::tempfile().unwrap(), 1, 1, bounds).unwrap();
        assert!(frames.leave(LOOK as usize).is_err(), "the floor");
    }
}
