//! What a member does to whoever unpacks the archive. Pure; nothing is ever unpacked here.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::facts::Content;
use super::header::Kind;
use super::links::Links;
use super::tar::Entry;

/// How many members are told of that others are second names of and that are not there.
const MOST_MISSING: usize = 50;

/// The names that were seen, and the links among them.
#[derive(Default)]
pub(super) struct Names {
    seen: HashSet<u64>,
    links: Links,
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
        } else if self.links.leads_out(folder(&parts_of_name)) {
            content.escaping.add(|| format!("{} (through a link that leads out)", shown()));
        }
        if entry.name.starts_with(b"/") {
            content.unusual.add(|| format!("{} (begins with a slash)", shown()));
        }
        self.link(entry, &parts_of_name, content);
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
    fn link(&mut self, entry: &Entry, name: &[&[u8]], content: &mut Content) {
        match entry.kind {
            // A hard link names another member, from the top.
            Kind::HardLink => {
                let aim = parts(&entry.link);
                if leads_up(&aim) || self.links.leads_out(folder(&aim)) {
                    let text = || format!("{} (a hard link to {})", shown(&entry.name), shown(&entry.link));
                    content.escaping.add(text);
                    return;
                }
                self.links.add_name(name, &aim);
                if !self.has(&entry.link) && content.missing.len() < MOST_MISSING {
                    content.missing.push(shown(&entry.link));
                }
            }
            // By itself it is what a backup of a system is full of; what is written through it is not.
            Kind::SymbolicLink => self.links.add(name, &entry.link),
            _ => {}
        }
    }
}

/// Returns the folders above a path.
fn folder<'a, 'b>(path: &'a [&'b [u8]]) -> &'a [&'b [u8]] {
    path.split_last().map_or(&[], |(_, folder)| folder)
}

/// Returns the parts of a path without those that do not change it.
pub(super) fn parts(name: &[u8]) -> Vec<&[u8]> {
    name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect()
}

/// Tells whether a path from the top leaves what is unpacked, at any of its steps.
fn leads_up(path: &[&[u8]]) -> bool {
    let mut depth = 0_usize;
    path.iter().any(|part| {
        let is_up = *part == b"..";
        let is_out = is_up && depth == 0;
        depth = if is_up { depth.saturating_sub(1) } else { depth + 1 };
        is_out
    })
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
