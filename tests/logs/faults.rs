//! What logs can do to whoever reads them.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use selx_core::Status;
use serde_json::json;

use crate::drive::{Logs, ago, events, fact, line, run, says};

#[tokio::test]
async fn h1_a_line_of_hundreds_of_megabytes_takes_little_memory() {
    let logs = Logs::new();
    let mut file = std::fs::File::create(logs.path("app.log")).expect("a file");
    file.write_all(line(ago(60), "[CRITICAL] before").as_bytes()).expect("it can be written");
    file.write_all(b"2026-11-20 11:59:30 [INFO] ").expect("it can be written");
    let block = vec![b'x'; 1 << 20];
    for _ in 0..300 {
        file.write_all(&block).expect("it can be written");
    }
    file.write_all(b" [needle] \n").expect("it can be written");
    file.write_all(line(ago(10), "[CRITICAL] after").as_bytes()).expect("it can be written");
    let before = peak();
    let with = json!({ "presets": ["errors"], "patterns": { "needle": { "text": ["[needle]"] } } });
    let entry = logs.look(with).await;
    let (critical, needle) = (events(&entry, "critical"), events(&entry, "needle"));
    assert_eq!((critical, needle), (2, 1));
    says(&entry, Status::Warning, &["long-lines", "1 lines are longer than 64 KiB"]);
    let grown = peak().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
}

/// Returns the most memory that this process ever had.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

#[tokio::test]
async fn h2_bytes_that_are_no_text_hide_nothing() {
    let logs = Logs::new();
    let mut text = Vec::new();
    for odd in [&b"\0\0\0"[..], b"\xff\xfe\x80", b"\x1b[31m", b"\r"] {
        text.extend_from_slice(line(ago(60), "[CRITICAL] ").trim_end().as_bytes());
        text.extend_from_slice(odd);
        text.extend_from_slice(b"\r\n");
    }
    logs.write("app.log", &text);
    assert_eq!(events(&logs.look(json!({})).await, "critical"), 4);
    // UTF-16 cannot be searched, and is not passed over in silence.
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain("CRITICAL".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    logs.write("wide.log", wide);
    says(&logs.look(json!({})).await, Status::Unknown, &["wide.log", "UTF-16"]);
    for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        let wide: Vec<u8> = "2026-11-20 CRITICAL".encode_utf16().flat_map(to_bytes).collect();
        logs.write("wide.log", wide);
        says(&logs.look(json!({})).await, Status::Unknown, &["wide.log", "UTF-16"]);
    }
}

#[tokio::test]
async fn h5_a_look_knows_a_file_by_what_it_holds() {
    let logs = Logs::new();
    logs.write("app.log", line(ago(60), "[CRITICAL] one"));
    let since = || json!({ "window": "since-last" });
    assert_eq!(events(&logs.look(since()).await, "critical"), 1);
    for round in 0..20 {
        // A file system gives the inode of a file that was removed to the next one.
        std::fs::remove_file(logs.path("app.log")).expect("it can be removed");
        logs.write("app.log", line(ago(50), &format!("[CRITICAL] round {round}")));
        assert_eq!(events(&logs.look(since()).await, "critical"), 1, "round {round}");
    }
}

#[tokio::test]
async fn h6_what_is_no_file_is_passed_over_at_once() {
    let logs = Logs::new();
    logs.write("app.log", line(ago(60), "[CRITICAL] x"));
    run("mkfifo", &["pipe.log"], logs.folder.path());
    let _socket = std::os::unix::net::UnixListener::bind(logs.path("socket.log")).expect("a socket");
    std::fs::create_dir(logs.path("folder.log")).expect("a folder");
    symlink("/dev/zero", logs.path("zero.log")).expect("a link");
    symlink("/etc/shadow", logs.path("secret.log")).expect("a link");
    let began = Instant::now();
    let entry = logs.look(json!({})).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(events(&entry, "critical"), 1);
    says(
        &entry,
        Status::Warning,
        &["pipe.log is a pipe", "socket.log is a socket", "zero.log is a link", "secret.log is a link"],
    );
    // One that is named is followed, and still has to lead to a file.
    let zero = logs.path("zero.log");
    says(
        &logs.look(json!({ "paths": [zero] })).await,
        Status::Unknown,
        &["zero.log could not be read: it is a device"],
    );
}

