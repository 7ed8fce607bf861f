//! A life of an action in a world that may be changed.

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::action::{
    Action, ActionReport, Applied, DynAction, Ground, Outcome, Permission, Plan, Request, SavedPlan, Seen, StepState,
    TypedAction, apply,
};
use crate::context::Context;

/// Takes an action through a life and returns what it breaks, one sentence each: nothing, if all is well.
///
/// `with` are settings for which the world has something to do; it is done. What an action promises everywhere:
///
/// - a plan that is made twice is the same, in the same order, and survives being saved;
/// - the world says of a step that was planned only that it has not happened;
/// - without the right confirmation nothing happens;
/// - of a step that was done, the world says so;
/// - what was done is not planned again, and the same plan a second time changes nothing.
pub async fn life<A: Action>(with: &Value, ground: &dyn Ground, cx: &Context) -> Vec<String> {
    match serde_json::from_value::<A::Config>(with.clone()) {
        Ok(config) => life_of(&TypedAction::new(A::new(config)), with, ground, cx).await,
        Err(error) => vec![format!("the settings are not those of `{}`: {error}", A::META.id)],
    }
}

/// Takes an action that a registry has made through the same [`life()`]. `with` are the settings of which it was made.
pub async fn life_of(action: &dyn DynAction, with: &Value, ground: &dyn Ground, cx: &Context) -> Vec<String> {
    let life = Life { action, with, ground, cx, name: format!("{}.life", action.meta().id) };
    let mut found = Vec::new();
    if let Err(error) = life.live(&mut found).await {
        found.push(error);
    }
    found
}

struct Life<'a> {
    action: &'a dyn DynAction,
    with: &'a Value,
    ground: &'a dyn Ground,
    cx: &'a Context,
    name: String,
}

impl Life<'_> {
    async fn live(&self, found: &mut Vec<String>) -> Result<(), String> {
        let plan = self.plan().await?;
        if plan.plan.steps.is_empty() || !plan.plan.refused.is_empty() {
            return Err(format!("the world has nothing to do for it: {:?}", plan.plan.refused));
        }
        if self.plan().await?.hash() != plan.hash() {
            found.push("a plan that is made twice is not the same".to_owned());
        }
        let text = serde_json::to_string(&plan).map_err(|error| format!("the plan cannot be saved: {error}"))?;
        let read: SavedPlan =
            serde_json::from_str(&text).map_err(|error| format!("the plan cannot be read: {error}"))?;
        if read != plan {
            found.push("a plan that was saved is not the same".to_owned());
        }
        for seen in self.seen(&plan.plan).await? {
            if seen != Seen::Before {
                found.push(format!("of a step that was only planned the world says {seen:?}"));
            }
        }

        let wrong = "0000000000000000".parse().map(Permission::Typed);
        let refused = self.apply(&plan, &wrong?).await;
        if refused.outcome.changed() != Some(false) || refused.outcome == Outcome::Done {
            found.push(format!("a wrong hash led to `{}`", refused.outcome.as_str()));
        }
        if self.plan().await?.hash() != plan.hash() {
            found.push("something changed without a confirmation".to_owned());
        }

        let right = Permission::Typed(plan.hash().full().parse()?);
        let report = self.apply(&plan, &right).await;
        if !matches!(report.outcome, Outcome::Done | Outcome::Skips) {
            return Err(format!("it came to `{}`: {:?} {:?}", report.outcome.as_str(), report.why, report.steps));
        }
        for (step, seen) in report.steps.iter().zip(self.seen(&plan.plan).await?) {
            if matches!(step.state, StepState::Applied(Applied::Changed(_))) && seen != Seen::After {
                found.push(format!("{} was done, and the world says {seen:?}", step.target));
            }
        }

        let again = self.plan().await?;
        let left = plan.plan.compare(&again.plan).same;
        let done = report.steps.iter().enumerate();
        let done = done.filter(|(_, step)| matches!(step.state, StepState::Applied(Applied::Changed(_))));
        for (index, step) in done {
            if left.contains(&index) {
                found.push(format!("{} was done, and is planned again", step.target));
            }
        }
        let twice = self.apply(&plan, &right).await;
        if twice.count(|state| matches!(state, StepState::Applied(Applied::Changed(_)))) > 0 {
            found.push("the same plan changed something a second time".to_owned());
        }
        Ok(())
    }

    async fn plan(&self) -> Result<SavedPlan, String> {
        let plan = self.action.plan(self.cx).await.map_err(|error| format!("it cannot be planned: {error}"))?;
        let plan = plan.without(self.cx.secrets());
        Ok(SavedPlan::new(self.name.clone(), self.with.clone(), self.ground.machine(), self.cx.clock(), plan))
    }

    async fn seen(&self, plan: &Plan<Value>) -> Result<Vec<Seen>, String> {
        let mut all = Vec::new();
        for planned in &plan.steps {
            let seen = self.action.probe(&planned.step, self.cx).await;
            all.push(seen.map_err(|error| format!("a step cannot be looked at: {error}"))?);
        }
        Ok(all)
    }

    async fn apply(&self, plan: &SavedPlan, permission: &Permission) -> ActionReport {
        let (name, with, zone) = (self.name.as_str(), self.with, &TimeZone::UTC);
        apply(&Request { action: self.action, name, with, plan, permission, zone }, self.ground, self.cx).await
    }
}
