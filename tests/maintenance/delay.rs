//! How long others wait while an index is rebuilt and a transaction stands in the way: measured, not asserted.
//!
//! `cargo test -p selx --test maintenance -- --ignored --nocapture delay`

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use selx_checks::postgres::reindex::PostgresReindex;
use serde_json::json;
use sqlx::Connection as _;

use crate::cluster::{Cluster, say};
use crate::{Desk, make_air};

/// Asks again and again until it is told to stop. Returns the longest answer and how many there were.
async fn ask(cluster: &Cluster, question: &'static str, stop: &AtomicBool) -> (Duration, u32) {
    let mut session = cluster.session().await;
    let (mut longest, mut count) = (Duration::ZERO, 0);
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        say(&mut session, question).await;
        longest = longest.max(began.elapsed());
        count += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    session.close().await.unwrap();
    (longest, count)
}

/// Measures readers and writers while something goes on, with a transaction that holds the table for six seconds.
async fn measure(cluster: &Cluster, holding: &'static str, what: impl Future<Output = String>) -> String {
    let stop = AtomicBool::new(false);
    let mut blocker = cluster.session().await;
    say(&mut blocker, holding).await;
    let work = async {
        let (said, ()) = tokio::join!(what, async {
            tokio::time::sleep(Duration::from_secs(6)).await;
            say(&mut blocker, "ROLLBACK").await;
        });
        stop.store(true, Ordering::Relaxed);
        said
    };
    let read = ask(cluster, "SELECT note FROM orders WHERE id = 500", &stop);
    let write = ask(cluster, "UPDATE orders SET note = note WHERE id = 1000", &stop);
    let (said, read, write) = tokio::join!(work, read, write);
    format!("{said}; longest of {} reads {:?}, of {} writes {:?}", read.1, read.0, write.1, write.0)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn the_longest_delay_of_others() {
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    make_air(&cluster);
    let plain = |statement: &'static str| {
        let mut psql = crate::client(&cluster);
        psql.args(["-c", statement]);
        async move {
            let output = tokio::task::spawn_blocking(move || psql.output()).await.unwrap().unwrap();
            format!("{statement}: {}", if output.status.success() { "done" } else { "failed" })
        }
    };
    let desk = Desk::of(&cluster);
    let writer = "BEGIN; INSERT INTO orders VALUES (-1, 'held')";
    let reader = "BEGIN; SELECT note FROM orders WHERE id = 20";
    for (who, holding) in [("a writer", writer), ("a reader", reader)] {
        for lock_timeout in ["500ms", "2s", "10s"] {
            let with =
                desk.with(json!({ "min-size": "1MiB", "lock-timeout": lock_timeout, "bloat": "0%", "retries": 1 }));
            let plan = desk.plan::<PostgresReindex>(&with).await;
            let selx = async {
                let report = desk.apply::<PostgresReindex>(&plan).await;
                format!("{who} holds the table; selx, lock-timeout {lock_timeout}: {}", report.outcome.as_str())
            };
            println!("{}", measure(&cluster, holding, selx).await);
        }
        println!("{who} holds the table; {}", measure(&cluster, holding, plain("REINDEX DATABASE shop")).await);
    }
}
