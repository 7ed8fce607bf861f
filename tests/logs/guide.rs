//! The guide's review of logs beside the check, on the same files: what the line counts, and what is true.

use selx_core::Status;
use serde_json::json;

use crate::drive::{Logs, ago, events, line, run, says};

/// The guide's line: all files that were changed in the last day, and every line in them that has one of the words.
fn guide(logs: &Logs, words: &str) -> u64 {
    let script = format!("find . -name '*.log' -mtime -1 -exec grep -hE '{words}' {{}} + | wc -l");
    run("sh", &["-c", &script], logs.folder.path()).trim().parse().expect("a number")
}

#[tokio::test]
async fn the_line_counts_files_by_their_age_and_the_check_lines_by_their_time() {
    let logs = Logs::new();
    // Three days in a file that was written today.
    let text: String = (0..72).map(|hour| line(ago(hour * 3600 + 60), "[CRITICAL] x")).rev().collect();
    logs.write("app.log", text);
    assert_eq!(guide(&logs, "CRITICAL|FATAL"), 72);
    assert_eq!(events(&logs.look(json!({})).await, "critical"), 24);
}

#[tokio::test]
async fn the_line_takes_words_for_levels() {
    let logs = Logs::new();
    let lines = ["[CRITICAL] down", "[INFO] a non-FATAL problem", "[INFO] GET /?level=FATAL", "[crit] disk"];
    logs.write("app.log", lines.map(|text| line(ago(60), text)).concat());
    assert_eq!(guide(&logs, "CRITICAL|FATAL"), 3);
    assert_eq!(events(&logs.look(json!({})).await, "critical"), 2);
}

#[tokio::test]
async fn the_line_misses_what_was_rotated() {
    let logs = Logs::new();
    let text: String = (0..20).map(|number| line(ago(20_000 - number), "[CRITICAL] x")).collect();
    logs.write("app.log.1", &text);
    logs.write("app.log.2", text.replace("CRITICAL", "FATAL"));
    run("gzip", &["app.log.2"], logs.folder.path());
    logs.write("app.log", line(ago(10), "[INFO] rotated"));
    assert_eq!(guide(&logs, "CRITICAL|FATAL"), 0);
    assert_eq!(events(&logs.look(json!({})).await, "critical"), 40);
}

#[tokio::test]
async fn one_zero_byte_hides_the_rest_from_the_line() {
    let logs = Logs::new();
    let half: String = (0..50).map(|number| line(ago(20_000 - number), "[CRITICAL] x")).collect();
    logs.write("app.log", [half.as_bytes(), b"\0\n", half.as_bytes()].concat());
    assert!(guide(&logs, "CRITICAL|FATAL") < 100);
    assert_eq!(events(&logs.look(json!({})).await, "critical"), 100);
}

#[tokio::test]
async fn the_line_says_nothing_happened_where_nothing_is() {
    let logs = Logs::new();
    assert_eq!(guide(&logs, "CRITICAL|FATAL"), 0);
    says(&logs.look(json!({})).await, Status::Unknown, &["nothing-there"]);
}

#[tokio::test]
async fn the_line_counts_its_own_answers_again() {
    let logs = Logs::new();
    logs.write("app.log", line(ago(60), "[CRITICAL] x"));
    let mut counts = Vec::new();
    for day in 0..5 {
        let script = format!("grep -h CRITICAL ./*.log > answer && mv answer maintenance-{day}.log");
        counts.push(guide(&logs, "CRITICAL"));
        run("sh", &["-c", &script], logs.folder.path());
    }
    assert_eq!(counts, [1, 2, 4, 8, 16]);
}