#[tokio::test]
async fn h7_many_files_odd_names_and_deep_folders() {
    use std::os::unix::ffi::OsStrExt as _;
    let logs = Logs::new();
    for number in 0..3_000 {
        logs.write(&format!("many/{number}.log"), line(ago(60), "[CRITICAL] x"));
    }
    for name in [&b"new\nline.log"[..], b"\xff\xfe.log", &[b'a'; 251], b"-rf.log", b"$(id).log"] {
        let name = if name.len() == 251 { [name, b".log"].concat() } else { name.to_vec() };
        std::fs::write(logs.path("many").join(std::ffi::OsStr::from_bytes(&name)), line(ago(60), "[CRITICAL] x"))
            .expect("a file");
    }
    let paths = |pattern: &str| json!({ "paths": [format!("{}/{pattern}", logs.folder.path().display())] });
    assert_eq!(events(&logs.look(paths("many/*.log")).await, "critical"), 3_005);
    let mut limited = paths("many/*.log");
    limited["most-files"] = json!(100);
    says(&logs.look(limited).await, Status::Unknown, &["limit", "more than 100 files"]);
    // Deeper than anybody means.
    let deep = logs.path("deep");
    std::fs::create_dir(&deep).expect("a folder");
    let mut below = deep.clone();
    for _ in 0..200 {
        below.push("d");
    }
    std::fs::create_dir_all(&below).expect("folders");
    std::fs::write(below.join("x.log"), line(ago(60), "[CRITICAL] x")).expect("a file");
    says(&logs.look(paths("deep/**/*.log")).await, Status::Unknown, &["folders deep"]);
}

#[tokio::test]
async fn h8_compressed_logs_that_are_broken_or_bombs_are_told() {
    let logs = Logs::new();
    let text: String = (0..2_000).map(|number| line(ago(5_000 - number), "[CRITICAL] x")).collect();
    logs.write("app.log", line(ago(10), "[CRITICAL] x"));
    logs.write("app.log.1", &text);
    run("gzip", &["-k", "app.log.1"], logs.folder.path());
    let whole = std::fs::read(logs.path("app.log.1.gz")).expect("gzip wrote it");
    std::fs::remove_file(logs.path("app.log.1")).expect("it can be removed");
    assert_eq!(events(&logs.look(json!({})).await, "critical"), 2_001);
    // Two members are one log.
    logs.write("app.log.1.gz", [whole.clone(), whole.clone()].concat());
    assert_eq!(events(&logs.look(json!({})).await, "critical"), 4_001);
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    for (damaged, words) in [
        (whole[..whole.len() / 2].to_vec(), "cut short"),
        (flipped, "gzip"),
        (b"\x1f\x8bnothing".to_vec(), "app.log.1.gz"),
    ] {
        logs.write("app.log.1.gz", damaged);
        let entry = logs.look(json!({})).await;
        assert!(events(&entry, "critical") >= 1);
        says(&entry, Status::Warning, &["[broken]", words]);
    }
    // Four gigabytes of zeros in four megabytes.
    std::fs::write(logs.path("zeros"), []).expect("a file");
    run("sh", &["-c", "head -c 400M /dev/zero | gzip -1 > app.log.1.gz"], logs.folder.path());
    let began = Instant::now();
    let entry = logs.look(json!({})).await;
    assert!(began.elapsed() < Duration::from_secs(50), "{:?}", began.elapsed());
    assert_eq!(events(&entry, "critical"), 1);
}

