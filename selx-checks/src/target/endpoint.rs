//! Where a service was found.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use selx_core::{Context, Error, ErrorKind, Result, Secret};

use super::address::{Address, Place};

/// Where a service was found at this look.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The address, with what a URL says beside it.
    pub address: Address,
    /// The container behind it, if it was found through the engine.
    pub container: Option<Container>,
}

/// What is taken from the container of a service.
#[derive(Clone)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name, such as `shop_postgres_1`.
    pub name: String,
    /// Its environment. It holds passwords, so it is asked name by name.
    pub environment: BTreeMap<String, String>,
    /// Its command line. It may hold passwords.
    pub command: Vec<String>,
    /// Where its folders come from: the path in the container, and on this host.
    pub mounts: Vec<(PathBuf, PathBuf)>,
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Container").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

impl Container {
    /// Takes what is needed of what the engine says about a container.
    pub fn of(from: crate::docker::Container) -> Self {
        let crate::docker::Container { id, name, environment, process, mounts, .. } = from;
        Self { id, name, environment, command: process, mounts }
    }
}

impl Endpoint {
    /// An address that was given.
    pub fn of(address: Address) -> Self {
        Self { address, container: None }
    }

    /// Returns where to connect.
    pub fn place(&self) -> &Place {
        &self.address.place
    }

    /// Returns a variable of the container that is no secret, such as `POSTGRES_USER`.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.container.as_ref()?.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns a secret variable of the container: its value, or the first line of the file that `NAME_FILE` names,
    /// which is read on this host where the container got it from.
    ///
    /// What is returned is taken out of every report from then on.
    ///
    /// # Errors
    ///
    /// `Denied` or `Missing` if `NAME_FILE` is set and the file cannot be read from here.
    pub fn secret(&self, name: &str, cx: &Context) -> Result<Option<Secret>> {
        let Some(container) = &self.container else {
            return Ok(None);
        };
        let file = format!("{name}_FILE");
        if let Some(path) = self.variable(&file) {
            let inside = PathBuf::from(path);
            let found = container.mounts.iter().filter_map(|(in_container, on_host)| {
                let rest = inside.strip_prefix(in_container).ok()?;
                Some(if rest.as_os_str().is_empty() { on_host.clone() } else { on_host.join(rest) })
            });
            // The longest mount is the innermost: it covers the others.
            let Some(path) = found.max_by_key(|path| path.components().count()) else {
                return Err(Error::new(
                    ErrorKind::Missing,
                    format!("`{file}` of container `{}` names `{path}`, which is on no mount of it", container.name),
                )
                .advice("give the check its own `password = \"file:/PATH\"`"));
            };
            return cx.secrets().of_file(&cx.host().path(path)).map(Some);
        }
        Ok(self.variable(name).map(|value| cx.secrets().learn(value)))
    }
}
