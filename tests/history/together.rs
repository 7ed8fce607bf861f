//! Several processes with one history, and processes with little to work with.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use selx_core::Status;
use sqlx::{ConnectOptions as _, Row as _, SqliteConnection};

use crate::{Machine, complaint, history, summary};

const FOLDER: &str = "SELX_TEST_FOLDER";

async fn opened(folder: &Path) -> SqliteConnection {
    sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("history.db")).connect().await.unwrap()
}

/// Runs a test of this file in a process of its own.
fn process(test: &str, folder: &Path, before: &[&str]) -> tokio::process::Command {
    let this = std::env::current_exe().unwrap();
    let mut words: Vec<&str> = before.to_vec();
    words.push(this.to_str().unwrap());
    let mut command = tokio::process::Command::new(words[0]);
    command.args(&words[1..]).args(["--exact", test, "--ignored", "--nocapture"]);
    command.env(FOLDER, folder).kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn passes(mut command: tokio::process::Command) {
    let output = tokio::time::timeout(Duration::from_secs(60), command.output()).await.unwrap().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
async fn two_processes_with_fifty_runs_each_lose_none() {
    let folder = tempfile::tempdir().unwrap();
    let worker = || passes(process("together::fifty_runs", folder.path(), &[]));
    tokio::join!(worker(), worker());
    let mut connection = opened(folder.path()).await;
    let row = sqlx::query("SELECT count(*), count(ended), count(DISTINCT id), count(DISTINCT pid) FROM runs");
    let row = row.fetch_one(&mut connection).await.unwrap();
    let counts: Vec<i64> = (0..4).map(|column| row.get(column)).collect();
    assert_eq!(counts, [100, 100, 100, 2]);
    let row = sqlx::query("SELECT count(*) FROM looks").fetch_one(&mut connection).await.unwrap();
    assert_eq!(row.get::<i64, _>(0), 100);
}

#[tokio::test]
#[ignore = "is run by `two_processes_with_fifty_runs_each_lose_none` in processes of its own"]
async fn fifty_runs() {
    let folder = std::env::var(FOLDER).unwrap();
    let machine = Machine::new();
    for _ in 0..50 {
        let report = machine.run(history(folder.as_ref())).await;
        for notice in &report.notices {
            // The other process is in the middle of its run: that is told and is no failure.
            assert_eq!(notice.code, "run-overlapping", "{notice:?}");
        }
    }
}

#[tokio::test]
async fn two_runs_of_one_process_share_a_history() {
    let folder = tempfile::tempdir().unwrap();
    let shared = Arc::new(history(folder.path()));
    let machine = Machine::new();
    let runs = (0..10).map(|_| machine.run_with(Arc::clone(&shared)));
    let mut all = Vec::new();
    for run in runs {
        all.push(run.await);
    }
    let (one, two) = tokio::join!(machine.run_with(Arc::clone(&shared)), machine.run_with(Arc::clone(&shared)));
    all.extend([one, two]);
    for report in &all {
        assert!(report.notices.iter().all(|notice| notice.code == "run-overlapping"), "{:?}", report.notices);
    }
    assert_eq!(crate::series(&shared, 100).await.len(), 12);
}

#[tokio::test]
async fn a_lock_that_is_never_given_back_costs_a_bounded_time() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::new();
    machine.run(history(folder.path())).await;
    let mut holder = opened(folder.path()).await;
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut holder).await.unwrap();
    let begun = Instant::now();
    let report = machine.run(history(folder.path())).await;
    assert!(begun.elapsed() < Duration::from_millis(3_400), "{:?}", begun.elapsed());
    assert_eq!(report.entries[0].status(), Status::Ok);
    let text = complaint(&report);
    assert!(text.contains("locked by another process") || text.contains("no answer within"), "{text}");
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    let report = machine.run(history(folder.path())).await;
    assert!(report.notices.is_empty(), "{:?}", report.notices);
}

#[tokio::test]
async fn a_short_lock_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::new();
    machine.run(history(folder.path())).await;
    let mut holder = opened(folder.path()).await;
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut holder).await.unwrap();
    let (report, _) = tokio::join!(machine.run(history(folder.path())), async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    });
    assert!(report.notices.is_empty(), "{:?}", report.notices);
    assert_eq!(summary(&report), "1 after 0");
}

#[tokio::test]
async fn a_process_that_is_killed_leaves_a_history_that_works() {
    let folder = tempfile::tempdir().unwrap();
    Machine::new().run(history(folder.path())).await;
    for round in 0..8 {
        let mut child = process("together::fifty_runs", folder.path(), &[]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(40 + 17 * round)).await;
        child.kill().await.unwrap();
        let report = Machine::new().run(history(folder.path())).await;
        for notice in &report.notices {
            assert_eq!(notice.code, "run-unfinished", "{notice:?}");
        }
    }
    let mut connection = opened(folder.path()).await;
    let row = sqlx::query("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(row.get::<String, _>(0), "ok");
}

#[tokio::test]
async fn an_ordinary_user_without_the_right_is_told() {
    assert!(rustix::process::geteuid().is_root(), "this test becomes another user, so it needs root");
    let folder = tempfile::tempdir().unwrap();
    Machine::new().run(history(folder.path())).await;
    // Another user may look into the folder, but it is not theirs.
    let before = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    passes(process("together::without_the_right", folder.path(), &before)).await;
}

#[tokio::test]
#[ignore = "is run by `an_ordinary_user_without_the_right_is_told` in a process of its own"]
async fn without_the_right() {
    let folder = std::env::var(FOLDER).unwrap();
    let report = Machine::new().run(history(folder.as_ref())).await;
    let text = complaint(&report);
    assert!(text.contains("belongs to user 0, and this runs as user 65534"), "{text}");
    let report = Machine::new().run(history(&Path::new(&folder).join("below"))).await;
    assert!(complaint(&report).contains("could not be made"), "{}", complaint(&report));
}

#[tokio::test]
async fn with_few_descriptors_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    passes(process("together::few_descriptors", folder.path(), &[])).await;
}

