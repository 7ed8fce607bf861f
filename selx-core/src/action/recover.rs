//! What to do about a run that did not come to its end: ask the world how far it is, then finish it or take it back.

use std::time::Instant;

use super::ground::{Ground, Open};
use super::journal::{Begin, Journal, Progress};
use super::life::{Refusal, verify};
use super::locks::{Locks, in_order};
use super::mend::Running;
use super::outcome::Outcome;
use super::plan::Applied;
use super::report::{ActionReport, StepState};
use super::typed::DynAction;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::registry::Registry;

/// Why a step is looked at.
const DIED: &str = "its process ended before it was done";

/// Brings a run that is not over to an end.
///
/// Every step of which the journal says that it was begun and not what came of it is looked at in the world. Then a run
/// whose steps are parts of one thing is undone, unless a step was begun that cannot be: then what is left is done too. A
/// run of steps that stand each for itself stays as far as it came, but for a step that was done in part. What cannot be
/// found out is told, and the run stays open: a person who has looked closes it with [`Open`] and `as_it_is`.
///
/// `action` is the one of the journal, made with the settings that stand there.
///
/// # Cancellation safety
///
/// It may not be dropped, as [`apply`](super::apply) may not.
pub async fn recover(
    open: &Open,
    action: &dyn DynAction,
    as_it_is: bool,
    ground: &dyn Ground,
    cx: &Context,
) -> ActionReport {
    let began = Instant::now();
    let mut report = match begun(open, ground) {
        Ok(begin) => match attempt(open, begin, action, as_it_is, ground, cx).await {
            Ok(report) => report,
            Err(report) => *report,
        },
        Err(report) => *report,
    };
    report.run = Some(open.run.clone());
    report.took = began.elapsed();
    report
}

/// Does the same with the action that the journal names, made by a registry of the settings that stand there: the file
/// may say something else by now, or be gone.
///
/// # Cancellation safety
///
/// As [`recover`].
pub async fn recover_by(
    registry: &Registry,
    open: &Open,
    as_it_is: bool,
    ground: &dyn Ground,
    cx: &Context,
) -> ActionReport {
    let made = begun(open, ground).and_then(|begin| {
        let name = &begin.plan.action;
        let kind = name.split('.').next().unwrap_or_default();
        let Some(factory) = registry.get_action(kind) else {
            let why = format!("this program knows no action `{kind}`");
            return Err(unfinished(name, why, "recover it with the program that began it"));
        };
        factory.build_json(&begin.plan.with).map_err(|error| {
            let why = format!("its settings are none of `{kind}` in this version: {error}");
            unfinished(name, why, "recover it with the version that began it; the journal names it")
        })
    });
    match made {
        Ok(action) => recover(open, &*action, as_it_is, ground, cx).await,
        Err(report) => ActionReport { run: Some(open.run.clone()), ..*report },
    }
}

fn unfinished(name: &str, why: String, advice: impl Into<String>) -> Refusal {
    Box::new(ActionReport::nothing(name, Outcome::Unfinished, [why]).advice(advice))
}

/// Finds the beginning of a run, or reports why there is nothing to recover.
fn begun<'a>(open: &'a Open, ground: &dyn Ground) -> Result<&'a Begin, Refusal> {
    let read = open.read.as_ref().map_err(|damaged| {
        let file = open.path.display();
        let advice = format!("nothing is guessed: look at `{file}` and at what it names, then move the file away");
        unfinished("?", format!("its journal is not whole: {damaged}"), advice)
    })?;
    let Some(begin) = read.begin() else {
        // Its process may be about to write its beginning: only who holds the journal puts it away.
        let held = ground.reopen(open).map_err(|error| Box::new(ActionReport::failed("?", &error)))?;
        ground.close(&open.run);
        drop(held);
        let why = "it ended before anything was begun".to_owned();
        return Err(Box::new(ActionReport::nothing("?", Outcome::Done, [why])));
    };
    let name = &begin.plan.action;
    if let Some(outcome) = read.end() {
        ground.close(&open.run);
        return Err(Box::new(ActionReport::nothing(name, outcome, ["it had come to its end".to_owned()])));
    }
    Ok(begin)
}

