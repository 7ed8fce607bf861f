//! What the name of a file tells: what it is, and when it was made. Pure.

use jiff::civil::{Date, DateTime, Time};

/// Endings of archives and dumps; the longer ones first.
const ENDINGS: &[&str] = &[
    ".tar.gz",
    ".tar.zst",
    ".tar.xz",
    ".tar.bz2",
    ".sql.gz",
    ".sql.zst",
    ".sql.xz",
    ".sql.bz2",
    ".dump.gz",
    ".dump.zst",
    ".dump.xz",
    ".tgz",
    ".tzst",
    ".txz",
    ".tbz2",
    ".tar",
    ".sql",
    ".dump",
    ".pgdump",
    ".gz",
    ".zst",
    ".xz",
    ".bz2",
    ".age",
    ".gpg",
    ".enc",
];

/// Endings of files that are being written, or that something left half written.
const UNFINISHED: &[&str] = &[
    ".partial",
    ".part",
    ".tmp",
    ".temp",
    ".incomplete",
    ".inprogress",
    ".in-progress",
    ".writing",
    ".filepart",
    ".crdownload",
    ".swp",
    "~",
];

/// Returns the ending by which a name is that of an archive.
pub(super) fn ending(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    ENDINGS.iter().find(|ending| lower.len() > ending.len() && lower.ends_with(*ending)).copied()
}

/// Returns the name that an unfinished file is to have in the end, if its name says that it is unfinished.
pub(crate) fn finished(name: &str) -> Option<&str> {
    let lower = name.to_ascii_lowercase();
    if let Some(ending) = UNFINISHED.iter().find(|ending| lower.ends_with(*ending)) {
        return name.get(..name.len() - ending.len()).map(|name| name.trim_start_matches('.'));
    }
    // `rsync` writes `.NAME.XXXXXX`, and others `.NAME`.
    let hidden = name.strip_prefix('.')?;
    match hidden.rsplit_once('.') {
        Some((inner, random)) if random.len() == 6 && ending(inner).is_some() => Some(inner),
        _ => ending(hidden).map(|_| hidden),
    }
}

/// Tells whether a name says that its content is in tar.
pub(super) fn says_tar(name: &str) -> bool {
    ending(name).is_some_and(|ending| ending.starts_with(".t"))
}

/// Tells whether a name says that its content is a dump of a database.
pub(crate) fn says_dump(name: &str) -> bool {
    ending(name).is_some_and(|ending| [".sql", ".dump", ".pgdump"].iter().any(|start| ending.starts_with(start)))
}

/// Returns how the name says that the file is packed.
pub(super) fn says_packed(name: &str) -> Option<&'static str> {
    let ending = ending(name)?;
    match ending {
        ".tgz" => Some("gzip"),
        ".tzst" => Some("zstd"),
        ".txz" => Some("xz"),
        ".tbz2" => Some("bzip2"),
        _ if ending.ends_with(".gz") => Some("gzip"),
        _ if ending.ends_with(".zst") => Some("zstd"),
        _ if ending.ends_with(".xz") => Some("xz"),
        _ if ending.ends_with(".bz2") => Some("bzip2"),
        ".tar" | ".sql" => Some("plain"),
        _ => None,
    }
}

/// Splits a text where letters, digits and other characters meet.
pub(super) fn parts(text: &str) -> Vec<&str> {
    let sort = |c: char| {
        if c.is_ascii_digit() {
            0
        } else if c.is_alphabetic() {
            1
        } else {
            2
        }
    };
    let mut parts = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, c) in text.char_indices() {
        if last.is_some_and(|last| last != sort(c)) {
            parts.push(text.get(start..at).unwrap_or_default());
            start = at;
        }
        last = Some(sort(c));
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts.retain(|part| !part.is_empty());
    parts
}

