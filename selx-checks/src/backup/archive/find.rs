//! Which archives there are: names, sizes and times, without a look inside.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use selx_core::{Error, Host, Result};
use tokio_util::sync::CancellationToken;

use super::config::{Config, NewestBy};
use super::name;
use super::series::{self, Named};

/// How many entries of folders are looked at.
const MOST_ENTRIES: usize = 200_000;
/// How many archives are kept in mind.
const MOST_ARCHIVES: usize = 20_000;
/// What lies beside an archive and tells of it.
pub(in crate::backup) const BESIDE: &[&str] =
    &[".sha256", ".sha256sum", ".manifest.json", ".proof.json", ".md5", ".log", ".asc", ".sig"];
/// The table of contents of a dump that is a folder.
pub(super) const CONTENTS: &str = "toc.dat";

/// A file that may be an archive.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    /// The path as the host calls it.
    pub(super) shown: String,
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) written: Timestamp,
    pub(super) begun: Timestamp,
    pub(super) named: Option<DateTime>,
    pub(super) is_folder: bool,
    /// Whether its name says that it is not finished.
    pub(super) unfinished: bool,
    pub(super) device: u64,
}

impl Candidate {
    fn new(path: PathBuf, host: &Host, meta: &Metadata) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let written = timestamp(meta.modified()).unwrap_or(Timestamp::MIN);
        Self {
            shown: shown(&path, host),
            size: meta.len(),
            written,
            // Not every file system knows when a file was made.
            begun: timestamp(meta.created()).unwrap_or(written),
            named: name::date(name::finished(&name).unwrap_or(&name)),
            is_folder: meta.is_dir(),
            unfinished: name::finished(&name).is_some(),
            device: meta.dev(),
            path,
            name,
        }
    }

    /// Looks at one file.
    #[cfg(all(feature = "command", feature = "postgres"))]
    pub(super) fn of(path: PathBuf, host: &Host) -> io::Result<Self> {
        let meta = std::fs::symlink_metadata(&path)?;
        Ok(Self::new(path, host, &meta))
    }

    /// Returns the name that it has when it is finished.
    fn finished_name(&self) -> &str {
        name::finished(&self.name).unwrap_or(&self.name)
    }

    /// Returns the time that it says without being opened.
    pub(super) fn claims(&self, by: NewestBy) -> Timestamp {
        match (by, self.named) {
            (NewestBy::Written, _) | (_, None) => self.written,
            (_, Some(named)) => utc(named).unwrap_or(self.written),
        }
    }
}

/// Takes a date without a zone as one of UTC; whoever uses it knows that it may be off by a day.
pub(super) fn utc(date: DateTime) -> Option<Timestamp> {
    jiff::tz::Offset::UTC.to_timestamp(date).ok()
}

fn timestamp(time: io::Result<std::time::SystemTime>) -> Option<Timestamp> {
    time.ok().and_then(|time| Timestamp::try_from(time).ok())
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) series: BTreeMap<String, Vec<Candidate>>,
    /// How many archives have names that look like those of a series, itself and others, by its name.
    pub(super) alike: BTreeMap<String, usize>,
    pub(super) others: u64,
    pub(super) links: u64,
    pub(super) folders: u64,
    pub(super) omitted: u64,
    pub(super) unmatched: Vec<String>,
    pub(super) unsearched: Vec<(String, String)>,
    pub(super) missing: bool,
    entries: usize,
    archives: usize,
    /// Archives of which no pattern of the settings says to which series they belong.
    unnamed: Vec<Candidate>,
}

/// Looks for archives.
pub(super) fn find(config: &Config, host: &Host, token: &CancellationToken) -> Result<Found> {
    let mut found = Found::default();
    for pattern in &config.series {
        found.series.insert(pattern.to_string(), Vec::new());
    }
    let path = host.path(config.path.as_str());
    if config.path.is_pattern() {
        of_pattern(config, host, token, &mut found);
    } else {
        // A link at the place that the settings name is what an operator meant.
        match std::fs::canonicalize(&path).and_then(|path| std::fs::metadata(&path).map(|meta| (path, meta))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => found.missing = true,
            Err(error) => return Err(Error::from_io(error, format!("`{}`", config.path.as_str()))),
            Ok((path, meta)) if meta.is_dir() && !path.join(CONTENTS).is_file() => {
                folder(&path, config, host, token, &mut found)?;
            }
            Ok((path, meta)) => {
                let mut candidate = Candidate::new(path, host, &meta);
                candidate.shown = config.path.as_str().to_owned();
                found.unnamed.push(candidate);
            }
        }
    }
    by_name(&mut found);
    for (name, archives) in &found.series {
        if archives.is_empty() {
            found.unmatched.push(name.clone());
        }
    }
    found.series.retain(|_, archives| !archives.is_empty());
    Ok(found)
}

