//! What happens while an action works: it is stopped, its tables change, its time is up, its server falls.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use selx_checks::postgres::analyze::PostgresAnalyze;
use selx_checks::postgres::reindex::PostgresReindex;
use selx_checks::postgres::vacuum::PostgresVacuum;
use selx_core::action::{Ground as _, Outcome, recover};
use serde_json::json;

use crate::cluster::Cluster;
use crate::{Desk, SLOW, at_work, disturbed, invalidate, psql, psql_in, skipped, targets, until};

const COPIES: &str = "SELECT count(*) FROM pg_class WHERE relname LIKE '%\\_cc%'";

#[tokio::test]
async fn d10_a_run_that_is_stopped_ends_its_statement_and_leaves_nothing_behind() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, SLOW);
    invalidate(&cluster, "aa_slow");
    let desk = Desk::of(&cluster);
    let plan = desk.plan::<PostgresReindex>(&desk.with(json!({}))).await;
    assert_eq!(targets(&plan), ["public.aa_slow"]);
    let began = Instant::now();
    let report = disturbed(desk.apply::<PostgresReindex>(&plan), async {
        until(&cluster, &at_work("REINDEX")).await;
        until(&cluster, "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'aa_slow_ccnew')").await;
        desk.cancel.cancel();
    })
    .await;
    assert_eq!(report.outcome, Outcome::Undone, "{report:?}");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(psql(&cluster, COPIES), "0");
    assert_eq!(psql(&cluster, &at_work("")), "f");
    assert!(cluster.said().contains("canceling statement due to user request"), "{}", cluster.said());
    assert!(desk.ground().open().unwrap().is_empty());

    let desk = Desk::of(&cluster);
    let plan = desk.plan::<PostgresAnalyze>(&desk.with(json!({}))).await;
    let report = disturbed(desk.apply::<PostgresAnalyze>(&plan), async {
        until(&cluster, &at_work("ANALYZE")).await;
        desk.cancel.cancel();
    })
    .await;
    assert_eq!(report.outcome, Outcome::Failed, "{report:?}");
    assert_eq!(psql(&cluster, "SELECT analyze_count FROM pg_stat_user_tables WHERE relname = 'aa'"), "0");
}

#[tokio::test]
async fn a_table_that_changed_since_is_left_alone_and_so_is_what_took_its_name() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, SLOW);
    for table in ["bb", "cc", "dd", "ee", "ff"] {
        psql(&cluster, &format!("CREATE TABLE {table} (n int); INSERT INTO {table} VALUES (1)"));
    }
    let desk = Desk::of(&cluster);
    let plan = desk.plan::<PostgresAnalyze>(&desk.with(json!({}))).await;
    assert_eq!(plan.plan.steps.len(), 6);
    let report = disturbed(desk.apply::<PostgresAnalyze>(&plan), async {
        until(&cluster, &at_work("ANALYZE")).await;
        psql(
            &cluster,
            "ALTER TABLE bb RENAME TO bb_before; CREATE TABLE bb (n int); INSERT INTO bb VALUES (2); DROP TABLE cc;
             TRUNCATE dd; ALTER TABLE ee RENAME TO elsewhere",
        );
    })
    .await;
    assert_eq!(report.outcome, Outcome::Skips, "{report:?}");
    assert_eq!(skipped(&report, "public.bb"), "it is called public.bb_before now");
    assert_eq!(skipped(&report, "public.cc"), "it is not there any more");
    assert_eq!(skipped(&report, "public.dd"), "it was emptied or written anew");
    assert_eq!(skipped(&report, "public.ee"), "it is called public.elsewhere now");
    let counts = "SELECT string_agg(relname || ' ' || analyze_count, ',' ORDER BY relname) FROM pg_stat_user_tables";
    assert_eq!(psql(&cluster, counts), "aa 1,bb 0,bb_before 0,dd 0,elsewhere 0,ff 1");
    // Between the plan and its confirmation the same holds.
    let plan = desk.plan::<PostgresAnalyze>(&desk.with(json!({}))).await;
    psql(&cluster, "DROP TABLE bb; DROP TABLE bb_before; DROP TABLE elsewhere; DROP TABLE dd");
    assert_eq!(desk.apply::<PostgresAnalyze>(&plan).await.outcome, Outcome::Stale);
}

