//! Who allows an action: a person who names the plan, or the policy of the file, which runs by itself.

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::plan::{Plan, Risk};
use super::saved::{PlanHash, ShortHash};
use crate::quantity::ByteSize;

/// Hours of a day, in the zone of the machine. Across midnight where the end is before the begin.
///
/// It opens once a day, also on the days on which clocks are changed. Where a time comes twice, the first one counts, so that
/// `02:00-02:30` is open for half an hour and `02:00-03:00`, with an hour twice in its middle, for two. Where its hours do not
/// come, it opens when they would have begun, for as long as it is on other days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When it opens.
    pub from: Time,
    /// When it closes.
    pub to: Time,
}

impl Window {
    /// Tells whether it is open.
    pub fn is_open(&self, now: Timestamp, zone: &TimeZone) -> bool {
        let today = zone.to_datetime(now).date();
        // It may have opened yesterday.
        let days = [today.yesterday().ok(), Some(today)];
        days.into_iter().flatten().any(|day| self.on(day, zone).is_some_and(|open| open.contains(&now)))
    }

    /// Returns when it is open that opens on a day.
    fn on(&self, day: Date, zone: &TimeZone) -> Option<Range<Timestamp>> {
        let at = |day: Date, time: Time| zone.to_ambiguous_timestamp(day.to_datetime(time)).compatible().ok();
        let last = if self.from < self.to { day } else { day.tomorrow().ok()? };
        let (open, close) = (at(day, self.from)?, at(last, self.to)?);
        if open < close {
            return Some(open..close);
        }
        // Its begin falls into an hour that does not come.
        Some(open..open.checked_add(last.to_datetime(self.to).duration_since(day.to_datetime(self.from))).ok()?)
    }
}

impl std::str::FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no window; write `02:00-05:00`");
        let time = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let short = [hour, minute].iter().all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()));
            let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
            short.then(|| Time::new(hour, minute, 0, 0).ok()).flatten()
        };
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let window = Self { from: time(from).ok_or_else(wrong)?, to: time(to).ok_or_else(wrong)? };
        if window.from == window.to { Err(format!("`{text}` has no length; leave the window out")) } else { Ok(window) }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.hour(), from.minute(), to.hour(), to.minute())
    }
}

/// What the file allows an action to do by itself, when nobody watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The most harm that a step may be able to do.
    pub risk: Risk,
    /// The hours in which it may begin a step.
    pub window: Option<Window>,
    /// How many steps it may take; more, and it takes none.
    pub max_steps: Option<u64>,
    /// How many bytes it may free; more, and it frees none.
    pub max_bytes: Option<ByteSize>,
}

impl std::fmt::Display for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "what is {} at most", self.risk.as_str())?;
        if let Some(window) = &self.window {
            write!(f, ", in {window}")?;
        }
        if let Some(steps) = self.max_steps {
            write!(f, ", {steps} steps")?;
        }
        if let Some(bytes) = self.max_bytes {
            write!(f, ", {bytes}")?;
        }
        Ok(())
    }
}

/// Who allows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Permission {
    /// A person typed the hash of the plan.
    Typed(ShortHash),
    /// A person gave the plan itself, as a file.
    Given,
    /// The policy of the file.
    Policy(Policy),
}

impl Permission {
    /// Returns who it was, for the journal.
    pub fn by(&self) -> String {
        match self {
            Self::Typed(_) => "a person, by the hash of the plan".to_owned(),
            Self::Given => "a person, by the file of the plan".to_owned(),
            Self::Policy(_) => "the policy of the configuration".to_owned(),
        }
    }

