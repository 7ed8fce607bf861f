//! `celery-queues`: how much waits, for how long, and who takes it.

use std::time::Duration;

use rustix::process::Signal;
use selx_checks::celery::queues::CeleryQueues;
use serde_json::{Value, json};

use crate::harness::{Broker, Celery, Look, Status, Worker, assert_is, measured, until, words};

fn of(broker: &Broker, more: Value) -> Look {
    let mut with = json!({ "target": broker.url(0), "answer-within": "5s" });
    for (name, value) in more.as_object().unwrap() {
        with[name] = value.clone();
    }
    Look::of::<CeleryQueues>(with)
}

/// Binds a queue to an exchange, as the application does that sends to it.
fn bind(broker: &Broker, exchange: &str, member: &[u8]) {
    let _: i64 = broker.database(0).ask(redis::cmd("SADD").arg(format!("_kombu.binding.{exchange}")).arg(member));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_every_priority_and_what_nobody_takes() {
    let broker = Broker::start(&[]);
    let mut database = broker.database(0);
    // Nobody is there and nothing is known: not fine.
    let entry = of(&broker, json!({})).look().await;
    assert_is(&entry, Status::Unknown, &["no-queues"], &["no queue is known"]);
    let mut worker = Worker::start(
        Celery::New,
        &broker.url(0),
        "one@test",
        &json!({}),
        &["-c", "1", "-Q", "work", "--prefetch-multiplier", "1"],
    )
    .ready(&broker);
    assert_is(&of(&broker, json!({})).look().await, Status::Ok, &[], &["nothing waits in 1 queue"]);

    // One task runs, one is held; 36 wait, of which the bare list shows 8.
    for _ in 0..2 {
        database.send("work", "app.sleep", json!([600]), json!({}));
    }
    until("the first tasks are taken", || database.ask::<u64>(redis::cmd("LLEN").arg("work")) == 0);
    worker.says("received");
    for (suffix, count) in [("", 8), ("\u{6}\u{16}3", 10), ("\u{6}\u{16}6", 11), ("\u{6}\u{16}9", 7)] {
        for _ in 0..count {
            database.send(format!("work{suffix}"), "app.add", json!([1, 2]), json!({}));
        }
    }
    let before = database.keys();
    let mut look = of(&broker, json!({}));
    let entry = look.look().await;
    let depth = measured(&entry, "depth", "work");
    // The worker may have taken one of the first list.
    assert!((35.0..=36.0).contains(&depth), "{}", words(&entry));
    assert_is(&entry, Status::Ok, &[], &["wait in 1 queue"]);
    assert!(!format!("{:?}", entry.facts).contains("the-argument-is-secret"));
    assert_eq!(database.keys(), before);
    // Who says other steps gets other sums.
    let entry = of(&broker, json!({ "priority-steps": [0, 3] })).look().await;
    assert!((17.0..=18.0).contains(&measured(&entry, "depth", "work")), "{}", words(&entry));
    // The next message stood there before, so that its age is at least that of the last look.
    look.age(Duration::from_secs(900));
    let entry = look.look().await;
    assert!(measured(&entry, "oldest", "work") >= 900.0);

    // A queue that was bound and has no worker; one without text; one by settings only.
    bind(&broker, "reports", b"reports\x06\x16\x06\x16reports");
    bind(&broker, "odd", b"odd\x06\x16\x06\x16odd\xff\x1b[31m");
    bind(&broker, "garbage", b"no binding at all");
    assert_is(&of(&broker, json!({})).look().await, Status::Ok, &[], &["wait in 3 queues"]);
    database.send("reports", "app.add", json!([1, 2]), json!({}));
    database.send(&b"odd\xff\x1b[31m"[..], "app.add", json!([1, 2]), json!({}));
    let entry = of(&broker, json!({ "queues": ["later"] })).look().await;
    assert_is(
        &entry,
        Status::Critical,
        &["no-consumer"],
        &[
            "reports no worker takes from it, and 1 wait in it",
            "odd\\xff",
            "later no worker takes from it; it is empty so far",
        ],
    );
    assert_eq!(measured(&entry, "depth", "reports"), 1.0);
    // Without a search only what workers take from and what is named is seen.
    assert_is(&of(&broker, json!({ "search": false })).look().await, Status::Ok, &[], &["wait in 1 queue"]);
    // When the only worker does not answer, nobody knows who takes what.
    worker.signal(Signal::STOP);
    let entry = of(&broker, json!({ "answer-within": "400ms" })).look().await;
    assert_is(&entry, Status::Unknown, &["consumers-unknown"], &["1 of 1 workers did not say", "reports"]);
    // When it is dead, everybody does.
    worker.kill();
    let entry = of(&broker, json!({})).look().await;
    assert_is(&entry, Status::Critical, &["no-consumer"], &["work no worker takes from it"]);

    // Limits of the capacity table.
    for _ in 0..70 {
        database.send("reports", "app.add", json!([1, 2]), json!({}));
    }
    let entry = of(&broker, json!({})).look().await;
    assert_is(&entry, Status::Critical, &["no-consumer", "limit-depth"], &["messages that wait 71"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_old_expired_or_strange() {
    let broker = Broker::start(&[]);
    let mut database = broker.database(0);
    let of = |more: Value| of(&broker, more);
    let now: (f64, f64) = database.ask(&mut redis::cmd("TIME"));
    let named = json!({ "queues": ["q"], "search": false });
    // Taken two hours ago and never acknowledged; nobody works.
    let held = json!([{ "headers": { "task": "app.sleep", "id": "held-one" }, "properties": { "delivery_tag": "t" } }, "", "q"]);
    let _: i64 = database.ask(redis::cmd("HSET").arg("unacked").arg("t").arg(held.to_string()));
    let _: i64 = database.ask(redis::cmd("ZADD").arg("unacked_index").arg(now.0 - 7200.0).arg("t"));
    let entry = of(named.clone()).look().await;
    assert_is(
        &entry,
        Status::Warning,
        &["no-consumer", "limit-unacked-age"],
        &["1 taken and not acknowledged", "warning limit of 1h"],
    );
    assert_eq!(measured(&entry, "unacked", ""), 1.0);
    assert!(format!("{:?}", entry.judgement.evidence).contains("held-one"));
    // One that was delivered in the future.
    let _: i64 = database.ask(redis::cmd("ZADD").arg("unacked_index").arg(now.0 + 90.0).arg("u"));
    let entry = of(named.clone()).look().await;
    assert_is(
        &entry,
        Status::Warning,
        &["no-consumer", "limit-unacked-age", "clock-ahead"],
        &["ahead of that of the broker"],
    );
    let _: i64 = database.ask(redis::cmd("DEL").arg("unacked").arg("unacked_index"));
    // The next message expired, and one that should have begun tells its age.
    database.send("q", "app.add", json!([1, 2]), json!({ "expires": "2020-01-01T00:00:00+00:00" }));
    let entry = of(named.clone()).look().await;
    assert_is(&entry, Status::Critical, &["no-consumer", "expired"], &["the next message expired"]);
    let _: i64 = database.ask(redis::cmd("DEL").arg("q"));
    database.send("q", "app.add", json!([1, 2]), json!({ "eta": "2020-01-01T00:00:00" }));
    assert!(measured(&of(named.clone()).look().await, "oldest", "q") > 86_400.0);
    let _: i64 = database.ask(redis::cmd("DEL").arg("q"));
    // A key of the name that is no list, and messages that are none.
    let _: () = database.ask(redis::cmd("SET").arg("q").arg("a text"));
    let entry = of(named.clone()).look().await;
    assert_is(&entry, Status::Warning, &["not-a-queue", "no-consumer"], &["q is the name of a key that is no list"]);
    let _: i64 = database.ask(redis::cmd("DEL").arg("q"));
    let _: i64 = database.ask(redis::cmd("RPUSH").arg("q").arg(&b"\x80\x04K\x01."[..]));
    let entry = of(named.clone()).look().await;
    assert_is(&entry, Status::Critical, &["no-consumer"], &["1 wait in it"]);
    // Messages larger than is read are counted and not read.
    let _: i64 = database.ask(redis::cmd("DEL").arg("q"));
    let _: i64 = database.ask(redis::cmd("RPUSH").arg("q").arg(vec![b'x'; 6 << 20]));
    let entry = of(named.clone()).look().await;
    assert_is(&entry, Status::Critical, &["no-consumer"], &["1 wait in it"]);
    assert!(format!("{:?}", entry.judgement.evidence).contains("too large to be read"));
    // A hundred thousand messages cost no more than one.
    let _: i64 = database.ask(redis::cmd("DEL").arg("q"));
    for _ in 0..100 {
        let _: i64 = database.ask(redis::cmd("RPUSH").arg("q").arg(vec!["x"; 1000]));
    }
    let entry = of(named).look().await;
    assert_eq!(measured(&entry, "depth", "q"), 100_000.0);
    assert!(entry.facts.unwrap().to_string().len() < 4000);
}
