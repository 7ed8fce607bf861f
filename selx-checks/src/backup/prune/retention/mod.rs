//! Which backups stay and which may go. It knows names, times and proofs, and touches no file.
//!
//! Only backups that are proven count for a rule: whoever floods the folder with newer ones that are worth nothing, and a
//! program that writes such, pushes no good one out. What is not proven and not needed by a rule goes; what was looked at and
//! is not good stays, and is told.

#[cfg(test)]
mod machine;

use std::collections::{BTreeMap, HashSet};

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use selx_core::action::Refused;
use selx_core::{Result, TimeSpan};

/// Rules by which backups stay. Each is of its own; what one of them keeps stays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// So many of the newest good ones.
    pub(super) last: u32,
    /// All that are not older.
    pub(super) within: SignedDuration,
    /// The newest good one of so many days, weeks, months and years.
    pub(super) daily: u32,
    pub(super) weekly: u32,
    pub(super) monthly: u32,
    pub(super) yearly: u32,
    /// How old the newest may be: where no backup is made any more, none goes.
    pub(super) newest_within: SignedDuration,
}

/// What reading a backup came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Good,
    /// It is not what it should be, and why.
    Bad(String),
}

/// What is decided.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// By the number of a backup: the rule that keeps it.
    pub(super) kept: BTreeMap<usize, String>,
    /// The numbers of those that may go, the oldest first.
    pub(super) go: Vec<usize>,
    /// Why none may go. Then `go` is empty.
    pub(super) refused: Vec<Refused>,
}

/// How far ahead of the clock a backup may be dated: clocks of two machines differ.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// Decides. `times` are those of the backups, in any order; `prove` reads one, and is asked only where the answer counts.
pub(super) fn decide(
    times: &[Timestamp],
    rules: &Rules,
    now: Timestamp,
    prove: &mut dyn FnMut(usize) -> Result<Proof>,
) -> Result<Decision> {
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by_key(|index| times.get(*index).map(|time| std::cmp::Reverse(*time)));
    let mut choice = Choice { times, order, rules, now, proofs: BTreeMap::new(), decision: Decision::default() };
    // If all were good, would anything go at all? Where nothing does, nothing need be read.
    choice.choose(&mut |_| Ok(Proof::Good))?;
    if choice.decision.refused.is_empty() && !choice.decision.go.is_empty() {
        choice.proofs.clear();
        choice.decision = Decision::default();
        choice.choose(prove)?;
    }
    Ok(choice.decision)
}

struct Choice<'a> {
    times: &'a [Timestamp],
    /// The newest first.
    order: Vec<usize>,
    rules: &'a Rules,
    now: Timestamp,
    proofs: BTreeMap<usize, Proof>,
    decision: Decision,
}

impl Choice<'_> {
    fn time(&self, index: usize) -> Timestamp {
        self.times.get(index).copied().unwrap_or(Timestamp::MIN)
    }

    fn is_good(&mut self, index: usize, prove: &mut dyn FnMut(usize) -> Result<Proof>) -> Result<bool> {
        if let Some(proof) = self.proofs.get(&index) {
            return Ok(*proof == Proof::Good);
        }
        let proof = prove(index)?;
        let is_good = proof == Proof::Good;
        self.proofs.insert(index, proof);
        Ok(is_good)
    }

    fn keep(&mut self, index: usize, why: &str) {
        self.decision.kept.entry(index).or_insert_with(|| why.to_owned());
    }

    fn refuse(&mut self, why: String, advice: &str) {
        self.decision.refused.push(Refused { why, advice: advice.to_owned() });
    }

    fn choose(&mut self, prove: &mut dyn FnMut(usize) -> Result<Proof>) -> Result<()> {
        let order = self.order.clone();
        let Some(newest) = order.first().copied() else { return Ok(()) };
        let age = self.now.duration_since(self.time(newest));
        if age < -AHEAD {
            let why = format!("the newest backup is dated {}, which is ahead of the clock", self.time(newest));
            self.refuse(why, "look at the clocks, and at who named it so");
            return Ok(());
        }
        if age > self.rules.newest_within {
            let limit = span(self.rules.newest_within);
            let why = format!("the newest backup is {} old, and `newest-within` is {limit}", span(age));
            self.refuse(why, "make a backup first; old ones are all there is until then");
            return Ok(());
        }
        if !self.is_good(newest, prove)? {
            let Some(Proof::Bad(why)) = self.proofs.get(&newest) else { return Ok(()) };
            let why = format!("the newest backup is not good: {why}");
            self.refuse(why, "make a good one first; nothing older goes until then");
            return Ok(());
        }

        let mut left = self.rules.last;
        for index in order.iter().copied() {
            if left == 0 {
                break;
            }
            if self.is_good(index, prove)? {
                self.keep(index, "one of the newest that are good (`keep-last`)");
                left -= 1;
            }
        }
        for index in order.iter().copied() {
            if self.now.duration_since(self.time(index)) <= self.rules.within {
                self.keep(index, "young (`keep-within`)");
            }
        }
        let rules = *self.rules;
        self.period(&order, rules.daily, day, "the newest of its day (`keep-daily`)", prove)?;
        self.period(&order, rules.weekly, week, "the newest of its week (`keep-weekly`)", prove)?;
        self.period(&order, rules.monthly, month, "the newest of its month (`keep-monthly`)", prove)?;
        self.period(&order, rules.yearly, year, "the newest of its year (`keep-yearly`)", prove)?;

        for index in order.iter().rev().copied() {
            if self.decision.kept.contains_key(&index) {
                continue;
            }
            match self.proofs.get(&index) {
                Some(Proof::Bad(why)) => {
                    let why = format!("not good, and kept for whoever wants to know why: {why}");
                    self.decision.kept.insert(index, why);
                }
                _ => self.decision.go.push(index),
            }
        }
        Ok(())
    }

    /// Keeps the newest good one of each of so many periods that have one.
    fn period<K: std::hash::Hash + Eq>(
        &mut self,
        order: &[usize],
        most: u32,
        key: fn(Date) -> K,
        why: &str,
        prove: &mut dyn FnMut(usize) -> Result<Proof>,
    ) -> Result<()> {
        let mut met = HashSet::new();
        for index in order.iter().copied() {
            if met.len() as u64 >= u64::from(most) {
                break;
            }
            let key = key(Offset::UTC.to_datetime(self.time(index)).date());
            if !met.contains(&key) && self.is_good(index, prove)? {
                met.insert(key);
                self.keep(index, why);
            }
        }
        Ok(())
    }
}

fn day(date: Date) -> Date {
    date
}

fn week(date: Date) -> (i16, i8) {
    let week = date.iso_week_date();
    (week.year(), week.week())
}

fn month(date: Date) -> (i16, i8) {
    (date.year(), date.month())
}

fn year(date: Date) -> i16 {
    date.year()
}

/// Shows a length of time to the hour.
fn span(length: SignedDuration) -> TimeSpan {
    let seconds = length.as_secs().unsigned_abs();
    let step = if seconds >= 86_400 { 3_600 } else { 60 };
    TimeSpan::secs(seconds / step * step)
}
