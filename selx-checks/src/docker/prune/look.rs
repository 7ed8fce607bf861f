//! What the rules of all sorts of things share: ages, names, labels, and the list of what is kept.

use jiff::Timestamp;
use selx_core::action::{Keeping, Kept};
use selx_core::{TimeSpan, escape};

use super::answers::Labels;
use super::config::Config;
use super::inventory::Inventory;
use super::named::Named;
use crate::setting::NamePattern;

/// How much of a name is shown.
const SHOWN: usize = 100;

/// The rule that keeps something, with its place among the rules.
pub(super) type Rule = (usize, String);

/// The place of the rule by which something is not looked at at all.
const OUTSIDE: usize = 99;

/// What is looked at, and what of it is kept.
pub(super) struct Look<'a> {
    pub(super) config: &'a Config,
    pub(super) inventory: &'a Inventory,
    pub(super) named: &'a Named,
    /// What time it is by the clock that is behind, the engine's or ours: an age is what both say.
    pub(super) now: Timestamp,
    /// What time it is by the other.
    pub(super) latest: Timestamp,
    /// How many containers, images and networks were looked at.
    pub(super) seen: u64,
    kept: Keeping,
}

impl<'a> Look<'a> {
    pub(super) fn new(config: &'a Config, inventory: &'a Inventory, named: &'a Named, own: Timestamp) -> Self {
        let engine = inventory.now.unwrap_or(own);
        let (now, latest) = (own.min(engine), own.max(engine));
        Self { config, inventory, named, now, latest, seen: 0, kept: Keeping::default() }
    }

    /// Notes what is kept by a rule.
    pub(super) fn keep(&mut self, (order, why): Rule, bytes: Option<i64>, shown: impl FnOnce() -> String) {
        self.kept.keep(order, why, bytes.and_then(|bytes| u64::try_from(bytes).ok()), shown);
    }

    /// Counts something, unless it is not looked at by the rule that keeps it.
    pub(super) fn count(&mut self, rule: Option<&Rule>) {
        self.seen += u64::from(rule.is_none_or(|(order, _)| *order != OUTSIDE));
    }

    /// Returns what is kept, in the order of the rules.
    pub(super) fn kept(self) -> Vec<Kept> {
        self.kept.kept()
    }

    /// Tells whether something is not looked at at all, and else whether its labels or names keep it.
    pub(super) fn kept_by_owner(&self, labels: &Labels, names: &[&str]) -> Option<Rule> {
        let has = |wanted: &String| match wanted.split_once('=') {
            Some((name, value)) => labels.get(name).is_some_and(|known| known == value),
            None => labels.contains_key(wanted),
        };
        if !self.config.only_labels.iter().all(has) {
            return Some(Self::outside());
        }
        if let Some(label) = self.config.keep_labels.iter().find(|label| has(label)) {
            return Some((1, format!("labelled `{}`", shown(label))));
        }
        let matches = |pattern: &NamePattern| names.iter().any(|name| pattern.matches(name));
        self.config.keep.iter().any(matches).then(|| (2, "named in `keep`".to_owned()))
    }

    /// Returns the rule for what is not looked at.
    pub(super) fn outside() -> Rule {
        (OUTSIDE, "without the labels of `only-labels`".to_owned())
    }

    /// Tells whether something is too young to go, by the youngest of its known times.
    pub(super) fn kept_by_age(&self, times: &[Option<Timestamp>], unknown: &str) -> Result<TimeSpan, Rule> {
        let Some(youngest) = times.iter().flatten().max() else {
            return Err((20, unknown.to_owned()));
        };
        if *youngest > self.latest {
            return Err((21, "it is from the future: are the clocks right?".to_owned()));
        }
        // By the clock that is behind it may be from the future: then it is young.
        let age = std::time::Duration::try_from(self.now.duration_since(*youngest)).unwrap_or_default();
        if age <= self.config.older_than.get() {
            return Err((22, format!("not older than {}", self.config.older_than)));
        }
        let unit = if age.as_secs() >= 2 * 86_400 { 86_400 } else { 3_600 };
        Ok(TimeSpan::secs(age.as_secs() / unit * unit))
    }
}

/// Shows a name of something: short, and harmless.
pub(super) fn shown(name: &str) -> String {
    let mut letters = name.chars();
    let short: String = letters.by_ref().take(SHOWN).collect();
    let more = if letters.next().is_some() { "…" } else { "" };
    format!("{}{more}", escape::visible(&short))
}

/// Shows an id as the engine's own client does.
pub(super) fn short(id: &str) -> String {
    let id = id.strip_prefix("sha256:").unwrap_or(id);
    shown(id.get(..12).unwrap_or(id))
}