/// Returns the date in a name, with its time if it has one: year, month, day in this order, or seconds since 1970.
pub(crate) fn date(name: &str) -> Option<DateTime> {
    let numbers: Vec<(usize, &str)> = numbers(name);
    for (index, (_, digits)) in numbers.iter().enumerate() {
        let rest = numbers.get(index + 1..).unwrap_or_default();
        let found = match digits.len() {
            // 20261126, 202611260200, 20261126020001
            8 | 12 | 14 => day(digits.get(..8)?).map(|date| {
                let inner = digits.get(8..).filter(|time| !time.is_empty());
                (date, inner.or_else(|| rest.first().map(|(_, time)| *time).filter(|time| matches!(time.len(), 4 | 6))))
            }),
            // 2026-11-26
            4 => match rest {
                [(_, month), (_, of_month), more @ ..] if month.len() == 2 && of_month.len() == 2 => {
                    day(&format!("{digits}{month}{of_month}")).map(|date| (date, more.first().map(|(_, time)| *time)))
                }
                _ => None,
            },
            // 2026112602; seconds since 1970 begin like that from the year 2030 on.
            10 if day(digits.get(..8)?).is_some() && clock(digits.get(8..)?).is_some() => {
                day(digits.get(..8)?).map(|date| (date, digits.get(8..)))
            }
            10 => {
                let seconds: i64 = digits.parse().ok()?;
                let time = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_second(seconds).ok()?);
                if (2001..2100).contains(&time.year()) {
                    return Some(time);
                }
                None
            }
            _ => None,
        };
        if let Some((date, time)) = found {
            return Some(date.to_datetime(time.and_then(clock).unwrap_or(Time::midnight())));
        }
    }
    None
}

/// Returns the runs of digits with their places.
fn numbers(name: &str) -> Vec<(usize, &str)> {
    let mut at = 0;
    let mut found = Vec::new();
    for part in parts(name) {
        if part.starts_with(|first: char| first.is_ascii_digit()) {
            found.push((at, part));
        }
        at += part.len();
    }
    found
}

fn day(digits: &str) -> Option<Date> {
    let (year, month, day) = (digits.get(..4)?, digits.get(4..6)?, digits.get(6..8)?);
    let date = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
    (1990..2100).contains(&date.year()).then_some(date)
}

fn clock(digits: &str) -> Option<Time> {
    let part = |at: usize| digits.get(at..at + 2).and_then(|part| part.parse::<i8>().ok());
    Time::new(part(0)?, part(2).unwrap_or(0), part(4).unwrap_or(0), 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read() {
        for (name, expected) in [
            ("selextract_20261126_020001.tar.gz", Some("2026-11-26T02:00:01")),
            ("db-2026-11-26.sql.gz", Some("2026-11-26T00:00:00")),
            ("db-2026-11-26_0200.sql.gz", Some("2026-11-26T02:00:00")),
            ("db-202611260200.tar", Some("2026-11-26T02:00:00")),
            ("db-2026112602.tar", Some("2026-11-26T02:00:00")),
            ("db-1795401000.tar", Some("2026-11-23T02:30:00")),
            ("db-20261399.tar", None),
            ("db-12345678.tar", None),
            ("site.tar.gz", None),
        ] {
            assert_eq!(date(name).map(|date| date.to_string()).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn unfinished_files_are_known_by_their_names() {
        assert_eq!(finished("a.tar.gz.partial"), Some("a.tar.gz"));
        assert_eq!(finished(".a.tar.gz.Xy12Zq"), Some("a.tar.gz"));
        assert_eq!(finished(".a.tar.gz"), Some("a.tar.gz"));
        assert_eq!(finished("a.tar.gz"), None);
        assert_eq!(finished(".bashrc"), None);
    }

    #[test]
    fn endings_say_what_is_inside() {
        assert!(says_tar("a.TGZ") && says_tar("a.tar") && !says_tar("a.sql.gz"));
        assert_eq!(
            (says_packed("a.tar.gz"), says_packed("a.tar"), says_packed("a.dump")),
            (Some("gzip"), Some("plain"), None)
        );
        assert_eq!(ending(".gz"), None);
    }
}
