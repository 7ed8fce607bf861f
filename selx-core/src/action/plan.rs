//! What an action would do, in exact steps, and what it leaves alone.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::secret::Secrets;

/// How much harm a step can do. There is no default: the author of a step says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Nobody notices, and it can be done again.
    Safe,
    /// Users may notice while it lasts.
    Disruptive,
    /// Something is gone afterwards.
    Destructive,
}

impl Risk {
    /// Returns the word that plans, policies and reports use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Disruptive => "disruptive",
            Self::Destructive => "destructive",
        }
    }
}

/// What can be done about a step afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// It can be undone; the text says how.
    Possible(String),
    /// It cannot be undone; the text says why.
    Impossible(String),
}

/// One step of a plan, as it is shown before anything happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned<S> {
    /// The exact target and what happens to it: ids and fingerprints, not names alone. A step that a later plan has in
    /// the same words is the same step; one that differs is another.
    pub step: S,
    /// What the step is about, such as a path: by this a person knows it again, also when its fingerprint has changed.
    pub target: String,
    /// One line for the reader.
    pub what: String,
    /// How much harm it can do.
    pub risk: Risk,
    /// Bytes that it frees (positive) or takes (negative), if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// Seconds that it is expected to take, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Locks that it takes, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<String>,
    /// What can be done about it afterwards.
    pub undo: Undo,
    /// What a plan cannot know before the step is done; empty if it knows everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_simulated: Vec<String>,
}

impl<S> Planned<S> {
    /// Puts another form of the same step in its place.
    pub(crate) fn try_map<T, E>(self, change: impl FnOnce(S) -> Result<T, E>) -> Result<Planned<T>, E> {
        Ok(Planned {
            step: change(self.step)?,
            target: self.target,
            what: self.what,
            risk: self.risk,
            bytes: self.bytes,
            seconds: self.seconds,
            locks: self.locks,
            undo: self.undo,
            not_simulated: self.not_simulated,
        })
    }
}

/// What a plan comes to: steps, and what is left alone and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan<S> {
    /// The steps in order. What cannot be undone comes last.
    pub steps: Vec<Planned<S>>,
    /// Whether the steps are parts of one thing, which is done wholly or not at all. If one fails, those before it are
    /// undone, and a world that has changed since the plan was made stops all of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// What is kept, by the rule that keeps it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Kept>,
    /// Why none of it may be done: a floor, a budget, a list that could not be read to its end. Empty if it may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
}

impl<S> Plan<S> {
    /// Makes a plan of steps that stand each for itself.
    pub fn of(steps: Vec<Planned<S>>) -> Self {
        Self { steps, whole: false, kept: Vec::new(), refused: Vec::new() }
    }

    /// Returns how much harm its worst step can do; `None` if there is nothing to do.
    pub fn risk(&self) -> Option<Risk> {
        self.steps.iter().map(|step| step.risk).max()
    }

    /// Returns the bytes that its steps free, those that they take subtracted; steps of which it is not known count as
    /// none.
    pub fn bytes(&self) -> i64 {
        self.steps.iter().filter_map(|step| step.bytes).fold(0, i64::saturating_add)
    }
}

/// Things that an action leaves alone for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The rule that keeps them, such as `not older than 30d`.
    pub why: String,
    /// How many there are.
    pub count: u64,
    /// How large they are together, if they have a size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The first of them by name, [`Kept::EXAMPLES`] at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

impl Kept {
    /// How many things one rule names.
    pub const EXAMPLES: usize = 5;
}

/// What a plan leaves alone, while it is made.
///
/// ```
/// let mut keeping = selx_core::action::Keeping::default();
/// keeping.keep(1, "young", Some(4096), || "app.log.1".to_owned());
/// keeping.keep(1, "young", Some(4096), || "app.log.2".to_owned());
/// let kept = keeping.kept();
/// assert_eq!((kept[0].count, kept[0].bytes), (2, Some(8192)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Keeping(std::collections::BTreeMap<(usize, String), Kept>);

impl Keeping {
    /// Notes one thing that a rule keeps. `order` puts the rules in theirs; the name is asked for only if it is shown.
    pub fn keep(&mut self, order: usize, why: impl Into<String>, bytes: Option<u64>, name: impl FnOnce() -> String) {
        let why = why.into();
        let new = || Kept { why: why.clone(), count: 0, bytes: None, examples: Vec::new() };
        let kept = self.0.entry((order, why.clone())).or_insert_with(new);
        kept.count += 1;
        if let Some(bytes) = bytes {
            kept.bytes = Some(kept.bytes.unwrap_or(0).saturating_add(bytes));
        }
        if kept.examples.len() < Kept::EXAMPLES {
            kept.examples.push(name());
        }
    }

    /// Returns what is kept, in the order of the rules.
    pub fn kept(self) -> Vec<Kept> {
        self.0.into_values().collect()
    }
}

/// Why a plan may not be carried out, whoever confirms it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The rule, in a line with its numbers.
    pub why: String,
    /// What to do about it.
    pub advice: String,
}

