//! What is written when a run has ended, and what is dropped then.

use std::time::Duration;

use selx_core::report::Outcome;
use selx_core::{ByteSize, Error, ErrorKind, Report};
use serde_json::{Map, Value, json};
use sqlx::{Row as _, SqliteConnection};

use super::FACTS_LIMIT;
use super::accounting::nanoseconds;
use super::schema::{number, run};

/// So many rows are dropped at once, the oldest first. A run adds one, so this catches up with any number.
const BATCH: i64 = 16;
/// So often in one run: what is left over goes with the next run.
const MOST_BATCHES: usize = 20;
/// In microseconds.
pub(super) const DAY: i64 = 86_400_000_000;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) retention: Duration,
    pub(super) size: ByteSize,
}

/// Whose file it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'a> {
    /// The identity of this machine, if the file does not hold it yet.
    pub(super) here: Option<&'a str>,
    /// Whether the file was written on another machine.
    pub(super) elsewhere: bool,
}

/// What is to be kept of a report, as JSON that one statement each takes in.
pub(super) struct Kept {
    /// What each check came to, for one row: its time, status and numbers.
    checks: Value,
    memory: Value,
    states: Value,
    /// Checks whose limits were judged: their memory is replaced.
    seen: Value,
    too_large: Vec<String>,
}

