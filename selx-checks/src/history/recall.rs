//! What is read: the memory of checks, and series of values.

use std::collections::HashMap;

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use selx_core::{Previous, Remembered};
use serde::Deserialize;
use sqlx::{Row as _, SqliteConnection};

use super::accounting::moment;
use super::keep::DAY;

/// Returns what is remembered of checks. What does not read is like what is not there.
pub(super) async fn recall(
    connection: &mut SqliteConnection,
    checks: &[String],
) -> Result<HashMap<String, Remembered>, sqlx::Error> {
    let names = serde_json::to_string(checks).unwrap_or_default();
    let mut all: HashMap<String, Remembered> = HashMap::new();
    let rows = sqlx::query(
        "SELECT name, facts, at, since_boot, boot FROM memory WHERE name IN (SELECT value FROM json_each(?))",
    )
    .bind(&names)
    .fetch_all(&mut *connection)
    .await?;
    for row in rows {
        let (name, facts): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        let seen = moment(row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
        let remembered = all.entry(name).or_default();
        remembered.previous =
            facts.and_then(|facts| serde_json::from_str(&facts).ok()).map(|facts| Previous { facts, seen });
    }
    let rows =
        sqlx::query("SELECT name, measure, subject, state FROM states WHERE name IN (SELECT value FROM json_each(?))")
            .bind(&names)
            .fetch_all(&mut *connection)
            .await?;
    for row in rows {
        let (name, state): (String, String) = (row.try_get(0)?, row.try_get(3)?);
        if let Ok(state) = serde_json::from_str(&state) {
            all.entry(name).or_default().limits.push((row.try_get(1)?, row.try_get(2)?, state));
        }
    }
    Ok(all)
}

/// What a check came to, of what is kept of it.
#[derive(Deserialize)]
struct Look {
    at: i64,
    #[serde(default)]
    measures: HashMap<String, HashMap<String, f64>>,
}

/// Returns the newest values of a measure, the oldest of them first. What does not read is like what is not there.
pub(super) async fn series(
    connection: &mut SqliteConnection,
    check: &str,
    measure: &str,
    subject: &str,
    since: Timestamp,
    most: usize,
) -> Result<Vec<(Timestamp, f64)>, sqlx::Error> {
    // A check may begin long after its run.
    let from = since.as_microsecond().saturating_sub(DAY);
    let mut rows = sqlx::query("SELECT checks FROM looks WHERE at >= ? ORDER BY at DESC").bind(from).fetch(connection);
    let mut points = Vec::new();
    while points.len() < most
        && let Some(row) = rows.try_next().await?
    {
        let checks: String = row.try_get(0)?;
        let Ok(mut checks) = serde_json::from_str::<HashMap<String, Look>>(&checks) else { continue };
        let Some(look) = checks.remove(check) else { continue };
        let value = look.measures.get(measure).and_then(|subjects| subjects.get(subject));
        if let (Some(value), Ok(at)) = (value, Timestamp::from_microsecond(look.at))
            && at >= since
        {
            points.push((at, *value));
        }
    }
    points.sort_unstable_by_key(|(at, _)| *at);
    Ok(points)
}
