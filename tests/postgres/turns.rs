//! Several checks of one server in one run: they take turns in one session.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use selx_core::report::Entry;
use selx_core::{Instance, Limits, Status};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::drive::{LONG, SHORT, and, as_role, assert_is, check, run_all, words};

/// Makes checks of kinds and settings, each with a name of its own.
fn checks(all: &[(&str, Value)]) -> Vec<Instance> {
    let instance = |(number, (kind, with)): (usize, &(&str, Value))| {
        let mut instance = Instance::new(check(kind, with), format!("number-{number}"));
        instance.limits = Limits::default();
        instance
    };
    all.iter().enumerate().map(instance).collect()
}

/// The kinds that ask a server, and two questions of an operator.
fn all(cluster: &Cluster, user: &str) -> Vec<(&'static str, Value)> {
    let with = as_role(cluster, user);
    let asks = |query: &str| and(with.clone(), json!({ "query": query }));
    vec![
        ("postgres-ready", with.clone()),
        (
            "sql-query",
            asks("SELECT 7 AS n, pg_advisory_lock(7)::text AS held, set_config('work_mem', '1MB', false) AS set"),
        ),
        ("postgres-activity", with.clone()),
        ("sql-query", asks("SELECT count(*) AS held FROM pg_locks WHERE locktype = 'advisory'")),
    ]
}

fn logins(cluster: &Cluster) -> usize {
    cluster.said().matches("connection authorized: user=selx ").count()
}

#[tokio::test]
async fn a_session_does_for_several_and_is_ended_in_due_form() {
    let cluster = Cluster::start(&["log_connections=on", "log_disconnections=on"]).await;
    // Each statement of an operator has the last turn in its session, so two do for four. A busy machine may make them
    // impatient, who then have sessions of their own: one run of many shows what they do with time.
    let mut fewest = usize::MAX;
    for _ in 0..20 {
        let before = logins(&cluster);
        let entries = run_all(checks(&all(&cluster, "selx")), LONG).await;
        assert_is(&entries[0], Status::Ok, &[], &["accepts role selx on database shop", "SCRAM-SHA-256"]);
        assert_is(&entries[1], Status::Ok, &[], &["row: 7"]);
        assert!(words(&entries[2]).contains("connections used"), "{}", words(&entries[2]));
        // What the statement of another check took does not last.
        assert_is(&entries[3], Status::Ok, &[], &["held is 0"]);
        fewest = fewest.min(logins(&cluster) - before);
        if fewest == 2 {
            break;
        }
    }
    assert_eq!(fewest, 2, "{}", cluster.said());
    let began = Instant::now();
    while cluster.said().matches("disconnection: session time").count() < logins(&cluster) {
        assert!(began.elapsed() < Duration::from_secs(10), "{}", cluster.said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for complaint in ["unexpected EOF", "reset by peer", "could not receive", "could not send"] {
        assert!(!cluster.said().contains(complaint), "{}", cluster.said());
    }
}

#[tokio::test]
async fn roles_databases_and_runs_do_not_share() {
    let cluster = Cluster::start(&["log_connections=on"]).await;
    let with = as_role(&cluster, "selx");
    let other = and(with.clone(), json!({ "database": "postgres" }));
    let entries = run_all(checks(&[("postgres-ready", with.clone()), ("postgres-ready", other)]), LONG).await;
    assert_is(&entries[0], Status::Ok, &[], &["on database shop"]);
    assert_is(&entries[1], Status::Ok, &[], &["on database postgres"]);
    assert_eq!(logins(&cluster), 2, "{}", cluster.said());
    // What stands in a URL and not in the settings tells them apart as well.
    let url = |database: &str| {
        let target = format!("postgresql://selx@{}/{database}", cluster.address());
        json!({ "target": target, "password": with["password"] })
    };
    let entries = run_all(checks(&[("postgres-ready", url("shop")), ("postgres-ready", url("postgres"))]), LONG).await;
    assert_is(&entries[0], Status::Ok, &[], &["on database shop"]);
    assert_is(&entries[1], Status::Ok, &[], &["on database postgres"]);
    assert_eq!(logins(&cluster), 4, "{}", cluster.said());
    let wrong = and(with.clone(), json!({ "password": "env:SELX_NO_SUCH_VARIABLE" }));
    let entries = run_all(checks(&[("postgres-ready", with), ("postgres-ready", wrong)]), LONG).await;
    assert_is(&entries[0], Status::Ok, &[], &["on database shop"]);
    assert_eq!(entries[1].status(), Status::Unknown, "{}", words(&entries[1]));
    assert_eq!(logins(&cluster), 5, "{}", cluster.said());
}

#[tokio::test]
async fn each_says_for_itself_that_a_server_hangs() {
    let cluster = Cluster::start(&[]).await;
    cluster.signal(Signal::STOP);
    let began = Instant::now();
    let entries: Vec<Entry> = run_all(checks(&all(&cluster, "selx")), SHORT).await;
    assert!(began.elapsed() < SHORT * 4, "{:?}", began.elapsed());
    for (entry, code) in entries.iter().zip(["no-answer", "not-connected", "not-connected", "not-connected"]) {
        assert_is(entry, Status::Critical, &[code], &["accepted the connection and did not answer within"]);
    }
}
