//! Which containers go: those that have stopped long ago, and that nothing is to start again.

use std::collections::HashSet;

use selx_core::ByteSize;
use selx_core::action::{Planned, Risk, Undo};

use super::Step;
use super::answers::{Container, State};
use super::look::{Look, Rule, short, shown};
use crate::compose::labels;
use crate::docker::container::time;

/// The label of what Swarm runs.
const SWARM: &str = "com.docker.swarm.task.id";

/// Chooses.
pub(super) fn choose(look: &mut Look<'_>) -> Vec<Planned<Step>> {
    let inventory = look.inventory;
    let used = used(&inventory.containers);
    let mut steps = Vec::new();
    for container in &inventory.containers {
        let bytes = inventory.written.get(&container.id).copied();
        let age = match stays(look, container, &used) {
            Some(rule) => Err(rule),
            None => {
                let ended = time(&container.state.finished_at);
                // What was never started has no end.
                let made = (container.state.status == "created").then(|| time(&container.created)).flatten();
                look.kept_by_age(&[ended, made], "when it ended is not known")
            }
        };
        look.count(age.as_ref().err());
        let name = format!("container {}", called(container));
        let age = match age {
            Ok(age) => age,
            Err(rule) => {
                look.keep(rule, bytes, || name);
                continue;
            }
        };
        let wrote = bytes.filter(|bytes| *bytes > 0).and_then(|bytes| u64::try_from(bytes).ok());
        let wrote = wrote.map_or_else(String::new, |bytes| format!(", wrote {}", ByteSize(bytes)));
        let since = if container.state.status == "created" { "made and never started, " } else { "stopped " };
        let volumes = container.mounts.iter().filter(|mount| mount.sort == "volume").count();
        steps.push(Planned {
            what: format!("remove the {name} ({}), {since}{age} ago{wrote}", short(&container.id)),
            target: name,
            step: Step::Container {
                id: container.id.clone(),
                state: container.state.status.clone(),
                finished: container.state.finished_at.clone(),
            },
            risk: Risk::Destructive,
            bytes: Some(bytes.unwrap_or(0)),
            seconds: None,
            locks: Vec::new(),
            undo: Undo::Impossible("what it had written, and its log, are gone with it".to_owned()),
            not_simulated: match volumes {
                0 => Vec::new(),
                1 => vec!["the volume that it uses stays".to_owned()],
                count => vec![format!("the {count} volumes that it uses stay")],
            },
        });
    }
    steps
}

/// Returns the names and ids by which containers use others: their networks, their volumes, their processes.
fn used(containers: &[Container]) -> HashSet<&str> {
    let mut used = HashSet::new();
    for container in containers {
        let host = &container.host_config;
        let modes = [&host.network_mode, &host.ipc_mode, &host.pid_mode];
        used.extend(modes.iter().filter_map(|mode| mode.strip_prefix("container:")));
        used.extend(host.volumes_from.iter().filter_map(|from| from.split(':').next()));
    }
    used.remove("");
    used
}

/// Tells whether a container neither runs nor is about to.
pub(super) fn is_stopped(state: &State) -> bool {
    matches!(state.status.as_str(), "exited" | "created") && !state.running && !state.paused && !state.restarting
}

/// Returns when the engine starts it again by itself, if it does.
pub(super) fn restarts(container: &Container) -> Option<&str> {
    let policy = container.host_config.restart_policy.name.as_str();
    (!matches!(policy, "" | "no")).then_some(policy)
}

/// Returns the rule by which a container stays, apart from its age.
fn stays(look: &Look<'_>, container: &Container, used: &HashSet<&str>) -> Option<Rule> {
    let labels = &container.config.labels;
    let name = container.name.trim_start_matches('/');
    if let Some(rule) = look.kept_by_owner(labels, &[name]) {
        return Some(rule);
    }
    if !look.config.containers {
        return Some((3, "a container, and `containers` is false".to_owned()));
    }
    if !is_stopped(&container.state) {
        return Some((4, format!("a container that is {}", shown(&container.state.status))));
    }
    if let Some(policy) = restarts(container) {
        return Some((5, format!("the engine starts it again: its restart policy is {}", shown(policy))));
    }
    if labels.contains_key(SWARM) {
        return Some((6, "a task of a swarm".to_owned()));
    }
    if labels.contains_key(labels::PROJECT) {
        let is_one_off = labels.get(labels::ONE_OFF).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if is_one_off && !look.config.one_offs {
            return Some((7, "left behind by `docker compose run`, and `one-offs` is not set".to_owned()));
        }
        if !is_one_off && !look.config.projects {
            return Some((8, "a service of a Compose project, and `projects` is not set".to_owned()));
        }
    }
    // A shortened id names it too.
    let is_used = used.iter().any(|other| *other == name || container.id.starts_with(*other));
    is_used.then(|| (9, "another container uses its network, its volumes or its processes".to_owned()))
}

fn called(container: &Container) -> String {
    match container.name.trim_start_matches('/') {
        "" => short(&container.id),
        name => shown(name),
    }
}
