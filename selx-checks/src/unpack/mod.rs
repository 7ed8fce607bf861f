//! Unpacking to the true end: gzip, zstd and xz, with everything that each of them says about itself held to be true.
//!
//! What is read here was written by others and may be cut, damaged or made to hurt. [`Unpacker::next`] gives one piece
//! after the other, and an empty one only when the end is proven: every member or frame is whole, what it says of its
//! length and its checksum is so, and nothing stands behind the last of them. The format is told from the first bytes,
//! never from a name. A piece has a bounded size, and so have the memory and the sum of all pieces.

mod beside;
mod bits;
mod codes;
mod gzip;
mod inflate;
mod source;
#[cfg(test)]
mod tests;
mod tokens;
mod window;
mod xz;
mod zstd;

use std::fmt;
use std::io::Read;
use std::thread::Scope;

use beside::Beside;
#[cfg(feature = "logs")]
pub(crate) use source::ALIGNED;
use source::Source;

/// The most bytes of one piece.
pub const PIECE: usize = 256 << 10;
/// How many decoded bytes there have to be before a ratio says anything: short texts of one letter are no bomb.
const RATIO_FROM: u64 = 16 << 20;

/// How something is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Not at all, as far as the first bytes tell.
    Plain,
    /// gzip, RFC 1952.
    Gzip,
    /// zstd, RFC 8878.
    Zstd,
    /// xz.
    Xz,
    /// bzip2, which is known and cannot be unpacked here.
    Bzip2,
}

impl Format {
    /// Tells the format from the first bytes; six are enough.
    pub fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A frame to be skipped may come first, as `pzstd` writes it.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, ..] => Self::Bzip2,
            _ => Self::Plain,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        })
    }
}

/// How much may come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// The most decoded bytes.
    pub bytes: u64,
    /// The most decoded bytes for each encoded one. It is judged from 16 MiB of decoded bytes on.
    pub ratio: u64,
}

/// Which of the caps was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// More decoded bytes than this.
    Bytes(u64),
    /// More decoded bytes for each encoded one than this.
    Ratio(u64),
    /// More memory for the decoder than this.
    Memory(u64),
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "more than {} unpacked", selx_core::ByteSize(*bytes)),
            Self::Ratio(ratio) => write!(f, "more than {ratio} bytes unpacked for each packed one"),
            Self::Memory(bytes) => {
                write!(f, "unpacking needs more than {} of memory", selx_core::ByteSize(*bytes))
            }
        }
    }
}

/// What is wrong with packed bytes.
#[derive(Debug)]
pub enum Fault {
    /// The format is known and cannot be unpacked here.
    NotThisFormat,
    /// The bytes end before their end.
    CutShort,
    /// A checksum is not that of the bytes.
    BadChecksum(String),
    /// The length of a member is not the one that it says.
    BadLength(String),
    /// The bytes are not what the format allows.
    BadData(String),
    /// Something stands behind the end that is no part of the format.
    TrailingBytes,
    /// A cap was reached.
    TooLarge(Cap),
    /// The bytes could not be read.
    Read(std::io::Error),
}

/// What is wrong, and where.
#[derive(Debug)]
pub struct Broken {
    /// The format.
    pub format: Format,
    /// What is wrong.
    pub fault: Fault,
    /// How many packed bytes were used up to there.
    pub encoded: u64,
    /// How many unpacked bytes came out before.
    pub decoded: u64,
    /// Which member, frame or stream it is in, from 1 on.
    pub member: u64,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, encoded, member, .. } = self;
        match &self.fault {
            Fault::NotThisFormat => return write!(f, "{format} cannot be unpacked by this program"),
            Fault::CutShort => write!(f, "the {format} data are cut short at byte {encoded}")?,
            Fault::BadChecksum(text) => write!(f, "{text}, at byte {encoded} of the {format} data")?,
            Fault::BadLength(text) => write!(f, "{text}, at byte {encoded} of the {format} data")?,
            Fault::BadData(text) => write!(f, "the {format} data are damaged before byte {encoded}: {text}")?,
            Fault::TrailingBytes => {
                write!(f, "bytes that are not {format} stand behind its end, from byte {encoded} on")?;
            }
            Fault::TooLarge(cap) => write!(f, "{cap}, at byte {encoded} of the {format} data")?,
            Fault::Read(error) => write!(f, "reading failed at byte {encoded}: {error}")?,
        }
        if *member > 1 { write!(f, " (member {member})") } else { Ok(()) }
    }
}

