//! What is easily passed over: lines behind copies, old last lines, half lines, late ones, colours; and what is not to be
//! shown.

use selx_core::Status;
use serde_json::json;

use crate::drive::{Logs, ago, events, line, run, says, start};

fn lines(count: i64) -> String {
    (0..count).map(|number| line(ago(3_000 - number), &format!("[INFO] line {number} of a program"))).collect()
}

#[tokio::test]
async fn a_log_that_went_on_after_it_was_copied_is_read_from_there() {
    // The copy is opened first, and last.
    for copy in ["app-20261120.log", "app.log.1"] {
        for window in ["24h", "since-last"] {
            let logs = Logs::new();
            logs.write("app.log", lines(60));
            logs.look(json!({ "window": window })).await;
            logs.write(copy, lines(60) + &line(ago(60), "[CRITICAL] in both"));
            logs.append("app.log", line(ago(60), "[CRITICAL] in both") + &line(ago(50), "[CRITICAL] behind the copy"));
            logs.later(10);
            let entry = logs.look(json!({ "window": window })).await;
            assert_eq!(events(&entry, "critical"), 2, "{copy}, {window}: {:?}", entry.facts);
            // What was new once is not new again.
            logs.later(10);
            logs.append("app.log", line(ago(40), "[CRITICAL] later still"));
            let entry = logs.look(json!({ "window": window })).await;
            let expected = if window == "24h" { 3 } else { 1 };
            assert_eq!(events(&entry, "critical"), expected, "{copy}, {window}: {:?}", entry.facts);
        }
    }
}

#[tokio::test]
async fn a_short_log_is_not_old_because_its_last_line_is() {
    let logs = Logs::new();
    logs.write("app.log", line(ago(60), "[CRITICAL] dead") + &line(ago(500_000), "[INFO] the oldest job of the queue"));
    assert_eq!(events(&logs.look(json!({})).await, "critical"), 1);
}

#[tokio::test]
async fn the_last_words_of_a_program_are_counted_without_a_line_end() {
    let since = || json!({ "window": "since-last" });
    for is_renamed in [false, true] {
        let logs = Logs::new();
        logs.write("app.log", lines(3));
        logs.written("app.log", start());
        assert_eq!(events(&logs.look(since()).await, "critical"), 0);
        logs.append("app.log", "2026-11-20 12:00:10,000 [CRITICAL] disk gone");
        logs.written("app.log", start());
        logs.later(30);
        // Somebody may be writing it right now.
        assert_eq!(events(&logs.look(since()).await, "critical"), 0);
        if is_renamed {
            std::fs::rename(logs.path("app.log"), logs.path("app.log.1")).expect("it can be renamed");
            logs.write("app.log", line(start(), "[INFO] begun anew"));
            logs.written("app.log", start());
        } else {
            logs.later(60);
        }
        assert_eq!(events(&logs.look(since()).await, "critical"), 1, "{is_renamed}");
        logs.later(60);
        assert_eq!(events(&logs.look(since()).await, "critical"), 0, "{is_renamed}: counted once");
    }
}

#[tokio::test]
async fn what_was_not_there_counts_however_late_it_is() {
    let since = || json!({ "window": "since-last" });
    let logs = Logs::new();
    logs.write("app.log", lines(3));
    logs.look(since()).await;
    logs.later(60);
    logs.append("app.log", line(ago(400_000), "[CRITICAL] from a queue that waited"));
    logs.write("other.log", line(ago(900_000), "[CRITICAL] of a disk that was away"));
    let entry = logs.look(since()).await;
    assert_eq!(events(&entry, "critical"), 2);
    says(&entry, Status::Warning, &["since the last look"]);
}

#[tokio::test]
async fn colours_hide_neither_times_nor_levels() {
    let logs = Logs::new();
    let at = ago(60).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let coloured = format!("\u{1b}[2m{at}\u{1b}[0m \u{1b}[31mCRITICAL\u{1b}[0m api: it broke\n");
    let in_two = format!("{at} \u{1b}[31mERR\u{1b}[0m went \u{1b}[1mwrong\u{1b}[0m\n");
    logs.write("app.log", format!("{at} \u{1b}[31mCRITICAL\u{1b}[0m boom\n{coloured}{in_two}"));
    let entry = logs.look(json!({ "presets": ["errors"], "patterns": { "two": { "text": ["went wrong"] } } })).await;
    assert_eq!((events(&entry, "critical"), events(&entry, "error"), events(&entry, "two")), (2, 1, 1));
    says(&entry, Status::Warning, &["api: it broke"]);
}

#[tokio::test]
async fn passwords_in_lines_are_not_shown_and_not_kept() {
    let logs = Logs::new();
    logs.write("app.log", line(ago(60), "[CRITICAL] postgres://shop:hunter2@db/shop failed, password=hunter2"));
    let entry = logs.look(json!({})).await;
    says(&entry, Status::Warning, &["postgres://shop:[hidden]@db/shop", "password=[hidden]"]);
    assert!(!format!("{entry:?}").contains("hunter2"));
}

#[tokio::test]
async fn the_rest_of_a_line_that_was_taken_for_whole_is_searched() {
    let with = || json!({ "window": "since-last", "patterns": { "boom": { "text": ["boom"] } } });
    let logs = Logs::new();
    logs.write("app.log", lines(3) + "2026-11-20 11:59:00,000 [INFO] it goes ");
    logs.written("app.log", ago(600));
    assert_eq!(events(&logs.look(with()).await, "boom"), 0);
    logs.later(60);
    logs.append("app.log", "boom\n");
    assert_eq!(events(&logs.look(with()).await, "boom"), 1);
}

