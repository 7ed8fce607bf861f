//! Bytes on their way from an archive to those who judge them: unpacked, looked ahead into, counted, and hashed.

use std::io::{self, Read};
use std::thread::Scope;

use ring::digest;

use crate::unpack::{Broken, Caps, Fault, Format, Summary, Unpacker};

/// Bytes that are lent in pieces.
pub(super) trait Bytes {
    /// Lends the next piece, at most this many bytes of it; an empty one is the end.
    fn piece(&mut self, most: u64) -> Result<&[u8], Broken>;
}

/// What an unpacker gives.
pub(super) struct Unpacked<R: Read> {
    unpacker: Unpacker<R>,
    from: usize,
    to: usize,
}

impl<R: Read> Unpacked<R> {
    pub(super) fn new(reader: R, caps: Caps) -> Result<Self, Broken> {
        Ok(Self { unpacker: Unpacker::new(reader, caps)?, from: 0, to: 0 })
    }

    /// The same, with a second thread where that is faster.
    pub(super) fn beside<'scope>(reader: R, caps: Caps, scope: &'scope Scope<'scope, '_>) -> Result<Self, Broken>
    where
        R: Send + 'scope,
    {
        Ok(Self { unpacker: Unpacker::beside(reader, caps, scope)?, from: 0, to: 0 })
    }

    pub(super) fn format(&self) -> Format {
        self.unpacker.format()
    }

    pub(super) fn summary(&self) -> Summary {
        self.unpacker.summary()
    }
}

impl<R: Read> Bytes for Unpacked<R> {
    fn piece(&mut self, most: u64) -> Result<&[u8], Broken> {
        if self.from == self.to {
            (self.from, self.to) = (0, self.unpacker.next()?.len());
        }
        let end = self.to.min(self.from.saturating_add(usize::try_from(most).unwrap_or(usize::MAX)));
        let piece = self.unpacker.last().get(self.from..end).unwrap_or_default();
        self.from = end;
        Ok(piece)
    }
}

/// Bytes of which the first ones were looked at.
pub(super) struct Peeked<'a> {
    inner: &'a mut dyn Bytes,
    start: Vec<u8>,
    given: usize,
}

impl<'a> Peeked<'a> {
    /// Looks at this many bytes, or fewer if there are no more.
    pub(super) fn new(inner: &'a mut dyn Bytes, most: usize) -> Result<Self, Broken> {
        let mut start = Vec::with_capacity(most);
        while start.len() < most {
            let piece = inner.piece((most - start.len()) as u64)?;
            if piece.is_empty() {
                break;
            }
            start.extend_from_slice(piece);
        }
        Ok(Self { inner, start, given: 0 })
    }

    /// Returns what was looked at.
    pub(super) fn start(&self) -> &[u8] {
        &self.start
    }
}

impl Bytes for Peeked<'_> {
    fn piece(&mut self, most: u64) -> Result<&[u8], Broken> {
        if self.given < self.start.len() {
            let end = self.start.len().min(self.given.saturating_add(usize::try_from(most).unwrap_or(usize::MAX)));
            let piece = self.start.get(self.given..end).unwrap_or_default();
            self.given = end;
            return Ok(piece);
        }
        self.inner.piece(most)
    }
}

/// The bytes of one member, and what they come to.
pub(super) struct Member<'a> {
    inner: &'a mut dyn Bytes,
    left: u64,
    hash: Option<digest::Context>,
}

impl<'a> Member<'a> {
    /// Lends at most this many bytes of another; with a hash if somebody wants to compare it.
    pub(super) fn new(inner: &'a mut dyn Bytes, bytes: u64, hash: bool) -> Self {
        Self { inner, left: bytes, hash: hash.then(|| digest::Context::new(&digest::SHA256)) }
    }

    /// Reads what nobody wanted, and returns how many bytes are missing at its end and the hash.
    pub(super) fn finish(mut self) -> Result<(u64, Option<String>), Broken> {
        while !self.piece(u64::MAX)?.is_empty() {}
        Ok((self.left, self.hash.map(|hash| hex(hash.finish().as_ref()))))
    }
}

impl Bytes for Member<'_> {
    fn piece(&mut self, most: u64) -> Result<&[u8], Broken> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let piece = self.inner.piece(most.min(self.left))?;
        self.left = self.left.saturating_sub(piece.len() as u64);
        if let Some(hash) = &mut self.hash {
            hash.update(piece);
        }
        Ok(piece)
    }
}

/// Bytes as a reader, for what is packed once more inside. What went wrong outside is kept.
pub(super) struct Reading<'a> {
    inner: &'a mut dyn Bytes,
    outside: &'a mut Option<Broken>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(inner: &'a mut dyn Bytes, outside: &'a mut Option<Broken>) -> Self {
        Self { inner, outside }
    }
}

impl Read for Reading<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.outside.is_some() {
            return Err(io::Error::other("the archive around it is damaged"));
        }
        match self.inner.piece(to.len() as u64) {
            Ok(piece) => {
                if let Some(to) = to.get_mut(..piece.len()) {
                    to.copy_from_slice(piece);
                }
                Ok(piece.len())
            }
            Err(broken) => {
                *self.outside = Some(broken);
                Err(io::Error::other("the archive around it is damaged"))
            }
        }
    }
}

/// Fills a room as far as there are bytes, and returns how many came.
pub(super) fn fill(bytes: &mut dyn Bytes, room: &mut [u8]) -> Result<usize, Broken> {
    let mut filled = 0;
    while let Some(free) = room.get_mut(filled..).filter(|free| !free.is_empty()) {
        let piece = bytes.piece(free.len() as u64)?;
        if piece.is_empty() {
            break;
        }
        if let Some(free) = free.get_mut(..piece.len()) {
            free.copy_from_slice(piece);
        }
        filled += piece.len();
    }
    Ok(filled)
}

/// Writes bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Tells whether reading ended because it was to end.
pub(super) fn is_stopped(broken: &Broken) -> bool {
    matches!(&broken.fault, Fault::Read(error) if error.kind() == io::ErrorKind::TimedOut)
}
