//! Which logs are due.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use selx_core::action::{Keeping, Plan, Planned, Refused, Risk, Undo};
use selx_core::{ByteSize, Error, ErrorKind, Host, Result, TimeSpan};
use tokio_util::sync::CancellationToken;

use super::{Config, Log, Step};
use crate::deletion::{Print, Root, Seen};
use crate::logs::clean::open;
use crate::logs::clean::plan::written;
use crate::logs::files;

/// How many entries of folders are looked at.
const ENTRIES: u64 = 5_000_000;

/// A log that is due, and why.
struct Due {
    file: PathBuf,
    print: Print,
    why: String,
}

/// A file that an earlier run rotated, and the log that it was.
struct Before {
    file: PathBuf,
    log: PathBuf,
    print: Print,
}

/// Looks at the folder and says what would be rotated.
pub(super) fn plan(config: &Config, host: &Host, now: Timestamp, cancel: &CancellationToken) -> Result<Plan<Step>> {
    let root = Root::open(Path::new(config.path.as_str()))?;
    let now = i64::try_from(now.as_nanosecond())
        .map_err(|_| Error::new(ErrorKind::Local, "the clock shows a time that no file can have"))?;
    let mut kept = Keeping::default();
    let mut due: Vec<Due> = Vec::new();
    // What was rotated and may be written on: its program was not told, because a run ended before that.
    let mut rotated: Vec<Before> = Vec::new();
    let walked = root.walk(ENTRIES, cancel, &mut |seen| {
        let file = seen.folder.join(seen.name);
        if let Some(log) = seen.name.to_str().and_then(log_of).filter(|log| is_log(config, log)) {
            rotated.push(Before { file: file.clone(), log: seen.folder.join(log), print: seen.print });
        }
        match judge(config, &seen, now) {
            Ok(why) => due.push(Due { file, print: seen.print, why }),
            Err((order, why)) => kept.keep(order, why, Some(seen.print.length), || written(&file)),
        }
    });
    for other in &walked.others {
        kept.keep(10, "no file: a link, a pipe, a socket or a device", None, || written(other));
    }
    for mount in &walked.mounts {
        kept.keep(11, "another file system is mounted there", None, || written(mount));
    }
    due.sort_by(|one, other| one.file.cmp(&other.file));
    let mut told: Vec<Log> = Vec::new();
    let mut unseen = Vec::new();
    if !due.is_empty() || !rotated.is_empty() {
        let open = open::files(host, rotated.iter().map(|before| before.print.node()).collect(), cancel)?;
        // Whoever only reads the end of one is not to be told.
        rotated.retain(|before| open.writes(before.print.node()));
        unseen = open.unseen();
        due.retain(|log| {
            let is_open = open.has(log.print.node());
            match (is_open, &config.reopen) {
                (true, Some(_)) => told.push(Log::of(&log.file, &log.print)),
                (true, None) => {
                    let why = "a program has it open, and `reopen` does not say how it is told to open another one";
                    kept.keep(0, why, Some(log.print.length), || written(&log.file));
                    return false;
                }
                (false, _) => {}
            }
            true
        });
    }
    rotated.sort_by(|one, other| one.file.cmp(&other.file));
    for Before { file, log, print } in &rotated {
        match &config.reopen {
            Some(_) => told.push(Log::of(log, print)),
            None => kept.keep(1, "was rotated, and a program writes on into it", Some(print.length), || written(file)),
        }
    }
    let mut refused = Vec::new();
    if let Some(why) = &walked.incomplete {
        let advice = "look at the folder; nothing is concluded from a part of it".to_owned();
        refused.push(Refused { why: format!("the folder was not seen wholly: {why}"), advice });
    }
    if due.len() as u64 > u64::from(config.max_files.get()) {
        let why = format!("{} logs would be rotated, and `max-files` is {}", due.len(), config.max_files);
        refused.push(Refused { why, advice: "look at `names`; raise `max-files` if that is what you want".to_owned() });
    }
    let mut steps: Vec<Planned<Step>> =
        due.iter().take(config.max_files.get() as usize).map(|log| rotate(config, log, &unseen)).collect();
    if let Some(reopen) = config.reopen.as_ref().filter(|_| !told.is_empty()) {
        steps.push(Planned {
            what: format!("tell who writes to {} of them to open a new file: {reopen}", told.len()),
            target: reopen.program.clone(),
            step: Step::Reopen { logs: told },
            risk: Risk::Disruptive,
            bytes: None,
            seconds: None,
            locks: Vec::new(),
            undo: Undo::Impossible("a program that was told cannot be untold, and loses nothing by it".to_owned()),
            not_simulated: vec![format!("what `{}` does beside it", reopen.program)],
        });
    }
    Ok(Plan { steps, whole: false, kept: kept.kept(), refused })
}

/// Tells whether a name is that of a log.
fn is_log(config: &Config, name: &str) -> bool {
    config.names.iter().any(|pattern| pattern.matches(name))
}

/// Returns the log of a name that a rotation of ours gave.
fn log_of(name: &str) -> Option<&str> {
    let (log, _) = name.rsplit_once('-')?;
    super::is_rotated(Path::new(log), name).then_some(log)
}

/// Says why a file is due, or by which rule it stays as it is.
fn judge(config: &Config, seen: &Seen<'_>, now: i64) -> Result<String, (usize, String)> {
    let Some(name) = seen.name.to_str() else { return Err((9, "its name is no text".to_owned())) };
    if files::base(name).is_some_and(|base| is_log(config, &base)) {
        return Err((9, "a part of a log that was rotated already".to_owned()));
    }
    if !is_log(config, name) {
        return Err((9, "no log by its name".to_owned()));
    }
    let path = Path::new(config.path.as_str()).join(seen.folder).join(seen.name);
    if config.keep.iter().any(|pattern| pattern.matches(name) || pattern.matches(&path.to_string_lossy())) {
        return Err((2, "named in `keep`".to_owned()));
    }
    if seen.is_linked {
        return Err((3, "it has another name elsewhere".to_owned()));
    }
    if seen.is_in_public {
        return Err((4, "everybody may write to its folder".to_owned()));
    }
    let length = seen.print.length;
    if length == 0 {
        return Err((5, "empty".to_owned()));
    }
    if length > config.larger_than.0 {
        return Ok(format!("{}, more than {}", ByteSize(length), config.larger_than));
    }
    if let Some(most) = config.older_than {
        let Some(born) = seen.born else {
            return Err((6, "its file system does not know when it was begun".to_owned()));
        };
        let age = std::time::Duration::from_nanos(u64::try_from(now.saturating_sub(born)).unwrap_or(0));
        if age > most.get() {
            let age = TimeSpan::secs(age.as_secs() / 3_600 * 3_600);
            return Ok(format!("{}, begun {age} ago", ByteSize(length)));
        }
    }
    if config.force {
        return Ok(format!("{}, as `force` says", ByteSize(length)));
    }
    Err((7, "not due".to_owned()))
}

fn rotate(config: &Config, log: &Due, unseen: &[String]) -> Planned<Step> {
    let name = written(&log.file);
    Planned {
        what: format!("rotate {}/{name}, {}", config.path.as_str(), log.why),
        target: name,
        step: Step::Rotate { log: Log::of(&log.file, &log.print) },
        risk: Risk::Safe,
        bytes: None,
        seconds: None,
        locks: Vec::new(),
        undo: Undo::Impossible("lines may be in the new file by then; the old one can be renamed by hand".to_owned()),
        not_simulated: unseen.to_vec(),
    }
}
