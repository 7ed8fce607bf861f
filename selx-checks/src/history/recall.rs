//! What is read: the memory of checks, and series of values.

use std::collections::HashMap;

use jiff::Timestamp;
use selx_core::{Previous, Remembered};
use sqlx::{Row as _, SqliteConnection};

use super::accounting::moment;

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

/// Returns the newest values of a measure, the oldest of them first.
pub(super) async fn series(
    connection: &mut SqliteConnection,
    check: &str,
    measure: &str,
    subject: &str,
    since: Timestamp,
    most: usize,
) -> Result<Vec<(Timestamp, f64)>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT at, value FROM points WHERE series = (SELECT id FROM series WHERE name = ? AND measure = ? AND subject = ?) \
         AND at >= ? ORDER BY at DESC LIMIT ?",
    )
    .bind(check)
    .bind(measure)
    .bind(subject)
    .bind(since.as_microsecond())
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    let mut points = Vec::with_capacity(rows.len());
    for row in rows.iter().rev() {
        if let Ok(at) = Timestamp::from_microsecond(row.try_get(0)?) {
            points.push((at, row.try_get(1)?));
        }
    }
    Ok(points)
}
