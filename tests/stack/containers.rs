//! Containers that are not as the Compose file says, and what asks them through the engine.

use crate::said::swap;
use crate::stack::Stack;

const ALL: &str = "compose-services.product";

#[test]
fn what_is_stopped_killed_and_paused_is_told_by_its_container_and_by_who_asks_it() {
    let stack = Stack::alone();
    stack.act("stop", "frontend");
    stack.act("kill", "redis");
    stack.act("pause", "prometheus");
    let said = stack.look();
    said.is(ALL, "critical", &["frontend", "ended with code 0", "redis", "137 (killed)", "prometheus", "is paused"]);
    said.is(ALL, "critical", &["5 of 8 services run"]);
    said.follow(ALL, &["http.frontend", "redis-ping.broker", "redis-stats.broker", "celery-workers.all"]);
    said.follow(ALL, &["celery-queues.all", "celery-progress.all", "prometheus-query.targets", "http.api"]);
    said.is("http.frontend", "critical", &["unexpected-status", "expected 200-299"]);
    said.is("redis-ping.broker", "critical", &["is exited (code 137)"]);
    said.is("prometheus-query.targets", "critical", &["is paused"]);
    said.is("http.api", "critical", &["unexpected-status"]);
    said.rest_is_fine();
    stack.heal();
    stack.renew_workers();
    stack.until_fine();
}

#[test]
fn a_process_that_a_signal_stopped_is_not_up() {
    let stack = Stack::alone();
    stack.docker(&["kill", "--signal", "STOP", &stack.container("api")]);
    let said = stack.look();
    said.is(ALL, "critical", &["api", "first process is stopped by a signal"]);
    said.follow(ALL, &["http.api", "http.api-is-closed"]).is("http.api", "critical", &["504"]);
    // It may have been scraped just before.
    said.either(&["prometheus-query.targets"]).rest_is_fine();
    stack.docker(&["kill", "--signal", "CONT", &stack.container("api")]);
    stack.until_fine();
}

#[test]
fn a_one_shot_that_failed_is_critical_and_one_that_ended_well_is_not() {
    let stack = Stack::alone();
    stack.act("stop", "postgres");
    stack.act("start", "migrate");
    let code =
        || stack.docker(&["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", &stack.container("migrate")]);
    stack.wait("the end of migrate", || code().starts_with("exited"));
    let said = stack.look();
    said.is(ALL, "critical", &["migrate", "is to end with 0 and ended with code 2"]);
    said.follow(ALL, &["postgres-ready.main", "postgres-activity.main", "sql-query.task-failures", "http.api"]);
    said.is("postgres-ready.main", "critical", &["is exited (code 0)"]);
    said.either(&["prometheus-query.targets"]).rest_is_fine();
    stack.heal();
    stack.until_fine();
}

#[test]
fn a_service_without_a_container_is_missing() {
    let stack = Stack::alone();
    stack.docker(&["rm", "--force", &stack.container("frontend")]);
    let said = stack.look();
    said.is(ALL, "critical", &["frontend", "has no container"]).follow(ALL, &["http.frontend"]).rest_is_fine();
    stack.heal();
    stack.until_fine();
}

#[test]
fn a_service_that_ends_again_and_again_is_restarting_and_one_killed_for_memory_says_so() {
    let stack = Stack::alone();
    let becomes = |program: &str| {
        let line = format!("cat >/app/frontend.py <<'end'\n{program}\nend");
        stack.inside("frontend", &["sh", "-c", &line]);
        stack.docker(&["restart", "--time", "0", &stack.container("frontend")]);
    };
    becomes("print('the port is taken')\nraise SystemExit(3)");
    let said = stack.until(|said| said.has(ALL, "is restarting: it ended with code 3"));
    said.is(ALL, "critical", &["frontend", "the port is taken"]).follow(ALL, &["http.frontend"]).rest_is_fine();
    // A new one, which has more than it may have.
    stack.docker(&["rm", "--force", &stack.container("frontend")]);
    stack.heal();
    stack.docker(&["update", "--memory", "48m", "--memory-swap", "48m", &stack.container("frontend")]);
    becomes("x = b'x' * (200 << 20)");
    let said = stack.until(|said| said.has(ALL, "ended with code 137 (killed for memory)"));
    said.is(ALL, "critical", &["frontend"]).follow(ALL, &["http.frontend"]).rest_is_fine();
    stack.docker(&["rm", "--force", &stack.container("frontend")]);
    stack.heal();
    stack.until_fine();
}

