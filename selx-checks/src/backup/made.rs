//! What `backup-create` writes into the manifest beside checksums: of whom the backup is, and what a restore has to give.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use selx_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// Returns what tells a step from every other one that was done.
pub(crate) fn identity(step: &impl Serialize) -> Result<String> {
    let text = serde_json::to_vec(step)
        .map_err(|error| Error::new(ErrorKind::Bug, "the step cannot be written as JSON").source_error(error))?;
    let sum = digest(&SHA256, &text);
    Ok(sum.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// The part `selx` of `manifest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Made {
    /// Which step made it: a hash over all that was planned, the archive before this one included, so that no other has it.
    pub(crate) step: String,
    /// The version of selx.
    pub(crate) version: String,
    /// When it was begun.
    pub(crate) started: Timestamp,
    /// When the last byte of its content was read.
    pub(crate) ended: Timestamp,
    /// The size of each file, in bytes.
    pub(crate) sizes: BTreeMap<String, u64>,
    /// The dumps, by their members.
    pub(crate) dumps: BTreeMap<String, Dumped>,
    /// Files that changed while they were read: each is in the archive as it was read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) changed: Vec<String>,
    /// What was not taken: sockets, pipes, devices, files that were gone when their turn came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) passed_over: Vec<String>,
}

/// One dump, and what the server held in the snapshot that it was made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Dumped {
    /// The database.
    pub(crate) database: String,
    /// The version of the server.
    pub(crate) server: String,
    /// The version of `pg_dump`.
    pub(crate) by: String,
    /// When the snapshot was taken.
    pub(crate) taken: Timestamp,
    /// Its encoding, and by what texts are ordered and told apart.
    #[serde(flatten)]
    pub(crate) locale: Locale,
    /// The rows of each table, by its name as SQL has it; nothing if they were not to be counted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) rows: BTreeMap<String, u64>,
    /// The extensions that it has, with their versions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) extensions: BTreeMap<String, String>,
    /// The roles that own something in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) owners: Vec<String>,
}

/// By what a database orders texts and tells letters: it cannot be changed once the database is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Locale {
    /// The encoding, such as `UTF8`.
    pub encoding: String,
    /// The order of texts by the system (`LC_COLLATE`).
    pub collation: String,
    /// What is a letter, by the system (`LC_CTYPE`); the same as the order where it is empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ctype: String,
    /// Who orders texts if it is not the system: `i` for ICU, `b` for the server itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub provider: String,
    /// The locale of that provider.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub of_provider: String,
}

impl Locale {
    /// The columns of `pg_database`, in every version, that [`Locale::of`] reads.
    pub(crate) const COLUMNS: &'static str = "pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype, \
        coalesce(pg_catalog.to_jsonb(d) OPERATOR(pg_catalog.->>) 'datlocprovider', ''), \
        coalesce(pg_catalog.to_jsonb(d) OPERATOR(pg_catalog.->>) 'datlocale', \
        pg_catalog.to_jsonb(d) OPERATOR(pg_catalog.->>) 'daticulocale', '')";

    /// Reads the columns.
    pub(crate) fn of(columns: &[Option<String>]) -> Self {
        let text = |index: usize| columns.get(index).cloned().flatten().unwrap_or_default();
        let provider = Some(text(3)).filter(|provider| provider != "c").unwrap_or_default();
        Self { encoding: text(0), collation: text(1), ctype: text(2), of_provider: text(4), provider }
    }

    /// Returns the words of `CREATE DATABASE` that make one like it.
    pub(crate) fn words(&self, literal: impl Fn(&str) -> String) -> String {
        let ctype = if self.ctype.is_empty() { &self.collation } else { &self.ctype };
        let (encoding, collation) = (literal(&self.encoding), literal(&self.collation));
        let words =
            format!("TEMPLATE template0 ENCODING {encoding} LC_COLLATE {collation} LC_CTYPE {}", literal(ctype));
        match self.provider.as_str() {
            "i" => format!("{words} LOCALE_PROVIDER icu ICU_LOCALE {}", literal(&self.of_provider)),
            "b" => format!("{words} LOCALE_PROVIDER builtin BUILTIN_LOCALE {}", literal(&self.of_provider)),
            _ => words,
        }
    }
}