#[tokio::test]
async fn h9_where_nothing_was_read_nothing_is_fine() {
    let logs = Logs::new();
    says(&logs.look(json!({})).await, Status::Unknown, &["nothing-there", "has no file that belongs to it"]);
    says(&logs.look(json!({ "paths": ["/nowhere/logs/*.log"] })).await, Status::Unknown, &["/nowhere/logs/*.log"]);
    logs.write("app.log", "");
    says(&logs.look(json!({})).await, Status::Ok, &["0 critical"]);
    logs.write("app.log", line(ago(10 * 86_400), "[CRITICAL] long ago"));
    says(&logs.look(json!({})).await, Status::Warning, &["silent", "nothing was written in the window"]);
}

#[tokio::test]
async fn h11_times_in_odd_places_follow_stated_rules() {
    let logs = Logs::new();
    // The clock of Berlin showed 02:30 twice that night; one of both is in the window.
    logs.clock.set("2026-10-25T01:45:00Z".parse().expect("a time"));
    logs.write("app.log", "2026-10-25 02:30:00 CRITICAL x\n2026-10-25 02:40:00 CRITICAL y\n");
    let entry = logs.look(json!({ "zone": "Europe/Berlin", "window": "30m" })).await;
    assert_eq!(events(&entry, "critical"), 2);
    says(&entry, Status::Warning, &["clock-twice", "2 lines of an hour that the clock showed twice"]);
    // New year, without a year.
    let logs = Logs::new();
    logs.clock.set("2027-01-01T00:10:00Z".parse().expect("a time"));
    logs.write("syslog.log", "Dec 31 23:59:59 host app: CRITICAL: x\nJan  1 00:05:00 host app: CRITICAL: y\nJan  2 00:00:00 host app: CRITICAL: z\n");
    logs.written("syslog.log", "2027-01-01T00:10:00Z".parse().expect("a time"));
    let entry = logs.look(json!({ "window": "1h" })).await;
    assert_eq!(events(&entry, "critical"), 2, "the third was a year ago");
    // Lines without any time are told apart.
    logs.write("bare.log", "CRITICAL: when was that?\n");
    says(
        &logs.look(json!({ "window": "1h" })).await,
        Status::Unknown,
        &["undated", "critical has 1 line without a time"],
    );
}

#[tokio::test]
async fn h12_a_thousand_patterns_and_hostile_expressions_end() {
    let logs = Logs::new();
    let text: String = (0..20_000)
        .map(|number| line(ago(20_000 - number), &format!("INFO {} aaaaaaaaaaaaaaaaaaaaaaaa!", number % 997)))
        .collect();
    logs.write("app.log", &text);
    let patterns: serde_json::Map<String, serde_json::Value> =
        (0..1_000).map(|number| (format!("p{number}"), json!({ "text": [format!("INFO {number} ")] }))).collect();
    let entry = logs.look(json!({ "patterns": patterns, "shapes": false })).await;
    assert_eq!((events(&entry, "p5"), events(&entry, "p998")), (21, 0));
    // This would keep an engine that tries and goes back busy for years.
    let entry =
        logs.look(json!({ "patterns": { "evil": { "regex": ["(a*)*(a*)*(a|aa)+$"] } }, "shapes": false })).await;
    assert_eq!(events(&entry, "evil"), 0);
}

#[tokio::test]
async fn h13_holes_are_not_read() {
    let logs = Logs::new();
    let mut file = std::fs::File::create(logs.path("app.log")).expect("a file");
    file.write_all(line(ago(600), "[CRITICAL] before").as_bytes()).expect("it can be written");
    file.seek(SeekFrom::Start(1 << 40)).expect("a place");
    file.write_all(line(ago(60), "[CRITICAL] after").as_bytes()).expect("it can be written");
    drop(file);
    let began = Instant::now();
    let entry = logs.look(json!({})).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(events(&entry, "critical"), 2);
    says(&entry, Status::Warning, &["1 TiB"]);
}