impl std::error::Error for Broken {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::Read(error) => Some(error),
            _ => None,
        }
    }
}

/// What was unpacked so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Members of gzip, frames of zstd, streams of xz that were begun.
    pub members: u64,
    /// Packed bytes that were used.
    pub encoded: u64,
    /// Unpacked bytes.
    pub decoded: u64,
    /// Zeros behind the end, which tapes and blocks need and gzip allows.
    pub padding: u64,
    /// How many of the members carry no checksum of their content: there, damage that still unpacks is not seen.
    pub unchecked: u64,
}

/// The decoders, which all are asked the same way.
enum Decoder {
    Plain,
    Gzip(Box<gzip::Gzip>),
    Zstd(Box<zstd::Zstd>),
    Xz(Box<xz::Xz>),
}

impl Decoder {
    /// Takes the one of a format.
    fn of(format: Format) -> Result<Self, Fault> {
        Ok(match format {
            Format::Plain => Self::Plain,
            Format::Gzip => Self::Gzip(Box::new(gzip::Gzip::new())),
            Format::Zstd => Self::Zstd(Box::new(zstd::Zstd::new()?)),
            Format::Xz => Self::Xz(Box::default()),
            Format::Bzip2 => return Err(Fault::NotThisFormat),
        })
    }

    /// Unpacks into a piece; gzip has a room of its own.
    fn step<R: Read>(
        &mut self,
        source: &mut Source<R>,
        piece: &mut [u8],
        summary: &mut Summary,
    ) -> Result<Step, Fault> {
        match self {
            Self::Plain => {
                let produced = source.read(piece)?;
                Ok(Step { produced, ended: produced == 0 })
            }
            Self::Gzip(gzip) => gzip.step(source, summary),
            Self::Zstd(zstd) => zstd.step(source, piece, summary),
            Self::Xz(xz) => xz.step(source, piece, summary),
        }
    }
}

/// Who unpacks.
enum Way<R: Read> {
    Alone(Source<R>, Decoder),
    Beside(Box<Beside>),
}

impl<R: Read> Way<R> {
    fn used(&self) -> u64 {
        match self {
            Self::Alone(source, _) => source.used(),
            Self::Beside(beside) => beside.used(),
        }
    }
}

/// What one step of a decoder came to.
struct Step {
    /// Bytes written to the front of the room it was given.
    produced: usize,
    /// Whether the end is proven.
    ended: bool,
}

/// Unpacks what a reader gives, to its true end. See the [module](self).
pub struct Unpacker<R: Read> {
    way: Way<R>,
    format: Format,
    caps: Caps,
    piece: Vec<u8>,
    last: usize,
    summary: Summary,
    ended: bool,
}

impl<R: Read> Unpacker<R> {
    /// Reads the first bytes and takes the decoder that they ask for. Bytes of no known format are given as they are.
    ///
    /// # Errors
    ///
    /// If reading fails, or if the format is one that cannot be unpacked here.
    pub fn new(reader: R, caps: Caps) -> Result<Self, Broken> {
        Self::start(reader, caps, |source, _| Ok(Err(source)))
    }

