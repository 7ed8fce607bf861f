//! Services of compose projects that run here, for kinds that propose checks of them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use selx_core::{Context, Discovery, Error, ErrorKind, Result};

use super::Container;
use crate::compose::labels;
use crate::docker::{Engine, EngineAt, Summary};
use crate::net::Failure;
use crate::proposal::check_name;

/// How many services are looked at.
const MOST: usize = 64;

/// A service of a compose project that runs.
#[derive(Clone, Debug)]
pub struct RunningService {
    /// The project.
    pub project: String,
    /// The service.
    pub service: String,
    /// The compose files that the project was started from, as far as they are on this host.
    pub files: Vec<PathBuf>,
    /// The reference of its image.
    pub image: String,
    /// The first of its containers that runs.
    pub container: Container,
}

/// What is known of a service before its container is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The service.
    pub service: &'a str,
    /// The reference of its image, such as `postgres:15-alpine`.
    pub image: &'a str,
    /// The command line of its container.
    pub command: &'a str,
}

impl Candidate<'_> {
    /// Tells whether the image is one of these, whatever its registry, owner and tag are: `docker.io/library/redis:7`
    /// is `redis`.
    pub fn image_is(&self, names: &[&str]) -> bool {
        let last = self.image.rsplit('/').next().unwrap_or_default();
        let name = last.split(['@', ':']).next().unwrap_or_default();
        names.contains(&name)
    }
}

/// Finds the services of compose projects that run here and are wanted, in the order of projects and services.
///
/// # Errors
///
/// `Missing` if there is no engine, which takes no time to find out; `Denied` without the right to ask it;
/// `Unreachable` if it is down or answers wrongly. [`undiscovered`] says so in a discovery.
pub async fn running_services(wanted: impl Fn(&Candidate<'_>) -> bool, cx: &Context) -> Result<Vec<RunningService>> {
    running_services_of(&EngineAt::or_default(None, cx)?, wanted, cx).await
}

/// Finds them at the engine behind a socket file.
///
/// # Errors
///
/// As [`running_services`].
pub async fn running_services_of(
    socket: &Path,
    wanted: impl Fn(&Candidate<'_>) -> bool,
    cx: &Context,
) -> Result<Vec<RunningService>> {
    let engine = Engine::at(socket, cx);
    let listed = engine.list(&[labels::SERVICE.to_owned()], cx).await?;
    let mut listed: Vec<Summary> = listed
        .map_err(engine_failed)?
        .iter()
        .filter(|container| container.runs() && labels::is_service(container))
        .filter(|container| {
            let service = container.label(labels::SERVICE).unwrap_or_default();
            wanted(&Candidate { service, image: &container.image, command: &container.command })
        })
        .cloned()
        .collect();
    let key = |container: &Summary| {
        let label = |name| container.label(name).unwrap_or_default().to_owned();
        (label(labels::PROJECT), label(labels::SERVICE))
    };
    listed.sort_by_key(|container| (key(container), labels::number(container)));
    listed.dedup_by_key(|container| key(container));
    listed.truncate(MOST);
    let seen = join_all(listed.iter().map(|container| engine.container(&container.id, cx))).await;
    let mut running = Vec::new();
    for (summary, seen) in listed.iter().zip(seen) {
        let Ok(Some(container)) = seen?.map(|seen| (*seen).clone()) else { continue };
        let (project, service) = key(summary);
        let files = labels::files(summary).into_iter().filter(|path| cx.host().path(path).is_file());
        running.push(RunningService {
            project,
            service,
            files: files.collect(),
            image: summary.image.clone(),
            container: Container::of(container),
        });
    }
    Ok(running)
}

/// Says in a discovery why no services were found.
pub fn undiscovered(error: &Error) -> Discovery {
    match error.kind() {
        ErrorKind::Missing => Discovery::Absent(error.message().to_owned()),
        _ => Discovery::Unclear(error.to_string()),
    }
}

impl RunningService {
    /// Writes the target in TOML: `{ compose = "/srv/shop/docker-compose.yml", service = "db", project = "shop" }`.
    /// `None` if no compose file of the project is on this host.
    pub fn target(&self) -> Option<String> {
        let (compose, quoted) = (self.compose()?, |text: &str| toml_text(text));
        Some(format!("{{ {compose}, service = {}, project = {} }}", quoted(&self.service), quoted(&self.project)))
    }

    /// Writes the compose files in TOML: `compose = "/srv/shop/docker-compose.yml"`. `None` if none is on this host.
    pub fn compose(&self) -> Option<String> {
        let mut files = self.files.iter().filter_map(|path| path.to_str()).map(toml_text);
        match self.files.len() {
            0 => None,
            1 => Some(format!("compose = {}", files.next()?)),
            _ => Some(format!("compose = [{}]", files.collect::<Vec<_>>().join(", "))),
        }
    }

    /// Returns a name for a check of it: `shop-db`.
    pub fn name(&self) -> String {
        check_name(&format!("{}-{}", self.project, self.service), "project")
    }
}

/// What the engine did wrong, where nothing can be found without it.
pub(crate) fn engine_failed(failure: Failure) -> Error {
    Error::new(ErrorKind::Unreachable, failure.text)
}

/// Writes a text as a basic string of TOML.
pub(crate) fn toml_text(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_their_last_name() {
        for image in ["redis", "redis:7", "docker.io/library/redis:7@sha256:00", "localhost:5000/x/redis"] {
            assert!(Candidate { service: "", image, command: "" }.image_is(&["redis"]), "{image}");
        }
        assert!(!Candidate { service: "", image: "redis-exporter:1", command: "" }.image_is(&["redis"]));
    }

    #[test]
    fn proposals_are_toml() {
        let mut service = RunningService {
            project: "Shop_1".into(),
            service: "db\"\n".into(),
            files: vec!["/srv/a.yml".into()],
            image: String::new(),
            container: Container::of(crate::docker::Container::default()),
        };
        let read = |text: &str| toml::from_str::<toml::Table>(&format!("t = {text}")).unwrap();
        let table = read(&service.target().unwrap());
        assert_eq!(table["t"]["service"].as_str(), Some("db\"\n"));
        service.files.push("/srv/b.yml".into());
        assert_eq!(read(&service.target().unwrap())["t"]["compose"].as_array().unwrap().len(), 2);
        assert_eq!(service.name(), "shop-1-db");
        service.project = "1a".into();
        assert_eq!(service.name(), "project-1a-db");
    }
}
