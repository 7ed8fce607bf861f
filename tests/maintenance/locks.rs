//! Locks: of tables, of the machine, and of the server.

use std::time::{Duration, Instant};

use selx_checks::postgres::analyze::PostgresAnalyze;
use selx_checks::postgres::reindex::PostgresReindex;
use selx_checks::postgres::vacuum::PostgresVacuum;
use selx_core::action::Outcome;
use serde_json::json;
use sqlx::Row as _;

use crate::cluster::{Cluster, say};
use crate::{Desk, SLOW, assert_whole, at_work, disturbed, invalidate, psql, skipped, targets, until};

#[tokio::test]
async fn d8_a_table_that_somebody_holds_is_left_to_him_and_he_is_named() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, SLOW);
    psql(
        &cluster,
        "CREATE TABLE bb (n int); INSERT INTO bb VALUES (1); CREATE TABLE cc (n int); INSERT INTO cc VALUES (1);
         CREATE TABLE dd (n int); INSERT INTO dd VALUES (1)",
    );
    let desk = Desk::of(&cluster);
    let with = desk.with(json!({ "retries": 1, "lock-timeout": "100ms" }));
    let plan = desk.plan::<PostgresAnalyze>(&with).await;
    assert_eq!(targets(&plan), ["public.aa", "public.bb", "public.cc", "public.dd"]);
    let mut holder = cluster.session().await;
    let process: i32 = sqlx::query("SELECT pg_backend_pid()").fetch_one(&mut holder).await.unwrap().get(0);
    let report = disturbed(desk.apply::<PostgresAnalyze>(&plan), async {
        until(&cluster, &at_work("ANALYZE")).await;
        say(&mut holder, "BEGIN; LOCK TABLE bb IN SHARE UPDATE EXCLUSIVE MODE; LOCK TABLE cc IN ACCESS EXCLUSIVE MODE")
            .await;
    })
    .await;
    assert_eq!(report.outcome, Outcome::Skips, "{report:?}");
    for target in ["public.bb", "public.cc"] {
        let why = skipped(&report, target);
        let who = format!("it is held by process {process} (application `shop-api`, role `postgres`, for ");
        assert!(why.starts_with(&who) && why.ends_with("; tried 2 times"), "{why}");
    }
    let analysed = "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_stat_user_tables WHERE analyze_count > 0";
    assert_eq!(psql(&cluster, analysed), "aa,dd", "the others go on");
    // What is held when the plan is made is kept, and that it is held does not hold the plan up.
    let began = Instant::now();
    let plan = desk.plan::<PostgresAnalyze>(&with).await;
    assert!(began.elapsed() < Duration::from_secs(3) && targets(&plan).is_empty(), "{plan:?}");
    assert_eq!(crate::kept(&plan, "another session is at work on it"), ["public.bb"]);
    assert_eq!(crate::kept(&plan, "somebody has or wants it"), ["public.cc"]);
    say(&mut holder, "ROLLBACK").await;
    assert_eq!(targets(&desk.plan::<PostgresAnalyze>(&with).await), ["public.bb", "public.cc"]);
}

#[tokio::test]
async fn d8_a_rebuild_does_not_begin_while_a_writer_holds_the_table_and_begins_when_he_is_gone() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, "CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 1000); CREATE INDEX t_n ON t (n)");
    invalidate(&cluster, "t_n");
    let desk = Desk::of(&cluster);
    let mut writer = cluster.session().await;
    say(&mut writer, "BEGIN; INSERT INTO t VALUES (0)").await;
    let soon = desk.with(json!({ "lock-timeout": "100ms", "retries": 1 }));
    tokio::time::sleep(Duration::from_millis(150)).await;
    let report = desk.carry_out::<PostgresReindex>(&soon).await;
    assert_eq!(report.outcome, Outcome::Skips, "{report:?}");
    let why = skipped(&report, "public.t_n");
    assert!(why.contains("application `shop-api`") && why.contains("tried 2 times"), "{why}");
    let copies = "SELECT count(*) FROM pg_class WHERE relname LIKE 't\\_n\\_cc%'";
    assert_eq!(psql(&cluster, copies), "0");
    assert!(!cluster.said().contains("REINDEX"), "{}", cluster.said());
    let patient = desk.with(json!({ "lock-timeout": "100ms", "retries": 10 }));
    let report = disturbed(desk.carry_out::<PostgresReindex>(&patient), async {
        tokio::time::sleep(Duration::from_millis(800)).await;
        say(&mut writer, "COMMIT").await;
    })
    .await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_whole(&cluster, "t", 1);
}

