//! A service of a compose project.

use std::fmt;

use schemars::JsonSchema;
use selx_core::{Context, Result, Unit, escape, nearest, show};
use serde::Deserialize;

use super::Container;
use super::address::{Address, Place};
use super::endpoint::Endpoint;
use super::reach;
use crate::compose::ComposeFiles;
use crate::compose::file::{Project, Source};
use crate::compose::labels;
use crate::docker::{self, Engine, EngineAt, Summary};
use crate::net::{Failure, FailureKind, Phase};

/// A service of a compose project.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ComposeService {
    /// The compose file, or a list of them, of which later ones are laid over earlier ones. Relative paths are taken from
    /// the current folder; in cron an absolute one is safer.
    pub compose: ComposeFiles,
    /// The name of the service in it.
    pub service: String,
    /// The name of the project, where it is not the one that compose would choose.
    #[serde(default)]
    pub project: Option<String>,
    /// The socket of the engine, `unix:/PATH`. Default: that of `DOCKER_HOST` if it is set, else
    /// `unix:/var/run/docker.sock`.
    #[serde(default)]
    pub engine: Option<EngineAt>,
}

impl fmt::Display for ComposeService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A whole path takes the line in which it stands; the settings have it.
        match &self.project {
            Some(project) => write!(f, "service {} of project {}", self.service, escape::visible(project)),
            None => write!(f, "service {} of {}", self.service, self.compose.short()),
        }
    }
}

impl ComposeService {
    pub(super) async fn find(&self, port: u16, cx: &Context) -> Result<Result<Endpoint, Failure>> {
        let container = match self.container(cx).await? {
            Ok(container) => container,
            Err(failure) => return Ok(Err(failure)),
        };
        let place = match reach::address(&container, port) {
            Ok(address) => Place::Tcp { host: address.ip().to_string(), port: address.port() },
            Err(why) => return Ok(Err(missing(FailureKind::Unreachable, why))),
        };
        let address = Address { place, tls: false, user: None, database: None };
        Ok(Ok(Endpoint { address, container: Some(Container::of(container)) }))
    }

    /// Finds the container of the service that runs, the one with the lowest number if there are several.
    async fn container(&self, cx: &Context) -> Result<Result<docker::Container, Failure>> {
        let engine = Engine::of(self.engine.as_ref(), cx)?;
        let project = match &self.project {
            Some(name) => Project::named(name),
            None => Source::read(&self.compose, None, cx).await?.project(None),
        };
        let mut found = Vec::new();
        for name in std::iter::once(&project.name).chain(&project.other) {
            // All services of the project, if other checks ask the same: they hear it together.
            let mut filter = vec![labels::filter(labels::PROJECT, name)];
            if cx.is_alone() {
                filter.push(labels::filter(labels::SERVICE, &self.service));
            }
            match engine.list(&filter, cx).await? {
                Ok(listed) => found.extend(listed.iter().filter(|one| self.has(one)).cloned()),
                Err(failure) => return Ok(Err(of_engine(failure))),
            }
            if !found.is_empty() {
                break;
            }
        }
        found.sort_by_key(|container| (!container.runs(), labels::number(container)));
        let Some(first) = found.first() else {
            return self.nothing(&engine, &project.name, cx).await.map(Err);
        };
        let gone = || missing(FailureKind::NotFound, format!("{} was removed just now", self.named(&project.name)));
        let container = match engine.container(&first.id, cx).await? {
            Ok(container) => (*container).clone(),
            Err(failure) => return Ok(Err(of_engine(failure))),
        };
        match container {
            None => Ok(Err(gone())),
            Some(container) if container.state.status == "running" => reach::shared(container, &engine, cx).await,
            Some(container) => {
                let name = first.label(labels::PROJECT).unwrap_or_default();
                Ok(Err(missing(FailureKind::NotFound, self.stopped(name, &container, &engine))))
            }
        }
    }

    fn has(&self, container: &Summary) -> bool {
        labels::is_service(container) && container.label(labels::SERVICE) == Some(&*self.service)
    }

    /// Names the service that a misspelt name most likely means: one that is in the files, which this one is not.
    async fn meant(&self, cx: &Context) -> Option<String> {
        let source = Source::read(&self.compose, None, cx).await.ok()?;
        let services = source.services();
        let other = nearest(&self.service, services.iter().copied().filter(|name| *name != self.service))?;
        let meant = format!(", and the file has no such service; is `{}` meant?", escape::visible(other));
        (!services.contains(&*self.service)).then_some(meant)
    }

    fn named(&self, project: &str) -> String {
        format!("the service `{}` of project `{}`", self.service, escape::visible(project))
    }

    /// Says how a container is that does not run.
    fn stopped(&self, project: &str, container: &docker::Container, engine: &Engine) -> String {
        let state = &container.state;
        let named = self.named(project);
        let since = match (engine.now(), state.finished) {
            (Some(now), Some(finished)) => {
                let seconds = now.duration_since(finished).as_secs_f64().max(0.0).round();
                format!(" since {}", show::value(seconds, Unit::Seconds))
            }
            _ => String::new(),
        };
        let memory = if state.oom_killed { ", killed for memory" } else { "" };
        match &*state.status {
            status @ ("exited" | "dead") => format!("{named} is {status} (code {}{memory}){since}", state.exit_code),
            "restarting" => {
                format!("{named} is restarting: it ended with code {}{memory}{since}", state.exit_code)
            }
            "created" if !state.error.is_empty() => {
                format!("{named} was created and could not be started: {}", short(&state.error))
            }
            "created" => format!("{named} was created and never started"),
            status => format!("{named} is {}", escape::visible(status)),
        }
    }

    /// Says why there is no container: the service has none, the project is not there, or has another name.
    async fn nothing(&self, engine: &Engine, project: &str, cx: &Context) -> Result<Failure> {
        let all = match engine.list(&[labels::PROJECT.to_owned()], cx).await? {
            Ok(all) => all,
            Err(failure) => return Ok(of_engine(failure)),
        };
        let of = |container: &Summary| container.label(labels::PROJECT) == Some(project);
        if all.iter().any(of) {
            let meant = self.meant(cx).await.unwrap_or_default();
            return Ok(missing(FailureKind::NotFound, format!("{} has no container{meant}", self.named(project))));
        }
        let same = |container: &&Summary| {
            let files = labels::files(container);
            self.compose.paths().iter().any(|path| files.contains(path))
        };
        let project = escape::visible(project);
        let text = match all.iter().find(same).and_then(|container| container.label(labels::PROJECT)) {
            Some(other) => format!(
                "project `{project}` is not there, but the same files run as project `{0}`: set `project = \"{0}\"`",
                escape::visible(other)
            ),
            None => format!("project `{project}` is not there: none of its containers exists"),
        };
        Ok(missing(FailureKind::NotFound, text))
    }
}

fn missing(kind: FailureKind, text: String) -> Failure {
    Failure::new(Phase::Find, kind, text)
}

/// What the engine did wrong keeps the service from being found.
fn of_engine(failure: Failure) -> Failure {
    Failure { phase: Phase::Find, ..failure }
}

fn short(text: &str) -> String {
    let short: String = text.trim().chars().take(200).collect();
    escape::visible(&short).into_owned()
}
