//! A run that has begun: its journal, its steps, what is undone when one fails, and what all of it came to. The machine
//! that applies a plan and the one that recovers a run that was killed are the same from here on.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use serde_json::Value;

use super::Permit;
use super::journal::{Event, Journal, Progress};
use super::outcome::Outcome;
use super::plan::{Applied, Plan, Planned, Seen, Undo};
use super::report::{StepReport, StepState};
use super::typed::DynAction;
use crate::check::BoxFuture;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};

/// A run that has begun.
pub(super) struct Running<'a> {
    pub(super) action: &'a dyn DynAction,
    pub(super) permit: Permit,
    pub(super) cx: &'a Context,
    pub(super) journal: Journal,
    pub(super) plan: &'a Plan<Value>,
    /// What came of each step.
    pub(super) states: Vec<StepState>,
    /// Why no further step is begun, and the like; a line each.
    pub(super) why: Vec<String>,
}

/// Awaits a step of an action: a panic in it is an error of that step.
pub(super) async fn contained<T>(what: &str, future: BoxFuture<'_, Result<T>>) -> Result<T> {
    AssertUnwindSafe(future).catch_unwind().await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Bug, format!("{what} panicked")).advice("report it; `selx --version` belongs to it"))
    })
}

impl Running<'_> {
    fn planned(&self, step: usize) -> Result<&Planned<Value>> {
        let none = || Error::new(ErrorKind::Bug, format!("the plan has no step {step}"));
        self.plan.steps.get(step).ok_or_else(none)
    }

    pub(super) fn set(&mut self, step: usize, state: StepState) {
        if let Some(slot) = self.states.get_mut(step) {
            *slot = state;
        }
    }

    pub(super) fn write(&mut self, events: impl IntoIterator<Item = Event>) -> Result<()> {
        let events = events.into_iter().map(|event| event.without(self.cx.secrets()));
        self.journal.write(events, self.cx.clock())
    }

    /// Does steps of which the intent is one, as long as nothing speaks against the next one. The error is the first
    /// step's that failed, or what speaks against it.
    pub(super) async fn apply(&mut self, steps: &[usize], may: &(dyn Fn() -> Result<()> + Sync)) -> Result<()> {
        may()?;
        self.write([Event::Intent { steps: steps.to_vec() }])?;
        let mut events = Vec::new();
        let (mut failed, mut stopped) = (None, None);
        for (index, step) in steps.iter().copied().enumerate() {
            if index > 0
                && let Err(error) = may()
            {
                events.push(Event::Left { steps: steps.get(index..).unwrap_or_default().to_vec() });
                stopped = Some(error);
                break;
            }
            let planned = self.planned(step)?;
            self.cx.extent().doing(format!("{} of {}: {}", step + 1, self.plan.steps.len(), planned.what));
            let applied = match contained("the step", self.action.apply(&planned.step, &self.permit, self.cx)).await {
                // A whole without one of its parts is none.
                Ok(Applied::Skipped(why)) if self.plan.whole => {
                    Err(Error::new(ErrorKind::Local, format!("{}: {why}", planned.target)))
                }
                applied => applied,
            };
            match applied {
                Ok(applied) => {
                    events.push(Event::Done { step, applied: applied.clone(), probed: false });
                    self.set(step, StepState::Applied(applied));
                }
                Err(error) => {
                    let left: Vec<usize> = steps.get(index + 1..).unwrap_or_default().to_vec();
                    if !left.is_empty() {
                        events.push(Event::Left { steps: left });
                    }
                    // Until it is looked at, and also if the journal fails now.
                    self.set(step, StepState::Unclear(error.to_string()));
                    failed = Some((step, error));
                    break;
                }
            }
        }
        self.write(events)?;
        if let Some(error) = stopped {
            return Err(error);
        }
        let Some((step, error)) = failed else { return Ok(()) };
        self.look(step, &error.to_string()).await?;
        Err(error)
    }

    /// Asks the world how far a step is that failed, or of which it is not known.
    pub(super) async fn look(&mut self, step: usize, why: &str) -> Result<()> {
        let planned = self.planned(step)?;
        let seen = contained("looking at the step", self.action.probe(&planned.step, self.cx)).await;
        let seen = seen.unwrap_or_else(|error| Seen::Unknown(error.to_string()));
        match seen {
            Seen::Before => {
                self.set(step, StepState::Failed(why.to_owned()));
                self.write([Event::Failed { step, why: why.to_owned() }])
            }
            Seen::After => {
                let applied = Applied::Changed("was found as it is to be".to_owned());
                self.set(step, StepState::Applied(applied.clone()));
                self.write([Event::Done { step, applied, probed: true }])
            }
            Seen::Partial(what) => {
                self.set(step, StepState::Remains(format!("{what}; {why}")));
                Ok(())
            }
            Seen::Unknown(what) => {
                self.set(step, StepState::Unclear(format!("{what}; {why}")));
                Ok(())
            }
        }
    }

    /// Tells whether there is no way back: a step that cannot be undone was done, wholly or in part. Of a whole, what is
    /// left has to be done as well.
    pub(super) fn is_past_return(&self) -> bool {
        let steps = self.plan.steps.iter().zip(&self.states);
        steps.into_iter().any(|(planned, state)| {
            matches!(state, StepState::Applied(Applied::Changed(_)) | StepState::Remains(_))
                && matches!(planned.undo, Undo::Impossible(_))
                && (self.plan.whole || matches!(state, StepState::Remains(_)))
        })
    }

    /// Undoes what has to be undone after a failure: of a whole all that was done, otherwise what was done in part.
    ///
    /// # Errors
    ///
    /// The journal could not be written: nothing further is undone then either.
    pub(super) async fn undo(&mut self) -> Result<()> {
        for step in (0..self.states.len()).rev() {
            let is_done = matches!(self.states.get(step), Some(StepState::Applied(Applied::Changed(_))));
            let is_part = matches!(self.states.get(step), Some(StepState::Remains(_)));
            let is_possible = matches!(self.planned(step)?.undo, Undo::Possible(_));
            if is_possible && (is_part || is_done && self.plan.whole) {
                self.undo_one(step).await?;
                // What came before it is not taken away under what could not be undone.
                if self.plan.whole && !matches!(self.states.get(step), Some(StepState::Undone)) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn undo_one(&mut self, step: usize) -> Result<()> {
        self.write([Event::UndoIntent { step }])?;
        let planned = self.planned(step)?;
        let undone = contained("undoing the step", self.action.undo(&planned.step, &self.permit, self.cx)).await;
        // That it was undone is what the world says, not what came back.
        let planned = self.planned(step)?;
        let seen = contained("looking at the step", self.action.probe(&planned.step, self.cx)).await;
        match (undone, seen) {
            (Ok(applied), Ok(Seen::Before)) => {
                self.set(step, StepState::Undone);
                self.write([Event::UndoDone { step, applied }])
            }
            (undone, seen) => {
                let mut why = match &undone {
                    Ok(_) => "it was undone, and is not as it was before".to_owned(),
                    Err(error) => format!("undoing it failed: {error}"),
                };
                let state = match seen {
                    Ok(Seen::Unknown(what)) => {
                        why = format!("{why}; {what}");
                        StepState::Unclear(why.clone())
                    }
                    Err(error) => {
                        why = format!("{why}; {error}");
                        StepState::Unclear(why.clone())
                    }
                    Ok(Seen::Partial(what)) => {
                        why = format!("{why}; {what}");
                        StepState::Remains(why.clone())
                    }
                    // Another one has undone it, or the error came late.
                    Ok(Seen::Before) => StepState::Undone,
                    Ok(Seen::After) => StepState::Remains(why.clone()),
                };
                let is_undone = state == StepState::Undone;
                self.set(step, state);
                match is_undone {
                    true => self.write([Event::UndoDone { step, applied: Applied::AlreadyDone }]),
                    false => self.write([Event::UndoFailed { step, why }]),
                }
            }
        }
    }

    /// Takes away what the steps made for themselves. That it stays harms nothing, and is told.
    pub(super) async fn tidy(&mut self) {
        if let Err(error) = contained("tidying", self.action.tidy(&self.permit, self.cx)).await {
            self.why.push(format!("what it worked with is still there: {error}"));
        }
    }

    /// Takes what the journal says of each step; of one that was begun and not ended, nothing is known yet.
    pub(super) fn take(&mut self, progress: Vec<Progress>) {
        self.states = progress
            .into_iter()
            .map(|progress| match progress {
                Progress::Waiting => StepState::NotBegun,
                Progress::Begun => StepState::Unclear("it was begun, and what came of it is not in the journal".into()),
                Progress::UndoBegun => {
                    StepState::Unclear("it was being undone, and what came of that is not in the journal".into())
                }
                Progress::Done(applied) => StepState::Applied(applied),
                Progress::Failed(why) => StepState::Failed(why),
                Progress::Undone => StepState::Undone,
                Progress::NotUndone(why) => StepState::Remains(why),
            })
            .collect();
    }

    /// Returns the steps that were done, for the look at the goal.
    pub(super) fn done(&self) -> Vec<Value> {
        let is_done =
            |state: &StepState| matches!(state, StepState::Applied(Applied::Changed(_) | Applied::AlreadyDone));
        let steps = self.plan.steps.iter().zip(&self.states);
        steps.filter(|(_, state)| is_done(state)).map(|(planned, _)| planned.step.clone()).collect()
    }

    /// Says what it came to after a failure.
    pub(super) fn after_failure(&self) -> Outcome {
        let any = |is: fn(&StepState) -> bool| self.states.iter().any(is);
        if any(|state| matches!(state, StepState::Unclear(_))) {
            Outcome::Unclear
        } else if any(|state| matches!(state, StepState::Remains(_) | StepState::Applied(Applied::Changed(_)))) {
            Outcome::Leftover
        } else if any(|state| matches!(state, StepState::Undone)) {
            Outcome::Undone
        } else {
            Outcome::Failed
        }
    }

    /// Tells whether it cannot be told what came of a step. Then nothing is undone: it may rest on what would be.
    pub(super) fn is_unclear(&self) -> bool {
        self.states.iter().any(|state| matches!(state, StepState::Unclear(_)))
    }

    /// Tells whether the run cannot be closed: something cannot be told, or has to be done to the end.
    pub(super) fn stays_open(&self) -> bool {
        self.is_past_return() || self.is_unclear()
    }

    /// Says what it came to if nothing failed: done, or done but for what a rule left alone.
    pub(super) fn without_failure(&self) -> Outcome {
        let skips =
            |state: &StepState| matches!(state, StepState::Applied(Applied::Skipped(_)) | StepState::NotAsConfirmed(_));
        if self.states.iter().any(skips) { Outcome::Skips } else { Outcome::Done }
    }

    /// Notes the steps that were confirmed and are not among those to be done, whose numbers are in order.
    pub(super) fn leave_all_but(&mut self, chosen: &[usize]) {
        for step in 0..self.states.len() {
            if chosen.binary_search(&step).is_err() && self.states.get(step) == Some(&StepState::NotBegun) {
                self.set(step, StepState::NotAsConfirmed("has changed or is gone since it was confirmed".to_owned()));
            }
        }
    }

    /// Returns a report line for every step.
    pub(super) fn steps(&self) -> Vec<StepReport> {
        let steps = self.plan.steps.iter().zip(&self.states);
        let report = |(planned, state): (&Planned<Value>, &StepState)| StepReport {
            target: planned.target.clone(),
            what: planned.what.clone(),
            bytes: planned.bytes,
            state: state.clone(),
        };
        steps.map(report).collect()
    }

    /// Ends the journal. What it came to is known by then; that it cannot be written is one more line.
    pub(super) fn end(&mut self, outcome: Outcome, recovered: bool) -> bool {
        match self.write([Event::End { outcome, recovered }]) {
            Ok(()) => true,
            Err(error) => {
                self.why.push(format!("the end could not be written to the journal: {error}"));
                false
            }
        }
    }
}
