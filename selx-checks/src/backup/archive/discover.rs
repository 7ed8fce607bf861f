//! Where this host keeps backups: the usual places, if archives lie there.

use std::path::Path;

use selx_core::{Context, Discovery, Host, Proposal};

use super::find::CONTENTS;
use super::name;
use crate::proposal::check_name;

/// The usual places; a star stands for one folder.
const PLACES: &[&str] = &[
    "/opt/backups",
    "/opt/backup",
    "/opt/*/backups",
    "/opt/*/backup",
    "/srv/backups",
    "/srv/backup",
    "/srv/*/backups",
    "/srv/*/backup",
    "/backup",
    "/backups",
    "/backup/*",
    "/backups/*",
    "/var/backups",
    "/var/backups/*",
    "/var/lib/postgresql/backups",
    "/mnt/backup",
    "/mnt/backups",
    "/home/*/backups",
];
/// How many entries of one folder are looked at.
const MOST_ENTRIES: usize = 2000;
/// How many folders are proposed.
const MOST_PLACES: usize = 10;
/// What the packages of Debian keep in `/var/backups` by themselves, which is no backup of anything that matters.
const OF_THE_SYSTEM: &[&str] =
    &["alternatives.tar.", "apt.extended_states", "dpkg.", "group.", "passwd.", "shadow.", "gshadow."];

/// Looks into the usual places.
pub(super) fn discover(cx: &Context) -> Discovery {
    let host = cx.host();
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for place in PLACES {
        for folder in folders(place, host) {
            match archives(&host.path(&folder)) {
                Ok(0) => {}
                Ok(count) if found.len() < MOST_PLACES => found.push((folder, count)),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => refused.push(folder),
                Err(_) => {}
            }
        }
    }
    if found.is_empty() {
        return match refused.first() {
            Some(folder) => Discovery::Unclear(format!("`{folder}` may not be read by this user; run it as root")),
            None => Discovery::Absent("no archive lies in one of the usual places, such as `/opt/backups`".into()),
        };
    }
    let proposals = found.iter().map(|(folder, count)| {
        let reason = format!("{count} archive{} in {folder}", if *count == 1 { "" } else { "s" });
        Proposal::new(check_name(folder, "in"), reason, format!("path = \"{folder}\"\n"))
    });
    Discovery::Found(proposals.collect())
}

/// Returns the folders that a place stands for, as the host calls them.
fn folders(place: &str, host: &Host) -> Vec<String> {
    let Some((before, after)) = place.split_once('*') else {
        return vec![place.to_owned()];
    };
    let Ok(entries) = std::fs::read_dir(host.path(before)) else {
        return Vec::new();
    };
    let mut names: Vec<String> =
        entries.take(MOST_ENTRIES).flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    // What a pattern or a line of TOML would take otherwise is left to a person.
    names.retain(|name| !name.contains(['"', '\\', '*', '?', '[', '\n']) && !name.starts_with('.'));
    names.iter().map(|name| format!("{before}{name}{after}")).collect()
}

/// Counts the archives in a folder.
fn archives(folder: &Path) -> std::io::Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)?.take(MOST_ENTRIES).flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_of_system = OF_THE_SYSTEM.iter().any(|start| name.starts_with(start));
        let is_archive = kind.is_file() && name::ending(&name).is_some() && !is_of_system;
        if is_archive || (kind.is_dir() && entry.path().join(CONTENTS).is_file()) {
            count += 1;
        }
    }
    Ok(count)
}