async fn attempt(
    open: &Open,
    begin: &Begin,
    action: &dyn DynAction,
    as_it_is: bool,
    ground: &dyn Ground,
    cx: &Context,
) -> Result<ActionReport, Refusal> {
    let name = &begin.plan.action;
    let failed = |error: Error| Box::new(ActionReport::failed(name, &error));
    if !begin.plan.machine.is(&ground.machine()) {
        let why = format!("it is a run of the machine {}", begin.plan.machine.name);
        let advice = "recover it there; a copy of its journal says nothing about this machine".to_owned();
        return Err(Box::new(ActionReport::nothing(name, Outcome::Refused, [why]).advice(advice)));
    }
    if let Some(stopped) = ground.stopped().map_err(failed)? {
        let why = format!("{} stopped all actions of this machine", stopped.by);
        let report = ActionReport::nothing(name, Outcome::Refused, [why]);
        return Err(Box::new(report.advice("`selx start` allows them again")));
    }
    let resources = in_order(begin.resources.clone());
    let locks = Locks::take(action, ground, name, &open.run, &resources, cx).await?;
    // It may have gone on, or come to its end, until we had its locks: what counts is what it says now.
    let now = ground.open().map_err(failed)?.into_iter().find(|now| now.run == open.run);
    let Some(now) = now else {
        return Ok(ActionReport::nothing(name, Outcome::Done, ["it has come to its end meanwhile".to_owned()]));
    };
    let read = now.read.as_ref().map_err(|damaged| {
        let advice = format!("nothing is guessed: look at `{}` and at what it names", now.path.display());
        unfinished(name, format!("its journal is not whole: {damaged}"), advice)
    })?;
    let ledger = ground.reopen(&now).map_err(failed)?;
    let mut running = Running {
        action,
        permit: locks.permit(&begin.plan.plan).map_err(failed)?,
        cx,
        journal: Journal::go_on(ledger, read),
        plan: &begin.plan.plan,
        states: Vec::new(),
        why: Vec::new(),
    };
    running.take(read.progress());
    running.leave_all_but(&begin.steps);
    let may = || {
        if cx.cancel().is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the run was stopped"));
        }
        if ground.stopped()?.is_some() {
            return Err(Error::new(ErrorKind::Cancelled, "all actions of this machine were stopped"));
        }
        locks.check()
    };
    let mut report = ActionReport::nothing(name, Outcome::Unclear, []);
    let mended = mend(&mut running, &read.progress(), &begin.steps, as_it_is, &may).await;
    report.outcome = match &mended {
        Ok(outcome) => *outcome,
        Err(error) => {
            running.why.push(error.to_string());
            running.after_failure()
        }
    };
    if !as_it_is && may().is_ok() {
        running.tidy().await;
    }
    report.findings = verify(&mut running, &mut report.outcome).await;
    let remains = running.states.iter().any(|state| matches!(state, StepState::Remains(_)));
    let is_clear = mended.is_ok() && !remains && !(running.stays_open() && report.outcome != Outcome::Done);
    if is_clear || as_it_is {
        if running.end(report.outcome, true) {
            ground.close(&open.run);
        }
    } else {
        report.advice = Some(format!(
            "look at what is named; once you know how it is, `selx recover {} --as-it-is` closes the run",
            open.run
        ));
    }
    report.steps = running.steps();
    report.why = running.why;
    drop(locks);
    Ok(report)
}

async fn mend(
    running: &mut Running<'_>,
    progress: &[Progress],
    chosen: &[usize],
    as_it_is: bool,
    may: &(dyn Fn() -> Result<()> + Sync),
) -> Result<Outcome> {
    for (step, progress) in progress.iter().enumerate() {
        match progress {
            Progress::Begun => running.look(step, DIED).await?,
            // It may have been taken back, wholly or in part.
            Progress::UndoBegun => {
                running.look(step, DIED).await?;
                if let Some(StepState::Failed(_)) = running.states.get(step) {
                    running.set(step, StepState::Undone);
                }
            }
            _ => {}
        }
    }
    if running.states.iter().any(|state| matches!(state, StepState::Unclear(_))) {
        return Ok(Outcome::Unclear);
    }
    let undoing = progress
        .iter()
        .any(|progress| matches!(progress, Progress::UndoBegun | Progress::Undone | Progress::NotUndone(_)));
    let waits = |state: &StepState| matches!(state, StepState::NotBegun | StepState::Failed(_) | StepState::Remains(_));
    let waiting: Vec<usize> =
        chosen.iter().copied().filter(|step| running.states.get(*step).is_some_and(waits)).collect();
    if waiting.is_empty() && !undoing {
        running.why.push("it was done, and only its end was missing".to_owned());
        return Ok(running.without_failure());
    }
    if as_it_is {
        running.why.push("it was closed as it is".to_owned());
        return Ok(running.after_failure());
    }
    if running.is_past_return() && !undoing {
        for step in waiting {
            let is_part = matches!(running.states.get(step), Some(StepState::Remains(_)));
            if !running.plan.whole && !is_part {
                continue;
            }
            running.apply(&[step], may).await?;
        }
        running.why.push("what was left of it was done: there was no way back".to_owned());
        if running.plan.whole {
            return Ok(running.without_failure());
        }
    }
    may()?;
    running.undo().await?;
    let changed = running.states.iter().any(|state| matches!(state, StepState::Applied(Applied::Changed(_))));
    let outcome = running.after_failure();
    // Steps that stand each for itself: what was done is done, the rest waits for the next plan.
    if outcome == Outcome::Leftover
        && !running.plan.whole
        && changed
        && !running.states.iter().any(|state| matches!(state, StepState::Remains(_)))
    {
        running.why.push("what it had done stays; the rest waits for the next plan".to_owned());
        return Ok(Outcome::Skips);
    }
    if outcome == Outcome::Failed {
        running.why.push("nothing had been changed".to_owned());
    }
    Ok(outcome)
}
