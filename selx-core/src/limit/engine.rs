//! The one place where a number becomes an alarm.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Level, Limit, Threshold};
use crate::measure::Measure;

/// What has to be remembered of one limit between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LimitState {
    /// The alarm that stood at the end of the run.
    pub level: Level,
    /// Since when the warning threshold has been breached without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning_since: Option<Timestamp>,
    /// Since when the critical threshold has been breached without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical_since: Option<Timestamp>,
}

/// What a limit says about a measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The alarm.
    pub level: Level,
    /// Why, as the end of a sentence: "above the warning limit of 75%"; empty if nothing is to be said.
    pub reason: String,
    /// What is to be remembered.
    pub state: LimitState,
}

/// Judges one measure.
///
/// `last` is what was remembered, with the time of that look. A breach that has to last counts from the first run that
/// saw it, or from the beginning of the window that the measure itself speaks for. What happened between two looks
/// nobody knows, so it lasts only while every run in between saw it; a run that did not take place proves nothing
/// against it.
pub fn judge(limit: &Limit, measure: &Measure, now: Timestamp, last: Option<LimitState>) -> Verdict {
    let breach = |threshold: &Option<Threshold>, since: Option<Timestamp>| {
        let threshold = threshold.as_ref().filter(|threshold| threshold.breached(measure))?;
        let window = measure.window.and_then(|window| jiff::SignedDuration::try_from(window).ok());
        let begin = window.and_then(|window| now.checked_sub(window).ok()).unwrap_or(now);
        let since = since.map_or(begin, |since| since.min(begin)).min(now);
        Some((threshold.clone(), since))
    };
    let critical = breach(&limit.critical, last.and_then(|last| last.critical_since));
    let warning = breach(&limit.warning, last.and_then(|last| last.warning_since));
    let state = |level| LimitState {
        level,
        warning_since: warning.as_ref().map(|(_, since)| *since),
        critical_since: critical.as_ref().map(|(_, since)| *since),
    };

    let lasted = |since: Timestamp| match limit.sustained {
        None => true,
        Some(needed) => now.duration_since(since).unsigned_abs() >= needed.get(),
    };
    let mut waiting = String::new();
    for (level, name, found) in [(Level::Critical, "critical", &critical), (Level::Warning, "warning", &warning)] {
        let Some((threshold, since)) = found else {
            continue;
        };
        let (side, end) = threshold.place(measure);
        if lasted(*since) {
            let mut reason = format!("{side} the {name} limit of {end}");
            if let Some(needed) = limit.sustained {
                let length = crate::quantity::TimeSpan::from(std::time::Duration::from_secs(
                    now.duration_since(*since).unsigned_abs().as_secs(),
                ));
                reason.push_str(&format!(" for {length} ({needed} allowed)"));
            }
            return Verdict { level, reason, state: state(level) };
        }
        if waiting.is_empty()
            && let Some(needed) = limit.sustained
        {
            waiting = format!("{side} the {name} limit of {end}, not yet for {needed}");
        }
    }

    // No threshold counts now. An alarm that stood is held while the value has not come back far enough.
    if let (Some(recover), Some(last)) = (&limit.recover, last)
        && last.level != Level::Ok
        && recover.breached(measure)
    {
        return Verdict {
            level: Level::Warning,
            reason: format!("held until it is back inside {recover}"),
            state: state(Level::Warning),
        };
    }
    Verdict { level: Level::Ok, reason: waiting, state: state(Level::Ok) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::measure::Unit;
    use crate::quantity::TimeSpan;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn used(share: f64) -> Measure {
        Measure::new("used", share * 40.0, Unit::Bytes).of(40.0)
    }

    #[test]
    fn the_worst_threshold_counts() {
        let limit = Limit::new(Unit::Bytes, "75%", "85%");
        for (share, level) in [(0.5, Level::Ok), (0.75, Level::Ok), (0.76, Level::Warning), (0.86, Level::Critical)] {
            assert_eq!(judge(&limit, &used(share), at(0), None).level, level, "{share}");
        }
    }

    #[test]
    fn the_reason_names_the_side_and_the_end() {
        for (limit, value, reason) in [
            ("10", 11.0, "above the critical limit of 10"),
            ("10", -1.0, "below the critical limit of 0"),
            ("10:", 9.0, "below the critical limit of 10"),
            ("~:10", 11.0, "above the critical limit of 10"),
            ("10:20", 21.0, "above the critical limit of 20"),
            ("10:20", 9.0, "below the critical limit of 10"),
            ("@10:20", 15.0, "inside the critical limit of 10:20"),
            ("20: and 30%:", 19.0, "below the critical limit of 20 and 30%"),
            ("20: or 90", 95.0, "above the critical limit of 90"),
            ("5: or @8:9 or 3", 4.0, "outside the critical limit of 5: or @8:9 or 3"),
        ] {
            let measure = Measure::new("queue", value, Unit::Count).of(100.0);
            assert_eq!(judge(&Limit::new(Unit::Count, "", limit), &measure, at(0), None).reason, reason, "{limit}");
        }
    }

    #[test]
    fn a_breach_counts_when_it_has_lasted() {
        let limit = Limit::new(Unit::Bytes, "", "80%").lasting(TimeSpan::secs(15 * 60));
        let mut last = None;
        for (minute, share, level) in [
            (0, 0.9, Level::Ok),
            (10, 0.9, Level::Ok),
            (15, 0.9, Level::Critical),
            (20, 0.7, Level::Ok),
            (25, 0.9, Level::Ok),
        ] {
            let verdict = judge(&limit, &used(share), at(minute), last);
            assert_eq!(verdict.level, level, "minute {minute}: {}", verdict.reason);
            last = Some(verdict.state);
        }
    }

    #[test]
    fn the_window_of_an_average_counts_as_lasting() {
        let limit = Limit::new(Unit::Bytes, "", "80%").lasting(TimeSpan::secs(15 * 60));
        let measure = used(0.9).over(Duration::from_secs(20 * 60));
        assert_eq!(judge(&limit, &measure, at(0), None).level, Level::Critical);
        let short = used(0.9).over(Duration::from_secs(60));
        assert_eq!(judge(&limit, &short, at(0), None).level, Level::Ok);
    }

    #[test]
    fn recovery_holds_an_alarm() {
        let mut limit = Limit::new(Unit::Bytes, "75%", "85%");
        limit.recover = Some(Threshold::parse("70%", Unit::Bytes).unwrap());
        let mut last = None;
        for (share, level) in
            [(0.72, Level::Ok), (0.9, Level::Critical), (0.72, Level::Warning), (0.69, Level::Ok), (0.72, Level::Ok)]
        {
            let verdict = judge(&limit, &used(share), at(0), last);
            assert_eq!(verdict.level, level, "{share}: {}", verdict.reason);
            last = Some(verdict.state);
        }
    }

    #[test]
    fn a_clock_that_went_back_does_not_end_a_breach() {
        let limit = Limit::new(Unit::Bytes, "", "80%").lasting(TimeSpan::secs(15 * 60));
        let first = judge(&limit, &used(0.9), at(100), None);
        let second = judge(&limit, &used(0.9), at(90), Some(first.state));
        assert_eq!(second.level, Level::Ok);
        assert_eq!(second.state.critical_since, Some(at(90)));
    }
}