#[tokio::test]
async fn an_index_that_changed_since_is_left_alone() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, SLOW);
    psql(
        &cluster,
        "CREATE TABLE t (n int, m int); CREATE INDEX t_a ON t (n); CREATE INDEX t_b ON t (n); CREATE INDEX t_c ON t (m)",
    );
    for index in ["aa_slow", "t_a", "t_b", "t_c"] {
        invalidate(&cluster, index);
    }
    let desk = Desk::of(&cluster);
    let plan = desk.plan::<PostgresReindex>(&desk.with(json!({}))).await;
    assert_eq!(targets(&plan), ["public.aa_slow", "public.t_a", "public.t_b", "public.t_c"]);
    let report = disturbed(desk.apply::<PostgresReindex>(&plan), async {
        until(&cluster, &at_work("REINDEX")).await;
        psql(&cluster, "ALTER INDEX t_a RENAME TO t_z; CREATE INDEX t_a ON t (m); DROP INDEX t_b");
    })
    .await;
    assert_eq!(report.outcome, Outcome::Skips, "{report:?}");
    assert_eq!(skipped(&report, "public.t_a"), "another index has its name");
    assert_eq!(skipped(&report, "public.t_b"), "it is not there any more");
    let invalid = "SELECT string_agg(indexrelid::regclass::text, ',') FROM pg_index WHERE NOT indisvalid";
    assert_eq!(psql(&cluster, invalid), "t_z");
}

#[tokio::test]
async fn what_takes_too_long_is_ended_by_the_server() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, SLOW);
    psql(&cluster, "CREATE TABLE bb (n int); INSERT INTO bb VALUES (1)");
    invalidate(&cluster, "aa_slow");
    let desk = Desk::of(&cluster);
    let with = desk.with(json!({ "statement-timeout": "1s" }));
    let report = desk.carry_out::<PostgresAnalyze>(&with).await;
    assert_eq!(report.outcome, Outcome::Skips, "{report:?}");
    assert!(skipped(&report, "public.aa").contains("longer than `statement-timeout`, 1s"), "{report:?}");
    let counts = "SELECT string_agg(relname || ' ' || analyze_count, ',' ORDER BY relname) FROM pg_stat_user_tables";
    assert_eq!(psql(&cluster, counts), "aa 0,bb 1");
    let report = desk.carry_out::<PostgresReindex>(&with).await;
    assert_eq!(report.outcome, Outcome::Skips, "{report:?}");
    assert!(skipped(&report, "public.aa_slow").contains("longer than `statement-timeout`, 1s"), "{report:?}");
    assert_eq!(psql(&cluster, COPIES), "0");
    // A vacuum that goes gently does not come far in a second, and the table is none the worse.
    psql(
        &cluster,
        "CREATE TABLE dead (n int, filler text); INSERT INTO dead SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n",
    );
    psql(
        &cluster,
        "DELETE FROM dead WHERE n % 2 = 0; ALTER ROLE postgres SET vacuum_cost_delay = '100ms'; ALTER ROLE postgres SET vacuum_cost_limit = 1",
    );
    let report = desk.carry_out::<PostgresVacuum>(&with).await;
    assert_eq!(report.outcome, Outcome::Skips, "{report:?}");
    assert_eq!(psql(&cluster, "SELECT count(*) FROM dead"), "10000");
}

