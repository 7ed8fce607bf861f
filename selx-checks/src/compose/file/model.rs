//! The services of a project, put together from all of its files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use selx_core::{Context, Error, ErrorKind, Host, Result};

use super::merge;
use super::names::{Names, absolute};
use super::project::{ComposeFiles, Project, Source, text_of, tree_of, wrong};
use super::service::Service;
use super::variables::{self, Variables, interpolate};
use super::yaml::{Kind, Merging, Node};

/// How often a service may extend one that extends another, and a file include one that includes another.
const MAX_STEPS: usize = 8;
/// How many services there may be.
const MAX_SERVICES: usize = 1000;
/// How much may be made of the files when what they extend and include is followed: nodes, and pieces of text.
const MAX_WORK: usize = 1_000_000;
/// How many bytes of a text count as a node.
const PIECE: usize = 64;
/// As how many nodes the reading of a file counts.
const FILE: usize = 1000;

/// What the files of a project say.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The name of the project.
    pub project: String,
    /// What the first generation of compose calls it, where that is another name.
    pub other_name: Option<String>,
    /// The services, by name.
    pub services: BTreeMap<String, Service>,
    /// The profiles that `COMPOSE_PROFILES` of `.env` switches on.
    pub profiles: BTreeSet<String>,
    /// What the files ask for that is not read: with it the services may be others.
    pub not_read: Vec<String>,
    /// What the engine calls the networks and volumes of the files, those of others that they use included.
    pub names: Names,
}

impl Model {
    /// Reads the files of a project and puts them together.
    ///
    /// # Errors
    ///
    /// `Missing` or `Denied` for a file that cannot be read, `Config` for one that compose would not take either.
    pub async fn read(
        files: &ComposeFiles,
        env_file: Option<&Path>,
        project: Option<&str>,
        cx: &Context,
    ) -> Result<Self> {
        let source = Source::read(files, env_file, cx).await?;
        let (host, project) = (cx.host().clone(), project.map(str::to_owned));
        // It extends and includes further files.
        cx.blocking("reading the compose files", move |_| Self::of(&source, project.as_deref(), &host)).await
    }

    fn of(source: &Source, project: Option<&str>, host: &Host) -> Result<Self> {
        let Project { name, other } = source.project(project);
        let mut variables = source.variables.clone();
        // Today's compose offers the name of the project to its own file.
        variables.entry("COMPOSE_PROJECT_NAME".to_owned()).or_insert_with(|| name.clone());
        let profiles = source.variables.get("COMPOSE_PROFILES").map(String::as_str).unwrap_or_default();
        let mut reader =
            Reader { host, not_read: Vec::new(), left: MAX_WORK, names: Names::of(&name, other.as_deref()) };
        let mut all: Vec<(String, Arc<Node>)> = Vec::new();
        for (path, tree) in &source.files {
            let place = Place { path, folder: &source.folder, tree, variables: &variables };
            let services = reader.services(place, 0)?;
            all = lay_over(all, services);
        }
        let path = source.files.first().map(|(path, _)| path.as_path()).unwrap_or(Path::new("/"));
        if all.len() > MAX_SERVICES {
            return Err(too_many(path));
        }
        let mut services = BTreeMap::new();
        for (service, node) in all.into_iter().filter(|(_, node)| node.merging != Merging::Reset) {
            let mut read = Service::of(&service, &node).map_err(|why| wrong(path, &why))?;
            add_files(&mut read, &node, &source.folder, host);
            services.insert(service, read);
        }
        Ok(Self {
            project: name,
            other_name: other,
            services,
            profiles: profiles.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            not_read: reader.not_read,
            names: reader.names,
        })
    }
}

/// Adds the variables of the files that a service names; those of later files count.
fn add_files(service: &mut Service, node: &Arc<Node>, folder: &Path, host: &Host) {
    let Some(files) = node.get("env_file").filter(|files| !files.is_null()) else { return };
    let files = match files.items() {
        Some(files) => files.to_vec(),
        None => vec![Arc::clone(files)],
    };
    for file in files.iter().rev() {
        let required = file.get("required").and_then(|required| required.truth()) != Some(false);
        let Some(name) = file.scalar().or_else(|| file.get("path")?.scalar()) else { continue };
        match text_of(&host.path(folder.join(name))) {
            Ok(text) => service.add_environment(variables::parse(&text)),
            Err(error) if error.kind() == ErrorKind::Missing && !required => {}
            Err(error) => service.environment_unread = Some(error.message().to_owned()),
        }
    }
}

