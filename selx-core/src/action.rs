//! What an action is: plan, permit, apply, verify. The machine that runs it and its journal are still to come.

use std::future::Future;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::BoxFuture;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::finding::Finding;
use crate::meta::Meta;

/// How much harm a step can do. There is no default: the author of a step says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Nobody notices, and it can be done again.
    Safe,
    /// Users may notice while it lasts.
    Disruptive,
    /// Something is gone afterwards.
    Destructive,
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
    /// The exact target and what happens to it: ids, not names.
    pub step: S,
    /// One line for the reader.
    pub what: String,
    /// How much harm it can do.
    pub risk: Risk,
    /// Bytes that it frees (positive) or takes (negative), if that is known.
    pub bytes: Option<i64>,
    /// Seconds that it is expected to take, if that is known.
    pub seconds: Option<f64>,
    /// Locks that it takes, one line each.
    pub locks: Vec<String>,
    /// What can be done about it afterwards.
    pub undo: Undo,
    /// What a plan cannot know before the step is done; empty if it knows everything.
    pub not_simulated: Vec<String>,
}

/// What a plan comes to: steps, and what is left alone and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan<S> {
    /// The steps in order. What cannot be undone comes last.
    pub steps: Vec<Planned<S>>,
    /// What is kept, with the rule that keeps it.
    pub kept: Vec<Kept>,
}

/// Something that an action leaves alone, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What is kept.
    pub what: String,
    /// The rule that keeps it.
    pub why: String,
}

/// The permission to change something. Only the runner of actions can make one, so neither a check nor an accident can
/// call `apply`.
///
/// ```compile_fail
/// let permit = selx_core::action::Permit { risk: selx_core::action::Risk::Safe };
/// ```
#[derive(Debug)]
pub struct Permit {
    risk: Risk,
}

impl Permit {
    /// Returns the greatest risk that is permitted.
    pub fn risk(&self) -> Risk {
        self.risk
    }
}

/// What applying or undoing a step came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Applied {
    /// It was changed; one line says what.
    Changed(String),
    /// It already was as planned. Applying twice is normal.
    AlreadyDone,
}

/// What the real world says about a step. Recovery after a crash rests on it alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// What an author of an action writes.
///
/// # Cancellation safety
///
/// `plan`, `probe` and `verify` only read and may be dropped. `apply` and `undo` are never dropped: the runner asks for
/// cancellation between steps only.
pub trait Action: Send + Sync + Sized + 'static {
    /// The settings.
    type Config: DeserializeOwned + JsonSchema;

    /// One exact, saved step.
    type Step: Serialize + DeserializeOwned + Send + Sync;

    /// What the kind says about itself.
    const META: Meta;

    /// Takes the settings. No input or output, no failure.
    fn new(config: Self::Config) -> Self;

    /// Looks at the world and says what would be done. Reads only.
    fn plan(&self, cx: &Context) -> impl Future<Output = Result<Plan<Self::Step>>> + Send;

    /// Does one step.
    fn apply(&self, step: &Self::Step, permit: &Permit, cx: &Context) -> impl Future<Output = Result<Applied>> + Send;

    /// Asks the real world how far a step is.
    fn probe(&self, step: &Self::Step, cx: &Context) -> impl Future<Output = Result<Seen>> + Send;

    /// Takes a step back.
    fn undo(&self, step: &Self::Step, permit: &Permit, cx: &Context) -> impl Future<Output = Result<Applied>> + Send;

    /// Looks whether the goal was reached, whatever the steps returned.
    fn verify(&self, cx: &Context) -> impl Future<Output = Result<Vec<Finding>>> + Send;
}

/// The object-safe twin of [`Action`]. Steps travel as JSON, which is also how a plan is saved.
pub trait DynAction: Send + Sync {
    /// Returns what the kind says about itself.
    fn meta(&self) -> &Meta;
    /// See [`Action::plan`].
    fn plan<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Plan<Value>>>;
    /// See [`Action::apply`].
    fn apply<'a>(&'a self, step: &'a Value, permit: &'a Permit, cx: &'a Context) -> BoxFuture<'a, Result<Applied>>;
    /// See [`Action::probe`].
    fn probe<'a>(&'a self, step: &'a Value, cx: &'a Context) -> BoxFuture<'a, Result<Seen>>;
    /// See [`Action::undo`].
    fn undo<'a>(&'a self, step: &'a Value, permit: &'a Permit, cx: &'a Context) -> BoxFuture<'a, Result<Applied>>;
    /// See [`Action::verify`].
    fn verify<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Vec<Finding>>>;
}

/// Makes a [`DynAction`] of an [`Action`].
pub struct TypedAction<A>(A);

impl<A: Action> TypedAction<A> {
    /// Takes an action.
    pub fn new(action: A) -> Self {
        Self(action)
    }

    fn step(value: &Value) -> Result<A::Step> {
        A::Step::deserialize(value).map_err(|error| {
            Error::new(ErrorKind::Bug, format!("the step is not one of `{}`", A::META.id)).source_error(error)
        })
    }
}

impl<A: Action> DynAction for TypedAction<A> {
    fn meta(&self) -> &Meta {
        &A::META
    }

    fn plan<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Plan<Value>>> {
        Box::pin(async move {
            let plan = self.0.plan(cx).await?;
            let steps = plan.steps.into_iter().map(|planned| {
                let step = serde_json::to_value(&planned.step).map_err(|error| {
                    Error::new(ErrorKind::Bug, "the step cannot be written as JSON").source_error(error)
                })?;
                Ok(Planned {
                    step,
                    what: planned.what,
                    risk: planned.risk,
                    bytes: planned.bytes,
                    seconds: planned.seconds,
                    locks: planned.locks,
                    undo: planned.undo,
                    not_simulated: planned.not_simulated,
                })
            });
            Ok(Plan { steps: steps.collect::<Result<_>>()?, kept: plan.kept })
        })
    }

    fn apply<'a>(&'a self, step: &'a Value, permit: &'a Permit, cx: &'a Context) -> BoxFuture<'a, Result<Applied>> {
        Box::pin(async move { self.0.apply(&Self::step(step)?, permit, cx).await })
    }

    fn probe<'a>(&'a self, step: &'a Value, cx: &'a Context) -> BoxFuture<'a, Result<Seen>> {
        Box::pin(async move { self.0.probe(&Self::step(step)?, cx).await })
    }

    fn undo<'a>(&'a self, step: &'a Value, permit: &'a Permit, cx: &'a Context) -> BoxFuture<'a, Result<Applied>> {
        Box::pin(async move { self.0.undo(&Self::step(step)?, permit, cx).await })
    }

    fn verify<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Vec<Finding>>> {
        Box::pin(async move { self.0.verify(cx).await })
    }
}
