//! Looking through folders: every entry once, nothing kept but the largest.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use selx_core::{Context, Error, ErrorKind, Result};
use tokio_util::sync::CancellationToken;

use super::{Config, Facts, FileSeen, FolderSeen, writers};
use crate::logs::files::shown;
use crate::setting::NamePattern;

/// How many entries are looked at.
const ENTRIES: u64 = 5_000_000;
/// How deep folders may lie in each other.
const DEPTH: usize = 256;
/// How many folders that could not be read are told.
const TOLD: usize = 50;
/// Where logs are, as a rule.
const USUAL: [&str; 2] = ["/var/log", "/var/lib/docker/containers"];

pub(super) async fn probe(config: &Config, cx: &Context) -> Result<Facts> {
    let usual = config.paths.is_empty();
    let paths: Vec<String> = if usual {
        USUAL.iter().map(|path| (*path).to_owned()).collect()
    } else {
        config.paths.iter().map(|path| path.as_str().to_owned()).collect()
    };
    let exclude = config.exclude.clone();
    let (host, top) = (cx.host().clone(), config.top.0);
    cx.blocking("looking through the folders", move |cancel| {
        let mut walk = Walk {
            host: &host,
            exclude: &exclude,
            top,
            cancel,
            entries: 0,
            facts: Facts::default(),
            largest: BinaryHeap::new(),
            links: HashSet::new(),
        };
        for (index, path) in paths.iter().enumerate() {
            walk.root(path, around(&host, &paths, index), usual);
        }
        if cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the look through the folders was ended"));
        }
        let Walk { mut facts, largest, .. } = walk;
        facts.largest = largest.into_sorted_vec().into_iter().map(|Reverse(large)| large.file).collect();
        writers::find(&host, &paths, &mut facts, cancel);
        Ok(facts)
    })
    .await
}

/// Returns which other of the folders a folder lies in, or is, under whatever name.
fn around(host: &selx_core::Host, paths: &[String], index: usize) -> Option<String> {
    let real = |path: &String| std::fs::canonicalize(host.path(path)).ok();
    let own = real(paths.get(index)?)?;
    let others = paths.iter().enumerate().filter(|(other, _)| *other != index);
    let mut around = others.filter(|(other, path)| {
        real(path).is_some_and(|path| own.starts_with(&path) && (own != path || *other < index))
    });
    around.next().map(|(_, path)| path.clone())
}

/// A file in the order of its size.
struct Large {
    file: FileSeen,
}

impl Large {
    fn key(&self) -> (u64, Reverse<&str>) {
        (self.file.bytes, Reverse(&self.file.path))
    }
}

impl PartialEq for Large {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Large {}

impl PartialOrd for Large {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Large {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

struct Walk<'a> {
    host: &'a selx_core::Host,
    exclude: &'a [NamePattern],
    top: usize,
    cancel: &'a CancellationToken,
    entries: u64,
    facts: Facts,
    /// The largest so far, the smallest of them at the front.
    largest: BinaryHeap<Reverse<Large>>,
    /// Files of a folder with several names: each takes its space once.
    links: HashSet<(u64, u64)>,
}

impl Walk<'_> {
    fn root(&mut self, path: &str, inside: Option<String>, usual: bool) {
        let there = self.host.path(path);
        let metadata = match std::fs::metadata(&there) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if !usual {
                    self.facts.missing.push(path.to_owned());
                }
                return;
            }
            Err(error) => return self.unreadable(Path::new(path), &error),
        };
        let mut seen = FolderSeen { path: path.to_owned(), inside, ..FolderSeen::default() };
        self.links.clear();
        if metadata.is_dir() {
            self.folder(Path::new(path), metadata.dev(), 0, &mut seen);
        } else {
            self.file(PathBuf::from(path), &metadata, &mut seen);
        }
        self.facts.folders.push(seen);
    }

    fn unreadable(&mut self, path: &Path, error: &std::io::Error) {
        if self.facts.unreadable.len() < TOLD {
            self.facts.unreadable.push((shown(path), error.to_string()));
        }
    }

    fn folder(&mut self, path: &Path, device: u64, depth: usize, seen: &mut FolderSeen) {
        if depth > DEPTH {
            let message = format!("{} lies more than {DEPTH} folders deep", shown(path));
            self.facts.limit.get_or_insert(message);
            return;
        }
        let entries = match std::fs::read_dir(self.host.path(path)) {
            Ok(entries) => entries,
            // It went away since its folder was read: rotation does that.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && depth > 0 => return,
            Err(error) => return self.unreadable(path, &error),
        };
        for entry in entries {
            self.entries += 1;
            if self.entries > ENTRIES {
                self.facts.limit.get_or_insert_with(|| format!("the folders have more than {ENTRIES} entries"));
                return;
            }
            if self.entries.is_multiple_of(1024) && self.cancel.is_cancelled() {
                return;
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.unreadable(path, &error),
            };
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                // Names may be read in this folder, and nothing else.
                Err(error) => return self.unreadable(path, &error),
            };
            let inner = path.join(entry.file_name());
            if metadata.is_dir() {
                if metadata.dev() == device {
                    self.folder(&inner, device, depth + 1, seen);
                }
            } else if metadata.is_file() {
                self.file(inner, &metadata, seen);
            }
        }
    }

    fn file(&mut self, path: PathBuf, metadata: &Metadata, seen: &mut FolderSeen) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if self.exclude.iter().any(|pattern| pattern.matches(&name) || pattern.matches(&path.to_string_lossy())) {
            return;
        }
        if metadata.nlink() > 1 && !self.links.insert((metadata.dev(), metadata.ino())) {
            return;
        }
        let bytes = metadata.blocks().saturating_mul(512);
        seen.bytes = seen.bytes.saturating_add(bytes);
        seen.files += 1;
        // It is told once: among those of the folder around.
        if seen.inside.is_some() {
            return;
        }
        let smallest = self.largest.peek().map(|Reverse(smallest)| smallest.file.bytes);
        if self.largest.len() == self.top && smallest.is_some_and(|smallest| bytes < smallest) {
            return;
        }
        let file = file(shown(&path), metadata);
        self.largest.push(Reverse(Large { file }));
        if self.largest.len() > self.top {
            self.largest.pop();
        }
    }
}

/// Describes a file.
pub(super) fn file(path: String, metadata: &Metadata) -> FileSeen {
    FileSeen {
        path,
        inode: metadata.ino(),
        bytes: metadata.blocks().saturating_mul(512),
        length: metadata.len(),
        written: metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok()),
        writers: Vec::new(),
    }
}
