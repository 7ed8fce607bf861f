//! The small JSON form that a program of our own may print instead.

use selx_core::{Measure, Severity, Unit};
use serde::Deserialize;

use super::plugin::{MOST_MEASURES, PerfUnit};

/// More findings than this are not taken from one program.
const MOST_FINDINGS: usize = 200;

/// What the program printed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    pub(super) summary: String,
    #[serde(default)]
    pub(super) findings: Vec<Said>,
    #[serde(default)]
    pub(super) measures: Vec<Number>,
}

/// One finding of the program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    #[serde(default)]
    pub(super) code: String,
    pub(super) severity: Severity,
    #[serde(default)]
    pub(super) subject: String,
    pub(super) message: String,
    #[serde(default)]
    pub(super) advice: Option<String>,
    #[serde(default)]
    pub(super) evidence: std::collections::BTreeMap<String, String>,
}

/// One number of the program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Number {
    name: String,
    #[serde(default)]
    subject: String,
    value: f64,
    unit: InputUnit,
    #[serde(default)]
    whole: Option<f64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum InputUnit {
    Count,
    Bytes,
    Seconds,
    Ratio,
    Counter,
}

impl Number {
    /// Makes the measure of its unit, on `name` or `name subject`.
    pub(super) fn to_measure(&self) -> Measure {
        let unit = match self.unit {
            InputUnit::Count => PerfUnit::Value,
            InputUnit::Bytes => PerfUnit::Bytes,
            InputUnit::Seconds => PerfUnit::Seconds,
            InputUnit::Ratio => PerfUnit::Share,
            InputUnit::Counter => PerfUnit::Counter,
        };
        let (name, unit): (_, Unit) = unit.measure();
        let subject =
            if self.subject.is_empty() { self.name.clone() } else { format!("{} {}", self.name, self.subject) };
        let measure = Measure::new(name, self.value, unit).on(subject);
        match self.whole {
            Some(whole) => measure.of(whole),
            None => measure,
        }
    }
}

/// Reads what a program printed.
///
/// # Errors
///
/// What does not fit, with its line and column, for the reader who writes the program.
pub(super) fn read(text: &str) -> Result<Input, String> {
    let input: Input = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if input.findings.len() > MOST_FINDINGS {
        return Err(format!("{} findings, which is more than {MOST_FINDINGS}", input.findings.len()));
    }
    if input.measures.len() > MOST_MEASURES {
        return Err(format!("{} measures, which is more than {MOST_MEASURES}", input.measures.len()));
    }
    let mut seen = std::collections::HashSet::new();
    for measure in input.measures.iter().map(Number::to_measure) {
        if !seen.insert((measure.name.clone(), measure.subject.clone())) {
            return Err(format!("two measures named `{}` in one unit", measure.subject));
        }
    }
    Ok(input)
}
