//! The services of a project, put together from all of its files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use selx_core::{Context, ErrorKind, Host, Result};

use super::merge;
use super::project::{ComposeFiles, Project, Source, text_of, wrong};
use super::service::Service;
use super::variables::{self, Variables, interpolate};
use super::yaml::{self, Kind, Merging, Node};

/// How often a service may extend one that extends another, and a file include one that includes another.
const MAX_STEPS: usize = 8;
/// How many services there may be.
const MAX_SERVICES: usize = 1000;

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
        let mut reader = Reader { host, not_read: Vec::new() };
        let mut all: Vec<(String, Arc<Node>)> = Vec::new();
        for (path, tree) in &source.files {
            let services = reader.services(path, tree, &variables, 0)?;
            all = lay_over(all, services);
        }
        if all.len() > MAX_SERVICES {
            let path = source.files.first().map(|(path, _)| path.as_path()).unwrap_or(Path::new("/"));
            return Err(wrong(path, &format!("has more than {MAX_SERVICES} services")));
        }
        let mut services = BTreeMap::new();
        for (service, node) in all.into_iter().filter(|(_, node)| node.merging != Merging::Reset) {
            let path = source.files.first().map(|(path, _)| path.as_path()).unwrap_or(Path::new("/"));
            let mut read = Service::of(&service, &node).map_err(|why| wrong(path, &why))?;
            add_files(&mut read, &node, path, host);
            services.insert(service, read);
        }
        Ok(Self {
            project: name,
            other_name: other,
            services,
            profiles: profiles.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            not_read: reader.not_read,
        })
    }
}

/// Adds the variables of the files that a service names; those of later files count.
fn add_files(service: &mut Service, node: &Arc<Node>, path: &Path, host: &Host) {
    let Some(files) = node.get("env_file").filter(|files| !files.is_null()) else { return };
    let files = match files.items() {
        Some(files) => files.to_vec(),
        None => vec![Arc::clone(files)],
    };
    let folder = path.parent().unwrap_or(Path::new("/"));
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

struct Reader<'a> {
    host: &'a Host,
    not_read: Vec<String>,
}

impl Reader<'_> {
    /// Returns the services of a file, with its variables put in and what they extend laid under them.
    fn services(
        &mut self,
        path: &Path,
        tree: &Arc<Node>,
        variables: &Variables,
        step: usize,
    ) -> Result<Vec<(String, Arc<Node>)>> {
        let mut all = match tree.get("include") {
            Some(include) if !include.is_null() => self.included(path, include, variables, step)?,
            _ => Vec::new(),
        };
        let own = own_services(path, tree)?;
        let mut services = Vec::new();
        for (name, node) in own {
            let node = put_in(node, variables).map_err(|why| wrong(path, &format!("service `{name}`: {why}")))?;
            let node = self.extended(path, tree, &node, variables, step)?;
            services.push((name.clone(), node));
        }
        all = lay_over(all, services);
        Ok(all)
    }

    /// Lays a service over the one that it extends.
    fn extended(
        &mut self,
        path: &Path,
        tree: &Arc<Node>,
        node: &Arc<Node>,
        variables: &Variables,
        step: usize,
    ) -> Result<Arc<Node>> {
        let Some(extends) = node.get("extends").filter(|extends| !extends.is_null()) else {
            return Ok(Arc::clone(node));
        };
        if step > MAX_STEPS {
            return Err(wrong(path, "its services extend each other without end"));
        }
        let name = extends.scalar().or_else(|| extends.get("service")?.scalar());
        let name = name.ok_or_else(|| wrong(path, "`extends` names no service"))?;
        let other = extends.get("file").and_then(|file| file.scalar());
        let (other_path, other_tree) = match other {
            None => (path.to_owned(), Arc::clone(tree)),
            Some(file) => self.load(path, file)?,
        };
        let base = own_services(&other_path, &other_tree)?.iter().find(|(known, _)| known == name);
        let Some((_, base)) = base else {
            return Err(wrong(&other_path, &format!("has no service `{name}`, which another extends")));
        };
        let base = put_in(base, variables).map_err(|why| wrong(&other_path, &why))?;
        let base = self.extended(&other_path, &other_tree, &base, variables, step + 1)?;
        let merged = merge::services(&base, node);
        let entries = merged.entries().unwrap_or_default().iter();
        Ok(Node::map(entries.filter(|(field, _)| field != "extends").cloned().collect()))
    }

    /// Returns the services of the files that a file includes.
    fn included(
        &mut self,
        path: &Path,
        include: &Arc<Node>,
        variables: &Variables,
        step: usize,
    ) -> Result<Vec<(String, Arc<Node>)>> {
        if step > MAX_STEPS {
            return Err(wrong(path, "its files include each other without end"));
        }
        let Some(items) = include.items() else { return Err(wrong(path, "`include` is no list")) };
        let mut all = Vec::new();
        for item in items {
            let item = put_in(item, variables).map_err(|why| wrong(path, &why))?;
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
                let beside = other_path.parent().unwrap_or(Path::new("/")).join(".env");
                let mut own = text_of(&self.host.path(beside)).map(|text| variables::parse(&text)).unwrap_or_default();
                own.extend(variables.clone());
                services = lay_over(services, self.services(&other_path, &tree, &own, step + 1)?);
            }
            all = lay_over(all, services);
        }
        Ok(all)
    }

    /// Reads a file that another one names.
    fn load(&self, from: &Path, name: &str) -> Result<(PathBuf, Arc<Node>)> {
        let path = from.parent().unwrap_or(Path::new("/")).join(name);
        let text = text_of(&self.host.path(&path))?;
        let tree = yaml::parse(&text).map_err(|why| wrong(&path, &why))?;
        Ok((path, tree))
    }
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

/// Puts variables into every text of a tree.
fn put_in(node: &Arc<Node>, variables: &Variables) -> Result<Arc<Node>, String> {
    let kind = match &node.kind {
        Kind::Scalar { text, plain } if text.contains('$') => {
            let mut missing = BTreeSet::new();
            let text = interpolate(text, variables, &mut missing)?;
            // What a variable leaves empty is an empty text, not nothing.
            let plain = *plain && !text.is_empty();
            let missing = missing.into_iter().collect();
            return Ok(Arc::new(Node { kind: Kind::Scalar { text, plain }, merging: node.merging, missing }));
        }
        Kind::Scalar { .. } => return Ok(Arc::clone(node)),
        Kind::List(items) => Kind::List(items.iter().map(|item| put_in(item, variables)).collect::<Result<_, _>>()?),
        Kind::Map(entries) => {
            let each = |(name, node): &(String, Arc<Node>)| Ok((name.clone(), put_in(node, variables)?));
            Kind::Map(entries.iter().map(each).collect::<Result<_, String>>()?)
        }
    };
    Ok(Arc::new(Node { kind, merging: node.merging, missing: Vec::new() }))
}
