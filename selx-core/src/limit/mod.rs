//! Limits: one engine for every measure of every kind.
//!
//! A limit has a threshold for `warning` and one for `critical`, may ask that the breach lasts (`for`), and may hold the
//! alarm until the value has come back further (`recover`). See [`Threshold`] for the notation.

mod engine;
mod threshold;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use engine::{LimitState, Verdict, judge};
pub use threshold::{Range, Threshold};

use crate::measure::Unit;
use crate::quantity::TimeSpan;

/// The limit of one measure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limit {
    /// Where the measure is a warning.
    pub warning: Option<Threshold>,
    /// Where the measure is critical.
    pub critical: Option<Threshold>,
    /// How long a breach has to last before it counts.
    pub sustained: Option<TimeSpan>,
    /// Where an alarm ends again; without it, it ends where it began.
    pub recover: Option<Threshold>,
}

impl Limit {
    /// Reads a limit with both thresholds, for the defaults of a kind.
    ///
    /// # Panics
    ///
    /// If a text is not a threshold; the contract suite builds the defaults of every kind.
    #[expect(clippy::panic, reason = "the texts are literals of a kind's author, held by the contract suite")]
    pub fn new(unit: Unit, warning: &str, critical: &str) -> Self {
        let read = |text: &str| match Threshold::parse(text, unit) {
            _ if text.is_empty() => None,
            Ok(threshold) => Some(threshold),
            Err(error) => panic!("a default limit does not read: {error}"),
        };
        Self { warning: read(warning), critical: read(critical), sustained: None, recover: None }
    }

    /// Asks that a breach lasts before it counts.
    #[must_use]
    pub fn lasting(mut self, length: TimeSpan) -> Self {
        self.sustained = Some(length);
        self
    }

    /// Tells whether judging it needs to know earlier runs.
    pub fn remembers(&self) -> bool {
        self.sustained.is_some() || self.recover.is_some()
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut part = |f: &mut fmt::Formatter<'_>, name: &str, text: Option<String>| match text {
            Some(text) => {
                let done = write!(f, "{separator}{name} {text}");
                separator = ", ";
                done
            }
            None => Ok(()),
        };
        part(f, "warning", self.warning.as_ref().map(ToString::to_string))?;
        part(f, "critical", self.critical.as_ref().map(ToString::to_string))?;
        part(f, "for", self.sustained.map(|span| span.to_string()))?;
        part(f, "recover", self.recover.as_ref().map(ToString::to_string))
    }
}

/// The limits of a check: by measure, or by measure and subject (`used@/var`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits(BTreeMap<String, Limit>);

impl Limits {
    /// Sets the limit of a measure, or of a measure on one subject (`used@/var`).
    #[must_use]
    pub fn set(mut self, measure: impl Into<String>, limit: Limit) -> Self {
        self.0.insert(measure.into(), limit);
        self
    }

    /// Finds the limit that holds for a measure: the one with its subject before the one without.
    pub fn of(&self, name: &str, subject: &str) -> Option<&Limit> {
        if !subject.is_empty()
            && let Some(limit) = self.0.get(&format!("{name}@{subject}"))
        {
            return Some(limit);
        }
        self.0.get(name)
    }

    /// Lays other limits over these: a limit that is named there replaces the one that is named here.
    #[must_use]
    pub fn overlaid(mut self, others: &Self) -> Self {
        for (name, limit) in &others.0 {
            self.0.insert(name.clone(), limit.clone());
        }
        self
    }

    /// Returns the limits by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Limit)> {
        self.0.iter().map(|(name, limit)| (name.as_str(), limit))
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether judging them needs to know earlier runs.
    pub fn remember(&self) -> bool {
        self.0.values().any(Limit::remembers)
    }
}

/// What a limit says of a measure, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// Outside no limit.
    #[serde(rename = "ok")]
    Ok,
    /// Outside the warning limit.
    #[serde(rename = "warning")]
    Warning,
    /// Outside the critical limit.
    #[serde(rename = "critical")]
    Critical,
}
