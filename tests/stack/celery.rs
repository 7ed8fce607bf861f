//! Workers that are silent, gone or doubled, queues that nobody empties, and work that stands still.

use crate::process::Place;
use crate::said::{swap, swap_in};
use crate::stack::{Alone, Stack};

const ALL: &str = "compose-services.product";
const WORKERS: &str = "celery-workers.all";
const QUEUES: &str = "celery-queues.all";
const PROGRESS: &str = "celery-progress.all";

/// Lets the application send something, in the container of the API, which lives whatever the workers do.
#[track_caller]
fn application(stack: &Alone, lines: &str) {
    let begin = "from worker.celery_config import app\nfrom worker.tasks import sleep\n";
    stack.inside("api", &["python3", "-c", &format!("{begin}{lines}")]);
}

#[test]
fn one_of_two_workers_that_is_stopped_by_a_signal_is_named() {
    let stack = Stack::alone();
    stack.docker(&["kill", "--signal", "STOP", &stack.container("worker")]);
    let said = stack.look();
    stack.docker(&["kill", "--signal", "CONT", &stack.container("worker")]);
    said.is(WORKERS, "critical", &["1 of 2 workers answer", "celery@worker-1", "did not answer"])
        .follow(ALL, &[WORKERS]);
    said.is(PROGRESS, "unknown", &["1 of 2 workers did not answer"]).follow(ALL, &[PROGRESS]);
    said.is(ALL, "critical", &["worker", "first process is stopped by a signal"]);
    // The other takes from every queue.
    said.is(QUEUES, "ok", &[]).rest_is_fine();
    stack.until_fine();
}

#[test]
fn a_worker_that_was_killed_is_absent_and_without_any_the_queues_have_no_consumer() {
    let stack = Stack::alone();
    stack.act("kill", "worker-old");
    let said = stack.until(|said| said.has(WORKERS, "is not connected"));
    said.is(WORKERS, "critical", &["1 worker answers", "celery@worker-2", "is expected and is not connected"]);
    said.is(ALL, "critical", &["worker-old", "137 (killed)"]).follow(ALL, &[WORKERS]);
    said.is(QUEUES, "ok", &[]).is(PROGRESS, "ok", &[]).rest_is_fine();
    stack.act("stop", "worker");
    application(&stack, "for priority in (0, 3, 6, 9): sleep.apply_async((0,), priority=priority)");
    let said = stack.until(|said| said.has(WORKERS, "0 of 2 workers"));
    said.is(WORKERS, "critical", &["nobody listens"]).is(PROGRESS, "critical", &["nobody works", "4 wait"]);
    // Three of the four lie in lists of other names than the queue.
    said.is(QUEUES, "critical", &["default", "no worker takes from it, and 4 wait in it", "empty so far"]);
    said.follow(ALL, &[WORKERS, PROGRESS, QUEUES]).is(ALL, "critical", &["6 of 8 services run"]).rest_is_fine();
    stack.heal();
    // The workers take what waited.
    stack.until_fine();
}

#[test]
fn a_queue_that_nobody_takes_from_is_critical_once_something_waits_in_it() {
    let stack = Stack::alone();
    let bound = "queues = [\"default\", \"scrape\", \"reports\"]";
    let said = stack.look_with(|checks| swap(checks, bound, "queues = [\"default\", \"mail\"]"));
    said.is(QUEUES, "warning", &["mail", "it is empty so far"]).rest_is_fine();
    // A task sent by a misspelt name is found although no setting knows the queue.
    application(&stack, "for priority in (0, 6, 9): sleep.apply_async((0,), queue='mial', priority=priority)");
    let said = stack.look();
    let deep = stack.look_with(|checks| {
        swap(checks, "depth = { warning = \"50\", critical = \"100\" }", "depth = { warning = \"2\" }")
    });
    application(&stack, "with app.connection() as one: one.default_channel.queue_delete('mial')");
    said.is(QUEUES, "critical", &["mial", "no worker takes from it, and 3 wait in it"]).rest_is_fine();
    deep.is(QUEUES, "critical", &["limit-depth", "above the warning limit of 2"]).rest_is_fine();
    stack.redis(&["del", "_kombu.binding.mial"]);
    stack.until_fine();
}

#[test]
fn two_workers_of_one_name_are_told() {
    let stack = Stack::alone();
    let line = "echo $$ >/dev/shm/third; exec celery -A worker.celery_config worker -n celery@worker-1 --pool solo";
    stack.docker(&["exec", "--detach", &stack.container("worker"), "sh", "-c", line]);
    let said = stack.until(|said| said.has(WORKERS, "duplicate-name"));
    stack.inside("worker", &["sh", "-c", "kill -9 $(cat /dev/shm/third)"]);
    said.is(WORKERS, "warning", &["celery@worker-1"]).rest_is_fine();
    stack.until(|said| said.status(WORKERS) == "ok" && said.status(PROGRESS) == "ok");
}

#[test]
fn work_that_stands_still_between_two_looks_is_told() {
    let stack = Stack::alone();
    application(&stack, "for _ in range(16): sleep.delay(600)");
    stack
        .wait("busy workers", || stack.redis(&["hlen", "unacked"]).trim().parse::<u32>().is_ok_and(|count| count >= 4));
    let settings = |longest: &str| {
        stack.settings(|checks| {
            swap_in(
                checks,
                "celery-progress.all",
                "service = \"redis\" }",
                &format!("service = \"redis\" }}\ninterval = \"1s\"\nlongest-task = \"{longest}\""),
            )
        })
    };
    let place = Place::with(&settings("1h"));
    let first = stack.look_from(&place);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let busy = stack.look_from(&place);
    place.put("selx.toml", &settings("1s"));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let stalled = stack.look_from(&place);
    // Before anything is asserted: what is acknowledged late comes back to the next test.
    for service in ["worker", "worker-old"] {
        stack.act("kill", service);
    }
    stack.redis(&["flushdb"]);
    // The first look cannot know.
    first.is(PROGRESS, "skipped", &["needs a second look"]);
    busy.is(PROGRESS, "warning", &["default", "all-busy", "running all the while", "worker.tasks.sleep"]);
    busy.is(QUEUES, "ok", &["wait in", "taken and not acknowledged"]).rest_is_fine();
    stalled.is(PROGRESS, "critical", &["stalled", "nothing was taken for"]).rest_is_fine();
    stack.heal();
    stack.until_fine();
}
