//! Where a Prometheus server is, and the addresses of its API.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use selx_core::{Context, Error, ErrorKind, Result};
use serde::de::MapAccess;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer};

use crate::http::Url;
use crate::net::Failure;
use crate::target::{Place, Service, Target};

/// What Prometheus says about its addresses.
pub struct Prometheus;

impl Service for Prometheus {
    const NAME: &'static str = "Prometheus";
    const SCHEMES: &'static [(&'static str, bool)] = &[("http", false), ("https", true)];
    const PORT: u16 = 9090;
}

/// Where a server is.
#[derive(Clone, Debug)]
pub enum Server {
    /// A URL; its port is that of the scheme unless it names one.
    Url(Url),
    /// An address, a socket file, or a service of a compose project.
    Target(Target<Prometheus>),
}

/// Where a server was found.
pub(super) struct Found {
    /// The URL before `/api`.
    pub(super) base: Url,
    /// The socket file to connect to.
    pub(super) socket: Option<PathBuf>,
    /// The name of its container.
    pub(super) container: Option<String>,
}

impl Server {
    /// Finds out where the server is now.
    ///
    /// # Errors
    ///
    /// The inner failure is that its container is not there; the outer error what could not be found out.
    pub(super) async fn find(&self, cx: &Context) -> Result<Result<Found, Failure>> {
        let target = match self {
            Self::Url(url) => return Ok(Ok(Found { base: url.clone(), socket: None, container: None })),
            Self::Target(target) => target,
        };
        let endpoint = match target.find(cx).await? {
            Ok(endpoint) => endpoint,
            Err(failure) => return Ok(Err(failure)),
        };
        let (base, socket) = match endpoint.place() {
            Place::Unix(path) => ("http://localhost/".to_owned(), Some(path.clone())),
            place @ Place::Tcp { .. } => (format!("http://{place}/"), None),
        };
        let base = base.parse().map_err(|why: String| Error::new(ErrorKind::Config, why))?;
        Ok(Ok(Found { base, socket, container: endpoint.container.map(|container| container.name) }))
    }
}

/// Makes the URL of a part of the API.
pub(super) fn below(base: &Url, path: &str) -> Result<Url> {
    let scheme = if base.is_secure() { "https" } else { "http" };
    let prefix = base.target().trim_end_matches('/');
    format!("{scheme}://{}{prefix}{path}", base.authority())
        .parse()
        .map_err(|why: String| Error::new(ErrorKind::Config, format!("the address of the API cannot be made: {why}")))
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::Target(target) => target.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Server {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = Server;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL, an address, or a table { compose = FILE, service = NAME }")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Server, E> {
                if !text.contains("://") || text.starts_with("unix:") {
                    let target = Target::deserialize(serde::de::value::StrDeserializer::new(text))?;
                    return Ok(Server::Target(target));
                }
                let url: Url = text.parse().map_err(E::custom)?;
                if url.target().contains('?') {
                    return Err(E::custom("the url ends with the path before `/api`, without a query"));
                }
                if url.target().trim_end_matches('/').ends_with("/api/v1") {
                    return Err(E::custom("the url ends before `/api/v1`"));
                }
                Ok(Server::Url(url))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Server, M::Error> {
                Target::deserialize(MapAccessDeserializer::new(map)).map(Server::Target)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Server {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PrometheusServer".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Target::<Prometheus>::json_schema(generator)
    }
}