#[tokio::test]
async fn d9_a_rebuild_that_waited_in_vain_takes_its_copy_away() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, "CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 1000); CREATE INDEX t_n ON t (n)");
    invalidate(&cluster, "t_n");
    let desk = Desk::of(&cluster);
    let with = desk.with(json!({ "lock-timeout": "3s", "retries": 2 }));
    let plan = desk.plan::<PostgresReindex>(&with).await;
    let mut writer = cluster.session().await;
    // Young enough that it may end in time, and it does not.
    say(&mut writer, "BEGIN; INSERT INTO t VALUES (0)").await;
    let report = disturbed(desk.apply::<PostgresReindex>(&plan), async {
        until(&cluster, "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 't_n_ccnew')").await;
        tokio::time::sleep(Duration::from_millis(4500)).await;
        say(&mut writer, "COMMIT").await;
    })
    .await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}\n{}", cluster.said());
    assert!(cluster.said().contains("canceling statement due to lock timeout"), "{}", cluster.said());
    assert_whole(&cluster, "t", 1);
}

/// A reader who holds the table keeps a rebuild waiting after its copy has taken its place.
async fn a_reader_holds(longer: bool) -> (Outcome, String) {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, "CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 1000); CREATE INDEX t_n ON t (n)");
    invalidate(&cluster, "t_n");
    let desk = Desk::of(&cluster);
    let plan = desk.plan::<PostgresReindex>(&desk.with(json!({ "lock-timeout": "3s", "retries": 0 }))).await;
    let mut reader = cluster.session().await;
    say(&mut reader, "BEGIN; SELECT count(*) FROM t").await;
    let report = disturbed(desk.apply::<PostgresReindex>(&plan), async {
        until(&cluster, "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 't_n_ccold')").await;
        tokio::time::sleep(Duration::from_millis(if longer { 18_000 } else { 4_500 })).await;
        say(&mut reader, "COMMIT").await;
    })
    .await;
    let said = format!("{report:?}\n{}", cluster.said());
    assert!(said.contains("canceling statement due to lock timeout"), "{said}");
    // The index itself is new and in use, whatever waits for its end.
    assert_eq!(psql(&cluster, "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_n'::regclass"), "t");
    if longer {
        let plan = desk.plan::<PostgresReindex>(&desk.with(json!({}))).await;
        assert_eq!(targets(&plan), ["public.t_n_ccold"]);
        assert_eq!(desk.apply::<PostgresReindex>(&plan).await.outcome, Outcome::Done);
    }
    assert_whole(&cluster, "t", 1);
    (report.outcome, said)
}

#[tokio::test]
async fn d9_the_old_form_of_an_index_is_dropped_once_nobody_reads_it() {
    let (outcome, said) = a_reader_holds(false).await;
    assert_eq!(outcome, Outcome::Done, "{said}");
}

#[tokio::test]
async fn d9_an_old_form_that_stays_is_told_and_the_next_plan_has_it() {
    let (outcome, said) = a_reader_holds(true).await;
    assert_eq!(outcome, Outcome::Leftover, "{said}");
    assert!(said.contains("left-behind") && said.contains("application `shop-api`"), "{said}");
}

