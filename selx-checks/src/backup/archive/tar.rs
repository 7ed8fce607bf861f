//! A walk through a tar archive: every header, every byte of every member, and the end as it has to be.

use jiff::Timestamp;

use super::header::{self, BLOCK, Block, Header, Kind, Role};
use super::records::Records;
use super::stream::{Bytes, Member, fill};
use crate::unpack::Broken;

/// The longest content of a header that tells of the next member; names are at most a few thousand bytes.
const LONGEST_RECORDS: u64 = 1 << 20;
/// How many of such headers may stand before one member.
const MOST_IN_A_ROW: usize = 8;
/// How many blocks of a map of holes are read: a file with more holes than that is no backup of anything.
const MOST_MAP_BLOCKS: usize = 1 << 16;
/// What the size field of ustar can hold.
const USTAR_SIZE: u64 = 8 << 30;

/// One member.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) kind: Kind,
    /// The bytes that follow in the archive.
    pub(super) size: u64,
    /// The bytes that the file has when it is unpacked.
    pub(super) real_size: u64,
    pub(super) mode: u32,
    pub(super) modified: Option<Timestamp>,
}

/// How an archive is wrong.
#[derive(Debug)]
pub(super) enum Wrong {
    /// What is around the archive.
    Packing(Broken),
    /// It ends too early, with what is missing.
    Cut(String),
    /// It is whole to here and has no mark of its end.
    NoEnd,
    /// A header or what belongs to it is damaged or made up.
    Damaged(String),
    /// Something stands behind the mark of the end.
    Trailing,
}

impl From<Broken> for Wrong {
    fn from(broken: Broken) -> Self {
        Self::Packing(broken)
    }
}

/// The walk.
pub(super) struct Tar<'a> {
    bytes: &'a mut dyn Bytes,
    /// How many bytes of the archive were read.
    at: u64,
    modified: Option<Timestamp>,
    /// The blank bytes behind the content of the member that is being read.
    padding: usize,
}

impl<'a> Tar<'a> {
    pub(super) fn new(bytes: &'a mut dyn Bytes) -> Self {
        Self { bytes, at: 0, modified: None, padding: 0 }
    }

