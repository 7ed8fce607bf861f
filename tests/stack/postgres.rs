//! PostgreSQL: gone, frozen, full, locked; and numbers of the application that are bad.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

use crate::process::mode;
use crate::said::{swap, swap_in};
use crate::stack::Stack;

const ALL: &str = "compose-services.product";
const READY: &str = "postgres-ready.main";
const ACTIVITY: &str = "postgres-activity.main";
const FAILURES: &str = "sql-query.task-failures";
const TARGET: &str = "service = \"postgres\" }";

#[test]
fn settings_that_do_not_fit_the_server_are_told_by_what_it_answers() {
    let stack = Stack::shared();
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("password");
    std::fs::write(&wrong, "an old one\n").unwrap();
    mode(&wrong, 0o600);
    let said = stack.look_with(|checks| {
        let password = format!("{TARGET}, password = \"file:{}\"", wrong.display());
        let checks = swap_in(checks, READY, TARGET, &password);
        let checks = swap_in(&checks, ACTIVITY, TARGET, &format!("{TARGET}, database = \"shop\""));
        swap(&checks, "preset = \"tasks-failure-rate\"", "preset = \"tasks-failure-rate\", table = \"jobs\"")
    });
    said.is(READY, "critical", &["wrong-password", "password authentication failed", "28P01"]);
    said.is(ACTIVITY, "critical", &["database \\\"shop\\\" does not exist", "3D000"]);
    said.is(FAILURES, "critical", &["relation \\\"public.jobs\\\" does not exist", "42P01", "set `table-schema`"]);
    said.follow(READY, &[ACTIVITY, FAILURES]).rest_is_fine();
    let said = stack.look_with(|checks| {
        let slow = "query = \"SELECT 1 FROM pg_sleep(5)\", statement-timeout = \"200ms\"";
        let checks = swap(checks, "preset = \"tasks-failure-rate\"", slow);
        swap_in(&checks, READY, TARGET, &format!("{TARGET}, role = \"standby\""))
    });
    said.is(FAILURES, "critical", &["out-of-time", "statement timeout", "57014"]);
    said.is(READY, "critical", &["is a primary, and a standby is expected"]).follow(READY, &[FAILURES]).rest_is_fine();
    let said = stack.look_with(|checks| {
        swap(checks, "preset = \"tasks-failure-rate\"", "query = \"DELETE FROM public.tasks RETURNING id\"")
    });
    said.is(FAILURES, "critical", &["read-only transaction", "25006"]).rest_is_fine();
}

#[test]
fn tasks_that_fail_or_do_not_come_are_told() {
    let stack = Stack::shared();
    stack.sql(
        "DROP TABLE IF EXISTS failing, none; CREATE TABLE none (LIKE tasks); CREATE TABLE failing AS \
         SELECT now() AS created_at, CASE WHEN n <= 60 THEN 'FAILED' ELSE 'COMPLETED' END AS status \
         FROM generate_series(1, 1000) n",
    );
    let table = |name: &str| {
        let preset = "preset = \"tasks-failure-rate\"";
        stack.look_with(|checks| swap(checks, preset, &format!("{preset}, table = \"{name}\"")))
    };
    table("failing").is(FAILURES, "critical", &["60 of 1000 tasks failed (6%)", "critical limit of 5%"]).rest_is_fine();
    stack.sql("UPDATE failing SET status = 'COMPLETED' WHERE ctid IN (SELECT ctid FROM failing WHERE status = 'FAILED' LIMIT 40)");
    table("failing").is(FAILURES, "warning", &["20 of 1000 tasks failed (2%)", "warning limit of 1%"]).rest_is_fine();
    table("none").is(FAILURES, "warning", &["not one task in the last 24 hours", "no-tasks"]).rest_is_fine();
    stack.sql("DROP TABLE failing, none");
}

/// Opens a session that runs statements, and stays until it is dropped.
struct Session(Child);

