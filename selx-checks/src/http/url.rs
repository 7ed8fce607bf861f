//! The address of an endpoint: what is asked, and what of it may be shown.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// The most that a URL may be long.
const MAX_LENGTH: usize = 4096;

/// An `http` or `https` URL without credentials and without a fragment.
///
/// `Display` hides the values of the query: they are often tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    secure: bool,
    /// In lower case; an IPv6 address keeps its brackets.
    host: String,
    port: Option<u16>,
    target: String,
}

impl Url {
    /// Tells whether the scheme is `https`.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the host name, or the address; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, be it the one of the scheme.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.secure { 443 } else { 80 })
    }

    /// Returns host and port as they stand in the `host` header: without the port of the scheme.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) if port != if self.secure { 443 } else { 80 } => {
                format!("{}:{port}", self.host)
            }
            _ => self.host.clone(),
        }
    }

    /// Returns path and query as they are sent.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns scheme, host and port: what two URLs share that belong to the same server.
    pub fn origin(&self) -> (bool, &str, u16) {
        (self.secure, &self.host, self.port())
    }

    /// Makes the URL that a `location` header means here.
    ///
    /// # Errors
    ///
    /// What is wrong with it. The text repeats nothing of the header.
    pub fn join(&self, location: &str) -> Result<Self, String> {
        let location = location.split('#').next().unwrap_or_default();
        let scheme = if self.secure { "https" } else { "http" };
        if has_scheme(location) {
            return location.parse();
        }
        if let Some(rest) = location.strip_prefix("//") {
            return format!("{scheme}://{rest}").parse();
        }
        let (path, query) = match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.target.as_str(), None),
        };
        let target = if location.is_empty() {
            match query {
                Some(query) => format!("{path}?{query}"),
                None => path.to_owned(),
            }
        } else if location.starts_with('/') {
            location.to_owned()
        } else if location.starts_with('?') {
            format!("{path}{location}")
        } else {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/{location}")
        };
        format!("{scheme}://{}{}", self.authority(), without_dots(&target)).parse()
    }
}

/// Tells whether a reference begins with a scheme, so that it stands for itself.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    let mut letters = scheme.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Takes `.` and `..` out of a path.
fn without_dots(target: &str) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut kept: Vec<&str> = Vec::new();
    let last = path.rsplit('/').next().unwrap_or_default();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => {
                kept.pop();
            }
            part => kept.push(part),
        }
    }
    let mut out = format!("/{}", kept.join("/"));
    if matches!(last, "." | "..") && !out.ends_with('/') {
        out.push('/');
    }
    if let Some(query) = query {
        out.push('?');
        out.push_str(query);
    }
    out
}

impl FromStr for Url {
    type Err = String;

    /// Reads a URL. The error never repeats the text: it may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("the url is longer than {MAX_LENGTH} bytes"));
        }
        if text.contains('#') {
            return Err("the url has a fragment (`#…`), which is never sent to a server; take it off".into());
        }
        let shape = "a url is written `https://host/path`";
        let uri = Uri::try_from(text)
            .map_err(|error| format!("{shape}: {error}; names with other letters are written in their `xn--` form"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) => return Err("the url is neither `http://` nor `https://`".into()),
            None => return Err(format!("{shape}, the scheme is missing")),
        };
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        if authority.contains('@') {
            return Err(
                "the url holds a user name or password, which would be shown in reports; use `authorization`".into()
            );
        }
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        if host.is_empty() || host == "[]" {
            return Err(format!("{shape}, the host is missing"));
        }
        let port = uri.port_u16();
        // The parser takes `host:` and `host:99999`; both are slips.
        let written = authority.rsplit_once(']').map_or(authority, |(_, rest)| rest);
        if port.is_none_or(|port| port == 0) && written.contains(':') {
            return Err("the port of the url is not a number between 1 and 65535".into());
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Self { secure, host, port, target })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        let (path, query) = match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.target.as_str(), None),
        };
        write!(f, "{scheme}://{}{path}", self.authority())?;
        let Some(query) = query else {
            return Ok(());
        };
        for (index, pair) in query.split('&').enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            match pair.split_once('=') {
                Some((name, _)) => write!(f, "{separator}{name}=…")?,
                // Without a sign of equality the whole may be a token.
                None => write!(f, "{separator}…")?,
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Url {
    fn schema_name() -> Cow<'static, str> {
        "Url".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^https?://[^/@#?]+([/?][^#]*)?$",
            "examples": ["https://example.org/healthz"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_it() {
        for (text, words) in [
            ("https://ann:hunter2@example.org/", "use `authorization`"),
            ("https://hunter2@example.org/", "use `authorization`"),
            ("https://example.org/#hunter2", "fragment"),
            ("ftp://example.org/hunter2", "neither"),
            ("example.org", "scheme is missing"),
            ("/healthz", "scheme is missing"),
            ("https:///healthz", "https://host/path"),
            ("https://exa mple.org/hunter2", "https://host/path"),
            ("https://example.org:99999/hunter2", "port"),
            ("https://example.org:/", "port"),
            ("https://example.org:0/", "port"),
            ("https://exämple.org/", "xn--"),
            ("", "https://host/path"),
        ] {
            let error = text.parse::<Url>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(format!("https://h/{}", "a".repeat(5000)).parse::<Url>().is_err());
    }

    #[test]
    fn the_values_of_a_query_are_hidden() {
        let shown = url("https://Example.org:8443/a/b?token=hunter2&x&y=").to_string();
        assert_eq!(shown, "https://example.org:8443/a/b?token=…&…&y=…");
        assert_eq!(url("http://example.org").to_string(), "http://example.org/");
        assert_eq!(url("http://[::1]:80/x").to_string(), "http://[::1]/x");
        assert_eq!(url("http://example.org?a=1").target(), "/?a=1");
    }

    #[test]
    fn redirects_are_resolved() {
        let base = url("https://example.org:8443/a/b?q=1");
        for (location, want) in [
            ("https://other.example/x", "https://other.example/x"),
            ("//other.example/x", "https://other.example/x"),
            ("/x?y=2", "https://example.org:8443/x?y=…"),
            ("c", "https://example.org:8443/a/c"),
            ("../c/./d", "https://example.org:8443/c/d"),
            ("../../../..", "https://example.org:8443/"),
            ("?z=3", "https://example.org:8443/a/b?z=…"),
            ("#top", "https://example.org:8443/a/b?q=…"),
        ] {
            assert_eq!(base.join(location).unwrap().to_string(), want, "{location}");
        }
        for location in ["javascript:alert(1)", "file:///etc/passwd", "https://u:p@other.example/", "http://"] {
            assert!(base.join(location).is_err(), "{location}");
        }
    }
}
