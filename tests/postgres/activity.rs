//! `postgres-activity` against servers at work.

use std::time::{Duration, Instant};

use selx_core::Status;
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use crate::cluster::{Cluster, say};
use crate::drive::{LONG, and, as_role, assert_is, look, look_with_limits, measure, twice, words};

const KIND: &str = "postgres-activity";

/// Waits until a question of the server is answered with true.
pub(crate) async fn until(session: &mut PgConnection, question: &'static str) {
    let began = Instant::now();
    while !sqlx::query(question).fetch_one(&mut *session).await.unwrap().get::<bool, _>(0) {
        assert!(began.elapsed() < Duration::from_secs(30), "never true: {question}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_chain_of_locks_has_an_end_and_everyone_a_name() {
    let cluster = Cluster::start(&["max_prepared_transactions=5", "track_activity_query_size=1000"]).await;
    let quiet = look_with_limits(KIND, as_role(&cluster, "selx")).await;
    assert_is(&quiet, Status::Ok, &[], &["1 of 27 connections used", "primary"]);
    cluster.say("CREATE TABLE jobs (id int PRIMARY KEY, mail text); INSERT INTO jobs VALUES (1, 'a'), (2, 'b')").await;
    let (mut first, mut second, mut third) =
        (cluster.session().await, cluster.session().await, cluster.session().await);
    say(&mut first, "BEGIN; UPDATE jobs SET mail = 'ann@example.org' WHERE id = 1").await;
    let holder: i32 = sqlx::query("SELECT pg_backend_pid()").fetch_one(&mut first).await.unwrap().get(0);
    say(&mut first, "UPDATE jobs SET mail = 'ann@example.org' WHERE id = 1").await;
    let second = tokio::spawn(async move {
        say(
            &mut second,
            "BEGIN; UPDATE jobs SET mail = 'x' WHERE id = 2; UPDATE jobs SET mail = 'x' WHERE id = 1; COMMIT",
        )
        .await;
    });
    let mut watcher = cluster.session().await;
    until(&mut watcher, "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").await;
    let third = tokio::spawn(async move { say(&mut third, "UPDATE jobs SET mail = 'y' WHERE id = 2").await });
    until(&mut watcher, "SELECT count(*) = 2 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").await;
    watcher.close().await.unwrap();
    let entry = look(KIND, as_role(&cluster, "selx"), LONG).await;
    let held = "2 sessions wait for a lock, the longest for".to_owned();
    let by =
        format!("it is held by pid {holder} (user postgres, application shop-api, database shop), idle in transaction");
    let query = "UPDATE jobs SET mail = ? WHERE id = ?";
    let end = format!("SELECT pg_terminate_backend({holder})");
    assert_is(&entry, Status::Ok, &[], &[&held, &by, query, &end, "longest idle in transaction"]);
    assert!(!words(&entry).contains("ann@example.org"), "{}", words(&entry));
    assert_eq!(measure(&entry, "waiting", ""), 2.0);
    assert_eq!(measure(&entry, "idle-in-transaction-sessions", ""), 1.0);
    assert!(measure(&entry, "longest-wait", "") > 0.0 && measure(&entry, "idle-in-transaction", "") > 0.0);
    // The limits make an alarm of it.
    let with = as_role(&cluster, "selx");
    let mut instance = selx_core::Instance::new(crate::drive::check(KIND, &with), "one");
    instance.limits =
        selx_core::Limits::default().set("longest-wait", selx_core::Limit::new(selx_core::Unit::Seconds, "", "1ms"));
    let entry = crate::drive::run(instance, LONG).await;
    assert_is(&entry, Status::Critical, &["limit-longest-wait"], &["longest wait for a lock"]);
    say(&mut first, "COMMIT").await;
    second.await.unwrap();
    third.await.unwrap();
    // A prepared transaction has no process, holds rows for ever, and blocks.
    say(&mut first, "BEGIN; UPDATE jobs SET mail = 'z' WHERE id = 1; PREPARE TRANSACTION 'forgotten'").await;
    let mut waiting = cluster.session().await;
    let waiting = tokio::spawn(async move { say(&mut waiting, "UPDATE jobs SET mail = 'w' WHERE id = 1").await });
    until(&mut first, "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").await;
    let entry = look(KIND, as_role(&cluster, "selx"), LONG).await;
    assert_is(
        &entry,
        Status::Ok,
        &[],
        &["held by a prepared transaction", "forgotten in shop by postgres", "COMMIT PREPARED"],
    );
    assert!(measure(&entry, "prepared", "") > 0.0 && measure(&entry, "held-back", "prepared transaction") >= 1.0);
    say(&mut first, "COMMIT PREPARED 'forgotten'").await;
    waiting.await.unwrap();
}

#[tokio::test]
async fn deadlocks_and_temporary_files_since_the_last_look() {
    let cluster = Cluster::start(&["deadlock_timeout=50ms", "work_mem=64kB"]).await;
    cluster.say("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)").await;
    let measures = twice(KIND, as_role(&cluster, "selx"), async || {
        let (mut a, mut b) = (cluster.session().await, cluster.session().await);
        say(&mut a, "BEGIN; DELETE FROM t WHERE id = 1").await;
        say(&mut b, "BEGIN; DELETE FROM t WHERE id = 2").await;
        let a = tokio::spawn(async move {
            let lost = sqlx::raw_sql("DELETE FROM t WHERE id = 2").execute(&mut a).await.is_err();
            a.close().await.unwrap();
            lost
        });
        let lost = sqlx::raw_sql("DELETE FROM t WHERE id = 1").execute(&mut b).await.is_err();
        b.close().await.unwrap();
        assert!(lost ^ a.await.unwrap());
        cluster
            .say("SELECT count(*) FROM (SELECT * FROM generate_series(1, 200000) n ORDER BY n DESC OFFSET 1) x")
            .await;
        // Sessions tell the statistics at their end; that takes a moment.
        let mut watcher = cluster.session().await;
        until(&mut watcher, "SELECT sum(deadlocks) > 0 AND sum(temp_bytes) > 0 FROM pg_stat_database").await;
    })
    .await;
    let of = |name: &str| measures.iter().find(|measure| measure.name == name).unwrap().value;
    assert_eq!(of("deadlocks"), 1.0);
    assert!(of("temp-bytes") > 1e6, "{}", of("temp-bytes"));
    // A first look says nothing of it.
    let first = look(KIND, as_role(&cluster, "selx"), LONG).await;
    assert!(first.measures.iter().all(|measured| measured.measure.name != "deadlocks"));
}

#[tokio::test]
async fn a_missing_right_is_a_fault_with_its_grant() {
    let cluster = Cluster::start(&[]).await;
    let mut idle = cluster.session().await;
    say(&mut idle, "BEGIN; SELECT 1").await;
    let entry = look(KIND, as_role(&cluster, "viewer"), LONG).await;
    assert_is(
        &entry,
        Status::Unknown,
        &[],
        &["role `viewer` does not see what the sessions of others do", "GRANT pg_monitor TO \"viewer\"", "2 of 27"],
    );
    assert!(entry.measures.iter().all(|measured| measured.measure.name != "idle-in-transaction"));
    // A right that was taken away from all.
    cluster.say("REVOKE SELECT ON pg_catalog.pg_replication_slots FROM PUBLIC").await;
    let entry = look(KIND, as_role(&cluster, "viewer"), LONG).await;
    assert_is(&entry, Status::Unknown, &[], &["permission denied for view pg_replication_slots"]);
    assert!(format!("{:?}", entry.outcome).contains("GRANT pg_monitor"), "{:?}", entry.outcome);
    let unasked = look(KIND, and(json!({ "target": cluster.address() }), json!({ "user": "selx" })), LONG).await;
    assert_is(&unasked, Status::Unknown, &[], &["wants SCRAM-SHA-256 of role `selx`, and the check has no password"]);
}

/// Functions and operators of somebody else, first in everybody's way.
const TRAP: &str = "CREATE SCHEMA trap; CREATE TABLE trap.hits (n int);
    CREATE FUNCTION trap.count(text) RETURNS bigint LANGUAGE sql AS 'INSERT INTO trap.hits VALUES (1); SELECT -1::bigint';
    CREATE FUNCTION trap.date_part(text, interval) RETURNS float8 LANGUAGE sql AS 'SELECT -7::float8';
    CREATE FUNCTION trap.pg_is_in_recovery() RETURNS bool LANGUAGE sql AS 'SELECT true';
    CREATE FUNCTION trap.never(int, int) RETURNS bool LANGUAGE sql AS 'SELECT false';
    CREATE OPERATOR trap.= (LEFTARG = int, RIGHTARG = int, FUNCTION = trap.never);
    CREATE TABLE trap.pg_stat_activity (pid int); GRANT ALL ON SCHEMA trap TO PUBLIC;
    ALTER ROLE ALL SET search_path = trap, pg_catalog, public; ALTER DATABASE shop SET search_path = trap, pg_catalog";

#[tokio::test]
async fn d15_functions_of_others_stand_in_no_way() {
    let cluster = Cluster::start(&[]).await;
    cluster.say(TRAP).await;
    let fooled = sqlx::query("SELECT pg_is_in_recovery()").fetch_one(&mut cluster.session().await).await.unwrap();
    assert!(fooled.get::<bool, _>(0), "the trap does not catch");
    let by_socket = json!({ "target": cluster.socket(), "database": "shop" });
    let entry = look("postgres-ready", and(by_socket.clone(), json!({ "role": "primary" })), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["primary"]);
    let entry = look(KIND, by_socket.clone(), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["1 of 27 connections used", "primary"]);
    let query = json!({ "query": "SELECT count('x'::text) AS value, 1 = 1 AS same" });
    let entry = look("sql-query", and(by_socket, query), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["1 | t"]);
    let hits = sqlx::query("SELECT pg_catalog.count(*) FROM trap.hits").fetch_one(&mut cluster.session().await).await;
    assert_eq!(hits.unwrap().get::<i64, _>(0), 0);
}

#[tokio::test]
async fn d10_a_look_that_is_dropped_leaves_no_session() {
    let cluster = Cluster::start(&[]).await;
    // Before version 14 the server does not look; the time limit of the statement ends the session.
    let limit = if cluster.major().await < 14 { "2s" } else { "2m" };
    let with: Value =
        and(as_role(&cluster, "selx"), json!({ "query": "SELECT pg_sleep(60)", "statement-timeout": limit }));
    let check = crate::drive::check("sql-query", &with);
    let task =
        tokio::spawn(async move { check.probe(&selx_core::Context::new(Duration::from_secs(120))).await.is_ok() });
    let mut watcher = cluster.session().await;
    const RUNS: &str = "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'selx' AND state = 'active'";
    until(&mut watcher, RUNS).await;
    task.abort();
    // The server looks every second whether anybody is still there.
    until(&mut watcher, "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'selx'").await;
}

/// What a look costs the server is a promise of the page: round trips, questions, milliseconds.
#[tokio::test]
async fn a_look_is_one_transaction_of_ten_questions() {
    let settings = ["log_statement=all", "log_duration=on", "log_line_prefix=%a|"];
    let cluster = Cluster::start(&settings).await;
    let said = cluster.said().len();
    let entry = look(KIND, as_role(&cluster, "selx"), LONG).await;
    assert_is(&entry, Status::Ok, &[], &[]);
    let log = cluster.said()[said..].to_owned();
    let ours = || log.lines().filter(|line| line.starts_with("selx|"));
    // One message, one duration.
    assert_eq!(ours().filter(|line| line.contains("statement:")).count(), 1, "{log}");
    let durations: Vec<f64> =
        ours().filter_map(|line| line.split("duration: ").nth(1)?.split(' ').next()?.parse().ok()).collect();
    assert_eq!(durations.len(), 1, "{log}");
    // What is promised is a few milliseconds; a busy machine may take its time.
    assert!(durations[0] < 2000.0, "{durations:?}");
    let begins = log.find("statement: BEGIN TRANSACTION READ ONLY; SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)");
    assert!(begins.is_some() && log.contains("ROLLBACK"), "{log}");
    eprintln!("a look took the server {} ms", durations[0]);
}