/// Kills the process that works for selx: the server takes all its sessions down and recovers.
fn fall(cluster: &Cluster, statement: &str) {
    let process = psql(
        cluster,
        &format!(
            "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%*/ {statement}%' AND application_name = 'selx'"
        ),
    );
    kill_process(Pid::from_raw(process.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_server_that_falls_under_a_rebuild_is_looked_at_until_it_can_tell() {
    let cluster = Cluster::start(&["autovacuum=off", "restart_after_crash=on"]).await;
    psql(&cluster, SLOW);
    invalidate(&cluster, "aa_slow");
    let desk = Desk::of(&cluster);
    let with = desk.with(json!({}));
    let plan = desk.plan::<PostgresReindex>(&with).await;
    let report = disturbed(desk.apply::<PostgresReindex>(&plan), async {
        until(&cluster, "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'aa_slow_ccnew')").await;
        fall(&cluster, "REINDEX");
    })
    .await;
    // Whether it could be asked by then or not: nothing is said to be fine, and nobody guessed.
    assert!(matches!(report.outcome, Outcome::Unclear | Outcome::Leftover | Outcome::Failed), "{report:?}");
    cluster.wait().await;
    for open in desk.ground().open().unwrap() {
        let action = desk.action::<PostgresReindex>(&with);
        let report = recover(&open, &action, false, &desk.ground(), &desk.context()).await;
        assert!(matches!(report.outcome, Outcome::Undone | Outcome::Failed), "{report:?}");
    }
    assert!(desk.ground().open().unwrap().is_empty());
    // What it may have left is known by the next plan at the latest.
    for _ in 0..2 {
        let report = desk.carry_out::<PostgresReindex>(&with).await;
        assert!(matches!(report.outcome, Outcome::Done | Outcome::Skips), "{report:?}");
    }
    crate::assert_whole(&cluster, "aa", 1);
}

#[tokio::test]
async fn a_database_that_is_gone_is_told_and_nothing_is_changed() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, "CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    psql(&cluster, "CREATE DATABASE billing");
    psql_in(&cluster, "billing", "CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    let desk = Desk::of(&cluster);
    let plan = desk.plan::<PostgresAnalyze>(&desk.with(json!({ "databases": ["shop", "billing"] }))).await;
    assert_eq!(plan.plan.steps.len(), 2);
    psql(&cluster, "DROP DATABASE billing");
    let report = desk.apply::<PostgresAnalyze>(&plan).await;
    assert_eq!(report.outcome, Outcome::Failed, "{report:?}");
    assert!(report.why.join(" ").contains("billing"), "{report:?}");
    assert_eq!(psql(&cluster, "SELECT analyze_count FROM pg_stat_user_tables WHERE relname = 't'"), "0");
    // With the lock of a database gone in the middle, the run ends before its next step.
    psql(&cluster, SLOW);
    psql(&cluster, "CREATE DATABASE billing");
    psql_in(&cluster, "billing", "CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    let plan = desk.plan::<PostgresAnalyze>(&desk.with(json!({ "databases": ["shop", "billing"] }))).await;
    let report = disturbed(desk.apply::<PostgresAnalyze>(&plan), async {
        until(&cluster, &at_work("ANALYZE \"public\".\"aa\"")).await;
        psql(&cluster, "DROP DATABASE billing WITH (FORCE)");
    })
    .await;
    assert_eq!(report.outcome, Outcome::Leftover, "{report:?}");
    assert!(report.why.join(" ").contains("the lock of the run in database `billing` is gone"), "{report:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_at_once() {
    let mut cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, "CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    let desk = Desk::of(&cluster);
    let plan = desk.plan::<PostgresAnalyze>(&desk.with(json!({}))).await;
    cluster.kill();
    let report = desk.apply::<PostgresAnalyze>(&plan).await;
    assert_eq!(report.outcome, Outcome::Failed, "{report:?}");
    assert!(report.why.join(" ").contains("taking the lock in the server"), "{report:?}");
    assert!(desk.ground().open().unwrap().is_empty());
}
