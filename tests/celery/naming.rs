//! Applications that name their keys and channels otherwise.

use selx_checks::celery::progress::CeleryProgress;
use selx_checks::celery::queues::CeleryQueues;
use selx_checks::celery::workers::CeleryWorkers;
use serde_json::{Value, json};

use crate::harness::{Broker, Celery, Look, Status, assert_is, fleet, measured};

#[tokio::test(flavor = "multi_thread")]
async fn prefixes_exchanges_and_serializers_of_the_application() {
    let broker = Broker::start(&[]);
    let prefixed = json!({ "broker_transport_options": { "global_keyprefix": "shop:" } });
    let bare = json!({ "broker_transport_options": { "fanout_prefix": false } });
    let text = json!({ "broker_transport_options": { "fanout_prefix": "/room{db}." }, "control_exchange": "mine" });
    let pickled = json!({ "task_serializer": "pickle", "accept_content": ["pickle", "json"] });
    let solo: &[&str] = &["-P", "solo"];
    let _workers = fleet(
        &broker,
        &[
            (Celery::New, 0, "prefix-new@test", prefixed.clone(), solo),
            (Celery::Old, 0, "prefix-old@test", prefixed, solo),
            (Celery::New, 1, "bare@test", bare, solo),
            (Celery::Old, 2, "text@test", text, solo),
            (Celery::New, 3, "pickle@test", pickled, solo),
        ],
    );
    let target = |database: u32, more: Value| {
        let mut with = json!({ "target": broker.url(database), "answer-within": "5s" });
        for (name, value) in more.as_object().unwrap() {
            with[name] = value.clone();
        }
        with
    };
    // The prefix stands before every key: nothing of selx is without it, and queues are found behind it.
    let before = broker.database(0).keys();
    let entry = Look::of::<CeleryWorkers>(target(0, json!({ "key-prefix": "shop:" }))).look().await;
    assert_is(&entry, Status::Ok, &[], &["2 workers answer"]);
    let entry = Look::of::<CeleryWorkers>(target(0, json!({}))).look().await;
    assert_is(&entry, Status::Critical, &["no-workers"], &["`/0.celery.pidbox`"]);
    let queues = target(0, json!({ "key-prefix": "shop:" }));
    let entry = Look::of::<CeleryQueues>(queues.clone()).look().await;
    assert_is(&entry, Status::Ok, &[], &["nothing waits in 1 queue"]);
    broker.database(0).send("shop:lost", "app.add", json!([1, 2]), json!({}));
    let mut with = queues;
    with["queues"] = json!(["lost"]);
    let entry = Look::of::<CeleryQueues>(with).look().await;
    assert_is(&entry, Status::Critical, &["no-consumer"], &["lost no worker takes from it, and 1 wait"]);
    assert_eq!(measured(&entry, "depth", "lost"), 1.0);
    let _: i64 = broker.database(0).ask(redis::cmd("DEL").arg("shop:lost"));
    assert_eq!(broker.database(0).keys(), before);

    // Without a prefix of channels, and with another one and another exchange.
    let entry = Look::of::<CeleryWorkers>(target(1, json!({ "fanout-prefix": false }))).look().await;
    assert_is(&entry, Status::Ok, &[], &["1 worker answers"]);
    let entry = Look::of::<CeleryWorkers>(target(1, json!({}))).look().await;
    assert_is(&entry, Status::Critical, &["no-workers"], &["/1.celery.pidbox"]);
    let named = json!({ "fanout-prefix": "/room{db}.", "control-exchange": "mine" });
    let entry = Look::of::<CeleryWorkers>(target(2, named.clone())).look().await;
    assert_is(&entry, Status::Ok, &[], &["1 worker answers"]);
    let entry = Look::of::<CeleryWorkers>(target(2, json!({ "fanout-prefix": "/room{db}." }))).look().await;
    assert_is(&entry, Status::Critical, &["no-workers"], &["`/room2.celery.pidbox`"]);
    assert_is(&Look::of::<CeleryProgress>(target(2, named)).look().await, Status::Ok, &[], &["nothing waits"]);

    // A worker that writes pickles is alive and is not read.
    let entry = Look::of::<CeleryWorkers>(target(3, json!({}))).look().await;
    assert_is(
        &entry,
        Status::Unknown,
        &["unread-answer"],
        &["1 answered in `application/x-python-serialize`, which is not read: it is alive"],
    );
    assert_eq!((measured(&entry, "workers", ""), measured(&entry, "silent", "")), (1.0, 0.0));
    broker.database(3).send("jobs", "app.add", json!([1, 2]), json!({}));
    let entry = Look::of::<CeleryQueues>(target(3, json!({ "queues": ["jobs"] }))).look().await;
    assert_is(&entry, Status::Unknown, &["consumers-unknown"], &["1 of 1 workers did not say", "jobs"]);
    let entry = Look::of::<CeleryProgress>(target(3, json!({}))).look().await;
    assert_is(&entry, Status::Unknown, &["unread-answer"], &["were not read"]);
}
