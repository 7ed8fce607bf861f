//! `postgres-ready` against servers that are coming, going, stopped or gone.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use selx_core::Status;
use selx_core::report::Entry;
use serde_json::json;

use crate::cluster::Cluster;
use crate::drive::{LONG, SHORT, as_role, assert_is, look, words};

const KIND: &str = "postgres-ready";

/// Looks until a code is there: servers take their time on the way to a state.
async fn until(cluster: &Cluster, code: &str) -> Entry {
    let began = Instant::now();
    loop {
        let entry = look(KIND, json!({ "target": cluster.address() }), LONG).await;
        if entry.judgement.findings.iter().any(|finding| finding.code == code) {
            return entry;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{}\n{}", words(&entry), cluster.said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn d2_starting_up() {
    // A recovery that waits for a log that does not come.
    let cluster = Cluster::launch(&["restore_command=sleep 60"], |data| {
        std::fs::write(data.join("recovery.signal"), "").unwrap();
    });
    let entry = until(&cluster, "starting-up").await;
    assert_is(&entry, Status::Critical, &["starting-up"], &["starting up", "57P03"]);
}

#[tokio::test]
async fn d2_shutting_down_waits_for_a_session() {
    let cluster = Cluster::start(&[]).await;
    let session = cluster.session().await;
    cluster.signal(Signal::TERM);
    let entry = until(&cluster, "shutting-down").await;
    assert_is(&entry, Status::Critical, &["shutting-down"], &["shutting down", "57P03"]);
    drop(session);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test clears its own folder")]
async fn d2_a_standby_that_is_not_to_be_read() {
    let primary = Cluster::start(&[]).await;
    let backup = primary.standby(&[]).await;
    let data = backup.folder().join("data");
    let mut backup = backup;
    backup.kill();
    let cold = Cluster::launch(&["hot_standby=off"], |to| {
        std::fs::remove_dir_all(to).unwrap();
        crate::cluster::copy(&data, to);
        let _ = std::fs::remove_file(to.join("postmaster.pid"));
    });
    // Before version 14 a server that will never be read calls itself one that is starting.
    let (code, said) = if primary.major().await < 14 {
        ("starting-up", "starting up")
    } else {
        ("not-accepting", "not accepting connections")
    };
    let entry = until(&cold, code).await;
    assert_is(&entry, Status::Critical, &[code], &[said, "57P03"]);
}

#[tokio::test]
async fn stopped_killed_and_never_there() {
    let mut cluster = Cluster::start(&[]).await;
    cluster.signal(Signal::STOP);
    for target in [cluster.address(), cluster.socket()] {
        let entry = look(KIND, json!({ "target": target }), SHORT).await;
        assert_is(&entry, Status::Critical, &["no-answer"], &["accepted the connection and did not answer within"]);
    }
    cluster.signal(Signal::CONT);
    let entry = look(KIND, as_role(&cluster, "selx"), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["accepts"]);
    let socket = cluster.socket();
    cluster.kill();
    for (target, said) in [
        (cluster.address(), "refused the connection"),
        (socket, "refused the connection"),
        (cluster.folder().join("nothing").display().to_string(), "does not exist"),
        ("name.invalid:5432".to_owned(), "name.invalid"),
    ] {
        let entry = look(KIND, json!({ "target": target }), LONG).await;
        assert_is(&entry, Status::Critical, &["not-connected"], &[said]);
    }
    for kind in ["postgres-activity", "sql-query"] {
        let mut with = as_role(&cluster, "selx");
        if kind == "sql-query" {
            with["preset"] = json!("tasks-failure-rate");
        }
        let entry = look(kind, with, LONG).await;
        assert_is(&entry, Status::Critical, &["not-connected"], &["refused"]);
    }
}