    /// The same, with a second thread for what is packed: it takes less time, and a little more of the processors. Where
    /// there is one processor, or nothing is packed, there is no second thread.
    ///
    /// ```
    /// use selx_checks::unpack::{Caps, Unpacker};
    ///
    /// let caps = Caps { bytes: 1 << 30, ratio: 1_000 };
    /// let text = std::thread::scope(|scope| {
    ///     let mut unpacker = Unpacker::beside(&b"plain text"[..], caps, scope)?;
    ///     unpacker.next().map(<[u8]>::to_vec)
    /// });
    /// assert_eq!(text?, b"plain text");
    /// # Ok::<(), selx_checks::unpack::Broken>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), or if the thread cannot be started.
    pub fn beside<'scope>(reader: R, caps: Caps, scope: &'scope Scope<'scope, '_>) -> Result<Self, Broken>
    where
        R: Send + 'scope,
    {
        let is_alone = std::thread::available_parallelism().map_or(1, usize::from) < 2;
        Self::start(reader, caps, |source, format| {
            let beside = match format {
                _ if is_alone => return Ok(Err(source)),
                Format::Plain | Format::Bzip2 => return Ok(Err(source)),
                Format::Gzip => Beside::gzip(scope, source)?,
                Format::Zstd | Format::Xz => Beside::whole(scope, source, Decoder::of(format)?)?,
            };
            Ok(Ok(Box::new(beside)))
        })
    }

    /// Reads the first bytes and asks who is to unpack; who does not want to gives the source back.
    fn start(
        reader: R,
        caps: Caps,
        beside: impl FnOnce(Source<R>, Format) -> Result<Result<Box<Beside>, Source<R>>, Fault>,
    ) -> Result<Self, Broken> {
        let mut source = Source::new(reader);
        let broken = |format, fault| Broken { format, fault, encoded: 0, decoded: 0, member: 0 };
        let start = source.want(6).map_err(|fault| broken(Format::Plain, fault))?;
        let format = Format::of(start);
        let way = match beside(source, format).map_err(|fault| broken(format, fault))? {
            Ok(beside) => Way::Beside(beside),
            Err(source) => Way::Alone(source, Decoder::of(format).map_err(|fault| broken(format, fault))?),
        };
        let piece = if matches!(way, Way::Alone(_, Decoder::Gzip(_)) | Way::Beside(_)) { 0 } else { PIECE };
        Ok(Self { way, format, caps, piece: vec![0; piece], last: 0, summary: Summary::default(), ended: false })
    }

    /// Returns the format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns what was unpacked so far; after the last, empty piece it is the whole.
    pub fn summary(&self) -> Summary {
        Summary { encoded: self.way.used(), ..self.summary }
    }

    /// Returns the next piece, at most [`PIECE`] bytes; an empty one is the proven end.
    ///
    /// It returns after a bounded number of bytes came out, and reads as much as it takes to bring them forth: a reader
    /// that is to be stopped fails its next read.
    ///
    /// # Errors
    ///
    /// With the first thing that is wrong. What was returned before is then proven by nothing.
    #[expect(clippy::should_implement_trait, reason = "a piece is lent and a step can fail, so it is no iterator")]
    pub fn next(&mut self) -> Result<&[u8], Broken> {
        let step = if self.ended { Ok(Step { produced: 0, ended: true }) } else { self.step() };
        let step = step.map_err(|fault| Broken {
            format: self.format,
            fault,
            encoded: self.way.used(),
            decoded: self.summary.decoded,
            member: self.summary.members,
        })?;
        self.ended = step.ended;
        self.last = step.produced;
        Ok(self.last())
    }

    /// Returns the piece that [`next`](Self::next) gave once more.
    pub fn last(&self) -> &[u8] {
        match &self.way {
            Way::Alone(_, Decoder::Gzip(gzip)) => gzip.piece().get(..self.last).unwrap_or_default(),
            Way::Beside(beside) => beside.piece().get(..self.last).unwrap_or_default(),
            Way::Alone(..) => self.piece.get(..self.last).unwrap_or_default(),
        }
    }

    fn step(&mut self) -> Result<Step, Fault> {
        let Self { way, piece, summary, .. } = self;
        let step = match way {
            Way::Beside(beside) => beside.step(summary)?,
            Way::Alone(source, decoder) => decoder.step(source, piece, summary)?,
        };
        let decoded = summary.decoded.saturating_add(step.produced as u64);
        if decoded > self.caps.bytes {
            return Err(Fault::TooLarge(Cap::Bytes(self.caps.bytes)));
        }
        if decoded > RATIO_FROM && decoded / way.used().max(1) >= self.caps.ratio {
            return Err(Fault::TooLarge(Cap::Ratio(self.caps.ratio)));
        }
        summary.decoded = decoded;
        Ok(step)
    }
}