/// What applying or undoing a step came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "result", content = "text")]
pub enum Applied {
    /// It was changed; one line says what.
    Changed(String),
    /// It already was as planned. Applying twice is normal.
    AlreadyDone,
    /// A rule left it alone when its turn came: it had changed, was in use, could not be changed. The others go on.
    Skipped(String),
}

/// What the real world says about a step. Recovery after a crash rests on it alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "seen", content = "text")]
pub enum Seen {
    /// The step has not happened.
    Before,
    /// The step has happened.
    After,
    /// The step has happened in part; the text says what is there.
    Partial(String),
    /// It cannot be told; the text says why.
    Unknown(String),
}

/// A later plan beside the one that was confirmed.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The steps that both have, by their number in the confirmed plan.
    pub same: Vec<usize>,
    /// Steps that were confirmed and whose target is different now.
    pub changed: Vec<String>,
    /// Steps that were confirmed and that a plan has no more.
    pub gone: Vec<String>,
    /// How many steps came after the confirmation. They wait for the next plan.
    pub new: usize,
}

fn clean(text: &mut String, secrets: &Secrets) {
    if let Some(clean) = secrets.redact(text) {
        *text = clean;
    }
}

impl Applied {
    /// Takes the secrets that were read out of what it says.
    pub(super) fn without(mut self, secrets: &Secrets) -> Self {
        if let Self::Changed(text) | Self::Skipped(text) = &mut self {
            clean(text, secrets);
        }
        self
    }
}

impl Planned<Value> {
    /// Returns what two plans have to have in common for a step to be the same, as bytes: the step, what it is about, its risk
    /// and whether it can be taken back. Words, sizes and times may differ: what is seen a minute later is told with other
    /// numbers.
    pub(super) fn core(&self) -> Vec<u8> {
        // No line end is in what stands before the target.
        let undoable = if matches!(self.undo, Undo::Possible(_)) { "undoable" } else { "for good" };
        let mut core = super::saved::canonical(&self.step);
        core.extend(format!("\n{}\n{undoable}\n{}", self.risk.as_str(), self.target).into_bytes());
        core
    }
}

impl Plan<Value> {
    /// Compares a plan that was confirmed with one that was made a moment ago. A step whose target, risk or way back has
    /// changed is another one. Of two steps in the same words each counts once.
    pub fn compare(&self, fresh: &Self) -> Compared {
        let mut steps: std::collections::HashMap<Vec<u8>, usize> = std::collections::HashMap::new();
        for step in &fresh.steps {
            *steps.entry(step.core()).or_default() += 1;
        }
        let targets: std::collections::HashSet<&str> = fresh.steps.iter().map(|step| step.target.as_str()).collect();
        let mut compared = Compared { same: Vec::new(), changed: Vec::new(), gone: Vec::new(), new: 0 };
        for (index, step) in self.steps.iter().enumerate() {
            match steps.get_mut(&step.core()) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    compared.same.push(index);
                }
                _ if targets.contains(step.target.as_str()) => compared.changed.push(step.target.clone()),
                _ => compared.gone.push(step.target.clone()),
            }
        }
        compared.new = steps.values().sum::<usize>().saturating_sub(compared.changed.len());
        compared
    }

    /// Returns this plan with everything that a plan made a moment ago says of the steps that both have: who could write the
    /// file of a plan could have changed its words, and what can be undone. What is not in it keeps the words that it has.
    pub(super) fn as_said_by(&self, fresh: &Self) -> Self {
        let mut said: std::collections::HashMap<Vec<u8>, std::collections::VecDeque<&Planned<Value>>> =
            std::collections::HashMap::new();
        for planned in &fresh.steps {
            said.entry(planned.core()).or_default().push_back(planned);
        }
        let steps = self.steps.iter().map(|planned| {
            let fresh = said.get_mut(&planned.core()).and_then(std::collections::VecDeque::pop_front);
            fresh.unwrap_or(planned).clone()
        });
        Self { steps: steps.collect(), whole: fresh.whole, kept: fresh.kept.clone(), refused: fresh.refused.clone() }
    }

    /// Takes the secrets that were read out of all that is told of the steps, so that no file and no journal has them. A step
    /// itself stays as it is: it is what is done.
    pub fn without(mut self, secrets: &Secrets) -> Self {
        if secrets.is_empty() {
            return self;
        }
        let steps = self.steps.iter_mut().flat_map(|step| {
            let (Undo::Possible(undo) | Undo::Impossible(undo)) = &mut step.undo;
            [&mut step.target, &mut step.what, undo].into_iter().chain(&mut step.locks).chain(&mut step.not_simulated)
        });
        let kept = self.kept.iter_mut().flat_map(|kept| std::iter::once(&mut kept.why).chain(&mut kept.examples));
        let refused = self.refused.iter_mut().flat_map(|refused| [&mut refused.why, &mut refused.advice]);
        steps.chain(kept).chain(refused).for_each(|text| clean(text, secrets));
        self
    }

    /// Tells whether another plan is the same, step by step in the same order: what a whole has to be.
    pub(super) fn is_same(&self, fresh: &Self) -> bool {
        let steps = |plan: &Self| -> Vec<Vec<u8>> { plan.steps.iter().map(|step| step.core()).collect() };
        self.whole == fresh.whole && steps(self) == steps(fresh)
    }
}
