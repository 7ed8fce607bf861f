//! The settings of `backup-create`.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use selx_core::ByteSize;
use serde::{Deserialize, Deserializer};

use crate::backup::archive::Bounded;
use crate::docker::EngineAt;
use crate::postgres::{Name, settings};
use crate::setting::{AbsolutePath, NamePattern};

settings! {
    /// The settings of `backup-create`.
    pub struct Config {
        /// The databases that are dumped, each in a snapshot of its own, all taken at the begin. Default: that of `database`.
        #[serde(default)]
        databases: Vec<Name>,
        /// Files and folders that go into the archive as well: the configuration, the compose file, certificates. Links stay
        /// links; the folder of the archives is left out. Default: none.
        #[serde(default)]
        files: Vec<AbsolutePath>,
        /// Volumes of the engine that go into the archive as well, by their names; their files are read while whoever has
        /// them goes on. The data of a running PostgreSQL is refused: it is dumped. Default: none.
        #[serde(default)]
        volumes: Vec<Volume>,
        /// The socket of the engine that has the volumes, `unix:/PATH`. Default: that of `DOCKER_HOST` if it is set, else
        /// `unix:/var/run/docker.sock`.
        #[serde(default)]
        engine: Option<EngineAt>,
        /// What is left out of them: patterns of names or of whole paths. Default: none.
        #[serde(default)]
        exclude: Vec<NamePattern>,
        /// The folder that the archive is written to. No link leads to it, it belongs to root or the running user, and not
        /// everybody may write to it.
        folder: AbsolutePath,
        /// What the names of the archives begin with: `shop` gives `shop-20261126T020000Z.tar.zst`.
        name: Prefix,
        /// How hard zstd works, from 1 to 19. Default: 3.
        #[serde(default = "three")]
        level: Bounded<1, 19>,
        /// The folder of the programs of PostgreSQL. Default: that of the server's own version, or the next newer one, in
        /// `/usr/lib/postgresql`.
        #[serde(default)]
        programs: Option<AbsolutePath>,
        /// Whether the rows of every table are counted in the snapshot of its dump, which is what a restore is compared
        /// with. Default: true.
        #[serde(default = "yes")]
        count_rows: bool,
        /// Whether `pg_dump` and the packing stand back behind other processes of this machine. Default: true.
        #[serde(default = "yes")]
        low_priority: bool,
        /// How large an archive may become; one that would be larger is given up. Default: 1 TiB.
        #[serde(default = "tebibyte")]
        max_bytes: ByteSize,
        /// How many files and folders of `files` one archive may hold; of more, none is made. Default: 100000.
        #[serde(default = "hundred_thousand")]
        max_files: NonZeroU32,
        /// How much room has to stay free on the disk of the folder. Not zero. Default: 1 GiB.
        #[serde(default = "gibibyte", deserialize_with = "floor")]
        min_free: ByteSize,
        /// Whether the folder has to lie on another file system than the system itself: a disk that is not mounted would
        /// be written below its mount point. Default: false.
        #[serde(default)]
        mounted: bool,
        /// Paths that are not to lie on the file system of the folder, such as the data of the database. Default: none.
        #[serde(default)]
        apart_from: Vec<AbsolutePath>,
    }
}

impl Config {
    /// Returns the folder.
    pub(super) fn place(&self) -> &str {
        self.folder.as_str()
    }
}

/// What the names of archives begin with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct Prefix(#[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$"))] String);

impl Prefix {
    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Prefix {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        match is_plain && begins && text.len() <= 80 {
            true => Ok(Self(text)),
            false => {
                Err("it is made of letters, digits, `_`, `.` and `-`, begins with a letter or a digit, and has 80 \
                 characters at most"
                    .to_owned())
            }
        }
    }
}

/// The name of a volume.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct Volume(#[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"))] String);

impl Volume {
    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Volume {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // As the engine takes them: nothing of it is a path.
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        match is_plain && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            true => Ok(Self(text)),
            false => Err("the name of a volume is made of letters, digits, `_`, `.` and `-`".to_owned()),
        }
    }
}

#[expect(clippy::expect_used, reason = "the number is part of this program, and every test of the kind reads it")]
fn three() -> Bounded<1, 19> {
    Bounded::try_from(3).expect("it is between them")
}

fn yes() -> bool {
    true
}

fn tebibyte() -> ByteSize {
    ByteSize(1 << 40)
}

fn gibibyte() -> ByteSize {
    ByteSize(1 << 30)
}

fn hundred_thousand() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(99_999)
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