#[tokio::test]
async fn h15_a_flood_is_counted_in_bounded_memory_and_few_words() {
    let logs = Logs::new();
    let mut text = String::new();
    for number in 0..60_000_u32 {
        let word: String = format!("{number:x}").chars().map(|letter| char::from(b'g' + letter as u8 % 16)).collect();
        text.push_str(&line(
            ago(60),
            &format!(
                "FATAL {word} failed login for user u{word} from 10.{}.{}.{}",
                number >> 16,
                number >> 8 & 255,
                number & 255
            ),
        ));
    }
    logs.write("app.log", &text);
    let entry = logs.look(json!({ "presets": ["errors", "authentication"] })).await;
    assert_eq!((events(&entry, "critical"), events(&entry, "authentication")), (60_000, 60_000));
    assert_eq!(fact(&entry, "authentication")["more-origins"], true);
    let facts = serde_json::to_vec(&entry.facts).expect("facts").len();
    assert!(facts < 2 << 20, "{facts} bytes of facts");
    assert!(entry.judgement.findings.len() < 30, "{}", entry.judgement.findings.len());
}

#[tokio::test]
async fn its_own_reports_are_not_counted_again() {
    let logs = Logs::new();
    logs.write("app.log", line(ago(60), "[CRITICAL] x"));
    let entry = logs.look(json!({})).await;
    assert_eq!(events(&entry, "critical"), 1);
    let page = "! warning   logs-patterns.app  critical events 1, above the warning limit of 0\n";
    let nagios = "SELX WARNING - 1 critical\n[WARNING] critical events 1\n";
    logs.write("selx.log", format!("{page}            line: 2026-11-20 11:59:00 [CRITICAL] x\n\n1 warning in 5 ms\n"));
    logs.write(
        "report.log",
        "{\"version\":1,\"selx\":\"0.1.0\",\"run\":\"x\",\"text\":\"2026-11-20 11:59:00 [CRITICAL] x\"}\n",
    );
    logs.write("nagios.log", nagios);
    let entry = logs.look(json!({})).await;
    assert_eq!(events(&entry, "critical"), 1);
    says(
        &entry,
        Status::Warning,
        &["selx.log is a report of selx", "report.log is a report", "nagios.log is a report"],
    );
    // Also between reports, however many there are.
    logs.write(
        "cron.log",
        format!("{}{}{}", nagios.repeat(4_000), line(ago(60), "[CRITICAL] x"), nagios.repeat(4_000)),
    );
    says(&logs.look(json!({})).await, Status::Unknown, &["[not-searchable]", "cron.log"]);
    // Where others write as well, nobody can tell what is new and what is repeated.
    for (name, text) in [("page", page), ("nagios", nagios), ("much", &*nagios.repeat(9_000))] {
        for foreign in [&*line(ago(60), "[CRITICAL] x"), "Error: no space left\n", "FATAL: it is over\n"] {
            logs.write("cron.log", format!("{text}{foreign}"));
            let entry = logs.look(json!({})).await;
            assert_eq!(events(&entry, "critical"), 1);
            says(&entry, Status::Unknown, &["[not-searchable]", "cron.log", "beside lines of other programs"]);
            assert!(name != "much" || logs.path("cron.log").metadata().expect("the file").len() > 128 << 10);
        }
    }
}

#[tokio::test]
async fn parts_that_begin_alike_are_copies_only_where_their_lines_have_times() {
    let logs = Logs::new();
    // A banner without a time, longer than what a file is known by.
    let banner = "==== shop, a program with much to say about itself ====\n".repeat(40);
    logs.write("app.log", banner.clone() + &line(ago(60), "[CRITICAL] new"));
    logs.write("app.log.1", banner + &line(ago(6_000), "[CRITICAL] old"));
    assert_eq!(events(&logs.look(json!({})).await, "critical"), 2);
    // Copied by rotation a moment ago, and not truncated yet.
    let text: String = (0..50).map(|number| line(ago(9_000 - number), "[CRITICAL] x")).collect();
    logs.write("web.log", &text);
    logs.write("web.log.1", &text);
    let entry = logs.look(json!({})).await;
    assert_eq!(events(&entry, "critical"), 52);
    says(&entry, Status::Warning, &["web.log.1", "is a copy of it"]);
}

