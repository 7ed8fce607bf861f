//! The settings.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::endpoint::{Address, Endpoint, Name};

/// What to look at, and what to ask of it. At least one of `endpoints`, `files` and `compare` is needed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "Settings")]
pub struct Config(pub(super) Settings);

/// What to look at, and what to ask of it. At least one of `endpoints`, `files` and `compare` is needed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The servers: `host` or `host:port`, the port being 443 unless it is given. Default: none.
    pub(super) endpoints: Vec<Endpoint>,
    /// Certificates on disk, in PEM or DER form, as paths with `*`, `?`, `[…]` and `**`. At most 1000 files are read; a
    /// pattern that matches nothing is reported. Default: none.
    pub(super) files: Vec<String>,
    /// Servers and the file that each of them should be serving, to find out that a renewal was not loaded. Default:
    /// none.
    pub(super) compare: Vec<Compared>,
    /// The name to ask the servers for, if it is not the host of the endpoint. Default: the host.
    pub(super) server_name: Option<Name>,
    /// Which of the addresses behind a name to look at. Default: `all`.
    pub(super) addresses: Addresses,
    /// Addresses to connect to instead of those that the name leads to, each with the port of the endpoint unless it has
    /// its own. Default: none, the name is looked up.
    pub(super) resolve_to: Vec<Address>,
    /// A PEM file of the only roots to trust, such as those of a private authority. Default: none, the roots of this
    /// host are trusted.
    pub(super) ca_file: Option<PathBuf>,
    /// The oldest protocol that a server may agree on. Default: `1.2`.
    pub(super) min_protocol: MinProtocol,
    /// Whether to look at the private keys beside `files` too: whether they fit and who can read them. Default: no.
    pub(super) keys: bool,
}

/// A server and the file that it should be serving.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Compared {
    /// The server: `host` or `host:port`.
    pub(super) endpoint: Endpoint,
    /// The certificate file of the server's configuration, such as `/etc/letsencrypt/live/example.com/fullchain.pem`.
    pub(super) file: PathBuf,
}

/// Which of the addresses behind a name to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Addresses {
    /// Every one: one of several servers may have been forgotten.
    #[default]
    All,
    /// The first one only.
    First,
    /// Those of IPv4, for a machine without IPv6.
    Ipv4,
    /// Those of IPv6.
    Ipv6,
}

/// The oldest protocol that is fine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum MinProtocol {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

impl TryFrom<Settings> for Config {
    type Error = String;

    fn try_from(settings: Settings) -> Result<Self, String> {
        if settings.endpoints.is_empty() && settings.files.is_empty() && settings.compare.is_empty() {
            return Err("nothing to look at; set `endpoints`, `files` or `compare`".to_owned());
        }
        for pattern in &settings.files {
            if let Err(error) = glob::Pattern::new(pattern) {
                return Err(format!("`{pattern}` is not a pattern: {error}"));
            }
        }
        Ok(Self(settings))
    }
}
