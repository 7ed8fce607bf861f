//! Runs that were recorded, to be judged again: at the desk of somebody else, with other limits, by a newer version.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::{Judging, Moment, Previous};
use crate::config::from_json;
use crate::error::{Error, ErrorKind, Result};
use crate::finding::{Finding, Judgement};
use crate::format::write_atomic;
use crate::history::Remembered;
use crate::limit::LimitState;
use crate::meta::{Area, Id, Meta};
use crate::registry::Registry;
use crate::report::{Attempt, Entry, Failure, Outcome, Report, Status};
use crate::runner::judge_facts;
use crate::suite::{Instance, Suite};

/// The version of the form that this program writes.
const VERSION: u32 = 1;
/// What a file begins with that is a recording.
const FORMAT: &str = "selx-recording";
/// The most that a recording may hold.
const MAX_BYTES: u64 = 64 << 20;
/// Findings of the runner, which a judgement does not make again.
const OF_RUNNER: [&str; 2] = ["passed-on-retry", "over-time"];

/// A run as it was recorded: what every check saw and knew, so that it can be judged again.
///
/// It holds no secrets, because facts hold none. It does hold names and numbers of the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    format: String,
    version: u32,
    /// The version of the program that made it; empty in recordings from before it was told.
    #[serde(default)]
    selx: String,
    run: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    routine: Option<String>,
    host: String,
    started: Moment,
    took: Duration,
    #[serde(default)]
    notices: Vec<Finding>,
    entries: Vec<Recorded>,
}

/// One check of a recorded run.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Recorded {
    kind: String,
    name: String,
    with: Value,
    started: Moment,
    took: Duration,
    outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    facts: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Previous<Value>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    remembered: Vec<(String, String, LimitState)>,
    #[serde(default)]
    memory_unavailable: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<Attempt>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    faults: Vec<Failure>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Finding>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    caused_by: Option<String>,
}

/// Takes what is there, `null` too: the facts of a kind that keeps none are `null`, and that it looked is told by them.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl PartialEq for Recorded {
    fn eq(&self, other: &Self) -> bool {
        serde_json::to_value(self).ok() == serde_json::to_value(other).ok()
    }
}

/// What tells a recording from other JSON, whatever its version.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

