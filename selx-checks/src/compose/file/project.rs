//! Which files make a project, and what it is called.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use selx_core::{Context, Error, ErrorKind, Host, Result};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::variables::{self, Variables, interpolate};
use super::yaml::{self, Node};

/// The compose files of a project: one path, or several, of which later ones are laid over earlier ones.
///
/// A relative path is taken from the current folder once, when it is read: what is shown and compared is absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeFiles(Vec<PathBuf>);

impl ComposeFiles {
    /// Takes paths.
    ///
    /// # Errors
    ///
    /// If there is none, or one is empty.
    pub fn new(paths: Vec<PathBuf>) -> Result<Self, String> {
        if paths.is_empty() {
            Err("at least one compose file is given".to_owned())
        } else if paths.len() > 16 {
            Err("more than 16 compose files are not read".to_owned())
        } else {
            let absolute = |path| std::path::absolute(path).map_err(|_| "a compose file has a path".to_owned());
            paths.into_iter().map(absolute).collect::<Result<_, _>>().map(Self)
        }
    }

    /// Shows the first file by its folder and its name, `shop/docker-compose.yml`, and how many others there are.
    pub fn short(&self) -> String {
        let first = self.0.first().map(PathBuf::as_path).unwrap_or(Path::new("/"));
        let name = |path: Option<&std::ffi::OsStr>| path.unwrap_or_default().to_string_lossy().into_owned();
        let (folder, file) = (name(first.parent().and_then(Path::file_name)), name(first.file_name()));
        let others = match self.0.len() {
            0 | 1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        format!("{folder}/{file}{others}")
    }

    /// Returns the paths.
    pub fn paths(&self) -> &[PathBuf] {
        &self.0
    }
}

impl fmt::Display for ComposeFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, path) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", path.display())?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for ComposeFiles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Vec<PathBuf>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the path of a compose file, or a list of paths")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(vec![text.into()])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list))
            }
        }

        Self::new(deserializer.deserialize_any(OneOrMore)?).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for ComposeFiles {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ComposeFiles".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let path = json_schema!({ "type": "string", "minLength": 1 });
        json_schema!({ "oneOf": [path, { "type": "array", "items": path, "minItems": 1, "maxItems": 16 }] })
    }
}

/// The files of a project as they were read, before anything is put together.
pub(crate) struct Source {
    /// The trees of the files, in order.
    pub(super) files: Vec<(PathBuf, Arc<Node>)>,
    /// The folder that relative names are taken from.
    pub(super) folder: PathBuf,
    /// The variables of `.env`.
    pub(super) variables: Variables,
}

impl Source {
    /// Reads the files, and the file of variables beside the first of them or in another place; once for all checks of
    /// this run that look at about the same time.
    ///
    /// # Errors
    ///
    /// `Missing` or `Denied` for a file that cannot be read, `Config` for one that is no YAML.
    pub(crate) async fn read(files: &ComposeFiles, env_file: Option<&Path>, cx: &Context) -> Result<Arc<Self>> {
        let what = "reading the compose files";
        let which = format!("{files} with {env_file:?}");
        let read = cx.once(&which, async {
            let (files, env_file, host) = (files.clone(), env_file.map(Path::to_owned), cx.host().clone());
            cx.blocking(what, move |_| Self::read_now(&files, env_file.as_deref(), &host)).await
        });
        cx.within(what, Box::pin(read)).await?
    }

    pub(super) fn read_now(files: &ComposeFiles, env_file: Option<&Path>, host: &Host) -> Result<Self> {
        let folder = files.paths().first().and_then(|path| path.parent()).unwrap_or(Path::new("/")).to_owned();
        let text = match env_file {
            Some(path) => text_of(&host.path(path))?,
            None => match text_of(&host.path(folder.join(".env"))) {
                Err(error) if error.kind() == ErrorKind::Missing => String::new(),
                text => text?,
            },
        };
        let mut trees = Vec::new();
        for path in files.paths() {
            trees.push((path.clone(), tree_of(path, &text_of(&host.path(path))?)?));
        }
        Ok(Self { files: trees, folder, variables: variables::parse(&text) })
    }

    /// Returns the names of the services that stand in the files themselves, not of those that they include.
    pub(crate) fn services(&self) -> BTreeSet<&str> {
        let services = self.files.iter().filter_map(|(_, tree)| tree.get("services")?.entries());
        services.flatten().map(|(name, _)| name.as_str()).collect()
    }

