//! Values as the server writes them, and the numbers in them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What sort of value a column has, by the number of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// A number.
    Number,
    /// A length of time.
    Interval,
    /// A moment, of the session's zone where it has none of its own.
    Moment,
    /// A text, a day, anything else.
    Text,
}

impl Sort {
    pub(super) fn of(kind: u32) -> Self {
        match kind {
            // int8, int2, int4, oid, float4, float8, numeric.
            20 | 21 | 23 | 26 | 700 | 701 | 1700 => Self::Number,
            1186 => Self::Interval,
            // With a zone: without one nobody knows which moment it is.
            1184 => Self::Moment,
            _ => Self::Text,
        }
    }

    /// Reads a value as a number: as it is, in seconds, or in seconds before a moment.
    pub(super) fn number(self, text: &str, now: Timestamp) -> Option<f64> {
        match self {
            Self::Number => text.parse().ok(),
            Self::Interval => interval(text),
            Self::Moment => moment(text).map(|then| now.duration_since(then).as_secs_f64()),
            Self::Text => None,
        }
    }
}

/// Reads `1 year 2 mons -3 days 04:05:06.7`, in seconds; a month is thirty days, a year 365.25, as the server has it.
fn interval(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    let mut words = text.split_whitespace().peekable();
    words.peek()?;
    while let Some(word) = words.next() {
        if word.contains(':') {
            let (sign, clock) = match word.strip_prefix('-') {
                Some(clock) => (-1.0, clock),
                None => (1.0, word.trim_start_matches('+')),
            };
            let mut parts = clock.split(':').map(str::parse::<f64>);
            let mut part = || parts.next()?.ok();
            seconds += sign * (part()? * 3600.0 + part()? * 60.0 + part().unwrap_or(0.0));
            continue;
        }
        let number: f64 = word.parse().ok()?;
        let unit = words.next()?;
        let length = match unit.trim_end_matches('s') {
            "year" => 31_557_600.0,
            "mon" => 2_592_000.0,
            "day" => 86_400.0,
            _ => return None,
        };
        seconds += number * length;
    }
    Some(seconds)
}

/// Reads `2026-11-23 02:30:00.5+00`.
fn moment(text: &str) -> Option<Timestamp> {
    let (day, time) = text.split_once(' ')?;
    let zone = time.rfind(['+', '-'])?;
    let (clock, zone) = time.split_at(zone);
    let zone = if zone.len() == 3 { format!("{zone}:00") } else { zone.to_owned() };
    format!("{day}T{clock}{zone}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_moments_are_read() {
        for (text, seconds) in [
            ("00:00:01.5", 1.5),
            ("-00:00:01", -1.0),
            ("1 day", 86_400.0),
            ("1 mon -2 days +01:00:00", 2_592_000.0 - 172_800.0 + 3600.0),
            ("2 years", 63_115_200.0),
        ] {
            assert_eq!(interval(text), Some(seconds), "{text}");
        }
        for text in ["", "soon", "1", "1 fortnight", "x:y"] {
            assert_eq!(interval(text), None, "{text}");
        }
        let now: Timestamp = "2026-11-23T02:31:00Z".parse().unwrap();
        assert_eq!(Sort::Moment.number("2026-11-23 02:30:00+00", now), Some(60.0));
        assert_eq!(Sort::Moment.number("2026-11-23 08:00:30.5+05:30", now), Some(29.5));
        assert_eq!(Sort::Moment.number("infinity", now), None);
        assert_eq!(Sort::Number.number("1e3", now), Some(1000.0));
        assert!(Sort::Number.number("NaN", now).unwrap().is_nan());
    }
}
