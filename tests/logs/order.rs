//! Of a long file in order only the window is read; of one that is not, all of it.

use selx_core::Status;
use serde_json::{Value, json};

use crate::drive::{Logs, ago, events, line, says};

/// Writes a month of lines, one every 40 seconds, with an event every hour.
fn month(shuffled: bool) -> String {
    let mut text = String::new();
    for step in 0..64_800_i64 {
        let seconds = 30 * 86_400 - step * 40;
        // Every day a part comes two hours late.
        let seconds = if shuffled && (step / 200) % 10 == 3 { seconds + 40 * 1_000 } else { seconds };
        let what = if step % 90 == 0 { "[CRITICAL] hourly" } else { "[INFO] nothing" };
        text.push_str(&line(ago(seconds.max(1)), &format!("{what} {}", "x".repeat(60))));
    }
    text
}

fn read(entry: &selx_core::Entry) -> (u64, u64, String) {
    let facts: &Value = entry.facts.as_ref().expect("facts");
    let file = &facts["files"][0];
    let number = |value: &Value| value.as_u64().expect("a number");
    (number(&file["read"][0]), number(&file["read"][1]), file["part"].as_str().expect("a word").to_owned())
}

#[tokio::test]
async fn a_window_at_the_end_of_a_month_is_all_that_is_read() {
    let logs = Logs::new();
    let text = month(false);
    logs.write("app.log", &text);
    let entry = logs.look(json!({})).await;
    let (from, to, part) = read(&entry);
    assert_eq!((events(&entry, "critical"), part.as_str(), to), (24, "window", text.len() as u64));
    // A day, and the hour for lines that are out of order.
    let share = (to - from) as f64 / text.len() as f64;
    assert!((25.0 / 720.0..26.0 / 720.0).contains(&share), "{share}");
    says(&entry, Status::Warning, &["the rest is outside the window", &format!("bytes {from} to {to}")]);
    // The day before ends where it ends.
    let entry = logs.look(json!({ "window": "yesterday" })).await;
    let (_, to, part) = read(&entry);
    assert_eq!((events(&entry, "critical"), part.as_str()), (24, "window"));
    assert!(to < text.len() as u64);
    // A log that ended long ago is not read at all, and that is told.
    logs.later(40 * 86_400);
    let entry = logs.look(json!({})).await;
    says(&entry, Status::Warning, &["silent", "nothing was written in the window"]);
}

#[tokio::test]
async fn a_file_out_of_order_is_read_whole() {
    let logs = Logs::new();
    let text = month(true);
    logs.write("app.log", &text);
    let entry = logs.look(json!({})).await;
    assert_eq!(read(&entry), (0, text.len() as u64, "whole".to_owned()));
    let inside = text
        .lines()
        .filter(|line| line.contains("CRITICAL"))
        .filter(|line| line.get(..19).is_some_and(|at| at >= "2026-11-19 12:00:00"))
        .count();
    assert_eq!(events(&entry, "critical"), inside as u64);
}