    /// Returns what compose calls the project: by the setting, `COMPOSE_PROJECT_NAME` in `.env`, the top-level `name`
    /// of the last file that has one, or the folder.
    pub(crate) fn project(&self, given: Option<&str>) -> Project {
        let set = given.or_else(|| self.variables.get("COMPOSE_PROJECT_NAME").map(String::as_str));
        if let Some(name) = set.filter(|name| !name.is_empty()) {
            return Project::named(name);
        }
        let folder = self.folder.file_name().unwrap_or_default().to_string_lossy();
        let of_folder = normalized(&folder);
        let names = self.files.iter().rev().filter_map(|(_, tree)| tree.get("name")?.scalar());
        for name in names {
            let mut missing = BTreeSet::new();
            if let Ok(name) = interpolate(name, &self.variables, &mut missing)
                && missing.is_empty()
                && !name.is_empty()
            {
                // The first generation of compose does not know the top-level name.
                return Project { name: trimmed(&normalized(&name)), other: Some(of_folder) };
            }
        }
        let trimmed = trimmed(&of_folder);
        if trimmed.is_empty() {
            return Project { name: "default".to_owned(), other: None };
        }
        // The second generation takes hyphens off the front, the first does not.
        let other = (trimmed != of_folder).then_some(of_folder);
        Project { name: trimmed, other }
    }
}

/// What a project is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Project {
    /// The name by the rules of today's compose.
    pub(crate) name: String,
    /// The name by the rules of the first generation, where that is another one.
    pub(crate) other: Option<String>,
}

impl Project {
    /// A project whose name was given.
    pub(crate) fn named(name: &str) -> Self {
        Self { name: normalized(name), other: None }
    }
}

fn normalized(name: &str) -> String {
    let keeps = |letter: &char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(*letter);
    name.to_lowercase().chars().filter(keeps).collect()
}

fn trimmed(name: &str) -> String {
    name.trim_start_matches(['-', '_']).to_owned()
}

/// Reads the text of a file as a mapping.
pub(super) fn tree_of(path: &Path, text: &str) -> Result<Arc<Node>> {
    let tree = yaml::parse(text).map_err(|why| wrong(path, &why))?;
    if tree.entries().is_some() { Ok(tree) } else { Err(wrong(path, "is no mapping")) }
}

pub(super) fn wrong(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("the compose file `{}` cannot be used: {why}", path.display()))
        .advice("look at it with `docker compose config`")
}

/// Reads a file of this host that is not longer than is read.
pub(super) fn text_of(path: &Path) -> Result<String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let shown = format!("`{}`", path.display());
    // A FIFO in its place must not hold the run up.
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path)
        .map_err(|error| Error::from_io(error, &shown))?;
    if !file.metadata().map_err(|error| Error::from_io(error, &shown))?.is_file() {
        return Err(Error::new(ErrorKind::Missing, format!("{shown} is no regular file")));
    }
    let mut bytes = Vec::new();
    file.take(yaml::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| Error::from_io(error, &shown))?;
    if bytes.len() > yaml::MAX_BYTES {
        return Err(Error::new(ErrorKind::Limit, format!("{shown} is larger than the 1 MiB that are read of it")));
    }
    String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::Config, format!("{shown} is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(folder: &str, env: &str, yaml: &str, given: Option<&str>) -> (String, Option<String>) {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join(folder);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join(".env"), env).unwrap();
        std::fs::write(place.join("c.yml"), yaml).unwrap();
        let files = ComposeFiles::new(vec![Path::new("/").join(folder).join("c.yml")]).unwrap();
        let source = Source::read_now(&files, None, &Host::below(root.path())).unwrap();
        let project = source.project(given);
        (project.name, project.other)
    }

    #[test]
    fn projects_are_named_as_compose_names_them() {
        let plain = |name: &str| (name.to_owned(), None);
        assert_eq!(project("My Shop.v2", "", "services: {}", None), plain("myshopv2"));
        assert_eq!(project("-x", "", "services: {}", None), ("x".into(), Some("-x".into())));
        assert_eq!(project("a", "", "name: Shop", None), ("shop".into(), Some("a".into())));
        assert_eq!(project("a", "N=z", "name: shop-$N", None), ("shop-z".into(), Some("a".into())));
        assert_eq!(project("a", "", "name: shop-$N", None), plain("a"));
        assert_eq!(project("a", "COMPOSE_PROJECT_NAME=Prod", "name: shop", None), plain("prod"));
        assert_eq!(project("a", "COMPOSE_PROJECT_NAME=prod", "name: shop", Some("other")), plain("other"));
        assert_eq!(project("...", "", "services: {}", None), plain("default"));
    }
}
