//! The settings of `backup-drill`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use selx_core::ByteSize;
use serde::{Deserialize, Deserializer};

use crate::backup::create::Prefix;
use crate::postgres::Name;
use crate::setting::AbsolutePath;

/// The settings of `backup-drill`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The archive that is restored. Default: the newest one of `folder` and `name`.
    #[serde(default)]
    pub(super) archive: Option<AbsolutePath>,
    /// The folder of the archives.
    #[serde(default)]
    pub(super) folder: Option<AbsolutePath>,
    /// What the names of the archives begin with.
    #[serde(default)]
    pub(super) name: Option<Prefix>,
    /// The folder in which the server of the drill is made, in a folder of its own that goes with it. No link leads to it, it
    /// belongs to root or the running user, not everybody may write to it, and `user` can get there.
    pub(super) scratch: AbsolutePath,
    /// Who the server runs as where selx runs as root: somebody to whom nothing belongs, as what is restored may run programs
    /// with his rights. Default: `nobody`.
    #[serde(default = "nobody")]
    pub(super) user: String,
    /// The folder of the programs of PostgreSQL. Default: that of the dump's own version, or the next newer one.
    #[serde(default)]
    pub(super) programs: Option<AbsolutePath>,
    /// What has to be true of what was restored, by names of your own. Default: none.
    #[serde(default)]
    pub(super) assertions: BTreeMap<String, Assertion>,
    /// Whether `pg_amcheck` looks at every table and index that was restored, which reads all of it once more. Default: false.
    #[serde(default)]
    pub(super) amcheck: bool,
    /// How much room has to stay free on the disk of `scratch`. Not zero. Default: 1 GiB.
    #[serde(default = "gibibyte", deserialize_with = "floor")]
    pub(super) min_free: ByteSize,
}

/// Something that has to be true.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Assertion {
    /// A statement that gives one row whose first column is true.
    pub(super) sql: String,
    /// The database. Default: the only one of the archive.
    #[serde(default)]
    pub(super) database: Option<Name>,
}

fn nobody() -> String {
    "nobody".to_owned()
}

fn gibibyte() -> ByteSize {
    ByteSize(1 << 30)
}

/// Reads a floor: one of nothing would be none.
fn floor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
    let size = ByteSize::deserialize(deserializer)?;
    if size.get() == 0 {
        Err(serde::de::Error::custom("a floor of nothing is none; write one such as `1GiB`"))
    } else {
        Ok(size)
    }
}
