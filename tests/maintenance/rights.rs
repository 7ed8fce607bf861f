//! What is refused before anything is changed.

use std::sync::Arc;

use selx_checks::postgres::analyze::PostgresAnalyze;
use selx_checks::postgres::reindex::PostgresReindex;
use selx_checks::postgres::vacuum::PostgresVacuum;
use selx_core::ErrorKind;
use selx_core::action::{Action, Outcome, SavedPlan};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::cluster::{Cluster, PASSWORD, say};
use crate::{Desk, make_air, psql, refusals};

/// The settings of a role that has a password.
fn as_role(cluster: &Cluster, address: &str, role: &str) -> Value {
    use std::os::unix::fs::PermissionsExt;
    let path = cluster.folder().join("password");
    std::fs::write(&path, PASSWORD).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    json!({ "target": address, "user": role, "database": "shop", "password": format!("file:{}", path.display()) })
}

async fn refused<A: Action>(desk: &Desk, with: &Value, words: &[&str]) -> SavedPlan {
    let plan = desk.plan::<A>(with).await;
    let said = refusals(&plan);
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
    assert!(!said.contains(PASSWORD));
    let report = desk.apply::<A>(&plan).await;
    assert_eq!(report.outcome, Outcome::Refused, "{report:?}");
    plan
}

#[tokio::test]
async fn a_role_that_may_not_is_told_so_before_any_change() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    make_air(&cluster);
    // One table would be its own: no part of what is due is done either.
    psql(
        &cluster,
        "GRANT SELECT ON orders TO viewer; CREATE TABLE own (n int); INSERT INTO own VALUES (1); ALTER TABLE own OWNER TO viewer",
    );
    psql(
        &cluster,
        "CREATE INDEX own_n ON own (n); CREATE TABLE foreign_one (n int); INSERT INTO foreign_one VALUES (1)",
    );
    crate::invalidate(&cluster, "own_n");
    let desk = Desk::of(&cluster);
    let with = as_role(&cluster, &cluster.address(), "viewer");
    let more = |more: Value| {
        let mut with = with.clone();
        with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with
    };
    let before = psql(&cluster, "SELECT sum(analyze_count + vacuum_count) FROM pg_stat_user_tables");
    refused::<PostgresAnalyze>(
        &desk,
        &with,
        &["role `viewer` may not analyse 1 of", "such as public.foreign_one", "let their owner"],
    )
    .await;
    refused::<PostgresVacuum>(&desk, &with, &["role `viewer` may not vacuum 1 of", "public.orders"]).await;
    let small = more(json!({ "min-size": "1MiB" }));
    let words = [
        "role `viewer` may not rebuild 2 of",
        "public.orders_",
        "does not see how long the transactions",
        "pg_monitor",
    ];
    refused::<PostgresReindex>(&desk, &small, &words).await;
    assert_eq!(psql(&cluster, "SELECT sum(analyze_count + vacuum_count) FROM pg_stat_user_tables"), before);
    // What it may, it may by itself.
    let own = more(json!({ "include": ["public.own"] }));
    assert_eq!(desk.carry_out::<PostgresAnalyze>(&own).await.outcome, Outcome::Done);
    // And whoever is not let in is told why.
    let wrong = desk.try_plan::<PostgresAnalyze>(&as_role(&cluster, &cluster.address(), "rejected")).await.unwrap_err();
    assert!(wrong.kind() == ErrorKind::Rejected && wrong.to_string().contains("28000"), "{wrong}");
}

#[tokio::test]
async fn d2_nothing_is_done_on_a_standby() {
    let primary = Cluster::start(&["autovacuum=off", "wal_keep_size=64"]).await;
    make_air(&primary);
    let standby = primary.standby(&[]).await;
    crate::until(&standby, "SELECT to_regclass('public.orders_note') IS NOT NULL").await;
    let desk = Desk::of(&standby);
    let with = desk.with(json!({}));
    let words = ["is a standby, on which nothing can be changed", "the address of the primary"];
    refused::<PostgresAnalyze>(&desk, &with, &words).await;
    refused::<PostgresVacuum>(&desk, &with, &words).await;
    refused::<PostgresReindex>(&desk, &with, &words).await;
}

#[tokio::test]
async fn a_long_transaction_is_named_and_no_rebuild_begins() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    make_air(&cluster);
    let mut long = cluster.session().await;
    say(&mut long, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class").await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let desk = Desk::of(&cluster);
    let with = desk.with(json!({ "min-size": "1MiB", "max-transaction-age": "200ms" }));
    let words =
        ["would wait for transactions older than `max-transaction-age`, 200ms: process", "application `shop-api`"];
    refused::<PostgresReindex>(&desk, &with, &words).await;
    // Those who only vacuum do not wait for it.
    assert_eq!(desk.carry_out::<PostgresVacuum>(&desk.with(json!({}))).await.outcome, Outcome::Done);
}

/// Passes on what is said, but for the number of the process, as a pooler has its own.
async fn pooler(server: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = Arc::new(server);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let upstream = TcpStream::connect(server.as_str()).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = upstream.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            tokio::spawn(async move {
                let mut piece = vec![0; 65_536];
                while let Ok(count @ 1..) = from_server.read(&mut piece).await {
                    let key = [b'K', 0, 0, 0, 12];
                    if let Some(at) = piece[..count].windows(5).position(|window| window == key) {
                        piece[at + 5..at + 9].copy_from_slice(&77_u32.to_be_bytes());
                    }
                    if to_client.write_all(&piece[..count]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn d16_no_lock_is_trusted_behind_a_pooler() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, "CREATE TABLE t (n int); INSERT INTO t VALUES (1); ALTER TABLE t OWNER TO selx");
    let desk = Desk::of(&cluster);
    let direct = as_role(&cluster, &cluster.address(), "selx");
    assert_eq!(refusals(&desk.plan::<PostgresAnalyze>(&direct).await), "");
    let pooled = as_role(&cluster, &pooler(cluster.address()).await, "selx");
    refused::<PostgresAnalyze>(&desk, &pooled, &["a pooler answers in front of the server"]).await;
    // A plan that was made without it is not carried out through it either.
    let mut plan = desk.plan::<PostgresAnalyze>(&direct).await;
    plan.with = pooled;
    let report = desk.apply::<PostgresAnalyze>(&plan).await;
    assert_eq!(report.outcome, Outcome::Failed, "{report:?}");
    assert_eq!(psql(&cluster, "SELECT analyze_count FROM pg_stat_user_tables WHERE relname = 't'"), "0");
}

#[tokio::test]
async fn d15_functions_in_the_place_of_the_server_s_own_are_not_called() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(
        &cluster,
        "CREATE TABLE public.caught (n int); CREATE TABLE t (n int); INSERT INTO t VALUES (1);
         CREATE FUNCTION public.age(xid) RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.caught VALUES (1); RETURN 1; END $$;
         CREATE FUNCTION public.pg_try_advisory_lock(int, int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.caught VALUES (1); RETURN true; END $$;
         ALTER DATABASE shop SET search_path = public, pg_catalog; ALTER ROLE postgres SET search_path = public, pg_catalog",
    );
    let desk = Desk::of(&cluster);
    assert_eq!(desk.carry_out::<PostgresAnalyze>(&desk.with(json!({}))).await.outcome, Outcome::Done);
    assert_eq!(psql(&cluster, "SELECT count(*) FROM public.caught"), "0");
}
