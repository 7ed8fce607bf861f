//! What a member does to whoever unpacks the archive. Pure; nothing is ever unpacked here.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::facts::{Content, Listed};
use super::header::Kind;
use super::tar::Entry;

/// How many links that lead out are remembered.
const MOST_LINKS: usize = 100_000;

/// How many members are told of that others are second names of and that are not there.
const MOST_MISSING: usize = 50;

/// The names that were seen, and those that lead out.
#[derive(Default)]
pub(super) struct Names {
    seen: HashSet<u64>,
    out: HashSet<u64>,
}

impl Names {
    /// Tells whether a name was seen.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.seen.contains(&key(&parts(name)))
    }

    /// Looks at a member, and writes down what is to be told of it.
    pub(super) fn look(&mut self, entry: &Entry, content: &mut Content) {
        if entry.kind == Kind::Note {
            return;
        }
        let shown = || shown(&entry.name);
        let parts_of_name = parts(&entry.name);
        let is_up = parts_of_name.contains(&&b".."[..]);
        let is_top = parts_of_name.is_empty() && entry.kind != Kind::Folder;
        if is_up || is_top {
            content.escaping.add(|| format!("{} (its name leads out)", shown()));
        } else if self.is_behind_link(&parts_of_name) {
            content.escaping.add(|| format!("{} (through a link that leads out)", shown()));
        }
        if entry.name.starts_with(b"/") {
            content.unusual.add(|| format!("{} (begins with a slash)", shown()));
        }
        self.link(entry, &parts_of_name, &mut content.escaping);
        if entry.kind == Kind::HardLink
            && !leads_up(&[], &entry.link)
            && !self.has(&entry.link)
            && content.missing.len() < MOST_MISSING
        {
            content.missing.push(self::shown(&entry.link));
        }
        match entry.kind {
            Kind::Device => content.unusual.add(|| format!("{} (a device)", shown())),
            Kind::File if entry.mode & 0o6000 != 0 => {
                content.unusual.add(|| format!("{} (runs with other rights: {:o})", shown(), entry.mode & 0o7777));
            }
            _ => {}
        }
        if !self.seen.insert(key(&parts_of_name)) && entry.kind != Kind::Folder {
            content.twice.add(shown);
        }
    }

    /// Looks where a link leads.
    fn link(&mut self, entry: &Entry, name: &[&[u8]], escaping: &mut Listed) {
        let is_out = match entry.kind {
            // A hard link names another member, from the top.
            Kind::HardLink => leads_up(&[], &entry.link),
            Kind::SymbolicLink => {
                let folder = name.get(..name.len().saturating_sub(1)).unwrap_or_default();
                entry.link.starts_with(b"/") || leads_up(folder, &entry.link)
            }
            _ => return,
        };
        if !is_out {
            return;
        }
        if entry.kind == Kind::HardLink {
            escaping.add(|| format!("{} (a hard link to {})", shown(&entry.name), shown(&entry.link)));
        } else if self.out.len() < MOST_LINKS {
            // By itself it is what a backup of a system is full of; what is written through it is not.
            self.out.insert(key(name));
        }
    }

    fn is_behind_link(&self, name: &[&[u8]]) -> bool {
        if self.out.is_empty() {
            return false;
        }
        (1..name.len()).any(|length| name.get(..length).is_some_and(|folder| self.out.contains(&key(folder))))
    }
}

/// Returns the parts of a path without those that do not change it.
fn parts(name: &[u8]) -> Vec<&[u8]> {
    name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect()
}

/// Tells whether a path that begins in a folder leaves what is unpacked, at any of its steps.
fn leads_up(folder: &[&[u8]], path: &[u8]) -> bool {
    let mut depth = folder.len();
    for part in parts(path) {
        if part != b".." {
            depth += 1;
        } else if depth == 0 {
            return true;
        } else {
            depth -= 1;
        }
    }
    false
}

fn key(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// Returns a name as text, short enough to be shown.
pub(super) fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name.get(..200).unwrap_or(name)).into_owned()
}
