//! The kinds of Celery in one run: what one asks of the workers, the others hear.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use selx_core::report::Entry;
use selx_core::{Instance, Limits, Registry};
use serde_json::json;

use crate::harness::{Broker, Celery, Status, assert_is, fleet, run_all, until, words};

/// Runs the three kinds together.
async fn look(broker: &Broker) -> Vec<Entry> {
    look_as(json!({ "target": broker.url(0), "answer-within": "1s" })).await
}

async fn look_as(with: serde_json::Value) -> Vec<Entry> {
    let mut registry = Registry::new();
    selx_checks::register(&mut registry).unwrap();
    let instance = |kind: &str| {
        let mut instance = Instance::new(registry.get(kind).unwrap().build_json(&with).unwrap(), "all");
        instance.limits = Limits::default();
        instance
    };
    let instances = ["celery-workers", "celery-queues", "celery-progress"].map(instance).to_vec();
    run_all(instances, Duration::from_secs(20)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_of_the_page_may_do_all_that_is_asked() {
    let broker = Broker::start(&[]);
    let none: &[&str] = &["-c", "1"];
    let _workers = fleet(&broker, &[(Celery::New, 0, "alpha@test", json!({}), none)]);
    let mut database = broker.database(0);
    // Something waits under a name that only a search finds, and something is not acknowledged.
    database.send("other", "tests.nothing", json!([]), json!({}));
    let _: () = database.ask(redis::cmd("SADD").arg("_kombu.binding.other").arg("other\u{6}\u{16}\u{6}\u{16}other"));
    let page = include_str!("../../selx-checks/src/celery/workers/README.md");
    let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("ACL SETUSER")).collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        let mut words = line.split_whitespace();
        let mut command = redis::cmd(words.next().unwrap());
        for word in words {
            command.arg(word);
        }
        let _: () = database.ask(&mut command);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "PASSWORD").unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let with = json!({
        "target": broker.url(0), "user": "selx", "password": format!("file:{}", file.display()), "answer-within": "1s",
    });
    let entries = look_as(with).await;
    assert_is(&entries[0], Status::Ok, &[], &["1 worker answers"]);
    assert_is(&entries[1], Status::Critical, &["no-consumer"], &["other"]);
    assert_is(&entries[2], Status::Ok, &[], &["nothing waits"]);
    for entry in &entries {
        assert!(entry.faults.is_empty(), "{}", words(entry));
    }
}

/// Listens to all that a broker is asked.
fn monitor(broker: &Broker) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", broker.port)).unwrap();
    stream.write_all(b"MONITOR\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut lines = BufReader::new(stream);
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    assert_eq!(first, "+OK\r\n");
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn three_kinds_ask_four_questions() {
    let broker = Broker::start(&[]);
    let none: &[&str] = &["-c", "1"];
    let mut workers = fleet(
        &broker,
        &[(Celery::New, 0, "alpha@test", json!({}), none), (Celery::Old, 0, "beta@test", json!({}), none)],
    );
    let mut database = broker.database(0);
    let before = database.keys();
    let mut lines = monitor(&broker);
    // What runs, what is held and what was done; and once, for all three, the queues. Who has to wait long on a busy
    // machine asks for itself: one run of many shows what they do with time.
    let mut fewest = usize::MAX;
    for _ in 0..20 {
        let entries = look(&broker).await;
        assert_is(&entries[0], Status::Ok, &[], &["2 workers answer"]);
        assert_is(&entries[1], Status::Ok, &[], &["nothing waits in 1 queue"]);
        assert_is(&entries[2], Status::Ok, &[], &["nothing waits"]);
        assert_eq!(database.keys(), before);
        let _: () = database.ask(redis::cmd("ECHO").arg("the end"));
        let mut asked = 0;
        loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the broker ended");
            if line.contains("the end") {
                break;
            }
            asked += usize::from(line.contains("\"PUBLISH\" \"/0.celery.pidbox\""));
        }
        fewest = fewest.min(asked);
        if fewest == 4 {
            break;
        }
    }
    assert_eq!(fewest, 4);

    // Who is silent is told by each in its own words, and nobody waits for another's time to be up.
    workers[1].signal(Signal::STOP);
    let entries = look(&broker).await;
    assert_is(&entries[0], Status::Critical, &["silent"], &["beta@test"]);
    assert_is(&entries[1], Status::Ok, &[], &["nothing waits in 1 queue"]);
    assert_is(&entries[2], Status::Unknown, &["silent"], &["1 of 2 workers did not answer"]);
    for entry in &entries {
        assert!(entry.took < Duration::from_secs(5), "{:?}: {}", entry.took, words(entry));
    }
    workers[1].signal(Signal::CONT);
    until("the broker is as it was", || database.keys() == before);
    workers.clear();
}
