//! How a report is written down: for people, as JSON, as a line of a monitoring plugin, as metrics.
//!
//! Every format is a pure function of the report. None of them knows a terminal: width and abilities are arguments.
//! Secrets that were handed out during the run are taken out of every text before a format sees it, and text that
//! others wrote cannot steer what reads the output.

mod action;
mod counts;
mod file;
mod human;
mod json;
mod nagios;
mod openmetrics;
pub(crate) mod redact;

use std::fmt;
use std::str::FromStr;

pub use action::{action, action_json, plan, plan_json};
pub use file::{is_unfinished, is_writable, write_atomic};

use crate::report::Report;
use crate::secret::Secrets;

/// A form that a report can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// For people: worst first, what to do under it, a summary at the end.
    Human,
    /// The frozen [`v1`](crate::report::v1) form: one document on one line.
    Json,
    /// The plugin interface that Nagios, Icinga and others read: a status line with performance data, then details.
    Nagios,
    /// The Prometheus text format for the textfile collector of the node exporter.
    Openmetrics,
}

impl Format {
    /// All formats, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Human, Self::Json, Self::Nagios, Self::Openmetrics];

    /// Returns the name, such as `openmetrics`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Nagios => "nagios",
            Self::Openmetrics => "openmetrics",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join("`, `");
            let text = crate::escape::visible(text);
            format!("`{text}` is not a format; there are `{names}`")
        })
    }
}

/// How a report for people is to look. The other formats look the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// How many columns there are; `None` does not wrap. Fewer than 40 are taken as 40.
    pub width: Option<usize>,
    /// Whether colours may be used. They never carry anything alone.
    pub color: bool,
    /// Whether other characters than ASCII may be used.
    pub unicode: bool,
    /// How much is told: 0 what counts, 1 with evidence, measures and attempts, 2 with the details of what is only
    /// worth knowing.
    pub verbosity: u8,
}

impl Default for Style {
    /// Plain text for a file: no wrapping, no colours, UTF-8, what counts.
    fn default() -> Self {
        Self { width: None, color: false, unicode: true, verbosity: 0 }
    }
}

/// Writes a report down. The text ends with a line end.
///
/// A report without entries, or with nothing but skipped ones, is unknown in every format.
///
/// ```
/// use selx_core::format::{Format, Style, render};
/// use selx_core::{Moment, ManualClock, Report, Secrets};
/// let report = Report {
///     run: "20261123T023000Z-5e1f0042".into(),
///     routine: None,
///     host: "web-1".into(),
///     started: Moment::of(&ManualClock::at("2026-11-23T02:30:00Z".parse()?)),
///     took: std::time::Duration::from_millis(3),
///     entries: Vec::new(),
///     notices: Vec::new(),
/// };
/// let text = render(&report, Format::Nagios, &Style::default(), &Secrets::default());
/// assert_eq!(text, "SELX UNKNOWN - 0 checks ran, no check belongs to this routine\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn render(report: &Report, format: Format, style: &Style, secrets: &Secrets) -> String {
    let report = &*redact::report(report, secrets);
    match format {
        Format::Human => human::render(report, style),
        Format::Json => json::render(report),
        Format::Nagios => nagios::render(report),
        Format::Openmetrics => openmetrics::render(report),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_names() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        let error = "Html\u{1b}[2J".parse::<Format>().unwrap_err();
        assert_eq!(error, r"`Html\x1b[2J` is not a format; there are `human`, `json`, `nagios`, `openmetrics`");
    }
}
