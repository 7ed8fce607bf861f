//! Which files of the journal are old enough.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use selx_core::action::{Keeping, Plan, Planned, Refused, Risk, Undo};
use selx_core::{ByteSize, Host, Result, TimeSpan};
use tokio_util::sync::CancellationToken;

use super::file::{self, Head, Sort};
use super::{Config, FLOOR, Step};
use crate::deletion::{Print, Root, Seen};
use crate::logs::clean::plan::written;

/// How many entries of folders are looked at.
const ENTRIES: u64 = 1_000_000;
/// What is ahead of the clock by no more than this was written while we looked.
const NOW: SignedDuration = SignedDuration::from_secs(60);

/// A closed file.
struct Closed {
    file: PathBuf,
    print: Print,
    takes: u64,
    first: Option<Timestamp>,
    /// When its last entry was written.
    last: Timestamp,
    is_of_this_boot: bool,
}

/// A file that is being written.
struct Active {
    file: PathBuf,
    inode: u64,
    takes: u64,
    head: Option<Head>,
}

/// Everything that was found.
#[derive(Default)]
struct Found {
    closed: Vec<Closed>,
    active: Vec<Active>,
    kept: Keeping,
    /// The newest entry of all.
    newest: Option<Timestamp>,
    /// What all of it takes.
    takes: u64,
}

/// Looks at the journal and says what would be deleted.
pub(super) fn plan(config: &Config, host: &Host, now: Timestamp, cancel: &CancellationToken) -> Result<Plan<Step>> {
    let root = Root::open(&host.path(Path::new(config.folder.as_str())))?;
    let boot = this_boot(host)?;
    let mut found = Found::default();
    let walked = root.walk(ENTRIES, cancel, &mut |seen| found.take(&root, &seen, boot, now));
    let mut refused = Vec::new();
    let mut refuse = |why: String, advice: &str| refused.push(Refused { why, advice: advice.to_owned() });
    if let Some(why) = &walked.incomplete {
        refuse(format!("not everything could be seen: {why}"), "mend that; of what was not seen nothing is known");
    }
    if crate::ground::is_before_program(now) {
        refuse("the clock is wrong: it is before this program was made".to_owned(), "set the clock");
    }
    let Found { mut closed, active, mut kept, newest, takes } = found;
    // Ages are counted from the newest entry: a clock that runs ahead, or a journal that stopped, makes nothing old.
    let end = newest.map_or(now, |newest| newest.min(now));
    let before = |age: std::time::Duration| end.checked_sub(age).unwrap_or(Timestamp::MIN);
    let (floor, bound) = (before(FLOOR), config.age().map(|age| (age, before(age.get()))));
    closed.sort_by(|one, other| (one.last, &one.file).cmp(&(other.last, &other.file)));
    let all = closed.len();
    let mut left = takes;
    let mut old = Vec::new();
    for file in closed {
        let is_old = bound.is_some_and(|(_, bound)| file.last < bound);
        let is_too_much = config.keep_size.is_some_and(|size| left > size.0);
        if file.last.duration_since(now) > NOW {
            kept.keep(5, "its newest entry is from the future: is the clock right?", Some(file.takes), || {
                written(&file.file)
            });
        } else if config.keep_boot && file.is_of_this_boot {
            kept.keep(1, "it holds entries of the current boot, and `keep-boot` is set", Some(file.takes), || {
                written(&file.file)
            });
        } else if file.last >= floor {
            kept.keep(2, "within the last 7d of the journal", Some(file.takes), || written(&file.file));
        } else if is_old || is_too_much {
            left = left.saturating_sub(file.takes);
            old.push(file);
        } else {
            let why = match (bound, config.keep_size) {
                (Some((age, _)), _) => format!("its newest entry is not older than {age}"),
                (None, size) => format!("the journal is not larger than {}", size.unwrap_or(ByteSize(0))),
            };
            kept.keep(3, why, Some(file.takes), || written(&file.file));
        }
    }
    let machine = std::fs::read_to_string(host.path("/etc/machine-id")).unwrap_or_default();
    let mut steps = Vec::new();
    for file in active {
        let is_old = |first: Timestamp| bound.is_some_and(|(_, bound)| first < bound);
        let (order, why) = match file.head.and_then(|head| head.range()) {
            Some((first, _)) if is_old(first) => {
                let since = first.strftime("%Y-%m-%d");
                match (is_own(&file.file, &machine), config.rotate) {
                    (true, true) => {
                        steps.push(rotation(&file, first));
                        (6, "being written; this plan closes it, and the next one looks at it".to_owned())
                    }
                    (true, false) => (7, format!("being written, with entries since {since}: `rotate` would close it")),
                    (false, _) => (7, format!("being written, with entries since {since}: `rotate` does not close it")),
                }
            }
            _ => (8, "being written".to_owned()),
        };
        kept.keep(order, why, Some(file.takes), || written(&file.file));
    }
    for other in &walked.others {
        kept.keep(11, "no file: a link, a pipe, a socket or a device", None, || written(other));
    }
    for mount in &walked.mounts {
        kept.keep(12, "another file system is mounted there", None, || written(mount));
    }
    let bytes = old.iter().fold(0_u64, |sum, file| sum.saturating_add(file.takes));
    let (count, most) = (old.len(), config.max_files);
    if count as u64 > u64::from(most.get()) {
        let why = format!("{count} files would be deleted, and `max-files` is {most}");
        refuse(why, "look at the plan; raise `max-files` if that is what you want");
    }
    if bytes > config.max_bytes.0 {
        let why = format!("{} would be deleted, and `max-bytes` is {}", ByteSize(bytes), config.max_bytes);
        refuse(why, "look at the plan; raise `max-bytes` if that is what you want");
    }
    if count as f64 > all as f64 * config.max_share.get() {
        let why = format!("{count} of {all} closed files would be deleted, and `max-share` is {}", config.max_share);
        refuse(why, "look at the clock and at the plan; raise `max-share` if that is what you want");
    }
    steps.extend(old.iter().take(config.max_files.get() as usize).map(|file| deletion(file, end)));
    Ok(Plan { steps, whole: false, kept: kept.kept(), refused })
}