#[tokio::test]
async fn m9_two_hosts_do_not_work_on_one_database() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, SLOW);
    psql(&cluster, "CREATE TABLE dead (n int); INSERT INTO dead SELECT generate_series(1, 5000)");
    psql(&cluster, "DELETE FROM dead");
    // Two hosts: each has a state of its own, and they spell the server in two ways.
    let (one, mut other) = (Desk::of(&cluster), Desk::of(&cluster));
    other.target["target"] = json!(format!("unix:{}", cluster.socket()));
    let analyze = one.plan::<PostgresAnalyze>(&one.with(json!({}))).await;
    let vacuum = other.plan::<PostgresVacuum>(&other.with(json!({}))).await;
    let report = disturbed(one.apply::<PostgresAnalyze>(&analyze), async {
        until(&cluster, &at_work("ANALYZE")).await;
        let report = other.apply::<PostgresVacuum>(&vacuum).await;
        assert_eq!(report.outcome, Outcome::Locked, "{report:?}");
        let why = report.why.join(" ");
        assert!(why.contains("database shop of") && why.contains("application `selx`"), "{why}");
        assert_eq!(psql(&cluster, "SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'dead'"), "0");
    })
    .await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_eq!(other.apply::<PostgresVacuum>(&vacuum).await.outcome, Outcome::Done);
}

#[tokio::test]
async fn m9_without_the_lock_in_the_server_no_further_step_begins() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, SLOW);
    psql(&cluster, "CREATE TABLE bb (n int); INSERT INTO bb VALUES (1)");
    let desk = Desk::of(&cluster);
    let plan = desk.plan::<PostgresAnalyze>(&desk.with(json!({}))).await;
    assert_eq!(targets(&plan), ["public.aa", "public.bb"]);
    let report = disturbed(desk.apply::<PostgresAnalyze>(&plan), async {
        until(&cluster, &at_work("ANALYZE")).await;
        let ended = psql(&cluster, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'");
        assert_eq!(ended, "t");
    })
    .await;
    assert_eq!(report.outcome, Outcome::Leftover, "{report:?}");
    assert!(report.why.join(" ").contains("the lock of the run in database `shop` is gone"), "{report:?}");
    let counts = "SELECT string_agg(relname || ' ' || analyze_count, ',' ORDER BY relname) FROM pg_stat_user_tables";
    assert_eq!(psql(&cluster, counts), "aa 1,bb 0");
}

#[tokio::test]
async fn m10_the_lock_in_the_server_comes_after_those_of_the_machine_and_nobody_waits() {
    let cluster = Cluster::start(&["autovacuum=off", "log_connections=on"]).await;
    psql(&cluster, SLOW);
    let desk = Desk::of(&cluster);
    let with = desk.with(json!({}));
    let plan = desk.plan::<PostgresAnalyze>(&with).await;
    // Another run of this machine: the server is not even asked.
    let report = disturbed(desk.apply::<PostgresAnalyze>(&plan), async {
        until(&cluster, &at_work("ANALYZE")).await;
        let logins = || {
            cluster.said().matches("connection authorized: user=postgres database=shop application_name=selx").count()
        };
        let before = logins();
        assert!(before > 0, "{}", cluster.said());
        let second = Desk { _whole: None, ..Desk::at(&desk.state, &cluster.socket()) };
        let report = second.apply::<PostgresAnalyze>(&plan).await;
        // The run that goes on is not over, and it holds its lock: whichever is seen first.
        assert!(matches!(report.outcome, Outcome::Locked | Outcome::Unfinished), "{report:?}");
        assert_eq!(logins(), before);
    })
    .await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    // Somebody else has it in the server: those of the machine are let go at once.
    psql(&cluster, "CREATE TABLE bb (n int); INSERT INTO bb VALUES (1)");
    let plan = desk.plan::<PostgresAnalyze>(&with).await;
    let mut holder = cluster.session().await;
    say(&mut holder, "SELECT pg_advisory_lock(1936026744, 1)").await;
    let began = Instant::now();
    let (one, two) = tokio::join!(desk.apply::<PostgresAnalyze>(&plan), desk.apply::<PostgresAnalyze>(&plan));
    assert_eq!((one.outcome, two.outcome), (Outcome::Locked, Outcome::Locked), "{one:?} {two:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    say(&mut holder, "SELECT pg_advisory_unlock(1936026744, 1)").await;
    assert_eq!(desk.apply::<PostgresAnalyze>(&plan).await.outcome, Outcome::Done);
}
