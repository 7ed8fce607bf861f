//! What is kept between runs: the last facts, the limits' memory, the numbers, and an account of the runs themselves.

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use crate::check::{Moment, Previous};
use crate::error::Result;
use crate::finding::Finding;
use crate::limit::LimitState;
use crate::quantity::TimeSpan;
use crate::report::Report;

/// A run that begins.
#[derive(Clone, Debug)]
pub struct RunStart {
    /// The id of the run.
    pub run: String,
    /// The routine, or `None` for a run of named checks.
    pub routine: Option<String>,
    /// How often the routine is to run, if the configuration says so.
    pub every: Option<TimeSpan>,
    /// When it begins.
    pub started: Moment,
    /// The process.
    pub pid: u32,
}

/// What is remembered of one check.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// The last facts, with the time they were seen.
    pub previous: Option<Previous<Value>>,
    /// The memory of its limits: measure, subject, state.
    pub limits: Vec<(String, String, LimitState)>,
    /// Whether there is no memory because the history could not be read, or none is kept. A first run has a memory: an
    /// empty one.
    pub unavailable: bool,
}

/// A store of what is kept between runs.
///
/// A store that fails never stops a run: the runner says so in a notice and goes on. An implementation opens nothing
/// before the first call, because most runs of a single check need no history.
#[async_trait]
pub trait History: Send + Sync {
    /// Notes that a run begins and says what earlier runs left: missed, late, unfinished, still going on.
    async fn begin(&self, start: &RunStart) -> Result<Vec<Finding>>;

    /// Returns what is remembered of checks, by `kind.name`. Names without memory are left out.
    async fn recall(&self, checks: &[String]) -> Result<HashMap<String, Remembered>>;

    /// Keeps what a run came to, and notes that it ended. Old records are dropped here.
    async fn save(&self, report: &Report) -> Result<()>;

    /// Returns the values of a measure since a time, oldest first, at most `most` of them, the newest ones.
    async fn series(
        &self,
        check: &str,
        measure: &str,
        subject: &str,
        since: Timestamp,
        most: usize,
    ) -> Result<Vec<(Timestamp, f64)>>;
}