impl Found {
    fn take(&mut self, root: &Root, seen: &Seen<'_>, boot: [u8; 16], now: Timestamp) {
        let file = seen.folder.join(seen.name);
        let Some(sort) = seen.name.to_str().and_then(file::sort) else {
            return self.kept.keep(10, "no file of a journal by its name", Some(seen.takes), || written(&file));
        };
        self.takes = self.takes.saturating_add(seen.takes);
        let head = file::read(&root.path().join(&file), &seen.print);
        let range = head.as_ref().ok().and_then(|head| head.range());
        // What is from the future says nothing of how far the journal goes.
        let last = range.map(|(_, last)| last).filter(|last| last.duration_since(now) <= NOW);
        self.newest = self.newest.max(last);
        if sort == Sort::Active {
            let head = head.ok();
            self.active.push(Active { file, inode: seen.print.inode, takes: seen.takes, head });
            return;
        }
        let mut keep = |order: usize, why: &str| self.kept.keep(order, why, Some(seen.takes), || written(&file));
        if seen.is_linked || seen.is_sticky || seen.is_in_public {
            return keep(4, "it has another name, is marked to be kept, or everybody may write to its folder");
        }
        let youngest = Timestamp::from_nanosecond(seen.youngest.into()).ok();
        let closed = |first: Option<Timestamp>, last: Timestamp, boot_of: Option<[u8; 16]>| Closed {
            file: file.clone(),
            print: seen.print,
            takes: seen.takes,
            first,
            last,
            is_of_this_boot: boot_of == Some(boot),
        };
        let found = match (sort, head, range) {
            // It was damaged: what its head says may be older than its newest entry.
            (Sort::Disposed, head, range) => match youngest {
                Some(youngest) => {
                    let last = range.map_or(youngest, |(_, last)| last.max(youngest));
                    closed(range.map(|(first, _)| first), last, head.ok().map(|head| head.boot))
                }
                None => return keep(9, "its times cannot be read"),
            },
            (_, Err(why), _) => return keep(9, &why),
            (_, Ok(head), _) if head.is_online => return keep(9, "it is marked as being written"),
            (Sort::Archived(first), Ok(head), _) if head.first != first => {
                return keep(9, "its name and its head differ in when it begins");
            }
            (_, Ok(head), Some((first, last))) => closed(Some(first), last, Some(head.boot)),
            (_, Ok(_), None) => return keep(9, "its head does not say when its entries were written"),
        };
        self.closed.push(found);
    }
}

/// Returns the id of the current boot.
fn this_boot(host: &Host) -> Result<[u8; 16]> {
    let text = host.read_proc("sys/kernel/random/boot_id")?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32);
    let error = || selx_core::Error::new(selx_core::ErrorKind::Local, "the kernel does not say which boot this is");
    Ok(number.ok_or_else(error)?.to_be_bytes())
}

/// Tells whether the journal of this host writes a file: those of others, and of name spaces, have other folders, and those
/// of users are closed with it.
fn is_own(file: &Path, machine: &str) -> bool {
    let folder = file.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    !folder.is_empty() && folder == machine.trim() && file.file_name().is_some_and(|name| name == "system.journal")
}

fn rotation(file: &Active, first: Timestamp) -> Planned<Step> {
    let name = written(&file.file);
    Planned {
        what: format!("close {name}, which has entries since {}, and begin another", first.strftime("%Y-%m-%d")),
        target: name.clone(),
        step: Step::Rotate { file: name, inode: file.inode },
        risk: Risk::Safe,
        bytes: None,
        seconds: None,
        locks: Vec::new(),
        undo: Undo::Impossible("a file that was closed stays closed; nothing is lost".to_owned()),
        not_simulated: vec![
            "the journals of users that are being written are closed with it".to_owned(),
            "what is closed by it can be deleted by a later plan alone".to_owned(),
        ],
    }
}

fn deletion(file: &Closed, end: Timestamp) -> Planned<Step> {
    let name = written(&file.file);
    let age = std::time::Duration::try_from(end.duration_since(file.last)).unwrap_or_default();
    let days = TimeSpan::secs(age.as_secs() / 86_400 * 86_400);
    let day = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M").to_string();
    let from = file.first.map_or_else(|| "?".to_owned(), day);
    let what = format!("delete {name}, {}, {from} to {} UTC, {days} old", ByteSize(file.takes), day(file.last));
    Planned {
        what,
        target: name.clone(),
        step: Step::Delete { file: name, print: file.print },
        risk: Risk::Destructive,
        bytes: i64::try_from(file.takes).ok(),
        seconds: None,
        locks: Vec::new(),
        undo: Undo::Impossible("a deleted file is gone".to_owned()),
        not_simulated: Vec::new(),
    }
}