#[tokio::test]
#[ignore = "is run by `with_few_descriptors_it_is_told` in a process of its own"]
async fn few_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let folder = std::env::var(FOLDER).unwrap();
    let machine = Machine::new();
    machine.run(history(folder.as_ref())).await;
    // The worker of the last connection may still be closing its file.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1;
    let maximum = getrlimit(Resource::Nofile).maximum;
    let mut told = 0;
    for room in 0..6 {
        setrlimit(Resource::Nofile, Rlimit { current: Some(open + room), maximum }).unwrap();
        let begun = Instant::now();
        let report = machine.run(history(folder.as_ref())).await;
        assert!(begun.elapsed() < Duration::from_secs(3), "{room}: {:?}", begun.elapsed());
        assert_eq!(report.entries[0].status(), Status::Ok, "{room}");
        if report.notices.iter().any(|notice| notice.code == "history-unavailable") {
            told += 1;
        }
    }
    assert!(told > 0, "the limit was never felt");
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let report = machine.run(history(folder.as_ref())).await;
    assert!(report.notices.iter().all(|notice| notice.code != "history-unavailable"), "{:?}", report.notices);
}

#[tokio::test]
async fn without_threads_it_is_told() {
    assert!(rustix::process::geteuid().is_root(), "this test becomes another user, so it needs root");
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(folder.path(), Some(64_998), None).unwrap();
    let before = ["/usr/bin/setpriv", "--reuid=64998", "--regid=64998", "--clear-groups"];
    passes(process("together::no_threads", folder.path(), &before)).await;
}

#[tokio::test]
#[ignore = "is run by `without_threads_it_is_told` in a process of its own"]
async fn no_threads() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let folder = std::env::var(FOLDER).unwrap();
    let machine = Machine::new();
    let old = getrlimit(Resource::Nproc);
    setrlimit(Resource::Nproc, Rlimit { current: Some(1), maximum: old.maximum }).unwrap();
    let report = machine.run(history(folder.as_ref())).await;
    assert_eq!(report.entries[0].status(), Status::Ok);
    assert!(complaint(&report).contains("threads"), "{}", complaint(&report));
    setrlimit(Resource::Nproc, old).unwrap();
    assert!(machine.run(history(folder.as_ref())).await.notices.is_empty());
}

#[tokio::test]
async fn two_hundred_runs_leave_no_thread_and_no_descriptor() {
    let folder = tempfile::tempdir().unwrap();
    passes(process("together::many_runs", folder.path(), &[])).await;
}

#[tokio::test]
#[ignore = "is run by `two_hundred_runs_leave_no_thread_and_no_descriptor` in a process of its own"]
async fn many_runs() {
    let folder = std::env::var(FOLDER).unwrap();
    let machine = Machine::new();
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
    machine.run(history(folder.as_ref())).await;
    let before = (count("fd"), count("task"));
    for _ in 0..200 {
        assert!(machine.run(history(folder.as_ref())).await.notices.is_empty());
    }
    // The worker of the last connection may still be ending.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(count("fd") <= before.0 + 3 && count("task") <= before.1 + 1, "{before:?}");
}

#[tokio::test]
async fn a_process_ends_at_once_also_while_a_lock_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    passes(process("together::one_run", folder.path(), &[])).await;
    assert!(begun.elapsed() < Duration::from_millis(2_000), "{:?}", begun.elapsed());
    let mut holder = opened(folder.path()).await;
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut holder).await.unwrap();
    let begun = Instant::now();
    passes(process("together::one_run", folder.path(), &[])).await;
    assert!(begun.elapsed() < Duration::from_millis(4_500), "{:?}", begun.elapsed());
}

#[tokio::test]
#[ignore = "is run by `a_process_ends_at_once_also_while_a_lock_is_held` in a process of its own"]
async fn one_run() {
    let folder = std::env::var(FOLDER).unwrap();
    let report = Machine::new().run(history(folder.as_ref())).await;
    assert_eq!(report.entries[0].status(), Status::Ok);
}

#[tokio::test]
async fn a_limit_on_the_size_of_files_stops_no_run() {
    let folder = tempfile::tempdir().unwrap();
    passes(process("together::small_files", folder.path(), &[])).await;
}

#[tokio::test]
#[ignore = "is run by `a_limit_on_the_size_of_files_stops_no_run` in a process of its own"]
async fn small_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let folder = std::env::var(FOLDER).unwrap();
    // The program ignores this signal; without that, the kernel ends it.
    let _ignored = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(25)).unwrap();
    let mut machine = Machine::new();
    machine.run(history(folder.as_ref())).await;
    let old = getrlimit(Resource::Fsize);
    let length = std::fs::metadata(format!("{folder}/history.db")).unwrap().len();
    setrlimit(Resource::Fsize, Rlimit { current: Some(length), maximum: old.maximum }).unwrap();
    machine.subjects = 500;
    let report = machine.run(history(folder.as_ref())).await;
    assert_eq!(report.entries[0].status(), Status::Ok);
    let told: Vec<_> = report.notices.iter().filter(|notice| notice.code == "history-unavailable").collect();
    assert_eq!(told.len(), 1, "{:?}", report.notices);
    setrlimit(Resource::Fsize, old).unwrap();
    let report = machine.run(history(folder.as_ref())).await;
    assert!(report.notices.iter().all(|notice| notice.code == "run-overlapping"), "{:?}", report.notices);
    assert_eq!(summary(&report), "2 after 0");
}