    /// Tells whether a plan is allowed, now.
    ///
    /// # Errors
    ///
    /// Every reason why not, in a line each.
    pub fn allows(
        &self,
        plan: &Plan<Value>,
        hash: &PlanHash,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Result<(), Vec<String>> {
        let mut reasons = Vec::new();
        match self {
            Self::Given => {}
            Self::Typed(typed) if hash.is(typed) => {}
            Self::Typed(_) => reasons.push(format!("the plan of now is {hash}, another one was confirmed")),
            Self::Policy(policy) => {
                if let Some(risk) = plan.risk().filter(|risk| *risk > policy.risk) {
                    let (risk, most) = (risk.as_str(), policy.risk.as_str());
                    reasons.push(format!("a step is {risk}, and the policy permits what is {most} at most"));
                }
                let steps = plan.steps.len() as u64;
                if let Some(most) = policy.max_steps.filter(|most| steps > *most) {
                    reasons.push(format!("{steps} steps, and the policy permits {most}"));
                }
                let bytes = u64::try_from(plan.bytes()).unwrap_or(0);
                if let Some(most) = policy.max_bytes.filter(|most| bytes > most.0) {
                    reasons.push(format!("{} would be freed, and the policy permits {most}", ByteSize(bytes)));
                }
            }
        }
        reasons.extend(self.is_closed(now, zone));
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }

    /// Returns why no step may begin now, if the time is the reason.
    pub fn is_closed(&self, now: Timestamp, zone: &TimeZone) -> Option<String> {
        let Self::Policy(Policy { window: Some(window), .. }) = self else { return None };
        (!window.is_open(now, zone)).then(|| format!("the window {window} is closed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the hours of a window in the days around a moment, by quarters of an hour.
    fn openings(window: &Window, around: Timestamp, zone: &TimeZone) -> Vec<(Timestamp, u64)> {
        let mut found: Vec<(Timestamp, u64)> = Vec::new();
        let first = around.as_second() / 900 * 900 - 2 * 86_400;
        let mut was_open = true;
        for quarter in 0..4 * 96 {
            let now = Timestamp::from_second(first + quarter * 900).unwrap();
            let is_open = window.is_open(now, zone);
            match (is_open, was_open) {
                (true, false) => found.push((now, 1)),
                (true, true) => found.last_mut().into_iter().for_each(|(_, quarters)| *quarters += 1),
                _ => {}
            }
            was_open = is_open;
        }
        found
    }

    #[test]
    fn m13_a_window_opens_once_a_day_whatever_clocks_do() {
        let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let end: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let mut changes = 0;
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
        for name in &names {
            let Ok(zone) = TimeZone::get(name) else { continue };
            for change in zone.following(begin).map(|change| change.timestamp()).take_while(|at| *at < end) {
                changes += 1;
                for window in ["02:00-03:00", "02:15-02:45", "01:00-05:00", "23:30-00:30", "00:00-01:00"] {
                    let window: Window = window.parse().unwrap();
                    let openings = openings(&window, change, &zone);
                    let apart = openings.iter().zip(openings.iter().skip(1));
                    let mut apart = apart.map(|((one, _), (next, _))| next.duration_since(*one).as_hours());
                    assert!(apart.all(|hours| (22..=26).contains(&hours)), "{name} {window} {change}: {openings:?}");
                    assert!(openings.len() >= 3, "{name} {window} {change}: not on each day: {openings:?}");
                    // Never longer than it says, but for hours that come twice in its middle: two of them on Antarctica.
                    assert!(openings.iter().all(|(_, quarters)| *quarters <= 24), "{name} {window}: {openings:?}");
                }
            }
        }
        assert!(changes > 100, "{changes} changes in {} zones", names.len());
    }

    #[test]
    fn m13_hours_that_do_not_come_and_hours_that_come_twice() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let open = |window: &str, at: &str| window.parse::<Window>().unwrap().is_open(at.parse().unwrap(), &zone);
        // 2027-03-28, 02:00 is 03:00 at once: the hour that was meant is the one that comes.
        assert!(!open("02:00-03:00", "2027-03-28T00:59:59Z"));
        assert!(open("02:00-03:00", "2027-03-28T01:00:00Z") && open("02:00-03:00", "2027-03-28T01:59:59Z"));
        assert!(!open("02:00-03:00", "2027-03-28T02:00:00Z"));
        // 2026-10-25, 03:00 is 02:00 again: once.
        assert!(open("02:00-02:30", "2026-10-25T00:10:00Z") && !open("02:00-02:30", "2026-10-25T01:10:00Z"));
    }
}
