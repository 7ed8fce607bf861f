//! `postgres-vacuum`.

use selx_checks::postgres::vacuum::PostgresVacuum;
use selx_core::action::{Outcome, Risk};
use serde_json::json;

use crate::cluster::{Cluster, say};
use crate::{Desk, kept, psql, targets, until};

#[tokio::test]
async fn m3_vacuum_where_rows_are_dead_and_nowhere_else() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(
        &cluster,
        "CREATE TABLE dead (n int); INSERT INTO dead SELECT generate_series(1, 20000);
         CREATE TABLE alive (n int); INSERT INTO alive SELECT generate_series(1, 20000)",
    );
    psql(&cluster, "DELETE FROM dead WHERE n > 12000");
    psql(&cluster, "DELETE FROM alive WHERE n > 19000");
    let desk = Desk::of(&cluster);
    let with = desk.with(json!({}));
    let plan = desk.plan::<PostgresVacuum>(&with).await;
    assert_eq!(plan.plan.refused, []);
    assert_eq!(targets(&plan), ["public.dead"]);
    assert!(plan.plan.steps[0].what.contains("8 000 dead rows beside 12 000 live ones"), "{}", plan.plan.steps[0].what);
    assert_eq!(plan.plan.steps[0].risk, Risk::Safe);
    assert_eq!(kept(&plan, "not more than"), ["public.alive"]);
    let state = "SELECT n_dead_tup, last_vacuum IS NOT NULL, pg_relation_filenode(relid), pg_relation_size(relid) \
         FROM pg_stat_user_tables WHERE relname = 'dead'";
    let before = psql(&cluster, state);
    assert!(before.starts_with("8000|f|"), "{before}");
    let report = desk.apply::<PostgresVacuum>(&plan).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert!(report.findings.is_empty(), "{report:?}");
    // The file is the one it was, and as long: nothing was locked to give room back.
    assert_eq!(psql(&cluster, state), before.replace("8000|f|", "0|t|"));
    assert_eq!(targets(&desk.plan::<PostgresVacuum>(&with).await), [""; 0]);
    // With `truncate` the end of the file goes, and people may notice.
    psql(&cluster, "DELETE FROM dead");
    let truncating = desk.with(json!({ "truncate": true }));
    let plan = desk.plan::<PostgresVacuum>(&truncating).await;
    assert_eq!(plan.plan.risk(), Some(Risk::Disruptive));
    assert_eq!(desk.apply::<PostgresVacuum>(&plan).await.outcome, Outcome::Done);
    assert_eq!(psql(&cluster, "SELECT pg_relation_size('dead')"), "0");
}

#[tokio::test]
async fn m3_vacuum_what_is_old_is_frozen_before_what_is_large() {
    let cluster = Cluster::start(&["autovacuum=off", "autovacuum_freeze_max_age=100000"]).await;
    psql(&cluster, "CREATE TABLE old (n int); INSERT INTO old SELECT generate_series(1, 10)");
    psql(&cluster, "DO $$ BEGIN FOR i IN 1..13000 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$");
    psql(&cluster, "CREATE TABLE young (n int); INSERT INTO young SELECT generate_series(1, 10000)");
    psql(&cluster, "DELETE FROM young");
    let desk = Desk::of(&cluster);
    let with = desk.with(json!({ "freeze-age": "12%" }));
    let plan = desk.plan::<PostgresVacuum>(&with).await;
    assert_eq!(targets(&plan), ["public.old", "public.young"]);
    assert!(plan.plan.steps[0].what.ends_with("freeze"), "{}", plan.plan.steps[0].what);
    let age = "SELECT age(relfrozenxid) < 100 FROM pg_class WHERE relname = 'old'";
    assert_eq!(psql(&cluster, age), "f");
    let report = desk.apply::<PostgresVacuum>(&plan).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_eq!(psql(&cluster, age), "t");
}

#[tokio::test]
async fn what_somebody_still_sees_stays_and_is_told() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, "CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 10000)");
    let mut reader = cluster.session().await;
    say(&mut reader, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class").await;
    psql(&cluster, "DELETE FROM t WHERE n > 5000");
    let desk = Desk::of(&cluster);
    let report = desk.carry_out::<PostgresVacuum>(&desk.with(json!({}))).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    let found: Vec<&str> = report.findings.iter().map(|finding| finding.code.as_ref()).collect();
    assert_eq!(found, ["not-removable"]);
    assert!(report.findings[0].message.contains("5 000 dead rows are still there"), "{report:?}");
}

#[tokio::test]
async fn d12_an_autovacuum_against_wraparound_is_left_alone() {
    let cluster = Cluster::start(&["autovacuum_naptime=1"]).await;
    psql(
        &cluster,
        "CREATE TABLE t (n int, filler text) WITH (autovacuum_freeze_max_age = 100000, autovacuum_vacuum_cost_delay = 100,
          autovacuum_vacuum_cost_limit = 1, autovacuum_enabled = off);
         INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n",
    );
    psql(&cluster, "DELETE FROM t WHERE n > 10000");
    psql(&cluster, "DO $$ BEGIN FOR i IN 1..101000 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$");
    let at_work = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' \
         AND query LIKE '%public.t %wraparound%')";
    until(&cluster, at_work).await;
    let desk = Desk::of(&cluster);
    let plan = desk.plan::<PostgresVacuum>(&desk.with(json!({}))).await;
    assert_eq!(kept(&plan, "another session is at work on it"), ["public.t"], "{plan:?}");
    assert_eq!(targets(&plan), [""; 0]);
    until(&cluster, at_work).await;
    assert!(!cluster.said().contains("canceling autovacuum"), "{}", cluster.said());
}

#[tokio::test]
async fn who_waits_is_told_how_far_it_is() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(
        &cluster,
        "CREATE TABLE t (n int, filler text); INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n;
         ALTER ROLE postgres SET vacuum_cost_delay = '5ms'; ALTER ROLE postgres SET vacuum_cost_limit = 50",
    );
    psql(&cluster, "DELETE FROM t WHERE n % 2 = 0");
    let desk = Desk::of(&cluster);
    let plan = desk.plan::<PostgresVacuum>(&desk.with(json!({}))).await;
    let cx = desk.context();
    let report = desk.apply_in::<PostgresVacuum>(&plan, &cx).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    let (done, whole) = cx.extent().seen().expect("it was told");
    let size: u64 = psql(&cluster, "SELECT pg_relation_size('t')").parse().unwrap();
    assert!(whole == size && done > 0 && done <= whole, "{done} of {whole}, {size}");
}