#[tokio::test]
async fn a_title_at_the_head_of_every_part_tells_nothing() {
    let since = || json!({ "window": "since-last" });
    let title = "#Software: shop 1.2\n";
    for is_copied in [false, true] {
        let logs = Logs::new();
        logs.write("app.log", title);
        logs.look(since()).await;
        logs.later(60);
        logs.append("app.log", line(start(), "[CRITICAL] before the rotation"));
        if is_copied {
            std::fs::copy(logs.path("app.log"), logs.path("app.log.1")).expect("it can be copied");
        } else {
            std::fs::rename(logs.path("app.log"), logs.path("app.log.1")).expect("it can be renamed");
        }
        logs.write("app.log", title.to_owned() + &line(start(), "[INFO] new"));
        assert_eq!(events(&logs.look(since()).await, "critical"), 1, "{is_copied}");
    }
}

#[tokio::test]
async fn a_line_behind_zeros_is_a_line() {
    // A program that does not append goes on where it was when its log was truncated.
    for zeros in [3_000, 200_000, 700_000, 5_000_000] {
        for is_hole in [false, true] {
            let logs = Logs::new();
            if is_hole {
                let file = std::fs::File::create(logs.path("app.log")).expect("a file");
                file.set_len(zeros).expect("it can be long");
            } else {
                logs.write("app.log", vec![0; usize::try_from(zeros).expect("a length")]);
            }
            logs.append("app.log", line(ago(60), "[CRITICAL] first") + &line(ago(50), "[CRITICAL] second"));
            let entry = logs.look(json!({})).await;
            assert_eq!(events(&entry, "critical"), 2, "{zeros}, {is_hole}");
            says(&entry, Status::Warning, &["2026-11-20T11:59:00Z"]);
        }
    }
}

#[tokio::test]
async fn colours_that_begin_later_are_seen() {
    let logs = Logs::new();
    logs.write("app.log", lines(200) + &line(ago(60), "[CRIT\u{1b}[31mICAL\u{1b}[0m] cut by a colour") + &lines(20));
    assert_eq!(events(&logs.look(json!({})).await, "critical"), 1);
}

#[tokio::test]
async fn a_long_stretch_without_times_is_not_the_end_of_a_day() {
    const LINES: i64 = 72_000;
    let logs = Logs::new();
    let long = "x".repeat(950);
    let day = ago(36 * 3_600);
    let mut text = String::new();
    for number in 0..LINES {
        // A third of the file is of the day before, and the half hour behind it.
        let (of_day, second) = match number * 20 / LINES {
            ..7 => (0, number * 88_200 / (LINES * 7 / 20)),
            _ => (1, 4_200 + (number - LINES * 7 / 20) * 37_800 / (LINES * 13 / 20)),
        };
        let at = day + jiff::SignedDuration::from_secs(of_day * 86_400 + second);
        let share = number * 10_000 / LINES;
        match share {
            3_124..3_290 => text.push_str(&format!("{long} without a time, as a dump has many of\n")),
            3_350..3_352 => text.push_str(&line(at, &format!("[CRITICAL] {long}"))),
            _ => text.push_str(&line(at, &format!("[INFO] {long}"))),
        }
    }
    let expected = text.matches("[CRITICAL]").count() as u64;
    logs.write("app.log", text);
    let entry = logs.look(json!({ "window": "yesterday" })).await;
    assert!(expected > 10 && events(&entry, "critical") == expected, "{expected}: {:?}", entry.facts);
    let read = entry.facts.as_ref().expect("facts")["bytes"].as_u64().expect("bytes");
    assert!(read < 60_000_000, "{read} bytes of 72 million");
}

#[tokio::test]
async fn parts_that_are_packed_otherwise_are_told() {
    for (name, start) in [
        ("app.log.1.lz4", &b"\x04\x22\x4d\x18xx"[..]),
        ("app.log.Z", b"\x1f\x9d\x90xxx"),
        ("app.log.2.zip", b"PK\x03\x04xx"),
        ("app.log.bak", b"2026-11-20 11:59:00 [CRITICAL] kept aside\n"),
        ("app.log.20261120T115900Z", b"2026-11-20 11:59:00 [CRITICAL] kept aside\n"),
    ] {
        let logs = Logs::new();
        logs.write("app.log", lines(2));
        logs.write(name, start);
        let entry = logs.look(json!({})).await;
        match start.first() {
            Some(b'2') => assert_eq!(events(&entry, "critical"), 1, "{name}"),
            _ => says(&entry, Status::Unknown, &["[not-searchable]", name, "which is not unpacked here"]),
        }
        // What is older than the window need not be searched.
        logs.written(name, ago(100_000));
        assert!(logs.look(json!({})).await.status() <= Status::Warning, "{name}");
    }
}

#[tokio::test]
async fn what_is_named_itself_has_to_be_a_file() {
    let logs = Logs::new();
    logs.write("app.log", lines(1));
    logs.write("old.log.bz2", b"BZh91AY&SY\x00\x00\x00\x00\x00\x00");
    run("mkfifo", &["pipe.log"], logs.folder.path());
    std::os::unix::fs::symlink("/nonexistent", logs.path("link.log")).expect("a link");
    for (name, words) in [("pipe.log", "it is a pipe"), ("link.log", "not there"), ("old.log.bz2", "packed by bzip2")] {
        let paths = [logs.path(name), logs.path("app.log")];
        says(&logs.look(json!({ "paths": paths })).await, Status::Unknown, &[name, words]);
    }
    // In a folder, such things are passed over.
    std::fs::remove_file(logs.path("old.log.bz2")).expect("it is there");
    says(&logs.look(json!({})).await, Status::Ok, &[]);
}
