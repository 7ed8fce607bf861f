//! Thresholds: ranges as the Nagios plugins write them, with units, percent, `and` and `or`.

use std::fmt;

use crate::measure::{Measure, Unit};
use crate::quantity::{TimeSpan, size_factor, split_number};

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// In the unit of the measure.
    Value(f64),
    /// A share of the whole of the measure.
    Share(f64),
    /// No end.
    Open,
}

/// A range with the meaning of the Nagios plugins: `10` is outside 0 to 10, `10:` is below 10, `~:10` is above 10,
/// `10:20` is outside, `@10:20` is inside. Breaching means to lie where that says.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    low: Bound,
    high: Bound,
    inside: bool,
    text: String,
}

/// One or several ranges, joined by `and` or by `or`.
///
/// ```
/// use selx_core::limit::Threshold;
/// use selx_core::{Measure, Unit};
///
/// // Under 21 days or a third of the lifetime, whichever is less.
/// let threshold = Threshold::parse("21d: and 33%:", Unit::Seconds)?;
/// let days = 86_400.0;
/// assert!(!threshold.breached(&Measure::new("remaining", 20.0 * days, Unit::Seconds).of(45.0 * days)));
/// assert!(threshold.breached(&Measure::new("remaining", 14.0 * days, Unit::Seconds).of(45.0 * days)));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    ranges: Vec<Range>,
    all: bool,
}

impl Threshold {
    /// Reads a threshold for a measure of this unit.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong and what may stand there.
    pub fn parse(text: &str, unit: Unit) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (all, any) = (words.contains(&"and"), words.contains(&"or"));
        if all && any {
            return Err(format!("`{text}` joins ranges by `and` and by `or`; use one of them"));
        }
        let joint = if all { "and" } else { "or" };
        let ranges = words
            .split(|word| *word == joint)
            .map(|part| {
                let joined = part.concat();
                // An error quotes what was written, spaces too.
                let quoted = |error: String| error.replace(&format!("`{joined}`"), &format!("`{}`", part.join(" ")));
                Range::parse(&joined, unit).map_err(quoted)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { ranges, all })
    }

    /// Tells whether a measure lies where the threshold says. What cannot be told does not: see [`Self::undecided`].
    pub fn breached(&self, measure: &Measure) -> bool {
        self.decide(measure) == Some(true)
    }

    /// Tells whether nobody can say if a measure lies where the threshold says: percent of a whole that is not known.
    pub fn undecided(&self, measure: &Measure) -> bool {
        self.decide(measure).is_none()
    }

    /// Returns `None` if it depends on a range that cannot be told.
    fn decide(&self, measure: &Measure) -> Option<bool> {
        let ranges = || self.ranges.iter().map(|range| range.breached(measure));
        // One range that is breached decides an `or`, one that is not decides an `and`.
        if ranges().any(|breached| breached == Some(!self.all)) {
            return Some(!self.all);
        }
        if ranges().all(|breached| breached.is_some()) { Some(self.all) } else { None }
    }

    /// Returns the range in the base unit, in the notation of performance data, if it is a single one.
    ///
    /// Percent is resolved by the whole of the measure. Joined ranges have no such form.
    pub fn perfdata(&self, measure: &Measure) -> Option<String> {
        match self.ranges.as_slice() {
            [range] => range.perfdata(measure),
            _ => None,
        }
    }

    /// Says where a measure lies that breaches it, for "{above} the warning limit of {85%}".
    ///
    /// A plain end is named alone, without the notation of ranges: `below` and `21d and 33%` for `21d: and 33%:`.
    pub(super) fn place(&self, measure: &Measure) -> (&'static str, String) {
        let places: Vec<(&str, &str)> = self.ranges.iter().filter_map(|range| range.place(measure)).collect();
        match places.as_slice() {
            [(side, _), rest @ ..] if rest.iter().all(|(other, _)| other == side) => {
                let ends: Vec<&str> = places.iter().map(|(_, end)| *end).collect();
                (side, ends.join(if self.all { " and " } else { " or " }))
            }
            _ => ("outside", self.to_string()),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.ranges.iter().enumerate() {
            if index > 0 {
                f.write_str(if self.all { " and " } else { " or " })?;
            }
            f.write_str(&range.text)?;
        }
        Ok(())
    }
}

impl Range {
    fn parse(text: &str, unit: Unit) -> Result<Self, String> {
        let (inside, body) = match text.strip_prefix('@') {
            Some(body) => (true, body),
            None => (false, text),
        };
        let (low, high) = match body.split_once(':') {
            None => (Bound::Value(0.0), Bound::parse(body, unit)?),
            Some((low, high)) => {
                let low = match low {
                    "~" => Bound::Open,
                    "" => Bound::Value(0.0),
                    low => Bound::parse(low, unit)?,
                };
                (low, if high.is_empty() { Bound::Open } else { Bound::parse(high, unit)? })
            }
        };
        let ordered = match (low, high) {
            (Bound::Value(low), Bound::Value(high)) | (Bound::Share(low), Bound::Share(high)) => low <= high,
            _ => true,
        };
        if !ordered {
            return Err(format!("`{text}` begins above its end"));
        }
        if low == Bound::Open && high == Bound::Open {
            return Err(format!("`{text}` has no end, so it can never be breached"));
        }
        Ok(Self { low, high, inside, text: text.to_owned() })
    }

