//! The record of a drill, as it lies beside the archive.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use selx_core::format::write_atomic;
use selx_core::{Error, ErrorKind, Result, TimeSpan};
use serde::{Deserialize, Serialize};

use super::Step;
use crate::backup::archive::Level;
use crate::backup::made::identity;

/// The longest record that is read.
const LONGEST: u64 = 1 << 20;

/// What a drill came to. The first four are what `backup-archive` reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Proof {
    /// How far it came: restored, or started where assertions held as well.
    pub(super) level: Level,
    /// When.
    pub(super) at: Timestamp,
    /// The SHA-256 of the archive.
    pub(super) sha256: String,
    /// Its size.
    pub(super) bytes: u64,
    /// Which step it was.
    pub(super) step: String,
    /// The version of selx.
    pub(super) selx: String,
    /// The version of the server.
    pub(super) server: String,
    /// When the content was as it is in the archive.
    pub(super) created: Timestamp,
    /// Seconds between that and the drill: what a loss at that moment would have cost.
    pub(super) recovery_point: f64,
    /// Seconds from the begin of the drill to a server that answers as it should.
    pub(super) recovery_time: f64,
    /// Seconds of each phase.
    pub(super) phases: BTreeMap<String, f64>,
    /// Tables and rows that were compared, by database.
    pub(super) compared: BTreeMap<String, (usize, u64)>,
    /// The assertions that held.
    pub(super) assertions: Vec<String>,
    #[serde(skip)]
    pub(super) path: PathBuf,
}

impl Proof {
    /// Says it in one line.
    pub(super) fn words(&self) -> String {
        let span = |seconds: f64| TimeSpan::secs(seconds.max(0.0).round() as u64);
        let (tables, rows) = self.compared.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        format!(
            "restored in {:.1}s: {tables} tables with {rows} rows as in the snapshot, {} assertions held; the content is {} old",
            self.recovery_time,
            self.assertions.len(),
            span(self.recovery_point)
        )
    }

    /// Writes it beside the archive.
    pub(super) fn write(&self) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::new(ErrorKind::Bug, "the record cannot be written as JSON").source_error(error))?;
        write_atomic(&self.path, &text, 0o600)
    }
}

/// Returns where the record of an archive is.
pub(super) fn beside(archive: &str) -> PathBuf {
    PathBuf::from(format!("{archive}.proof.json"))
}

/// Reads the record of an archive; nothing if there is none that reads.
pub(super) fn read(archive: &str) -> Option<serde_json::Value> {
    let file = crate::regular::open(&beside(archive), false).ok()?;
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, LONGEST), &mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Tells whether the record beside the archive is that of a step.
pub(super) fn is_of(step: &Step) -> Result<bool> {
    let identity = identity(step)?;
    Ok(read(&step.source.path)
        .is_some_and(|record| record.get("step").and_then(|step| step.as_str()) == Some(&identity)))
}
