//! Files that are no logs, although they lie among them.

use std::os::unix::fs::MetadataExt as _;

/// Returns the device and the inode of the files that this process writes to.
pub(super) fn own_outputs(host: &selx_core::Host) -> Vec<(u64, u64)> {
    let output =
        |number| std::fs::metadata(host.proc.join("self/fd").join(number)).ok().filter(|output| output.is_file());
    ["1", "2"].into_iter().filter_map(output).map(|output| (output.dev(), output.ino())).collect()
}

/// Tells why a file is not searched: it is where this very process writes to, or a report of this program. What a report
/// says of yesterday's errors would be counted as new ones, and twice as many every day.
pub(super) fn why(inode: (u64, u64), begin: &[u8], own: &[(u64, u64)]) -> Option<&'static str> {
    if own.contains(&inode) {
        return Some("is what this process writes to");
    }
    is_report(begin).then_some("is a report of selx")
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
    let is_utf16 = begin.starts_with(&[0xff, 0xfe]) || begin.starts_with(&[0xfe, 0xff]);
    is_utf16.then_some("is UTF-16, in which nothing can be found; have it written as UTF-8")
}
