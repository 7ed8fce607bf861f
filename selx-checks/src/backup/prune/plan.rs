//! What lies in the folder, and what of it may go.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use selx_core::action::{Keeping, Kept, Plan, Planned, Refused, Risk, Undo};
use selx_core::{ByteSize, Error, ErrorKind, Extent, Host, Result, TimeSpan};
use tokio_util::sync::CancellationToken;

use super::proofs::{NAME as PROOFS, Proofs};
use super::retention::{Decision, Proof, Rules, decide};
use super::{Config, Does, Step, TRASH};
use crate::backup::archive::{Archive as Seen, Level, find::BESIDE, name, whole};
use crate::deletion::{Print, Root};

/// How many entries of the folder are looked at.
const ENTRIES: u64 = 200_000;
/// How long a file that is not finished must not have been written to before it counts as left behind.
const QUIET: SignedDuration = SignedDuration::from_mins(10);

/// What a plan is made with.
pub(super) struct Look {
    pub(super) config: Config,
    pub(super) host: Host,
    pub(super) now: Timestamp,
    pub(super) proofs: Arc<Mutex<Proofs>>,
    pub(super) extent: Arc<Extent>,
}

/// A file of the folder.
#[derive(Clone)]
struct File {
    name: String,
    print: Print,
    takes: u64,
}

/// A backup.
struct Archive {
    file: File,
    at: Timestamp,
    beside: Vec<File>,
}

#[derive(Default)]
struct Found {
    archives: Vec<Archive>,
    /// Those that were set aside.
    trash: Vec<Archive>,
    kept: Keeping,
    /// A backup that is being written.
    at_work: Option<String>,
}

impl Found {
    fn keep(&mut self, why: &str, file: &File) {
        self.kept.keep(1, why, Some(file.takes), || file.name.clone());
    }
}

/// Looks at the folder and says what would go.
pub(super) fn plan(look: &Look, cancel: &CancellationToken) -> Result<Plan<Step>> {
    let root = Root::open(Path::new(look.config.folder.as_str()))?;
    let mut found = find(&root, look, cancel)?;
    let grace = duration(look.config.grace.get());
    let (old, young): (Vec<Archive>, Vec<Archive>) = std::mem::take(&mut found.trash)
        .into_iter()
        .partition(|archive| age(look.now, archive.file.print.changed) > grace);
    for archive in &young {
        found.keep("set aside, and kept there for `grace`", &archive.file);
    }
    let rules = rules(&look.config);
    // What lies aside counts like the others: what a rule would keep by now is not deleted, whatever was so a day ago.
    let (mut files, here) = (std::mem::take(&mut found.archives), old.len());
    files.splice(0..0, old);
    let times: Vec<Timestamp> = files.iter().map(|archive| archive.at).collect();
    let newest = {
        let mut order: Vec<usize> = (0..times.len()).collect();
        order.sort_by_key(|index| times.get(*index).map(|time| std::cmp::Reverse(*time)));
        order.truncate(look.config.keep_last.get() as usize);
        order
    };
    let decision = decide(&times, &rules, look.now, &mut |index| {
        let archive = files.get(index);
        let archive = archive.ok_or_else(|| Error::new(ErrorKind::Bug, format!("there is no backup {index}")))?;
        prove(archive, newest.contains(&index), look, cancel)
    })?;
    let mut refused = decision.refused.clone();
    refused.extend(found.at_work.iter().map(|name| Refused {
        why: format!("`{name}` is being written"),
        advice: "wait for its end: what it is to take the place of may be needed until then".to_owned(),
    }));
    if files.len() == here {
        let why = format!("no backup in `{}` fits `{}`", look.config.folder.as_str(), look.config.archives);
        refused.push(Refused { why, advice: "look at `folder` and at `archives`: a name has a date in it".to_owned() });
    }
    refused.extend(several(&files));
    let (go, old): (Vec<usize>, Vec<usize>) = decision.go.iter().copied().partition(|index| *index >= here);
    let chosen =
        |indexes: &[usize]| -> Vec<&Archive> { indexes.iter().filter_map(|index| files.get(*index)).collect() };
    let (go, mut old) = (chosen(&go), chosen(&old));
    old.sort_by(|one, other| one.file.name.cmp(&other.file.name));
    refused.extend(budget(&look.config, &go, &old, files.len() - here));
    let mut steps: Vec<Planned<Step>> = Vec::new();
    for archive in &go {
        let days = whole_days(look.now.duration_since(archive.at));
        let folder = look.config.folder.as_str();
        let shown = format!("set {folder}/{} aside, {}, {days} old", archive.file.name, ByteSize(archive.file.takes));
        steps.push(set_aside(&archive.file, shown, look.config.grace.get()));
        for file in &archive.beside {
            steps.push(set_aside(file, format!("set {} aside with it", file.name), look.config.grace.get()));
        }
    }
    // What cannot be undone comes last.
    for archive in &old {
        steps.push(delete(&archive.file, look));
        steps.extend(archive.beside.iter().map(|file| delete(file, look)));
    }
    let kept = told(found.kept, &files, &decision);
    Ok(Plan { steps, whole: false, kept, refused })
}

