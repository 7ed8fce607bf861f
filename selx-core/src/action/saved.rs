//! A plan that can be shown to somebody, carried away and confirmed: what was seen, where, when, and its hash.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::plan::Plan;
use crate::check::Moment;
use crate::clock::Clock;

/// The version of the form in which plans and journals are written.
pub const FORMAT: u32 = 1;
/// How long a saved plan may be applied after it was made.
pub const GOOD_FOR: Duration = Duration::from_secs(15 * 60);

/// Which machine something was made on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name, for people.
    pub name: String,
    /// What tells it from every other machine; empty if it has nothing of the sort.
    pub id: String,
}

impl Machine {
    /// Tells whether it is the same machine. One without an id is known by its name alone.
    pub fn is(&self, other: &Self) -> bool {
        self.id == other.id && (!self.id.is_empty() || self.name == other.name)
    }
}

/// A plan with everything that it depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// The form of this text: [`FORMAT`].
    pub format: u32,
    /// The version of selx.
    pub selx: String,
    /// The action, as `kind.name`.
    pub action: String,
    /// The settings with which it was planned.
    pub with: Value,
    /// The machine.
    pub machine: Machine,
    /// When it was made. A clock that is set does not make it younger: its age is taken from the time since boot.
    pub made: Moment,
    /// What is to be done.
    pub plan: Plan<Value>,
}

/// Why a saved plan is not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It was written by a version whose form this one does not know.
    #[error("the plan has the form {0}, and this version knows the form {FORMAT}")]
    Format(u32),
    /// It was made for something else.
    #[error("the plan is one of `{0}`")]
    Action(String),
    /// It was made with other settings than the file has now.
    #[error("the settings of the action have changed since the plan was made")]
    Settings,
    /// It was made on another machine.
    #[error("the plan was made on the machine {0}")]
    Machine(String),
    /// The machine was started anew since, or too much time has passed.
    #[error("the plan is older than {}", crate::TimeSpan::from(GOOD_FOR))]
    Expired,
}

impl SavedPlan {
    /// Puts a plan together with what it depends on.
    pub fn new(action: String, with: Value, machine: Machine, clock: &dyn Clock, plan: Plan<Value>) -> Self {
        Self {
            format: FORMAT,
            selx: env!("CARGO_PKG_VERSION").to_owned(),
            action,
            with,
            machine,
            made: Moment::of(clock),
            plan,
        }
    }

    /// Returns the hash by which the plan is confirmed. It covers what would be done, to what, at which risk, whether it can
    /// be taken back, by which settings and on which machine; not the time, so that the same plan made twice has the same hash.
    pub fn hash(&self) -> PlanHash {
        let mut steps = Sha256::new();
        for planned in &self.plan.steps {
            let core = planned.core();
            // Its length keeps two steps apart from one.
            steps.update((core.len() as u64).to_le_bytes());
            steps.update(core);
        }
        let refused: Vec<&str> = self.plan.refused.iter().map(|refused| refused.why.as_str()).collect();
        let covered = serde_json::json!({
            "format": self.format,
            "action": self.action,
            "with": self.with,
            "machine": if self.machine.id.is_empty() { &self.machine.name } else { &self.machine.id },
            "whole": self.plan.whole,
            "steps": hex(&steps.finalize()),
            "refused": refused,
        });
        PlanHash(Sha256::digest(canonical(&covered)).into())
    }

    /// Tells whether the plan may be applied here and now.
    ///
    /// # Errors
    ///
    /// The first reason why not.
    pub fn fits(&self, action: &str, with: &Value, machine: &Machine, clock: &dyn Clock) -> Result<(), Unfit> {
        if self.format != FORMAT {
            return Err(Unfit::Format(self.format));
        }
        if self.action != action {
            return Err(Unfit::Action(self.action.clone()));
        }
        if canonical(&self.with) != canonical(with) {
            return Err(Unfit::Settings);
        }
        if !self.machine.is(machine) {
            return Err(Unfit::Machine(self.machine.name.clone()));
        }
        if Moment::of(clock).since(&self.made).is_none_or(|age| age > GOOD_FOR) {
            return Err(Unfit::Expired);
        }
        Ok(())
    }
}

/// The hash of a plan. It is shown short, as `7f3a-91c2`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlanHash([u8; 32]);

/// As much of a hash as a person types: at least eight hexadecimal digits, hyphens as they like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortHash(String);

/// How many digits are shown, and have to be given.
const SHOWN: usize = 8;

impl PlanHash {
    /// Returns all of it, as 64 hexadecimal digits.
    pub fn full(&self) -> String {
        hex(&self.0)
    }

    /// Tells whether a person meant this plan.
    pub fn is(&self, typed: &ShortHash) -> bool {
        self.full().starts_with(&typed.0)
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = self.full();
        let (one, other) = full.split_at_checked(SHOWN / 2).unwrap_or_default();
        f.pad(&format!("{one}-{}", other.get(..SHOWN / 2).unwrap_or_default()))
    }
}

impl fmt::Debug for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlanHash({self})")
    }
}

impl FromStr for ShortHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits: String = text.trim().chars().filter(|character| *character != '-').collect();
        let digits = digits.to_ascii_lowercase();
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) || digits.len() > 64 {
            return Err("not the hash of a plan, such as `7f3a-91c2`".to_owned());
        }
        if digits.len() < SHOWN {
            return Err(format!("too short: the hash of a plan has {SHOWN} digits, such as `7f3a-91c2`"));
        }
        Ok(Self(digits))
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes JSON such that equal values have equal bytes: keys in order, no spaces.
pub(super) fn canonical(value: &Value) -> Vec<u8> {
    fn write(value: &Value, out: &mut Vec<u8>) {
        match value {
            Value::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write(item, out);
                }
                out.push(b']');
            }
            Value::Object(entries) => {
                let mut entries: Vec<(&String, &Value)> = entries.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                out.push(b'{');
                for (index, (key, value)) in entries.into_iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    out.extend(Value::from(key.as_str()).to_string().into_bytes());
                    out.push(b':');
                    write(value, out);
                }
                out.push(b'}');
            }
            plain => out.extend(plain.to_string().into_bytes()),
        }
    }
    let mut out = Vec::new();
    write(value, &mut out);
    out
}
