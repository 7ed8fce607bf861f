//! What Compose files name: images, networks and volumes that stay, also where nothing runs of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use selx_core::{Context, Result, escape};

use super::answers::{Container, Labels};
use super::config::Config;
use crate::compose::file::Model;
use crate::compose::{ComposeFiles, labels};

/// How many projects are looked at.
const MOST: usize = 200;

/// What Compose files name.
#[derive(Default)]
pub(super) struct Named {
    /// References of images, in one form.
    images: BTreeSet<String>,
    /// Names of networks, and of volumes.
    pub(super) networks: BTreeSet<String>,
    pub(super) volumes: BTreeSet<String>,
    /// Why not all is known that projects with containers name. What may be named there stays.
    pub(super) unread: Option<String>,
    /// Why a file of the settings could not be read.
    pub(super) refused: Option<String>,
}

impl Named {
    /// Tells whether a name or a digest of an image is named.
    pub(super) fn has_image(&self, reference: &str) -> bool {
        self.images.contains(&normal(reference))
    }

    fn add(&mut self, model: Model) -> Option<String> {
        let mut why = model.not_read.first().map(|what| format!("{what} is not read"));
        let projects = || std::iter::once(&model.project).chain(&model.other_name);
        for (name, service) in &model.services {
            if let Some(variable) = service.missing.first() {
                why = why.or(Some(format!("the service `{name}` needs the variable `{variable}`")));
            }
            match &service.image {
                Some(image) => {
                    self.images.insert(normal(image));
                }
                // What is built here and has no name gets that of its service, with either separator.
                None => {
                    let names =
                        projects().flat_map(|project| ["-", "_"].map(|between| format!("{project}{between}{name}")));
                    self.images.extend(names.map(|name| normal(&name)));
                }
            }
        }
        if let Some(variable) = model.names.missing.first() {
            why = why.or(Some(format!("the name of a network or volume needs the variable `{variable}`")));
        }
        self.networks.extend(model.names.networks);
        self.volumes.extend(model.names.volumes);
        why
    }
}

/// Reads the Compose files of the settings and those that containers were started from.
pub(super) async fn read(config: &Config, containers: &[Container], cx: &Context) -> Result<Named> {
    let mut named = Named::default();
    for files in &config.compose {
        let why = match Model::read(files, None, None, cx).await {
            Ok(model) => named.add(model),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = why {
            let refused = format!("the Compose file `{}` of the settings does not say all: {why}", files.short());
            named.refused = named.refused.or(Some(refused));
        }
    }
    // What the labels say of the files differs where a project was started in several ways.
    let mut projects: BTreeMap<(String, String, String, String), &Labels> = BTreeMap::new();
    for container in containers {
        let labels = &container.config.labels;
        if let Some(project) = labels.get(labels::PROJECT) {
            let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
            let key = (project.clone(), label(labels::FILES), label(labels::FOLDER), label(labels::ENVIRONMENT));
            projects.insert(key, labels);
        }
    }
    if projects.len() > MOST {
        named.unread = Some(format!("{} Compose projects are more than the {MOST} that are looked at", projects.len()));
        return Ok(named);
    }
    for ((project, files, folder, environment), labels) in &projects {
        let shown = escape::visible(project).into_owned();
        named.networks.insert(format!("{project}_default"));
        let why = match sources(files, folder, environment, labels, cx) {
            Err(why) => Some(why),
            Ok((files, environment)) => match Model::read(&files, environment.as_deref(), Some(project), cx).await {
                Ok(model) => named.add(model),
                Err(error) if error.kind() == selx_core::ErrorKind::Cancelled => return Err(error),
                Err(error) => Some(error.to_string()),
            },
        };
        if let Some(why) = why {
            named.unread = named.unread.or(Some(format!("the Compose project `{shown}`: {}", escape::visible(&why))));
        }
    }
    Ok(named)
}

/// Returns the files of a project and its file of variables, as the labels of a container name them.
fn sources(
    files: &str,
    folder: &str,
    environment: &str,
    labels: &Labels,
    cx: &Context,
) -> Result<(ComposeFiles, Option<PathBuf>), String> {
    if files.is_empty() {
        return Err("its containers do not say from which files it was started".to_owned());
    }
    let paths = labels::paths(|name| labels.get(name).map(String::as_str));
    if paths.iter().any(|path| !path.is_absolute()) {
        return Err("its containers do not say in which folder its files are".to_owned());
    }
    if environment.contains(',') {
        return Err("it was started with several files of variables".to_owned());
    }
    let own = (!environment.is_empty()).then(|| Path::new(folder).join(environment));
    // Without one it is `.env` in the folder of the project, which is not always that of the first file.
    let beside = Path::new(folder).join(".env");
    let differs = !folder.is_empty() && paths.first().and_then(|path| path.parent()) != Some(Path::new(folder));
    let environment = own.or_else(|| (differs && cx.host().path(&beside).is_file()).then_some(beside));
    Ok((ComposeFiles::new(paths)?, environment))
}

/// Writes a reference of an image in one form: with its tag, and without what is meant where nothing is said.
pub(super) fn normal(reference: &str) -> String {
    let reference = reference.strip_prefix("index.docker.io/").unwrap_or(reference);
    let reference = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let reference = reference.strip_prefix("library/").unwrap_or(reference);
    let (name, digest) = match reference.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (reference, None),
    };
    // The port of a registry is no tag.
    let tag = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
    match (digest, tag) {
        // What has both is found by its digest.
        (Some(digest), tag) => format!("{}@{digest}", tag.map_or(name, |(name, _)| name)),
        (None, Some(_)) => name.to_owned(),
        (None, None) => format!("{name}:latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_one_form() {
        for (text, form) in [
            ("redis", "redis:latest"),
            ("docker.io/library/redis:7", "redis:7"),
            ("localhost:5000/shop/api", "localhost:5000/shop/api:latest"),
            ("localhost:5000/shop/api:2", "localhost:5000/shop/api:2"),
            ("redis:7@sha256:0a", "redis@sha256:0a"),
            ("quay.io/x/y@sha256:0a", "quay.io/x/y@sha256:0a"),
        ] {
            assert_eq!(normal(text), form);
        }
    }
}
