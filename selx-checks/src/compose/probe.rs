//! Looks at what should run and at what runs, at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use futures_util::{StreamExt as _, stream};
use selx_core::{Context, Result};

use super::compare::differences;
use super::config::Config;
use super::facts::{self, Expected, Facts};
use super::file::{Condition, Model, Service};
use super::labels;
use super::secrets;
use crate::docker::{Container, Engine, Summary};
use crate::net::Failure;

/// How many containers are looked at.
const MOST: usize = 256;
/// How many requests are under way at once.
const AT_ONCE: usize = 16;
/// How many logs are read.
const LOGS: usize = 8;
/// How much is kept of a text that others wrote.
const TEXT: usize = 300;

/// Looks.
pub(super) async fn look(config: &Config, cx: &Context) -> Result<Facts> {
    let engine = Engine::of(config.engine.as_ref(), cx)?;
    let model = match &config.compose {
        Some(files) => Model::read(files, config.env_file.as_deref(), config.project.as_deref(), cx).await?,
        None => Model { project: config.project.clone().unwrap_or_default().to_lowercase(), ..Model::default() },
    };
    let mut facts = Facts {
        project: clip(&model.project),
        from_file: config.compose.is_some(),
        not_read: model.not_read.clone(),
        ..Facts::default()
    };
    let looked = containers(config, &model, &engine, &mut facts, cx).await?;
    facts.api = engine.version().unwrap_or_default();
    facts.now = engine.now();
    let seen = match looked {
        Ok(seen) => seen,
        Err(failure) => {
            facts.failure = Some(failure);
            return Ok(facts);
        }
    };
    facts.services = services(config, &model, seen);
    Ok(facts)
}

/// A container with what the file says about its service.
type Seen = (String, Summary, facts::Container);

async fn containers(
    config: &Config,
    model: &Model,
    engine: &Engine,
    facts: &mut Facts,
    cx: &Context,
) -> Result<Result<Vec<Seen>, Failure>> {
    let mut listed = Vec::new();
    for name in std::iter::once(&model.project).chain(&model.other_name) {
        match engine.list(&[labels::filter(labels::PROJECT, name)], cx).await? {
            Ok(found) => listed.extend(found.iter().filter(|one| labels::is_service(one)).cloned()),
            Err(failure) => return Ok(Err(failure)),
        }
        if !listed.is_empty() {
            facts.project = clip(name);
            break;
        }
    }
    if listed.is_empty() {
        return Ok(elsewhere(config, engine, facts, cx).await?.map(|()| Vec::new()));
    }
    listed.sort_by_key(|container| (labels::number(container), container.name.clone()));
    if listed.len() > MOST {
        facts.not_read.push(format!("{} containers beyond the {MOST} that are looked at", listed.len() - MOST));
        listed.truncate(MOST);
    }
    let asked: Vec<_> = listed.iter().map(|summary| engine.container(&summary.id, cx)).collect();
    let inspected: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    let mut seen: Vec<(Summary, Container)> = Vec::new();
    for (summary, container) in listed.into_iter().zip(inspected) {
        match container?.map(|container| (*container).clone()) {
            Ok(Some(container)) => seen.push((summary, container)),
            // Removed since it was listed.
            Ok(None) => {}
            Err(failure) => return Ok(Err(failure)),
        }
    }
    let images = match images(&seen, engine, cx).await? {
        Ok(images) => images,
        Err(failure) => return Ok(Err(failure)),
    };
    let mut all: Vec<Seen> = Vec::new();
    for (summary, container) in seen {
        let name = summary.label(labels::SERVICE).unwrap_or_default().to_owned();
        // What it prints may hold its own passwords. They are taken out before a text is cut, whose end may be half of one.
        secrets::learn(&container, cx);
        let mut fact = fact(&container, model.services.get(&name), cx);
        fact.hash = clip(summary.label(labels::HASH).unwrap_or_default());
        fact.image_now = images.get(&container.image).cloned();
        all.push((name, summary, fact));
    }
    logs(config, &mut all, engine, cx).await;
    Ok(Ok(all))
}

/// Finds out whether the project is there under another name.
async fn elsewhere(config: &Config, engine: &Engine, facts: &mut Facts, cx: &Context) -> Result<Result<(), Failure>> {
    let Some(files) = &config.compose else { return Ok(Ok(())) };
    let listed = match engine.list(&[labels::PROJECT.to_owned()], cx).await? {
        Ok(listed) => listed,
        Err(failure) => return Ok(Err(failure)),
    };
    let same = |container: &&Summary| {
        let theirs: Vec<PathBuf> = labels::files(container);
        files.paths().iter().any(|path| theirs.contains(path))
    };
    facts.other_project = listed.iter().find(same).and_then(|container| container.label(labels::PROJECT)).map(clip);
    Ok(Ok(()))
}

