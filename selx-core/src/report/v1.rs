//! The first frozen form of a report: what `--format json` writes.
//!
//! Names, units and meanings here do not change any more; fields may be added, so readers ignore the ones they do not
//! know. Times are RFC 3339 in UTC, lengths of time are seconds, sizes are bytes, shares are between 0 and 1. What a
//! check saw (its facts) is not in it; recordings hold that.
//!
//! Sets that may grow (kinds of failures, units) are texts; sets that are closed (status, severity) are enums.
//!
//! The conversion copies texts as they are: take secrets out with [`crate::format::render`], which does so in every
//! format.

mod from;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

/// The version that stands in every report of this form.
pub const VERSION: u32 = 1;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of this form: 1.
    pub version: u32,
    /// The version of selx that made the report; empty in reports from before it was told.
    #[serde(default)]
    pub selx: String,
    /// The id of the run; later runs of one host sort behind earlier ones.
    pub run: String,
    /// The routine, if the run was one.
    #[serde(default)]
    pub routine: Option<String>,
    /// The name of the host.
    pub host: String,
    /// When the run began, RFC 3339.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started: Timestamp,
    /// How long it took, in seconds.
    pub took_s: f64,
    /// The status of the run: the worst of its entries and notices. A run that saw nothing is unknown.
    pub status: Status,
    /// How many entries there are of each status.
    pub counts: Counts,
    /// What each check came to, in the order of the configuration.
    pub entries: Vec<Entry>,
    /// What is to be said about the run itself, such as runs that were missed.
    #[serde(default)]
    pub notices: Vec<Finding>,
}

/// How many entries there are of each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Entries to look at now.
    pub critical: u64,
    /// Entries that could not be looked at.
    pub unknown: u64,
    /// Entries to look at in working hours.
    pub warning: u64,
    /// Entries that are as they should be.
    pub ok: u64,
    /// Entries with nothing to look at.
    pub skipped: u64,
}

/// The status of an entry or a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// There was nothing to look at, or not yet.
    Skipped,
    /// It was looked at and is as it should be.
    Ok,
    /// Look at it in working hours.
    Warning,
    /// It could not be looked at, or not whole.
    Unknown,
    /// Look at it now.
    Critical,
}

impl Status {
    /// Returns the exit code of the plugin interface. Skipped is 3: nothing was looked at.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Skipped => super::Status::Skipped.exit_code(),
            Self::Ok => super::Status::Ok.exit_code(),
            Self::Warning => super::Status::Warning.exit_code(),
            Self::Unknown => super::Status::Unknown.exit_code(),
            Self::Critical => super::Status::Critical.exit_code(),
        }
    }
}

/// Whether the subject could be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was seen and judged.
    Seen,
    /// There was nothing to see here, or not yet; `failure` says why.
    Skipped,
    /// It could not be seen; `failure` says why.
    Failed,
}

/// What one check came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// The kind of the check.
    pub kind: String,
    /// The name that the configuration gave it; `kind.name` is unique in a run.
    pub name: String,
    /// Its status.
    pub status: Status,
    /// Whether the subject could be seen.
    pub outcome: Outcome,
    /// Why it could not be seen or was skipped; null if it was seen.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// The line that tells most.
    pub headline: String,
    /// The line that tells what was seen, healthy or not; empty if nothing was seen.
    #[serde(default)]
    pub summary: String,
    /// What was found, limits that were left among it.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Pairs worth knowing, whatever the status.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// The numbers.
    #[serde(default)]
    pub measures: Vec<Measure>,
    /// Parts of the subject that could not be seen.
    #[serde(default)]
    pub faults: Vec<Failure>,
    /// The attempts before the one that counted.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// The check whose failure explains this one's, `kind.name`.
    #[serde(default)]
    pub caused_by: Option<String>,
    /// When the look began, RFC 3339.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started: Timestamp,
    /// How long it took with all attempts, in seconds.
    pub took_s: f64,
    /// What to give to `selx explain` to read about it.
    pub docs: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing, nothing to do.
    Info,
    /// Look at it in working hours.
    Warning,
    /// Part of what was to be judged could not be seen.
    Unknown,
    /// Look at it now.
    Critical,
}

/// One thing that was found about one subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The documented code; `limit-<measure>` if a limit was left.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about; empty if it is about the whole check.
    #[serde(default)]
    pub subject: String,
    /// One line that reads well after the subject.
    pub message: String,
    /// What to do.
    #[serde(default)]
    pub advice: Option<String>,
    /// Pairs that prove it.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// The action that mends it, if there is one.
    #[serde(default)]
    pub fix: Option<String>,
}

/// One pair that proves something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// What the value is.
    pub label: String,
    /// The value as it was seen.
    pub value: String,
}

/// One number with its limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measure {
    /// The documented name.
    pub name: String,
    /// What it was measured on; empty if the check has one subject only.
    #[serde(default)]
    pub subject: String,
    /// The number in its unit; null if it was not a finite number.
    pub value: Option<f64>,
    /// The unit: `bytes`, `seconds`, `ratio` (0 to 1), `count`, `per-second`, `bytes-per-second`; others may follow.
    pub unit: String,
    /// The whole that the value is a part of, in the same unit.
    #[serde(default)]
    pub whole: Option<f64>,
    /// How many seconds the number speaks for, if it is an average or a rate.
    #[serde(default)]
    pub window_s: Option<f64>,
    /// What its limit said; null if no limit holds for it, or if what it says cannot be told.
    #[serde(default)]
    pub level: Option<Level>,
    /// The warning limit as it was written.
    #[serde(default)]
    pub warning: Option<String>,
    /// The critical limit as it was written.
    #[serde(default)]
    pub critical: Option<String>,
}

/// What a limit said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Outside no limit.
    Ok,
    /// Outside the warning limit.
    Warning,
    /// Outside the critical limit.
    Critical,
}

/// Why something could not be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// What kind of failure: `not-applicable`, `needs-data`, `unreachable`, `no-answer`, `protocol`, `rejected`,
    /// `denied`, `missing`, `local`, `limit`, `timed-out`, `cancelled`, `config`, `bug`; others may follow.
    pub kind: String,
    /// What, where and why, one line.
    pub message: String,
    /// What to do.
    #[serde(default)]
    pub advice: Option<String>,
}

/// An attempt that did not count because another followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// What it came to.
    pub status: Status,
    /// Why, one line.
    pub reason: String,
    /// How long it took, in seconds.
    pub took_s: f64,
}

/// Returns the JSON Schema of this form.
pub fn schema() -> Schema {
    schemars::schema_for!(Report)
}
