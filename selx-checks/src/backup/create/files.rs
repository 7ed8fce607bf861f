//! The files of the host that go into a backup: which there are, and each as it is read.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use selx_core::{Error, ErrorKind, Host, Result};
use tokio_util::sync::CancellationToken;

use super::Config;
use super::volumes::Origin;
use crate::backup::archive::says_dump;
use crate::regular::other_than_file;

/// How deep folders may lie in each other.
const DEPTH: usize = 64;
/// How many things of one sort are named.
const NAMED: usize = 1_000;

/// What something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    File,
    Folder,
    /// A link, with where it leads.
    Link(Vec<u8>),
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Where it is.
    pub(super) path: PathBuf,
    /// The path as the host calls it.
    pub(super) shown: String,
    /// Its name in the archive.
    pub(super) member: Vec<u8>,
    pub(super) sort: Sort,
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) size: u64,
    pub(super) modified: i64,
}

/// What there is.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) items: Vec<Item>,
    pub(super) bytes: u64,
    /// Sockets, pipes and devices.
    pub(super) passed_over: Vec<String>,
    /// How many were left out by a pattern.
    pub(super) excluded: u64,
    /// Whether the folder of the archives lies in one of `files`; it is not in the backup.
    pub(super) has_folder: bool,
    /// Links that lead to what is not in the backup.
    pub(super) leading_out: Vec<String>,
    /// Files without a content that are named as a dump: no backup with one of them counts as whole.
    pub(super) empty_dumps: Vec<String>,
}

/// Lists the files of the settings.
///
/// # Errors
///
/// One of the settings is not there; a folder cannot be read; there are more than `max-files`.
pub(super) fn list(config: &Config, origins: &[Origin], host: &Host, cancel: &CancellationToken) -> Result<Listed> {
    let mut listed = Listed::default();
    let walk = Walk { config, origins, host, cancel };
    for origin in origins {
        walk.add(&origin.path, 0, origin, &mut listed)?;
    }
    // A path that lies in another one is there once.
    let mut members = std::collections::HashSet::new();
    listed.items.retain(|item| members.insert(item.member.clone()));
    listed.bytes = listed.items.iter().map(|item| item.size).sum();
    Ok(listed)
}

/// What the walk looks at all the way.
struct Walk<'a> {
    config: &'a Config,
    origins: &'a [Origin],
    host: &'a Host,
    cancel: &'a CancellationToken,
}

impl Walk<'_> {
    fn add(&self, path: &Path, depth: usize, origin: &Origin, listed: &mut Listed) -> Result<()> {
        let shown = path.to_string_lossy().into_owned();
        let failed = |error: std::io::Error| Error::from_io(error, format!("`{shown}`"));
        if self.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the look was stopped"));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if self.config.exclude.iter().any(|pattern| pattern.matches(&name) || pattern.matches(&shown)) {
            listed.excluded += 1;
            return Ok(());
        }
        if shown == self.config.folder.as_str() {
            // Archives that hold those before them would double each time.
            listed.has_folder = true;
            return Ok(());
        }
        let real = self.host.path(path);
        let meta = match std::fs::symlink_metadata(&real) {
            Ok(meta) => meta,
            // What went away since its folder was read is as if it had gone before.
            Err(error) if depth > 0 && error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error).advice("correct `files`")),
        };
        let sort = match meta.file_type() {
            kind if kind.is_file() => Sort::File,
            kind if kind.is_dir() => Sort::Folder,
            kind if kind.is_symlink() => {
                Sort::Link(std::fs::read_link(&real).map_err(failed)?.as_os_str().as_bytes().to_vec())
            }
            kind => {
                note(&mut listed.passed_over, || format!("{shown}: {}", other_than_file(kind).unwrap_or("no file")));
                return Ok(());
            }
        };
        if listed.items.len() >= self.config.max_files.get() as usize {
            let message = format!("there are more than {} files and folders in `files`", self.config.max_files);
            return Err(Error::new(ErrorKind::Limit, message).advice("name less, leave some out, or raise `max-files`"));
        }
        if matches!(sort, Sort::Link(_)) {
            let is_in = std::fs::canonicalize(&real)
                .is_ok_and(|target| self.origins.iter().any(|origin| target.starts_with(self.host.path(&origin.path))));
            if !is_in {
                note(&mut listed.leading_out, || shown.clone());
            }
        }
        if sort == Sort::File && meta.len() == 0 && says_dump(&name) {
            note(&mut listed.empty_dumps, || shown.clone());
        }
        let is_folder = sort == Sort::Folder;
        listed.items.push(item(path, real.clone(), origin, sort, &meta));
        if !is_folder {
            return Ok(());
        }
        if depth >= DEPTH {
            return Err(Error::new(ErrorKind::Limit, format!("`{shown}` lies more than {DEPTH} folders deep")));
        }
        let entries = std::fs::read_dir(&real).map_err(failed)?;
        let names =
            entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<std::io::Result<Vec<OsString>>>();
        let mut names = names.map_err(failed)?;
        names.sort();
        for name in names {
            self.add(&path.join(name), depth + 1, origin, listed)?;
        }
        Ok(())
    }
}

fn item(path: &Path, real: PathBuf, origin: &Origin, sort: Sort, meta: &Metadata) -> Item {
    let mut member = origin.member.clone().into_bytes();
    let behind = path.strip_prefix(&origin.from).unwrap_or(path).as_os_str().as_bytes();
    if !behind.is_empty() {
        member.push(b'/');
        member.extend(behind);
    }
    if sort == Sort::Folder {
        member.push(b'/');
    }
    Item {
        shown: path.to_string_lossy().into_owned(),
        path: real,
        member,
        size: if sort == Sort::File { meta.len() } else { 0 },
        sort,
        mode: meta.mode() & 0o7777,
        owner: (meta.uid(), meta.gid()),
        modified: meta.mtime(),
    }
}

fn note(list: &mut Vec<String>, text: impl FnOnce() -> String) {
    if list.len() < NAMED {
        list.push(text());
    }
}
