//! One step: the thing is looked at by its id once more, and removed if it is still as it was.

use selx_core::action::{Applied, Permit, Seen};
use selx_core::{ByteSize, Context, Result};

use super::Step;
use super::answers::{Listed, Volume, named};
use super::containers::{is_stopped, restarts};
use super::images::inspect;
use super::inventory::{ONE_CAP, container, network, path, records};
use crate::docker::{Engine, Removal, Told};

/// How much of a list is read that is to be empty.
const FEW: usize = 64 << 20;

/// What a look at the thing of a step comes to.
enum Now {
    /// It is as it was planned.
    Same,
    /// It is not there.
    Gone,
    /// It is there and different; in which way.
    Changed(String),
}

/// Looks at the thing of a step.
async fn look(step: &Step, engine: &Engine, cx: &Context) -> Result<Now> {
    let changed = |what: &str| Ok(Now::Changed(what.to_owned()));
    match step {
        Step::Container { id, state, finished } => {
            let Some(now) = container(engine, id, cx).await? else { return Ok(Now::Gone) };
            if now.id != *id || !is_stopped(&now.state) || now.state.status != *state {
                return changed(&format!("it is {} now", super::look::shown(&now.state.status)));
            }
            if now.state.finished_at != *finished {
                return changed("it has run since");
            }
            match restarts(&now) {
                Some(policy) => changed(&format!("its restart policy is {} now", super::look::shown(policy))),
                None => Ok(Now::Same),
            }
        }
        Step::Image { id, names, digests } => {
            let Some(now) = inspect(engine, id, cx).await? else { return Ok(Now::Gone) };
            if now.id != *id || named(&now.repo_tags) != *names || named(&now.repo_digests) != *digests {
                return changed("it has other names now");
            }
            Ok(Now::Same)
        }
        Step::Network { id, name, created } => {
            let Some(now) = network(engine, id, cx).await? else { return Ok(Now::Gone) };
            if now.id != *id || now.name != *name || now.created != *created {
                return changed("it is another network now");
            }
            if !now.containers.is_empty() {
                return changed("something is connected to it now");
            }
            // Who has stopped, or was not started yet, is not among the connected.
            match users(engine, "network", id, cx).await? {
                0 => Ok(Now::Same),
                _ => changed("a container belongs to it now"),
            }
        }
        Step::Cache { id, used, uses } => {
            let records = records(engine, cx).await?;
            let Some(now) = records.iter().find(|record| record.id == *id) else { return Ok(Now::Gone) };
            if now.in_use || now.shared || now.last_used != *used || now.uses != *uses {
                return changed("a build has used it since");
            }
            match records.iter().any(|other| other.id != *id && other.id.contains(id.as_str())) {
                true => changed("the engine cannot tell it from another record"),
                false => Ok(Now::Same),
            }
        }
        Step::Volume { name, created, driver, place } => {
            let asked: Option<Volume> = engine.read(&format!("/volumes/{}", path(name)?), ONE_CAP, cx).await?;
            let Some(now) = asked else { return Ok(Now::Gone) };
            if now.name != *name || now.created_at != *created || now.driver != *driver || now.mountpoint != *place {
                return changed("it is another volume now");
            }
            match users(engine, "volume", name, cx).await? {
                0 => Ok(Now::Same),
                _ => changed("a container refers to it now"),
            }
        }
    }
}

/// Counts the containers, running or not, that belong to a network or refer to a volume.
async fn users(engine: &Engine, filter: &str, id: &str, cx: &Context) -> Result<usize> {
    let asked = format!("/containers/json?all=true&filters=%7B%22{filter}%22%3A%5B%22{}%22%5D%7D", path(id)?);
    let listed: Option<Vec<Listed>> = engine.read(&asked, FEW, cx).await?;
    Ok(listed.unwrap_or_default().len())
}

/// Removes the thing of a step.
pub(super) async fn apply(step: &Step, engine: &Engine, permit: &Permit, cx: &Context) -> Result<Applied> {
    match look(step, engine, cx).await? {
        Now::Same => {}
        Now::Gone => return Ok(Applied::AlreadyDone),
        Now::Changed(how) => return Ok(Applied::Skipped(how)),
    }
    let removal = match step {
        Step::Container { id, .. } => Removal::Container(path(id)?),
        Step::Image { id, .. } => Removal::Image(path(id)?),
        Step::Network { id, .. } => Removal::Network(path(id)?),
        Step::Cache { id, .. } => Removal::Cache(path(id)?),
        Step::Volume { name, .. } => Removal::Volume(path(name)?),
    };
    let answer = match engine.remove(removal, permit, cx).await? {
        Told::Removed(answer) => answer,
        Told::Absent => return Ok(Applied::AlreadyDone),
        Told::Conflict(why) => return Ok(Applied::Skipped(format!("the engine says no: {why}"))),
    };
    if let Step::Cache { id, .. } = step {
        let removed: Vec<&str> = answer
            .get("CachesDeleted")
            .and_then(|ids| ids.as_array())
            .into_iter()
            .flatten()
            .filter_map(|id| id.as_str())
            .collect();
        let others = removed.iter().filter(|other| **other != id.as_str()).count();
        let bytes = answer.get("SpaceReclaimed").and_then(|bytes| bytes.as_u64()).unwrap_or(0);
        return Ok(match (removed.contains(&id.as_str()), others) {
            (true, 0) => Applied::Changed(format!("removed, {} free", ByteSize(bytes))),
            (_, 0) => Applied::Skipped("the engine did not remove it: something is still built on it".to_owned()),
            (_, others) => Applied::Changed(format!("removed, and the engine removed {others} other records with it")),
        });
    }
    Ok(Applied::Changed("removed".to_owned()))
}

/// Tells how far a step is.
pub(super) async fn probe(step: &Step, engine: &Engine, cx: &Context) -> Result<Seen> {
    Ok(match look(step, engine, cx).await? {
        Now::Gone => Seen::After,
        // What is there was not removed, whatever else happened to it.
        Now::Same | Now::Changed(_) => Seen::Before,
    })
}
