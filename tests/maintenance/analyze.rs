//! `postgres-analyze`.

use selx_checks::postgres::analyze::PostgresAnalyze;
use selx_core::action::Outcome;
use serde_json::json;

use crate::cluster::Cluster;
use crate::{Desk, kept, psql, psql_in, refusals, targets, until};

#[tokio::test]
async fn m2_analyze_where_rows_have_changed_and_nowhere_else() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(
        &cluster,
        "CREATE TABLE never (n int); INSERT INTO never SELECT generate_series(1, 500);
         CREATE TABLE changed (n int); INSERT INTO changed SELECT generate_series(1, 5000);
         CREATE TABLE quiet (n int); INSERT INTO quiet SELECT generate_series(1, 5000);
         CREATE TABLE hollow (n int); CREATE TABLE left_out (n int); INSERT INTO left_out VALUES (1);",
    );
    psql(&cluster, "ANALYZE changed; ANALYZE quiet");
    psql(&cluster, "UPDATE changed SET n = n + 1 WHERE n <= 3000; UPDATE quiet SET n = n + 1 WHERE n <= 1000");
    let desk = Desk::of(&cluster);
    let with = desk.with(json!({ "exclude": ["public.left_*"] }));
    let plan = desk.plan::<PostgresAnalyze>(&with).await;
    assert_eq!(plan.plan.refused, []);
    assert_eq!(targets(&plan), ["public.never", "public.changed"]);
    assert!(plan.plan.steps[0].what.contains("never analysed"), "{}", plan.plan.steps[0].what);
    assert!(plan.plan.steps[1].what.contains("3 000 rows changed of 5 000"), "{}", plan.plan.steps[1].what);
    assert!(plan.plan.steps.iter().all(|step| step.seconds.is_some()));
    assert_eq!(kept(&plan, "not more than"), ["public.hollow", "public.quiet"]);
    assert_eq!(kept(&plan, "named in `exclude`"), ["public.left_out"]);
    let analysed = "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_stat_user_tables WHERE last_analyze > now() - interval '1 day'";
    assert_eq!(psql(&cluster, analysed), "changed,quiet", "a plan changes nothing");

    let report = desk.apply::<PostgresAnalyze>(&plan).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert!(report.findings.is_empty(), "{report:?}");
    assert_eq!(psql(&cluster, analysed), "changed,never,quiet");
    assert_eq!(psql(&cluster, "SELECT n_mod_since_analyze FROM pg_stat_user_tables WHERE relname = 'changed'"), "0");
    assert_eq!(psql(&cluster, "SELECT n_distinct FROM pg_stats WHERE tablename = 'never'"), "-1");
    // Once more: nothing is left to do.
    assert_eq!(targets(&desk.plan::<PostgresAnalyze>(&with).await), [""; 0]);
    assert_eq!(desk.apply::<PostgresAnalyze>(&plan).await.outcome, Outcome::Stale);
    until(&cluster, "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'selx')").await;
}

#[tokio::test]
async fn each_of_several_databases_and_no_more_than_are_wanted() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, "CREATE DATABASE \"the \"\"other\"\" one\"");
    let table = "CREATE TABLE t (n int); INSERT INTO t VALUES (1); CREATE TABLE u (n int); INSERT INTO u VALUES (1)";
    for database in ["shop", "the \"other\" one"] {
        psql_in(&cluster, database, table);
    }
    let desk = Desk::of(&cluster);
    let plan = desk.plan::<PostgresAnalyze>(&desk.with(json!({ "databases": "all", "max-tables": 3 }))).await;
    assert_eq!(targets(&plan), ["shop: public.t", "shop: public.u", "the \"other\" one: public.t"]);
    assert_eq!(kept(&plan, "beyond `max-tables`"), ["the \"other\" one: public.u"]);
    let report = desk.apply::<PostgresAnalyze>(&plan).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    let analysed =
        "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_stat_user_tables WHERE last_analyze IS NOT NULL";
    assert_eq!(psql(&cluster, analysed), "t,u");
    assert_eq!(psql_in(&cluster, "the \"other\" one", analysed), "t");
    let missing = desk.try_plan::<PostgresAnalyze>(&desk.with(json!({ "databases": ["shop", "nowhere"] }))).await;
    let error = missing.unwrap_err().to_string();
    assert!(error.contains("nowhere") && error.contains("3D000"), "{error}");
}

#[tokio::test]
async fn d14_names_of_every_sort_are_names_and_nothing_else() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    let names =
        ["a\"b", "\"; DROP TABLE bystander; --", "zwei Wörter", "new\nline", "'quote'", "$$", "back\\slash", "Ünï"];
    psql(&cluster, "CREATE TABLE bystander (n int); CREATE SCHEMA \"my \"\"own\"\"\"; CREATE TABLE long_one (n int)");
    for name in names {
        let quoted = name.replace('"', "\"\"");
        psql(
            &cluster,
            &format!(
                "CREATE TABLE \"my \"\"own\"\"\".\"{quoted}\" (n int); INSERT INTO \"my \"\"own\"\"\".\"{quoted}\" VALUES (1)"
            ),
        );
    }
    let long = "ä".repeat(31);
    psql(&cluster, &format!("ALTER TABLE long_one RENAME TO \"{long}\"; INSERT INTO \"{long}\" VALUES (1)"));
    let desk = Desk::of(&cluster);
    let plan = desk.plan::<PostgresAnalyze>(&desk.with(json!({}))).await;
    assert_eq!(plan.plan.steps.len(), names.len() + 1, "{}", refusals(&plan));
    assert!(plan.plan.steps.iter().all(|step| !step.what.contains('\n')), "{plan:?}");
    let report = desk.apply::<PostgresAnalyze>(&plan).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_eq!(
        psql(&cluster, "SELECT count(*) FILTER (WHERE last_analyze IS NOT NULL), count(*) FROM pg_stat_user_tables"),
        format!("{}|{}", names.len() + 1, names.len() + 2)
    );
}
