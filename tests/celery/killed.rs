//! What a look that is killed leaves behind, and looks that happen at the same time.

use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use selx_checks::celery::progress::CeleryProgress;
use selx_checks::celery::queues::CeleryQueues;
use selx_checks::celery::workers::CeleryWorkers;
use serde_json::json;

use crate::harness::{Broker, Celery, Look, Status, Worker, assert_is, until};

/// No test by itself: the process that is killed. It looks once at the broker that the environment names.
#[tokio::test]
async fn the_process_that_is_killed() {
    let Ok(target) = std::env::var("SELX_TEST_CELERY_TARGET") else { return };
    let within = std::env::var("SELX_TEST_CELERY_WITHIN").unwrap_or_else(|_| "2s".to_owned());
    let entry = Look::of::<CeleryWorkers>(json!({ "target": target, "answer-within": within })).look().await;
    println!("{}", crate::harness::words(&entry));
}

/// Prepares that process, behind other words.
fn process(before: &[&str], target: &str, within: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let mut words: Vec<std::ffi::OsString> = before.iter().map(Into::into).collect();
    words.push(test.into());
    let mut command = Command::new(words.remove(0));
    command
        .args(words)
        .args(["--exact", "killed::the_process_that_is_killed", "--nocapture"])
        .env("SELX_TEST_CELERY_TARGET", target)
        .env("SELX_TEST_CELERY_WITHIN", within)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Lists of answers that have no time to live, of those that selx makes.
fn immortal(broker: &Broker) -> Vec<String> {
    let (lists, bound) = broker.database(0).traces();
    // Other tests look at the same time, so that it is not always the first of the names.
    assert!(lists.len() <= 16 && bound.len() <= 16, "{lists:?} {bound:?}");
    lists.into_iter().filter(|(_, ttl)| *ttl < 0).map(|(key, _)| key).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_is_killed_anywhere_leaves_nothing_without_an_end() {
    let broker = Broker::start(&[]);
    let solo: &[&str] = &["-P", "solo"];
    let live = Worker::start(Celery::New, &broker.url(0), "live@test", &json!({}), solo);
    let stopped = Worker::start(Celery::Old, &broker.url(0), "stopped@test", &json!({}), solo);
    let (_live, stopped) = (live.ready(&broker), stopped.ready(&broker));
    let mut database = broker.database(0);
    let clean = database.keys();

    // At every message that it sends or waits for, as far as there are any.
    let mut kills = 0;
    for call in ["sendto", "recvfrom", "epoll_wait"] {
        for number in 1..=12 {
            let inject = format!("inject={call}:signal=KILL:when={number}");
            let trace = format!("trace={call}");
            let status =
                process(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject], &broker.url(0), "2s")
                    .status()
                    .expect("strace starts");
            if status.success() {
                break;
            }
            kills += 1;
            assert_eq!(immortal(&broker), Vec::<String>::new(), "{call} {number}");
        }
    }
    assert!(kills >= 8, "only {kills} places to be killed at");

    // At any time while it waits for one that is stopped, which answers afterwards.
    stopped.signal(Signal::STOP);
    for round in 0..6 {
        let mut child = process(&["setpriv", "--pdeathsig", "KILL"], &broker.url(0), "20s").spawn().unwrap();
        until("it waits", || !database.traces().0.is_empty());
        std::thread::sleep(Duration::from_millis(7 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let (lists, bound) = database.traces();
        assert!(lists.iter().all(|(_, ttl)| (1..=3600).contains(ttl)) && lists.len() <= 16, "{lists:?}");
        assert!(bound.len() <= 16, "few names, however often: {bound:?}");
    }
    stopped.signal(Signal::CONT);
    // Its answer to a question of the dead joins the list that ends by itself.
    until("the late answer", || {
        let (lists, _) = database.traces();
        lists.iter().any(|(key, _)| database.ask::<u64>(redis::cmd("LLEN").arg(key)) > 1)
    });
    assert_eq!(immortal(&broker), Vec::<String>::new());

    // The next look is not misled by what it finds, and leaves the place as it was.
    let mut look = Look::of::<CeleryWorkers>(json!({ "target": broker.url(0), "answer-within": "10s" }));
    assert_is(&look.look().await, Status::Ok, &[], &["2 workers answer"]);
    // A name that a look of another test held just then is cleared by the one after.
    let mut left = database.keys();
    for _ in 0..20 {
        if left == clean {
            break;
        }
        assert_is(&look.look().await, Status::Ok, &[], &["2 workers answer"]);
        left = database.keys();
    }
    assert_eq!(left, clean);
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_at_the_same_time_do_not_take_each_others_answers() {
    let broker = Broker::start(&[]);
    let _worker = Worker::start(Celery::New, &broker.url(0), "one@test", &json!({}), &["-P", "solo"]).ready(&broker);
    let before = broker.database(0).keys();
    let with = json!({ "target": broker.url(0), "answer-within": "15s" });
    let other = process(&["setpriv", "--pdeathsig", "KILL"], &broker.url(0), "15s").spawn();
    let mut looks = tokio::task::JoinSet::new();
    // More than there are names: some wait for others.
    for number in 0..24 {
        let with = with.clone();
        looks.spawn(async move {
            let mut look = match number % 3 {
                0 => Look::of::<CeleryWorkers>(with),
                1 => Look::of::<CeleryQueues>(with),
                _ => Look::of::<CeleryProgress>(with),
            };
            for _ in 0..3 {
                assert_is(&look.look_within(Duration::from_secs(40)).await, Status::Ok, &[], &[]);
            }
        });
    }
    while let Some(done) = looks.join_next().await {
        done.unwrap();
    }
    other.unwrap().wait().unwrap();
    assert_eq!(broker.database(0).keys(), before);
}
