//! The tables of the file that belong to selx itself. Their documentation is the schema's.

use std::num::NonZeroU64;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::action::{Policy, Risk, Window};
use crate::quantity::{ByteSize, TimeSpan};
use crate::suite::Settings;

/// A length of time that is not zero.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "TimeSpan")]
pub(super) struct Positive(pub(super) TimeSpan);

impl TryFrom<TimeSpan> for Positive {
    type Error = &'static str;
    fn try_from(span: TimeSpan) -> Result<Self, Self::Error> {
        if span.get().is_zero() { Err("no time at all; write more than `0s`") } else { Ok(Self(span)) }
    }
}

/// How many checks run at the same time.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Concurrency(usize);

impl TryFrom<u64> for Concurrency {
    type Error = &'static str;
    fn try_from(count: u64) -> Result<Self, Self::Error> {
        match usize::try_from(count) {
            Ok(count @ 1..=1024) => Ok(Self(count)),
            _ => Err("out of range: expected a whole number from 1 to 1024"),
        }
    }
}

/// How often something is tried again.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Retries(pub(super) u32);

impl TryFrom<u64> for Retries {
    type Error = &'static str;
    fn try_from(count: u64) -> Result<Self, Self::Error> {
        match u32::try_from(count) {
            Ok(count @ 0..=20) => Ok(Self(count)),
            _ => Err("out of range: expected a whole number from 0 to 20"),
        }
    }
}

/// A path from the root.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "PathBuf")]
pub(super) struct Absolute(PathBuf);

impl TryFrom<PathBuf> for Absolute {
    type Error = &'static str;
    fn try_from(path: PathBuf) -> Result<Self, Self::Error> {
        if path.is_absolute() { Ok(Self(path)) } else { Err("not an absolute path; cron starts in another folder") }
    }
}

/// How checks are run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct RunnerTable {
    /// How many checks run at the same time, from 1 to 1024.
    #[schemars(with = "Option<u16>", range(min = 1, max = 1024))]
    concurrency: Option<Concurrency>,
    /// How long one attempt of a check may take, such as `10s`.
    #[schemars(with = "Option<TimeSpan>")]
    timeout: Option<Positive>,
    /// How long the whole run may take, such as `5m`.
    #[schemars(with = "Option<TimeSpan>")]
    deadline: Option<Positive>,
    /// How often a check that did not pass is tried again, from 0 to 20.
    #[schemars(with = "Option<u8>", range(min = 0, max = 20))]
    retries: Option<Retries>,
    /// How long to wait before trying again, such as `1s`.
    retry_delay: Option<TimeSpan>,
    /// How long planning and applying one action may take, such as `1h`.
    #[schemars(with = "Option<TimeSpan>")]
    action_timeout: Option<Positive>,
}

/// What is kept between runs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct HistoryTable {
    /// Whether facts, numbers and runs are kept.
    enabled: Option<bool>,
    /// The folder they are kept in, an absolute path.
    #[schemars(with = "Option<PathBuf>")]
    path: Option<Absolute>,
    /// How long they are kept, such as `400d`.
    #[schemars(with = "Option<TimeSpan>")]
    retention: Option<Positive>,
}

/// A named selection with a schedule.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct RoutineTable {
    /// The checks, by kind, name or `kind.name`. Without it: those that name the routine.
    #[schemars(with = "Vec<String>")]
    pub(super) run: Option<Vec<Spanned<String>>>,
    /// How often it is to run, such as `1d`, so that a run that was missed is noticed.
    #[schemars(with = "Option<TimeSpan>")]
    pub(super) every: Option<Positive>,
}

/// What the runner is told about one check. Its limits and the kind's own settings are read apart.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct CheckTable {
    /// How long one attempt may take; without it, the runner's `timeout`.
    #[schemars(with = "Option<TimeSpan>")]
    pub(super) timeout: Option<Positive>,
    /// How often it is tried again, from 0 to 20; without it, the runner's `retries`.
    #[schemars(with = "Option<u8>", range(min = 0, max = 20))]
    pub(super) retries: Option<Retries>,
    /// The checks whose failure explains this one's, by name or `kind.name`.
    #[schemars(with = "Vec<String>")]
    needs: Vec<Spanned<String>>,
    /// The routines it belongs to; without it, those of its kind.
    #[schemars(with = "Vec<String>")]
    pub(super) routines: Option<Vec<Spanned<String>>>,
    /// Whether it is a failure if there is nothing of this sort to look at.
    pub(super) required: bool,
    /// The limits of its measures.
    #[schemars(skip)]
    limits: Option<serde::de::IgnoredAny>,
    /// The kind's own settings.
    #[schemars(skip)]
    with: Option<serde::de::IgnoredAny>,
}

/// What the runner is told about one action. The kind's own settings are read apart.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct ActionTable {
    /// How long planning and applying it may take; without it, the runner's `action-timeout`.
    #[schemars(with = "Option<TimeSpan>")]
    pub(super) timeout: Option<Positive>,
    /// What it may do when nobody watches (`selx act --permitted`); without it, nothing.
    pub(super) permit: Option<PermitTable>,
    /// The kind's own settings.
    #[schemars(skip)]
    with: Option<serde::de::IgnoredAny>,
}

/// What an action may do when nobody watches. A plan beyond it is not carried out at all.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PermitTable {
    /// The most harm that a step may be able to do: `safe`, `disruptive` or `destructive`.
    risk: Risk,
    /// The hours in which it may begin a step, such as `02:00-05:00`, in the zone of the machine. Default: all day.
    #[schemars(with = "Option<String>")]
    window: Option<HourRange>,
    /// How many steps a plan may have. Default: as many as the kind allows.
    max_steps: Option<NonZeroU64>,
    /// How many bytes a plan may free. Default: as many as the kind allows.
    max_bytes: Option<ByteSize>,
}

/// The text of a window.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct HourRange(Window);

impl TryFrom<String> for HourRange {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self)
    }
}

impl From<PermitTable> for Policy {
    fn from(told: PermitTable) -> Self {
        Self {
            risk: told.risk,
            window: told.window.map(|HourRange(window)| window),
            max_steps: told.max_steps.map(NonZeroU64::get),
            max_bytes: told.max_bytes,
        }
    }
}

impl RunnerTable {
    pub(super) fn lay_over(&self, settings: &mut Settings) {
        if let Some(Concurrency(count)) = self.concurrency {
            settings.concurrency = count;
        }
        if let Some(Positive(span)) = self.timeout {
            settings.timeout = span.get();
        }
        if let Some(Positive(span)) = self.deadline {
            settings.deadline = span.get();
        }
        if let Some(Retries(count)) = self.retries {
            settings.retries = count;
        }
        if let Some(span) = self.retry_delay {
            settings.retry_delay = span.get();
        }
        if let Some(Positive(span)) = self.action_timeout {
            settings.action_timeout = span.get();
        }
    }
}

impl HistoryTable {
    pub(super) fn lay_over(&self, settings: &mut Settings) {
        if let Some(enabled) = self.enabled {
            settings.history = enabled;
        }
        if let Some(Absolute(path)) = &self.path {
            settings.state = Some(path.clone());
        }
        if let Some(Positive(span)) = self.retention {
            settings.retention = span.get();
        }
    }
}
