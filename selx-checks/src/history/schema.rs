//! The tables, and how a file of an older version becomes one of this.

use std::path::Path;

use selx_core::{Error, ErrorKind, Result};
use sqlx::{Row as _, SqliteConnection};

use super::error::from_sqlx;

/// What marks a file as ours: the letters `selx`.
const APPLICATION: i64 = 0x7365_6c78;

/// The steps from each version to the next: the first makes version 1 of an empty file. They are only ever added to.
///
/// Version 2 keeps what the checks of a run came to in one row instead of a row for each number and its index, which was
/// most of what a run wrote. It takes over what the last few hundred runs found, so that a large file is no long wait.
pub(super) const STEPS: &[&str] = &[
    "
    CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE runs (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        routine TEXT,
        started INTEGER NOT NULL,
        since_boot INTEGER NOT NULL,
        boot INTEGER NOT NULL,
        pid INTEGER NOT NULL,
        pid_start INTEGER NOT NULL,
        host TEXT NOT NULL,
        every_s INTEGER,
        ended INTEGER,
        status TEXT
    );
    CREATE INDEX runs_by_routine ON runs (routine, seq);
    CREATE TABLE statuses (
        seq INTEGER PRIMARY KEY,
        run TEXT NOT NULL,
        name TEXT NOT NULL,
        at INTEGER NOT NULL,
        status TEXT NOT NULL
    );
    CREATE INDEX statuses_by_name ON statuses (name, seq);
    CREATE TABLE memory (
        name TEXT PRIMARY KEY,
        facts TEXT,
        at INTEGER NOT NULL,
        since_boot INTEGER NOT NULL,
        boot INTEGER NOT NULL
    );
    CREATE TABLE states (
        name TEXT NOT NULL,
        measure TEXT NOT NULL,
        subject TEXT NOT NULL,
        state TEXT NOT NULL,
        PRIMARY KEY (name, measure, subject)
    ) WITHOUT ROWID;
    CREATE TABLE series (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        measure TEXT NOT NULL,
        subject TEXT NOT NULL,
        UNIQUE (name, measure, subject)
    );
    CREATE TABLE points (
        seq INTEGER PRIMARY KEY,
        series INTEGER NOT NULL,
        at INTEGER NOT NULL,
        value REAL NOT NULL
    );
    CREATE INDEX points_by_series ON points (series, at);
",
    "
    CREATE TABLE looks (
        seq INTEGER PRIMARY KEY,
        run TEXT NOT NULL,
        at INTEGER NOT NULL,
        checks TEXT NOT NULL
    );
    CREATE INDEX looks_by_time ON looks (at);
    CREATE INDEX runs_by_time ON runs (started);
    INSERT INTO looks (run, at, checks)
    SELECT run, min(at), json_group_object(name, json_object('at', at, 'status', status, 'measures', json((
        SELECT json_group_object(measure, json(subjects)) FROM (
            SELECT measure, json_group_object(subject, value) AS subjects
            FROM series JOIN points ON points.series = series.id
            WHERE series.name = statuses.name AND points.at = statuses.at GROUP BY measure
        )
    )))) FROM statuses WHERE seq > (SELECT max(seq) FROM statuses) - 5000 GROUP BY run ORDER BY min(seq);
    DROP TABLE points;
    DROP TABLE series;
    DROP TABLE statuses;
",
];

