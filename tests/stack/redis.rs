//! Redis as a broker: gone, hanging, full, a replica, without a disk, and with another password.

use crate::process::mode;
use crate::said::{swap, swap_in};
use crate::stack::{Alone, Stack};

const ALL: &str = "compose-services.product";
const PING: &str = "redis-ping.broker";
const STATS: &str = "redis-stats.broker";
const BEHIND: &[&str] = &[STATS, "celery-workers.all", "celery-queues.all", "celery-progress.all"];

#[test]
fn settings_that_do_not_fit_the_server_are_told_by_what_it_answers() {
    let stack = Stack::shared();
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("password");
    std::fs::write(&wrong, "an old one\n").unwrap();
    mode(&wrong, 0o600);
    let address = stack.docker(&[
        "inspect",
        "--format",
        "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
        &stack.container("redis"),
    ]);
    let said = stack.look_with(|checks| {
        let checks = swap(checks, ", role = \"master\"", ", role = \"replica\"");
        let checks = swap(&checks, "broker = true", &format!("password = \"file:{}\"", wrong.display()));
        let at = format!("target = \"{}:6379\"", address.trim());
        let was = "target = { compose = ";
        let (before, after) = checks.split_once("[check.celery-queues.all.with]\n").unwrap();
        assert!(after.starts_with(was), "{after}");
        let (_, rest) = after.split_once('\n').unwrap();
        format!("{before}[check.celery-queues.all.with]\n{at}\n{rest}")
    });
    said.is(PING, "critical", &["is a master, expected a replica"]);
    said.is(STATS, "critical", &["refuses the password"]).follow(PING, &[STATS]);
    said.is("celery-queues.all", "critical", &["asks for a password, and none is given"]);
    said.rest_is_fine();
}

/// Sets something, asserts on a look, and sets it back.
fn set(stack: &Alone, name: &str, value: &str, back: &str, assert: impl FnOnce(&crate::said::Said)) {
    stack.redis(&["config", "set", name, value]);
    let said = stack.look();
    stack.redis(&["config", "set", name, back]);
    assert(&said);
}

#[test]
fn a_broker_that_is_full_or_may_forget_or_cannot_save_is_critical() {
    let stack = Stack::alone();
    stack.until_fine();
    set(&stack, "maxmemory", "1mb", "128mb", |said| {
        said.is(PING, "critical", &["takes no writes that need memory", "nothing is evicted", "memory-full"]);
        said.is(STATS, "critical", &["above the critical limit of 90%"]).follow(PING, BEHIND);
        // It answers the ping of the API.
        said.rest_is_fine();
    });
    stack.renew_workers();
    set(&stack, "maxmemory-policy", "allkeys-lru", "noeviction", |said| {
        said.is(STATS, "critical", &["is a broker and throws messages away", "allkeys-lru"]).is(PING, "ok", &[]);
        said.rest_is_fine();
    });
    // Found out by itself where nobody says that it is one.
    stack.redis(&["config", "set", "maxmemory-policy", "volatile-ttl"]);
    let said = stack.look_with(|checks| swap(checks, ", broker = true", ""));
    stack.redis(&["config", "set", "maxmemory-policy", "noeviction"]);
    said.is(STATS, "critical", &["holds queues of Celery (database 0)", "volatile-ttl"]).rest_is_fine();

    stack.inside("redis", &["chmod", "0500", "/var/lib/redis/data"]);
    stack.redis(&["bgsave"]);
    let saved =
        |status: &str| stack.redis(&["info", "persistence"]).contains(&format!("rdb_last_bgsave_status:{status}"));
    stack.wait("the failure of a snapshot", || saved("err"));
    let said = stack.look();
    stack.inside("redis", &["chmod", "0750", "/var/lib/redis/data"]);
    stack.redis(&["bgsave"]);
    stack.wait("a snapshot", || saved("ok"));
    said.is(PING, "critical", &["takes no writes: its last snapshot failed", "writes-stopped"]);
    // What writes is refused (MISCONF); what only reads is not.
    said.follow(PING, &[STATS]).is(STATS, "critical", &["cannot save its data"]);
    said.either(BEHIND).either(&["http.api", "prometheus-query.targets"]).rest_is_fine();
    stack.renew_workers();
}

#[test]
fn a_replica_of_nowhere_is_no_broker() {
    let stack = Stack::alone();
    stack.redis(&["replicaof", "127.0.0.1", "1"]);
    let said = stack.look();
    stack.redis(&["replicaof", "no", "one"]);
    said.is(PING, "critical", &["no connection to its master 127.0.0.1:1", "expected a master"]);
    said.is("celery-workers.all", "critical", &["is a replica that takes no writes"])
        .follow(PING, BEHIND)
        .rest_is_fine();
    stack.renew_workers();
    stack.until_fine();
}

#[test]
fn a_frozen_redis_hangs_and_a_paused_one_is_not_asked() {
    let stack = Stack::alone();
    stack.docker(&["kill", "--signal", "STOP", &stack.container("redis")]);
    let said = stack.look_with(|checks| {
        let checks = checks.replace("timeout = \"8s\"", "timeout = \"3s\"");
        // The API itself waits for two seconds.
        swap_in(&checks, "http.api", "timeout = \"3s\"", "timeout = \"9s\"")
    });
    stack.docker(&["kill", "--signal", "CONT", &stack.container("redis")]);
    said.is(ALL, "critical", &["redis", "first process is stopped by a signal"]);
    for name in [PING].iter().chain(BEHIND) {
        said.is(name, "critical", &["did not answer within"]).follow(ALL, &[name]);
    }
    said.follow(ALL, &["http.api"]).is("http.api", "critical", &["503"]);
    said.either(&["prometheus-query.targets"]).rest_is_fine();
    stack.act("pause", "redis");
    let said = stack.look();
    stack.act("unpause", "redis");
    said.is(ALL, "critical", &["redis", "is paused"]).is(PING, "critical", &["is paused"]).follow(ALL, BEHIND);
    said.either(&["http.api", "prometheus-query.targets"]).rest_is_fine();
    stack.renew_workers();
    stack.until_fine();
}
