//! One block that stands before a member of a tar archive. Pure.

use jiff::Timestamp;

/// The size of everything in tar.
pub(super) const BLOCK: usize = 512;

/// A block.
pub(super) type Block = [u8; BLOCK];

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    HardLink,
    SymbolicLink,
    Device,
    Folder,
    Pipe,
    /// Something that tells of the archive and is no member: a label, a list of names.
    Note,
}

/// What follows a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A member.
    Member(Kind),
    /// A file with holes, in the manner of GNU before PAX.
    Sparse,
    /// A name that was too long, for the next member (GNU).
    LongName,
    /// The aim of a link that was too long, for the next member (GNU).
    LongLink,
    /// Records for the next member (PAX).
    Records,
    /// Records for all members that follow (PAX).
    GlobalRecords,
}

/// What a header says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) role: Role,
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) modified: Option<Timestamp>,
}

/// Tells whether a block is all zeros, as two of them end an archive.
pub(super) fn is_zero(block: &Block) -> bool {
    block.iter().all(|byte| *byte == 0)
}

/// Tells whether a block carries the checksum of its own bytes.
pub(super) fn is_header(block: &Block) -> bool {
    let Some(says) = field(block, 148, 8).and_then(number) else {
        return false;
    };
    // The sum is taken with spaces in its own place. Some old programs added signed bytes.
    let (mut unsigned, mut signed) = (0_i64, 0_i64);
    for (at, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&at) { b' ' } else { *byte };
        unsigned += i64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    says == i128::from(unsigned) || says == i128::from(signed)
}

impl Header {
    /// Reads a block; the text says what is wrong with it.
    pub(super) fn read(block: &Block) -> Result<Self, String> {
        if !is_header(block) {
            return Err("the checksum of the header is not that of its bytes".into());
        }
        let numeric = |at, length, what: &str| {
            field(block, at, length).and_then(number).ok_or_else(|| format!("the {what} in the header is no number"))
        };
        let size = numeric(124, 12, "size")?;
        let kind = block.get(156).copied().unwrap_or_default();
        let is_ustar = field(block, 257, 6) == Some(b"ustar\0");
        let is_gnu = field(block, 257, 8) == Some(b"ustar  \0");
        let mut name = text(block, 0, 100);
        let prefix = text(block, 345, 155);
        if is_ustar && !prefix.is_empty() {
            name = [&prefix, &b"/"[..], &name].concat();
        }
        // Before ustar, a folder was a file whose name ends so.
        let of_old = if name.ends_with(b"/") && !is_gnu { Kind::Folder } else { Kind::File };
        let role = match kind {
            0 | b'0' => Role::Member(of_old),
            b'7' => Role::Member(Kind::File),
            b'1' => Role::Member(Kind::HardLink),
            b'2' => Role::Member(Kind::SymbolicLink),
            b'3' | b'4' => Role::Member(Kind::Device),
            b'5' => Role::Member(Kind::Folder),
            b'6' => Role::Member(Kind::Pipe),
            b'S' => Role::Sparse,
            b'L' => Role::LongName,
            b'K' => Role::LongLink,
            b'x' | b'X' => Role::Records,
            b'g' => Role::GlobalRecords,
            b'D' | b'V' | b'N' => Role::Member(Kind::Note),
            b'M' => return Err("the archive goes on from another volume, which is not here".into()),
            other => {
                return Err(format!(
                    "the header has the type `{}`, which is unknown",
                    (other as char).escape_default()
                ));
            }
        };
        let size = u64::try_from(size).ok().filter(|size| *size <= i64::MAX as u64);
        let size = size.ok_or("the size in the header is negative or beyond what a file can have")?;
        // A mode or a time that cannot be read takes nothing from the content.
        let mode = field(block, 100, 8).and_then(number).and_then(|mode| u32::try_from(mode).ok()).unwrap_or_default();
        let modified = field(block, 136, 12).and_then(number).and_then(|seconds| i64::try_from(seconds).ok());
        Ok(Self {
            role,
            name,
            link: text(block, 157, 100),
            size,
            mode,
            modified: modified.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        })
    }
}

/// Pieces of a file with holes: where each begins, and how long it is, `None` where that is no number.
pub(super) type Pieces = Vec<(Option<u64>, Option<u64>)>;

/// Returns the map that an old sparse header begins: pairs of offset and length, the size unpacked, and whether it goes on.
pub(super) fn sparse_start(block: &Block) -> (Pieces, Option<u64>, bool) {
    let pairs = pairs(block, 386, 4);
    let real = field(block, 483, 12).and_then(unsigned);
    (pairs, real, block.get(482).is_some_and(|byte| *byte != 0))
}

/// Returns what a block that goes on with such a map holds, and whether it goes on further.
pub(super) fn sparse_more(block: &Block) -> (Pieces, bool) {
    (pairs(block, 0, 21), block.get(504).is_some_and(|byte| *byte != 0))
}

fn pairs(block: &Block, at: usize, count: usize) -> Pieces {
    let mut pairs = Vec::new();
    for index in 0..count {
        let at = at + index * 24;
        let (Some(offset), Some(length)) = (field(block, at, 12), field(block, at + 12, 12)) else { break };
        if offset.first() == Some(&0) && length.first() == Some(&0) {
            break;
        }
        pairs.push((unsigned(offset), unsigned(length)));
    }
    pairs
}

fn field(block: &Block, at: usize, length: usize) -> Option<&[u8]> {
    block.get(at..at + length)
}

fn text(block: &Block, at: usize, length: usize) -> Vec<u8> {
    let field = field(block, at, length).unwrap_or_default();
    field.iter().copied().take_while(|byte| *byte != 0).collect()
}

fn unsigned(field: &[u8]) -> Option<u64> {
    number(field).and_then(|number| u64::try_from(number).ok())
}

/// Reads a number: octal digits between blanks, or two's complement when the first bit is set (GNU, star).
fn number(field: &[u8]) -> Option<i128> {
    match field {
        [first, rest @ ..] if first & 0x80 != 0 => {
            // The bit below the mark is the sign.
            let mut value = i128::from(first & 0x7f);
            if first & 0x40 != 0 {
                value -= 0x80;
            }
            for byte in rest {
                value = value.checked_mul(256)?.checked_add(i128::from(*byte))?;
            }
            Some(value)
        }
        _ => {
            let blank = |byte: &u8| *byte == b' ' || *byte == 0;
            let start = field.iter().position(|byte| *byte != b' ').unwrap_or(field.len());
            let digits = field.get(start..)?;
            let end = digits.iter().position(blank).unwrap_or(digits.len());
            // What stands behind the first blank counts for no program.
            let digits = std::str::from_utf8(digits.get(..end)?).ok()?;
            if digits.is_empty() { Some(0) } else { i128::from_str_radix(digits, 8).ok().filter(|value| *value >= 0) }
        }
    }
}
