//! Tables as the catalogue and the statistics of a server show them.

use std::time::Duration;

use selx_core::{Context, Result};
use serde::Deserialize;

use super::failure::{error, is_without_database};
use super::guard::{CONFLICTING, Relation};
use super::plain::Plain;
use super::reader::{Facts, Reader, aside};
use super::settings::Scope;
use super::work::MARK;
use crate::postgres::refusal::Ended;

/// How many tables of a database are looked at; of more, nothing is planned.
pub(in crate::postgres) const MOST: usize = 50_000;
/// How long a look may take that finds out how far a step is.
const LOOK: Duration = Duration::from_secs(60);
/// How long a statement of a run that died is waited for, and how often it is looked for.
const DYING: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_millis(200);

/// How long a server is given to count what happened.
const COUNTING: Duration = Duration::from_secs(3);

/// A table.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::postgres) struct Table {
    oid: u32,
    file: u32,
    schema: String,
    name: String,
    /// Whether it is one of the server's own.
    pub(in crate::postgres) system: bool,
    /// Bytes of its main part; nothing if somebody holds it so that it cannot be asked.
    pub(in crate::postgres) bytes: Option<u64>,
    pub(in crate::postgres) index_bytes: u64,
    pub(in crate::postgres) live: f64,
    pub(in crate::postgres) dead: f64,
    pub(in crate::postgres) changed: f64,
    /// How often it was analysed by hand since the statistics began, and ever at all.
    pub(in crate::postgres) analyzed: i64,
    pub(in crate::postgres) is_analyzed: bool,
    /// How often it was vacuumed by hand.
    pub(in crate::postgres) vacuumed: i64,
    /// The age of its oldest transaction, and of its oldest shared row lock, those of its long values included.
    pub(in crate::postgres) age: f64,
    pub(in crate::postgres) multixact_age: f64,
    /// Whether a session is at work on it that keeps ours out.
    pub(in crate::postgres) busy: bool,
    /// Whether the role may work on it.
    pub(in crate::postgres) may: bool,
    /// Whether the server counts with a delay.
    is_slow_to_count: bool,
}

impl Table {
    pub(in crate::postgres) fn relation(&self) -> Relation {
        Relation { oid: self.oid, file: self.file, schema: self.schema.clone(), name: self.name.clone() }
    }

    /// Returns its name for a reader, with the database where there are several.
    pub(in crate::postgres) fn shown(&self) -> String {
        Plain::shown(&self.schema, &self.name)
    }

