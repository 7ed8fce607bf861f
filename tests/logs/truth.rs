//! Logs whose truth is known: every form of times, tracebacks, rotation and compression, counted to the last one.

use jiff::Timestamp;
use selx_core::Status;
use serde_json::json;

use crate::drive::{Logs, ago, events, fact, line, run, says};

/// How programs write a line, by the time and the text.
type Form = (&'static str, fn(Timestamp, &str) -> String);

const FORMS: &[Form] = &[
    ("python", |at, text| format!("{} [CRITICAL] api: {text}\n", at.strftime("%Y-%m-%d %H:%M:%S,250"))),
    ("iso", |at, text| format!("{} CRITICAL {text}\n", at.strftime("%Y-%m-%dT%H:%M:%SZ"))),
    ("offset", |at, text| format!("{} FATAL {text}\n", at.strftime("%Y-%m-%dT%H:%M:%S+00:00"))),
    ("celery", |at, text| format!("[{}: CRITICAL/MainProcess] {text}\n", at.strftime("%Y-%m-%d %H:%M:%S,000"))),
    ("postgres", |at, text| format!("{} UTC [71] FATAL:  {text}\n", at.strftime("%Y-%m-%d %H:%M:%S.000"))),
    ("nginx", |at, text| format!("{} [crit] 7#7: *1 {text}\n", at.strftime("%Y/%m/%d %H:%M:%S"))),
    ("apache", |at, text| format!("[{}] [core:emerg] [pid 5] {text}\n", at.strftime("%a %b %d %H:%M:%S.000000 %Y"))),
    ("syslog", |at, text| format!("{} host app[9]: CRITICAL: {text}\n", at.strftime("%b %e %H:%M:%S"))),
    ("json", |at, text| format!("{{\"ts\":{}.5,\"level\":\"fatal\",\"msg\":\"{text}\"}}\n", at.as_second())),
    ("pino", |at, text| format!("{{\"level\":60,\"time\":{},\"msg\":\"{text}\"}}\n", at.as_millisecond())),
    ("logfmt", |at, text| format!("time=\"{}\" level=panic msg=\"{text}\"\n", at.strftime("%Y-%m-%dT%H:%M:%SZ"))),
    ("epoch", |at, text| format!("{} CRITICAL {text}\n", at.as_second())),
];

/// Lines that only look like it.
const DECOYS: &[&str] = &[
    "INFO api: a non-FATAL problem was mended",
    "INFO web: GET /search?level=FATAL answered",
    "WARNING api: will be CRITICALLY low soon",
];

#[tokio::test]
async fn every_form_is_counted_to_the_last_event_of_the_window() {
    for (name, form) in FORMS {
        let logs = Logs::new();
        // Three days, an event every ten minutes, with a traceback under each third one; decoys between.
        let (mut text, mut inside, mut begin) = (String::new(), 0_u64, None);
        for step in 0..432_i64 {
            let at = ago(3 * 86_400 - step * 600 - 300);
            text.push_str(&form(at, "it broke"));
            if step % 3 == 0 {
                text.push_str(
                    "Traceback (most recent call last):\n  File \"x.py\", line 3, in CRITICAL\nFATAL: again\n",
                );
            }
            text.push_str(&line(at, DECOYS[usize::try_from(step).expect("a number") % DECOYS.len()]));
            if at >= ago(86_400) {
                inside += 1;
                begin.get_or_insert(at);
            }
        }
        logs.write("app.log", &text);
        let entry = logs.look(json!({})).await;
        assert_eq!((inside, events(&entry, "critical")), (144, 144), "{name}");
        assert_eq!(fact(&entry, "critical")["undated"], 0, "{name}");
        let newest = &fact(&entry, "critical")["samples"][2];
        assert_eq!(newest["at"].as_str().and_then(|at| at.get(..19)), Some("2026-11-20T11:55:00"), "{name}");
        says(&entry, Status::Warning, &["144 critical"]);
    }
}

#[tokio::test]
async fn rotated_and_compressed_parts_are_counted_with_the_log() {
    let logs = Logs::new();
    let hours = |from: i64, to: i64| -> String {
        (to..from).rev().map(|hour| line(ago(hour * 3600 + 60), "[CRITICAL] x")).collect()
    };
    logs.write("app.log", hours(4, 0));
    logs.write("app.log.1", hours(10, 4));
    logs.write("app.log.2", hours(20, 10));
    logs.write("app.log.3", hours(30, 20));
    logs.write("app.log.4", hours(60, 30));
    run("gzip", &["app.log.2"], logs.folder.path());
    run("zstd", &["--rm", "-q", "app.log.3"], logs.folder.path());
    run("xz", &["app.log.4"], logs.folder.path());
    logs.written("app.log.4.xz", ago(30 * 3600));
    let entry = logs.look(json!({})).await;
    assert_eq!(events(&entry, "critical"), 24);
    says(
        &entry,
        Status::Warning,
        &["app.log.3.zst", "4 read in 4 of 5 files".trim_start_matches("4 "), "app.log: 24 of critical"],
    );
    // A day that was missed is still that day.
    let entry = logs.look(json!({ "window": "yesterday" })).await;
    assert_eq!(events(&entry, "critical"), 24);
    let entry = logs.look(json!({ "window": "today" })).await;
    assert_eq!(events(&entry, "critical"), 12);
    let entry = logs.look(json!({ "rotated": false })).await;
    assert_eq!(events(&entry, "critical"), 4);
}

#[tokio::test]
async fn zones_are_those_that_lines_or_settings_name() {
    let logs = Logs::new();
    // Half an hour ago in Berlin, and in UTC ninety minutes ago.
    logs.write("app.log", "2026-11-20 12:30:00 CRITICAL x\n2026-11-20 10:30:00Z CRITICAL y\n");
    let entry = logs.look(json!({ "zone": "Europe/Berlin", "window": "1h" })).await;
    assert_eq!(events(&entry, "critical"), 1);
    // Taken as UTC it lies in the future, and is told.
    let entry = logs.look(json!({ "window": "1h" })).await;
    assert_eq!(events(&entry, "critical"), 0);
    says(&entry, Status::Warning, &["in-future", "dated after now"]);
}

#[tokio::test]
async fn own_patterns_have_case_exclusions_levels_and_limits() {
    let logs = Logs::new();
    let lines = [
        "INFO Timed Out",
        "INFO timed out, retrying",
        "WARNING timed out",
        "ERROR task 9f timed out",
        "INFO gave up after 3",
    ];
    logs.write("app.log", lines.map(|text| line(ago(60), text)).concat());
    let with = json!({ "patterns": {
        "any": { "text": ["timed out"], "ignore-case": true },
        "final": { "text": ["timed out"], "not-text": ["retrying"] },
        "grave": { "text": ["timed out"], "level": "warning" },
        "either": { "text": ["gave up"], "regex": ["task [0-9a-f]+ timed"] },
        "level": { "level": "error" },
    }});
    let entry = logs.look(with).await;
    let counts = ["any", "final", "grave", "either", "level"].map(|name| events(&entry, name));
    assert_eq!(counts, [4, 2, 2, 2, 1]);
}

#[tokio::test]
async fn who_fails_to_log_in_is_told_with_the_last_lines() {
    let logs = Logs::new();
    let mut text = String::new();
    for number in 0..50 {
        let at = ago(3000 - number * 60).strftime("%b %e %H:%M:%S").to_string();
        let from = if number % 5 == 0 { "198.51.100.2" } else { "192.0.2.7" };
        text.push_str(&format!("{at} host sshd[1]: Failed password for root from {from} port 5 ssh2\n"));
        text.push_str(&format!("{at} host sshd[1]: Accepted publickey for git from 203.0.113.9 port 5 ssh2\n"));
    }
    logs.write("auth.log", text);
    let entry = logs.look(json!({ "presets": ["authentication"], "samples": 20 })).await;
    let seen = fact(&entry, "authentication");
    assert_eq!(seen["events"], 50);
    assert_eq!(seen["addresses"], json!([["192.0.2.7", 40], ["198.51.100.2", 10]]));
    assert_eq!(seen["users"], json!([["root", 50]]));
    let samples = seen["samples"].as_array().expect("samples");
    assert_eq!(samples.len(), 20);
    let times: Vec<&str> = samples.iter().filter_map(|sample| sample["at"].as_str()).collect();
    assert!(times.is_sorted() && times.last().is_some_and(|last| last.starts_with("2026-11-20T11:59:00")), "{times:?}");
    says(&entry, Status::Ok, &["50 authentication (most from 192.0.2.7: 40)"]);
}

#[tokio::test]
async fn the_last_lines_are_the_newest_of_all_files() {
    let logs = Logs::new();
    // By name the last file is the oldest.
    for (name, minutes) in [("a.log", 5), ("b.log", 500), ("z.log", 1000)] {
        let text: String = (0..30).map(|number| line(ago((minutes + 30 - number) * 60), "CRITICAL x")).collect();
        logs.write(name, text);
    }
    let entry = logs.look(json!({ "samples": 20 })).await;
    let files: Vec<String> = fact(&entry, "critical")["samples"]
        .as_array()
        .expect("samples")
        .iter()
        .filter_map(|sample| sample["file"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(files.len(), 20);
    assert!(files.iter().all(|file| file.ends_with("/a.log")), "{files:?}");
}

#[tokio::test]
async fn shapes_that_are_new_grew_or_went_are_told() {
    let logs = Logs::new();
    let many = |count: i64, text: &str| -> String {
        (0..count).map(|number| line(ago(60), &format!("ERROR {}", text.replace('#', &number.to_string())))).collect()
    };
    logs.write("app.log", many(5, "cannot reach 10.0.0.#") + &many(20, "retry # of job") + &many(9, "steady #"));
    let entry = logs.look(json!({})).await;
    assert!(
        !entry.judgement.findings.iter().any(|finding| finding.code.ends_with("-shape")),
        "a first look compares nothing"
    );
    logs.write(
        "app.log",
        many(40, "cannot reach 10.0.0.#") + &many(2, "disk /dev/sda# is full") + &many(9, "steady #"),
    );
    let entry = logs.look(json!({})).await;
    let told: Vec<(&str, &str)> = entry
        .judgement
        .findings
        .iter()
        .filter(|finding| finding.code.ends_with("-shape"))
        .map(|finding| (&*finding.code, finding.message.as_str()))
        .collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].0 == "new-shape" && told[0].1.contains("is full"), "{told:?}");
    assert!(
        told[1].0 == "grown-shape" && told[1].1.contains("40 like this, before 5: ERROR cannot reach *"),
        "{told:?}"
    );
    assert!(told[2].0 == "gone-shape" && told[2].1.contains("retry"), "{told:?}");
}
