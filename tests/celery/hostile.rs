//! Answers that no worker gives, from somebody who may write to the broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use selx_checks::celery::workers::CeleryWorkers;
use serde_json::{Value, json};

use crate::harness::{Broker, Look, Status, assert_is, measured, words};

/// What is pushed; the status, the codes and the words that come of it.
type Case = (&'static str, Forge, Status, &'static [&'static str], &'static [&'static str]);

/// Listens as a worker does and pushes what a test wants.
struct Forger {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What to push: the ticket and the list are those of the question.
type Forge = fn(ticket: &str) -> Vec<Vec<u8>>;

impl Forger {
    fn start(broker: &Broker, forge: Forge) -> Self {
        let client = redis::Client::open(broker.url(0)).unwrap();
        let mut listener = client.get_connection().unwrap();
        let mut writer = client.get_connection().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut pubsub = listener.as_pubsub();
            pubsub.psubscribe("/0.celery.pidbox").unwrap();
            pubsub.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            ready.send(()).unwrap();
            while !stopped.load(Ordering::SeqCst) {
                let Ok(message) = pubsub.get_message() else { continue };
                let text: String = message.get_payload().unwrap();
                let envelope: Value = serde_json::from_str(&text).unwrap();
                let body =
                    base64::engine::general_purpose::STANDARD.decode(envelope["body"].as_str().unwrap()).unwrap();
                let body: Value = serde_json::from_slice(&body).unwrap();
                let list = format!("{}.reply.celery.pidbox", body["reply_to"]["routing_key"].as_str().unwrap());
                // All at once: a look ends with the last answer that it waits for, and does not hear what comes later.
                let replies = forge(body["ticket"].as_str().unwrap());
                if !replies.is_empty() {
                    let _: i64 = redis::cmd("LPUSH").arg(&list).arg(replies).query(&mut writer).unwrap();
                }
            }
        });
        is_ready.recv().unwrap();
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Forger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = self.thread.take().unwrap().join();
    }
}

fn reply(ticket: &str, body: &str) -> Vec<u8> {
    let body = base64::engine::general_purpose::STANDARD.encode(body);
    json!({
        "body": body, "content-encoding": "utf-8", "content-type": "application/json",
        "headers": { "ticket": ticket, "clock": 1 }, "properties": { "body_encoding": "base64" },
    })
    .to_string()
    .into_bytes()
}

fn pickled(ticket: &str) -> Vec<u8> {
    let body = base64::engine::general_purpose::STANDARD.encode(b"cos\nsystem\n(S'touch /tmp/selx-was-here'\ntR.");
    json!({
        "body": body, "content-encoding": "binary", "content-type": "application/x-python-serialize",
        "headers": { "ticket": ticket }, "properties": { "body_encoding": "base64" },
    })
    .to_string()
    .into_bytes()
}

const PONG: &str = r#"{"w@test": {"ok": "pong"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn forged_answers_are_told_and_none_is_believed_beyond_what_it_is() {
    let cases: [Case; 12] = [
        ("a right answer", |t| vec![reply(t, PONG)], Status::Ok, &[], &["1 worker answers"]),
        ("another ticket", |_| vec![reply("another", PONG)], Status::Critical, &["silent"], &["1 of 1 that listen"]),
        (
            "late ones before the right one",
            |t| vec![reply("late", PONG), reply("late", PONG), reply(t, PONG)],
            Status::Ok,
            &[],
            &[],
        ),
        (
            "the same answer twice",
            |t| vec![reply(t, PONG), reply(t, PONG)],
            Status::Warning,
            &["duplicate-name"],
            &["w@test"],
        ),
        (
            "an error",
            |t| vec![reply(t, r#"{"w@test": {"error": "KeyError('ping')"}}"#)],
            Status::Critical,
            &["error-answer"],
            &["KeyError('ping')"],
        ),
        ("a pickle", |t| vec![pickled(t)], Status::Unknown, &["unread-answer"], &["x-python-serialize"]),
        ("no JSON", |_| vec![b"\x80\x04\xff".to_vec(), b"{".to_vec(), Vec::new()], Status::Critical, &["silent"], &[]),
        (
            "two names in one",
            |t| vec![reply(t, r#"{"a": 1, "b": 2}"#)],
            Status::Unknown,
            &["unread-answer"],
            &["not the answer of one worker"],
        ),
        (
            "a name of control characters",
            |t| vec![reply(t, r#"{"w\u001b[31m\u202e@x\n": {"ok": "pong"}}"#)],
            Status::Ok,
            &[],
            &["1 worker answers"],
        ),
        (
            "a name without end",
            |t| vec![reply(t, &format!("{{\"{}\": 1}}", "n".repeat(100_000)))],
            Status::Unknown,
            &["unread-answer"],
            &[],
        ),
        (
            "a mebibyte",
            |t| vec![reply(t, &format!("{{\"w@test\": \"{}\"}}", "x".repeat(1 << 20)))],
            Status::Ok,
            &[],
            &["1 worker answers"],
        ),
        (
            "JSON a hundred thousand deep",
            |t| vec![reply(t, &"[".repeat(100_000))],
            Status::Unknown,
            &["unread-answer"],
            &["not an object"],
        ),
    ];
    let broker = Broker::start(&[]);
    let mut database = broker.database(0);
    for (name, forge, status, codes, expected) in cases {
        let forger = Forger::start(&broker, forge);
        // Only silence is waited out.
        let within = if codes.contains(&"silent") { "600ms" } else { "10s" };
        let mut look = Look::of::<CeleryWorkers>(json!({ "target": broker.url(0), "answer-within": within }));
        let entry = look.look().await;
        println!("{name}: {}", words(&entry));
        assert_is(&entry, status, codes, expected);
        drop(forger);
        let _: i64 = database.ask(redis::cmd("DEL").arg("x"));
        assert_eq!(database.keys(), Vec::<String>::new(), "{name}");
    }
    assert!(!std::path::Path::new("/tmp/selx-was-here").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_end_at_a_bound() {
    let broker = Broker::start(&[]);
    let mut database = broker.database(0);
    // Five thousand messages that answer nothing; forty mebibytes in large ones; one that is larger than is read.
    let cases: [(Forge, &str); 3] = [
        (|_| vec![reply("other", PONG); 5000], "messages of 1 that were asked"),
        (|_| vec![vec![b'x'; 1 << 20]; 40], "more came than is read"),
        (|_| vec![vec![b'x'; 20 << 20]], "more came than is read"),
    ];
    for (forge, said) in cases {
        let forger = Forger::start(&broker, forge);
        let begun = Instant::now();
        let mut look = Look::of::<CeleryWorkers>(json!({ "target": broker.url(0), "answer-within": "15s" }));
        let entry = look.look().await;
        let shown = words(&entry);
        assert_is(&entry, Status::Unknown, &["too-many-answers"], &[said]);
        assert!(begun.elapsed() < Duration::from_secs(18), "{shown}");
        assert!(entry.facts.as_ref().unwrap().to_string().len() < 10_000);
        // What it pushes after the look is cleared by the next one.
        drop(forger);
        let entry = Look::of::<CeleryWorkers>(json!({ "target": broker.url(0) })).look().await;
        assert_eq!(measured(&entry, "workers", ""), 0.0);
        assert_eq!(database.keys(), Vec::<String>::new());
    }
}
