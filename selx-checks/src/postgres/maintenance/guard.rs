//! A second session beside the one that works: it holds the name of the table fast until the statement has its lock, sees
//! who stands in its way, and ends it if the run is to end.

use std::time::Duration;

use selx_core::{Context, TimeSpan, escape};
use serde::{Deserialize, Serialize};

use super::failure::{is_busy, is_gone};
use super::plain::Plain;
use super::reader::{Reader, aside};
use super::work::Progress;
use crate::postgres::refusal::Ended;

/// How long the guard may take for one question.
const QUESTION: Duration = Duration::from_secs(10);

/// A table, by what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relation {
    /// Its number in the catalogue of its database.
    pub oid: u32,
    /// The number of its file: `TRUNCATE` and whatever writes it anew give it another one.
    pub file: u32,
    /// The schema.
    pub schema: String,
    /// The name.
    pub name: String,
}

impl Relation {
    /// Returns it as SQL.
    pub(in crate::postgres) fn quoted(&self) -> String {
        Plain::quoted(&self.schema, &self.name)
    }

    /// Returns it for a reader.
    pub(in crate::postgres) fn shown(&self) -> String {
        Plain::shown(&self.schema, &self.name)
    }
}

/// A session that stands in the way.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::postgres) struct Blocker {
    /// Its process; nothing or 0 is a prepared transaction.
    pid: Option<u32>,
    application: Option<String>,
    role: Option<String>,
    kind: Option<String>,
    /// Seconds since its transaction began.
    seconds: Option<f64>,
}

impl Blocker {
    /// The columns of one, of `pg_stat_activity a`.
    pub(in crate::postgres) const COLUMNS: &'static str = "a.application_name AS application, a.usename AS role, \
         a.backend_type AS kind, date_part('epoch', clock_timestamp() - coalesce(a.xact_start, a.query_start)) AS seconds";

    /// Says who it is.
    pub(in crate::postgres) fn words(&self) -> String {
        let Some(pid) = self.pid.filter(|pid| *pid != 0) else { return "a prepared transaction".to_owned() };
        let mut words = match self.kind.as_deref() {
            Some("autovacuum worker") => format!("autovacuum, process {pid}"),
            _ => format!("process {pid}"),
        };
        let mut more = Vec::new();
        if let Some(name) = self.application.as_deref().filter(|name| !name.is_empty()) {
            more.push(format!("application `{}`", escape::visible(name)));
        }
        if let Some(role) = &self.role {
            more.push(format!("role `{}`", escape::visible(role)));
        }
        if let Some(seconds) = self.seconds {
            more.push(format!("for {}", length(seconds)));
        }
        if !more.is_empty() {
            words.push_str(&format!(" ({})", more.join(", ")));
        }
        words
    }

    /// Says who they are.
    pub(in crate::postgres) fn all(blockers: &[Self]) -> String {
        let words: Vec<String> = blockers.iter().take(3).map(Self::words).collect();
        if words.is_empty() { "a session that is gone already".to_owned() } else { words.join(", ") }
    }
}

/// Says a length of time without more digits than anybody reads.
fn length(seconds: f64) -> TimeSpan {
    let seconds = seconds.clamp(0.0, 1e9);
    let rounded = if seconds < 10.0 { (seconds * 10.0).round() / 10.0 } else { seconds.round() };
    TimeSpan::from(Duration::from_secs_f64(rounded))
}

/// What the name of a table came to.
pub(super) enum Pinned {
    /// It leads to the table that is meant, and does so until the guard lets go.
    Ours,
    /// It does not; why.
    Not(String),
    /// It could not be held, or the table cannot be worked on; by whom.
    Busy(Vec<Blocker>),
}

#[derive(Deserialize)]
struct Found {
    schema: String,
    name: String,
    file: u32,
    held: bool,
    index: Option<String>,
    blockers: Option<Vec<Blocker>>,
}

#[derive(Deserialize)]
struct Watched {
    holds: bool,
    blockers: Option<Vec<Blocker>>,
    progress: Option<Done>,
}

#[derive(Deserialize)]
struct Done {
    phase: Option<String>,
    done: Option<u64>,
    whole: Option<u64>,
}

/// The second session.
pub(super) struct Guard<'a> {
    reader: Reader,
    keys: &'a Context,
    is_holding: bool,
    /// Who stood in the way when it last looked and somebody did.
    pub(super) blockers: Vec<Blocker>,
    /// The phase, and how many bytes of how many.
    told: (String, u64, u64),
}

impl<'a> Guard<'a> {
    pub(super) fn new(reader: Reader, keys: &'a Context) -> Self {
        Self { reader, keys, is_holding: false, blockers: Vec::new(), told: Default::default() }
    }