/// Returns what the references of images name now.
async fn images(
    seen: &[(Summary, Container)],
    engine: &Engine,
    cx: &Context,
) -> Result<Result<BTreeMap<String, String>, Failure>> {
    let references: BTreeSet<&str> = seen
        .iter()
        .map(|(_, container)| container.image.as_str())
        // A digest names the same image for ever.
        .filter(|image| !image.is_empty() && !image.starts_with("sha256:") && !image.contains('@'))
        .collect();
    let asked: Vec<_> = references.iter().map(|reference| engine.image(reference, cx)).collect();
    let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    let mut images = BTreeMap::new();
    for (reference, id) in references.into_iter().zip(answers) {
        match id? {
            Ok(id) => images.extend(id.as_ref().clone().map(|id| (reference.to_owned(), id))),
            Err(failure) => return Ok(Err(failure)),
        }
    }
    Ok(Ok(images))
}

fn fact(container: &Container, service: Option<&Service>, cx: &Context) -> facts::Container {
    let state = &container.state;
    let health = state.health.clone().unwrap_or_default();
    let unhealthy = state.status == "running" && health.status == "unhealthy";
    facts::Container {
        name: clip(&container.name),
        id: container.id.chars().take(12).collect(),
        state: clip(&state.status),
        exit_code: state.exit_code,
        oom_killed: state.oom_killed,
        error: clip(&secrets::without(&state.error, cx)),
        restarts: container.restarts,
        restart_policy: clip(&container.restart_policy),
        started: state.started,
        finished: state.finished,
        // A container that does not run keeps what its health check said at last.
        health: if state.status == "running" { clip(&health.status) } else { String::new() },
        health_output: if unhealthy { clip(secrets::without(&health.output, cx).trim()) } else { String::new() },
        frozen: super::frozen::is_frozen(container, cx),
        image: clip(&container.image),
        image_id: clip(&container.image_id),
        image_now: None,
        hash: String::new(),
        differs: service.map(|service| differences(service, container)).unwrap_or_default(),
        log: Vec::new(),
    }
}

/// Reads the ends of the logs of what is not well. That a log cannot be read is no finding.
async fn logs(config: &Config, all: &mut [Seen], engine: &Engine, cx: &Context) {
    if config.log_lines == 0 {
        return;
    }
    let sick = |fact: &facts::Container| {
        !(fact.is_well() || fact.state == "created" || (fact.state == "exited" && fact.exit_code == 0))
    };
    let places: Vec<usize> =
        all.iter().enumerate().filter(|(_, (_, _, fact))| sick(fact)).map(|(place, _)| place).take(LOGS).collect();
    let ids: Vec<String> =
        places.iter().filter_map(|place| all.get(*place).map(|(_, summary, _)| summary.id.clone())).collect();
    let asked: Vec<_> = ids.iter().map(|id| engine.log_tail(id, config.log_lines, cx)).collect();
    let read: Vec<_> = stream::iter(asked).buffered(LOGS).collect().await;
    for (place, tail) in places.into_iter().zip(read) {
        if let (Ok(Ok(Some(tail))), Some((_, _, fact))) = (tail, all.get_mut(place)) {
            fact.log = tail.lines.iter().map(|line| clip(&secrets::without(line, cx))).collect();
        }
    }
}

/// Puts what is expected beside what is there.
fn services(config: &Config, model: &Model, seen: Vec<Seen>) -> Vec<facts::Service> {
    let profiles: BTreeSet<String> = model.profiles.union(&config.profiles).cloned().collect();
    let waited_for: BTreeSet<&str> = model
        .services
        .values()
        .filter(|service| service.is_active(&profiles))
        .flat_map(|service| &service.depends_on)
        .filter(|(_, condition)| **condition == Condition::Completed)
        .map(|(name, _)| name.as_str())
        .collect();
    let mut services: BTreeMap<String, facts::Service> = BTreeMap::new();
    for (name, service) in &model.services {
        let expected = if config.one_shots.contains(name) || waited_for.contains(name.as_str()) {
            Expected::Completes
        } else if config.optional.contains(name) || !service.is_active(&profiles) || service.replicas == 0 {
            Expected::Nothing
        } else if service.restart.as_deref() == Some("no") {
            Expected::MayEnd
        } else {
            Expected::Runs
        };
        services.insert(
            name.clone(),
            facts::Service {
                name: clip(name),
                expected,
                replicas: service.replicas,
                missing: service.missing.iter().map(|name| clip(name)).collect(),
                not_compared: service.environment_unread.as_deref().map(clip),
                containers: Vec::new(),
            },
        );
    }
    for (name, _, container) in seen {
        let unsaid = match (config.compose.is_some(), config.one_shots.contains(&name)) {
            (true, _) => Expected::Orphan,
            (false, true) => Expected::Completes,
            (false, false) if config.optional.contains(&name) => Expected::Nothing,
            (false, false) => Expected::Unsaid,
        };
        let service = services.entry(name.clone()).or_insert_with(|| facts::Service {
            name: clip(&name),
            expected: unsaid,
            ..facts::Service::default()
        });
        service.containers.push(container);
    }
    services.into_values().collect()
}

fn clip(text: &str) -> String {
    let mut letters = text.chars();
    let short: String = letters.by_ref().take(TEXT).collect();
    if letters.next().is_some() { format!("{short}…") } else { short }
}
