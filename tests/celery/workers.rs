//! `celery-workers`: who answers, is silent, or is missing.

use rustix::process::Signal;
use selx_checks::celery::workers::CeleryWorkers;
use serde_json::{Value, json};

use crate::harness::{Broker, Celery, Look, Status, Worker, assert_is, fleet, measured, words};

fn of(broker: &Broker, database: u32, more: Value) -> Look {
    let mut with = json!({ "target": broker.url(database), "answer-within": "5s" });
    for (name, value) in more.as_object().unwrap() {
        with[name] = value.clone();
    }
    Look::of::<CeleryWorkers>(with)
}

fn quick() -> Value {
    json!({ "answer-within": "400ms" })
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_of_both_versions_answer_and_the_dead_and_the_stopped_are_named() {
    let broker = Broker::start(&[]);
    let none: &[&str] = &["-c", "1"];
    let mut workers = fleet(
        &broker,
        &[
            (Celery::New, 0, "alpha@test", json!({}), none),
            (Celery::Old, 0, "beta@test", json!({}), none),
            (Celery::Old, 1, "other@test", json!({}), &["-P", "solo"]),
        ],
    );
    let mut database = broker.database(0);
    let before = database.keys();

    // Both answer, long before the time is up, and nothing is left behind.
    let mut look = of(&broker, 0, json!({}));
    let entry = look.look().await;
    assert_is(&entry, Status::Ok, &[], &["2 workers answer"]);
    assert_eq!((measured(&entry, "workers", ""), measured(&entry, "silent", "")), (2.0, 0.0));
    assert!(measured(&entry, "answer-time", "alpha@test") < 4.0 && measured(&entry, "answer-time", "beta@test") < 4.0);
    for _ in 0..20 {
        assert_is(&look.look().await, Status::Ok, &[], &["2 workers answer"]);
    }
    assert_eq!(database.keys(), before);

    // Each database is another broker.
    assert_is(&of(&broker, 1, json!({})).look().await, Status::Ok, &[], &["1 worker answers"]);
    assert_is(
        &of(&broker, 2, json!({ "expect": 3 })).look().await,
        Status::Critical,
        &["no-workers"],
        &["0 of 3 workers", "/2.celery.pidbox"],
    );

    // Who is expected.
    let entry = of(&broker, 0, json!({ "expect": ["alpha@test", "beta@*"] })).look().await;
    assert_is(&entry, Status::Ok, &[], &[]);
    let entry = of(&broker, 0, json!({ "expect": ["alpha@test", "gamma@test", "scrape@*"] })).look().await;
    assert_is(
        &entry,
        Status::Critical,
        &["absent"],
        &["gamma@test is expected and is not connected", "scrape@* is expected", "beta@test answers and is not among"],
    );
    let entry = of(&broker, 0, json!({ "expect": 3 })).look().await;
    assert_is(&entry, Status::Critical, &["absent"], &["2 of 3 workers are connected: alpha@test, beta@test"]);
    assert_is(&of(&broker, 0, json!({ "expect": 2 })).look().await, Status::Ok, &[], &[]);

    // One is stopped: it is still connected, and named by the last look, by what is registered, and by the expected.
    let mut look = of(&broker, 0, quick());
    assert_is(&look.look().await, Status::Ok, &[], &[]);
    workers[1].signal(Signal::STOP);
    let entry = look.look().await;
    assert_is(
        &entry,
        Status::Critical,
        &["silent"],
        &["beta@test listens and did not answer", "stopped or hung", "127.0.0.1:"],
    );
    assert_eq!((measured(&entry, "workers", ""), measured(&entry, "silent", "")), (1.0, 1.0));
    let entry = of(&broker, 0, quick()).look().await;
    assert_is(
        &entry,
        Status::Critical,
        &["silent"],
        &["1 of 2 workers answer", "beta@test listens and did not answer"],
    );
    // Both are.
    workers[0].signal(Signal::STOP);
    let entry = of(&broker, 0, quick()).look().await;
    assert_is(
        &entry,
        Status::Critical,
        &["silent"],
        &["none of 2 answers", "alpha@test, beta@test listen and did not"],
    );
    // They go on: late answers disturb nobody and nothing is left.
    workers[0].signal(Signal::CONT);
    workers[1].signal(Signal::CONT);
    assert_is(&of(&broker, 0, json!({})).look().await, Status::Ok, &[], &["2 workers answer"]);
    crate::harness::until("only the keys of before", || database.keys() == before);

    // One is killed: it is gone at once, told once, and told every time where it is expected.
    let mut look = of(&broker, 0, json!({}));
    let mut expecting = of(&broker, 0, json!({ "expect": ["alpha@test", "beta@test"] }));
    assert_is(&look.look().await, Status::Ok, &[], &[]);
    assert_is(&expecting.look().await, Status::Ok, &[], &[]);
    workers[0].kill();
    assert_is(
        &look.look().await,
        Status::Critical,
        &["gone"],
        &["2 workers at the last look, 1 now: gone is alpha@test"],
    );
    assert_is(&look.look().await, Status::Ok, &[], &["1 worker answers"]);
    assert_is(&expecting.look().await, Status::Critical, &["absent"], &["alpha@test is expected"]);
    assert_is(&expecting.look().await, Status::Critical, &["absent"], &["alpha@test is expected"]);

    // None is left: an answer at once.
    workers[1].kill();
    let begun = std::time::Instant::now();
    let entry = look.look().await;
    assert!(begun.elapsed().as_secs() < 4, "it waited for nobody");
    assert_is(&entry, Status::Critical, &["no-workers"], &["0 workers", "at the last look beta@test answered"]);
    let entry = of(&broker, 0, json!({})).look().await;
    assert_is(&entry, Status::Critical, &["no-workers"], &["registered at some time: alpha@test, beta@test"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_of_one_name_and_busy_ones() {
    let broker = Broker::start(&[]);
    let solo: &[&str] = &["-P", "solo"];
    let workers = fleet(
        &broker,
        &[
            (Celery::New, 0, "twin@test", json!({}), solo),
            (Celery::Old, 0, "twin@test", json!({}), solo),
            (Celery::New, 1, "solo@test", json!({}), solo),
            (Celery::Old, 2, "full@test", json!({}), &["-c", "1"]),
        ],
    );
    let entry = of(&broker, 0, json!({})).look().await;
    assert_is(&entry, Status::Warning, &["duplicate-name"], &["twin@test is the name of 2 workers"]);
    assert_eq!(measured(&entry, "workers", ""), 2.0);
    // The name of both is told when one of them hangs.
    workers[1].signal(Signal::STOP);
    let entry = of(&broker, 0, quick()).look().await;
    assert_is(&entry, Status::Critical, &["silent"], &["1 of 2 that listen did not answer"]);

    // A solo pool answers between tasks only; processes that are all busy answer at once.
    broker.database(1).send("celery", "app.sleep", json!([600]), json!({}));
    broker.database(2).send("celery", "app.sleep", json!([600]), json!({}));
    broker.database(2).send("celery", "app.sleep", json!([600]), json!({}));
    let mut solo = workers.into_iter().nth(2).unwrap();
    solo.says("received");
    let entry = of(&broker, 1, quick()).look().await;
    assert_is(
        &entry,
        Status::Critical,
        &["silent"],
        &["solo@test listens", "busy with a task where the pool is `solo`"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_are_all_busy_answer_at_once() {
    let broker = Broker::start(&[]);
    let mut worker = Worker::start(Celery::Old, &broker.url(0), "full@test", &json!({}), &["-c", "1"]).ready(&broker);
    for _ in 0..3 {
        broker.database(0).send("celery", "app.sleep", json!([600]), json!({}));
    }
    worker.says("received");
    assert_is(&of(&broker, 0, json!({})).look().await, Status::Ok, &[], &["1 worker answers"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_does_not_serve_is_told_by_what_it_says() {
    let broker = Broker::start(&["--requirepass", "hunter2-hunter2"]);
    let none = of(&broker, 0, json!({})).look().await;
    assert_is(&none, Status::Critical, &["login-needed"], &["asks for a password"]);
    let folder = tempfile::tempdir().unwrap();
    let file = |text: &str| {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join(text);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        format!("file:{}", path.display())
    };
    let wrong = of(&broker, 0, json!({ "password": file("wrong-password") })).look().await;
    assert_is(&wrong, Status::Critical, &["login-failed"], &["refuses the password"]);
    let right = of(&broker, 0, json!({ "password": file("hunter2-hunter2") })).look().await;
    assert_is(&right, Status::Critical, &["no-workers"], &["nobody listens"]);
    assert!(!words(&right).contains("hunter2") && !words(&wrong).contains("wrong-password"));

    // A user who may only read cannot ask; the right that is missing is named, and nothing is left behind.
    let mut database = broker.database_as(0, ":hunter2-hunter2@");
    let _: String = database.ask(
        redis::cmd("ACL")
            .arg("SETUSER")
            .arg("reader")
            .arg("on")
            .arg(">reader-reader")
            .arg("~*")
            .arg("+@read")
            .arg("+@connection")
            .arg("+@transaction"),
    );
    let entry = of(&broker, 0, json!({ "user": "reader", "password": file("reader-reader") })).look().await;
    assert_is(&entry, Status::Critical, &["not-permitted"], &["DEL"]);
    assert_eq!(database.keys(), Vec::<String>::new());
    // A key of kombu's that is of another type: what was done before it is undone.
    let _: () = database.ask(redis::cmd("SET").arg("_kombu.binding.reply.celery.pidbox").arg("x"));
    let entry = of(&broker, 0, json!({ "password": file("hunter2-hunter2") })).look().await;
    assert_is(&entry, Status::Critical, &["refused"], &["SADD", "WRONGTYPE"]);
    assert_eq!(database.keys(), ["_kombu.binding.reply.celery.pidbox"]);
    let _: i64 = database.ask(redis::cmd("DEL").arg("_kombu.binding.reply.celery.pidbox"));
    // Memory is full: workers could not answer either.
    let _: String = database.ask(redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("1mb"));
    let _: String = database.ask(redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("1"));
    let entry = of(&broker, 0, json!({ "password": file("hunter2-hunter2") })).look().await;
    assert_is(&entry, Status::Critical, &["memory-full"], &["its memory is full"]);
    // A replica takes no writes.
    let _: String = database.ask(redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("0"));
    let _: String = database.ask(redis::cmd("REPLICAOF").arg("127.0.0.1").arg("1"));
    let entry = of(&broker, 0, json!({ "password": file("hunter2-hunter2") })).look().await;
    assert_is(&entry, Status::Critical, &["read-only"], &["replica"]);
    drop(broker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_gone_is_told() {
    let broker = Broker::start(&[]);
    let mut look = of(&broker, 0, json!({}));
    drop(broker);
    assert_is(&look.look().await, Status::Critical, &["not-connected"], &["refused"]);
}
