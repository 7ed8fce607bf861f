//! Where a server is and who asks it: the settings that the kinds share.

use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use selx_core::{Context, Result, Secret, SecretRef};
use serde::{Deserialize, Deserializer, Serialize};

use crate::target::{Endpoint, Service, Target};

/// PostgreSQL, as a sort of service.
pub enum Postgres {}

impl Service for Postgres {
    const NAME: &'static str = "PostgreSQL";
    const SCHEMES: &'static [(&'static str, bool)] = &[("postgres", false), ("postgresql", false)];
    const PORT: u16 = 5432;
}

/// Whether a connection over TCP is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// It is not.
    Off,
    /// It is if the server offers it; the certificate is not looked at.
    Prefer,
    /// It has to be; the certificate is not looked at.
    Require,
    /// It has to be, with a certificate of a trusted root for the name of the target.
    Verify,
}

/// A name as a server takes it: of a role, a database, a schema, a table or a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Takes a name.
    ///
    /// # Errors
    ///
    /// If it is empty, longer than 63 bytes, which the server would cut, or has a control character.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > 63 {
            return Err("a name has 1 to 63 bytes".to_owned());
        }
        // A NUL ends a text in the protocol; the others only hide.
        if text.chars().any(char::is_control) {
            return Err("a name has no control characters".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// Takes a name that a server gave: it has such things, whatever stands in it.
    pub(super) fn of_server(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns it as it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns it as an identifier of SQL: in quotes, with its own quotes doubled.
    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Name {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 63 })
    }
}

/// The shared settings of a check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server<'a> {
    pub(crate) target: &'a Target<Postgres>,
    pub(crate) user: Option<&'a Name>,
    pub(crate) database: Option<&'a Name>,
    pub(crate) password: Option<&'a SecretRef>,
    pub(crate) tls: Option<Tls>,
    pub(crate) ca_file: Option<&'a Path>,
    pub(crate) weak_login: bool,
}

/// Who asks, at this look.
pub(super) struct Who {
    pub(super) user: String,
    pub(super) database: String,
    pub(super) password: Option<Secret>,
}

impl Server<'_> {
    /// Settles who asks: the settings first, then the URL, then the container.
    ///
    /// # Errors
    ///
    /// If the password cannot be read.
    pub(super) fn who(&self, endpoint: &Endpoint, cx: &Context) -> Result<Who> {
        let of_container = endpoint.variable("POSTGRES_USER");
        let user = self.user.map(Name::as_str).or(endpoint.address.user.as_deref()).or(of_container);
        let user = user.unwrap_or("postgres").to_owned();
        let database = self.database.map(Name::as_str).or(endpoint.address.database.as_deref());
        // The image makes a database of the user's name unless another one is named.
        let database = database.or_else(|| endpoint.variable("POSTGRES_DB")).or(of_container).unwrap_or(&user);
        let database = database.to_owned();
        let password = match self.password {
            Some(from) => Some(cx.secrets().get(from)?),
            // The variable is the password of one user and of no other.
            None if of_container.unwrap_or("postgres") == user => endpoint.secret("POSTGRES_PASSWORD", cx)?,
            None => None,
        };
        Ok(Who { user, database, password })
    }

    /// Returns how the connection is to be encrypted.
    pub(super) fn tls(&self) -> Tls {
        self.tls.unwrap_or(if self.ca_file.is_some() { Tls::Verify } else { Tls::Prefer })
    }
}

/// Returns the socket file of a place: the server's own name for it where a folder is given.
pub(super) fn socket_file(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(".s.PGSQL.5432") } else { path.to_owned() }
}

/// Writes the settings of a kind: those that all kinds share, and its own.
macro_rules! settings {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$field_about:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct $name {
            /// Where the server is: an address, a socket file or its folder (`/var/run/postgresql`), a URL without a
            /// password, or `{ compose = "/FILE", service = "NAME" }`.
            pub(super) target: crate::target::Target<crate::postgres::Postgres>,
            /// The role. Default: that of the URL, `POSTGRES_USER` of the container, else `postgres`.
            #[serde(default)]
            pub(super) user: Option<crate::postgres::Name>,
            /// The database. Default: that of the URL, `POSTGRES_DB` of the container, else one named as the role.
            #[serde(default)]
            pub(super) database: Option<crate::postgres::Name>,
            /// Where the password is. Default: `POSTGRES_PASSWORD` or `POSTGRES_PASSWORD_FILE` of the container, if the
            /// role is its `POSTGRES_USER`; for another role it has to be given.
            #[serde(default)]
            pub(super) password: Option<selx_core::SecretRef>,
            /// Encryption over TCP: `off`, `prefer`, `require`, or `verify`, which also looks at the certificate.
            /// Default: `verify` where there is a `ca-file`, else `prefer`. Socket files are never encrypted.
            #[serde(default)]
            pub(super) tls: Option<crate::postgres::Tls>,
            /// Roots to trust instead of those of this host, a PEM file.
            #[serde(default)]
            pub(super) ca_file: Option<std::path::PathBuf>,
            /// Whether a password may be sent as it is or as MD5 over a line that others may read. Without this it goes
            /// so only over a socket file, loopback, to a container of this host, or with `verify`.
            #[serde(default)]
            pub(super) weak_login: bool,
            $($(#[$field_about])* pub(super) $field: $type,)*
        }

        impl $name {
            pub(super) fn server(&self) -> crate::postgres::Server<'_> {
                crate::postgres::Server {
                    target: &self.target,
                    user: self.user.as_ref(),
                    database: self.database.as_ref(),
                    password: self.password.as_ref(),
                    tls: self.tls,
                    ca_file: self.ca_file.as_deref(),
                    weak_login: self.weak_login,
                }
            }
        }
    };
}
pub(crate) use settings;
