//! Reads the table of mounts and asks each file system for its size.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use selx_core::{Context, Error, ErrorKind, Result, TimeSpan};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Answer, Config, Facts, Failure, FailureKind, FileSystem, Size, select};
use crate::host::mounts::{self, MOST_MOUNTS, Mount, Mounts};
use crate::host::{malformed, read_needed};
use crate::setting::AbsolutePath;

/// The most file systems that one check looks at.
const MOST_FILE_SYSTEMS: usize = 1_000;

/// The most file systems that may keep a thread waiting at the same time.
const MOST_WAITING: usize = 64;

/// Reads the table of mounts.
pub(super) fn table(cx: &Context) -> Result<Mounts> {
    // Whoever looks at a host from a container sees its own mounts under `self`, and those of the host under `1`.
    let of_host = match cx.host().root != Path::new("/") {
        true => match cx.host().read_proc("1/mountinfo") {
            Err(error) if error.kind() == ErrorKind::Missing => None,
            text => Some(text?),
        },
        false => None,
    };
    let (name, text) = match of_host {
        Some(text) => ("1/mountinfo", text),
        None => ("self/mountinfo", read_needed(cx, "self/mountinfo")?),
    };
    let table = mounts::parse_mountinfo(&text);
    if table.list.is_empty() {
        return Err(malformed(name, format!("none of its {} lines is a mount", table.malformed)));
    }
    Ok(table)
}

/// Looks.
pub(super) async fn look(config: &Config, cx: &Context) -> Result<Facts> {
    let table = table(cx)?;
    if table.cut {
        let message = format!("there are more than {MOST_MOUNTS} mounts; the others were not looked at");
        cx.fault(Error::new(ErrorKind::Limit, message).advice("name what matters in `paths`"));
    }
    if table.malformed > 0 {
        cx.fault(malformed("self/mountinfo", format!("{} lines are not mounts", table.malformed)));
    }
    // What hangs may take three quarters of the time: then there is time left to say so.
    let until = Instant::now() + cx.remaining().mul_f64(0.75);
    let mut facts = Facts { mounts: table.list.len(), ..Facts::default() };
    for path in &config.mounted {
        if !table.list.iter().any(|mount| mount.point == path.as_str()) {
            facts.not_mounted.push(path.as_str().to_owned());
        }
    }
    let named = !config.paths.is_empty();
    let mut chosen = if named {
        by_paths(config, cx, &table.list, until, &mut facts).await
    } else {
        select::automatic(config, &table.list)
    };
    if chosen.len() > MOST_FILE_SYSTEMS {
        let message =
            format!("there are {} file systems; only the first {MOST_FILE_SYSTEMS} were looked at", chosen.len());
        cx.fault(Error::new(ErrorKind::Limit, message).advice("leave some out by `exclude`, or name `paths`"));
        chosen.truncate(MOST_FILE_SYSTEMS);
    }
    for (mount, answer) in ask_all(cx, chosen, until).await {
        // `df` leaves out what has no size; what was named is told.
        if named || answer != Answer::None {
            facts.file_systems.push(file_system(mount, answer));
        }
    }
    Ok(facts)
}

fn file_system(mount: &Mount, answer: Answer) -> FileSystem {
    let of_file_system = ["ro", "emergency_ro", "shutdown"].iter().any(|option| mount.has_super_option(option));
    let read_only = mount.has_option("ro") || of_file_system;
    // An operator who remounts sets both; the kernel, after an error, only the option of the file system.
    let by_kernel = of_file_system
        && !select::is_always_full(&mount.kind)
        && (!mount.has_option("ro")
            || ["errors=remount-ro", "emergency_ro", "shutdown"].iter().any(|option| mount.has_super_option(option)));
    FileSystem {
        point: mount.point.clone(),
        kind: mount.kind.clone(),
        source: mount.source.clone(),
        read_only,
        by_kernel,
        options: format!("{} / {}", mount.options, mount.super_options),
        answer,
    }
}

/// Finds the file systems of the paths of the settings.
async fn by_paths<'a>(
    config: &Config,
    cx: &Context,
    mounts: &'a [Mount],
    until: Instant,
    facts: &mut Facts,
) -> Vec<&'a Mount> {
    let mut waiting = Vec::new();
    let mut chosen: Vec<&Mount> = Vec::new();
    let mut seen = HashSet::new();
    for path in config.paths.iter().map(AbsolutePath::as_str) {
        // A mount point needs no walk, and a walk can hang.
        if let Some(mount) = mounts.iter().find(|mount| mount.point == path) {
            if seen.insert(mount.point.as_str()) {
                chosen.push(mount);
            }
        } else if waiting.len() < MOST_WAITING {
            let place = cx.host().path(path);
            waiting.push((path, tokio::task::spawn_blocking(move || std::fs::canonicalize(place))));
        } else {
            let message = format!("`{path}` was not looked at: {MOST_WAITING} paths were followed already");
            cx.fault(Error::new(ErrorKind::Limit, message).advice("name mount points in `paths`"));
        }
    }
    for (path, task) in waiting {
        match finish(task, until, cx.limit()).await {
            Ok(real) => match mounts::holding(mounts, &inside(cx, &real, path)) {
                Some(mount) if seen.insert(mount.point.as_str()) => chosen.push(mount),
                Some(_) => {}
                None => facts.unresolved.push((
                    path.to_owned(),
                    Failure { kind: FailureKind::NotReadable, text: "lies on no mount that can be seen".into() },
                )),
            },
            Err(Trouble::Missing) => facts.missing.push(path.to_owned()),
            Err(Trouble::Failed(failure)) => facts.unresolved.push((path.to_owned(), failure)),
        }
    }
    chosen
}

