//! From look to look: every line is counted once, whatever rotation does to its file in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use selx_core::{Clock as _, Status};
use serde_json::{Value, json};

use crate::drive::{Logs, ago, events, line, run, says, start};

fn since() -> Value {
    json!({ "window": "since-last" })
}

fn lines(from: i64, count: i64) -> String {
    (from..from + count)
        .map(|number| line(ago(100_000 - number).max(ago(80_000)), &format!("[CRITICAL] {number}")))
        .collect()
}

/// Looks, and returns how many events are new.
async fn new(logs: &Logs) -> u64 {
    logs.later(60);
    let entry = logs.look(since()).await;
    assert!(entry.status() <= Status::Warning, "{} {:?}", entry.headline(), entry.judgement.findings);
    events(&entry, "critical")
}

#[tokio::test]
async fn only_what_is_new_is_read() {
    let logs = Logs::new();
    logs.write("app.log", lines(0, 1000));
    assert_eq!(new(&logs).await, 1000, "the first look reads a day");
    assert_eq!(new(&logs).await, 0);
    logs.append("app.log", lines(1000, 7));
    let entry = logs.look(since()).await;
    assert_eq!(events(&entry, "critical"), 7);
    let facts = entry.facts.as_ref().expect("facts");
    let size = std::fs::metadata(logs.path("app.log")).expect("the file").len();
    assert_eq!(facts["bytes"], json!(lines(1000, 7).len()));
    assert_eq!(facts["files"][0]["read"], json!([size - lines(1000, 7).len() as u64, size]));
    says(&entry, Status::Warning, &["since the last look", "what is new"]);
}

#[tokio::test]
async fn a_line_that_is_being_written_is_counted_when_it_is_whole() {
    let logs = Logs::new();
    logs.write("app.log", lines(0, 2) + "2026-11-20 11:00:00 [CRITI");
    assert_eq!(new(&logs).await, 2);
    logs.append("app.log", "CAL] half\n");
    assert_eq!(new(&logs).await, 1);
}

#[tokio::test]
async fn a_traceback_in_two_parts_is_one_event() {
    let logs = Logs::new();
    logs.write("app.log", "2026-11-20 11:00:00 [CRITICAL] it broke\nTraceback:\n");
    assert_eq!(new(&logs).await, 1);
    logs.append("app.log", "  in x\nCRITICAL: the same event\n2026-11-20 11:00:01 [CRITICAL] another\n");
    assert_eq!(new(&logs).await, 1);
}

#[tokio::test]
async fn renaming_compressing_and_deleting_lose_nothing() {
    let logs = Logs::new();
    logs.write("app.log", lines(0, 10));
    assert_eq!(new(&logs).await, 10);
    // Written to, renamed, begun anew.
    logs.append("app.log", lines(10, 3));
    std::fs::rename(logs.path("app.log"), logs.path("app.log.1")).expect("it can be renamed");
    logs.write("app.log", lines(100, 2));
    assert_eq!(new(&logs).await, 5);
    // The same again, and the old one compressed before we look.
    logs.append("app.log", lines(102, 4));
    std::fs::rename(logs.path("app.log.1"), logs.path("app.log.2")).expect("it can be renamed");
    run("gzip", &["app.log.2"], logs.folder.path());
    std::fs::rename(logs.path("app.log"), logs.path("app.log.1")).expect("it can be renamed");
    run("gzip", &["app.log.1"], logs.folder.path());
    logs.write("app.log", lines(200, 1));
    assert_eq!(new(&logs).await, 5);
    // The oldest goes, as it should.
    std::fs::remove_file(logs.path("app.log.2.gz")).expect("it can be removed");
    logs.append("app.log", lines(201, 1));
    let entry = logs.look(since()).await;
    assert_eq!(events(&entry, "critical"), 1);
    assert!(!entry.judgement.findings.iter().any(|finding| finding.code == "gap"));
}

