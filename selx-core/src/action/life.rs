//! The life of an action, from a plan that somebody confirmed to a report.

use std::hash::{BuildHasher as _, Hasher as _};
use std::path::PathBuf;
use std::time::Instant;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::Space;
use super::ground::{Ground, Open};
use super::journal::{Begin, Event, Journal};
use super::locks::{Locks, in_order, overlap};
use super::mend::{Running, contained};
use super::outcome::Outcome;
use super::permission::Permission;
use super::plan::Plan;
use super::report::{ActionReport, SpaceChange, StepState};
use super::saved::{FORMAT, SavedPlan};
use super::typed::DynAction;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::finding::Severity;

/// How much room the journal gets before the first change, besides what the plan takes.
const ROOM: u64 = 1 << 20;

/// What is to be applied, and who allows it.
pub struct Request<'a> {
    /// The action.
    pub action: &'a dyn DynAction,
    /// Its name, as `kind.name`.
    pub name: &'a str,
    /// The settings with which it was made.
    pub with: &'a Value,
    /// The plan that was confirmed.
    pub plan: &'a SavedPlan,
    /// Who confirmed it.
    pub permission: &'a Permission,
    /// The zone in which a window is meant.
    pub zone: &'a TimeZone,
}

/// Applies a plan: under its locks, as far as the world is still as planned, with a journal.
///
/// # Cancellation safety
///
/// It may not be dropped. To end it, cancel the token of the context: the step at hand is ended or undone, no further one
/// is begun, and the report says what was done.
pub async fn apply(request: &Request<'_>, ground: &dyn Ground, cx: &Context) -> ActionReport {
    let began = Instant::now();
    let mut report = match attempt(request, ground, cx).await {
        Ok(report) => report,
        Err(report) => *report,
    };
    report.took = began.elapsed();
    report
}

/// Returns what would keep an action from beginning now, whatever its plan: that all are stopped, or an earlier run on the
/// same resources that is not over. Who shows a plan says it beside it.
pub fn hindrance(action: &dyn DynAction, name: &str, ground: &dyn Ground) -> Option<ActionReport> {
    gate(ground, name, &in_order(action.resources()), false).err().map(|refusal| *refusal)
}

/// A report in place of an error: nothing was changed.
pub(super) type Refusal = Box<ActionReport>;

