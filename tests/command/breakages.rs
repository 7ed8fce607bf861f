//! The ways in which a program breaks, and what is said about each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use selx_core::Status;
use serde_json::json;

use crate::{check, codes, entry_of, instance, script};

/// What a script prints and how it ends; its format; the status, the codes and words of what is said.
type Case = (&'static str, &'static str, Status, &'static [&'static str], &'static str);

const CASES: &[Case] = &[
    ("echo 'OK - fine'", "nagios", Status::Ok, &[], "OK - fine"),
    ("echo 'LOAD WARNING - 5.1'; exit 1", "nagios", Status::Warning, &["plugin-warning"], "LOAD WARNING - 5.1"),
    (
        "echo 'LOAD CRITICAL - 9.1|load=9.1'; exit 2",
        "nagios",
        Status::Critical,
        &["plugin-critical"],
        "LOAD CRITICAL - 9.1",
    ),
    ("echo 'UNKNOWN - no such option'; exit 3", "nagios", Status::Unknown, &["plugin-unknown"], "no such option"),
    ("true", "nagios", Status::Unknown, &["said-nothing"], "exit code 0 and printed no line"),
    ("echo '   '", "nagios", Status::Unknown, &["said-nothing"], "printed no line"),
    (
        "echo 'Traceback' >&2; echo 'KeyError: x' >&2; exit 1",
        "nagios",
        Status::Unknown,
        &["said-nothing"],
        "KeyError: x",
    ),
    ("echo 'usage: check' >&2; exit 2", "nagios", Status::Critical, &["plugin-critical"], "exit code 2: usage: check"),
    ("echo 'OK'; exit 4", "nagios", Status::Unknown, &["exit-unexpected"], "exit code 4"),
    ("echo OK; no-such-program-here", "nagios", Status::Unknown, &["exit-unexpected"], "exit code 127"),
    ("echo OK; /etc/passwd", "nagios", Status::Unknown, &["exit-unexpected"], "exit code 126"),
    ("echo OK; kill -SEGV $$", "nagios", Status::Unknown, &["ended-by-signal"], "signal 11 (SEGV)"),
    ("echo OK; kill -KILL $$", "nagios", Status::Unknown, &["ended-by-signal"], "signal 9 (KILL)"),
    ("echo 'OK | last=0,12 x'", "nagios", Status::Unknown, &["perfdata-unreadable"], "`last=0,12` and 1 more"),
    ("echo 'OK - gr\\303\\274n \\377\\376 | t=1s'", "nagios", Status::Ok, &[], "OK - grün"),
    (
        "echo OK; head -c 200000 /dev/zero | tr '\\0' x",
        "nagios",
        Status::Unknown,
        &["output-cut"],
        "not all of it was kept",
    ),
    (
        "printf 'OK |'; for i in $(seq 600); do printf \" n$i=$i\"; done; echo",
        "nagios",
        Status::Unknown,
        &["output-cut"],
        "100 more measures",
    ),
    ("exit 0", "exit-code", Status::Ok, &[], "exit code 0"),
    (
        "echo 'disk on fire' >&2; exit 7",
        "exit-code",
        Status::Critical,
        &["command-failed"],
        "exit code 7: disk on fire",
    ),
    ("no-such-program-here", "exit-code", Status::Unknown, &["exit-unexpected"], "127"),
    ("kill -9 $$", "exit-code", Status::Unknown, &["ended-by-signal"], "signal 9"),
    ("echo hello", "json", Status::Unknown, &["output-unreadable"], "no JSON of the right shape"),
    ("true", "json", Status::Unknown, &["output-unreadable"], "no JSON"),
    (
        "echo '{\"summary\":\"x\",\"findings\":[{\"severity\":\"bad\",\"message\":\"m\"}]}'",
        "json",
        Status::Unknown,
        &["output-unreadable"],
        "`bad`",
    ),
    ("echo '{\"summary\":\"x\",\"status\":\"ok\"}'", "json", Status::Unknown, &["output-unreadable"], "`status`"),
    ("echo '{\"summary\":\"x\"} trailing'", "json", Status::Unknown, &["output-unreadable"], "trailing"),
    (
        "echo '{\"summary\":\"x\",\"measures\":[{\"name\":\"a\",\"value\":1,\"unit\":\"count\"},{\"name\":\"a\",\"value\":2,\"unit\":\"count\"}]}'",
        "json",
        Status::Unknown,
        &["output-unreadable"],
        "two measures",
    ),
    ("echo '{\"summary\":\"all well\"}'; exit 2", "json", Status::Unknown, &["exit-unexpected"], "do not explain"),
    ("echo '{\"summary\":\"all well\"}'; exit 9", "json", Status::Unknown, &["exit-unexpected"], "exit code 9"),
    ("head -c 200000 /dev/zero", "json", Status::Unknown, &["output-cut"], "more than is kept"),
];