#[tokio::test]
async fn copying_and_truncating_is_seen_even_if_the_file_has_outgrown_its_old_end() {
    let logs = Logs::new();
    logs.write("app.log", lines(0, 10));
    assert_eq!(new(&logs).await, 10);
    logs.append("app.log", lines(10, 3));
    std::fs::copy(logs.path("app.log"), logs.path("app.log.1")).expect("it can be copied");
    let file = std::fs::File::options().write(true).open(logs.path("app.log")).expect("the file");
    file.set_len(0).expect("it can be cut");
    drop(file);
    // The same inode, and longer than before.
    logs.append("app.log", lines(5000, 40));
    assert_eq!(new(&logs).await, 43);
    // Copied and not yet truncated: the same lines twice on the disk.
    logs.append("app.log", lines(5040, 2));
    std::fs::copy(logs.path("app.log"), logs.path("app.log.2")).expect("it can be copied");
    assert_eq!(new(&logs).await, 2);
}

#[tokio::test]
async fn a_new_file_on_the_old_inode_is_a_new_file() {
    let logs = Logs::new();
    logs.write("app.log", lines(0, 10));
    assert_eq!(new(&logs).await, 10);
    // Truncating and writing keeps the inode, as a file system may do for a file that is removed and made again.
    logs.write("app.log", lines(700, 12));
    let entry = logs.look(since()).await;
    assert_eq!(events(&entry, "critical"), 12);
    says(&entry, Status::Warning, &["gap", "app.log, of which"]);
}

