//! The settings of the kind.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use selx_core::{ByteSize, SecretRef, TimeSpan};
use serde::{Deserialize, Deserializer};

use super::expect::Expect;
use super::field::{FieldName, FieldText, User, from_text};
use super::url::Url;

/// The settings of an `http` check.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// What is asked: an `http` or `https` URL without user name, password and fragment. Reports hide the values of its
    /// query.
    pub url: Url,
    /// The method of the request. Default: `GET`.
    #[serde(default)]
    pub method: Method,
    /// Headers of the request, by name. A `host` header replaces the one made from the URL. Values that are secret
    /// belong into `authorization`.
    #[serde(default)]
    pub headers: BTreeMap<FieldName, FieldText>,
    /// Credentials: `{ bearer = "env:NAME" }` or `{ basic = { user = "NAME", password = "file:/PATH" } }`. They are
    /// never sent to another origin than that of `url`.
    #[serde(default)]
    pub authorization: Option<Authorization>,
    /// The body of the request, sent as it is.
    #[serde(default)]
    pub body: Option<String>,
    /// What the answer must be. Default: a status from 200 to 299.
    #[serde(default)]
    pub expect: Expect,
    /// How many redirects are followed, 0 to 5; only of `GET` and `HEAD`, only to the same scheme, host and port, and
    /// never from a public address to a private one. Default: 0, a redirect is a finding.
    #[serde(default)]
    pub redirects: Redirects,
    /// Further origins that redirects may lead to, such as `https://www.example.org`. Credentials and configured
    /// headers are not sent there. Never from `https` to `http`.
    #[serde(default)]
    pub redirect_origins: Vec<Url>,
    /// How many bytes of the body are read, at most 64 MiB; a longer one is critical. Default: `1MiB`.
    #[serde(default)]
    pub max_body: MaxBody,
    /// Whether one address behind the name has to answer (`first`) or every one (`all`). Default: `first`.
    #[serde(default)]
    pub addresses: Addresses,
    /// How long one address may take to accept a connection. Default: `3s`.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: TimeSpan,
    /// Where to connect instead of looking the name up: `192.0.2.1`, `192.0.2.1:8443`, `[2001:db8::1]:8443` or
    /// `unix:/run/app.sock`. The URL still says what is asked for.
    #[serde(default)]
    pub connect_to: Option<Endpoint>,
    /// The name that the certificate has to be for. Default: the host of the URL.
    #[serde(default)]
    pub server_name: Option<String>,
    /// A file of root certificates (PEM) that are trusted instead of those of this machine.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// What a name means that leads to a private, loopback or link-local address: `allow`, `warn`, or `deny`, which is
    /// critical and does not connect. Default: `allow`.
    #[serde(default)]
    pub private: Private,
}

const fn connect_timeout() -> TimeSpan {
    TimeSpan::secs(3)
}

/// The method of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Get the whole answer.
    #[default]
    Get,
    /// Get the headers only.
    Head,
    /// Send something, without a promise that twice is like once.
    Post,
    /// Put something in a place.
    Put,
    /// Ask what is offered.
    Options,
}

impl From<Method> for hyper::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Head => Self::HEAD,
            Method::Post => Self::POST,
            Method::Put => Self::PUT,
            Method::Options => Self::OPTIONS,
        }
    }
}

/// Credentials of a request.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Authorization {
    /// A token.
    Bearer(SecretRef),
    /// A user with a password.
    Basic(Basic),
}

/// A user with a password.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Basic {
    /// The name of the user, without a colon.
    pub user: User,
    /// Where the password is: `env:NAME` or `file:/PATH`.
    pub password: SecretRef,
}

/// Whether one address has to answer or all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Addresses {
    /// The first one that accepts a connection is asked.
    #[default]
    First,
    /// Every one is asked and judged.
    All,
}

/// What an address means that is not public.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Private {
    /// Nothing.
    #[default]
    Allow,
    /// A warning.
    Warn,
    /// It is critical, and no connection is made.
    Deny,
}

