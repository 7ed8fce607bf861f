//! The settings of a program, with their bounds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use selx_core::{ByteSize, SecretRef};
use serde::Deserialize;

/// An absolute path of a program.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String", extend("pattern" = "^/"))]
pub(super) struct Program(pub(super) PathBuf);

impl TryFrom<String> for Program {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        absolute(text).map(Self).map_err(|text| {
            format!("`{text}` is not an absolute path; programs are not looked for in `PATH`, so write `/usr/…`")
        })
    }
}

/// An absolute path of a folder.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String", extend("pattern" = "^/"))]
pub(super) struct Directory(pub(super) PathBuf);

impl TryFrom<String> for Directory {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        absolute(text)
            .map(Self)
            .map_err(|text| format!("`{text}` is not an absolute path; write where the program is to run, such as `/`"))
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self("/".into())
    }
}

fn absolute(text: String) -> Result<PathBuf, String> {
    if Path::new(&text).is_absolute() && !text.contains('\0') { Ok(text.into()) } else { Err(text) }
}

/// One argument.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub(super) struct Argument(pub(super) String);

impl TryFrom<String> for Argument {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.contains('\0') {
            return Err("an argument cannot hold a zero byte".into());
        }
        Ok(Self(text))
    }
}

/// Variables with their values.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<String, String>")]
#[schemars(with = "BTreeMap<String, String>")]
pub(super) struct Environment(pub(super) BTreeMap<String, String>);

impl TryFrom<BTreeMap<String, String>> for Environment {
    type Error = String;

    fn try_from(map: BTreeMap<String, String>) -> Result<Self, String> {
        map.keys().try_for_each(|name| variable(name))?;
        match map.iter().find(|(_, value)| value.contains('\0')) {
            Some((name, _)) => Err(format!("the value of `{name}` cannot hold a zero byte")),
            None => Ok(Self(map)),
        }
    }
}

/// Variables with the places of their secrets.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<String, SecretRef>")]
#[schemars(with = "BTreeMap<String, SecretRef>")]
pub(super) struct SecretEnvironment(pub(super) BTreeMap<String, SecretRef>);

impl TryFrom<BTreeMap<String, SecretRef>> for SecretEnvironment {
    type Error = String;

    fn try_from(map: BTreeMap<String, SecretRef>) -> Result<Self, String> {
        map.keys().try_for_each(|name| variable(name))?;
        Ok(Self(map))
    }
}

fn variable(name: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(format!("`{name}` is not the name of a variable"));
    }
    Ok(())
}

/// How much output is kept.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "ByteSize")]
#[schemars(with = "ByteSize")]
pub(super) struct Size(pub(super) usize);

impl TryFrom<ByteSize> for Size {
    type Error = String;

    fn try_from(size: ByteSize) -> Result<Self, String> {
        match usize::try_from(size.get()) {
            Ok(bytes @ 1_024..=4_194_304) => Ok(Self(bytes)),
            _ => Err(format!("{size} is not between 1 KiB and 4 MiB")),
        }
    }
}

impl Default for Size {
    fn default() -> Self {
        Self(super::OUTPUT_LIMIT)
    }
}
