//! Settings that several kinds have: paths of this host, and patterns of paths and names.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A path of this host that begins with a slash.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AbsolutePath(String);

impl AbsolutePath {
    /// Returns it as text, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AbsolutePath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        absolute(&text).map(|path| Self(path.to_owned()))
    }
}

impl JsonSchema for AbsolutePath {
    fn schema_name() -> Cow<'static, str> {
        "AbsolutePath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^/", "examples": ["/var"] })
    }
}

/// A path of this host that begins with a slash, or a pattern of such paths.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PathPattern(String);

impl PathPattern {
    /// Returns it as text, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether it is a pattern, and not one path.
    pub fn is_pattern(&self) -> bool {
        self.0.contains(['*', '?', '['])
    }
}

impl TryFrom<String> for PathPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let path = absolute(&text)?;
        for part in path.split('/') {
            glob::Pattern::new(part).map_err(|error| format!("`{text}` is not a pattern: {error}"))?;
        }
        if path.ends_with("/**") {
            return Err(format!("`**` stands for folders; name the files in them too, such as `{path}/*.log`"));
        }
        Ok(Self(path.to_owned()))
    }
}

impl JsonSchema for PathPattern {
    fn schema_name() -> Cow<'static, str> {
        "PathPattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^/", "examples": ["/var/log/nginx", "/srv/*/backups/*.tar.gz"] })
    }
}

/// A pattern of names: `*` stands for any text, `?` for one character, `[…]` for one of several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NamePattern(glob::Pattern);

impl NamePattern {
    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Tells whether a name matches, the whole of it.
    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }
}

impl TryFrom<String> for NamePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty pattern matches nothing; write one such as `*.sql`, `/run/*` or `nfs*`".into());
        }
        glob::Pattern::new(&text).map(Self).map_err(|error| format!("`{text}` is not a pattern: {error}"))
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl JsonSchema for NamePattern {
    fn schema_name() -> Cow<'static, str> {
        "NamePattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "examples": ["*.sql", "/run/*", "fuse.*"] })
    }
}

/// Takes the slashes at the end off a path that begins with one.
fn absolute(text: &str) -> Result<&str, String> {
    if !text.starts_with('/') {
        return Err(format!("`{text}` is not an absolute path; begin with `/`"));
    }
    let trimmed = text.trim_end_matches('/');
    Ok(if trimmed.is_empty() { "/" } else { trimmed })
}
