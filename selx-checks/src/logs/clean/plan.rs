//! Which files are old enough, and which stay all the same.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use selx_core::action::{Keeping, Plan, Planned, Refused, Risk, Undo};
use selx_core::{ByteSize, Error, ErrorKind, Host, Result, TimeSpan};
use tokio_util::sync::CancellationToken;

use super::{Config, Step, open};
use crate::deletion::{Print, Root, Seen};
use crate::logs::files;

/// How many entries of folders are looked at.
const ENTRIES: u64 = 5_000_000;
/// A log that was written within this time is at work, whatever the age is set to.
const AT_WORK: i64 = 24 * 3_600 * 1_000_000_000;

/// A file that is old enough.
struct Old {
    file: PathBuf,
    log: (PathBuf, String),
    print: Print,
    youngest: i64,
    takes: u64,
}

/// The newest files of a log by one of their times: that time, what tells where it is the same, and the number of the file.
/// What was copied or made in one go has the same times: then names tell.
type Newest = Vec<([i64; 4], u64)>;

/// Looks at the folder and says what would be deleted.
pub(super) fn plan(config: &Config, host: &Host, now: Timestamp, cancel: &CancellationToken) -> Result<Plan<Step>> {
    let root = Root::open(Path::new(config.path.as_str()))?;
    let now = i64::try_from(now.as_nanosecond())
        .map_err(|_| Error::new(ErrorKind::Local, "the clock shows a time that no file can have"))?;
    let age = i64::try_from(config.older_than.get().as_nanos()).unwrap_or(i64::MAX);
    let mut kept = Keeping::default();
    let mut old: Vec<Old> = Vec::new();
    // The newest files of each log, as many as stay: by their youngest time, and by when they were written. One restore, or
    // one change of owner, makes the first the same for all.
    let mut newest: HashMap<(PathBuf, String), [Newest; 2]> = HashMap::new();
    let mut logs = 0_u64;
    let floor = config.keep_newest.get() as usize;
    let walked = root.walk(ENTRIES, cancel, &mut |seen| {
        let shown = || written(&seen.folder.join(seen.name));
        let name = seen.name.to_string_lossy();
        let Some(log) = log_of(config, &name) else {
            return kept.keep(9, "no log by its name", Some(seen.takes), shown);
        };
        logs += 1;
        // A name that is no text is a log of its own: what it has in common with another one is not known.
        let log = if seen.name.to_str().is_some() { log } else { written(Path::new(seen.name)) };
        let log = (seen.folder.to_owned(), log);
        let ranks = newest.entry(log.clone()).or_default();
        let (youngest, written) = (seen.youngest, seen.print.written);
        let (is_log, place) = (i64::from(log.1 == name), place(&name));
        for (rank, by) in ranks.iter_mut().zip([[youngest, written, is_log, place], [written, is_log, place, youngest]])
        {
            rank.push((by, seen.print.inode));
            rank.sort_unstable_by(|one, other| other.cmp(one));
            rank.truncate(floor);
        }
        if let Some((order, why)) = stays(config, &seen, &name, now, age) {
            return kept.keep(order, why, Some(seen.takes), shown);
        }
        let file = seen.folder.join(seen.name);
        old.push(Old { file, log, print: seen.print, youngest: seen.youngest, takes: seen.takes });
    });
    old.retain(|file| {
        let inode = file.print.inode;
        let is_newest =
            newest.get(&file.log).is_some_and(|ranks| ranks.iter().flatten().any(|(_, other)| *other == inode));
        if is_newest {
            let why = if floor == 1 {
                "the newest of its log".to_owned()
            } else {
                format!("one of the newest {floor} of its log")
            };
            kept.keep(1, why, Some(file.takes), || written(&file.file));
        }
        !is_newest
    });
    let mut unseen = Vec::new();
    if !old.is_empty() {
        let open = open::files(host, HashSet::new(), cancel)?;
        unseen = open.unseen();
        old.retain(|file| {
            let is_open = open.has(file.print.node());
            if is_open {
                kept.keep(0, "a program has it open", Some(file.takes), || written(&file.file));
            }
            !is_open
        });
    }
    for other in &walked.others {
        kept.keep(10, "no file: a link, a pipe, a socket or a device", None, || written(other));
    }
    for mount in &walked.mounts {
        kept.keep(11, "another file system is mounted there", None, || written(mount));
    }
    old.sort_by(|one, other| one.file.cmp(&other.file));
    let refused = refused(config, &walked.incomplete, &old, logs, now);
    let steps = old
        .iter()
        .map(|file| step(config.path.as_str(), file, now, &unseen))
        .take(config.max_files.get() as usize)
        .collect();
    Ok(Plan { steps, whole: false, kept: kept.kept(), refused })
}

/// Returns where the numbers of a name put a part of a log among those of the same times: a day has eight digits, and the
/// last one is the newest; of those that are counted, the first.
fn place(name: &str) -> i64 {
    let digits = name.bytes().filter(u8::is_ascii_digit).take(18);
    let (count, number) = digits.fold((0, 0), |(count, sum), digit| (count + 1, sum * 10 + i64::from(digit - b'0')));
    if count >= 8 { number } else { -number }
}

