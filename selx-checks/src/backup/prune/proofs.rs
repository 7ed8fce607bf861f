//! What was read of backups before: a backup that is still the same file need not be read every night.
//!
//! It lies in the folder of the backups, for nobody else to write. The newest backups are read anew all the same: what rots on
//! a disk does not change its times. Only what this process has read within the day is not read again, as a plan is made once
//! to be shown and once more under the lock.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use selx_core::Result;
use selx_core::format::write_atomic;
use serde::{Deserialize, Serialize};

use super::retention::Proof;
use crate::deletion::Print;

/// The name of the file.
pub(super) const NAME: &str = ".selx-proven.json";
/// How long a proof counts.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long one counts that this process has made, also where it is to be made anew: a large plan takes hours.
const FRESH_FOR: SignedDuration = SignedDuration::from_hours(12);
/// How large the file may be.
const LONGEST: u64 = 16 << 20;

/// One proof.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    print: Print,
    at: Timestamp,
    /// Why it is not good; nothing if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bad: Option<String>,
    /// Whether one without a manifest counted as good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    lax: bool,
    /// Whether this process has read the backup.
    #[serde(skip)]
    own: bool,
}

impl Entry {
    fn is_younger(&self, most: SignedDuration, now: Timestamp) -> bool {
        let age = now.duration_since(self.at);
        age <= most && age >= SignedDuration::from_mins(-10)
    }
}

/// Proofs by the names of backups.
#[derive(Clone, Debug, Default)]
pub(super) struct Proofs {
    known: BTreeMap<String, Entry>,
    /// Whether anything was noted since it was written.
    unwritten: bool,
}

impl Proofs {
    /// Reads what is kept in a folder. What this process has read within hours goes before that; what is not there, is not
    /// ours or does not read counts for nothing.
    pub(super) fn read(&mut self, folder: &Path, now: Timestamp) {
        let own = std::mem::replace(&mut self.known, kept(folder).unwrap_or_default()).into_iter();
        self.known.extend(own.filter(|(_, entry)| entry.own && entry.is_younger(FRESH_FOR, now)));
    }

    /// Returns what is known of a backup that is still this file. Where it is to be read anew, only what this process has
    /// read within hours is known.
    pub(super) fn of(&self, name: &str, print: &Print, now: Timestamp, lax: bool, anew: bool) -> Option<Proof> {
        let entry = self.known.get(name).filter(|entry| entry.print == *print && entry.lax == lax)?;
        let counts = (entry.own || !anew) && entry.is_younger(GOOD_FOR, now);
        counts.then(|| entry.bad.clone().map_or(Proof::Good, Proof::Bad))
    }

    /// Notes what was read.
    pub(super) fn note(&mut self, name: &str, print: Print, now: Timestamp, proof: &Proof, lax: bool) {
        let bad = if let Proof::Bad(why) = proof { Some(why.clone()) } else { None };
        self.known.insert(name.to_owned(), Entry { print, at: now, bad, lax, own: true });
        self.unwritten = true;
    }

    /// Keeps in the folder what was read, of the backups that are there.
    pub(super) fn write(&mut self, folder: &Path) -> Result<()> {
        if !self.unwritten {
            return Ok(());
        }
        self.known.retain(|name, _| folder.join(name).is_file());
        let text = serde_json::to_vec(&self.known).unwrap_or_default();
        write_atomic(&folder.join(NAME), &text, 0o600)?;
        self.unwritten = false;
        Ok(())
    }
}

/// Returns what is kept in a folder, if it is ours and reads.
fn kept(folder: &Path) -> Option<BTreeMap<String, Entry>> {
    let file = crate::regular::open(&folder.join(NAME), false).ok()?;
    let meta = file.metadata().ok()?;
    let is_known = meta.uid() == rustix::process::geteuid().as_raw() || meta.uid() == 0;
    let is_ours = meta.nlink() == 1 && meta.mode() & 0o022 == 0 && is_known;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok().filter(|_| is_ours)?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_process_has_read_is_not_read_again_for_hours_and_then_it_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "").unwrap();
        let print = Print { device: (8, 1), inode: 7, length: 9, written: 1, changed: 1 };
        let begin: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let later = |hours| begin + SignedDuration::from_hours(hours);
        let mut proofs = Proofs::default();
        proofs.note("a", print, begin, &Proof::Good, false);
        // A second plan, before anything was written, and after it.
        for written in [false, true] {
            proofs.read(folder.path(), later(2));
            assert_eq!(proofs.of("a", &print, later(2), false, true), Some(Proof::Good), "{written}");
            assert_eq!(proofs.of("a", &Print { inode: 8, ..print }, later(2), false, true), None, "{written}");
            assert_eq!(proofs.of("a", &print, later(2), true, true), None, "{written}");
            proofs.write(folder.path()).unwrap();
        }
        // Its process lives on: the newest are read anew all the same, the others are believed for a month.
        for mut proofs in [proofs, Proofs::default()] {
            proofs.read(folder.path(), later(13));
            assert_eq!(proofs.of("a", &print, later(13), false, true), None);
            assert_eq!(proofs.of("a", &print, later(13), false, false), Some(Proof::Good));
            assert_eq!(proofs.of("a", &print, later(31 * 24), false, false), None);
        }
    }
}
