//! Who has a file open for writing, and which removed files are still written to: `/proc` tells both.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;

use tokio_util::sync::CancellationToken;

use super::{Facts, probe};
use crate::logs::descriptors;

/// How many processes are told of one file.
const WRITERS: usize = 8;
/// How many removed files are told.
const REMOVED: usize = 50;

/// Looks at what all processes have open.
pub(super) fn find(host: &selx_core::Host, roots: &[String], facts: &mut Facts, cancel: &CancellationToken) {
    let wanted: HashMap<u64, usize> =
        facts.largest.iter().enumerate().map(|(index, file)| (file.inode, index)).collect();
    let unseen = descriptors::each(host, cancel, &mut |descriptor| {
        let target = descriptor.target.to_string_lossy().into_owned();
        let removed = target.strip_suffix(" (deleted)").filter(|path| within(path, roots));
        if removed.is_none() && !within(&target, roots) {
            return;
        }
        let Ok(metadata) = descriptor.metadata() else { return };
        let folder = &descriptor.process;
        let writes = || descriptor.writes();
        let name = || std::fs::read_to_string(folder.join("comm")).unwrap_or_default().trim().to_owned();
        let file = match removed {
            Some(path) if metadata.is_file() && metadata.nlink() == 0 && writes() => {
                let known = facts.removed.iter().position(|file| file.inode == metadata.ino());
                let index = known.unwrap_or_else(|| {
                    facts.removed.push(probe::file(path.to_owned(), &metadata));
                    facts.removed.len() - 1
                });
                facts.removed.get_mut(index)
            }
            Some(_) => None,
            None => match wanted.get(&metadata.ino()) {
                Some(index) if writes() => facts.largest.get_mut(*index),
                _ => None,
            },
        };
        if let Some(file) = file
            && file.writers.len() < WRITERS
            && !file.writers.iter().any(|(known, _)| *known == descriptor.pid)
        {
            file.writers.push((descriptor.pid, name()));
        }
    });
    match unseen {
        Ok(unseen) => facts.closed_processes += (unseen.closed.len() + unseen.hidden.len()) as u64,
        Err(error) => facts.unreadable.push((host.proc.display().to_string(), error.to_string())),
    }
    if cancel.is_cancelled() {
        return;
    }
    facts.removed.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.path.cmp(&other.path)));
    facts.removed.truncate(REMOVED);
}

fn within(path: &str, roots: &[String]) -> bool {
    roots.iter().any(|root| {
        path.strip_prefix(root.as_str()).is_some_and(|rest| rest.starts_with('/') || rest.is_empty() || root == "/")
    })
}
