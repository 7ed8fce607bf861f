//! Who allows an action: a person who names the plan, or the policy of the file, which runs by itself.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::plan::{Plan, Risk};
use super::saved::{PlanHash, ShortHash};
use crate::quantity::ByteSize;

/// Hours of a day, in the zone of the machine. Across midnight where the end is before the begin.
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
        let time = zone.to_datetime(now).time();
        match self.from < self.to {
            true => (self.from..self.to).contains(&time),
            false => time >= self.from || time < self.to,
        }
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
