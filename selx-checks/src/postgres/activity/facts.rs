//! What is seen of a server at work. The names of the fields are those that the questions give to their columns.

use serde::{Deserialize, Serialize};

use crate::postgres::{Trouble, Way};

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// How the server was reached.
    pub way: Way,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// What the server told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Look>,
}

/// What the server told, all of one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Look {
    /// The server as a whole.
    pub server: Server,
    /// How many sessions of each sort there are.
    pub groups: Vec<Group>,
    /// Sessions worth naming: the longest of each sort, those that wait for locks, and those that they wait for.
    pub sessions: Vec<Session>,
    /// Transactions that were prepared and neither committed nor rolled back.
    pub prepared: Vec<Prepared>,
    /// Replication slots.
    pub slots: Vec<Slot>,
    /// Servers that follow this one.
    pub standbys: Vec<Standby>,
    /// How far this server is behind, if it follows another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
    /// The databases, those closest to the wraparound of transaction numbers first.
    pub databases: Vec<Database>,
    /// The tables of this database that are closest to it.
    pub tables: Vec<Table>,
}

/// The server as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Server {
    /// Its version, such as `15.20`.
    pub version: String,
    /// Whether it follows another one.
    pub standby: bool,
    /// The number of our process at the server.
    pub process: u32,
    /// Whether a pooler stands in front of it.
    #[serde(default)]
    pub pooled: bool,
    /// All connections that it allows.
    pub max_connections: u64,
    /// Those of them that are kept for superusers and reserved roles.
    pub reserved: u64,
    /// Whether this role sees what the sessions of others do.
    pub sees_all: bool,
    /// Whether sessions say what they do at all.
    pub tracks: bool,
    /// The age at which a table is vacuumed whatever else holds.
    pub freeze_max_age: f64,
}

/// How many sessions of one sort there are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Group {
    /// What they do, such as `idle`; empty if that is not told.
    pub state: String,
    /// What they are, such as `client backend`; empty if that may not be seen.
    pub kind: String,
    /// Whether they belong to a database.
    pub database: bool,
    /// How many.
    pub count: u64,
}

/// One session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Session {
    /// Its process at the server.
    pub pid: u32,
    /// Its role.
    pub user: Option<String>,
    /// Its database.
    pub database: Option<String>,
    /// What it calls itself.
    pub application: Option<String>,
    /// Where it comes from.
    pub client: Option<String>,
    /// What it is.
    pub kind: Option<String>,
    /// What it does.
    pub state: Option<String>,
    /// What it waits for.
    pub wait: Option<String>,
    /// Seconds since its query began.
    pub query_age: Option<f64>,
    /// Seconds since its transaction began.
    pub transaction_age: Option<f64>,
    /// Seconds since it last changed what it does.
    pub state_age: Option<f64>,
    /// How many transactions ago the oldest is that it may still see.
    pub xmin_age: Option<f64>,
    /// Seconds that it has waited for a lock.
    pub waits: Option<f64>,
    /// The processes that it waits for; 0 is a prepared transaction.
    pub blockers: Option<Vec<u32>>,
    /// Its query, without what stands in it.
    pub query: Option<String>,
}

/// A prepared transaction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Prepared {
    /// Its name.
    pub gid: String,
    /// Its database.
    pub database: String,
    /// Who prepared it; empty if that role is gone.
    pub owner: String,
    /// Seconds since.
    pub age: f64,
    /// How many transactions ago.
    pub xmin_age: f64,
}

/// A replication slot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// `physical` or `logical`.
    pub kind: String,
    /// Whether somebody reads from it.
    pub active: bool,
    /// Bytes of log that are kept for it; nothing if none is.
    pub kept: Option<f64>,
    /// Whether the log that it needs is still there: `reserved`, `extended`, `unreserved`, `lost` (13 and later).
    pub wal_status: Option<String>,
    /// How many transactions ago the oldest is that it keeps rows for.
    pub xmin_age: Option<f64>,
    /// Whether it is a standby's copy of a slot of its primary, from which nobody reads yet (17 and later).
    pub synced: bool,
}

/// A server that follows this one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Standby {
    /// What it calls itself.
    pub name: String,
    /// Where it is.
    pub client: Option<String>,
    /// `streaming`, `catchup`, …
    pub state: Option<String>,
    /// Seconds that it is behind, while it is.
    pub lag: Option<f64>,
    /// Bytes of log that it has not replayed.
    pub behind: Option<f64>,
    /// How many transactions ago the oldest is that its queries may still see.
    pub xmin_age: Option<f64>,
}

/// How far a server is that follows another one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Replay {
    /// Seconds since the last transaction that it replayed was committed, or zero if it replayed all that it got.
    #[serde(default)]
    pub lag: Option<f64>,
    /// Whether it gets log from another server now.
    pub receives: bool,
}

/// A database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// How many transactions ago its oldest row was written that is not frozen.
    pub age: f64,
    /// The same for row locks that several transactions share.
    pub multixact_age: f64,
    /// Deadlocks since the statistics began.
    pub deadlocks: f64,
    /// Bytes of temporary files since the statistics began.
    pub temp_bytes: f64,
    /// When the statistics began.
    pub reset: Option<String>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Table {
    /// Its name, with its schema.
    pub name: String,
    /// How many transactions ago its oldest row was written that is not frozen.
    pub age: f64,
}