/// Lays the services of a file over those of earlier files.
fn lay_over(mut base: Vec<(String, Arc<Node>)>, over: Vec<(String, Arc<Node>)>) -> Vec<(String, Arc<Node>)> {
    for (name, node) in over {
        let place = base.iter_mut().find(|(known, _)| *known == name);
        match (node.merging, place) {
            // What it takes away may stand in a file that this one is yet to be laid over.
            (_, None) => base.push((name, node)),
            (Merging::Reset, _) => base.retain(|(known, _)| *known != name),
            (Merging::Override, Some((_, known))) => *known = node,
            (Merging::Usual, Some((_, known))) => *known = merge::services(known, &node),
        }
    }
    base
}

fn too_many(path: &Path) -> Error {
    wrong(path, &format!("has more than {MAX_SERVICES} services"))
}

/// A file at work.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a Path,
    /// The folder that its relative names are taken from.
    folder: &'a Path,
    tree: &'a Arc<Node>,
    variables: &'a Variables,
}

struct Reader<'a> {
    host: &'a Host,
    not_read: Vec<String>,
    /// How much may still be made, by [`MAX_WORK`].
    left: usize,
    names: Names,
}

impl Reader<'_> {
    /// Returns the services of a file, with its variables put in and what they extend laid under them.
    fn services(&mut self, place: Place<'_>, step: usize) -> Result<Vec<(String, Arc<Node>)>> {
        let mut all = match place.tree.get("include") {
            Some(include) if !include.is_null() => self.included(place, include, step)?,
            _ => Vec::new(),
        };
        self.names.take(place.tree, place.variables);
        let own = own_services(place.path, place.tree)?;
        if own.len() > MAX_SERVICES {
            return Err(too_many(place.path));
        }
        let mut services = Vec::new();
        for (name, node) in own {
            let node = self.filled(place, name, node)?;
            let node = self.extended(place, &node, step)?;
            services.push((name.clone(), node));
        }
        all = lay_over(all, services);
        if all.len() > MAX_SERVICES { Err(too_many(place.path)) } else { Ok(all) }
    }

    /// Puts variables into a service, and the folder before the files that it names.
    fn filled(&mut self, place: Place<'_>, name: &str, node: &Arc<Node>) -> Result<Arc<Node>> {
        let wrong = |why: String| wrong(place.path, &format!("service `{name}`: {why}"));
        let node = put_in(node, place.variables, &mut self.left).map_err(wrong)?;
        let Some(files) = node.get("env_file").filter(|files| !files.is_null()) else { return Ok(node) };
        let (files, merging) = (absolute(files, place.folder), node.merging);
        let each = |(field, node): &(String, Arc<Node>)| {
            let node = if field == "env_file" { &files } else { node };
            (field.clone(), Arc::clone(node))
        };
        let kind = Kind::Map(node.entries().unwrap_or_default().iter().map(each).collect());
        Ok(Arc::new(Node { kind, merging, missing: Vec::new() }))
    }

    /// Lays a service over the one that it extends.
    fn extended(&mut self, place: Place<'_>, node: &Arc<Node>, step: usize) -> Result<Arc<Node>> {
        let Some(extends) = node.get("extends").filter(|extends| !extends.is_null()) else {
            return Ok(Arc::clone(node));
        };
        if step > MAX_STEPS {
            return Err(wrong(place.path, "its services extend each other without end"));
        }
        let name = extends.scalar().or_else(|| extends.get("service")?.scalar());
        let name = name.ok_or_else(|| wrong(place.path, "`extends` names no service"))?;
        let loaded = match extends.get("file").and_then(|file| file.scalar()) {
            None => None,
            Some(file) => Some(self.load(place.path, file)?),
        };
        let other = match &loaded {
            None => place,
            Some((path, tree)) => {
                Place { path, folder: path.parent().unwrap_or(Path::new("/")), tree, variables: place.variables }
            }
        };
        let base = own_services(other.path, other.tree)?.iter().find(|(known, _)| known == name);
        let Some((_, base)) = base else {
            return Err(wrong(other.path, &format!("has no service `{name}`, which another extends")));
        };
        let base = self.filled(other, name, base)?;
        let base = self.extended(other, &base, step + 1)?;
        let merged = merge::services(&base, node);
        let entries = merged.entries().unwrap_or_default().iter();
        Ok(Node::map(entries.filter(|(field, _)| field != "extends").cloned().collect()))
    }

    /// Returns the services of the files that a file includes.
    fn included(&mut self, place: Place<'_>, include: &Arc<Node>, step: usize) -> Result<Vec<(String, Arc<Node>)>> {
        let path = place.path;
        if step > MAX_STEPS {
            return Err(wrong(path, "its files include each other without end"));
        }
        let Some(items) = include.items() else { return Err(wrong(path, "`include` is no list")) };
        let mut all = Vec::new();
        for item in items {
            let item = put_in(item, place.variables, &mut self.left).map_err(|why| wrong(path, &why))?;
            if item.get("env_file").is_some() || item.get("project_directory").is_some() {
                self.not_read.push(format!("`include` with `env_file` or `project_directory` in {}", path.display()));
                continue;
            }
            let files: Vec<&str> = match (item.scalar(), item.get("path")) {
                (Some(file), _) => vec![file],
                (None, Some(files)) => match files.items() {
                    Some(files) => files.iter().filter_map(|file| file.scalar()).collect(),
                    None => files.scalar().into_iter().collect(),
                },
                (None, None) => Vec::new(),
            };
            let mut services = Vec::new();
            for file in files {
                if file.contains("://") || !item.missing.is_empty() {
                    self.not_read.push(format!("`include` of `{file}` in {}", path.display()));
                    continue;
                }
                let (other_path, tree) = self.load(path, file)?;
                let folder = other_path.parent().unwrap_or(Path::new("/"));
                let beside = self.host.path(folder.join(".env"));
                let mut own = text_of(&beside).map(|text| variables::parse(&text)).unwrap_or_default();
                own.extend(place.variables.clone());
                let other = Place { path: &other_path, folder, tree: &tree, variables: &own };
                services = lay_over(services, self.services(other, step + 1)?);
            }
            all = lay_over(all, services);
        }
        Ok(all)
    }

    /// Reads a file that another one names.
    fn load(&mut self, from: &Path, name: &str) -> Result<(PathBuf, Arc<Node>)> {
        let path = from.parent().unwrap_or(Path::new("/")).join(name);
        self.left = self.left.checked_sub(FILE).ok_or_else(|| wrong(&path, &too_much()))?;
        let tree = tree_of(&path, &text_of(&self.host.path(&path))?)?;
        Ok((path, tree))
    }
}