#[test]
fn another_name_of_the_project_is_found_out() {
    let stack = Stack::shared();
    let said = stack.look_with(|checks| swap(checks, stack.project(), "renamed"));
    let words = format!("run as project `{}`", stack.project());
    said.is(ALL, "unknown", &["project renamed", &words]);
    said.is("postgres-ready.main", "critical", &["project `renamed` is not there", &words]);
    said.is("redis-ping.broker", "critical", &["project `renamed` is not there", &words]);
    said.follow(ALL, &["postgres-ready.main", "postgres-activity.main", "sql-query.task-failures"]);
    said.follow(ALL, &["redis-ping.broker", "redis-stats.broker", "celery-workers.all", "celery-queues.all"]);
    said.follow(ALL, &["celery-progress.all", "prometheus-query.targets"]).rest_is_fine();
}

#[test]
fn an_image_that_the_file_no_longer_names_is_drift() {
    let stack = Stack::shared();
    let folder = tempfile::tempdir().unwrap();
    let here = format!("{}/environment", stack.password_file("x").parent().unwrap().display());
    let there = folder.path().join("environment");
    let variables = std::fs::read_to_string(&here).unwrap();
    let image = variables.lines().find_map(|line| line.strip_prefix("STACK_IMAGE=")).unwrap().to_owned();
    let next = "selextract-cloud:of-tomorrow";
    std::fs::write(&there, swap(&variables, &image, next)).unwrap();
    let said = stack.look_with(|checks| swap(checks, &here, &there.display().to_string()));
    let (runs, names) = (format!("its image is `{image}`"), format!("the file says `{next}`"));
    said.is(ALL, "warning", &["api", "nginx", &runs, &names]).rest_is_fine();
}

#[test]
fn a_tag_that_names_a_newer_image_is_told() {
    let stack = Stack::alone();
    let frontend = stack.container("frontend");
    let tag = stack.docker(&["inspect", "--format", "{{.Config.Image}}", &frontend]).trim().to_owned();
    let old = stack.docker(&["inspect", "--format", "{{.Image}}", &frontend]).trim().to_owned();
    let new = stack.docker(&["commit", "--change", "LABEL newer=yes", &frontend]).trim().to_owned();
    stack.docker(&["tag", &new, &tag]);
    let said = stack.look();
    stack.docker(&["tag", &old, &tag]);
    stack.docker(&["rmi", &new]);
    said.is(ALL, "warning", &["frontend", &format!("runs an older image than `{tag}` names by now"), &new]);
    said.rest_is_fine();
    stack.until_fine();
}

#[test]
fn what_containers_write_is_counted_by_service() {
    let stack = Stack::shared();
    // What the first process of the container writes goes through this pipe to the engine.
    let pid = stack.docker(&["inspect", "--format", "{{.State.Pid}}", &stack.container("api")]);
    let now = jiff::Timestamp::now();
    // The stack may have been looked at before.
    let words = format!("planted {} <&>", now.as_nanosecond());
    let at = now.strftime("%Y-%m-%dT%H:%M:%SZ");
    let lines = format!("{at} [ERROR] {words}\n  {words} again\n");
    let pipe = std::fs::OpenOptions::new().write(true).open(format!("/proc/{}/fd/1", pid.trim()));
    std::io::Write::write_all(&mut pipe.unwrap(), lines.as_bytes()).unwrap();
    let look = |services: &str| {
        let checks = format!(
            "[check.logs-patterns.product.with]\ncontainers = {{ compose = \"{}\", project = \"{}\", services = [{services}] }}\n\
             patterns = {{ planted = {{ text = [\"{words}\"], level = \"error\" }}, again = {{ text = [\"{words} again\"] }} }}\n",
            stack.compose_file().display(),
            stack.project()
        );
        stack.selx_with(&checks, &["run", "daily", "--no-history", "-vv"])
    };
    look("\"api\"").code(0).says(&["1 again, 1 planted", "api: 1 of planted", &words]);
    look("\"worker\", \"redis\"").code(0).says(&["0 again, 0 planted"]);
    look("\"api\", \"nosuch\"").code(2).says(&["`nosuch`", "has no container"]);
}