    pub(super) fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }

    /// Holds the name of a table, and looks whether it is the one that is meant and whether it can be worked on. The name of
    /// an index of it cannot be held; that is looked at as late as can be.
    pub(super) async fn pin(
        &mut self,
        table: &Relation,
        index: Option<(u32, &str)>,
        cx: &Context,
    ) -> Result<Pinned, Ended> {
        let lock = format!("LOCK TABLE {} IN ACCESS SHARE MODE NOWAIT", table.quoted());
        let question = found(table.oid, index.map_or(0, |(oid, _)| oid));
        let held = self.reader.hold::<Found>(&lock, &question, cx).await;
        self.is_holding = true;
        let found = match held {
            Ok(found) => found.into_iter().next(),
            Err(ended) if is_busy(&ended) || is_gone(&ended) => {
                let is_busy = is_busy(&ended);
                self.release(cx).await?;
                let found: Vec<Found> = self.reader.rows(&question, cx).await?;
                match found.into_iter().next() {
                    Some(found) if is_busy => return Ok(Pinned::Busy(found.blockers.unwrap_or_default())),
                    found => found,
                }
            }
            Err(ended) => return Err(ended),
        };
        let why = match found {
            None => "it is not there any more".to_owned(),
            Some(found) if (&found.schema, &found.name) != (&table.schema, &table.name) => {
                format!("it is called {} now", Plain::shown(&found.schema, &found.name))
            }
            Some(found) if !found.held => "another table has its name".to_owned(),
            Some(found) if found.file != table.file => "it was emptied or written anew".to_owned(),
            Some(found) if index.is_some_and(|(_, name)| found.index.as_deref() != Some(name)) => {
                "the index is not what it was".to_owned()
            }
            Some(found) => match found.blockers {
                Some(blockers) if !blockers.is_empty() => {
                    self.release(cx).await?;
                    return Ok(Pinned::Busy(blockers));
                }
                _ => return Ok(Pinned::Ours),
            },
        };
        self.release(cx).await?;
        Ok(Pinned::Not(why))
    }

    /// Lets go of the name, if it is held.
    pub(super) async fn release(&mut self, cx: &Context) -> Result<(), Ended> {
        if std::mem::take(&mut self.is_holding) { self.reader.release(cx).await } else { Ok(()) }
    }

    /// Looks how far the process that works is. It lets go of the name as soon as that one has its lock. What goes wrong
    /// here ends nothing: the statement says for itself what becomes of it.
    pub(super) async fn look(&mut self, process: u32, table: u32, progress: Progress) {
        let cx = aside(self.keys, QUESTION);
        let question = watched(process, table, progress);
        let rows: Result<Vec<Watched>, Ended> = match self.is_holding {
            true => self.reader.go_on(&question, &cx).await,
            false => self.reader.rows(&question, &cx).await,
        };
        let Some(row) = rows.ok().and_then(|rows| rows.into_iter().next()) else { return };
        if row.holds {
            let _ = self.release(&cx).await;
        }
        if let Some(blockers) = row.blockers.filter(|blockers| !blockers.is_empty()) {
            self.blockers = blockers;
        }
        if let Some(done) = row.progress {
            self.tell(&done);
        }
    }

    /// Passes on how far it is: as bytes to whoever waits at a terminal, and in words to whoever traces.
    fn tell(&mut self, now: &Done) {
        let block = u64::try_from(self.reader.facts.block).unwrap_or(8192);
        let phase = now.phase.clone().unwrap_or_default();
        let (done, whole) = (now.done.unwrap_or(0) * block, now.whole.unwrap_or(0) * block);
        if phase == self.told.0 && (done, whole) == (self.told.1, self.told.2) {
            return;
        }
        // A phase that has work of its own to go through begins anew.
        let is_new = whole != self.told.2 || done < self.told.1;
        if is_new {
            self.keys.extent().expect(whole);
        }
        self.keys.extent().did(done.saturating_sub(if is_new { 0 } else { self.told.1 }));
        tracing::debug!(phase, done, whole, "the server works");
        self.told = (phase, done, whole);
    }

    /// Has the server end what the process does.
    pub(super) async fn cancel(&mut self, process: u32) {
        let cx = aside(self.keys, QUESTION);
        let question = format!("SELECT pg_cancel_backend({process}) AS told");
        let _: Result<Vec<serde_json::Value>, Ended> = match self.is_holding {
            true => self.reader.go_on(&question, &cx).await,
            false => self.reader.rows(&question, &cx).await,
        };
        let _ = self.release(&cx).await;
    }

    pub(super) async fn end(mut self) {
        let cx = aside(self.keys, QUESTION);
        let _ = self.release(&cx).await;
        self.reader.end(&cx).await;
    }
}

/// The locks that keep a statement of ours from its table.
pub(in crate::postgres) const CONFLICTING: &str = "('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', \
     'ExclusiveLock', 'AccessExclusiveLock')";

fn found(oid: u32, index: u32) -> String {
    let columns = Blocker::COLUMNS;
    format!(
        "SELECT n.nspname AS schema, c.relname AS name, coalesce(pg_relation_filenode(c.oid), 0)::int8 AS file, \
         EXISTS (SELECT FROM pg_locks WHERE locktype = 'relation' AND pid = pg_backend_pid() AND relation = c.oid \
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
          AND mode = 'AccessShareLock' AND granted) AS held, \
         (SELECT x.relname FROM pg_class x WHERE x.oid = {index} AND x.relnamespace = c.relnamespace) AS index, \
         (SELECT json_agg(b) FROM (SELECT DISTINCT l.pid, {columns} FROM pg_locks l LEFT JOIN pg_stat_activity a \
          ON a.pid = l.pid WHERE l.locktype = 'relation' AND l.relation = c.oid AND l.granted \
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
          AND l.pid IS DISTINCT FROM pg_backend_pid() AND l.mode IN {CONFLICTING}) b) AS blockers \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = {oid}"
    )
}

fn watched(process: u32, table: u32, progress: Progress) -> String {
    let columns = Blocker::COLUMNS;
    let progress = match progress.view() {
        Some((view, done, whole)) => format!(
            "(SELECT row_to_json(p) FROM (SELECT phase, {done} AS done, {whole} AS whole FROM {view} \
             WHERE pid = {process}) p)"
        ),
        None => "NULL::json".to_owned(),
    };
    format!(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'relation' AND pid = {process} AND relation = {table} \
         AND mode = 'ShareUpdateExclusiveLock' AND granted) AS holds, \
         (SELECT json_agg(b) FROM (SELECT p.pid, {columns} FROM unnest(pg_blocking_pids({process})) AS p (pid) \
          LEFT JOIN pg_stat_activity a ON a.pid = p.pid LIMIT 3) b) AS blockers, {progress} AS progress"
    )
}
