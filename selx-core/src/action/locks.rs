//! The locks of a run: first those of the machine, in one order for everybody, then those that the action brings.

use std::sync::Arc;

use serde_json::Value;

use super::Permit;
use super::ground::{Ground, Holder, Lock, Tried};
use super::life::Refusal;
use super::mend::contained;
use super::outcome::Outcome;
use super::plan::{Plan, Risk};
use super::report::ActionReport;
use super::typed::DynAction;
use crate::check::Moment;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::quantity::TimeSpan;

/// The locks that a run holds.
pub(super) struct Locks(Vec<Box<dyn Lock>>);

impl Locks {
    /// Takes the locks; all or none, and without waiting.
    pub(super) async fn take(
        action: &dyn DynAction,
        ground: &dyn Ground,
        name: &str,
        run: &str,
        resources: &[String],
        cx: &Context,
    ) -> Result<Self, Refusal> {
        let failed = |error| Box::new(ActionReport::failed(name, &error));
        let now = Moment::of(cx.clock());
        let ours = Holder { run: run.to_owned(), action: name.to_owned(), pid: std::process::id(), since: now };
        let mut locks = Vec::new();
        for resource in resources {
            match ground.lock(resource, &ours).map_err(failed)? {
                Tried::Ours(lock) => locks.push(lock),
                Tried::Taken(holder) => return Err(taken(name, resource, holder, now)),
            }
        }
        for (resource, tried) in contained("taking a lock", action.lock(cx)).await.map_err(failed)? {
            match tried {
                Tried::Ours(lock) => locks.push(lock),
                Tried::Taken(holder) => return Err(taken(name, &resource, holder, now)),
            }
        }
        Ok(Self(locks))
    }

    /// Tells whether all of them are still ours.
    pub(super) fn check(&self) -> Result<()> {
        self.0.iter().try_for_each(|lock| lock.check())
    }

    /// Makes the permission to apply a plan under these locks. What it hands over to children are descriptors of its own.
    ///
    /// # Errors
    ///
    /// `Local`, if there are no descriptors left.
    pub(super) fn permit(&self, plan: &Plan<Value>) -> Result<Permit> {
        let copies = self.0.iter().filter_map(|lock| Some(lock.descriptor()?.try_clone_to_owned().map(Arc::new)));
        let locks = copies.collect::<std::io::Result<_>>().map_err(|error| {
            Error::new(ErrorKind::Local, "a lock could not be made ready for children").source_error(error)
        })?;
        Ok(Permit { risk: plan.risk().unwrap_or(Risk::Safe), locks })
    }
}

fn taken(name: &str, resource: &str, holder: Option<Holder>, now: Moment) -> Refusal {
    let who = holder.map_or("another process".to_owned(), |holder| {
        let since = holder.age(now).map_or(String::new(), |age| {
            format!(" for {}", TimeSpan::from(std::time::Duration::from_secs(age.as_secs())))
        });
        format!("`{}` (run {}, process {}){since}", holder.action, holder.run, holder.pid)
    });
    let report = ActionReport::nothing(name, Outcome::Locked, [format!("`{resource}` is held by {who}")]);
    Box::new(report.advice("wait for its end; what holds a lock that should not is a process"))
}

/// One order for everybody, so that two actions never wait for each other. What lies below another one of them has its lock.
pub(super) fn in_order(mut resources: Vec<String>) -> Vec<String> {
    resources.sort();
    resources.dedup();
    let all = resources.clone();
    resources.retain(|one| !all.iter().any(|other| other != one && is_below(one, other)));
    resources
}

/// Tells whether whoever changes one of these may change what is in the other: they are the same, or one is a folder and
/// the other lies in it.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    one == other || is_below(one, other) || is_below(other, one)
}

/// Tells whether a folder (`files:/var/log/shop`) lies in another one (`files:/var/log`).
fn is_below(one: &str, other: &str) -> bool {
    let folder = |resource: &str| Some(std::path::PathBuf::from(resource.strip_prefix("files:")?));
    match (folder(one), folder(other)) {
        (Some(one), Some(other)) => one != other && one.starts_with(other),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_lie_in_each_other_are_one() {
        for (one, other, expected) in [
            ("files:/var/log", "files:/var/log", true),
            ("files:/var/log", "files:/var/log/shop", true),
            ("files:/var/log/shop/", "files:/var/log", true),
            ("files:/var/log", "files:/var/logs", false),
            ("files:/var/log", "docker:/var/log/shop", false),
            ("docker:/a", "docker:/a/b", false),
        ] {
            assert_eq!((overlap(one, other), overlap(other, one)), (expected, expected), "{one} {other}");
        }
        let given = ["x", "files:/b/c/d", "files:/b", "files:/bc", "x"].map(str::to_owned).to_vec();
        assert_eq!(in_order(given), ["files:/b", "files:/bc", "x"]);
    }
}
