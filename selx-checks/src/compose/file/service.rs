//! What a compose file says about a service, as far as it can be seen from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::merge::canonical;
use super::variables::Variables;
use super::yaml::Node;

/// A service of a compose file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The reference of its image, if it names one.
    pub image: Option<String>,
    /// Whether its image is built here.
    pub build: bool,
    /// How many containers it has.
    pub replicas: u32,
    /// The profiles that it belongs to; it is always active if there is none.
    pub profiles: Vec<String>,
    /// When the engine starts it again, if the file says so: `no`, `always`, `on-failure`, `unless-stopped`.
    pub restart: Option<String>,
    /// Whether its health check is switched off, or set.
    pub healthcheck: Option<bool>,
    /// The services that it waits for, and for what of each.
    pub depends_on: BTreeMap<String, Condition>,
    /// Its command, split into words, if it is not that of the image.
    pub command: Option<Vec<String>>,
    /// Its environment; nothing is the value of a variable that is taken from the shell.
    pub environment: BTreeMap<String, Option<String>>,
    /// Those of its variables that come from files of variables, whose values versions of compose read differently.
    pub from_files: BTreeSet<String>,
    /// The first file of variables that could not be read, and why; its environment is not known then.
    pub environment_unread: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its networks, by their names in the file; `default` if it names none.
    pub networks: Vec<String>,
    /// The name of its container, if it is not the usual one.
    pub container_name: Option<String>,
    /// Whose network it uses instead of networks of its own.
    pub network_mode: Option<String>,
    /// Variables without a value that the image, the command or the number of containers depend on. Whoever started the
    /// project may have had them in the shell.
    pub missing: BTreeSet<String>,
}

/// What of another service is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// It was started.
    #[default]
    Started,
    /// Its health check passed.
    Healthy,
    /// It ended with 0.
    Completed,
}

impl Service {
    /// Takes a service out of its tree.
    pub(super) fn of(name: &str, node: &Arc<Node>) -> Result<Self, String> {
        if node.entries().is_none() {
            return Err(format!("the service `{name}` is no mapping"));
        }
        let mut missing = BTreeSet::new();
        let wrong = |field: &str| format!("`{field}` of the service `{name}` is not what it should be");
        let map = |field: &str| node.get(field).map(|value| canonical(field, value));
        let pairs = |field: &str| -> Result<Vec<(String, Arc<Node>)>, String> {
            match map(field) {
                None => Ok(Vec::new()),
                Some(value) => value.entries().map(<[_]>::to_vec).ok_or_else(|| wrong(field)),
            }
        };
        let mut text = |field: &str| -> Option<String> {
            let value = node.get(field)?;
            missing.extend(value.missing.iter().cloned());
            value.scalar().map(str::to_owned)
        };
        let (image, container_name, network_mode) = (text("image"), text("container_name"), text("network_mode"));
        // `on-failure:5` limits the tries.
        let restart = text("restart").and_then(|restart| restart.split(':').next().map(str::to_owned));
        let replicas = replicas(node, &mut missing).map_err(|field| wrong(&field))?;
        let command = match node.get("command") {
            Some(command) if !command.is_null() => Some(words(command, &mut missing).ok_or_else(|| wrong("command"))?),
            _ => None,
        };
        let mut depends_on = BTreeMap::new();
        for (other, how) in pairs("depends_on")? {
            let condition = match how.get("condition").and_then(|condition| condition.scalar()) {
                Some("service_healthy") => Condition::Healthy,
                Some("service_completed_successfully") => Condition::Completed,
                _ => Condition::Started,
            };
            depends_on.insert(other, condition);
        }
        let mut networks: Vec<String> = pairs("networks")?.into_iter().map(|(network, _)| network).collect();
        if networks.is_empty() && network_mode.is_none() {
            networks.push("default".to_owned());
        }
        networks.sort();
        let value = |node: &Arc<Node>| match node.missing.is_empty() {
            true => node.scalar().map(str::to_owned),
            false => None,
        };
        Ok(Self {
            image,
            build: node.get("build").is_some_and(|build| !build.is_null()),
            replicas,
            profiles: texts(node.get("profiles")).ok_or_else(|| wrong("profiles"))?,
            restart,
            healthcheck: healthcheck(node),
            depends_on,
            command,
            environment: pairs("environment")?.iter().map(|(name, node)| (name.clone(), value(node))).collect(),
            labels: pairs("labels")?
                .iter()
                .map(|(name, node)| (name.clone(), node.scalar().unwrap_or_default().to_owned()))
                .collect(),
            networks,
            container_name,
            network_mode,
            missing,
            environment_unread: None,
            from_files: BTreeSet::new(),
        })
    }

