//! What was seen of backups.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Facts {
    /// The archives, put together by what their names have in common.
    pub series: Vec<Series>,
    /// How many files were there that are no archives by their names.
    pub others: u64,
    /// How many links lay there, which are not followed.
    #[serde(skip_serializing_if = "is_zero")]
    pub links: u64,
    /// How many folders lay there, which are not searched.
    #[serde(skip_serializing_if = "is_zero")]
    pub folders: u64,
    /// How many archives were left out because there are too many.
    pub omitted: u64,
    /// Patterns of the settings that match no archive.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmatched: Vec<String>,
    /// A path of the settings that does not exist, with the setting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Paths whose data lie on the same file system as the backups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub same_disk: Vec<String>,
    /// Folders that may not be searched, with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsearched: Vec<(String, String)>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Archives that follow each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Series {
    /// The names with a star for what changes from archive to archive, or the pattern of the settings.
    pub name: String,
    /// How many finished archives it has.
    pub archives: u64,
    /// Whether nothing can be said of how often one is to come: a single one or two beside others that are regular.
    pub occasional: bool,
    /// The archives that were read, the newest first.
    pub read: Vec<Archive>,
    /// Sizes of up to ten earlier archives, the newest first.
    pub earlier: Vec<u64>,
    /// Archives that are being written, or were left half written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<Unfinished>,
    /// The archive that was written last, if it is another one than the newest by what it says and holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disagreeing: Option<Disagreeing>,
    /// What was proven of archives of this series, the last time for each level.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
}

/// An archive that is being written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unfinished {
    /// The file.
    pub path: String,
    /// How many seconds ago it was begun, as far as the file system tells.
    pub since: f64,
    /// How many seconds ago it was last written to.
    pub still: f64,
    /// What tells that it is not finished.
    pub reason: String,
}

/// The archive that was written last and is not the newest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Disagreeing {
    /// The file.
    pub path: String,
    /// The time at which it was written.
    pub written: Timestamp,
    /// The time that it says or holds.
    pub made: Timestamp,
    /// Where that is from.
    pub by: TimeBy,
}

/// What was proven of one archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Proof {
    /// How far.
    pub level: Level,
    /// When.
    pub at: Timestamp,
    /// The file.
    pub archive: String,
}

/// How far it is proven that an archive is a backup.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The file is there.
    #[default]
    Exists,
    /// Every byte was unpacked to the true end, and every part is whole by what it says of itself.
    Decoded,
    /// The content is the one that was written down when the backup was made.
    Manifest,
    /// It was restored, by a record beside it.
    Restored,
    /// What was restored was started and worked, by a record beside it.
    Started,
}

impl Level {
    /// Returns the number of the level, from 0 on.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// Where a time is from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeBy {
    /// The manifest.
    Manifest,
    /// The newest of its members, or the header of its dump.
    Content,
    /// The date in its name.
    Name,
    /// The time at which the file was written.
    #[default]
    Written,
}

/// One archive.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Archive {
    /// The file.
    pub path: String,
    /// Its size.
    pub size: u64,
    /// How old it is in seconds, negative if it is dated in the future.
    pub age: f64,
    /// What the age is from.
    pub by: TimeBy,
    /// How many seconds ago it was last written to.
    pub written: f64,
    /// How many seconds ago its name says that it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named: Option<f64>,
    /// How many seconds ago its content was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<f64>,
    /// Who may read it beside its owner: the bits of its mode.
    pub mode: u32,
    /// How it is packed.
    pub packed: String,
    /// What it is.
    pub form: Form,
    /// How far it is proven.
    pub level: Level,
    /// What is wrong with it as a whole, if something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<Damage>,
    /// What it holds.
    pub content: Content,
    /// Its manifest, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
}

/// What a file is, by its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// It has no content.
    Empty,
    /// A tar archive.
    Tar,
    /// A dump of a database.
    Dump,
    /// A dump of PostgreSQL as a folder.
    DumpFolder,
    /// Something encrypted.
    Encrypted,
    /// Something else.
    #[default]
    Unknown,
}

/// What is wrong with an archive as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Damage {
    /// What sort.
    pub kind: DamageKind,
    /// In words.
    pub text: String,
}

/// The sorts of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DamageKind {
    /// It ends too early.
    CutShort,
    /// Its bytes are not those that were written.
    Damaged,
    /// Something stands behind its end.
    Trailing,
    /// A cap of the settings was reached.
    TooLarge,
    /// A limit of this program was reached.
    Limit,
    /// The disk failed.
    Unreadable,
    /// This user may not read it.
    Denied,
    /// It is packed in a way that cannot be unpacked here.
    Unsupported,
}

/// What an archive holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Content {
    /// Unpacked bytes.
    pub bytes: u64,
    /// Members of all sorts.
    pub members: u64,
    /// Members that are files.
    pub files: u64,
    /// Whether every byte is under a checksum, so that damage cannot go unseen.
    pub checksummed: bool,
    /// Patterns that match no member.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Members that are expected, or dumps by their names, and have no content.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub empty: Vec<String>,
    /// Members that would be written outside of the folder they are unpacked in.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub escaping: Listed,
    /// Members that do more than be files when root unpacks them.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub unusual: Listed,
    /// Files that are there more than once.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub twice: Listed,
    /// The dumps in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dumps: Vec<Dump>,
    /// Members that are named as dumps, and are none of a database that is known.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub strange: Listed,
    /// Packed members that are damaged.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub broken: Listed,
}

/// Some of many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Listed {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: Vec<String>,
}

impl Listed {
    /// Adds one.
    pub fn add(&mut self, text: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < 10 {
            self.first.push(text());
        }
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// One dump of a database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Dump {
    /// The member, empty if the archive itself is the dump.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub member: String,
    /// Its form.
    pub form: DumpForm,
    /// Its size, unpacked.
    pub size: u64,
    /// Why it is not whole, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
    /// The database, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The version of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The version of the program that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made: Option<Timestamp>,
    /// How many parts with data it has, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<u64>,
}

/// The forms of dumps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DumpForm {
    /// SQL of one database of PostgreSQL.
    #[default]
    PostgresPlain,
    /// SQL of all databases of a server of PostgreSQL.
    PostgresCluster,
    /// The custom format of `pg_dump`.
    PostgresCustom,
    /// The table of contents of the directory format of `pg_dump`.
    PostgresFolder,
    /// SQL of MySQL or MariaDB.
    Mysql,
}

/// What was written down when the backup was made, and how it compares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Manifest {
    /// Where it is.
    pub source: String,
    /// How many members were compared and are the same.
    pub same: u64,
    /// Members that are not what was written down.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub different: Listed,
    /// Members that were written down and are not there.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub absent: Listed,
    /// Files that are there and were not written down.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub unlisted: Listed,
    /// Why it cannot be used, if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
    /// When it says that the backup was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The host that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The database that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The cluster that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_identifier: Option<String>,
}