impl Kept {
    pub(super) fn of(report: &Report) -> Self {
        let (mut checks, mut memory, mut states, mut seen, mut too_large) =
            (Map::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for entry in &report.entries {
            let name = entry.full_name();
            let at = entry.started.at.as_microsecond();
            if let Some(facts) = &entry.facts {
                let facts = serde_json::to_string(facts).ok();
                let large = facts.as_ref().is_some_and(|facts| facts.len() as u64 > FACTS_LIMIT.get());
                if large {
                    too_large.push(name.clone());
                }
                let facts = facts.filter(|_| !large);
                let (boot, since) = (entry.started.boot.cast_signed(), nanoseconds(entry.started.since_boot));
                memory.push(json!([name, facts, at, since, boot]));
            }
            if entry.outcome == Outcome::Seen {
                seen.push(json!(name));
            }
            let mut measures: Map<String, Value> = Map::new();
            for measured in &entry.measures {
                let measure = &measured.measure;
                if let Some(state) = measured.state.and_then(|state| serde_json::to_string(&state).ok()) {
                    states.push(json!([name, measure.name, measure.subject, state]));
                }
                if measure.value.is_finite() {
                    let subjects = measures.entry(measure.name.to_string()).or_insert_with(|| json!({}));
                    if let Value::Object(subjects) = subjects {
                        subjects.insert(measure.subject.clone(), json!(measure.value));
                    }
                }
            }
            checks.insert(name, json!({ "at": at, "status": entry.status().as_str(), "measures": measures }));
        }
        Self {
            checks: Value::Object(checks),
            memory: Value::Array(memory),
            states: Value::Array(states),
            seen: Value::Array(seen),
            too_large,
        }
    }

    /// Says what was too large to be kept, after the rest was.
    pub(super) fn complaint(&self) -> Option<Error> {
        let first = self.too_large.first()?;
        let more = match self.too_large.len() - 1 {
            0 => String::new(),
            more => format!(" and of {more} more"),
        };
        let message =
            format!("the facts of `{first}`{more} are larger than {FACTS_LIMIT} and were not kept; the rest was");
        Some(
            Error::new(ErrorKind::Limit, message)
                .advice("let the check look at less: changes since its last look cannot be told without them"),
        )
    }
}

/// Keeps a report.
pub(super) async fn save(
    connection: &mut SqliteConnection,
    report: &Report,
    kept: &Kept,
    bounds: Bounds,
    owner: Owner<'_>,
) -> Result<(), sqlx::Error> {
    run(connection, "BEGIN IMMEDIATE").await?;
    // The old goes first, so that there is room for the new.
    drop_old(connection, report, bounds).await?;
    if owner.elsewhere {
        for statement in ["DELETE FROM memory", "DELETE FROM states", "DELETE FROM runs"] {
            run(connection, statement).await?;
        }
    }
    own(connection, owner.here).await?;
    end(connection, report).await?;
    for (statement, rows) in [
        // Of two runs that overlap the later look counts, whichever ends first.
        (
            "INSERT INTO memory (name, facts, at, since_boot, boot) \
             SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), \
                    json_extract(value, '$[3]'), json_extract(value, '$[4]') FROM json_each(?1) WHERE true \
             ON CONFLICT (name) DO UPDATE SET facts = excluded.facts, at = excluded.at, \
                    since_boot = excluded.since_boot, boot = excluded.boot \
             WHERE excluded.boot <> boot OR excluded.since_boot >= since_boot",
            &kept.memory,
        ),
        ("DELETE FROM states WHERE name IN (SELECT value FROM json_each(?1))", &kept.seen),
        (
            "INSERT OR REPLACE INTO states (name, measure, subject, state) \
             SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), \
                    json_extract(value, '$[3]') FROM json_each(?1)",
            &kept.states,
        ),
    ] {
        if rows.as_array().is_some_and(|rows| !rows.is_empty()) {
            sqlx::query(statement).bind(rows.to_string()).execute(&mut *connection).await?;
        }
    }
    sqlx::query("INSERT INTO looks (run, at, checks) VALUES (?, ?, ?)")
        .bind(&report.run)
        .bind(report.started.at.as_microsecond())
        .bind(kept.checks.to_string())
        .execute(&mut *connection)
        .await?;
    run(connection, "COMMIT").await?;
    // Pages that are free go back to the disk, a few at a time. It is no harm if another run is in the way.
    let _ = sqlx::raw_sql("PRAGMA incremental_vacuum(512)").execute(&mut *connection).await;
    Ok(())
}

/// Notes the machine that the file is of.
async fn own(connection: &mut SqliteConnection, machine: Option<&str>) -> Result<(), sqlx::Error> {
    if let Some(machine) = machine {
        sqlx::query("INSERT OR REPLACE INTO about (key, value) VALUES ('machine', ?)")
            .bind(machine)
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Notes the end of the run, also where its beginning could not be noted.
async fn end(connection: &mut SqliteConnection, report: &Report) -> Result<(), sqlx::Error> {
    let started = report.started;
    sqlx::query(
        "INSERT INTO runs (id, routine, started, since_boot, boot, pid, pid_start, host, ended, status) \
         VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET ended = excluded.ended, status = excluded.status, host = excluded.host",
    )
    .bind(&report.run)
    .bind(&report.routine)
    .bind(started.at.as_microsecond())
    .bind(nanoseconds(started.since_boot))
    .bind(started.boot.cast_signed())
    .bind(&report.host)
    .bind(started.at.as_microsecond().saturating_add(i64::try_from(report.took.as_micros()).unwrap_or(i64::MAX)))
    .bind(report.status().as_str())
    .execute(connection)
    .await
    .map(|_| ())
}

/// Drops what is older than it is to be kept, and the oldest while the file is too large.
///
/// Room is made in the order in which rows were written. Age is no reason while the clock is doubtful: a clock that jumped
/// must not empty the history.
async fn drop_old(connection: &mut SqliteConnection, report: &Report, bounds: Bounds) -> Result<(), sqlx::Error> {
    let now = report.started.at.as_microsecond();
    let retention = i64::try_from(bounds.retention.as_micros()).unwrap_or(i64::MAX);
    let oldest = now.saturating_sub(retention);
    if clock_is_plausible(connection, report, retention).await? {
        for statement in [
            "DELETE FROM looks WHERE seq IN (SELECT seq FROM looks WHERE at < ?1 ORDER BY at LIMIT ?2)",
            "DELETE FROM runs WHERE seq IN (SELECT seq FROM runs WHERE started < ?1 ORDER BY started LIMIT ?2)",
        ] {
            for _ in 0..MOST_BATCHES {
                let query = sqlx::query(statement).bind(oldest).bind(BATCH);
                if query.execute(&mut *connection).await?.rows_affected() < BATCH.unsigned_abs() {
                    break;
                }
            }
        }
        let forgotten = sqlx::query("DELETE FROM memory WHERE at < ?").bind(oldest).execute(&mut *connection).await?;
        if forgotten.rows_affected() > 0 {
            run(connection, "DELETE FROM states WHERE name NOT IN (SELECT name FROM memory)").await?;
        }
    }
    for statement in [
        "DELETE FROM looks WHERE seq < (SELECT min(seq) FROM looks) + ?",
        "DELETE FROM runs WHERE seq IN (SELECT seq FROM runs WHERE ended IS NOT NULL ORDER BY seq LIMIT ?)",
    ] {
        for _ in 0..MOST_BATCHES {
            if !too_large(connection, bounds.size).await? {
                return Ok(());
            }
            let dropped = sqlx::query(statement).bind(BATCH).execute(&mut *connection).await?.rows_affected();
            if dropped == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// Tells whether the last run began not so long before this one that the clock may have jumped, and not after it.
async fn clock_is_plausible(
    connection: &mut SqliteConnection,
    report: &Report,
    retention: i64,
) -> Result<bool, sqlx::Error> {
    let last = sqlx::query("SELECT started FROM runs WHERE id <> ? ORDER BY seq DESC LIMIT 1")
        .bind(&report.run)
        .fetch_optional(connection)
        .await?;
    let Some(last) = last else { return Ok(false) };
    let last: i64 = last.try_get(0)?;
    let passed = report.started.at.as_microsecond().saturating_sub(last);
    Ok((-DAY..=DAY.max(retention / 2)).contains(&passed))
}

/// Tells whether more than nine tenths of the room are taken.
async fn too_large(connection: &mut SqliteConnection, size: ByteSize) -> Result<bool, sqlx::Error> {
    let used = number(
        connection,
        "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
    )
    .await?;
    Ok(u64::try_from(used).unwrap_or(0) > size.get() / 10 * 9)
}
