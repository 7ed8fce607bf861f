//! The object-safe twin of an action, which the envelope holds.

use std::path::PathBuf;

use serde::Deserialize as _;
use serde_json::Value;

use super::plan::{Applied, Plan, Seen};
use super::{Action, Permit, Tried};
use crate::check::BoxFuture;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::finding::Finding;
use crate::meta::Meta;
use crate::secret::SecretRef;

/// The object-safe twin of [`Action`]. Steps travel as JSON, which is also how a plan is saved.
pub trait DynAction: Send + Sync {
    /// Returns what the kind says about itself.
    fn meta(&self) -> &Meta;
    /// See [`Action::BATCH`].
    fn batch(&self) -> usize;
    /// See [`Action::resources`].
    fn resources(&self) -> Vec<String>;
    /// See [`Action::places`].
    fn places<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Vec<PathBuf>>;
    /// See [`Action::lock`].
    fn lock<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Vec<(String, Tried)>>>;
    /// See [`Action::plan`].
    fn plan<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Plan<Value>>>;
    /// See [`Action::apply`].
    fn apply<'a>(&'a self, step: &'a Value, permit: &'a Permit, cx: &'a Context) -> BoxFuture<'a, Result<Applied>>;
    /// See [`Action::probe`].
    fn probe<'a>(&'a self, step: &'a Value, cx: &'a Context) -> BoxFuture<'a, Result<Seen>>;
    /// See [`Action::undo`].
    fn undo<'a>(&'a self, step: &'a Value, permit: &'a Permit, cx: &'a Context) -> BoxFuture<'a, Result<Applied>>;
    /// See [`Action::tidy`].
    fn tidy<'a>(&'a self, permit: &'a Permit, cx: &'a Context) -> BoxFuture<'a, Result<()>>;
    /// See [`Action::verify`].
    fn verify<'a>(&'a self, done: &'a [Value], cx: &'a Context) -> BoxFuture<'a, Result<Vec<Finding>>>;

    /// Returns the secrets that its settings name. They are read before anything is planned, so that no text shows them.
    fn secrets(&self) -> &[SecretRef] {
        &[]
    }
}

/// Makes a [`DynAction`] of an [`Action`].
pub struct TypedAction<A> {
    action: A,
    secrets: Vec<SecretRef>,
}

impl<A: Action> TypedAction<A> {
    /// Takes an action.
    pub fn new(action: A) -> Self {
        Self { action, secrets: Vec::new() }
    }

    /// Says which secrets its settings name.
    #[must_use]
    pub fn naming(mut self, secrets: Vec<SecretRef>) -> Self {
        self.secrets = secrets;
        self
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

    fn batch(&self) -> usize {
        A::BATCH
    }

    fn resources(&self) -> Vec<String> {
        self.action.resources()
    }

    fn places<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Vec<PathBuf>> {
        Box::pin(self.action.places(cx))
    }

    fn lock<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Vec<(String, Tried)>>> {
        Box::pin(self.action.lock(cx))
    }

    fn plan<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Plan<Value>>> {
        Box::pin(async move {
            let plan = self.action.plan(cx).await?;
            let steps = plan.steps.into_iter().map(|planned| {
                planned.try_map(|step| {
                    serde_json::to_value(&step).map_err(|error| {
                        Error::new(ErrorKind::Bug, "the step cannot be written as JSON").source_error(error)
                    })
                })
            });
            let steps = steps.collect::<Result<_>>()?;
            Ok(Plan { steps, whole: plan.whole, kept: plan.kept, refused: plan.refused })
        })
    }

    fn apply<'a>(&'a self, step: &'a Value, permit: &'a Permit, cx: &'a Context) -> BoxFuture<'a, Result<Applied>> {
        Box::pin(async move { self.action.apply(&Self::step(step)?, permit, cx).await })
    }

    fn probe<'a>(&'a self, step: &'a Value, cx: &'a Context) -> BoxFuture<'a, Result<Seen>> {
        Box::pin(async move { self.action.probe(&Self::step(step)?, cx).await })
    }

    fn undo<'a>(&'a self, step: &'a Value, permit: &'a Permit, cx: &'a Context) -> BoxFuture<'a, Result<Applied>> {
        Box::pin(async move { self.action.undo(&Self::step(step)?, permit, cx).await })
    }

    fn tidy<'a>(&'a self, permit: &'a Permit, cx: &'a Context) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.action.tidy(permit, cx))
    }

    fn verify<'a>(&'a self, done: &'a [Value], cx: &'a Context) -> BoxFuture<'a, Result<Vec<Finding>>> {
        Box::pin(async move {
            let done = done.iter().map(Self::step).collect::<Result<Vec<_>>>()?;
            self.action.verify(&done, cx).await
        })
    }

    fn secrets(&self) -> &[SecretRef] {
        &self.secrets
    }
}