    /// Returns what patterns are compared with.
    pub(in crate::postgres) fn plain(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

/// The database at hand, in `pg_locks`.
pub(in crate::postgres) const HERE: &str = "(SELECT oid FROM pg_database WHERE datname = current_database())";

/// Relations that somebody has or wants for himself alone: to ask for their size is to wait for him.
pub(in crate::postgres) fn closed() -> String {
    format!(
        "closed AS MATERIALIZED (SELECT DISTINCT relation FROM pg_locks WHERE locktype = 'relation' \
         AND mode = 'AccessExclusiveLock' AND database IN ({HERE}, 0)), \
         busy AS MATERIALIZED (SELECT DISTINCT relation FROM pg_locks WHERE locktype = 'relation' AND granted \
         AND mode IN {CONFLICTING} AND database IN ({HERE}, 0))"
    )
}

/// Whether the role may work on a table `c`, and hold its name fast, which takes the right to read it.
pub(in crate::postgres) fn may(major: u32) -> String {
    let maintain = if major >= 17 { " OR has_table_privilege(c.oid, 'MAINTAIN')" } else { "" };
    format!(
        "coalesce((pg_has_role(c.relowner, 'USAGE') OR (NOT c.relisshared AND pg_has_role((SELECT datdba FROM pg_database \
         WHERE datname = current_database()), 'USAGE')){maintain}) AND has_table_privilege(c.oid, 'SELECT'), false)"
    )
}

/// The question about tables; `only` is the number of one, if one is meant.
pub(in crate::postgres) fn tables(facts: &Facts, only: Option<u32>) -> String {
    let (closed, may, block) = (closed(), may(facts.major()), facts.block);
    let only = only.map_or(String::new(), |oid| format!("AND c.oid = {oid}"));
    format!(
        "WITH {closed} SELECT c.oid::int8 AS oid, coalesce(pg_relation_filenode(c.oid), 0)::int8 AS file, \
         n.nspname AS schema, c.relname AS name, n.nspname IN ('pg_catalog', 'information_schema') AS system, \
         CASE WHEN c.oid NOT IN (SELECT relation FROM closed) THEN coalesce(pg_relation_size(c.oid), 0) END AS bytes, \
         (SELECT coalesce(sum(greatest(x.relpages, 0)::int8), 0) * {block} FROM pg_index i JOIN pg_class x \
          ON x.oid = i.indexrelid WHERE i.indrelid = c.oid)::int8 AS \"index-bytes\", \
         greatest(pg_stat_get_live_tuples(c.oid), 0)::float8 AS live, \
         greatest(pg_stat_get_dead_tuples(c.oid), 0)::float8 AS dead, \
         greatest(pg_stat_get_mod_since_analyze(c.oid), 0)::float8 AS changed, \
         pg_stat_get_analyze_count(c.oid) AS analyzed, \
         coalesce(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) IS NOT NULL \
          AS \"is-analyzed\", pg_stat_get_vacuum_count(c.oid) AS vacuumed, \
         greatest(age(c.relfrozenxid), age(t.relfrozenxid), 0)::float8 AS age, \
         greatest(mxid_age(c.relminmxid), mxid_age(t.relminmxid), 0)::float8 AS \"multixact-age\", \
         c.oid IN (SELECT relation FROM busy) AS busy, {may} AS may, {} AS \"is-slow-to-count\" \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_class t ON t.oid = c.reltoastrelid \
         WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_(toast|temp)' {only} \
         ORDER BY n.nspname, c.relname LIMIT {}",
        facts.major() < 15,
        MOST + 1
    )
}

/// Looks at one table of a database, whatever has become of the run; nothing if it is not there any more.
///
/// A statement of a run that died may still be on its way: its server ends it as soon as it sees that nobody listens.
///
/// # Errors
///
/// If the server cannot be asked, or the statement does not end.
pub(in crate::postgres) async fn look(
    scope: &Scope<'_>,
    database: &str,
    table: &Relation,
    keys: &Context,
) -> Result<Option<Table>> {
    let cx = aside(keys, LOOK);
    let doing = format!("looking at {} in database `{database}`", table.shown());
    let looked = async {
        let mut reader = Reader::open(&scope.server, Some(database), keys, &cx).await?;
        quiet(&mut reader, table.oid, &cx).await?;
        let question = tables(&reader.facts, Some(table.oid));
        let found: Vec<Table> = reader.rows(&question, &cx).await?;
        reader.end(&cx).await;
        Ok::<_, Ended>(found.into_iter().next())
    };
    match looked.await {
        Ok(found) => Ok(found),
        Err(ended) if is_without_database(&ended) => Ok(None),
        Err(ended) => Err(error(ended, &doing)),
    }
}

/// Looks at a table until it is as expected, or as long as a server may take to count: before version 15 it does so with a
/// delay.
///
/// # Errors
///
/// As [`look`].
pub(in crate::postgres) async fn look_for(
    scope: &Scope<'_>,
    database: &str,
    table: &Relation,
    keys: &Context,
    expected: impl Fn(&Table) -> bool,
) -> Result<Option<Table>> {
    let began = tokio::time::Instant::now();
    loop {
        let found = look(scope, database, table, keys).await?;
        match &found {
            Some(now) if !expected(now) && now.is_slow_to_count && began.elapsed() < COUNTING => {
                tokio::time::sleep(AGAIN).await;
            }
            _ => return Ok(found),
        }
    }
}

/// Waits until no session of ours works on a table, or is about to. Under the lock of the run there is none but those of a
/// run that died.
pub(in crate::postgres) async fn quiet(reader: &mut Reader, table: u32, cx: &Context) -> Result<(), Ended> {
    #[derive(Deserialize)]
    struct Row {
        pid: u32,
    }
    let question = format!(
        "SELECT a.pid FROM pg_stat_activity a WHERE a.datname = current_database() AND a.application_name = 'selx' \
         AND a.usename = session_user AND a.pid <> pg_backend_pid() AND (starts_with(a.query, '{MARK}') \
         OR EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'relation' AND l.database = {HERE} \
          AND l.relation = {table} AND l.mode = 'ShareUpdateExclusiveLock')) LIMIT 1"
    );
    let began = tokio::time::Instant::now();
    loop {
        let working: Vec<Row> = reader.rows(&question, cx).await?;
        let Some(Row { pid }) = working.first() else { return Ok(()) };
        if began.elapsed() > DYING {
            let text = format!("process {pid} of the server is still at work for a run that ended");
            let advice = format!("wait for its end, or end it with `SELECT pg_cancel_backend({pid})`");
            return Err(selx_core::Error::new(selx_core::ErrorKind::TimedOut, text).advice(advice).into());
        }
        cx.within("waiting for the end of a statement", tokio::time::sleep(AGAIN)).await?;
    }
}
