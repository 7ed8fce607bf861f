//! Numbers with units.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The unit of a measure. It decides how a limit may be written and how a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Unit {
    /// Bytes; limits may be sizes (`10GiB`).
    Bytes,
    /// Seconds; limits may be durations (`1.5s`, `21d`).
    Seconds,
    /// A share between 0 and 1; limits are percent (`85%`) and it is shown so.
    Ratio,
    /// A plain number.
    Count,
    /// Events per second.
    PerSecond,
    /// Bytes per second.
    BytesPerSecond,
}

/// One number that a look gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// The documented name, such as `used`.
    pub name: Cow<'static, str>,
    /// What it was measured on, such as `/var`; empty if the check has one subject only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// The number, in the base unit: bytes, seconds, a share from 0 to 1.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
    /// The whole that the value is a part of, in the same unit: limits in percent are taken of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<f64>,
    /// How much time the number speaks for, if it is an average or a rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Duration>,
}

impl Measure {
    /// Makes a measure without a subject.
    pub fn new(name: &'static str, value: f64, unit: Unit) -> Self {
        Self { name: Cow::Borrowed(name), subject: String::new(), value, unit, whole: None, window: None }
    }

    /// Names what it was measured on.
    #[must_use]
    pub fn on(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Names the whole that the value is a part of.
    #[must_use]
    pub fn of(mut self, whole: f64) -> Self {
        self.whole = Some(whole);
        self
    }

    /// Names the time that the value speaks for.
    #[must_use]
    pub fn over(mut self, window: Duration) -> Self {
        self.window = Some(window);
        self
    }

    /// Returns the share of the whole, between 0 and 1 as a rule.
    pub fn share(&self) -> Option<f64> {
        match (self.unit, self.whole) {
            (_, Some(whole)) if whole > 0.0 => Some(self.value / whole),
            (Unit::Ratio, _) => Some(self.value),
            _ => None,
        }
    }
}
