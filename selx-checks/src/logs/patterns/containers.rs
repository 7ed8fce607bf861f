//! The logs of containers of a Compose project: the engine says where it writes them.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use schemars::JsonSchema;
use selx_core::{Context, Error, ErrorKind, Result};
use serde::Deserialize;

use super::look::Source;
use crate::compose::ComposeFiles;
use crate::compose::file::{Project, Source as ComposeSource};
use crate::compose::labels;
use crate::docker::{Engine, EngineAt};
use crate::logs::piece::Dress;
use crate::net::Failure;

/// How many containers are read.
const MOST: usize = 256;
/// The one driver that writes files which can be read here.
const DRIVER: &str = "json-file";

/// Which containers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Containers {
    /// The compose file, or a list of them, of which later ones are laid over earlier ones.
    compose: ComposeFiles,
    /// The services whose containers are read. Default: all of the project.
    #[serde(default)]
    services: Vec<String>,
    /// The name of the project, where it is not the one that compose would choose.
    #[serde(default)]
    project: Option<String>,
    /// The socket of the engine, `unix:/PATH`. Default: that of `DOCKER_HOST` if it is set, else
    /// `unix:/var/run/docker.sock`.
    #[serde(default)]
    engine: Option<EngineAt>,
}

/// Finds out where the logs of the containers are. Those that cannot be read are faults of the check.
pub(super) async fn sources(config: &Containers, cx: &Context) -> Result<Vec<Source>> {
    let engine = Engine::of(config.engine.as_ref(), cx)?;
    let project = match &config.project {
        Some(name) => Project::named(name),
        None => ComposeSource::read(&config.compose, None, cx).await?.project(None),
    };
    let mut listed = Vec::new();
    for name in std::iter::once(&project.name).chain(&project.other) {
        let filter = vec![labels::filter(labels::PROJECT, name)];
        let all = engine.list(&filter, cx).await?.map_err(of_engine)?;
        listed.extend(all.iter().filter(|one| labels::is_service(one)).cloned());
        if !listed.is_empty() {
            break;
        }
    }
    let wanted = |service: &str| config.services.is_empty() || config.services.iter().any(|name| name == service);
    for service in &config.services {
        if !listed.iter().any(|one| one.label(labels::SERVICE) == Some(service)) {
            let message = format!(
                "the service `{service}` of project `{}` has no container whose log could be read",
                project.name
            );
            cx.fault(
                Error::new(ErrorKind::Unreachable, message)
                    .advice("`docker ps -a` shows what is there; correct `services` otherwise"),
            );
        }
    }
    if listed.is_empty() && config.services.is_empty() {
        let message = format!("project `{}` is not there: none of its containers exists", project.name);
        return Err(Error::new(ErrorKind::Unreachable, message));
    }
    listed.retain(|one| one.label(labels::SERVICE).is_some_and(wanted));
    if listed.len() > MOST {
        let message = format!("{} containers have logs, and the first {MOST} were read", listed.len());
        cx.fault(Error::new(ErrorKind::Limit, message).advice("name some in `services`"));
        listed.truncate(MOST);
    }
    let seen = join_all(listed.iter().map(|one| engine.container(&one.id, cx))).await;
    let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (summary, seen) in listed.iter().zip(seen) {
        let service = summary.label(labels::SERVICE).unwrap_or_default();
        let Some(container) = (*seen?.map_err(of_engine)?).clone() else { continue };
        if container.log_driver != DRIVER || container.log_path.is_empty() {
            let message = format!(
                "the log of service `{service}` is kept by the driver `{}`, which writes no file",
                container.log_driver
            );
            cx.fault(
                Error::new(ErrorKind::Missing, message)
                    .advice(format!("use the driver `{DRIVER}`, or read the log where that driver keeps it")),
            );
            continue;
        }
        paths.entry(service.to_owned()).or_default().push(container.log_path);
    }
    let source = |(service, paths)| Source { paths, title: Some(service), dress: Dress::Container, optional: false };
    Ok(paths.into_iter().map(source).collect())
}

fn of_engine(failure: Failure) -> Error {
    Error::new(ErrorKind::Unreachable, format!("the engine could not be asked where logs are: {}", failure.text))
}