#[tokio::test]
async fn links_to_folders_are_told_and_very_many_troubles_are_told_in_short() {
    let logs = Logs::new();
    logs.write("real/app.log", line(ago(60), "[CRITICAL] x"));
    symlink(logs.path("real"), logs.path("linked")).expect("a link");
    let paths = json!([format!("{}/*/app.log", logs.folder.path().display())]);
    let entry = logs.look(json!({ "paths": paths })).await;
    assert_eq!(events(&entry, "critical"), 1);
    says(&entry, Status::Warning, &["linked is a link to a folder"]);
    // One that is named is meant.
    assert_eq!(events(&logs.look(json!({ "paths": [logs.path("linked")] })).await, "critical"), 1);
    for number in 0..100 {
        logs.write(&format!("wide/{number}.log"), [0xff, 0xfe, b'x', 0]);
    }
    let entry = logs.look(json!({ "paths": [logs.path("wide")] })).await;
    assert_eq!(entry.judgement.findings.iter().filter(|finding| finding.code == "not-searchable").count(), 21);
    says(&entry, Status::Unknown, &["80 more cannot be searched either"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_cut_short_while_it_is_read_is_told() {
    let logs = Logs::new();
    let text: String = (0..1_000).map(|number| line(ago(9_000 - number), &"x".repeat(1_000))).collect();
    logs.write("app.log", text.repeat(100));
    let path = logs.path("app.log");
    let entry = logs
        .look_watched(json!({}), move |extent| {
            while extent.seen().is_none_or(|(done, _)| done == 0) {
                std::thread::yield_now();
            }
            let file = std::fs::File::options().write(true).open(&path).expect("the file");
            file.set_len(0).expect("it can be cut");
        })
        .await;
    says(&entry, Status::Warning, &["[gap]", "became shorter while it was read"]);
}

#[test]
fn one_wrong_expression_is_one_error() {
    let mut registry = selx_core::Registry::new();
    selx_checks::register(&mut registry).expect("every name is taken once");
    let text = "[check.logs-patterns.a.with.patterns.x]\nregex = [\"a(\"]\n[check.logs-patterns.b]\nwith = { window = \"since_last\" }\n";
    let wrong = selx_core::config::parse(&registry, "selx.toml", text).expect_err("it is wrong").to_string();
    assert!(wrong.contains("is not a regular expression") && wrong.contains("is `since-last` meant?"), "{wrong}");
    assert!(!wrong.contains("would match every line"), "{wrong}");
}

#[tokio::test]
async fn settings_that_cannot_be_meant_are_refused() {
    let mut registry = selx_core::Registry::new();
    selx_checks::register(&mut registry).expect("every name is taken once");
    let kind = registry.get("logs-patterns").expect("the kind");
    for (with, word) in [
        (json!({ "paths": ["relative.log"] }), "absolute path"),
        (json!({ "paths": ["/x/[.log"] }), "not a pattern"),
        (json!({ "paths": ["/x/**"] }), "name the files"),
        (json!({ "patterns": { "x": { "regex": ["a("] } } }), "not a regular expression"),
        (json!({ "patterns": { "x": { "regex": ["a*"] } } }), "matches an empty line"),
        (json!({ "patterns": { "x": { "regex": ["(x{1000}){1000}"] } } }), "too large"),
        (json!({ "patterns": { "x": { "ignore-case": true } } }), "would match every line"),
        (json!({ "patterns": { "x": { "text": [""] } } }), "empty text"),
        (json!({ "window": "tomorrow" }), "neither a length of time"),
        (json!({ "window": "0s" }), "not between"),
        (json!({ "zone": "Mars/Base" }), "not a zone"),
        (json!({ "samples": 1000 }), "at most 100"),
        (json!({ "presets": ["erors"] }), "errors"),
        (json!({ "presets": [] }), "leave it away"),
    ] {
        let wrong = kind.build_json(&with).err().unwrap_or_else(|| panic!("{with} was taken"));
        let text = format!("{wrong:?}");
        assert!(text.contains(word), "{with}: {text}");
    }
}
