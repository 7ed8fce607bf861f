//! The product as a whole: while all is well, and while several things are broken at once.

use crate::process::{Place, Ran};
use crate::said::{Said, swap};
use crate::stack::Stack;

const ALL: &str = "compose-services.product";

/// How many checks the daily look has.
const DAILY: usize = 17;

#[test]
fn a_healthy_product_is_green_from_the_second_look_on() {
    let stack = Stack::shared();
    // How busy and how full the machine is on which this runs is not the product's health.
    let settings = stack.settings(|checks| {
        let checks = swap(
            checks,
            "used = { warning = \"75%\", critical = \"85%\" }, inodes = { warning = \"75%\", critical = \"85%\" }",
            "used = \"off\", inodes = \"off\"",
        );
        let checks = swap(
            &checks,
            "used = { warning = \"80%\", critical = \"90%\" }, oom-kills = { critical = \"0\" }",
            "used = \"off\", oom-kills = \"off\", pressure = \"off\", swap-used = \"off\", container-used = \"off\"",
        );
        swap(
            &checks,
            "busy = { critical = \"80%\", for = \"15m\" }",
            "busy = \"off\", steal = \"off\", pressure = \"off\", load15 = \"off\", quota-used = \"off\", throttled = \"off\"",
        )
    });
    let place = Place::with(&settings);
    let first = stack.look_from(&place);
    assert_eq!(first.len(), DAILY);
    first.rest_is_fine();
    // Green is every check, its times too: a machine that is busy with other tests may take several looks to show it.
    // Counters of a second are the least that makes a share.
    let began = std::time::Instant::now();
    let second = loop {
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let said = stack.look_from(&place);
        assert_eq!(said.len(), DAILY);
        said.rest_is_fine();
        if said.is_green() {
            break said;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "{said:#?}");
    };
    second.is(ALL, "ok", &["8 of 8 services run, 1 one-shot ended with 0"]);
    second.is("celery-workers.all", "ok", &["2 workers answer"]).is("celery-queues.all", "ok", &["3 queues"]);
    second.is("prometheus-query.targets", "ok", &["2 of 2 targets are up"]);
    let weekly = Ran::of(place.command(&["run", "weekly", "-v"]).env("DOCKER_HOST", stack.engine())).code(0);
    weekly.says(&["sql-query.tasks-by-day", "7 rows of 3 columns", "| tasks | failed"]);
}

#[test]
fn several_broken_at_once_are_one_news_with_all_that_follows_below_it() {
    let stack = Stack::alone();
    stack.act("stop", "postgres");
    stack.act("stop", "nginx");
    stack.docker(&["kill", "--signal", "STOP", &stack.container("worker-old")]);
    let followers = [
        "postgres-ready.main",
        "postgres-activity.main",
        "sql-query.task-failures",
        "celery-workers.all",
        "celery-progress.all",
        "tls-certificate.sites",
        "http.api",
        "http.api-is-closed",
        "http.frontend",
    ];
    let said = stack.look();
    said.is(ALL, "critical", &["postgres", "nginx", "worker-old", "ended with code 0", "stopped by a signal"]);
    said.is("tls-certificate.sites", "critical", &["refused"]).follow(ALL, &followers);
    said.is("celery-queues.all", "ok", &[]).is("redis-ping.broker", "ok", &[]);
    said.either(&["prometheus-query.targets"]).rest_is_fine();
    // For people, those stand below.
    let place = Place::with(&stack.settings(str::to_owned));
    let ran = Ran::of(place.command(&["run", "daily", "--no-history"]).env("DOCKER_HOST", stack.engine())).code(2);
    let (_, below) = ran.out.split_once(ALL).unwrap();
    for name in followers {
        assert!(below.contains(&format!("└ {name}")), "{name}: {ran:#?}");
    }
    stack.heal();
    stack.until_fine();
}

#[test]
fn what_init_writes_for_a_running_product_sees_it() {
    let stack = Stack::shared();
    let place = Place::with("");
    let selx = |arguments: &[&str]| Ran::of(place.command(arguments).env("DOCKER_HOST", stack.engine()));
    selx(&["init", "found.toml"]).code(0).says(&["is written"]);
    selx(&["validate", "found.toml"]).code(0);
    let text = std::fs::read_to_string(place.path().join("found.toml")).unwrap();
    for service in ["postgres", "redis"] {
        let password = std::fs::read_to_string(stack.password_file(service)).unwrap();
        assert!(!text.contains(password.trim()), "{text}");
    }
    let said = Said::of(selx(&["run", "daily", "--config", "found.toml", "--no-history", "--format", "json"]));
    let project = stack.project();
    let service = |kind: &str, name: &str| format!("{kind}.{project}{name}");
    for (kind, name, words) in [
        ("compose-services", "", "8 of 8 services run"),
        ("postgres-ready", "-postgres", "accepts role postgres on database selextract"),
        ("postgres-activity", "-postgres", "connections used"),
        ("sql-query", "-postgres-failure-rate", "tasks failed"),
        ("redis-ping", "-redis", "master"),
        ("redis-stats", "-redis", "clients"),
        ("celery-workers", "-redis", "2 workers answer"),
        ("celery-queues", "-redis", "nothing waits"),
        ("celery-progress", "-redis", "nothing waits"),
        ("prometheus-query", "-prometheus-targets", "2 of 2 targets are up"),
    ] {
        said.is(&service(kind, name), "ok", &[words]);
    }
}
