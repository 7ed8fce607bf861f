//! What was read of backups before: a backup that is still the same file need not be read every night.
//!
//! It lies in the folder of the backups, for nobody else to write. The newest backups are read anew all the same: what rots on
//! a disk does not change its times.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
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
}

/// Proofs by the names of backups.
#[derive(Clone, Debug, Default)]
pub(super) struct Proofs {
    known: BTreeMap<String, Entry>,
    /// Whether anything was noted since it was written.
    fresh: bool,
}

impl Proofs {
    /// Reads what is kept in a folder. What is not there, is not ours or does not read counts for nothing.
    pub(super) fn read(folder: &Path) -> Self {
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let opened =
            std::fs::OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(folder.join(NAME));
        let Ok(file) = opened else { return Self::default() };
        let ours = rustix::process::geteuid().as_raw();
        let is_ours = file.metadata().is_ok_and(|meta| {
            meta.is_file() && meta.nlink() == 1 && meta.mode() & 0o022 == 0 && (meta.uid() == ours || meta.uid() == 0)
        });
        let mut text = String::new();
        if !is_ours || file.take(LONGEST).read_to_string(&mut text).is_err() {
            return Self::default();
        }
        Self { known: serde_json::from_str(&text).unwrap_or_default(), fresh: false }
    }

    /// Returns what is known of a backup that is still this file.
    pub(super) fn of(&self, name: &str, print: &Print, now: Timestamp, lax: bool) -> Option<Proof> {
        let entry = self.known.get(name).filter(|entry| entry.print == *print && entry.lax == lax)?;
        let age = now.duration_since(entry.at);
        let counts = age <= GOOD_FOR && age >= SignedDuration::from_mins(-10);
        counts.then(|| entry.bad.clone().map_or(Proof::Good, Proof::Bad))
    }

    /// Notes what was read.
    pub(super) fn note(&mut self, name: &str, print: Print, now: Timestamp, proof: &Proof, lax: bool) {
        let bad = if let Proof::Bad(why) = proof { Some(why.clone()) } else { None };
        self.known.insert(name.to_owned(), Entry { print, at: now, bad, lax });
        self.fresh = true;
    }

    /// Keeps in the folder what was read, of the backups that are there.
    pub(super) fn write(&mut self, folder: &Path) -> Result<()> {
        if !self.fresh {
            return Ok(());
        }
        self.known.retain(|name, _| folder.join(name).is_file());
        let text = serde_json::to_vec(&self.known).unwrap_or_default();
        write_atomic(&folder.join(NAME), &text, 0o600)?;
        self.fresh = false;
        Ok(())
    }
}
