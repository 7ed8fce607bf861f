//! `postgres-reindex`: what is rebuilt.

use selx_checks::postgres::reindex::PostgresReindex;
use selx_core::action::{Outcome, Risk, Undo};
use serde_json::json;

use crate::cluster::Cluster;
use crate::{Desk, assert_whole, invalidate, kept, make_air, psql, skipped, targets};

#[tokio::test]
async fn m4_reindex_what_is_mostly_air_beside_its_use() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    make_air(&cluster);
    psql(
        &cluster,
        "CREATE TABLE dense (n int PRIMARY KEY); INSERT INTO dense SELECT generate_series(1, 100000);
         CREATE TABLE small (n int PRIMARY KEY); INSERT INTO small VALUES (1);
         CREATE TABLE blind (n int PRIMARY KEY); INSERT INTO blind SELECT generate_series(1, 100000);
         CREATE TABLE box (b box, EXCLUDE USING gist (b WITH &&))",
    );
    psql(&cluster, "ANALYZE dense; ANALYZE small");
    let desk = Desk::of(&cluster);
    let with = desk.with(json!({ "min-size": "1MiB" }));
    let plan = desk.plan::<PostgresReindex>(&with).await;
    assert_eq!(plan.plan.refused, []);
    assert_eq!(targets(&plan), ["public.orders_note", "public.orders_pkey"]);
    for step in &plan.plan.steps {
        assert_eq!(step.risk, Risk::Disruptive);
        assert!(
            matches!(step.undo, Undo::Possible(_)) && step.seconds.is_some() && step.bytes.unwrap() > 0,
            "{step:?}"
        );
        // The server is on this machine, and its disk was looked at.
        assert!(!step.not_simulated.iter().any(|what| what.contains("are free")), "{step:?}");
    }
    assert_eq!(kept(&plan, "not more than 50% of it is air"), ["public.dense_pkey"]);
    assert_eq!(kept(&plan, "smaller than"), ["public.small_pkey"]);
    assert_eq!(kept(&plan, "no statistics"), ["public.blind_pkey"]);
    assert_eq!(kept(&plan, "it keeps rows apart"), ["public.box_b_excl"]);
    let state = "SELECT string_agg(relname || ' ' || relfilenode, ',' ORDER BY relname) FROM pg_class WHERE relname LIKE 'orders%'";
    let size = "SELECT pg_indexes_size('orders')";
    let (before, large) = (psql(&cluster, state), psql(&cluster, size).parse::<u64>().unwrap());
    let report = desk.apply::<PostgresReindex>(&plan).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert!(report.findings.is_empty(), "{report:?}");
    assert!(format!("{:?}", report.steps[0].state).contains("rebuilt: "), "{report:?}");
    let (after, little) = (psql(&cluster, state), psql(&cluster, size).parse::<u64>().unwrap());
    let same = |name: &str| before.split(',').any(|one| one.starts_with(name) && after.contains(one));
    assert!(same("orders ") && !same("orders_note ") && !same("orders_pkey "), "{before} {after}");
    assert!(little * 5 < large, "{large} {little}");
    assert_whole(&cluster, "orders", 2);
    // The key is still the key, and queries use the index.
    assert_eq!(psql(&cluster, "SELECT conname FROM pg_constraint WHERE conrelid = 'orders'::regclass"), "orders_pkey");
    let used = psql(&cluster, "SET enable_seqscan = off; EXPLAIN SELECT FROM orders WHERE note = 'note 10'");
    assert!(used.contains("orders_note"), "{used}");
    assert_eq!(targets(&desk.plan::<PostgresReindex>(&with).await), [""; 0]);
}

#[tokio::test]
async fn the_estimate_is_near_what_reading_the_index_tells() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    make_air(&cluster);
    psql(
        &cluster,
        "CREATE EXTENSION pgstattuple;
         CREATE TABLE random (u uuid PRIMARY KEY, w text, n numeric, o int);
         INSERT INTO random SELECT gen_random_uuid(), md5(i::text), i, nullif(i % 3, 0) FROM generate_series(1, 30000) i;
         CREATE INDEX random_two ON random (w, n); CREATE INDEX random_short ON random (lower(w)) WHERE o = 1",
    );
    psql(&cluster, "ANALYZE random");
    let desk = Desk::of(&cluster);
    let with = desk.with(json!({ "min-size": "1B", "bloat": "0%" }));
    let plan = desk.plan::<PostgresReindex>(&with).await;
    let mut compared = 0;
    for step in &plan.plan.steps {
        let index = step.target.strip_prefix("public.").unwrap();
        // How full its leaves are, of the nine tenths that a new one has.
        let read = psql(&cluster, &format!("SELECT avg_leaf_density, index_size FROM pgstatindex('{index}')"));
        let (density, bytes) = read.split_once('|').unwrap();
        let (density, bytes): (f64, f64) = (density.parse().unwrap(), bytes.parse().unwrap());
        let (estimated, seen) = (step.bytes.unwrap() as f64 / bytes, 1.0 - density / 90.0);
        // Pages that are empty have no density: there is more air than is told by the others, never less.
        assert!(estimated > seen - 0.12, "{index}: {estimated} {seen}");
        if index.starts_with("random") {
            assert!(estimated < seen + 0.12, "{index}: {estimated} {seen}");
        }
        compared += 1;
    }
    assert!(compared >= 4, "{plan:?}");
}

#[tokio::test]
async fn an_invalid_index_is_made_valid() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, "CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 100); CREATE INDEX t_n ON t (n)");
    invalidate(&cluster, "t_n");
    let desk = Desk::of(&cluster);
    let plan = desk.plan::<PostgresReindex>(&desk.with(json!({}))).await;
    assert_eq!(targets(&plan), ["public.t_n"], "{plan:?}");
    assert!(plan.plan.steps[0].what.contains("it is invalid"), "{}", plan.plan.steps[0].what);
    assert_eq!(desk.apply::<PostgresReindex>(&plan).await.outcome, Outcome::Done);
    assert_whole(&cluster, "t", 1);
}

#[tokio::test]
async fn an_index_that_cannot_be_built_leaves_nothing_new_and_keeps_no_other_from_it() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(
        &cluster,
        "CREATE TABLE t (n int); INSERT INTO t VALUES (1), (1); CREATE TABLE u (n int); CREATE INDEX u_n ON u (n)",
    );
    // As a build that met two equal rows leaves it.
    let mut failing = crate::client(&cluster);
    let failed = failing.args(["-c", "CREATE UNIQUE INDEX CONCURRENTLY t_twice ON t (n)"]).output().unwrap();
    assert!(!failed.status.success());
    invalidate(&cluster, "u_n");
    let desk = Desk::of(&cluster);
    let plan = desk.plan::<PostgresReindex>(&desk.with(json!({}))).await;
    assert_eq!(targets(&plan), ["public.t_twice", "public.u_n"]);
    let report = desk.apply::<PostgresReindex>(&plan).await;
    assert_eq!(report.outcome, Outcome::Skips, "{report:?}");
    assert!(skipped(&report, "public.t_twice").contains("23505"), "{report:?}");
    let left = "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relname LIKE 't\\_%'";
    assert_eq!(psql(&cluster, left), "t_twice");
    assert_whole(&cluster, "u", 1);
}
