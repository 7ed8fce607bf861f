//! `sql-query` against a server with the tables of an application.

use selx_core::Status;
use serde_json::{Value, json};

use crate::cluster::{Cluster, say};
use crate::drive::{LONG, and, as_role, assert_is, look, look_with_limits, measure, words};

const KIND: &str = "sql-query";

const TABLES: &str = "CREATE TABLE tasks (id serial, status text, created_at timestamp, result jsonb);
    CREATE TABLE users (id serial, created_at timestamptz DEFAULT now());
    INSERT INTO users DEFAULT VALUES; INSERT INTO users (created_at) VALUES (now() - interval '40 days');
    CREATE TABLE \"odd \"\"name\"\"\n; DROP TABLE tasks; --\" (n int); INSERT INTO \"odd \"\"name\"\"\n; DROP TABLE tasks; --\" VALUES (7);
    CREATE TABLE secret (n int); GRANT SELECT ON tasks, users TO selx; GRANT USAGE ON SCHEMA public TO selx";

fn asks(cluster: &Cluster, query: &str) -> Value {
    and(as_role(cluster, "selx"), json!({ "query": query }))
}

fn preset(cluster: &Cluster, preset: &str) -> Value {
    and(as_role(cluster, "selx"), json!({ "preset": preset }))
}

#[tokio::test]
async fn d6_the_failure_rate_of_tasks() {
    // The zone of the server is not that in which the application writes.
    let cluster = Cluster::start(&["timezone=Asia/Tokyo"]).await;
    let entry = look(KIND, preset(&cluster, "tasks-failure-rate"), LONG).await;
    assert_is(
        &entry,
        Status::Critical,
        &["query-failed"],
        &["relation \"public.tasks\" does not exist", "42P01", "set `table-schema`"],
    );
    cluster.say(TABLES).await;
    for (more, status, codes) in [
        (json!({}), Status::Warning, &["no-tasks"][..]),
        (json!({ "when-empty": "ok" }), Status::Ok, &[]),
        (json!({ "when-empty": "critical" }), Status::Critical, &["no-tasks"]),
    ] {
        let entry = look_with_limits(KIND, and(preset(&cluster, "tasks-failure-rate"), more)).await;
        assert_is(&entry, status, codes, &["not one task in the last 24 hours (times without a zone taken as UTC)"]);
        assert!(entry.measures.iter().all(|measured| measured.measure.name != "failure-rate"));
    }
    cluster
        .say(
            "INSERT INTO tasks (status, created_at, result) SELECT CASE WHEN n <= 3 THEN 'FAILED' ELSE 'COMPLETED' END,
             now() AT TIME ZONE 'UTC' - interval '23 hours', '{\"a\": [1, 2]}' FROM generate_series(1, 100) n;
             INSERT INTO tasks (status, created_at) SELECT 'FAILED', now() AT TIME ZONE 'UTC' - interval '25 hours' FROM generate_series(1, 50)",
        )
        .await;
    let entry = look_with_limits(KIND, preset(&cluster, "tasks-failure-rate")).await;
    assert_is(&entry, Status::Warning, &["limit-failure-rate"], &["3 of 100 tasks failed (3%)", "UTC"]);
    assert_eq!((measure(&entry, "failed", ""), measure(&entry, "total", "")), (3.0, 100.0));
    let both = and(preset(&cluster, "tasks-failure-rate"), json!({ "failed": ["FAILED", "COMPLETED"] }));
    let entry = look_with_limits(KIND, both).await;
    assert_is(&entry, Status::Critical, &["limit-failure-rate"], &["100 of 100"]);
    // In the wrong zone none of them is of the last 24 hours, or all.
    let entry = look(KIND, and(preset(&cluster, "tasks-failure-rate"), json!({ "zone": "Asia/Tokyo" })), LONG).await;
    assert_is(&entry, Status::Warning, &["no-tasks"], &["Asia/Tokyo"]);
    let days = look(KIND, preset(&cluster, "tasks-by-day"), LONG).await;
    assert_is(&days, Status::Ok, &[], &["7 rows of 3 columns, days in UTC", "tasks | failed"]);
    assert_eq!(measure(&days, "rows", ""), 7.0);
    let tasks = days.measures.iter().filter(|measured| measured.measure.name == "value");
    assert_eq!(tasks.map(|measured| measured.measure.value).sum::<f64>(), 150.0);
    let months = and(preset(&cluster, "tasks-by-month"), json!({ "size-columns": ["result"] }));
    let months = look(KIND, months, LONG).await;
    assert_is(&months, Status::Ok, &[], &["6 rows of 5 columns", "bytes", "growth"]);
    let users = look(KIND, preset(&cluster, "users-by-month"), LONG).await;
    assert_is(&users, Status::Ok, &[], &["6 rows of 3 columns", "users"]);
}