/// Puts the archives together of which the settings do not say what follows what.
fn by_name(found: &mut Found) {
    let unnamed = std::mem::take(&mut found.unnamed);
    let named = unnamed.iter().map(|candidate| Named {
        name: candidate.finished_name(),
        at: candidate.claims(NewestBy::Content),
        finished: !candidate.unfinished,
    });
    let series = series::series(&named.collect::<Vec<_>>());
    let families: Vec<String> = unnamed.iter().map(|candidate| series::family(candidate.finished_name())).collect();
    let mut alike: BTreeMap<&str, usize> = BTreeMap::new();
    for family in &families {
        *alike.entry(family).or_default() += 1;
    }
    for (name, family) in series.iter().zip(&families) {
        found.alike.insert(name.clone(), alike.get(&**family).copied().unwrap_or_default());
    }
    for (name, candidate) in series.into_iter().zip(unnamed) {
        found.series.entry(name).or_default().push(candidate);
    }
}

fn folder(path: &Path, config: &Config, host: &Host, token: &CancellationToken, found: &mut Found) -> Result<()> {
    let entries =
        crate::ground::entries(path).map_err(|error| Error::from_io(error, format!("`{}`", config.path.as_str())))?;
    for entry in entries {
        if token.is_cancelled() {
            break;
        }
        let entry = entry.map_err(|error| Error::from_io(error, format!("`{}`", config.path.as_str())))?;
        found.entries += 1;
        if found.entries > MOST_ENTRIES {
            found.omitted += 1;
            continue;
        }
        // What was removed a moment ago is not there.
        if let Ok(meta) = entry.metadata() {
            take(entry.path(), &meta, config, host, found);
        }
    }
    Ok(())
}

fn of_pattern(config: &Config, host: &Host, token: &CancellationToken, found: &mut Found) {
    // What stands for `/` is no part of the pattern.
    let inner = config.path.as_str().trim_start_matches('/');
    let root = host.root.to_string_lossy();
    let whole = format!("{}/{inner}", glob::Pattern::escape(root.trim_end_matches('/')));
    let Ok(paths) = glob::glob(&whole) else { return };
    for path in paths {
        found.entries += 1;
        if token.is_cancelled() {
            break;
        }
        if found.entries > MOST_ENTRIES {
            // How many more there are is not found out.
            found.omitted += 1;
            break;
        }
        match path {
            Ok(path) => {
                if let Ok(meta) = std::fs::symlink_metadata(&path) {
                    take(path, &meta, config, host, found);
                }
            }
            Err(error) => found.unsearched.push((shown(error.path(), host), error.error().to_string())),
        }
    }
}

/// Takes one entry of a folder, if it is an archive.
fn take(path: PathBuf, meta: &Metadata, config: &Config, host: &Host, found: &mut Found) {
    let is_dump_folder = meta.is_dir() && path.join(CONTENTS).is_file();
    if !meta.is_file() && !is_dump_folder {
        found.links += u64::from(meta.is_symlink());
        found.folders += u64::from(meta.is_dir());
        return;
    }
    let candidate = Candidate::new(path, host, meta);
    let is_beside = BESIDE.iter().any(|ending| candidate.name.ends_with(ending))
        || config.complete_suffix.as_ref().is_some_and(|suffix| candidate.name.ends_with(suffix.as_str()));
    if is_beside {
        return;
    }
    let name = candidate.finished_name();
    let pattern = config.series.iter().find(|pattern| pattern.matches(name));
    let is_archive = is_dump_folder || name::ending(name).is_some() || config.path.is_pattern();
    if pattern.is_none() && !(config.series.is_empty() && is_archive) {
        found.others += 1;
        return;
    }
    found.archives += 1;
    if found.archives > MOST_ARCHIVES {
        found.omitted += 1;
        return;
    }
    match pattern {
        Some(pattern) => found.series.entry(pattern.to_string()).or_default().push(candidate),
        None => found.unnamed.push(candidate),
    }
}

/// Returns a path as the host itself calls it.
pub(super) fn shown(path: &Path, host: &Host) -> String {
    let inner = if host.root == Path::new("/") { None } else { path.strip_prefix(&host.root).ok() };
    match inner {
        Some(inner) => format!("/{}", inner.display()),
        None => path.display().to_string(),
    }
}
