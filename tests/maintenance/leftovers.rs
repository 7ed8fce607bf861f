//! `postgres-reindex`: what earlier rebuilds left behind.

use std::time::Duration;

use selx_checks::postgres::reindex::PostgresReindex;
use selx_core::action::{Outcome, Undo};
use serde_json::json;

use crate::cluster::{Cluster, say};
use crate::{Desk, assert_whole, invalidate, kept, psql, targets};

/// Lets a rebuild die by itself, by a client that is not ours: it leaves its copy behind.
async fn leave_behind(cluster: &Cluster, index: &str) {
    let mut writer = cluster.session().await;
    say(&mut writer, "BEGIN; INSERT INTO t VALUES (0)").await;
    let mut dying = crate::client(cluster);
    dying.args(["-c", "SET lock_timeout = '100ms'", "-c", &format!("REINDEX INDEX CONCURRENTLY {index}")]);
    assert!(!dying.output().unwrap().status.success());
    say(&mut writer, "ROLLBACK").await;
}

#[tokio::test]
async fn d9_what_a_dead_rebuild_left_is_named_and_dropped_and_what_only_looks_like_it_stays() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(
        &cluster,
        "CREATE TABLE t (n int, m int); INSERT INTO t SELECT n, n FROM generate_series(1, 1000) n; CREATE INDEX t_n ON t (n)",
    );
    leave_behind(&cluster, "t_n").await;
    leave_behind(&cluster, "t_n").await;
    psql(
        &cluster,
        "CREATE INDEX t_n_ccnew7 ON t (m); CREATE INDEX t_n_ccnew8 ON t (n); CREATE INDEX u_ccnew ON t (n);
         CREATE INDEX t_n_ccold ON t (n) WITH (fillfactor = 50); CREATE INDEX t_n_ccold1 ON t (n)",
    );
    for index in ["t_n_ccnew7", "t_n_ccold", "t_n_ccold1"] {
        invalidate(&cluster, index);
    }
    let desk = Desk::of(&cluster);
    let with = desk.with(json!({}));
    let plan = desk.plan::<PostgresReindex>(&with).await;
    assert_eq!(plan.plan.refused, []);
    assert_eq!(targets(&plan), ["public.t_n_ccnew", "public.t_n_ccnew1", "public.t_n_ccold1"], "{plan:?}");
    assert!(plan.plan.steps.iter().all(|step| matches!(step.undo, Undo::Impossible(_))));
    assert!(plan.plan.steps[0].what.contains("left by a rebuild of public.t_n"), "{}", plan.plan.steps[0].what);
    assert_eq!(kept(&plan, "invalid and named like a leftover"), ["public.t_n_ccnew7", "public.t_n_ccold"]);
    let report = desk.apply::<PostgresReindex>(&plan).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    let left = psql(
        &cluster,
        "SELECT string_agg(indexrelid::regclass::text, ',' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = 't'::regclass",
    );
    assert_eq!(left, "t_n,t_n_ccnew7,t_n_ccnew8,t_n_ccold,u_ccnew");
}

#[tokio::test]
async fn a_leftover_that_is_being_built_is_none() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, "CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 1000); CREATE INDEX t_n ON t (n)");
    let mut writer = cluster.session().await;
    say(&mut writer, "BEGIN; INSERT INTO t VALUES (0)").await;
    // It waits for the writer, and has its copy already.
    let mut other = cluster.session().await;
    let rebuild = async {
        say(&mut other, "REINDEX INDEX CONCURRENTLY t_n").await;
    };
    let look = async {
        crate::until(&cluster, "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 't_n_ccnew')").await;
        let desk = Desk::of(&cluster);
        let plan = desk.plan::<PostgresReindex>(&desk.with(json!({}))).await;
        assert_eq!(targets(&plan), [""; 0]);
        assert_eq!(kept(&plan, "invalid, and a session is at work"), ["public.t_n_ccnew"]);
        say(&mut writer, "COMMIT").await;
    };
    tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(rebuild, look) }).await.unwrap();
    assert_whole(&cluster, "t", 1);
}

#[tokio::test]
async fn a_rebuild_beside_an_earlier_leftover_knows_its_own() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, "CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 1000); CREATE INDEX t_n ON t (n)");
    leave_behind(&cluster, "t_n").await;
    invalidate(&cluster, "t_n");
    let desk = Desk::of(&cluster);
    let with = desk.with(json!({}));
    // Without a valid one beside it, nobody can prove what the leftover is; the index itself is made valid.
    let plan = desk.plan::<PostgresReindex>(&with).await;
    assert_eq!(targets(&plan), ["public.t_n"], "{plan:?}");
    assert_eq!(desk.apply::<PostgresReindex>(&plan).await.outcome, Outcome::Done);
    let plan = desk.plan::<PostgresReindex>(&with).await;
    assert_eq!(targets(&plan), ["public.t_n_ccnew"], "{plan:?}");
    assert_eq!(desk.apply::<PostgresReindex>(&plan).await.outcome, Outcome::Done);
    assert_whole(&cluster, "t", 1);
}
