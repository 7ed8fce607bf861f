//! Primaries, standbys and slots.

use selx_core::Status;
use serde_json::json;

use crate::activity::until;
use crate::cluster::{Cluster, say};
use crate::drive::{LONG, and, as_role, assert_is, look, measure};

const KIND: &str = "postgres-activity";

#[tokio::test]
async fn a_primary_and_its_standby() {
    let mut primary = Cluster::start(&["wal_keep_size=64"]).await;
    let standby = primary.standby(&["hot_standby_feedback=on", "wal_receiver_status_interval=1"]).await;
    let mut session = primary.session().await;
    until(&mut session, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'").await;
    say(&mut session, "CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 1000)").await;
    until(&mut session, "SELECT coalesce(replay_lsn = pg_current_wal_lsn(), false) FROM pg_stat_replication").await;
    let entry = look(KIND, as_role(&primary, "selx"), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["primary"]);
    assert_eq!(measure(&entry, "standby-behind", "walreceiver"), 0.0);
    let entry = look(KIND, as_role(&standby, "selx"), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["standby"]);
    assert_eq!(measure(&entry, "replay-lag", ""), 0.0);
    let wrong = and(as_role(&standby, "selx"), json!({ "role": "primary" }));
    let entry = look("postgres-ready", wrong, LONG).await;
    assert_is(&entry, Status::Critical, &["wrong-role"], &["is a standby, and a primary is expected"]);
    // A standby answers queries, and says when it hears nothing more.
    let query = json!({ "query": "SELECT count(*) FROM public.t" });
    let entry = look("sql-query", and(as_role(&standby, "selx"), query), LONG).await;
    assert_is(&entry, Status::Unknown, &["not-allowed"], &["permission denied for table t"]);
    primary.kill();
    let mut session = standby.session().await;
    until(&mut session, "SELECT count(*) = 0 FROM pg_stat_wal_receiver").await;
    let entry = look(KIND, as_role(&standby, "selx"), LONG).await;
    assert_is(&entry, Status::Warning, &["standby-cut-off"], &["gets no log from a primary"]);
}

#[tokio::test]
async fn slots_that_nobody_reads() {
    let cluster = Cluster::start(&["wal_level=logical", "max_slot_wal_keep_size=1MB", "wal_keep_size=0"]).await;
    let mut session = cluster.session().await;
    say(&mut session, "SELECT pg_create_physical_replication_slot('left_behind', true)").await;
    say(&mut session, "SELECT pg_create_logical_replication_slot('decoder', 'test_decoding')").await;
    let entry = look(KIND, as_role(&cluster, "selx"), LONG).await;
    assert_is(
        &entry,
        Status::Warning,
        &["slot-inactive", "slot-inactive"],
        &["left_behind nobody reads from this physical slot, and the server keeps", "decoder nobody reads"],
    );
    assert!(measure(&entry, "slot-wal", "left_behind") >= 0.0);
    assert!(measure(&entry, "held-back", "replication slot") >= 0.0);
    for _ in 0..3 {
        say(&mut session, "CREATE TABLE IF NOT EXISTS w (n int); INSERT INTO w VALUES (1)").await;
        say(&mut session, "SELECT pg_switch_wal()").await;
    }
    say(&mut session, "CHECKPOINT").await;
    let entry = look(KIND, as_role(&cluster, "selx"), LONG).await;
    let codes: Vec<&str> = entry.judgement.findings.iter().map(|finding| finding.code.as_ref()).collect();
    assert!(entry.status() == Status::Critical && codes.contains(&"slot-lost"), "{}", crate::drive::words(&entry));
}
