//! One database: what is in it, and a snapshot of it that is held while it is dumped.

use std::collections::BTreeMap;

use jiff::Timestamp;
use selx_core::{Context, Error, ErrorKind, Result};

use super::Config;
use crate::backup::made::{Dumped, Locale};
use crate::backup::rows::{self, Table};
use crate::postgres::talk::Talk;
use crate::postgres::{Name, Server};

const SELF: &str = "SELECT (SELECT system_identifier::text FROM pg_control_system()), oid::text, \
    pg_database_size(oid)::text, pg_is_in_recovery()::text, ";
const OF_SELF: &str = " FROM pg_database d WHERE datname = current_database()";
/// The rows are counted beside the dump, which takes longer: workers would take processors from it, and from the product.
const ALONE: &str = "SELECT pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)";
const EXTENSIONS: &str = "SELECT extname, extversion FROM pg_extension ORDER BY 1";
const OWNERS: &str = "SELECT DISTINCT rolname FROM pg_roles WHERE oid IN (SELECT relowner FROM pg_class WHERE oid >= 16384 \
    UNION SELECT proowner FROM pg_proc WHERE oid >= 16384 UNION SELECT nspowner FROM pg_namespace WHERE oid >= 16384 \
    UNION SELECT typowner FROM pg_type WHERE oid >= 16384 UNION SELECT datdba FROM pg_database WHERE datname = \
    current_database() UNION SELECT a.grantee FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid >= 16384) ORDER BY 1";

/// A database in a snapshot of its own.
pub(super) struct Database {
    talk: Talk,
    pub(super) name: String,
    pub(super) system: String,
    pub(super) oid: u32,
    /// The bytes that it takes on the server's disk.
    pub(super) bytes: u64,
    pub(super) taken: Timestamp,
    pub(super) major: u32,
    pub(super) in_recovery: bool,
    locale: Locale,
    version: String,
    pub(super) tables: Vec<Table>,
}

impl Database {
    /// Opens a session and begins the snapshot.
    ///
    /// # Errors
    ///
    /// Those of the session; `Protocol` if the server answers what is no answer.
    pub(super) async fn open(config: &Config, name: Option<&Name>, cx: &Context) -> Result<Self> {
        let server = Server { database: name.or(config.database.as_ref()), ..config.server() };
        let mut talk = Talk::open(&server, cx).await?;
        let taken = cx.clock().now();
        let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {}; {ALONE}", rows::PINS);
        talk.say(&begin, cx).await?;
        let about = talk.row(&format!("{SELF}{}{OF_SELF}", Locale::COLUMNS), cx).await?;
        let text = |index: usize| about.get(index).cloned().flatten();
        let odd = || Error::new(ErrorKind::Protocol, "the server does not say what it is");
        let tables = rows::tables(&mut talk, cx).await?;
        Ok(Self {
            name: talk.way().database.clone(),
            major: talk.major(),
            version: talk.version(),
            system: text(0).ok_or_else(odd)?,
            oid: text(1).and_then(|text| text.parse().ok()).ok_or_else(odd)?,
            bytes: text(2).and_then(|text| text.parse().ok()).ok_or_else(odd)?,
            in_recovery: text(3).is_some_and(|text| text == "true"),
            locale: Locale::of(about.get(4..).unwrap_or_default()),
            taken,
            tables,
            talk,
        })
    }

    /// Returns the whole version of the server.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Returns where the server is.
    pub(super) fn address(&self) -> &str {
        &self.talk.way().address
    }

    /// Lets another session see what this one sees, and returns by which name.
    pub(super) async fn export(&mut self, cx: &Context) -> Result<String> {
        let row = self.talk.row("SELECT pg_export_snapshot()", cx).await?;
        let name = row.into_iter().next().flatten();
        name.ok_or_else(|| Error::new(ErrorKind::Protocol, "the server gave no name of a snapshot"))
    }

    /// Says what it is, for the manifest; rows are not among it.
    pub(super) async fn describe(&mut self, by: &str, cx: &Context) -> Result<Dumped> {
        let extensions = self.talk.rows(EXTENSIONS, cx).await?;
        let owners = self.talk.rows(OWNERS, cx).await?;
        Ok(Dumped {
            database: self.name.clone(),
            server: self.version.clone(),
            by: by.to_owned(),
            taken: self.taken,
            locale: self.locale.clone(),
            rows: BTreeMap::new(),
            extensions: extensions
                .into_iter()
                .filter_map(|row| match &*row {
                    [Some(name), Some(version)] => Some((name.clone(), version.clone())),
                    _ => None,
                })
                .collect(),
            owners: owners.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect(),
        })
    }

    /// Counts the rows of every table in the snapshot.
    pub(super) async fn count(&mut self, cx: &Context) -> Result<BTreeMap<String, u64>> {
        rows::count(&mut self.talk, &self.tables, cx).await
    }

    /// Lets the snapshot go.
    pub(super) async fn close(mut self, cx: &Context) {
        let _ = self.talk.say("ROLLBACK", cx).await;
        self.talk.end(cx).await;
    }
}
