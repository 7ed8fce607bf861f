//! Which files there are: those that paths and patterns name, with what rotation made of them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use glob::Pattern;
use selx_core::Context;
use tokio_util::sync::CancellationToken;

use crate::regular;
use crate::setting::NamePattern;

/// How many entries of folders are looked at, and how many folders lie in each other.
const ENTRIES: usize = 2_000_000;
const DEPTH: usize = 64;

/// A file that is to be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// The log it is a part of: its path without what rotation added.
    pub(super) log: PathBuf,
    /// The file.
    pub(super) path: PathBuf,
    /// Whether the configuration names it as it is, so that a link is followed.
    pub(super) named: bool,
}

/// What was found, and what stood in the way.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) files: Vec<Found>,
    /// Paths and patterns to which nothing belongs.
    pub(super) nothing: Vec<String>,
    /// Folders that could not be read, and why.
    pub(super) unreadable: Vec<(PathBuf, String)>,
    /// Links to folders, which are not followed.
    pub(super) links: Vec<PathBuf>,
    /// What stopped the search, if it did not see everything.
    pub(super) limit: Option<String>,
    entries: usize,
}

/// Finds the files of paths: a file, a folder (all `*.log` in it) or a pattern, whose last part may be `**` between
/// slashes for folders of any depth.
pub(super) fn find(
    paths: &[String],
    exclude: &[NamePattern],
    rotated: bool,
    most: usize,
    host: &selx_core::Host,
    cancel: &CancellationToken,
) -> Findings {
    let mut findings = Findings::default();
    for path in paths {
        let before = findings.files.len();
        let seen_unreadable = findings.unreadable.len();
        let mut search = Search { findings: &mut findings, exclude, rotated, most, host, cancel };
        search.path(path);
        if findings.files.len() == before && findings.unreadable.len() == seen_unreadable && findings.limit.is_none() {
            findings.nothing.push(path.clone());
        }
    }
    findings.files.sort();
    findings.files.dedup_by(|one, other| one.path == other.path);
    findings
}

struct Search<'a> {
    findings: &'a mut Findings,
    exclude: &'a [NamePattern],
    rotated: bool,
    most: usize,
    host: &'a selx_core::Host,
    cancel: &'a CancellationToken,
}

