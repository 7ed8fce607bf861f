//! The journal of systemd, made by its own tools, and logs of containers as their engine writes them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use selx_core::Status;
use serde_json::json;

use crate::drive::{Logs, ago, events, fact, says};

/// Where systemd's tool to write journals is.
const REMOTE: &str = "/lib/systemd/systemd-journal-remote";

/// Makes a journal of records: time, priority, who, and what.
fn journal(logs: &Logs, records: &[(i64, u8, &str, &str)]) {
    let mut export = Vec::new();
    for (number, (seconds, priority, who, what)) in records.iter().enumerate() {
        let micros = ago(*seconds).as_microsecond();
        let head = format!(
            "__REALTIME_TIMESTAMP={micros}\n__MONOTONIC_TIMESTAMP={number}\n_BOOT_ID=0123456789abcdef0123456789abcdef\n"
        );
        export.extend_from_slice(head.as_bytes());
        export.extend_from_slice(
            format!("PRIORITY={priority}\nSYSLOG_IDENTIFIER={who}\n_PID=7\n_SYSTEMD_UNIT={who}.service\n").as_bytes(),
        );
        // A text of several lines is written with its length.
        export.extend_from_slice(b"MESSAGE\n");
        export.extend_from_slice(&(what.len() as u64).to_le_bytes());
        export.extend_from_slice(what.as_bytes());
        export.extend_from_slice(b"\n\n");
    }
    #[expect(clippy::disallowed_methods, reason = "a test uses the programs that operators use")]
    let child = Command::new(REMOTE)
        .arg("-o")
        .arg(logs.path("test.journal"))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.expect("the package systemd-journal-remote is installed");
    child.stdin.take().expect("a pipe").write_all(&export).expect("it reads");
    assert!(child.wait().expect("it ends").success());
}

#[tokio::test]
async fn the_journal_is_counted_by_its_priorities_and_units() {
    let logs = Logs::new();
    journal(
        &logs,
        &[
            (90_000, 2, "api", "too long ago"),
            (3_000, 2, "api", "down\n  because of this\nCRITICAL: the same"),
            (2_000, 3, "worker", "an error"),
            (1_000, 6, "api", "CRITICAL is only a word here"),
            (500, 6, "sshd", "Failed password for root from 192.0.2.7 port 5 ssh2"),
        ],
    );
    let with = |units: serde_json::Value| json!({ "journal": { "folder": logs.folder.path(), "units": units }, "presets": ["errors", "authentication"] });
    let entry = logs.look(with(json!([]))).await;
    let counts = ["critical", "error", "authentication"].map(|name| events(&entry, name));
    assert_eq!(counts, [1, 1, 1]);
    assert_eq!(fact(&entry, "authentication")["addresses"], json!([["192.0.2.7", 1]]));
    says(&entry, Status::Warning, &["journal: 1 of critical"]);
    let entry = logs.look(with(json!(["worker.service"]))).await;
    assert_eq!(["critical", "error"].map(|name| events(&entry, name)), [0, 1]);
    // From look to look every record counts once.
    let mut since = with(json!([]));
    since["window"] = json!("since-last");
    logs.look(since.clone()).await;
    logs.later(60);
    assert_eq!(events(&logs.look(since).await, "critical"), 0);
}

#[tokio::test]
async fn a_record_of_many_kilobytes_is_seen_to_its_end() {
    let logs = Logs::new();
    let long = format!("{}\nthe end of it", "a long story ".repeat(2_000));
    journal(&logs, &[(3_000, 4, "api", &long)]);
    let with =
        json!({ "journal": { "folder": logs.folder.path() }, "patterns": { "end": { "text": ["the end of it"] } } });
    assert_eq!(events(&logs.look(with).await, "end"), 1);
}

#[tokio::test]
async fn a_journal_that_is_not_there_is_not_fine() {
    let logs = Logs::new();
    let entry = logs.look(json!({ "journal": { "folder": logs.path("nowhere") } })).await;
    says(&entry, Status::Unknown, &["journal"]);
}