    /// Returns how many bytes of the archive were read.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Goes to the next member; `None` is the proven end. The content of the one before has been read.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Wrong> {
        self.skip_padding()?;
        let mut records = Records::default();
        let (mut long_name, mut long_link) = (None, None);
        for count in 0..=MOST_IN_A_ROW {
            let block = self.block(if count == 0 { None } else { Some("the member that a header tells of") })?;
            if header::is_zero(&block) {
                if count > 0 {
                    return Err(Wrong::Damaged("a header tells of a member that does not follow".into()));
                }
                self.end()?;
                return Ok(None);
            }
            let header = Header::read(&block).map_err(Wrong::Damaged)?;
            match header.role {
                Role::Member(kind) => {
                    return self.entry(header, kind, records, long_name, long_link).map(Some);
                }
                Role::Sparse => {
                    let real_size = self.map_of_holes(&block, header.size)?;
                    records.real_size = Some(real_size);
                    return self.entry(header, Kind::File, records, long_name, long_link).map(Some);
                }
                Role::LongName => long_name = Some(self.text(header.size)?),
                Role::LongLink => long_link = Some(self.text(header.size)?),
                Role::Records => {
                    let content = self.records(header.size)?;
                    records = Records::read(&content).map_err(Wrong::Damaged)?;
                }
                Role::GlobalRecords => {
                    let content = self.records(header.size)?;
                    let global = Records::read(&content).map_err(Wrong::Damaged)?;
                    if global.is_of_one() {
                        let text = "PAX records for all members give a name or a size, which only one can have";
                        return Err(Wrong::Damaged(text.into()));
                    }
                    self.modified = global.modified.or(self.modified);
                }
            }
        }
        Err(Wrong::Damaged(format!("more than {MOST_IN_A_ROW} headers in a row tell of one member")))
    }

    /// Lends the content of a member; with its hash if somebody wants to compare it.
    pub(super) fn content(&mut self, entry: &Entry, hash: bool) -> Member<'_> {
        Member::new(self.bytes, entry.size, hash)
    }

    /// Takes note that the content of a member was read, and how much of it was missing.
    pub(super) fn was_read(&mut self, entry: &Entry, missing: u64) -> Result<(), Wrong> {
        self.at = self.at.saturating_add(entry.size - missing.min(entry.size));
        if missing > 0 {
            let name = String::from_utf8_lossy(&entry.name);
            let is_long = entry.size >= i64::MAX as u64 / 2;
            let hint = if is_long { ", a size that no file has" } else { "" };
            return Err(Wrong::Cut(format!(
                "the archive ends inside `{name}`: {missing} of its {} bytes are missing{hint}",
                entry.size
            )));
        }
        self.padding = padding(entry.size);
        Ok(())
    }

    fn entry(
        &mut self,
        header: Header,
        kind: Kind,
        records: Records,
        long_name: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> Result<Entry, Wrong> {
        let size = match (kind, records.size) {
            // A hard link has no content, whatever the field says.
            (Kind::HardLink, _) => 0,
            (_, None) => header.size,
            (_, Some(size)) => {
                if header.size != 0 && header.size != size && size < USTAR_SIZE {
                    return Err(Wrong::Damaged(format!(
                        "the header says {} bytes and its PAX records say {size}: programs would read different members",
                        header.size
                    )));
                }
                size
            }
        };
        let name = records.sparse_name.or(records.path).or(long_name).unwrap_or(header.name);
        if name.is_empty() && kind != Kind::Note {
            return Err(Wrong::Damaged("a member has no name".into()));
        }
        Ok(Entry {
            name,
            link: records.link.or(long_link).unwrap_or(header.link),
            kind,
            size,
            real_size: records.real_size.unwrap_or(size),
            mode: header.mode,
            modified: records.modified.or(self.modified).or(header.modified),
        })
    }

    /// Reads a block; what is missing where there is none is told as `of`, or as a missing mark of the end.
    fn block(&mut self, of: Option<&str>) -> Result<Block, Wrong> {
        let mut block = [0; BLOCK];
        let read = fill(self.bytes, &mut block)?;
        self.at += read as u64;
        match (read, of) {
            (BLOCK, _) => Ok(block),
            (0, None) => Err(Wrong::NoEnd),
            (0, Some(of)) => Err(Wrong::Cut(format!("the archive ends before {of}"))),
            _ => Err(Wrong::Cut("the archive ends inside a block of 512 bytes".into())),
        }
    }

    /// Reads what follows the first block of zeros: another one, and then nothing but zeros.
    fn end(&mut self) -> Result<(), Wrong> {
        let second = self.block(None)?;
        if !header::is_zero(&second) {
            return Err(Wrong::Damaged("one block of zeros stands between members, where two would be the end".into()));
        }
        loop {
            let piece = self.bytes.piece(u64::MAX)?;
            if piece.is_empty() {
                return Ok(());
            }
            if let Some(zeros) = piece.iter().position(|byte| *byte != 0) {
                self.at += zeros as u64;
                return Err(Wrong::Trailing);
            }
            self.at += piece.len() as u64;
        }
    }

    fn skip_padding(&mut self) -> Result<(), Wrong> {
        let padding = std::mem::take(&mut self.padding);
        let mut blank = [0; BLOCK];
        let read = fill(self.bytes, blank.get_mut(..padding).unwrap_or_default())?;
        self.at += read as u64;
        if read < padding {
            return Err(Wrong::Cut("the archive ends inside the last block of a member".into()));
        }
        Ok(())
    }

    /// Reads the content of a header that tells of the next member.
    fn records(&mut self, size: u64) -> Result<Vec<u8>, Wrong> {
        if size > LONGEST_RECORDS {
            return Err(Wrong::Damaged(format!("a header that tells of a member is {size} bytes long")));
        }
        let mut content = vec![0; size as usize];
        let read = fill(self.bytes, &mut content)?;
        self.at += read as u64;
        if read < content.len() {
            return Err(Wrong::Cut("the archive ends inside a header".into()));
        }
        self.padding = padding(size);
        self.skip_padding()?;
        Ok(content)
    }

    fn text(&mut self, size: u64) -> Result<Vec<u8>, Wrong> {
        let mut text = self.records(size)?;
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        if text.iter().skip(end).any(|byte| *byte != 0) {
            let text = "a long name goes on behind a zero byte: programs would read different names";
            return Err(Wrong::Damaged(text.into()));
        }
        text.truncate(end);
        Ok(text)
    }

    /// Reads the map of a file with holes and returns the size of the file; the pieces have to fit into it.
    fn map_of_holes(&mut self, block: &Block, packed: u64) -> Result<u64, Wrong> {
        let (mut pairs, real, mut more) = header::sparse_start(block);
        let bad = || Wrong::Damaged("the map of a file with holes does not fit its size".into());
        let real = real.ok_or_else(bad)?;
        let (mut end, mut sum) = (0_u64, 0_u64);
        for count in 0.. {
            for (offset, length) in pairs.drain(..) {
                let (offset, length) = (offset.ok_or_else(bad)?, length.ok_or_else(bad)?);
                if offset < end {
                    return Err(bad());
                }
                end = offset.checked_add(length).filter(|end| *end <= real).ok_or_else(bad)?;
                sum = sum.checked_add(length).ok_or_else(bad)?;
            }
            if !more {
                break;
            }
            if count > MOST_MAP_BLOCKS {
                return Err(bad());
            }
            let next = self.block(Some("the end of a map of holes"))?;
            (pairs, more) = header::sparse_more(&next);
        }
        if sum == packed { Ok(real) } else { Err(bad()) }
    }
}

/// Returns how many blank bytes follow a content.
fn padding(size: u64) -> usize {
    ((BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64) as usize
}
