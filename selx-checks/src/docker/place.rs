//! Where the engine listens, and what a missing right to its socket is called.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use selx_core::{Context, Error, ErrorKind, Result};
use serde::{Deserialize, Deserializer};

/// Where the engine listens unless something else is said.
pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// The socket of an engine, as settings name it: `unix:/PATH` or `/PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineAt(PathBuf);

impl EngineAt {
    /// Reads an address of an engine.
    ///
    /// # Errors
    ///
    /// If it is not the absolute path of a socket file, with or without `unix:` before it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let path = text.strip_prefix("unix:").unwrap_or(text);
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.starts_with('/') && path.len() > 1 {
            Ok(Self(path.into()))
        } else {
            Err(format!("`{text}` is not the socket of an engine; write `unix:/PATH`, such as `unix:{DEFAULT_SOCKET}`"))
        }
    }

    /// Returns the socket that a check means: the one of its settings, else that of `DOCKER_HOST`, else the usual one.
    ///
    /// # Errors
    ///
    /// `Config` if `DOCKER_HOST` names an engine that is not reached by a socket file.
    pub fn or_default(given: Option<&Self>, cx: &Context) -> Result<PathBuf> {
        let Self(path) = match (given, std::env::var("DOCKER_HOST")) {
            (Some(given), _) => given.clone(),
            (None, Ok(text)) if !text.is_empty() => Self::parse(&text).map_err(|_| {
                let scheme = text.split_once(':').map_or("a name", |(scheme, _)| scheme);
                Error::new(
                    ErrorKind::Config,
                    format!("`DOCKER_HOST` names an engine over `{scheme}`; it is asked over its socket file only"),
                )
                .advice("set `engine = \"unix:/PATH\"`")
            })?,
            _ => Self(DEFAULT_SOCKET.into()),
        };
        Ok(cx.host().path(path))
    }
}

impl EngineAt {
    /// Returns which engine is meant, for the name of its lock: two paths to one socket are one engine.
    pub(super) fn shown(given: Option<&Self>) -> String {
        let named = || Self::parse(&std::env::var("DOCKER_HOST").ok()?).ok();
        let Self(path) = given.cloned().or_else(named).unwrap_or_else(|| Self(DEFAULT_SOCKET.into()));
        std::fs::canonicalize(&path).unwrap_or(path).display().to_string()
    }
}

impl fmt::Display for EngineAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix:{}", self.0.display())
    }
}

impl<'de> Deserialize<'de> for EngineAt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for EngineAt {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EngineAt".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(unix:(//)?)?/.+$" })
    }
}

/// Says which right is missing for a socket.
pub(super) fn denied(path: &Path) -> Error {
    let shown = format!("the engine's socket `{}`", path.display());
    let Ok(meta) = std::fs::metadata(path) else {
        return Error::new(ErrorKind::Denied, format!("no right to reach {shown}"))
            .advice("run selx as root, or as a user that may search the folders above the socket");
    };
    // Connecting to a socket takes the right to write to it.
    let (owner, group) = (name("/etc/passwd", meta.uid()), name("/etc/group", meta.gid()));
    if meta.mode() & 0o020 == 0 {
        return Error::new(ErrorKind::Denied, format!("no right to use {shown}, which is open to user `{owner}` only"))
            .advice(format!("run this check as `{owner}`"));
    }
    Error::new(
        ErrorKind::Denied,
        format!("no right to use {shown}, which is open to user `{owner}` and group `{group}`"),
    )
    .advice(format!("run selx as root, or add its user to the group `{group}`; that right is as much as being root"))
}

/// Finds the name of a number in one of the two files that have them.
fn name(file: &str, number: u32) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let found = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(number)).then(|| name.to_owned())
    });
    found.unwrap_or_else(|| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_named_as_docker_names_them() {
        for text in ["unix:///run/d.sock", "unix:/run/d.sock", "/run/d.sock"] {
            assert_eq!(EngineAt::parse(text).unwrap().to_string(), "unix:/run/d.sock");
        }
        for text in ["tcp://127.0.0.1:2375", "", "d.sock", "unix:d.sock", "unix:///", "/"] {
            assert!(EngineAt::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_numbers_are_found() {
        assert_eq!(name("/etc/passwd", 0), "root");
        assert_eq!(name("/etc/group", 4_000_000_000), "4000000000");
    }
}
