//! The kind `logs-sizes` beside `du`, with programs that write and files that were removed.

use std::io::{Seek as _, SeekFrom, Write as _};

use selx_core::Status;
use serde_json::json;

use crate::drive::{Logs, run, says};

#[tokio::test]
async fn the_sum_is_that_of_du_and_the_largest_come_first() {
    let logs = Logs::new();
    for (name, length) in [("a.log", 100_000), ("deep/b.log", 3_000_000), ("deep/er/c.log.1", 700_000), ("d.txt", 10)] {
        logs.write(name, vec![b'x'; length]);
    }
    std::fs::hard_link(logs.path("a.log"), logs.path("again.log")).expect("a link");
    // A file with a hole takes what it holds.
    let mut sparse = std::fs::File::create(logs.path("sparse.log")).expect("a file");
    sparse.seek(SeekFrom::Start(1 << 30)).expect("a place");
    sparse.write_all(b"x\n").expect("it can be written");
    let entry = logs.look_of("logs-sizes", json!({ "top": 3 })).await;
    let du = run("sh", &["-c", "find . -type f -print0 | du -cB1 --files0-from=- | tail -1"], logs.folder.path());
    let sum: u64 = du.split_whitespace().next().and_then(|sum| sum.parse().ok()).expect("a number");
    let facts = entry.facts.as_ref().expect("facts");
    assert_eq!(facts["folders"][0]["bytes"], json!(sum));
    let names: Vec<&str> =
        facts["largest"].as_array().expect("files").iter().filter_map(|file| file["path"].as_str()).collect();
    let ends = ["/deep/b.log", "/deep/er/c.log.1"];
    assert!(names.len() == 3 && names.iter().zip(ends).all(|(name, end)| name.ends_with(end)), "{names:?}");
    says(&entry, Status::Ok, &["5 files", "deep/b.log"]);
}

#[tokio::test]
async fn a_folder_inside_another_is_counted_once_in_all() {
    let logs = Logs::new();
    for (name, length) in [("a.log", 100_000), ("deep/b.log", 300_000)] {
        logs.write(name, vec![b'x'; length]);
    }
    std::fs::hard_link(logs.path("deep/b.log"), logs.path("same.log")).expect("a link");
    std::os::unix::fs::symlink(logs.folder.path(), logs.path("again")).expect("a link");
    let one = logs.look_of("logs-sizes", json!({})).await;
    let paths = json!([logs.path("deep"), logs.folder.path(), logs.path("again")]);
    let all = logs.look_of("logs-sizes", json!({ "paths": paths })).await;
    assert_eq!(one.judgement.summary.split(',').next(), all.judgement.summary.split(',').next());
    let facts = |entry: &selx_core::Entry| entry.facts.clone().expect("facts");
    assert_eq!(facts(&one)["largest"], facts(&all)["largest"]);
    let sizes: Vec<u64> =
        facts(&all)["folders"].as_array().expect("folders").iter().filter_map(|one| one["bytes"].as_u64()).collect();
    assert!(sizes[0] >= 300_000 && sizes[1] > sizes[0] && sizes[2] == sizes[1], "{sizes:?}");
    says(&all, Status::Ok, &["too"]);
}

#[tokio::test]
async fn growth_writers_and_removed_files_are_told() {
    let logs = Logs::new();
    let mut open = std::fs::File::create(logs.path("app.log")).expect("a file");
    open.write_all(&vec![b'x'; 1 << 20]).expect("it can be written");
    let _reader = std::fs::File::open(logs.path("app.log")).expect("the file");
    let with = || json!({});
    let entry = logs.look_of("logs-sizes", with()).await;
    let me = format!("({})", std::process::id());
    says(&entry, Status::Ok, &["written by", &me, "from the next look on"]);
    logs.later(100);
    open.write_all(&vec![b'x'; 2 << 20]).expect("it can be written");
    let entry = logs.look_of("logs-sizes", with()).await;
    let growth = entry.measures.iter().find(|one| one.measure.name == "growth").expect("growth").measure.value;
    assert!((growth - (2 << 20) as f64 / 100.0).abs() < 100.0, "{growth}");
    says(&entry, Status::Ok, &["2 MiB more than at the last look"]);
    std::fs::remove_file(logs.path("app.log")).expect("it can be removed");
    let entry = logs.look_of("logs-sizes", with()).await;
    says(&entry, Status::Warning, &["app.log", "was removed and still takes 3 MiB", &me]);
    drop(open);
    says(&logs.look_of("logs-sizes", with()).await, Status::Ok, &["0 files"]);
    says(
        &logs.look_of("logs-sizes", json!({ "paths": ["/nowhere"] })).await,
        Status::Critical,
        &["/nowhere", "does not exist"],
    );
}