impl Recording {
    /// Takes what a run saw.
    pub fn of(report: &Report) -> Self {
        let entries = report.entries.iter().map(|entry| Recorded {
            kind: entry.meta.id.to_string(),
            name: entry.name.clone(),
            with: entry.with.clone(),
            started: entry.started,
            took: entry.took,
            outcome: entry.outcome.clone(),
            facts: entry.facts.clone(),
            previous: entry.previous.clone(),
            remembered: entry.remembered.clone(),
            memory_unavailable: entry.memory_unavailable,
            attempts: entry.attempts.clone(),
            faults: entry.faults.clone(),
            notes: entry.judgement.findings.iter().filter(|f| OF_RUNNER.contains(&&*f.code)).cloned().collect(),
            caused_by: entry.caused_by.clone(),
        });
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            selx: env!("CARGO_PKG_VERSION").to_owned(),
            run: report.run.clone(),
            routine: report.routine.clone(),
            host: report.host.clone(),
            started: report.started,
            took: report.took,
            notices: report.notices.clone(),
            entries: entries.collect(),
        }
    }

    /// Writes it to a file that only its owner can read. A file of that name is replaced, whole or not at all.
    ///
    /// # Errors
    ///
    /// `Denied`, `Missing` or `Local` if the folder does not take it.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| {
            Error::new(ErrorKind::Bug, "the recording cannot be written as JSON").source_error(error)
        })?;
        bytes.push(b'\n');
        write_atomic(path, &bytes, 0o600)
    }

    /// Reads it from a file of at most 64 MiB.
    ///
    /// # Errors
    ///
    /// `Missing`, `Denied` or `Local` if the file cannot be read; `Limit` if it is too large; `Config` if it is not a
    /// recording, or one of a newer version.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = format!("`{}`", path.display());
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = opened.map_err(|error| Error::from_io(error, &shown))?;
        let meta = file.metadata().map_err(|error| Error::from_io(error, &shown))?;
        if !meta.is_file() {
            return Err(Error::new(ErrorKind::Config, format!("{shown} is not a plain file")));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| Error::from_io(error, &shown))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Error::new(ErrorKind::Limit, format!("{shown} is larger than 64 MiB")));
        }
        Self::parse(&bytes).map_err(|(message, source)| {
            let error = Error::new(ErrorKind::Config, format!("{shown} {message}"));
            let error = error.advice("a recording is made by `selx run --record FILE`");
            match source {
                Some(source) => error.source_error(source),
                None => error,
            }
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, (String, Option<serde_json::Error>)> {
        let head: Head =
            serde_json::from_slice(bytes).map_err(|error| ("is not a recording".to_owned(), Some(error)))?;
        if head.format != FORMAT {
            return Err(("is not a recording".to_owned(), None));
        }
        if head.version > VERSION {
            let message = format!(
                "is of version {}, which this program does not know: it reads up to {VERSION}; use a newer selx",
                head.version
            );
            return Err((message, None));
        }
        serde_json::from_slice(bytes).map_err(|error| ("is damaged".to_owned(), Some(error)))
    }

    /// Judges it again, at the time it was recorded.
    ///
    /// A check that the suite has under the same `kind.name` is judged with its settings and limits; every other one with
    /// the settings it was recorded with and its kind's own limits. What could not be seen then is not seen now: such
    /// entries stay as they were. A kind that is not registered, or that does not take the settings with which something
    /// was seen, gives an entry that is unknown and says so.
    pub fn replay(&self, registry: &Registry, suite: Option<&Suite>) -> Report {
        let mut entries: Vec<Entry> = self.entries.iter().map(|entry| entry.replay(registry, suite)).collect();
        let failed: Vec<String> =
            entries.iter().filter(|entry| entry.status() >= Status::Unknown).map(Entry::full_name).collect();
        for (entry, recorded) in entries.iter_mut().zip(&self.entries) {
            // With other limits a cause, or what it explains, may be fine.
            let stands = |name: &String| failed.contains(name);
            entry.caused_by = recorded.caused_by.clone().filter(|cause| stands(cause) && stands(&entry.full_name()));
        }
        Report {
            run: self.run.clone(),
            routine: self.routine.clone(),
            host: self.host.clone(),
            started: self.started,
            took: self.took,
            entries,
            notices: self.notices.clone(),
        }
    }
}

impl Recorded {
    fn replay(&self, registry: &Registry, suite: Option<&Suite>) -> Entry {
        let full = format!("{}.{}", self.kind, self.name);
        let known = suite.and_then(|suite| suite.instances.iter().find(|instance| instance.full_name() == full));
        let instance = match known {
            Some(instance) => instance.clone(),
            None => match self.instance(registry) {
                Ok(instance) => instance,
                Err(error) => {
                    let factory = registry.get(&self.kind);
                    let meta = factory.map_or_else(|| self.strange(), |factory| *factory.meta());
                    let outcome = match &self.outcome {
                        // Nothing was seen, so that there is nothing to judge and no settings are needed: what a survey
                        // did not find has none.
                        Outcome::Skipped(_) | Outcome::Failed(_) if factory.is_some() && self.facts.is_none() => {
                            self.outcome.clone()
                        }
                        _ => Outcome::Failed((&error).into()),
                    };
                    return self.entry(meta, self.with.clone(), outcome);
                }
            },
        };
        let Some(facts) = &self.facts else {
            let outcome = match &self.outcome {
                Outcome::Skipped(failure) if instance.required && failure.kind == ErrorKind::NotApplicable => {
                    Outcome::Failed(failure.clone())
                }
                Outcome::Seen => {
                    let error = Error::new(ErrorKind::Config, "the recording says that it was seen, but has no facts");
                    Outcome::Failed((&error).into())
                }
                other => other.clone(),
            };
            return self.entry(*instance.meta(), instance.with.clone(), outcome);
        };
        let cx = Judging { now: self.started, previous: self.previous.clone() };
        let remembered = Remembered {
            previous: self.previous.clone(),
            limits: self.remembered.clone(),
            unavailable: self.memory_unavailable,
        };
        let mut entry = judge_facts(&instance, facts.clone(), cx, &remembered);
        entry.took = self.took;
        entry.attempts.clone_from(&self.attempts);
        entry.faults.clone_from(&self.faults);
        entry.judgement.findings.extend(self.notes.iter().cloned());
        entry
    }

    /// Makes the check of what was recorded.
    fn instance(&self, registry: &Registry) -> Result<Instance> {
        let Some(factory) = registry.get(&self.kind) else {
            let error = Error::new(ErrorKind::Missing, format!("the kind `{}` is not in this program", self.kind))
                .advice("replay with a selx that has it");
            return Err(error);
        };
        let check = from_json(factory, &self.with).map_err(|message| {
            Error::new(ErrorKind::Config, format!("the recorded settings are not those of this kind: {message}"))
                .advice("give a configuration with the check of this name")
        })?;
        let mut instance = Instance::new(check, self.name.clone());
        instance.with = self.with.clone();
        Ok(instance)
    }

    /// Describes a kind that this program does not have.
    fn strange(&self) -> Meta {
        let mut meta = Meta::new("unknown-kind", Area::Command, "a kind that is not in this program");
        if let Ok(id) = Id::leak(&self.kind) {
            meta.id = id;
        }
        meta
    }

    fn entry(&self, meta: Meta, with: Value, outcome: Outcome) -> Entry {
        Entry {
            meta,
            name: self.name.clone(),
            started: self.started,
            took: self.took,
            attempts: self.attempts.clone(),
            outcome,
            judgement: Judgement { findings: self.notes.clone(), ..Judgement::default() },
            measures: Vec::new(),
            faults: self.faults.clone(),
            caused_by: None,
            facts: self.facts.clone(),
            previous: self.previous.clone(),
            remembered: self.remembered.clone(),
            memory_unavailable: self.memory_unavailable,
            with,
        }
    }
}