    /// Returns `None` for percent of a measure without a whole.
    fn breached(&self, measure: &Measure) -> Option<bool> {
        let (low, high) = (self.low.compare(measure)?, self.high.compare(measure)?);
        let outside = low == Some(std::cmp::Ordering::Less) || high == Some(std::cmp::Ordering::Greater);
        Some(outside != self.inside)
    }

    /// Says on which side of which end a measure lies, if it breaches this range.
    fn place(&self, measure: &Measure) -> Option<(&'static str, &str)> {
        use std::cmp::Ordering::{Greater, Less};
        let text = self.text.trim_start_matches('@');
        let (low, high) = text.split_once(':').unwrap_or(("", text));
        match (self.low.compare(measure)?, self.high.compare(measure)?) {
            (Some(Less), _) if !self.inside => Some(("below", if low.is_empty() { "0" } else { low })),
            (_, Some(Greater)) if !self.inside => Some(("above", high)),
            (low, high) if self.inside && low != Some(Less) && high != Some(Greater) => Some(("inside", text)),
            _ => None,
        }
    }

    fn perfdata(&self, measure: &Measure) -> Option<String> {
        let number = |bound: Bound| match bound {
            Bound::Open => Some(None),
            Bound::Value(value) => Some(Some(value)),
            Bound::Share(share) if measure.unit == Unit::Ratio && measure.whole.is_none() => Some(Some(share)),
            Bound::Share(share) => measure.whole.map(|whole| Some(share * whole)),
        };
        let (low, high) = (number(self.low)?, number(self.high)?);
        let at = if self.inside { "@" } else { "" };
        Some(match (low, high) {
            (Some(0.0), Some(high)) if !self.inside => format!("{high}"),
            (Some(low), Some(high)) => format!("{at}{low}:{high}"),
            (Some(low), None) => format!("{at}{low}:"),
            (None, Some(high)) => format!("{at}~:{high}"),
            (None, None) => return None,
        })
    }
}

impl Bound {
    fn parse(text: &str, unit: Unit) -> Result<Self, String> {
        let (sign, rest) = match text.strip_prefix('-') {
            Some(rest) => (-1.0, rest),
            None => (1.0, text),
        };
        let (digits, suffix) = split_number(rest);
        let number: f64 = digits.parse().map_err(|_| wrong(text, unit))?;
        if !(number * 1e15).is_finite() {
            return Err(format!("`{text}` is larger than any measure, so it says nothing"));
        }
        if suffix == "%" {
            return Ok(Self::Share(sign * number / 100.0));
        }
        let factor = match unit {
            // Who writes `75` means percent as a rule, and 75 bytes are no limit of anybody; nothing is the same in all.
            Unit::Bytes | Unit::BytesPerSecond if suffix.is_empty() && number != 0.0 => None,
            Unit::Bytes | Unit::BytesPerSecond => size_factor(suffix.trim_end_matches("/s")),
            Unit::Seconds if suffix.is_empty() => None,
            Unit::Seconds => {
                let span: TimeSpan = rest.parse().map_err(|_| wrong(text, unit))?;
                return Ok(Self::Value(sign * span.get().as_secs_f64()));
            }
            Unit::Ratio => None,
            Unit::Count => suffix.is_empty().then_some(1.0),
            Unit::PerSecond => suffix.trim_end_matches("/s").is_empty().then_some(1.0),
        };
        factor.map(|factor| Self::Value(sign * number * factor)).ok_or_else(|| wrong(text, unit))
    }

    /// Compares the measure with this end: `None` if a percent end meets a measure without a whole.
    #[expect(clippy::option_option, reason = "no answer, no end and an ordering are three things")]
    fn compare(self, measure: &Measure) -> Option<Option<std::cmp::Ordering>> {
        match self {
            Self::Open => Some(None),
            Self::Value(end) => Some(measure.value.partial_cmp(&end)),
            Self::Share(end) => measure.share().map(|share| share.partial_cmp(&end)),
        }
    }
}

fn wrong(text: &str, unit: Unit) -> String {
    let may = match unit {
        Unit::Bytes | Unit::BytesPerSecond => "a size such as `10GiB`, or a share such as `85%`",
        Unit::Seconds => "a duration such as `500ms`, `2s` or `21d`",
        Unit::Ratio => "a share such as `85%`",
        Unit::Count => "a plain number, or a share such as `85%`",
        Unit::PerSecond => "a plain number per second",
    };
    format!("`{text}` is not a limit for this measure; it takes {may}, alone or as a range such as `10:20`")
}