#[tokio::test]
async fn an_inode_that_was_an_empty_file_does_not_make_a_known_file_new() {
    let logs = Logs::new();
    logs.write("app.log", lines(0, 350));
    logs.write("empty.log", "");
    assert_eq!(new(&logs).await, 350);
    logs.append("app.log", lines(350, 50));
    run("gzip", &["app.log"], logs.folder.path());
    // The packed part lies where the empty file was: a file system gives freed inodes to those that are made next.
    let packed = std::fs::read(logs.path("app.log.gz")).expect("it can be read");
    std::fs::remove_file(logs.path("app.log.gz")).expect("it can be removed");
    logs.write("empty.log", packed);
    std::fs::rename(logs.path("empty.log"), logs.path("app.log.1.gz")).expect("it can be renamed");
    logs.write("app.log", lines(400, 1));
    assert_eq!(new(&logs).await, 51);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_log_that_is_rotated_and_packed_during_the_look_is_counted_once() {
    let logs = Logs::new();
    let aside = tempfile::tempdir().expect("a folder");
    std::fs::write(aside.path().join("app.log.1"), lines(0, 400)).expect("a file can be written");
    run("gzip", &["app.log.1"], aside.path());
    logs.write("app.log", lines(0, 5));
    // While this is searched, rotation is at work.
    logs.write("long.log", line(ago(60), &"x".repeat(1_000)).repeat(60_000));
    let (packed, place, log) = (aside.path().join("app.log.1.gz"), logs.path("app.log.1.gz"), logs.path("app.log"));
    let entry = logs
        .look_watched(since(), move |extent| {
            while extent.seen().is_none_or(|(done, _)| done == 0) {
                std::thread::yield_now();
            }
            std::fs::rename(packed, place).expect("it can be renamed");
            std::fs::remove_file(&log).expect("it can be removed");
            std::fs::write(log, "").expect("it can be begun anew");
        })
        .await;
    assert_eq!(events(&entry, "critical"), 400, "{:?}", entry.facts);
    assert_eq!(new(&logs).await, 0);
    logs.append("app.log", lines(400, 2));
    let entry = logs.look(since()).await;
    assert_eq!(events(&entry, "critical"), 2);
    assert!(!entry.judgement.findings.iter().any(|finding| finding.code == "gap"), "{:?}", entry.judgement.findings);
}

#[tokio::test]
async fn what_is_gone_before_it_was_read_is_a_gap() {
    let logs = Logs::new();
    logs.write("app.log", lines(0, 10));
    assert_eq!(new(&logs).await, 10);
    std::fs::remove_file(logs.path("app.log")).expect("it can be removed");
    logs.write("app.log", lines(300, 1));
    logs.append("other.log", lines(0, 1));
    let entry = logs.look(since()).await;
    assert_eq!(events(&entry, "critical"), 2);
    says(&entry, Status::Warning, &["gap", "is gone; what was written to it since then was not seen"]);
}

#[tokio::test]
async fn what_was_empty_and_is_gone_is_a_gap_unless_an_unknown_part_may_be_it() {
    let logs = Logs::new();
    logs.write("app.log", "");
    logs.write("other.log", lines(0, 1));
    assert_eq!(new(&logs).await, 1);
    // Written to and given a name that does not tell what it is a part of.
    logs.append("app.log", lines(1, 5));
    std::fs::rename(logs.path("app.log"), logs.path("kept.aside")).expect("it can be renamed");
    let entry = logs.look(since()).await;
    says(&entry, Status::Warning, &["gap", "app.log, of which 0 bytes had been read, is gone"]);
    // Written to, renamed and packed: it is another file, and holds what it was.
    logs.write("app.log", "");
    assert_eq!(new(&logs).await, 0);
    logs.append("app.log", lines(6, 5));
    run("gzip", &["app.log"], logs.folder.path());
    std::fs::rename(logs.path("app.log.gz"), logs.path("app.log.1.gz")).expect("it can be renamed");
    let entry = logs.look(since()).await;
    assert_eq!(events(&entry, "critical"), 5);
    assert!(!entry.judgement.findings.iter().any(|finding| finding.code == "gap"));
}

#[tokio::test]
async fn lines_without_times_count_when_they_are_new() {
    let logs = Logs::new();
    logs.write("app.log", "CRITICAL: one\n");
    let entry = logs.look(since()).await;
    says(&entry, Status::Unknown, &["undated"]);
    logs.append("app.log", "CRITICAL: two\nCRITICAL: three\n");
    assert_eq!(new(&logs).await, 2);
}

/// A program writes, rotation renames, compresses and removes, and looks come at any moment: the sum is what was written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_and_a_rotation_at_work_lose_nothing_and_double_nothing() {
    let logs = Arc::new(Logs::new());
    let (done, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    logs.write("app.log", "");
    let writer = {
        let (logs, done, written) = (Arc::clone(&logs), Arc::clone(&done), Arc::clone(&written));
        std::thread::spawn(move || {
            let mut number = 0_u64;
            while !done.load(Ordering::Relaxed) {
                for _ in 0..50 {
                    logs.append("app.log", line(start(), &format!("[CRITICAL] {number} {}", "x".repeat(40))));
                    number += 1;
                }
                written.store(number, Ordering::Relaxed);
                // On a machine that is slow to look there would be more parts than anybody keeps.
                if number.is_multiple_of(400) && number <= 32_000 {
                    // As logrotate does with `delaycompress`: the last one is still plain.
                    let part = number / 400;
                    let name = |part: u64| format!("app.log.{part}");
                    if part > 1 {
                        run("gzip", &[&name(part - 1)], logs.folder.path());
                    }
                    std::fs::rename(logs.path("app.log"), logs.path(&name(part))).expect("it can be renamed");
                }
                #[expect(clippy::disallowed_methods, reason = "a program that writes at its own pace")]
                std::thread::sleep(Duration::from_millis(2));
            }
        })
    };
    let mut counted = 0;
    for _ in 0..30 {
        counted += new(&logs).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    done.store(true, Ordering::Relaxed);
    writer.join().expect("the writer ends");
    counted += new(&logs).await;
    assert_eq!(counted, written.load(Ordering::Relaxed));
    assert!(counted > 2_000, "{counted}");
    assert!(logs.clock.now() > start());
}
