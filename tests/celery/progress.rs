//! `celery-progress`: whether work that waits gets done.

use std::time::Duration;

use rustix::process::Signal;
use selx_checks::celery::progress::CeleryProgress;
use serde_json::{Value, json};

use crate::harness::{Broker, Celery, Look, Status, Worker, assert_is, measured, until};

fn of(broker: &Broker, more: Value) -> Look {
    let mut with = json!({ "target": broker.url(0), "answer-within": "5s" });
    for (name, value) in more.as_object().unwrap() {
        with[name] = value.clone();
    }
    Look::of::<CeleryProgress>(with)
}

const QUARTER: Duration = Duration::from_secs(900);

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_answers_and_does_nothing_is_stalled() {
    for celery in [Celery::New, Celery::Old] {
        let broker = Broker::start(&[]);
        let mut database = broker.database(0);
        let arguments = &["-c", "1", "-Q", "work", "--prefetch-multiplier", "1"];
        let mut worker = Worker::start(celery, &broker.url(0), "one@test", &json!({}), arguments).ready(&broker);
        // Nothing waits: fine at the first look.
        let mut look = of(&broker, json!({ "longest-task": "1s" }));
        assert_is(&look.look().await, Status::Ok, &[], &["nothing waits"]);

        // Work is done between two looks.
        for _ in 0..5 {
            database.send("work", "app.add", json!([1, 2]), json!({}));
        }
        until("five are done", || worker.log().matches("succeeded").count() == 5);
        look.age(QUARTER);
        let entry = look.look().await;
        assert_is(&entry, Status::Ok, &[], &["nothing waits", "5 begun in 15m"]);
        assert!(measured(&entry, "begun", "") > 0.0);

        // A task that never ends, one that the worker holds, and ten that wait.
        let id = database.send("work", "app.sleep", json!([100_000]), json!({}));
        worker.says(&id);
        for _ in 0..11 {
            database.send("work", "app.add", json!([1, 2]), json!({}));
        }
        until("one is held", || database.ask::<u64>(redis::cmd("LLEN").arg("work")) == 10);
        let mut first = of(&broker, json!({ "longest-task": "1s" }));
        assert_is(&first.look().await, Status::Skipped, &[], &["needs a second look, 1m later or more"]);
        // Too soon to tell.
        assert_is(&first.look().await, Status::Skipped, &[], &["needs 1m between two looks"]);
        first.age(QUARTER);
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let entry = first.look().await;
        assert_is(
            &entry,
            Status::Critical,
            &["stalled"],
            &[
                "work 10 wait and nothing was taken for 15m",
                "one@test began nothing",
                "running all the while: `app.sleep`",
                &id,
            ],
        );
        assert!(measured(&entry, "waiting", "") >= 10.0);
        // The same while the task may run so long: everybody is busy.
        let mut patient = of(&broker, json!({ "longest-task": "1h" }));
        patient.look().await;
        patient.age(QUARTER);
        assert_is(&patient.look().await, Status::Warning, &["all-busy"], &["10 wait", "`app.sleep`"]);
        // What the worker holds stands still too, when its queue is empty.
        let _: i64 = database.ask(redis::cmd("DEL").arg("work"));
        let mut held = of(&broker, json!({ "longest-task": "1s" }));
        held.look().await;
        held.age(QUARTER);
        assert_is(&held.look().await, Status::Critical, &["stalled"], &["one@test holds 1 and began nothing in 15m"]);

        // Silent: nobody knows. Dead: nobody works.
        worker.signal(Signal::STOP);
        let entry = of(&broker, json!({ "answer-within": "400ms" })).look().await;
        assert_is(&entry, Status::Unknown, &["silent"], &["1 of 1 workers did not answer"]);
        worker.kill();
        assert_is(&held.look().await, Status::Critical, &["no-workers"], &["nobody works"]);
    }
}