/// Returns the log that a file is, or is a part of, if it is one.
///
/// What is merged here shares one newest file that stays. So a part of a log is only what has the whole name of the log in
/// front (`x.log.1`), or a date within it (`x-20261120.log`): other numbers may be those of a customer or a process.
fn log_of(config: &Config, name: &str) -> Option<String> {
    let matches = |name: &str| config.names.iter().any(|pattern| pattern.matches(name));
    let part = files::base(name).filter(|base| matches(base) && (name.starts_with(base.as_str()) || has_date(name)));
    part.or_else(|| matches(name).then(|| name.to_owned()))
}

/// Tells whether a name has a day of the calendar in it, with or without hyphens.
fn has_date(name: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_day = |text: &str| text.parse::<jiff::civil::Date>().is_ok_and(|day| (1970..2200).contains(&day.year()));
    let windows = |length: usize| (0..name.len()).filter_map(move |at| name.get(at..at + length));
    let plain = windows(8).filter(|text| digits(text));
    let mut plain = plain.filter_map(|text| Some(format!("{}-{}-{}", text.get(..4)?, text.get(4..6)?, text.get(6..)?)));
    windows(10).any(is_day) || plain.any(|text| is_day(&text))
}

/// Returns the rule by which a log stays, with its place among the rules.
fn stays(config: &Config, seen: &Seen<'_>, name: &str, now: i64, age: i64) -> Option<(usize, String)> {
    let path = || Path::new(config.path.as_str()).join(seen.folder).join(seen.name);
    if config.keep.iter().any(|pattern| pattern.matches(name) || pattern.matches(&path().to_string_lossy())) {
        return Some((2, "named in `keep`".to_owned()));
    }
    if seen.is_linked {
        return Some((3, "it has another name elsewhere".to_owned()));
    }
    if seen.is_sticky {
        return Some((4, "marked to be kept, by its sticky bit".to_owned()));
    }
    if seen.is_in_public {
        return Some((5, "everybody may write to its folder".to_owned()));
    }
    if seen.youngest > now {
        return Some((6, "it is from the future: is the clock right?".to_owned()));
    }
    if now - seen.youngest < AT_WORK {
        return Some((7, "written or changed within a day".to_owned()));
    }
    if now - seen.youngest <= age {
        return Some((8, format!("not older than {}", config.older_than)));
    }
    None
}

fn refused(config: &Config, incomplete: &Option<String>, old: &[Old], logs: u64, now: i64) -> Vec<Refused> {
    let mut refused = Vec::new();
    let mut refuse = |why: String, advice: &str| refused.push(Refused { why, advice: advice.to_owned() });
    if let Some(why) = incomplete {
        refuse(format!("not everything could be seen: {why}"), "mend that; of what was not seen nothing is known");
    }
    if Timestamp::from_nanosecond(now.into()).is_ok_and(crate::ground::is_before_program) {
        refuse("the clock is wrong: it is before this program was made".to_owned(), "set the clock");
    }
    let bytes = old.iter().fold(0_u64, |sum, file| sum.saturating_add(file.takes));
    let count = old.len() as u64;
    if count > u64::from(config.max_files.get()) {
        let why = format!("{count} files would be deleted, and `max-files` is {}", config.max_files);
        refuse(why, "look at the plan; raise `max-files` if that is what you want");
    }
    if bytes > config.max_bytes.0 {
        let why = format!("{} would be deleted, and `max-bytes` is {}", ByteSize(bytes), config.max_bytes);
        refuse(why, "look at the plan; raise `max-bytes` if that is what you want");
    }
    if count as f64 > logs as f64 * config.max_share.get() {
        let why = format!("{count} of {logs} logs would be deleted, and `max-share` is {}", config.max_share);
        refuse(why, "look at the clock and at the plan; raise `max-share` if that is what you want");
    }
    refused
}

fn step(folder: &str, file: &Old, now: i64, unseen: &[String]) -> Planned<Step> {
    let name = written(&file.file);
    let age = std::time::Duration::from_nanos(u64::try_from(now - file.youngest).unwrap_or(0));
    let days = TimeSpan::from(std::time::Duration::from_secs(age.as_secs() / 86_400 * 86_400));
    Planned {
        what: format!("delete {folder}/{name}, {}, {days} old", ByteSize(file.takes)),
        target: name.clone(),
        step: Step { file: name, print: file.print },
        risk: Risk::Destructive,
        bytes: i64::try_from(file.takes).ok(),
        seconds: None,
        locks: Vec::new(),
        undo: Undo::Impossible("a deleted file is gone".to_owned()),
        not_simulated: unseen.to_vec(),
    }
}

/// What is not written as it is: what is no plain ASCII never is.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// Writes a path as text that reads again as the same bytes.
pub(in crate::logs) fn written(path: &Path) -> String {
    percent_encode(path.as_os_str().as_bytes(), ESCAPED).to_string()
}

/// Reads such a text.
pub(in crate::logs) fn read(text: &str) -> Result<PathBuf> {
    let path = PathBuf::from(OsString::from_vec(percent_decode_str(text).collect()));
    // What would be written otherwise, no plan has written.
    if written(&path) == text {
        return Ok(path);
    }
    Err(Error::new(ErrorKind::Config, format!("`{text}` is not the name of a file as a plan writes it")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_path_that_is_written_reads_again(bytes in prop::collection::vec(1_u8..=255, 1..40)) {
            let path = PathBuf::from(OsString::from_vec(bytes));
            let text = written(&path);
            prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert_eq!(read(&text).unwrap(), path);
        }
    }

    #[test]
    fn what_no_plan_writes_is_refused() {
        for text in ["%", "%4", "%zz", "a%2"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