/// Turns a real path back into a path of the host that is looked at.
fn inside(cx: &Context, real: &Path, path: &str) -> String {
    let root = &cx.host().root;
    if root == Path::new("/") {
        return real.to_string_lossy().into_owned();
    }
    match std::fs::canonicalize(root).ok().and_then(|root| real.strip_prefix(root).ok().map(PathBuf::from)) {
        Some(rest) => Path::new("/").join(rest).to_string_lossy().into_owned(),
        None => path.to_owned(),
    }
}

/// Asks the file systems: at once what answers from memory, in threads of their own what can hang.
async fn ask_all<'a>(cx: &Context, chosen: Vec<&'a Mount>, until: Instant) -> Vec<(&'a Mount, Answer)> {
    let mut waiting = Vec::new();
    let mut answers = Vec::with_capacity(chosen.len());
    for mount in chosen {
        let place = cx.host().path(&mount.point);
        if !mounts::can_hang(&mount.kind) {
            answers.push((mount, statvfs(&place).map_or_else(|error| answer(failure(&error)), answer_of)));
        } else if waiting.len() < MOST_WAITING {
            // Each gets a thread of its own, so that one that hangs does not hold up the others. The thread of a mount
            // that stays away is given up; only the kernel can end it.
            waiting.push((mount, tokio::task::spawn_blocking(move || statvfs(&place))));
        } else {
            let message =
                format!("`{}` was not asked: {MOST_WAITING} network file systems were asked already", mount.point);
            cx.fault(Error::new(ErrorKind::Limit, message).advice("make two checks of it, with `paths`"));
        }
    }
    for (mount, task) in waiting {
        let answer = match finish(task, until, cx.limit()).await {
            Ok(size) => answer_of(size),
            Err(trouble) => answer(trouble),
        };
        answers.push((mount, answer));
    }
    answers.sort_by(|(a, _), (b, _)| a.point.cmp(&b.point));
    answers
}

/// Why a path or a file system gave nothing.
enum Trouble {
    Missing,
    Failed(Failure),
}

fn answer(trouble: Trouble) -> Answer {
    Answer::Failed(match trouble {
        Trouble::Failed(failure) => failure,
        Trouble::Missing => {
            Failure { kind: FailureKind::NotReadable, text: "the mount point cannot be found by its path".into() }
        }
    })
}

fn answer_of(size: Size) -> Answer {
    if size.bytes == 0 { Answer::None } else { Answer::Size(size) }
}

/// Waits for a thread until a moment.
async fn finish<T>(task: JoinHandle<io::Result<T>>, until: Instant, limit: Duration) -> Result<T, Trouble> {
    match tokio::time::timeout_at(until, task).await {
        Ok(Ok(done)) => done.map_err(|error| failure(&error)),
        Ok(Err(error)) => Err(Trouble::Failed(Failure {
            kind: FailureKind::NotReadable,
            text: format!("the look broke off: {error}"),
        })),
        Err(_) => {
            let share = TimeSpan::from(limit.mul_f64(0.75));
            Err(Trouble::Failed(Failure {
                kind: FailureKind::NoAnswer,
                text: format!("the path did not answer within {share}"),
            }))
        }
    }
}

fn failure(error: &io::Error) -> Trouble {
    const BROKEN: &[Errno] = &[Errno::IO, Errno::STALE, Errno::NOTCONN, Errno::CONNABORTED, Errno::HOSTDOWN];
    match error.kind() {
        io::ErrorKind::NotFound => Trouble::Missing,
        _ => {
            let broken = Errno::from_io_error(error).is_some_and(|errno| BROKEN.contains(&errno));
            let kind = if broken { FailureKind::Broken } else { FailureKind::NotReadable };
            Trouble::Failed(Failure { kind, text: error.to_string() })
        }
    }
}

fn statvfs(path: &Path) -> io::Result<Size> {
    let seen = rustix::fs::statvfs(path)?;
    let unit = if seen.f_frsize > 0 { seen.f_frsize } else { seen.f_bsize };
    // A server that is over its own quota tells a negative number, which looks enormous here.
    let within = |part: u64, whole: u64| if part > i64::MAX as u64 { 0 } else { part.min(whole) };
    let free = within(seen.f_bfree, seen.f_blocks);
    let inodes_free = within(seen.f_ffree, seen.f_files);
    Ok(Size {
        bytes: seen.f_blocks.saturating_mul(unit),
        free: free.saturating_mul(unit),
        available: within(seen.f_bavail, free).saturating_mul(unit),
        inodes: seen.f_files,
        inodes_available: within(seen.f_favail, inodes_free),
        inodes_free,
    })
}