impl Search<'_> {
    fn path(&mut self, text: &str) {
        let path = Path::new(text);
        let is_pattern = text.contains(['*', '?', '[']);
        if !is_pattern {
            let there = self.host.path(path);
            if std::fs::metadata(&there).is_ok_and(|metadata| metadata.is_dir()) {
                return self.folder(path, &[], "*.log", 0);
            }
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
            let literal = Pattern::escape(&name.to_string_lossy());
            return self.folder(folder, &[], &literal, 0);
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        let Some((last, folders)) = parts.split_last() else { return };
        let fixed = folders.iter().take_while(|part| !part.contains(['*', '?', '['])).count();
        let (begin, patterns) = folders.split_at_checked(fixed).unwrap_or((folders, &[]));
        let begin = begin.iter().fold(PathBuf::from("/"), |path, part| path.join(part));
        self.folder(&begin, patterns, last, 0);
    }

    /// Looks into a folder: for the folders of further parts of the pattern, or for files.
    fn folder(&mut self, folder: &Path, patterns: &[&str], last: &str, depth: usize) {
        if self.is_over() {
            return;
        }
        if depth > DEPTH {
            let message = format!("{} lies more than {DEPTH} folders deep", shown(folder));
            self.findings.limit.get_or_insert(message);
            return;
        }
        let there = self.host.path(folder);
        let entries = match std::fs::read_dir(&there) {
            Ok(entries) => entries,
            // A pattern meets files where it looks for folders.
            Err(error)
                if depth > 0
                    && matches!(error.kind(), std::io::ErrorKind::NotADirectory | std::io::ErrorKind::NotFound) =>
            {
                return;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                self.findings.unreadable.push((folder.to_owned(), error.to_string()));
                return;
            }
        };
        let deep = patterns.first() == Some(&"**");
        let (here, below) = match patterns.split_first() {
            Some((_, below)) if deep => (below.is_empty(), below),
            Some((_, below)) => (false, below),
            None => (true, patterns),
        };
        let wanted = Pattern::new(last).ok();
        let part = patterns.first().and_then(|part| Pattern::new(part).ok());
        if deep && !here {
            // `**` stands for no folder at all, too.
            self.folder(folder, below, last, depth + 1);
        }
        for entry in entries {
            self.findings.entries += 1;
            if self.is_over() {
                return;
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.findings.unreadable.push((folder.to_owned(), error.to_string()));
                    return;
                }
            };
            let name = entry.file_name();
            let path = folder.join(&name);
            let kind = entry.file_type();
            let is_folder = kind.as_ref().is_ok_and(std::fs::FileType::is_dir);
            let leads_on = deep || part.as_ref().is_some_and(|part| part.matches(&name.to_string_lossy()));
            let is_link = kind.is_ok_and(|kind| kind.is_symlink());
            if is_link && leads_on && std::fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir()) {
                self.findings.links.push(path);
                continue;
            }
            if is_folder {
                if deep {
                    self.folder(&path, patterns, last, depth + 1);
                } else if leads_on {
                    self.folder(&path, below, last, depth + 1);
                }
            } else if here && let Some(wanted) = &wanted {
                self.file(folder, &name, wanted, path);
            }
        }
    }

    fn file(&mut self, folder: &Path, name: &OsStr, wanted: &Pattern, path: PathBuf) {
        let text = name.to_string_lossy();
        let log = if self.rotated { base(&text).filter(|base| wanted.matches(base)) } else { None };
        let named = log.is_none() && wanted.as_str() == Pattern::escape(&text);
        let log = match log {
            Some(base) => folder.join(base),
            None if wanted.matches(&text) => path.clone(),
            None => return,
        };
        if self.exclude.iter().any(|pattern| pattern.matches(&path.to_string_lossy()) || pattern.matches(&text)) {
            return;
        }
        if self.findings.files.len() >= self.most {
            let message = format!("more than {} files belong to `paths`", self.most);
            self.findings.limit.get_or_insert(message);
            return;
        }
        self.findings.files.push(Found { log, path, named });
    }

    fn is_over(&mut self) -> bool {
        if self.findings.entries > ENTRIES {
            self.findings.limit.get_or_insert_with(|| format!("the folders have more than {ENTRIES} entries"));
        }
        self.findings.limit.is_some() || self.cancel.is_cancelled()
    }
}

/// Returns the name of the log that a rotated file is a part of: `x.log` of `x.log.1`, `x.log.2.gz`, `x.log-20261120`,
/// `x-20261120.log.zst`, `x.log.2026-11-20_03` and `x.log.old`.
pub(super) fn base(name: &str) -> Option<String> {
    // Those that are not unpacked here belong to the log as well: that they were not read has to be told.
    const PACKED: [&str; 11] = [".gz", ".zst", ".xz", ".bz2", ".lz4", ".lzma", ".lzo", ".zip", ".7z", ".Z", ".z"];
    let bare = PACKED.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    if let Some(begin) = [".old", ".bak", ".prev", "~"].iter().find_map(|end| bare.strip_suffix(end)) {
        return Some(begin.to_owned()).filter(|begin| !begin.is_empty());
    }
    if let Some(begin) = without_counter(bare) {
        return Some(begin.to_owned());
    }
    // The counter or the date may stand before the extension.
    if let Some((stem, extension)) = bare.rsplit_once('.')
        && let Some(begin) = without_counter(stem)
    {
        return Some(format!("{begin}.{extension}"));
    }
    (bare.len() < name.len()).then(|| bare.to_owned())
}

/// Takes a counter or a date off the end of a name.
fn without_counter(name: &str) -> Option<&str> {
    let bytes = name.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    // A `T` between the date and the time, and a `Z` behind them, are theirs; others are letters of the name.
    let is_part = |(at, byte): (usize, &u8)| match byte {
        b'T' => at > 0 && is_digit(at - 1) && is_digit(at + 1),
        b'Z' => at > 0 && is_digit(at - 1) && at + 1 == bytes.len(),
        _ => byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b':' | b'.'),
    };
    let length = bytes.iter().enumerate().rposition(|one| !is_part(one)).map_or(0, |last| last + 1);
    let kept = name.get(..length)?;
    let counter = name.get(kept.len()..)?.strip_prefix(['.', '-', '_'])?;
    let digits = counter.chars().filter(char::is_ascii_digit).count();
    let is_counter =
        !counter.is_empty() && digits == counter.len() && digits <= 4 && name.get(kept.len()..)?.starts_with('.');
    (!kept.is_empty() && counter.starts_with(|letter: char| letter.is_ascii_digit()) && (is_counter || digits >= 6))
        .then_some(kept)
}