fn too_much() -> String {
    format!("comes to more than {MAX_WORK} nodes when what it extends and includes is followed")
}

/// Returns the services that stand in a file. Files of the oldest form have nothing else.
fn own_services<'a>(path: &Path, tree: &'a Arc<Node>) -> Result<&'a [(String, Arc<Node>)]> {
    match tree.get("services") {
        Some(services) if services.is_null() => Ok(&[]),
        Some(services) => services.entries().ok_or_else(|| wrong(path, "`services` is no mapping")),
        None if tree.get("include").is_some() || tree.get("name").is_some() => Ok(&[]),
        None => {
            let known = ["version", "networks", "volumes", "configs", "secrets"];
            let entries = tree.entries().unwrap_or_default();
            if entries.iter().all(|(name, _)| known.contains(&name.as_str()) || name.starts_with("x-")) {
                Ok(&[])
            } else {
                Err(wrong(path, "has no `services`"))
            }
        }
    }
}

/// Puts variables into every text of a tree. What is wrong is told with its place, without the text.
fn put_in(node: &Arc<Node>, variables: &Variables, left: &mut usize) -> Result<Arc<Node>, String> {
    *left = left.checked_sub(1).ok_or_else(too_much)?;
    let kind = match &node.kind {
        Kind::Scalar { text, plain } if text.contains('$') => {
            let mut missing = BTreeSet::new();
            let text = interpolate(text, variables, &mut missing)?;
            *left = left.checked_sub(text.len() / PIECE).ok_or_else(too_much)?;
            // What a variable leaves empty is an empty text, not nothing.
            let plain = *plain && !text.is_empty();
            let missing = missing.into_iter().collect();
            return Ok(Arc::new(Node { kind: Kind::Scalar { text, plain }, merging: node.merging, missing }));
        }
        Kind::Scalar { .. } => return Ok(Arc::clone(node)),
        Kind::List(items) => {
            Kind::List(items.iter().map(|item| put_in(item, variables, left)).collect::<Result<_, _>>()?)
        }
        Kind::Map(entries) => {
            let mut each = |(name, node): &(String, Arc<Node>)| match put_in(node, variables, left) {
                Ok(node) => Ok((name.clone(), node)),
                Err(why) => Err(format!("`{name}`: {why}")),
            };
            Kind::Map(entries.iter().map(&mut each).collect::<Result<_, String>>()?)
        }
    };
    Ok(Arc::new(Node { kind, merging: node.merging, missing: Vec::new() }))
}