impl Session {
    fn of(stack: &Stack, statements: &str) -> Self {
        let container = stack.container("postgres");
        let mut psql =
            stack.docker_command(&["exec", "-i", &container, "psql", "-qAtX", "-U", "postgres", "selextract"]);
        let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "{statements}").unwrap();
        Self(child)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn a_chain_of_locks_names_who_is_at_its_end() {
    let stack = Stack::alone();
    stack.sql("DROP TABLE IF EXISTS one, two; CREATE TABLE one (); CREATE TABLE two ()");
    let waits = |count: &str| stack.sql("SELECT count(*) FROM pg_locks WHERE NOT granted").trim() == count;
    let holder = Session::of(&stack, "SET application_name = 'report'; BEGIN; LOCK TABLE one;");
    stack.wait("the first lock", || {
        stack.sql("SELECT count(*) FROM pg_locks WHERE relation = 'one'::regclass").trim() == "1"
    });
    let second = Session::of(&stack, "BEGIN; LOCK TABLE two; LOCK TABLE one;");
    stack.wait("a session that waits", || waits("1"));
    let third = Session::of(&stack, "BEGIN; LOCK TABLE two;");
    stack.wait("two sessions that wait", || waits("2"));
    let limits = |checks: &str| {
        swap_in(
            checks,
            ACTIVITY,
            "limits = { connections",
            "limits = { longest-wait = { critical = \"10ms\" }, idle-in-transaction = { warning = \"10ms\" }, connections",
        )
    };
    let said = stack.look_with(limits);
    said.is(ACTIVITY, "critical", &["limit-longest-wait", "limit-idle-in-transaction", "blocks-others"]);
    said.is(ACTIVITY, "critical", &["2 sessions wait for a lock", "application report", "pg_terminate_backend("]);
    said.rest_is_fine();
    // By the limits of every day it is too early to speak of it.
    stack.look().rest_is_fine();
    drop(holder);
    drop(second);
    drop(third);
    stack.sql("DROP TABLE one, two");
    stack.until_fine();
}

#[test]
fn without_a_connection_left_it_is_critical_for_the_database_and_the_api() {
    let stack = Stack::alone();
    let lines = "import select, sys\nfrom settings import database\nheld, told = [], False\nwhile True:\n    try:\n        \
                 held.append(database())\n        continue\n    except Exception:\n        told = told or not \
                 print('full', flush=True)\n    if select.select([sys.stdin], [], [], 0.05)[0]:\n        break";
    let container = stack.container("api");
    let mut holder = stack.docker_command(&["exec", "-i", &container, "python3", "-c", lines]);
    let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "full\n");
    let said = stack.look();
    drop(holder.stdin.take());
    let _ = holder.kill();
    let _ = holder.wait();
    said.is(READY, "critical", &["too-many-clients", "53300"]).follow(READY, &[ACTIVITY, FAILURES]);
    said.is("http.api", "critical", &["503"]).follow(READY, &["http.api"]);
    said.either(&["prometheus-query.targets", ALL]).rest_is_fine();
    stack.until_fine();
}

#[test]
fn a_schema_that_lost_its_table_makes_the_api_unhealthy() {
    let stack = Stack::alone();
    stack.sql("ALTER TABLE tasks RENAME TO tasks_old");
    let said = stack.look();
    let late = stack.until(|said| said.has(ALL, "is unhealthy"));
    stack.sql("ALTER TABLE tasks_old RENAME TO tasks");
    said.is(FAILURES, "critical", &["relation \\\"public.tasks\\\" does not exist"]).is(READY, "ok", &[]);
    said.is("http.api", "critical", &["503"]).either(&["prometheus-query.targets", ALL]).rest_is_fine();
    late.is(ALL, "critical", &["api", "its health check fails"]).follow(ALL, &["http.api", "prometheus-query.targets"]);
    late.is(FAILURES, "critical", &[]).rest_is_fine();
    stack.until_fine();
}

#[test]
fn a_frozen_server_hangs_and_a_killed_one_is_exited() {
    let stack = Stack::alone();
    stack.docker(&["kill", "--signal", "STOP", &stack.container("postgres")]);
    let said = stack.look_with(|checks| {
        let checks = checks.replace("timeout = \"8s\"", "timeout = \"3s\"");
        swap_in(&checks, "http.api", "timeout = \"3s\"", "timeout = \"9s\"")
    });
    said.is(ALL, "critical", &["postgres", "first process is stopped by a signal"]);
    said.is(READY, "critical", &["no-answer"]).follow(ALL, &[READY, ACTIVITY, FAILURES, "http.api"]);
    said.either(&["prometheus-query.targets"]).rest_is_fine();
    stack.act("kill", "postgres");
    let said = stack.look();
    said.is(ALL, "critical", &["postgres", "137 (killed)"]).is(READY, "critical", &["is exited (code 137)"]);
    said.follow(ALL, &[READY, ACTIVITY, FAILURES, "http.api"]).either(&["prometheus-query.targets"]).rest_is_fine();
    stack.heal();
    stack.until_fine();
}