/// Why a file is not read.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// It went away between the look into the folder and now.
    Gone,
    /// It is no file that holds text: a pipe, a socket, a device, a folder, a link.
    NotAFile(String),
    /// The system did not let us.
    Failed(std::io::Error),
}

/// Opens a file for reading, without waiting and without changing when it was last read. A link is followed only if the
/// configuration names it: whoever may write into the folder could have put it there.
pub(super) fn open(found: &Found, cx: &Host) -> Result<std::fs::File, NotOpened> {
    use std::io::ErrorKind;
    regular::open(&cx.0.path(&found.path), found.named).map_err(|error| match error.kind() {
        ErrorKind::NotFound => NotOpened::Gone,
        ErrorKind::InvalidInput => NotOpened::NotAFile(error.to_string()),
        _ => NotOpened::Failed(error),
    })
}

/// Where files of the host are, for threads that have no context.
#[derive(Clone, Debug)]
pub(super) struct Host(pub(super) selx_core::Host);

impl Host {
    pub(super) fn of(cx: &Context) -> Self {
        Self(cx.host().clone())
    }
}

/// Shows a path whatever bytes are in it.
pub(super) fn shown(path: &Path) -> String {
    String::from_utf8_lossy(path.as_os_str().as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rotation_adds_is_taken_off() {
        for (name, expected) in [
            ("x.log.1", Some("x.log")),
            ("x.log.12.gz", Some("x.log")),
            ("x.log.gz", Some("x.log")),
            ("x.log-20261120", Some("x.log")),
            ("x.log-20261120.gz", Some("x.log")),
            ("x-20261120.log.zst", Some("x.log")),
            ("x.1.log", Some("x.log")),
            ("x.log.2026-11-20", Some("x.log")),
            ("x.log.2026-11-20_03-00", Some("x.log")),
            ("x.log-20261120-1795168800", Some("x.log")),
            ("x.log.20261126T150000Z", Some("x.log")),
            ("x.log-2026-11-26T15:00:00.zst", Some("x.log")),
            ("x.log.old", Some("x.log")),
            ("x.log.bak", Some("x.log")),
            ("x.log.1.lz4", Some("x.log")),
            ("x.log.Z", Some("x.log")),
            ("AUDIT.1", Some("AUDIT")),
            ("~", None),
            ("syslog.1", Some("syslog")),
            ("x.log", None),
            ("x2.log", None),
            ("python3.11", None),
            ("20261120.log", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(base(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn files_are_found_with_what_rotation_made_of_them() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.log", "a.log.1", "a.log.2.gz", "b.log-20261120", "c.txt", "deep/er/d.log", "deep/e.log"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x\n").unwrap();
        }
        let host = selx_core::Host::default();
        let names = |pattern: &str, rotated| {
            let path = folder.path().join(pattern).to_string_lossy().into_owned();
            let found = find(&[path], &[], rotated, 100, &host, &CancellationToken::new());
            let name = |found: &Found| shown(found.path.strip_prefix(folder.path()).unwrap());
            (found.files.iter().map(name).collect::<Vec<_>>(), found.nothing.len())
        };
        let all = ["a.log", "a.log.1", "a.log.2.gz", "b.log-20261120"].map(str::to_owned).to_vec();
        assert_eq!(names("*.log", true), (all.clone(), 0));
        assert_eq!(names("", true), (all, 0));
        assert_eq!(names("*.log", false), (vec!["a.log".to_owned()], 0));
        assert_eq!(names("a.log", true).0, ["a.log", "a.log.1", "a.log.2.gz"]);
        assert_eq!(names("b.log", true).0, ["b.log-20261120"], "the newest part may not be there yet");
        assert_eq!(names("**/*.log", false).0, ["a.log", "deep/e.log", "deep/er/d.log"]);
        assert_eq!(names("*/e.log", false).0, ["deep/e.log"]);
        assert_eq!(names("no.log", true), (vec![], 1));
        assert_eq!(names("nowhere/*.log", true), (vec![], 1));
    }
}
