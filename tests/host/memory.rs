//! `host-memory` against this machine and against trees of `/proc`.

use std::path::Path;

use selx_core::{Host, Status};
use serde_json::Value;

use crate::{Looks, look, measure, output, says, write};

#[tokio::test]
async fn it_says_what_free_says() {
    let entry = look("host-memory", Value::Null, Host::default()).await;
    let text = output("free", &["-b"]);
    let line: Vec<f64> = text
        .lines()
        .find_map(|line| line.strip_prefix("Mem:"))
        .expect("a line")
        .split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect();
    let (total, available) = (line[0], line[5]);
    // Other programs come and go between the two.
    let tolerance = 0.05 * total;
    assert!((measure(&entry, "available", "") - available).abs() < tolerance);
    assert!((measure(&entry, "used", "") - (total - available)).abs() < tolerance);
}

/// Writes a machine of a million kB.
fn machine(root: &Path, available: u32, cached: u32, swap_free: u32, kills: &str) {
    let text = format!(
        "MemTotal: 1000000 kB\nMemFree: 10000 kB\nMemAvailable: {available} kB\nCached: {cached} kB\n\
         SwapTotal: 1000 kB\nSwapFree: {swap_free} kB\n"
    );
    write(root, "proc/meminfo", &text);
    write(root, "proc/vmstat", &format!("nr_free_pages 1\n{kills}"));
}

#[tokio::test]
async fn caches_are_not_used_memory() {
    let root = tempfile::tempdir().expect("a folder");
    // Only one percent is free; nine tenths are caches.
    machine(root.path(), 900_000, 890_000, 1_000, "");
    let entry = look("host-memory", Value::Null, Host::below(root.path())).await;
    says(&entry, Status::Ok, &["97.7 MiB of 977 MiB used (10%)"]);
}

#[tokio::test]
async fn memory_and_swap_that_run_out_are_told() {
    let root = tempfile::tempdir().expect("a folder");
    machine(root.path(), 150_000, 0, 1_000, "");
    says(&look("host-memory", Value::Null, Host::below(root.path())).await, Status::Warning, &["limit-used", "85%"]);
    machine(root.path(), 50_000, 0, 100, "");
    let entry = look("host-memory", Value::Null, Host::below(root.path())).await;
    says(&entry, Status::Critical, &["limit-used", "95%", "limit-swap-used", "90%"]);
}

#[tokio::test]
async fn a_kill_between_two_looks_is_critical_once() {
    let root = tempfile::tempdir().expect("a folder");
    let looks = Looks::of("host-memory", Value::Null, Host::below(root.path()));
    machine(root.path(), 900_000, 0, 1_000, "oom_kill 2\n");
    says(&looks.look().await, Status::Ok, &["oom-kills-before", "killed 2 processes"]);
    machine(root.path(), 900_000, 0, 1_000, "oom_kill 5\n");
    says(&looks.look().await, Status::Critical, &["limit-oom-kills", "processes killed for memory 3"]);
    says(&looks.look().await, Status::Ok, &[]);
}

#[tokio::test]
async fn pressure_is_judged_and_may_be_absent() {
    let root = tempfile::tempdir().expect("a folder");
    machine(root.path(), 900_000, 0, 1_000, "");
    let entry = look("host-memory", Value::Null, Host::below(root.path())).await;
    says(&entry, Status::Ok, &[]);
    let told = entry.judgement.evidence.iter().find(|pair| pair.label == "pressure").expect("it is told");
    assert!(told.value.contains("not known") && told.value.contains("does not exist"), "{}", told.value);

    let text = "some avg10=90.00 avg60=80.00 avg300=60.00 total=9\nfull avg10=50.00 avg60=40.00 avg300=30.00 total=5\n";
    write(root.path(), "proc/pressure/memory", text);
    let entry = look("host-memory", Value::Null, Host::below(root.path())).await;
    says(&entry, Status::Critical, &["limit-pressure", "pressure on memory 30%"]);
}

#[tokio::test]
async fn the_limit_of_the_own_container_counts() {
    let root = tempfile::tempdir().expect("a folder");
    machine(root.path(), 900_000, 0, 1_000, "");
    write(root.path(), "proc/self/cgroup", "0::/\n");
    write(root.path(), "sys/fs/cgroup/memory.max", "104857600\n");
    write(root.path(), "sys/fs/cgroup/memory.current", "103809024\n");
    write(root.path(), "sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 2097152\n");
    let entry = look("host-memory", Value::Null, Host::below(root.path())).await;
    says(&entry, Status::Critical, &["limit-container-used", "this container 97 MiB of its limit of 100 MiB"]);
    // A service in a slice of a host is not a container.
    write(root.path(), "proc/self/cgroup", "0::/system.slice/selx.service\n");
    says(&look("host-memory", Value::Null, Host::below(root.path())).await, Status::Ok, &[]);
    write(root.path(), "proc/self/cgroup", "0::/\n");
    write(root.path(), "sys/fs/cgroup/memory.max", "max\n");
    says(&look("host-memory", Value::Null, Host::below(root.path())).await, Status::Ok, &[]);
}