#[tokio::test]
async fn every_way_to_break_is_told_apart() {
    for (text, format, status, expected, words) in CASES {
        let entry = check(&script(text, format)).await;
        assert_eq!(entry.status(), *status, "{text}: {}", entry.headline());
        assert_eq!(codes(&entry), *expected, "{text}: {}", entry.headline());
        assert!(entry.headline().contains(words), "{text}: {}", entry.headline());
    }
}

#[tokio::test]
async fn a_program_that_hangs_is_unknown_within_its_time() {
    for text in ["echo OK; exec sleep 60", "trap '' TERM; echo OK; while :; do sleep 1; done"] {
        let begun = Instant::now();
        let entry = entry_of(instance(&script(text, "nagios")), Duration::from_secs(1), Arc::default()).await;
        assert_eq!(entry.status(), Status::Unknown, "{}", entry.headline());
        assert_eq!(codes(&entry), ["did-not-end"]);
        assert!(entry.headline().contains("did not end within 1s"), "{}", entry.headline());
        assert!(begun.elapsed() < Duration::from_millis(1_800), "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn what_it_says_when_it_is_asked_to_end_is_kept() {
    let text = "trap 'echo waiting for the lock; exit 0' TERM; sleep 60 & wait";
    let entry = entry_of(instance(&script(text, "nagios")), Duration::from_secs(2), Arc::default()).await;
    assert_eq!(codes(&entry), ["did-not-end"]);
    let said = entry.judgement.evidence.iter().any(|pair| pair.value.contains("waiting for the lock"));
    assert!(said, "{:?}", entry.judgement.evidence);
}

#[tokio::test]
async fn a_flood_costs_neither_time_nor_memory() {
    for text in ["yes", "yes >&2", "trap '' TERM; cat /dev/zero"] {
        let begun = Instant::now();
        let entry = check(&script(text, "nagios")).await;
        assert_eq!(codes(&entry), ["flooded"], "{text}");
        assert_eq!(entry.status(), Status::Unknown);
        assert!(begun.elapsed() < Duration::from_secs(5), "{text}: {:?}", begun.elapsed());
        let kept = serde_json::to_string(entry.facts.as_ref().unwrap()).unwrap().len();
        assert!(kept < 2_000_000, "{text}: {kept} bytes of facts");
    }
}

#[tokio::test]
async fn programs_that_cannot_be_started_are_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    crate::install(&path("no-interpreter"), "#!/nonexistent/interpreter\n", "0755").await;
    crate::install(&path("garbage"), "\u{1}\u{2}\u{3}", "0755").await;
    crate::install(&path("plain"), "#!/bin/sh\n", "0644").await;
    for (program, words) in [
        (path("absent"), "does not exist"),
        (path("no-interpreter"), "needs an interpreter"),
        (path("plain"), "is not executable"),
        (folder.path().to_owned(), "not a regular file"),
        ("/".into(), "not a regular file"),
        ("/dev/null".into(), "not a regular file"),
    ] {
        let entry = check(&json!({ "program": program })).await;
        assert_eq!(entry.status(), Status::Unknown, "{}", entry.headline());
        assert!(entry.headline().contains(words), "{}: {}", program.display(), entry.headline());
    }
    let entry = check(&json!({ "program": path("garbage") })).await;
    assert_eq!(entry.status(), Status::Unknown, "{}", entry.headline());
    let entry = check(&json!({ "program": "/bin/true", "working-directory": "/nonexistent/here" })).await;
    assert_eq!(entry.status(), Status::Unknown);
    assert!(entry.headline().contains("working directory"), "{}", entry.headline());
}