/// Where to connect instead of looking a name up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// An address, with the port of the URL.
    Address(IpAddr),
    /// An address with a port.
    Socket(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            // The kernel's limit for the path of a socket, with its final zero.
            if !path.is_absolute() || path.as_os_str().len() > 107 {
                return Err("`unix:` is followed by an absolute path of at most 107 bytes".into());
            }
            return Ok(Self::Unix(path));
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Ok(Self::Address(address));
        }
        text.parse().map(Self::Socket).map_err(|_| {
            format!("`{text}` is neither an address (`192.0.2.1`, `[2001:db8::1]:8443`) nor `unix:/path`; names belong into `url`")
        })
    }
}

from_text!(Endpoint, json_schema!({ "type": "string", "examples": ["192.0.2.1", "unix:/run/app.sock"] }));

/// How many redirects are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub struct Redirects(u8);

impl Redirects {
    /// Returns the number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Redirects {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        if number > 5 {
            return Err(format!("{number} redirects are more than the 5 that are followed at most"));
        }
        Ok(Self(number))
    }
}

impl JsonSchema for Redirects {
    fn schema_name() -> Cow<'static, str> {
        "Redirects".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": 5 })
    }
}

/// How much of a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "ByteSize")]
pub struct MaxBody(ByteSize);

impl MaxBody {
    /// Returns the number of bytes.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl Default for MaxBody {
    fn default() -> Self {
        Self(ByteSize(1 << 20))
    }
}

impl TryFrom<ByteSize> for MaxBody {
    type Error = String;

    fn try_from(size: ByteSize) -> Result<Self, String> {
        if size.get() > 64 << 20 {
            return Err(format!("{size} is more than the 64 MiB of a body that are read at most"));
        }
        Ok(Self(size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(settings: &str) -> String {
        toml::from_str::<Config>(settings).unwrap_err().message().to_owned()
    }

    #[test]
    fn slips_are_refused_with_the_reason() {
        let with = |more: &str| wrong(&format!("url = 'https://example.org/'\n{more}"));
        for (more, words) in [
            ("headers = { authorization = 'Bearer hunter2' }", "use the setting `authorization`"),
            ("headers = { content-length = '5' }", "transport"),
            ("headers = { 'a b' = '5' }", "not the name"),
            ("headers = { a = \"x\\r\\ny\" }", "character"),
            ("authorization = { bearer = 'hunter2' }", "env:NAME"),
            ("authorization = { basic = { user = 'a:b', password = 'env:X' } }", "colon"),
            ("redirects = 6", "at most"),
            ("max-body = '65MiB'", "64 MiB"),
            ("connect-to = 'example.org'", "belong into `url`"),
            ("connect-to = 'unix:run/x.sock'", "absolute"),
            ("method = 'DELETE'", "unknown variant"),
            ("expect = { status = ['2x'] }", "`2xx`"),
            ("expect = { status = [42] }", "100"),
            ("expect = { status = ['299-200'] }", "begins above"),
            ("expect = { status = [] }", "at least one"),
            ("expect = { json = [{ path = 'status' }] }", "$"),
            ("timeout = '5s'", "unknown field"),
        ] {
            let error = with(more);
            assert!(error.contains(words), "{more}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_sample_of_every_setting_reads() {
        let config: Config = toml::from_str(
            r#"
            url = "https://example.org/healthz?deep=1"
            method = "POST"
            headers = { accept = "application/json", Host = "inner.example" }
            authorization = { basic = { user = "ann", password = "file:/run/secrets/ann" } }
            body = "{}"
            redirects = 3
            redirect-origins = ["https://www.example.org"]
            max-body = "64KiB"
            addresses = "all"
            connect-timeout = "500ms"
            connect-to = "[2001:db8::1]:8443"
            server-name = "inner.example"
            ca-file = "/etc/ssl/own.pem"
            private = "deny"
            [expect]
            status = [200, "3xx", "401-403"]
            text = ["ready"]
            not-text = ["login"]
            headers = { content-type = "json" }
            json = [
                { path = "$.status", equals = "ok" },
                { path = "$.queue", at-most = 100, at-least = 0.5 },
                { path = "$.nodes[*]", count = 3 },
                { path = "$.error", exists = false },
            ]
            "#,
        )
        .unwrap();
        assert_eq!(config.connect_to, Some(Endpoint::Socket("[2001:db8::1]:8443".parse().unwrap())));
        assert!(config.headers.keys().any(|name| name.as_str() == "host"));
    }
}
