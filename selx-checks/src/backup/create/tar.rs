//! Headers of tar, as POSIX has them. Pure.

use super::files::{Item, Sort};

/// The unit of a tar archive.
pub(super) const BLOCK: usize = 512;
/// How long a name is that the header itself holds.
const NAME: usize = 100;
/// The largest number that twelve octal digits hold.
const OCTAL: u64 = 0o77_777_777_777;

/// What a header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) name: &'a [u8],
    pub(super) link: &'a [u8],
    pub(super) kind: u8,
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) size: u64,
    pub(super) modified: i64,
}

impl<'a> Head<'a> {
    /// Says it of a file that the archive makes itself.
    pub(super) fn of_ours(name: &'a str, size: u64, modified: i64) -> Self {
        Self { name: name.as_bytes(), link: &[], kind: b'0', mode: 0o600, owner: (0, 0), size, modified }
    }

    /// Says it of a file of the host, with the size that it has now.
    pub(super) fn of_item(item: &'a Item, size: u64) -> Self {
        let (kind, link): (u8, &[u8]) = match &item.sort {
            Sort::File => (b'0', &[]),
            Sort::Folder => (b'5', &[]),
            Sort::Link(target) => (b'2', target),
        };
        let (name, mode, owner, modified) = (&*item.member, item.mode, item.owner, item.modified);
        Self { name, link, kind, mode, owner, size, modified }
    }

    /// Writes it in one block. What is too long for it is cut off.
    pub(super) fn block(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| {
            if let Some(place) = block.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        };
        let octal = |value: u64, digits: usize| format!("{value:0digits$o}").into_bytes();
        put(0, cut(self.name));
        put(100, &octal(u64::from(self.mode & 0o7777), 7));
        put(108, &number(u64::from(self.owner.0), 8));
        put(116, &number(u64::from(self.owner.1), 8));
        put(124, &number(self.size, 12));
        put(136, &octal(u64::try_from(self.modified).unwrap_or(0).min(OCTAL), 11));
        put(148, b"        ");
        put(156, &[self.kind]);
        put(157, cut(self.link));
        put(257, b"ustar\x0000");
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        let sum = format!("{sum:06o}\0 ");
        if let Some(place) = block.get_mut(148..156) {
            place.copy_from_slice(sum.as_bytes());
        }
        block
    }

    /// Writes it whole, with a header before it for names that are too long for one block.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut records = Vec::new();
        for (key, value) in [("path", self.name), ("linkpath", self.link)] {
            if value.len() > NAME {
                records.extend(record(key, value));
            }
        }
        let mut bytes = Vec::new();
        if !records.is_empty() {
            let head = Self { name: b"PaxHeaders/name", link: &[], kind: b'x', size: records.len() as u64, ..*self };
            bytes.extend(head.block());
            bytes.extend(&records);
            bytes.extend(vec![0; padding(records.len() as u64)]);
        }
        bytes.extend(self.block());
        bytes
    }
}

/// Returns how many zeros follow a content.
pub(super) fn padding(size: u64) -> usize {
    ((BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64) as usize
}

fn cut(name: &[u8]) -> &[u8] {
    name.get(..NAME).unwrap_or(name)
}

/// Writes a number: in octal digits, or in bytes behind a bit that says so where those do not suffice.
fn number(value: u64, room: usize) -> Vec<u8> {
    let digits = room - 1;
    if value < 1 << (3 * digits) {
        return format!("{value:0digits$o}\0").into_bytes();
    }
    let mut bytes = vec![0; room];
    for (place, byte) in bytes.iter_mut().rev().zip(value.to_le_bytes()) {
        *place = byte;
    }
    if let Some(first) = bytes.first_mut() {
        *first |= 0x80;
    }
    bytes
}

/// Writes a record: its own length stands before it.
fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length = length.to_string().len() + rest;
    }
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_program_reads_what_is_written() {
        let long = "d/".repeat(120) + "x";
        for (name, size) in [("a", 0), (&*"n".repeat(100), 5), (&*"n".repeat(101), 3), (&*long, 700)] {
            let head = Head { size, ..Head::of_ours(name, 0, 1_700_000_000) };
            let mut bytes = head.bytes();
            bytes.extend(vec![b'c'; size as usize]);
            bytes.extend(vec![0; padding(size) + 2 * BLOCK]);
            let mut archive = tar::Archive::new(&*bytes);
            let entry = archive.entries().unwrap().next().unwrap().unwrap();
            assert_eq!(entry.path().unwrap().to_str(), Some(name));
            assert_eq!((entry.size(), entry.header().mtime().unwrap()), (size, 1_700_000_000));
            assert_eq!(entry.header().mode().unwrap(), 0o600);
        }
        let huge = Head::of_ours("a", 20 << 30, 0).block();
        assert_eq!(tar::Header::from_byte_slice(&huge).entry_size().unwrap(), 20 << 30);
        let link = Head { link: &[b'l'; 300], kind: b'2', ..Head::of_ours("l", 0, 0) }.bytes();
        let mut archive = tar::Archive::new(&*link);
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.link_name_bytes().unwrap().len(), 300);
    }
}
