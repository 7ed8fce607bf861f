//! What a program starts ends with it, and nothing is left of it here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit, test_kill_process};
use selx_checks::command::{Child, Exit};
use selx_core::{Context, Status};

use crate::{check, codes, entry_of, instance, output, script};

/// Waits until a process is gone or a zombie of somebody else.
async fn gone(pid: i32) -> bool {
    for _ in 0..100 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit(") ").next().unwrap_or_default();
        if stat.is_empty() || state.starts_with('Z') {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

fn pid_in(text: &str) -> i32 {
    text.trim().rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_grandchild_on_the_pipe_does_not_hold_us_up() {
    let begun = Instant::now();
    let entry = check(&script("sleep 60 & echo OK - $!", "nagios")).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(codes(&entry), ["left-behind"]);
    assert_eq!(entry.status(), Status::Warning);
    assert!(gone(pid_in(&output(&entry, "stdout"))).await);
}

#[tokio::test]
async fn a_daemon_that_left_the_group_does_not_hold_us_up() {
    let begun = Instant::now();
    let entry = check(&script("setsid sh -c 'echo OK - $$; exec sleep 60' & sleep 0.3", "nagios")).await;
    let pid = pid_in(&output(&entry, "stdout"));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(codes(&entry), ["left-behind"]);
    let pid = Pid::from_raw(pid).unwrap();
    test_kill_process(pid).expect("it has left the group, so it lives");
    kill_process(pid, Signal::KILL).unwrap();
}

#[tokio::test]
async fn the_whole_group_ends_when_the_time_is_up() {
    let text = "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $!; wait";
    let entry = entry_of(instance(&script(text, "nagios")), Duration::from_secs(1), Arc::default()).await;
    assert_eq!(codes(&entry), ["did-not-end"]);
    assert!(gone(pid_in(&output(&entry, "stdout"))).await);
}

#[tokio::test]
async fn a_dropped_future_kills_the_group() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let text = format!("sleep 60 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display());
    let task = tokio::spawn(async move {
        let cx = Context::new(Duration::from_secs(30));
        Child::new("/bin/sh").arg("-c").arg(text).run(&cx).await
    });
    while !file.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let pid = pid_in(&std::fs::read_to_string(&file).unwrap());
    test_kill_process(Pid::from_raw(pid).unwrap()).unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(gone(pid).await);
}

#[tokio::test]
async fn a_hundred_runs_leave_nothing() {
    let count = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let cx = Context::new(Duration::from_secs(60));
    let child = Child::new("/bin/true");
    child.run(&cx).await.unwrap();
    let threads = count();
    for _ in 0..100 {
        assert_eq!(child.run(&cx).await.unwrap().exit, Exit::Code(0));
    }
    // Other tests of this process begin and end meanwhile, so a few more are no leak.
    assert!(count() < threads + 50, "{threads} threads became {}", count());
}

/// Runs a test of this file in a process of its own, because a limit holds for a whole process.
async fn passes(test: &str, user: Option<u32>) {
    let this = std::env::current_exe().unwrap().display().to_string();
    let child = match user {
        None => Child::new(this),
        Some(user) => Child::new("/usr/bin/setpriv")
            .arg(format!("--reuid={user}"))
            .arg(format!("--regid={user}"))
            .arg("--clear-groups")
            .arg(this),
    };
    let cx = Context::new(Duration::from_secs(30));
    let child = child.arg("--exact").arg(test).arg("--ignored").arg("--nocapture");
    let ended = child.run(&cx).await.unwrap();
    assert_eq!(ended.exit, Exit::Code(0), "{}{}", ended.stdout.text, ended.stderr.text);
    assert!(ended.stdout.text.contains("1 passed"), "{}", ended.stdout.text);
}

#[tokio::test]
async fn without_descriptors_it_is_unknown() {
    passes("group::with_few_descriptors", None).await;
}

#[tokio::test]
async fn without_processes_it_is_unknown() {
    assert!(rustix::process::geteuid().is_root(), "this test becomes another user, so it needs root");
    passes("group::with_no_process_left", Some(64_999)).await;
}

#[tokio::test]
#[ignore = "is run by `without_processes_it_is_unknown` in a process of its own"]
async fn with_no_process_left() {
    let old = rustix::process::getrlimit(Resource::Nproc);
    setrlimit(Resource::Nproc, Rlimit { current: Some(1), maximum: old.maximum }).unwrap();
    let entry = check(&script("echo OK", "nagios")).await;
    assert_eq!(entry.status(), Status::Unknown, "{}", entry.headline());
    assert!(entry.headline().contains("no processes or no memory left"), "{}", entry.headline());
    setrlimit(Resource::Nproc, old).unwrap();
    assert_eq!(check(&script("echo OK", "nagios")).await.status(), Status::Ok, "it works again");
}

#[tokio::test]
#[ignore = "is run by `without_descriptors_it_is_unknown` in a process of its own"]
async fn with_few_descriptors() {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let mut refused = 0;
    for room in 0..12 {
        let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: Some(open + room), maximum }).unwrap();
        let entry = check(&script("echo OK", "nagios")).await;
        match entry.status() {
            Status::Ok => {}
            Status::Unknown => {
                assert!(entry.headline().contains("descriptors"), "{room}: {}", entry.headline());
                refused += 1;
            }
            status => panic!("{room}: {status:?} {}", entry.headline()),
        }
    }
    assert!(refused > 0, "the limit was never felt");
    assert_eq!(check(&script("echo OK", "nagios")).await.status(), Status::Ok, "it works again");
}