    /// Adds the variables of a file, which count less than those that are known already.
    pub(super) fn add_environment(&mut self, variables: Variables) {
        for (name, value) in variables {
            if !self.environment.contains_key(&name) {
                self.from_files.insert(name.clone());
                self.environment.insert(name, Some(value));
            }
        }
    }

    /// Tells whether it belongs to the project with these profiles.
    pub fn is_active(&self, profiles: &BTreeSet<String>) -> bool {
        self.profiles.is_empty()
            || profiles.contains("*")
            || self.profiles.iter().any(|profile| profiles.contains(profile))
    }
}

/// How many containers there are: `scale`, else `deploy.replicas`, else one.
fn replicas(node: &Arc<Node>, missing: &mut BTreeSet<String>) -> Result<u32, String> {
    let deploy = node.get("deploy");
    let global = deploy.and_then(|deploy| deploy.get("mode")).and_then(|mode| mode.scalar()) == Some("global");
    let fields = [("scale", node.get("scale")), ("deploy.replicas", deploy.and_then(|deploy| deploy.get("replicas")))];
    for (field, value) in fields {
        let Some(value) = value.filter(|value| !value.is_null()) else { continue };
        missing.extend(value.missing.iter().cloned());
        match value.scalar().map(str::trim) {
            _ if global => return Ok(1),
            Some("") if !value.missing.is_empty() => return Ok(1),
            Some(text) => return text.parse().map_err(|_| field.to_owned()),
            None => return Err(field.to_owned()),
        }
    }
    Ok(1)
}

/// Tells whether a health check is set (true) or switched off (false).
fn healthcheck(node: &Arc<Node>) -> Option<bool> {
    let check = node.get("healthcheck").filter(|check| !check.is_null())?;
    if check.get("disable").and_then(|disable| disable.truth()) == Some(true) {
        return Some(false);
    }
    let test = check.get("test")?;
    let first = test.items().map_or(test.scalar(), |items| items.first()?.scalar());
    Some(first != Some("NONE"))
}

fn texts(node: Option<&Arc<Node>>) -> Option<Vec<String>> {
    let Some(node) = node.filter(|node| !node.is_null()) else { return Some(Vec::new()) };
    let Some(items) = node.items() else { return Some(vec![node.scalar()?.to_owned()]) };
    let mut texts: Vec<String> = items.iter().map(|item| item.scalar().map(str::to_owned)).collect::<Option<_>>()?;
    texts.sort();
    texts.dedup();
    Some(texts)
}

/// Takes a command: a list as it is, a text split as a shell does.
fn words(node: &Arc<Node>, missing: &mut BTreeSet<String>) -> Option<Vec<String>> {
    missing.extend(node.missing.iter().cloned());
    match node.items() {
        Some(items) => items
            .iter()
            .map(|item| {
                missing.extend(item.missing.iter().cloned());
                item.scalar().or_else(|| item.is_null().then_some("")).map(str::to_owned)
            })
            .collect(),
        None => split(node.scalar()?),
    }
}

/// Splits a text into words as a shell does, without anything else that a shell does.
pub(super) fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '\'' => break,
                        letter => word.push(letter),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '"' => break,
                        '\\' => match letters.next()? {
                            next @ ('"' | '\\') => word.push(next),
                            next => word.extend(['\\', next]),
                        },
                        letter => word.push(letter),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(letters.next()?),
            letter if letter.is_ascii_whitespace() => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_as_a_shell_does() {
        let read = |text: &str| split(text).map(|words| words.join("|"));
        for (text, words) in [
            ("sh -c 'a b; c'", "sh|-c|a b; c"),
            ("a \"b \\\" $c\" d\\ e ''", "a|b \" $c|d e|"),
            ("  ", ""),
            ("a'b'\"c\"", "abc"),
        ] {
            assert_eq!(read(text).as_deref(), Some(words), "{text}");
        }
        assert_eq!(read("a 'b"), None);
    }
}
