//! Where the last look into a file ended, and how the same file is known again: by what it holds, not by its name.
//!
//! Rotation gives a file another name, compression another inode, and copying and truncating gives the old name to new
//! bytes. So a file is known by a digest of its first bytes, unpacked; and that it is still the same up to where it was
//! read, by a digest of the last bytes before.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::scan::FromBegin;
use crate::unpack::{Caps, Format, Unpacker};

/// How many of the first bytes a file is known by.
pub(super) const HEAD: usize = 1024;
/// How many bytes before the end of the last look are held to be the same.
const TAIL: u64 = 256;
/// What has to be unpacked to see the first bytes.
const CAPS: Caps = Caps { bytes: 64 << 20, ratio: u64::MAX };

/// Which file it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Identity {
    /// The device and the inode.
    pub inode: (u64, u64),
    /// How many of the first bytes the digest is of; 0 if the file was empty.
    pub head: usize,
    /// The digest, 16 hexadecimal digits.
    pub digest: String,
}

/// Where a look ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mark {
    /// The log that the file is a part of.
    pub log: String,
    /// Its path at that time.
    pub path: String,
    /// Which file it is.
    pub file: Identity,
    /// How far it was read, in bytes, unpacked; to the end of a line. `None` if it was passed over as too old.
    pub read: Option<u64>,
    /// A digest of the last bytes before, at most 256.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tail: String,
    /// For how many looks the file was not there.
    #[serde(default)]
    pub missed: u8,
}

/// The first bytes of a file, unpacked, and whether they are packed.
pub(super) struct Begin {
    pub(super) bytes: Vec<u8>,
    pub(super) packed: bool,
}

/// Reads the first bytes of a file.
///
/// # Errors
///
/// If it cannot be read, or not be unpacked.
pub(super) fn begin(file: &File) -> std::io::Result<Begin> {
    let mut bytes = vec![0; HEAD];
    let length = read_full(file, &mut bytes, 0)?;
    bytes.truncate(length);
    // What cannot be unpacked here is told by whoever looks at these bytes.
    if matches!(Format::of(&bytes), Format::Plain | Format::Bzip2) {
        return Ok(Begin { bytes, packed: false });
    }
    let mut unpacker =
        Unpacker::new(FromBegin::new(file), CAPS).map_err(|broken| std::io::Error::other(broken.to_string()))?;
    bytes.clear();
    while bytes.len() < HEAD {
        let chunk = unpacker.next().map_err(|broken| std::io::Error::other(broken.to_string()))?;
        if chunk.is_empty() {
            break;
        }
        let room = HEAD - bytes.len();
        chunk.take(room as u64).read_to_end(&mut bytes)?;
    }
    Ok(Begin { bytes, packed: true })
}

/// Fills a buffer from an offset on, as far as there are bytes.
pub(super) fn read_full(file: &File, into: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut length = 0;
    while length < into.len() {
        let room = into.get_mut(length..).unwrap_or_default();
        match file.read_at(room, offset + length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn short(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl Identity {
    pub(super) fn of(metadata: &std::fs::Metadata, begin: &Begin) -> Self {
        Self {
            inode: (metadata.dev(), metadata.ino()),
            head: begin.bytes.len(),
            digest: if begin.bytes.is_empty() { String::new() } else { short(&begin.bytes) },
        }
    }

    /// Tells whether a file begins as this one did.
    pub(super) fn begins(&self, inode: (u64, u64), begin: &Begin) -> bool {
        if self.head == 0 {
            // Nothing was in it yet: then it is the same as long as nobody made another one.
            return self.inode == inode;
        }
        begin.bytes.get(..self.head).is_some_and(|bytes| short(bytes) == self.digest)
    }
}

/// Returns the digest of the bytes of a plain file before an offset.
pub(super) fn tail(file: &File, offset: u64) -> std::io::Result<String> {
    let from = offset.saturating_sub(TAIL);
    let mut bytes = vec![0; usize::try_from(offset - from).unwrap_or(0)];
    let length = read_full(file, &mut bytes, from)?;
    bytes.truncate(length);
    Ok(if bytes.is_empty() { String::new() } else { short(&bytes) })
}

/// What a mark says of a file of today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is another file.
    Not,
    /// It was passed over whole, and is as it was.
    Whole,
    /// It is the one that was read up to here.
    Up(u64),
    /// It is a copy of another one, which is read.
    Copy,
}

impl Mark {
    /// Tells whether a file is the one that was read, still has what was read, and how far that was.
    pub(super) fn knows(&self, file: &File, size: u64, inode: (u64, u64), begin: &Begin) -> Known {
        if !self.file.begins(inode, begin) {
            return Known::Not;
        }
        let Some(read) = self.read else { return Known::Whole };
        if begin.packed {
            return Known::Up(read);
        }
        let same = size >= read && tail(file, read).is_ok_and(|tail| tail == self.tail);
        if same { Known::Up(read) } else { Known::Not }
    }
}
