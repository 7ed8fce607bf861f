//! What `backup-create` writes into the manifest beside checksums: of whom the backup is, and what a restore has to give.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// Its encoding.
    pub(crate) encoding: String,
    /// Its collation.
    pub(crate) collation: String,
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