#[tokio::test]
async fn d5_d7_what_the_server_says_against_a_query() {
    let cluster = Cluster::start(&[]).await;
    cluster.say(TABLES).await;
    let (critical, unknown) = (Status::Critical, Status::Unknown);
    for (query, status, code, said) in [
        (
            "SELECT n\nFROM public.nowhere",
            critical,
            "query-failed",
            &["42P01", "line 2: FROM\u{a0}public.nowhere", "^"][..],
        ),
        ("SELECT count(*) FROM tasks", critical, "query-failed", &["write `public.NAME`, or set `schemas"]),
        // Columns that statistics have not had since version 13, or never.
        (
            "SELECT tablename FROM pg_stat_user_indexes",
            critical,
            "query-failed",
            &["column \"tablename\" does not exist", "42703"],
        ),
        ("SELECT coalesce(result, '') FROM public.tasks", critical, "query-failed", &["22P02"]),
        ("SELECT 1; SELECT 2", critical, "query-failed", &["multiple commands", "one check asks one question"]),
        ("SELECT 1; COMMIT; DROP TABLE public.tasks", critical, "query-failed", &["multiple commands"]),
        ("DELETE FROM public.tasks", critical, "query-failed", &["25006", "nothing was changed"]),
        ("CREATE TEMP TABLE x (n int)", critical, "query-failed", &["25006"]),
        ("DO $$ BEGIN SET TRANSACTION READ WRITE; END $$", critical, "query-failed", &["must be set before any query"]),
        ("SELECT pg_sleep(30)", critical, "out-of-time", &["statement timeout", "57014"]),
        ("SELECT * FROM public.secret", unknown, "not-allowed", &["42501", "GRANT SELECT ON TABLE"]),
        ("SELECT 1/0", critical, "query-failed", &["division by zero", "22012"]),
        ("SELEC 1", critical, "query-failed", &["42601", "line 1: SELEC\u{a0}1"]),
    ] {
        let entry = look(KIND, and(asks(&cluster, query), json!({ "statement-timeout": "300ms" })), LONG).await;
        assert_is(&entry, status, &[code], said);
    }
    // A table that somebody holds: told as a lock, long before the limit of the statement.
    let mut holder = cluster.session().await;
    say(&mut holder, "BEGIN; LOCK TABLE tasks").await;
    let entry = look(KIND, asks(&cluster, "SELECT count(*) FROM public.tasks"), LONG).await;
    assert_is(&entry, critical, &["out-of-time"], &["lock timeout", "55P03", "postgres-activity"]);
}

#[tokio::test]
async fn values_become_numbers_and_hostile_texts_stay_texts() {
    let cluster = Cluster::start(&[]).await;
    cluster.say(TABLES).await;
    let entry =
        look(KIND, asks(&cluster, "SELECT 'mail' AS queue, 5 AS n, 7 AS value UNION ALL SELECT NULL, 1, NULL"), LONG)
            .await;
    assert_is(&entry, Status::Warning, &["no-number"], &["2 rows of 3 columns", "`NULL` is NULL or no number"]);
    assert_eq!(measure(&entry, "value", "mail"), 7.0);
    for (query, name, value) in [
        ("SELECT 1.5::numeric", "value", 1.5),
        ("SELECT '1e3'::float8", "value", 1000.0),
        ("SELECT interval '1 day 00:00:01'", "duration", 86401.0),
        ("SELECT interval '-2 mons'", "duration", -5_184_000.0),
    ] {
        let entry = look(KIND, asks(&cluster, query), LONG).await;
        assert_is(&entry, Status::Ok, &[], &[]);
        assert_eq!(measure(&entry, name, ""), value, "{query}");
    }
    let age = look(KIND, asks(&cluster, "SELECT now() - interval '1 hour'"), LONG).await;
    assert!((measure(&age, "age", "") - 3600.0).abs() < 60.0, "{}", words(&age));
    for nothing in ["SELECT 'NaN'::numeric", "SELECT max(id) FROM public.tasks"] {
        let entry = look(KIND, asks(&cluster, nothing), LONG).await;
        assert_is(&entry, Status::Warning, &["no-number"], &["no limit can judge it"]);
    }
    // Texts that would steer a terminal or forge a line.
    let entry = look(KIND, asks(&cluster, "SELECT E'fine\\n\\x1b[2Jok | 1'::text AS t, 1 AS n"), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["fine\\n\\x1b[2Jok"]);
    // A name that is more than a name.
    cluster.say("GRANT SELECT ON ALL TABLES IN SCHEMA public TO selx").await;
    let hostile = "odd \"name\"; DROP TABLE tasks; --";
    let entry = look(KIND, and(preset(&cluster, "users-by-month"), json!({ "table": hostile })), LONG).await;
    assert_is(&entry, Status::Critical, &["query-failed"], &["does not exist", "42P01"]);
    let still = look(KIND, asks(&cluster, "SELECT count(*) FROM public.tasks"), LONG).await;
    assert_is(&still, Status::Ok, &[], &["count is 0"]);
    let none = look(KIND, asks(&cluster, "SELECT 1 WHERE false"), LONG).await;
    assert_is(&none, Status::Warning, &["no-rows"], &["gave no row"]);
}

#[tokio::test]
async fn more_than_is_read_is_told() {
    let cluster = Cluster::start(&[]).await;
    let entry = look(KIND, asks(&cluster, "SELECT generate_series(1, 1000000000) AS n"), LONG).await;
    assert_is(&entry, Status::Warning, &["more-rows"], &["100 rows", "more than the 100 rows that were read"]);
    let wide =
        and(asks(&cluster, "SELECT repeat('x', 100000) FROM generate_series(1, 100)"), json!({ "max-rows": 10000 }));
    let entry = look(KIND, wide, LONG).await;
    assert_is(&entry, Status::Warning, &["more-rows"], &["more than the 10 rows"]);
    let huge = look(KIND, asks(&cluster, "SELECT repeat('x', 20000000)"), LONG).await;
    assert_is(&huge, Status::Warning, &["more-rows"], &["more than the 0 rows"]);
    let exact = look(KIND, asks(&cluster, "SELECT n FROM generate_series(1, 100) n"), LONG).await;
    assert_is(&exact, Status::Ok, &[], &["100 rows"]);
}