/// Reads a file of variables and a compose file from texts; whatever else they name is not there.
#[cfg(any(test, feature = "fuzz"))]
pub(super) fn of_text(variables: &str, file: &str) -> Result<Model> {
    let path = PathBuf::from("/none/compose.yml");
    let tree = tree_of(&path, file)?;
    let (folder, variables) = (PathBuf::from("/none"), variables::parse(variables));
    Model::of(&Source { files: vec![(path, tree)], folder, variables }, None, &Host::below("/dev/null"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_services_extend_is_counted() {
        let base: String = (0..20_000).map(|n| format!("      k{n}: ''\n")).collect();
        let many: String = (0..900).map(|n| format!("  s{n}: {{extends: big}}\n")).collect();
        let text = format!("services:\n  big:\n    image: x\n    environment:\n{base}{many}");
        let why = of_text("", &text).unwrap_err().to_string();
        assert!(why.contains("extends and includes"), "{why}");
        let many: String = (0..2000).map(|n| format!("  s{n}: {{image: x}}\n")).collect();
        let why = of_text("", &format!("services:\n{many}")).unwrap_err().to_string();
        assert!(why.contains("1000 services"), "{why}");
    }

    #[test]
    fn texts_that_many_variables_fill_are_counted() {
        let variables = format!("A={}\n", "x".repeat(100_000));
        let many: String = (0..5000).map(|n| format!("      k{n}: $A\n")).collect();
        let text = format!("services:\n  a:\n    image: x\n    environment:\n{many}");
        assert!(of_text(&variables, &text).unwrap_err().to_string().contains("more than"));
    }

    #[test]
    fn a_wrong_variable_is_told_with_its_place_and_without_its_text() {
        let why = of_text("", "services: {db: {environment: {PASSWORD: 'hunter2$'}}}").unwrap_err().to_string();
        assert!(why.contains("service `db`: `environment`: `PASSWORD`") && !why.contains("hunter2"), "{why}");
    }

    #[test]
    fn files_of_variables_lie_beside_the_file_that_names_them() {
        let root = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("shop/app.env", "WHOSE=shop");
        put("shop/db/app.env", "WHOSE=db");
        put("shop/c.yml", "include: [db/c.yml]\nservices:\n  web: {image: x, env_file: app.env}\n");
        put("shop/over.yml", "services:\n  own: {extends: {file: db/c.yml, service: db}, env_file: {path: ./app.env}}");
        put("shop/db/c.yml", "services:\n  db: {image: x, env_file: [app.env]}\n");
        let files = ["/shop/c.yml", "/shop/over.yml"].map(PathBuf::from);
        let files = ComposeFiles::new(files.to_vec()).unwrap();
        let host = Host::below(root.path());
        let model = Model::of(&Source::read_now(&files, None, &host).unwrap(), None, &host).unwrap();
        let whose = |service: &str| model.services[service].environment["WHOSE"].clone();
        assert_eq!(whose("web").as_deref(), Some("shop"));
        assert_eq!(whose("db").as_deref(), Some("db"));
        assert_eq!(whose("own").as_deref(), Some("shop"), "the later file counts");
    }
}