fn find(root: &Root, look: &Look, cancel: &CancellationToken) -> Result<Found> {
    let mut found = Found::default();
    let mut files: Vec<File> = Vec::new();
    let mut strange = 0_u64;
    let walked = root.walk(ENTRIES, cancel, &mut |seen| {
        let Some(name) = seen.name.to_str() else {
            strange += 1;
            return;
        };
        let in_trash = seen.folder == Path::new(TRASH);
        if seen.folder.as_os_str().is_empty() || in_trash {
            let name = if in_trash { format!("{TRASH}/{name}") } else { name.to_owned() };
            files.push(File { name, print: seen.print, takes: seen.takes });
        }
    });
    if let Some(why) = walked.incomplete {
        let message = format!("the folder was not seen wholly: {why}");
        return Err(Error::new(ErrorKind::Local, message).advice("nothing is concluded from a part of the backups"));
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    let mut beside: BTreeMap<String, Vec<File>> = BTreeMap::new();
    let mut archives = Vec::new();
    for file in files {
        // What was set aside is known by the name that it had: others may set theirs aside in the same folder.
        let bare = file.name.strip_prefix(TRASH).map_or(file.name.as_str(), |rest| rest.trim_start_matches('/'));
        let is_aside = bare.len() < file.name.len();
        if let Some(of) = BESIDE.iter().find_map(|end| file.name.strip_suffix(end)) {
            beside.entry(of.to_owned()).or_default().push(file);
        } else if let Some(inner) = unfinished(bare) {
            if is_aside || !look.config.archives.matches(inner) {
                found.keep("no backup by its name", &file);
            } else if age(look.now, file.print.written) < QUIET {
                found.at_work = Some(file.name);
            } else {
                found.keep("not finished", &file);
            }
        } else if bare == PROOFS || !look.config.archives.matches(bare) {
            found.keep("no backup by its name", &file);
        } else if let Some(at) = name::date(bare).and_then(|date| jiff::tz::Offset::UTC.to_timestamp(date).ok()) {
            archives.push((file, at, is_aside));
        } else {
            found.keep("no date in its name", &file);
        }
    }
    for (file, at, is_aside) in archives {
        let beside = beside.remove(&file.name).unwrap_or_default();
        let to = if is_aside { &mut found.trash } else { &mut found.archives };
        to.push(Archive { file, at, beside });
    }
    for file in beside.into_values().flatten() {
        found.keep("no backup by its name", &file);
    }
    if strange > 0 {
        found.kept.keep(2, format!("{strange} names are no texts"), None, || "?".to_owned());
    }
    Ok(found)
}

/// Refuses files whose names differ in more than dates and numbers: they are of several products, and one of them would push
/// the others out.
fn several(files: &[Archive]) -> Option<Refused> {
    let form = |archive: &Archive| -> String {
        let bare = archive.file.name.rsplit('/').next().unwrap_or_default();
        bare.chars().filter(|c| !c.is_ascii_digit()).collect()
    };
    let first = files.first()?;
    let other = files.iter().find(|archive| form(archive) != form(first))?;
    let why = format!("`{}` and `{}` are backups of two sorts by their names", first.file.name, other.file.name);
    Some(Refused { why, advice: "narrow `archives`, and write an action for each".to_owned() })
}

/// Returns the name that a file is to have in the end, if its own says that it is not finished.
fn unfinished(name: &str) -> Option<&str> {
    let inner = name::finished(name)?;
    Some(inner.strip_prefix('.').unwrap_or(inner))
}

/// Finds out whether a backup is good, by what is known of it or by reading it.
fn prove(archive: &Archive, anew: bool, look: &Look, cancel: &CancellationToken) -> Result<Proof> {
    let File { name, print, .. } = &archive.file;
    let lax = look.config.without_manifest;
    let proofs = || look.proofs.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(proof) = proofs().of(name, print, look.now, lax, anew) {
        return Ok(proof);
    }
    look.extent.doing(format!("reading {name}"));
    let path = look.host.path(look.config.folder.as_str()).join(name);
    let seen = whole::whole(&path, &look.host, look.now, cancel, &look.extent)?;
    let is_enough = lax && seen.manifest.is_none() && is_decoded(&seen);
    let doubt = if is_enough { None } else { whole::doubt(&seen) };
    let bad = doubt.or_else(|| misdated(&seen, archive.at));
    let proof = bad.map_or(Proof::Good, Proof::Bad);
    proofs().note(name, *print, look.now, &proof, lax);
    Ok(proof)
}

/// Tells whether every byte could be read, and nothing is wrong with what it holds.
fn is_decoded(seen: &Seen) -> bool {
    let content = &seen.content;
    seen.level >= Level::Decoded && seen.damage.is_none() && content.dumps.iter().all(|dump| dump.wrong.is_none())
}

/// A name is what anybody may write: what the backup says of itself has to agree with it, to the day.
fn misdated(seen: &Seen, named: Timestamp) -> Option<String> {
    let created = seen.manifest.as_ref()?.created?;
    let apart = created.duration_since(named).abs();
    (apart > SignedDuration::from_hours(26))
        .then(|| format!("its manifest says that it was made at {created}, and its name says {named}"))
}

fn rules(config: &Config) -> Rules {
    Rules {
        last: config.keep_last.get(),
        within: duration(config.keep_within.get()),
        daily: config.keep_daily,
        weekly: config.keep_weekly,
        monthly: config.keep_monthly,
        yearly: config.keep_yearly,
        newest_within: duration(config.newest_within.get()),
    }
}

fn duration(span: TimeSpan) -> SignedDuration {
    SignedDuration::try_from(span.get()).unwrap_or(SignedDuration::MAX)
}

/// Returns how long ago a time of a file was.
fn age(now: Timestamp, nanoseconds: i64) -> SignedDuration {
    let then = Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or(Timestamp::MAX);
    now.duration_since(then)
}

fn whole_days(age: SignedDuration) -> TimeSpan {
    TimeSpan::secs(age.as_secs().unsigned_abs() / 86_400 * 86_400)
}

fn budget(config: &Config, go: &[&Archive], old: &[&Archive], all: usize) -> Vec<Refused> {
    let mut refused = Vec::new();
    let mut refuse = |why: String, advice: &str| refused.push(Refused { why, advice: advice.to_owned() });
    if go.len() as u64 > u64::from(config.max_archives.get()) {
        let why = format!("{} backups would be set aside, and `max-archives` is {}", go.len(), config.max_archives);
        refuse(why, "look at the plan; raise `max-archives` if that is what you want");
    }
    if go.len() as f64 > all as f64 * config.max_share.get() {
        let why = format!("{} of {all} backups would be set aside, and `max-share` is {}", go.len(), config.max_share);
        refuse(why, "look at the clock and at the plan; raise `max-share` if that is what you want");
    }
    let bytes = old.iter().fold(0_u64, |sum, archive| sum.saturating_add(archive.file.takes));
    if bytes > config.max_bytes.0 {
        let why = format!("{} would be deleted, and `max-bytes` is {}", ByteSize(bytes), config.max_bytes);
        refuse(why, "look at the plan; raise `max-bytes` if that is what you want");
    }
    refused
}

fn set_aside(file: &File, what: String, grace: TimeSpan) -> Planned<Step> {
    Planned {
        what,
        target: file.name.clone(),
        step: Step { file: file.name.clone(), print: file.print, does: Does::SetAside },
        risk: Risk::Safe,
        bytes: None,
        seconds: None,
        locks: Vec::new(),
        undo: Undo::Possible(format!("it lies in `{TRASH}` for {grace}, from where it can be moved back")),
        not_simulated: Vec::new(),
    }
}

fn delete(file: &File, look: &Look) -> Planned<Step> {
    let days = whole_days(age(look.now, file.print.changed));
    let shown = format!("{}/{}", look.config.folder.as_str(), file.name);
    Planned {
        what: format!("delete {shown}, {}, set aside {days} ago", ByteSize(file.takes)),
        target: file.name.clone(),
        step: Step { file: file.name.clone(), print: file.print, does: Does::Delete },
        risk: Risk::Destructive,
        bytes: i64::try_from(file.takes).ok(),
        seconds: None,
        locks: Vec::new(),
        undo: Undo::Impossible("a deleted backup is gone".to_owned()),
        not_simulated: Vec::new(),
    }
}

/// Says what stays, by the rule.
fn told(mut kept: Keeping, files: &[Archive], decision: &Decision) -> Vec<Kept> {
    for (index, why) in &decision.kept {
        if let Some(Archive { file, .. }) = files.get(*index) {
            kept.keep(0, why, Some(file.takes), || file.name.clone());
        }
    }
    kept.kept()
}
