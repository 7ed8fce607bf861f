//! The states of a real engine's containers, as compose of both generations makes them.

use std::time::Duration;

use selx_core::Status;
use serde_json::json;

use crate::drive::{LONG, assert_is, look, words};
use crate::engine::{Project, docker, socket};

const SLEEP: &[&str] = &["sleep", "300"];

/// Looks until the check says something, as an engine takes a moment to be in a state.
async fn until(with: serde_json::Value, word: &str) -> selx_core::report::Entry {
    for _ in 0..100 {
        let entry = look(with.clone(), socket(), LONG).await;
        if words(&entry).contains(word) {
            return entry;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("`{word}` is not said: {}", words(&look(with, socket(), LONG).await))
}

/// One project with a service in every state that matters (F3), and each of them told.
#[tokio::test]
async fn f3_every_state_has_its_verdict() {
    let project = Project::new(
        "states",
        "version: '3.8'
services:
  well: {image: 'IMAGE', command: sleep 300}
  scaled: {image: 'IMAGE', command: sleep 300, deploy: {replicas: 2}}
  ended: {image: 'IMAGE', command: sh -c 'echo the password is $$SECRET_WORD; exit 3', environment: {SECRET_WORD: 'hunter-seventeen'}}
  loop: {image: 'IMAGE', command: sh -c 'echo round; exit 1', restart: always}
  held: {image: 'IMAGE', command: sleep 300}
  frozen: {image: 'IMAGE', command: sleep 300}
  sick: {image: 'IMAGE', command: sleep 300, healthcheck: {test: [CMD, sh, -c, 'echo no route; exit 1'], interval: 1s, retries: 1}}
  once: {image: 'IMAGE', command: 'true-is-not-there', entrypoint: [sh, -c, 'exit 0'], restart: 'no'}
  spare: {image: 'IMAGE', profiles: [debug]}
  never: {image: 'IMAGE', command: sleep 300, scale: 0}
  absent: {image: 'IMAGE', command: sleep 300}
",
    );
    project.compose(&["up", "-d"]);
    let container = |service: &str| format!("{}_{service}_1", project.name);
    docker(&["rm", "-f", &container("absent")]);
    docker(&["pause", &container("held")]);
    let pid = docker(&["inspect", "-f", "{{.State.Pid}}", &container("frozen")]);
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let with = json!({ "compose": project.file() });
    let entry = until(with.clone(), "is unhealthy").await;
    let entry =
        if words(&entry).contains("loop is restarting") { entry } else { until(with, "loop is restarting").await };
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    assert_is(
        &entry,
        Status::Critical,
        &["exited", "frozen", "missing", "paused", "restarting", "unhealthy"],
        &[
            "absent has no container",
            "ended ended with code 3",
            "log=the password is [secret]",
            "log=round",
            "loop is restarting: it ended with code 1",
            "held is paused",
            "frozen is shown as up, and its first process is stopped",
            "sick is unhealthy",
            "health check=no route",
            "3 of 9 services run",
        ],
    );
    assert!(!words(&entry).contains("hunter"), "{}", words(&entry));
    let entry = look(json!({ "project": project.name }), socket(), LONG).await;
    assert_is(&entry, Status::Critical, &["exited", "paused", "restarting", "unhealthy"], &["held is paused"]);
}

/// Containers with the labels of the second generation, and the drifts that are seen from outside.
#[tokio::test]
async fn f14_both_generations_and_other_names() {
    let file = "services:
  api: {image: 'IMAGE', command: sleep 300, environment: {MODE: fast}}
";
    let project = Project::new("drift", file);
    project.run("api", 1, &["-e", "MODE=fast"], SLEEP);
    let with = json!({ "compose": project.file() });
    let entry = look(with.clone(), socket(), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["1 of 1 services run"]);

    // The file has changed, a second container runs, and so does a service of no file.
    project.write(&file.replace("fast", "careful"));
    project.run("api", 2, &["-e", "MODE=careful"], SLEEP);
    let old = project.run("old", 1, &[], SLEEP);
    let entry = look(with.clone(), socket(), LONG).await;
    assert_is(
        &entry,
        Status::Warning,
        &["config-differs", "orphan", "too-many"],
        &["its variables `MODE`", "runs 2 containers, and its file says 1", "old runs"],
    );
    assert!(!words(&entry).contains("careful"), "{}", words(&entry));
    // A container of `run` is none of the service.
    docker(&["rm", "-f", &old]);

    // Another name than the one that compose would choose.
    let elsewhere = json!({ "compose": project.file(), "project": "selxtestnowhere" });
    let entry = look(elsewhere, socket(), LONG).await;
    assert_is(&entry, Status::Unknown, &["other-project"], &[&format!("run as project `{}`", project.name)]);
    let entry = look(json!({ "compose": "/nowhere/c.yml" }), socket(), LONG).await;
    assert_is(&entry, Status::Unknown, &[], &["`/nowhere/c.yml` does not exist"]);
    let entry = look(json!({ "project": "selxtestnowhere" }), socket(), LONG).await;
    assert_is(&entry, Status::Critical, &["project-not-there"], &["no container of it exists"]);
}

/// An image that was made anew and never deployed, and a one-shot that failed.
#[tokio::test]
async fn an_image_that_was_never_deployed_and_a_one_shot_that_failed() {
    let tag = format!("selx-test-drift-{}:1", std::process::id());
    let file = format!(
        "version: '3.8'
services:
  api: {{image: '{tag}', command: sleep 300, depends_on: {{migrate: {{condition: service_completed_successfully}}}}}}
  migrate: {{image: 'IMAGE', command: sh -c 'exit 4'}}
"
    );
    let project = Project::new("image", &file);
    docker(&["tag", crate::engine::image(), &tag]);
    project.compose(&["up", "-d", "migrate"]);
    project.compose(&["up", "-d", "--no-deps", "api"]);
    let with = json!({ "compose": project.file() });
    let entry = until(with.clone(), "ended with code 4").await;
    assert_is(&entry, Status::Critical, &["exited"], &["migrate is to end with 0 and ended with code 4"]);
    docker(&["commit", &format!("{}_api_1", project.name), &tag]);
    let entry = look(with, socket(), LONG).await;
    docker(&["rmi", &tag]);
    assert_is(&entry, Status::Critical, &["exited", "image-outdated"], &[&format!("older image than `{tag}` names")]);
}
