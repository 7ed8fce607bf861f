//! What others on the server leave behind, and what must not keep a look from seeing the rest.

use std::io::Write as _;
use std::os::unix::net::UnixStream;

use selx_core::Status;
use serde_json::json;
use sqlx::Row as _;

use crate::activity::until;
use crate::cluster::{Cluster, say};
use crate::drive::{LONG, and, as_role, assert_is, look, words};

const KIND: &str = "postgres-activity";

/// Says something in a session of a client that knows no encoding, and does not wait for an answer.
fn says(cluster: &Cluster, database: &str, query: &[u8]) -> UnixStream {
    let mut stream = UnixStream::connect(cluster.socket()).unwrap();
    let start = format!("user\0postgres\0database\0{database}\0client_encoding\0SQL_ASCII\0\0");
    for (tag, body) in [(&b""[..], [&0x0003_0000_u32.to_be_bytes(), start.as_bytes()].concat()), (b"Q", query.to_vec())]
    {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        stream.write_all(&[tag, &length, &body].concat()).unwrap();
    }
    stream
}

#[tokio::test]
async fn a_query_in_no_encoding_hides_no_other() {
    let cluster = Cluster::start(&["track_activity_query_size=8192"]).await;
    cluster.say("CREATE DATABASE odd TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'").await;
    let mut watcher = cluster.session().await;
    let long =
        [b"SELECT pg_sleep(60), E'it\\'s ann@example.org', '", &b"\xfc".repeat(5000)[..], b"' -- \xe4\0"].concat();
    let _long = says(&cluster, "odd", &long);
    until(&mut watcher, "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'odd' AND wait_event = 'PgSleep'")
        .await;
    let _short = says(&cluster, "odd", b"SELECT pg_sleep(60) -- h\xe4\0");
    until(&mut watcher, "SELECT count(*) = 2 FROM pg_stat_activity WHERE datname = 'odd' AND wait_event = 'PgSleep'")
        .await;
    for database in ["shop", "odd"] {
        let entry = look(KIND, and(as_role(&cluster, "selx"), json!({ "database": database })), LONG).await;
        assert_is(&entry, Status::Ok, &[], &["longest query", "database odd", "SELECT pg_sleep(?), E?, ?"]);
        assert!(!words(&entry).contains("ann@example.org"), "{}", words(&entry));
    }
}

#[tokio::test]
async fn a_prepared_transaction_of_a_role_that_is_gone() {
    let cluster = Cluster::start(&["max_prepared_transactions=5"]).await;
    let mut session = cluster.session().await;
    say(&mut session, "CREATE ROLE gone").await;
    say(&mut session, "BEGIN; SET LOCAL ROLE gone; SELECT txid_current(); PREPARE TRANSACTION 'left'").await;
    say(&mut session, "DROP ROLE gone").await;
    let entry = look(KIND, as_role(&cluster, "selx"), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["left in shop by a role that is gone"]);
}

#[tokio::test]
async fn a_query_leaves_no_transaction_to_a_pooler() {
    let cluster = Cluster::start(&["log_statement=all", "log_line_prefix=%a|"]).await;
    for (query, status) in [
        ("SELECT 1", Status::Ok),
        ("SELECT generate_series(1, 1000)", Status::Warning),
        ("SELECT 1/0", Status::Critical),
    ] {
        let before = cluster.said().len();
        let entry = look("sql-query", and(as_role(&cluster, "selx"), json!({ "query": query })), LONG).await;
        assert_eq!(entry.status(), status);
        let said = cluster.said()[before..].to_owned();
        assert!(said.lines().any(|line| line == "selx|LOG:  statement: ROLLBACK"), "{said}");
    }
}

/// A standby keeps copies of the slots of its primary, from which nobody is to read before it is one itself.
#[tokio::test]
async fn slots_that_a_standby_copies_are_left_alone() {
    let primary = Cluster::start(&["wal_level=logical"]).await;
    // Older servers copy none.
    if primary.major().await < 17 {
        return;
    }
    let mut session = primary.session().await;
    say(&mut session, "SELECT pg_create_physical_replication_slot('standby', true)").await;
    say(&mut session, "SELECT pg_create_logical_replication_slot('feed', 'test_decoding', false, false, true)").await;
    let from =
        format!("primary_conninfo=host={} port={} user=postgres dbname=shop", primary.folder().display(), primary.port);
    let settings = ["wal_level=logical", "hot_standby_feedback=on", "primary_slot_name=standby", &from];
    let standby = primary.standby(&settings).await;
    let mut there = standby.session().await;
    // A copy lasts once the slot of the primary has come as far as the standby.
    for tries in 0.. {
        say(&mut session, "SELECT pg_log_standby_snapshot()").await;
        say(&mut session, "SELECT count(*) FROM pg_logical_slot_get_changes('feed', NULL, NULL)").await;
        say(&mut there, "SELECT pg_sync_replication_slots()").await;
        let copies = "SELECT count(*) FROM pg_replication_slots WHERE synced AND NOT temporary AND NOT active";
        if sqlx::query(copies).fetch_one(&mut there).await.unwrap().get::<i64, _>(0) == 1 {
            break;
        }
        assert!(tries < 200, "no copy lasts: {}", standby.said());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let entry = look(KIND, as_role(&standby, "selx"), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["standby"]);
}
