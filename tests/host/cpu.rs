//! `host-cpu` against this machine and against trees of `/proc`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use selx_core::{Host, Limits, Status};
use serde_json::Value;

use crate::{Looks, look, measure, says, write};

/// Long enough between two looks for a share.
const APART: Duration = Duration::from_millis(1_050);

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_that_is_busy_is_seen() {
    let mut looks = Looks::of("host-cpu", Value::Null, Host::default());
    // What else this machine does is not the matter.
    looks.instance.limits = Limits::default();
    let entry = looks.look().await;
    says(&entry, Status::Skipped, &["needs a second look"]);

    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..std::thread::available_parallelism().map_or(1, usize::from))
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let mut sum = 0_u64;
                let end = Instant::now() + Duration::from_secs(5);
                while !stop.load(Ordering::Relaxed) && Instant::now() < end {
                    sum = std::hint::black_box(sum.wrapping_add(1));
                }
            })
        })
        .collect();
    tokio::time::sleep(APART).await;
    let entry = looks.look().await;
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("the loop ends");
    }
    let busy = measure(&entry, "busy", "");
    assert!(busy > 0.6, "every processor had a loop: {busy}");
    says(&entry, Status::Ok, &["busy"]);
}

#[tokio::test]
async fn a_look_that_follows_at_once_says_that_it_is_too_soon() {
    let mut looks = Looks::of("host-cpu", Value::Null, Host::default());
    looks.instance.limits = Limits::default();
    looks.look().await;
    says(&looks.look().await, Status::Skipped, &["needs a second look", "ago"]);
}

/// Writes a machine with two processors.
fn machine(root: &Path, total: &str, load: &str, pressure: &str) {
    write(root, "proc/stat", &format!("cpu  {total}\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nbtime 1\n"));
    write(root, "proc/loadavg", load);
    if !pressure.is_empty() {
        let text = format!("some avg10={pressure} avg60={pressure} avg300={pressure} total=1\n");
        write(root, "proc/pressure/cpu", &text);
    }
}

#[tokio::test]
async fn the_first_look_is_skipped_unless_something_is_plain() {
    let root = tempfile::tempdir().expect("a folder");
    machine(root.path(), "1 0 0 1 0 0 0 0 0 0", "0.1 0.1 0.1 1/9 9", "3.00");
    says(&look("host-cpu", Value::Null, Host::below(root.path())).await, Status::Skipped, &["second look"]);
    machine(root.path(), "1 0 0 1 0 0 0 0 0 0", "0.1 0.1 0.1 1/9 9", "60.00");
    let entry = look("host-cpu", Value::Null, Host::below(root.path())).await;
    says(&entry, Status::Warning, &["limit-pressure", "pressure on the processors 60%"]);
    machine(root.path(), "1 0 0 1 0 0 0 0 0 0", "500.0 500.0 500.0 900/999 9", "95.00");
    let entry = look("host-cpu", Value::Null, Host::below(root.path())).await;
    says(&entry, Status::Critical, &["limit-pressure", "limit-load15", "15-minute load per processor 250"]);
}

#[tokio::test]
async fn counters_that_go_back_are_not_read_as_idle_or_busy() {
    let root = tempfile::tempdir().expect("a folder");
    let looks = Looks::of("host-cpu", Value::Null, Host::below(root.path()));
    machine(root.path(), "5000 0 0 5000 900 0 0 0 0 0", "0 0 0 1/9 9", "");
    looks.look().await;
    tokio::time::sleep(APART).await;
    // Waiting for disks may go back, guests are in `user` already: half of the time was busy.
    machine(root.path(), "6000 0 0 6000 100 0 0 0 999999 0", "0 0 0 1/9 9", "");
    let entry = looks.look().await;
    assert_eq!((measure(&entry, "busy", ""), measure(&entry, "iowait", "")), (0.5, 0.0));
    tokio::time::sleep(APART).await;
    machine(root.path(), "10 0 0 10 0 0 0 0 0 0", "0 0 0 1/9 9", "");
    says(&looks.look().await, Status::Skipped, &["went back"]);
}

#[tokio::test]
async fn busy_is_critical_only_when_it_has_lasted() {
    let root = tempfile::tempdir().expect("a folder");
    let mut looks = Looks::of("host-cpu", Value::Null, Host::below(root.path()));
    machine(root.path(), "0 0 0 0 0 0 0 0 0 0", "0 0 0 1/9 9", "");
    looks.look().await;
    tokio::time::sleep(APART).await;
    machine(root.path(), "1000 0 0 0 0 0 0 0 0 0", "0 0 0 1/9 9", "");
    let entry = looks.look().await;
    says(&entry, Status::Ok, &["busy 100%", "not yet for 15m"]);
    // The same with a second for the quarter of an hour.
    let limit = selx_core::Limit::new(selx_core::Unit::Ratio, "", "80%").lasting(selx_core::TimeSpan::secs(1));
    looks.instance.limits = Limits::default().set("busy", limit);
    tokio::time::sleep(APART).await;
    machine(root.path(), "2000 0 0 0 0 0 0 0 0 0", "0 0 0 1/9 9", "");
    says(&looks.look().await, Status::Critical, &["limit-busy", "busy 100%"]);
}

#[tokio::test]
async fn the_quota_of_the_own_container_counts() {
    let root = tempfile::tempdir().expect("a folder");
    let looks = Looks::of("host-cpu", Value::Null, Host::below(root.path()));
    write(root.path(), "proc/self/cgroup", "0::/\n");
    write(root.path(), "sys/fs/cgroup/cpu.max", "10000 100000\n");
    let usage = |micros: u64, periods: u64, throttled: u64| {
        let text = format!("usage_usec {micros}\nnr_periods {periods}\nnr_throttled {throttled}\n");
        write(root.path(), "sys/fs/cgroup/cpu.stat", &text);
    };
    usage(0, 0, 0);
    machine(root.path(), "0 0 0 0 0 0 0 0 0 0", "0 0 0 1/9 9", "");
    looks.look().await;
    tokio::time::sleep(APART).await;
    usage(100_000, 10, 9);
    machine(root.path(), "100 0 0 1000 0 0 0 0 0 0", "0 0 0 1/9 9", "");
    let entry = looks.look().await;
    says(&entry, Status::Warning, &["limit-throttled", "stopped by its processor quota 90%"]);
    let used = measure(&entry, "quota-used", "");
    assert!((0.5..1.0).contains(&used), "a tenth of a processor was used nearly whole: {used}");
}

#[tokio::test]
async fn a_load_that_does_not_read_is_told() {
    let root = tempfile::tempdir().expect("a folder");
    machine(root.path(), "0 0 0 0 0 0 0 0 0 0", "NaN", "");
    let entry = look("host-cpu", Value::Null, Host::below(root.path())).await;
    says(&entry, Status::Unknown, &["loadavg"]);
}