/// Brings a file up to the newest version of the steps.
///
/// # Errors
///
/// `Config` if it is of a newer version or of another program; then nothing in it was changed.
pub(super) async fn bring_up(connection: &mut SqliteConnection, steps: &[&'static str], path: &Path) -> Result<()> {
    let failed = |error| from_sqlx(error, path);
    if !behind(connection, steps, path).await? {
        return Ok(());
    }
    // Two runs may meet here: who comes second looks again under the lock.
    run(connection, "BEGIN IMMEDIATE").await.map_err(failed)?;
    if behind(connection, steps, path).await? {
        let from = usize::try_from(version(connection).await.map_err(failed)?).unwrap_or(0);
        for step in steps.iter().skip(from) {
            sqlx::raw_sql(*step).execute(&mut *connection).await.map_err(failed)?;
        }
        // Both are whole numbers of ours, and a pragma takes no parameters.
        let mark = format!("PRAGMA user_version = {}; PRAGMA application_id = {APPLICATION}", steps.len());
        sqlx::raw_sql(sqlx::AssertSqlSafe(mark)).execute(&mut *connection).await.map_err(failed)?;
    }
    run(connection, "COMMIT").await.map_err(failed)
}

/// Runs a statement without parameters and results.
pub(super) async fn run(connection: &mut SqliteConnection, statement: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(statement).execute(connection).await.map(|_| ())
}

/// Tells whether steps are missing.
async fn behind(connection: &mut SqliteConnection, steps: &[&'static str], path: &Path) -> Result<bool> {
    let failed = |error| from_sqlx(error, path);
    let [found, application, tables] = numbers(
        connection,
        "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema) \
         FROM pragma_user_version, pragma_application_id",
    )
    .await
    .map_err(failed)?;
    let newest = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    let shown = path.display();
    if found > newest {
        let message = format!(
            "the history in `{shown}` has version {found}, and this selx knows versions up to {newest}; it was left as it is"
        );
        return Err(Error::new(ErrorKind::Config, message).advice("use the newer selx, or set `path` in `[history]`"));
    }
    if (found > 0 || tables > 0) && application != APPLICATION {
        let message = format!("`{shown}` is a database of another program; it was left as it is");
        return Err(Error::new(ErrorKind::Config, message).advice("set `path` in `[history]` to another folder"));
    }
    Ok(found < newest)
}

async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    number(connection, "PRAGMA user_version").await
}

/// Asks for one number.
pub(super) async fn number(connection: &mut SqliteConnection, question: &'static str) -> Result<i64, sqlx::Error> {
    numbers(connection, question).await.map(|[number]| number)
}

/// Asks for several numbers: the columns of one row.
async fn numbers<const N: usize>(
    connection: &mut SqliteConnection,
    question: &'static str,
) -> Result<[i64; N], sqlx::Error> {
    let row = sqlx::query(question).fetch_one(connection).await?;
    let mut numbers = [0; N];
    for (column, number) in numbers.iter_mut().enumerate() {
        *number = row.try_get(column)?;
    }
    Ok(numbers)
}

/// Returns the identity of the machine that the file was written on; empty if it does not say.
pub(super) async fn machine(connection: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    let row = sqlx::query("SELECT value FROM about WHERE key = 'machine'").fetch_optional(connection).await?;
    row.map_or(Ok(String::new()), |row| row.try_get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "CREATE TABLE runs (id TEXT); INSERT INTO runs VALUES ('a'), ('b');";
    const TWO: &str = "ALTER TABLE runs ADD COLUMN routine TEXT NOT NULL DEFAULT 'daily';";
    const BROKEN: &str = "CREATE TABLE half (id TEXT); INSERT INTO nowhere VALUES (1);";

    async fn opened(folder: &Path) -> (SqliteConnection, std::path::PathBuf) {
        let path = super::super::file::prepare(folder).unwrap();
        let connection = super::super::file::connect(&path, selx_core::ByteSize(1 << 20)).await.unwrap();
        (connection, path)
    }

    #[tokio::test]
    async fn an_older_file_is_brought_up_with_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut old, path) = opened(folder.path()).await;
        bring_up(&mut old, &[ONE], &path).await.unwrap();
        drop(old);
        let (mut new, path) = opened(folder.path()).await;
        bring_up(&mut new, &[ONE, TWO], &path).await.unwrap();
        assert_eq!(version(&mut new).await.unwrap(), 2);
        assert_eq!(number(&mut new, "SELECT count(*) FROM runs WHERE routine = 'daily'").await.unwrap(), 2);
        // And the older program leaves it alone from now on.
        let error = bring_up(&mut new, &[ONE], &path).await.unwrap_err();
        assert!(error.to_string().contains("has version 2"), "{error}");
    }

    #[tokio::test]
    async fn what_the_first_version_kept_of_looks_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let (mut old, path) = opened(folder.path()).await;
        bring_up(&mut old, &STEPS[..1], &path).await.unwrap();
        let rows =
            "INSERT INTO series VALUES (1, 'host-disk.local', 'used', '/'), (2, 'host-disk.local', 'used', '/\"x'),
            (3, 'host-disk.local', 'inodes', '/');
            INSERT INTO points (series, at, value) VALUES (1, 10, 0.25), (2, 10, 0.5), (3, 10, 7), (1, 20, 0.75);
            INSERT INTO statuses (run, name, at, status) VALUES ('a', 'http.api', 9, 'critical'),
            ('a', 'host-disk.local', 10, 'ok'), ('b', 'host-disk.local', 20, 'warning');";
        sqlx::raw_sql(rows).execute(&mut old).await.unwrap();
        bring_up(&mut old, STEPS, &path).await.unwrap();
        let rows = sqlx::query("SELECT run, at, checks FROM looks ORDER BY seq").fetch_all(&mut old).await.unwrap();
        let rows: Vec<(String, i64, serde_json::Value)> = rows
            .iter()
            .map(|row| (row.get(0), row.get(1), serde_json::from_str(&row.get::<String, _>(2)).unwrap()))
            .collect();
        let first = serde_json::json!({
            "http.api": { "at": 9, "status": "critical", "measures": {} },
            "host-disk.local": {
                "at": 10, "status": "ok", "measures": { "used": { "/": 0.25, "/\"x": 0.5 }, "inodes": { "/": 7.0 } }
            },
        });
        let second = serde_json::json!({
            "host-disk.local": { "at": 20, "status": "warning", "measures": { "used": { "/": 0.75 } } }
        });
        assert_eq!(rows, [("a".to_owned(), 9, first), ("b".to_owned(), 20, second)]);
    }

    #[tokio::test]
    async fn a_step_that_fails_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (mut old, path) = opened(folder.path()).await;
        bring_up(&mut old, &[ONE], &path).await.unwrap();
        bring_up(&mut old, &[ONE, BROKEN], &path).await.unwrap_err();
        drop(old);
        let (mut again, path) = opened(folder.path()).await;
        assert_eq!(version(&mut again).await.unwrap(), 1);
        assert_eq!(number(&mut again, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'").await.unwrap(), 0);
        bring_up(&mut again, &[ONE, TWO], &path).await.unwrap();
    }

    #[tokio::test]
    async fn the_file_of_another_program_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (mut other, path) = opened(folder.path()).await;
        sqlx::raw_sql("CREATE TABLE bookmarks (url TEXT)").execute(&mut other).await.unwrap();
        let error = bring_up(&mut other, STEPS, &path).await.unwrap_err();
        assert!(error.to_string().contains("another program"), "{error}");
        assert_eq!(number(&mut other, "SELECT count(*) FROM sqlite_schema").await.unwrap(), 1);
    }
}
