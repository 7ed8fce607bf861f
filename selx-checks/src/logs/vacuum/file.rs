//! Files of a journal: what their names and their first bytes say.
//!
//! The form is documented by systemd and only ever added to. A file says itself which parts of it a reader has to know; one
//! that names a part that came after this was written is not judged by what we do know.

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use jiff::Timestamp;

use crate::deletion::Print;

/// What stands at the begin of every file.
const SIGNATURE: &[u8; 8] = b"LPKSHHRH";
/// The parts that a reader has to know, as far as they are known: three compressions, keyed hashes, and the compact form.
/// None of them changes what is read here.
const KNOWN: u32 = 0b1_1111;
/// How much of the head is read.
const HEAD: usize = 208;
/// The state of a file that is being written, or was when its writer died.
const ONLINE: u8 = 1;

/// What the name of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// It is written, or will be again: `system.journal`.
    Active,
    /// It was closed, and begins with an entry of this time, in microseconds: `system@….journal`.
    Archived(u64),
    /// It was not closed well and put aside: `system@….journal~`.
    Disposed,
}

/// Reads the name of a file of a journal; nothing where it is none.
pub(super) fn sort(name: &str) -> Option<Sort> {
    let digits = |text: &str, count: usize| {
        text.len() == count && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    if let Some(stem) = name.strip_suffix(".journal~") {
        let (_, rest) = stem.rsplit_once('@')?;
        let (realtime, random) = rest.split_once('-')?;
        return (digits(realtime, 16) && digits(random, 16)).then_some(Sort::Disposed);
    }
    let stem = name.strip_suffix(".journal")?;
    let Some((_, rest)) = stem.rsplit_once('@') else { return (!stem.is_empty()).then_some(Sort::Active) };
    let mut parts = rest.split('-');
    let (series, number, realtime) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole = digits(series, 32) && digits(number, 16) && digits(realtime, 16) && parts.next().is_none();
    is_whole.then(|| u64::from_str_radix(realtime, 16).ok().map(Sort::Archived)).flatten()
}

/// What the head of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Whether it is marked as being written.
    pub(super) is_online: bool,
    /// The boot that wrote its last entry.
    pub(super) boot: [u8; 16],
    /// When its first entry was written, in microseconds; 0 if it has none.
    pub(super) first: u64,
    /// When its last entry was written.
    pub(super) last: u64,
    /// How many entries it has.
    pub(super) entries: u64,
}

impl Head {
    /// Returns the times of the first and the last entry, if they can be those.
    pub(super) fn range(&self) -> Option<(Timestamp, Timestamp)> {
        let time = |micros: u64| Timestamp::from_microsecond(i64::try_from(micros).ok()?).ok();
        (0 < self.first && self.first <= self.last && self.entries > 0).then_some(())?;
        Some((time(self.first)?, time(self.last)?))
    }
}

/// Reads the head of the file that was seen.
///
/// # Errors
///
/// What is wrong with it, as a phrase.
pub(super) fn read(path: &Path, print: &Print) -> Result<Head, String> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path);
    let mut file = file.map_err(|error| format!("it cannot be read: {error}"))?;
    let metadata = file.metadata().map_err(|error| format!("it cannot be read: {error}"))?;
    if metadata.ino() != print.inode || !metadata.is_file() {
        return Err("another file has its name now".to_owned());
    }
    let mut bytes = [0; HEAD];
    file.read_exact(&mut bytes).map_err(|_| "it is shorter than its head".to_owned())?;
    parse(&bytes)
}

fn parse(bytes: &[u8; HEAD]) -> Result<Head, String> {
    fn part<const N: usize>(bytes: &[u8; HEAD], at: usize) -> [u8; N] {
        bytes.get(at..at + N).and_then(|part| part.try_into().ok()).unwrap_or([0; N])
    }
    if part::<8>(bytes, 0) != *SIGNATURE {
        return Err("its head is not that of a journal".to_owned());
    }
    let (unknown, size) = (u32::from_le_bytes(part(bytes, 12)) & !KNOWN, u64::from_le_bytes(part(bytes, 88)));
    if unknown != 0 {
        return Err("it is written in a form that is newer than this program".to_owned());
    }
    let [state] = part(bytes, 16);
    if state > 2 || size < HEAD as u64 {
        return Err("its head is not that of a journal".to_owned());
    }
    let number = |at: usize| u64::from_le_bytes(part(bytes, at));
    Ok(Head {
        is_online: state == ONLINE,
        boot: part(bytes, 56),
        entries: number(152),
        first: number(184),
        last: number(192),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_file_is() {
        let series = "ba4fca9e188240ada1f31b1e753bdf8e";
        let archived = format!("system@{series}-0000000000000001-00065bfeda25e000.journal");
        assert_eq!(sort(&archived), Some(Sort::Archived(0x6_5bfe_da25_e000)));
        assert_eq!(sort("user-1000.journal"), Some(Sort::Active));
        assert_eq!(sort("system@00065bfeda25e000-0123456789abcdef.journal~"), Some(Sort::Disposed));
        for other in [
            "system.log",
            ".journal",
            "system@x.journal",
            "system@00065bfeda25e000.journal~",
            "fss",
            &format!("system@{series}-0000000000000001-00065bfeda25e000-1.journal"),
            &format!("system@{series}-0000000000000001-00065BFEDA25E000.journal"),
        ] {
            assert_eq!(sort(other), None, "{other}");
        }
    }

    #[test]
    fn p14_a_head_of_another_form_is_not_read() {
        let mut bytes = [0; HEAD];
        assert!(parse(&bytes).is_err());
        bytes[..8].copy_from_slice(SIGNATURE);
        bytes[12] = 0x1c;
        bytes[16] = 2;
        bytes[88] = HEAD as u8;
        bytes[152] = 3;
        bytes[184] = 5;
        bytes[192] = 7;
        let head = parse(&bytes).unwrap();
        assert!(!head.is_online);
        let micros = |micros| Timestamp::from_microsecond(micros).unwrap();
        assert_eq!(head.range(), Some((micros(5), micros(7))));
        let with = |at: usize, value: u8| {
            let mut bytes = bytes;
            bytes[at] = value;
            parse(&bytes)
        };
        assert_eq!(with(192, 4).unwrap().range(), None);
        assert!(with(12, 0x20).unwrap_err().contains("newer than this program"));
        assert!(with(16, 3).is_err() && with(88, 200).is_err() && with(0, 0).is_err());
    }
}
