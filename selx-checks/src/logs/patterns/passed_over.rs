//! Files that are no logs, although they lie among them.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;

use crate::logs::level::{Level, level};
use crate::logs::mark::{self, Begin};
use crate::logs::stamp::Reader;
use crate::unpack::Format;

/// How much of a file is read at once to see whether others write to it as well, and how much in all: reports are short.
const SAMPLE: usize = 64 << 10;
const MOST: u64 = 16 << 20;

/// Returns the device and the inode of the files that this process writes to.
pub(super) fn own_outputs(host: &selx_core::Host) -> Vec<(u64, u64)> {
    let output =
        |number| std::fs::metadata(host.proc.join("self/fd").join(number)).ok().filter(|output| output.is_file());
    ["1", "2"].into_iter().filter_map(output).map(|output| (output.dev(), output.ino())).collect()
}

/// Whose a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// That of other programs, as a log is.
    Others,
    /// Ours alone, and why that is known. What a report says of yesterday's errors would be counted as new ones, and twice
    /// as many every day.
    Ours(&'static str),
    /// Both write to it, so that what they say cannot be told from what we repeat.
    Both,
}

/// Tells whether a file is one that this very process writes to, or a report of this program.
pub(super) fn whose(
    file: &File,
    inode: (u64, u64),
    begin: &Begin,
    own: &[(u64, u64)],
    reader: &Reader,
) -> std::io::Result<Whose> {
    let why = if own.contains(&inode) {
        "is what this process writes to"
    } else if is_report(&begin.bytes) {
        "is a report of selx"
    } else {
        return Ok(Whose::Others);
    };
    let mut reader = reader.clone();
    let mut others = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').any(|line| is_of_others(line, &mut reader));
    let both = if begin.packed {
        others(&begin.bytes)
    } else {
        let (mut at, mut both) = (0, false);
        let mut sample = vec![0; SAMPLE];
        while !both {
            let length = mark::read_full(file, &mut sample, at)?;
            let bytes = sample.get(..length).unwrap_or_default();
            // A line that does not end here is looked at with what follows, unless it is longer than all of this.
            let whole = match memchr::memrchr(b'\n', bytes) {
                Some(last) if length == SAMPLE => last + 1,
                _ => length,
            };
            both = others(bytes.get(..whole).unwrap_or_default());
            if length < SAMPLE {
                break;
            }
            at += whole as u64;
            // Of what is longer nobody looked at the rest.
            both = both || at > MOST;
        }
        both
    };
    Ok(if both { Whose::Both } else { Whose::Ours(why) })
}

/// Tells whether a line is none of a report: it has a time or a level of its own where reports have none.
fn is_of_others(line: &[u8], reader: &mut Reader) -> bool {
    // What reports repeat is indented, and the details for monitoring systems begin with a status in brackets.
    if matches!(line.first(), None | Some(b' ' | b'\t')) || is_report(line) {
        return false;
    }
    let is_detail = line.first() == Some(&b'[');
    reader.read(line).is_some() || !is_detail && level(line).is_some_and(|level| level >= Level::Warning)
}

/// Tells whether a file begins as a report does, in any of the forms that repeat lines of logs.
fn is_report(begin: &[u8]) -> bool {
    let json = begin.starts_with(b"{\"version\":") && memchr::memmem::find(begin, b",\"selx\":\"").is_some();
    let nagios = begin.starts_with(b"SELX ");
    json || nagios || is_page(begin)
}

/// Tells whether the first line is that of the page for people: a mark, a status in words, and `kind.name`.
fn is_page(begin: &[u8]) -> bool {
    let first = begin.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = first.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (mark, status, name) = (words.next(), words.next(), words.next());
    let is_status = |word: &[u8]| STATUS.iter().any(|status| status.as_bytes() == word);
    let is_name = |word: &[u8]| {
        let mut parts = word.split(|byte| *byte == b'.');
        let kind = parts.next().unwrap_or_default();
        kind.contains(&b'-')
            && kind.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'-')
            && parts.next().is_some()
    };
    mark.is_some_and(|mark| mark.len() <= 4) && status.is_some_and(is_status) && name.is_some_and(is_name)
}

/// The words that stand behind the mark of a check.
const STATUS: [&str; 5] = ["ok", "warning", "unknown", "critical", "skipped"];

/// Tells why a file cannot be searched although it can be read.
pub(super) fn not_text(begin: &[u8]) -> Option<&'static str> {
    let has_mark = begin.starts_with(&[0xff, 0xfe]) || begin.starts_with(&[0xfe, 0xff]);
    (has_mark || is_wide(begin)).then_some("is UTF-16, in which nothing can be found")
}

/// Tells whether every second byte is 0, as in text of two bytes a letter. A copy that was truncated under a program begins
/// with nothing but zeros.
fn is_wide(begin: &[u8]) -> bool {
    const LETTERS: usize = 8;
    let is_zero = |parity: usize| begin.iter().skip(parity).step_by(2).take(64).all(|byte| *byte == 0);
    let is_none_zero = |parity: usize| begin.iter().skip(parity).step_by(2).take(64).all(|byte| *byte != 0);
    begin.len() >= 2 * LETTERS && (is_zero(0) && is_none_zero(1) || is_zero(1) && is_none_zero(0))
}

/// Returns how a file is packed, if it is in a way that is known and not unpacked here.
pub(super) fn other_packing(begin: &[u8]) -> Option<&'static str> {
    Some(match begin {
        _ if Format::of(begin) == Format::Bzip2 => "bzip2",
        [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => "lz4",
        [0x1f, 0x9d, ..] => "compress",
        [0x5d, 0x00, 0x00, ..] => "lzma",
        [b'P', b'K', 0x03, 0x04, ..] => "zip",
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => "7z",
        [0x89, b'L', b'Z', b'O', 0x00, ..] => "lzop",
        _ => return None,
    })
}
