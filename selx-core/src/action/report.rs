//! What an action came to, for people and for programs.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ground::Space;
use super::outcome::Outcome;
use super::plan::Applied;
use crate::error::Error;
use crate::finding::Finding;

/// What an action came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionReport {
    /// The action, as `kind.name`.
    pub action: String,
    /// The run, by which its journal is found; none if it did not begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// What it came to.
    pub outcome: Outcome,
    /// The reasons, a line each, unless it went as planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// Every step that was confirmed, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepReport>,
    /// How many steps came after the confirmation, and wait for the next plan.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waiting: usize,
    /// What the look at the goal found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The room on the disks before and after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub space: Vec<SpaceChange>,
    /// How long it took.
    pub took: Duration,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// One step of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// What it is about.
    pub target: String,
    /// The line of the plan.
    pub what: String,
    /// The bytes of the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// What came of it.
    pub state: StepState,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "text")]
pub enum StepState {
    /// It was done, or a rule left it alone.
    Applied(Applied),
    /// It was confirmed, and was not as it had been when its turn came.
    NotAsConfirmed(String),
    /// Its turn did not come.
    NotBegun,
    /// It failed and has changed nothing.
    Failed(String),
    /// It failed, and something of it is there.
    Remains(String),
    /// It was undone.
    Undone,
    /// It cannot be told what came of it.
    Unclear(String),
}

/// The room on one file system before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceChange {
    /// A place on it.
    pub place: PathBuf,
    /// Before.
    pub before: Space,
    /// After.
    pub after: Space,
}

impl ActionReport {
    /// Makes the report of an action that changed nothing.
    pub fn nothing(action: impl Into<String>, outcome: Outcome, why: impl IntoIterator<Item = String>) -> Self {
        Self {
            action: action.into(),
            run: None,
            outcome,
            why: why.into_iter().collect(),
            advice: None,
            steps: Vec::new(),
            waiting: 0,
            findings: Vec::new(),
            space: Vec::new(),
            took: Duration::ZERO,
        }
    }

    /// Makes the report of an action that an error ended before anything was changed.
    pub fn failed(action: impl Into<String>, error: &Error) -> Self {
        let mut report = Self::nothing(action, Outcome::Failed, [error.to_string()]);
        report.advice = error.advice_text().map(str::to_owned);
        report
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Returns how many steps are in a state.
    pub fn count(&self, is: impl Fn(&StepState) -> bool) -> usize {
        self.steps.iter().filter(|step| is(&step.state)).count()
    }
}
