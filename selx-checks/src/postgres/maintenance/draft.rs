//! A plan in the making: its steps, what is kept by which rule, and why it may not be carried out.

use selx_core::action::{Keeping, Plan, Planned, Refused};

use super::advisory::POOLED;
use super::reader::Facts;

/// The oldest version that has what the actions use.
const OLDEST: u32 = 12;

pub(super) const POOLED_ADVICE: &str = "give the action the address of the server itself";

/// A plan in the making.
pub(in crate::postgres) struct Draft<S> {
    steps: Vec<(f64, Planned<S>)>,
    kept: Keeping,
    refused: Vec<Refused>,
}

impl<S> Draft<S> {
    pub(in crate::postgres) fn new() -> Self {
        Self { steps: Vec::new(), kept: Keeping::default(), refused: Vec::new() }
    }

    /// Notes something that is left alone; `order` puts the rules in theirs.
    pub(in crate::postgres) fn keep(&mut self, order: usize, why: impl Into<String>, bytes: Option<u64>, name: String) {
        self.kept.keep(order, why, bytes, || name);
    }

    pub(in crate::postgres) fn refuse(&mut self, why: impl Into<String>, advice: impl Into<String>) {
        let refused = Refused { why: why.into(), advice: advice.into() };
        if !self.refused.contains(&refused) {
            self.refused.push(refused);
        }
    }

    /// Notes a step; those with the greatest need come first.
    pub(in crate::postgres) fn step(&mut self, need: f64, step: Planned<S>) {
        self.steps.push((need, step));
    }

    /// Returns the steps so far.
    pub(in crate::postgres) fn steps(&self) -> impl Iterator<Item = &Planned<S>> {
        self.steps.iter().map(|(_, step)| step)
    }

    /// Looks whether anything may be changed on a server at all.
    pub(in crate::postgres) fn admits(&mut self, facts: &Facts) -> bool {
        let before = self.refused.len();
        if facts.is_pooled {
            self.refuse(POOLED, POOLED_ADVICE);
        }
        if facts.standby {
            let why =
                format!("the server of database `{}` is a standby, on which nothing can be changed", facts.database);
            self.refuse(why, "give the action the address of the primary; a standby follows it");
        }
        if facts.major() < OLDEST {
            let why = format!("the server is version {}, and {OLDEST} is the oldest that can be served", facts.version);
            self.refuse(why, "do it by hand, or bring the server up to date");
        }
        self.refused.len() == before
    }

    /// Makes the plan, of at most so many steps; those beyond wait for the next one.
    pub(in crate::postgres) fn plan(mut self, most: usize, setting: &str) -> Plan<S> {
        self.steps.sort_by(|(one, a), (other, b)| other.total_cmp(one).then_with(|| a.target.cmp(&b.target)));
        for (_, step) in self.steps.split_off(most.min(self.steps.len())) {
            let why = format!("beyond `{setting}`, {most}: the next plan has them");
            self.keep(90, why, None, step.target);
        }
        let steps = self.steps.into_iter().map(|(_, step)| step).collect();
        Plan { steps, whole: false, kept: self.kept.kept(), refused: self.refused }
    }
}
