//! A backup of the product is restored into a server of the drill's own, and nothing of the product is touched.

use std::path::Path;

use serde_json::{Value, json};

use crate::actions::backups::{archives, ask, back_up, content, desk, server};
use crate::actions::{Desk, came, names, report};
use crate::process::mode;
use crate::stack::Stack;

const DRILL: &str = "backup-drill.product";

/// Returns the command lines of processes that have a word in them.
fn processes(word: &str) -> Vec<String> {
    let lines = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(word)).collect()
}

/// Asserts that nothing of a drill is left.
#[track_caller]
fn assert_gone(desk: &Desk<'_>) {
    assert_eq!(names(&desk.path("drill")), [""; 0]);
    assert_eq!(processes(desk.path("drill").to_str().unwrap()), [""; 0]);
}

#[test]
fn q1_backup_drill() {
    let stack = Stack::alone();
    let (desk, _) = desk(&stack);
    desk.act(&[DRILL]).code(20).says(&["there is no `selextract-"]);
    let archive = back_up(&desk);
    let state = || {
        let about = "SELECT pg_postmaster_start_time(), string_agg(datname, ' ' ORDER BY oid) FROM pg_database";
        (content(&stack, "selextract"), ask(&stack, "postgres", about))
    };
    let before = state();
    let shown = desk.plan(DRILL).says(&["restore `selextract`", "3 assertions", "1 step, safe"]);
    assert_eq!(names(&desk.path("backups")).len(), 1, "a plan changes nothing");
    assert_gone(&desk);
    let report = desk.apply(DRILL, &shown);
    assert!(came(&report).contains("3 assertions held"), "{report:#}");
    assert_gone(&desk);
    assert_eq!(state(), before, "what runs is as it was");
    // The record says what is proven, and the rows are those that the product has.
    let record = format!("{}.proof.json", archive.display());
    let record: Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    let rows = ask(&stack, "selextract", "SELECT (SELECT count(*) FROM tasks) + (SELECT count(*) FROM users)");
    assert_eq!(record["level"], "started");
    assert_eq!(record["compared"]["selextract"], json!([2, rows.parse::<u64>().unwrap()]));
    assert_eq!(record["assertions"], json!(["recent-tasks", "tasks-have-users", "users"]));
    // A drill is of its time: the next one is another, and has to be confirmed anew.
    desk.act(&[DRILL, "--apply", &shown.hash]).code(13);
}

/// Makes programs that lack every update of the version of others; what these could not take, they refuse.
fn outdated(desk: &Desk<'_>, real: &Path, major: &str) {
    let folder = desk.path("old");
    std::fs::create_dir(&folder).unwrap();
    for name in ["pg_dump", "initdb", "postgres", "pg_ctl", "pg_restore", "pg_amcheck"] {
        let does = match name {
            "pg_restore" => "cat >/dev/null; echo 'unrecognized parameter' >&2; exit 1".to_owned(),
            _ => format!("exec '{}' \"$@\"", real.join(name).display()),
        };
        let version = format!("[ \"$1\" = --version ] && echo '{name} (PostgreSQL) {major}.0' && exit");
        desk.place.put(&format!("old/{name}"), &format!("#!/bin/sh\n{version}\n{does}\n"));
        mode(&folder.join(name), 0o755);
    }
    desk.set(&format!("programs = \"{}\"", real.display()), &format!("programs = \"{}\"", folder.display()));
}

#[test]
fn programs_that_lack_updates_of_the_server_are_named_before_and_after() {
    let stack = Stack::alone();
    let (desk, real) = desk(&stack);
    let version = server(&stack);
    let major = version.split('.').next().unwrap();
    outdated(&desk, &real, major);
    let shown = desk.plan("backup-create.product");
    let shown = shown.says(&[&format!("`pg_dump` {major}.0 is older than the server, {version}")]);
    // It is a backup all the same: the server that it is of takes it.
    desk.apply("backup-create.product", &shown);
    let shown = desk.plan(DRILL).says(&[&format!("whether PostgreSQL {major}.0 takes what the newer {version} had")]);
    let ran = desk.act(&[DRILL, "--apply", &shown.hash, "--format", "json"]).code(20);
    let said = report(DRILL, &ran)["why"].to_string();
    let why = format!("PostgreSQL {major}.0, which is older than the {version} of the dump: install its updates");
    assert!(said.contains("unrecognized parameter") && said.contains(&why), "{said}");
    assert_gone(&desk);
    assert_eq!(names(&desk.path("backups")), archives(&desk), "it proved nothing");
}
