//! Engines that are not there, may not be asked, hang or talk nonsense: what is found through them is never fine.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::process::{Place, Ran, as_nobody, mode};
use crate::said::Said;
use crate::stack::Stack;

const RUN: &[&str] = &["run", "daily", "--format", "json", "--no-history"];
const ALL: &str = "compose-services.product";
const BEHIND: &[&str] = &[
    "postgres-ready.main",
    "postgres-activity.main",
    "sql-query.task-failures",
    "redis-ping.broker",
    "redis-stats.broker",
    "celery-workers.all",
    "celery-queues.all",
    "celery-progress.all",
    "prometheus-query.targets",
];

/// Looks through another engine; nginx, which listens on loopback, is fine whatever the engine does.
#[track_caller]
fn through(stack: &Stack, socket: &Path, status: &str, words: &[&str]) {
    let place = Place::with(&stack.settings(|checks| checks.replace("timeout = \"8s\"", "timeout = \"3s\"")));
    let engine = format!("unix://{}", socket.display());
    let said = Said::of(Ran::of(place.command(RUN).env("DOCKER_HOST", engine)));
    said.is(ALL, status, words).follow(ALL, BEHIND);
    for name in BEHIND {
        said.is(name, status, words);
    }
    said.rest_is_fine();
}

#[test]
fn no_engine_is_unknown_and_one_that_is_down_critical() {
    let stack = Stack::shared();
    let folder = tempfile::tempdir().unwrap();
    through(&stack, &folder.path().join("docker.sock"), "unknown", &["no engine listens", "there is no socket"]);
    let socket = folder.path().join("left.sock");
    drop(UnixListener::bind(&socket).unwrap());
    through(&stack, &socket, "critical", &["nothing listens on it"]);
}

#[test]
fn an_engine_that_hangs_or_talks_nonsense_is_critical() {
    let stack = Stack::shared();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("hangs.sock");
    // The kernel accepts for it.
    let _hangs = UnixListener::bind(&socket).unwrap();
    through(&stack, &socket, "critical", &["accepted and said nothing within"]);
    let socket = folder.path().join("nonsense.sock");
    let nonsense = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for mut peer in nonsense.incoming().flatten() {
            // Unread bytes would break the connection off.
            let _ = peer.read(&mut [0; 4096]);
            let _ = peer.write_all(b"220 mail.example.org ESMTP\r\n");
        }
    });
    through(&stack, &socket, "critical", &["is not HTTP"]);
}

#[test]
fn without_the_right_to_the_engine_nothing_is_known_of_the_services() {
    let stack = Stack::shared();
    // What this user may not read is another matter.
    let folder = Place::empty();
    let root = folder.put("ca.pem", &std::fs::read_to_string(stack.ca_file()).unwrap());
    let compose = folder.put("docker-compose.yml", &std::fs::read_to_string(stack.compose_file()).unwrap());
    let variables = folder.put("environment", "");
    std::fs::copy(stack.ca_file().with_file_name("../environment"), &variables).unwrap();
    mode(&variables, 0o644);
    let checks = stack.settings(|checks| {
        checks
            .replace(&stack.ca_file().display().to_string(), &root.display().to_string())
            .replace(&stack.compose_file().display().to_string(), &compose.display().to_string())
            .replace(&stack.ca_file().with_file_name("../environment").display().to_string(), "")
    });
    let checks = checks
        .lines()
        .map(|line| match line.split_once(", env-file = ") {
            Some((before, _)) => format!("{before}, env-file = \"{}\" }}\n", variables.display()),
            None => format!("{line}\n"),
        })
        .collect::<String>();
    let place = Place::with(&checks);
    let said = Said::of(Ran::of(as_nobody(place.command(RUN).env("DOCKER_HOST", stack.engine()))));
    said.is(ALL, "unknown", &["no right to", "the engine's socket"]).follow(ALL, BEHIND);
    for name in BEHIND {
        said.is(name, "unknown", &["no right to", "the engine's socket"]);
    }
    said.rest_is_fine();
}