async fn attempt(request: &Request<'_>, ground: &dyn Ground, cx: &Context) -> Result<ActionReport, Refusal> {
    let name = &request.plan.action;
    let resources = in_order(request.action.resources());
    gate(ground, name, &resources, false)?;
    if let Err(unfit) = request.plan.fits(request.name, request.with, &ground.machine(), cx.clock()) {
        let report = ActionReport::nothing(request.name, Outcome::Stale, [unfit.to_string()]);
        return Err(Box::new(report.advice("make the plan anew, and confirm that")));
    }
    let hash = request.plan.hash();
    let now = cx.clock().now();
    if let Err(reasons) = request.permission.allows(&request.plan.plan, &hash, now, request.zone) {
        let report = ActionReport::nothing(name, Outcome::Unconfirmed, reasons);
        return Err(Box::new(match request.permission {
            Permission::Policy(_) => report.advice("look at the plan and confirm it, or let `permit` allow more"),
            _ => report.advice("look at the plan as it is now, and confirm that"),
        }));
    }
    refusals(name, &request.plan.plan)?;
    let run = new_run(cx);
    let locks = Locks::take(request.action, ground, name, &run, &resources, cx).await?;
    // Whoever had the lock before us may have died with it.
    gate(ground, name, &resources, true)?;

    let fresh = contained("planning", request.action.plan(cx)).await;
    let fresh = fresh.map_err(|error| Box::new(ActionReport::failed(name, &error)))?.without(cx.secrets());
    refusals(name, &fresh)?;
    let compared = request.plan.plan.compare(&fresh);
    let confirmed = request.plan.plan.steps.len();
    let differs = !compared.changed.is_empty() || !compared.gone.is_empty();
    let is_stale = match request.plan.plan.whole || fresh.whole {
        true => !request.plan.plan.is_same(&fresh),
        false => differs && compared.same.is_empty(),
    };
    if is_stale {
        let why = format!(
            "of {confirmed} confirmed steps {} are as they were, {} have changed, {} are gone; {} are new",
            compared.same.len(),
            compared.changed.len(),
            compared.gone.len(),
            compared.new
        );
        let report = ActionReport::nothing(name, Outcome::Stale, [why]);
        return Err(Box::new(report.advice("look at the plan as it is now, and confirm that")));
    }
    // What is risky, or frees how much, is as the plan of now says.
    let again = request.permission.allows(&fresh, &hash, cx.clock().now(), request.zone);
    if let (Permission::Policy(_), Err(reasons)) = (request.permission, again) {
        return Err(Box::new(ActionReport::nothing(name, Outcome::Unconfirmed, reasons)));
    }
    if compared.same.is_empty() {
        let mut report = ActionReport::nothing(name, Outcome::Done, []);
        report.waiting = compared.new;
        return Ok(report);
    }
    let before = space(ground, request.action.places(cx).await);
    let plan = SavedPlan { plan: request.plan.plan.as_said_by(&fresh), ..request.plan.clone() };
    let begin = Begin {
        format: FORMAT,
        run: run.clone(),
        pid: std::process::id(),
        user: rustix::process::geteuid().as_raw(),
        confirmed: request.permission.by(),
        resources,
        plan: plan.clone(),
        steps: compared.same.clone(),
    };
    let mut running = begin_run(request, &plan.plan, ground, begin, &locks, cx)?;
    running.leave_all_but(&compared.same);
    let failed = steps(request, ground, &locks, &mut running, &compared.same).await;
    let mut report = ActionReport::nothing(name, Outcome::Done, []);
    let (mut stays_open, mut lost) = (false, false);
    match failed {
        Ok(()) => report.outcome = running.without_failure(),
        Err(error) => {
            running.why.push(error.to_string());
            report.advice = error.advice_text().map(str::to_owned);
            // Who has lost a lock, or does not know what is there, takes nothing back.
            lost = locks.check().is_err();
            if !running.is_past_return()
                && !running.is_unclear()
                && !lost
                && let Err(error) = running.undo().await
            {
                running.why.push(format!("nothing more is undone: {error}"));
            }
            report.outcome = running.after_failure();
            stays_open = running.stays_open() || lost && report.outcome != Outcome::Failed;
        }
    }
    if !lost {
        running.tidy().await;
    }
    report.findings = verify(&mut running, &mut report.outcome).await;
    if stays_open {
        running.why.push(format!("the run is not over: `selx recover {run}` finds out how far it is and finishes it"));
    } else if running.end(report.outcome, false) {
        ground.close(&run);
    }
    report.run = Some(run);
    report.steps = running.steps();
    report.why = running.why;
    report.waiting = compared.new;
    report.space = before
        .into_iter()
        .filter_map(|(place, before)| Some(SpaceChange { after: ground.space(&place)?, place, before }))
        .collect();
    drop(locks);
    Ok(report)
}

fn begin_run<'a>(
    request: &'a Request<'_>,
    plan: &'a Plan<Value>,
    ground: &dyn Ground,
    begin: Begin,
    locks: &Locks,
    cx: &'a Context,
) -> Result<Running<'a>, Refusal> {
    let name = &request.plan.action;
    let fail = |error: &Error| Box::new(ActionReport::failed(name, error));
    let size = serde_json::to_vec(&begin).map_or(0, |text| text.len() as u64);
    // Every step has an intent and an end, and may be undone.
    let steps = begin.steps.len() as u64 * 1024;
    let permit = locks.permit(plan).map_err(|error| fail(&error))?;
    let ledger = ground.journal(&begin.run, ROOM + size + steps).map_err(|error| fail(&error))?;
    let mut running = Running {
        action: request.action,
        permit,
        cx,
        journal: Journal::begin(ledger),
        plan,
        states: vec![StepState::NotBegun; plan.steps.len()],
        why: Vec::new(),
    };
    running.write([Event::Begin(Box::new(begin))]).map_err(|error| fail(&error))?;
    Ok(running)
}

/// Does the steps, as long as nothing speaks against the next one.
async fn steps(
    request: &Request<'_>,
    ground: &dyn Ground,
    locks: &Locks,
    running: &mut Running<'_>,
    steps: &[usize],
) -> Result<()> {
    let cx = running.cx;
    let may = || {
        if cx.cancel().is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the run was stopped"));
        }
        if cx.remaining().is_zero() {
            let limit = crate::quantity::TimeSpan::from(cx.limit());
            return Err(Error::new(ErrorKind::TimedOut, format!("the time of the action, {limit}, is up")));
        }
        if let Some(why) = request.permission.is_closed(cx.clock().now(), request.zone) {
            return Err(Error::new(ErrorKind::TimedOut, why));
        }
        if let Some(stopped) = ground.stopped()? {
            return Err(Error::new(ErrorKind::Cancelled, format!("{} stopped all actions", stopped.by)));
        }
        // A process that slept for an hour, or lost a connection, has no lock any more.
        locks.check()
    };
    for batch in steps.chunks(request.action.batch().max(1)) {
        running.apply(batch, &may).await?;
    }
    Ok(())
}

/// Looks at the goal. What it finds can only make the outcome worse.
pub(super) async fn verify(running: &mut Running<'_>, outcome: &mut Outcome) -> Vec<crate::Finding> {
    let done = running.done();
    if done.is_empty() {
        return Vec::new();
    }
    match contained("looking at the goal", running.action.verify(&done, running.cx)).await {
        Ok(findings) => {
            match findings.iter().map(|finding| finding.severity).max() {
                Some(Severity::Critical) => *outcome = outcome.worse(Outcome::Leftover),
                Some(Severity::Unknown) => *outcome = outcome.worse(Outcome::Unclear),
                _ => {}
            }
            findings
        }
        Err(error) => {
            running.why.push(format!("whether the goal is reached could not be seen: {error}"));
            *outcome = outcome.worse(Outcome::Unclear);
            Vec::new()
        }
    }
}

/// Refuses where all actions are stopped, or an earlier run on the same resource is not over. One that is at work is told by
/// its lock; only where that was had all the same, its journal counts (`locked`).
fn gate(ground: &dyn Ground, name: &str, resources: &[String], locked: bool) -> Result<(), Refusal> {
    let failed = |error: Error| Box::new(ActionReport::failed(name, &error));
    if let Some(stopped) = ground.stopped().map_err(failed)? {
        let reason = if stopped.reason.is_empty() { String::new() } else { format!(": {}", stopped.reason) };
        let why = format!("{} stopped all actions of this machine at {}{reason}", stopped.by, stopped.at);
        let report = ActionReport::nothing(name, Outcome::Refused, [why]);
        return Err(Box::new(report.advice("`selx start` allows them again")));
    }
    for open in ground.open().map_err(failed)?.into_iter().filter(|open| locked || !open.alive) {
        let Some(why) = concerns(&open, resources) else { continue };
        if open.alive {
            let report = ActionReport::nothing(name, Outcome::Locked, [why]);
            return Err(Box::new(report.advice("wait for its end")));
        }
        let report = ActionReport::nothing(name, Outcome::Unfinished, [why]);
        return Err(Box::new(report.advice(match &open.read {
            Ok(_) => format!("`selx recover {}` finds out how far it is", open.run),
            // It may have been about anything: nobody begins anything until a person has looked.
            Err(_) => {
                let file = open.path.display();
                format!(
                    "no action begins before somebody has looked at `{file}` and at what it names, and moved it away"
                )
            }
        })));
    }
    Ok(())
}

/// Tells why a run that is not over keeps an action on these resources from beginning.
fn concerns(open: &Open, resources: &[String]) -> Option<String> {
    let read = match &open.read {
        Ok(read) => read,
        Err(damaged) => return Some(format!("the journal of the run {} is not whole: {damaged}", open.run)),
    };
    // Without a beginning nothing was changed.
    let begin = read.begin()?;
    let same = begin.resources.iter().any(|one| resources.iter().any(|other| overlap(one, other)));
    let how = if open.alive { "is at work" } else { "did not come to its end" };
    same.then(|| format!("the run {} of `{}` {how}", open.run, begin.plan.action))
}

fn refusals(name: &str, plan: &Plan<Value>) -> Result<(), Refusal> {
    if plan.refused.is_empty() {
        return Ok(());
    }
    let why = plan.refused.iter().map(|refused| refused.why.clone());
    let report = ActionReport::nothing(name, Outcome::Refused, why);
    let advice: Vec<&str> = plan.refused.iter().map(|refused| refused.advice.as_str()).collect();
    Err(Box::new(report.advice(advice.join("; "))))
}

fn space(ground: &dyn Ground, places: Vec<PathBuf>) -> Vec<(PathBuf, Space)> {
    places.into_iter().filter_map(|place| Some((place.clone(), ground.space(&place)?))).collect()
}

/// Names a run: its time, and digits that no other has.
fn new_run(cx: &Context) -> String {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write_u128(cx.clock().since_boot().as_nanos());
    let digits = hasher.finish() as u32;
    format!("{}-{digits:08x}", cx.clock().now().strftime("%Y%m%dT%H%M%SZ"))
}
