//! `host-disk` against real mounts.

use std::io::Write as _;

use selx_core::{Host, Status};
use serde_json::{Value, json};

use crate::mount::{Mounted, host};
use crate::{Looks, look, measure, output, says, write};

/// Writes until nothing more goes in.
fn fill(mounted: &Mounted) {
    let mut file = std::fs::File::create(mounted.point().join("big")).expect("a first file");
    while file.write_all(&[1; 4096]).is_ok() {}
}

#[tokio::test]
async fn it_says_what_df_says() {
    let mounted = Mounted::memory("some", "size=1m");
    std::fs::write(mounted.point().join("file"), vec![1; 400_000]).expect("there is room");
    let entry = look("host-disk", json!({ "paths": ["/", mounted.name()] }), host()).await;
    for (point, tolerance) in [(mounted.name(), 0.0), ("/", 64.0 * 1_048_576.0)] {
        let text = output("df", &["-B1", "--output=used,avail,iused", point]);
        let wanted: Vec<f64> = text
            .lines()
            .nth(1)
            .expect("a line")
            .split_whitespace()
            .map(|number| number.parse().expect("a number"))
            .collect();
        for (name, wanted) in ["used", "available", "inodes"].iter().zip(wanted) {
            let seen = measure(&entry, name, point);
            assert!((seen - wanted).abs() <= tolerance, "{name} on {point}: {seen}, df says {wanted}");
        }
    }
}

#[tokio::test]
async fn a_full_file_system_is_critical() {
    let mounted = Mounted::memory("full", "size=64k");
    let with = json!({ "paths": [mounted.name()] });
    says(&look("host-disk", with.clone(), host()).await, Status::Ok, &["1 file system", mounted.name()]);
    fill(&mounted);
    let entry = look("host-disk", with, host()).await;
    says(&entry, Status::Critical, &["limit-used", "64 KiB of 64 KiB (100%)", "85%"]);
}

#[tokio::test]
async fn a_file_system_without_inodes_is_critical() {
    let mounted = Mounted::memory("inodes", "size=1m,nr_inodes=16");
    let mut made = 0;
    while std::fs::File::create(mounted.point().join(made.to_string())).is_ok() {
        made += 1;
    }
    assert!(made > 5, "some files could be made");
    let entry = look("host-disk", json!({ "paths": [mounted.name()] }), host()).await;
    says(&entry, Status::Critical, &["limit-inodes", "inodes used 16 of 16 (100%)"]);
    assert_eq!(entry.judgement.findings.len(), 1, "there is room: {:?}", entry.judgement.findings);
}

#[tokio::test]
async fn what_becomes_read_only_is_critical() {
    let mounted = Mounted::memory("remounted", "size=64k");
    let looks = Looks::of("host-disk", json!({ "paths": [mounted.name()] }), host());
    says(&looks.look().await, Status::Ok, &[]);
    mounted.remount_read_only();
    let entry = looks.look().await;
    says(&entry, Status::Critical, &["read-only", "was not at the last look"]);
}

#[tokio::test]
async fn what_is_read_only_on_purpose_is_fine() {
    let mounted = Mounted::memory("read-only", "size=64k");
    mounted.remount_read_only();
    let looks = Looks::of("host-disk", json!({ "paths": [mounted.name()] }), host());
    says(&looks.look().await, Status::Ok, &[]);
    says(&looks.look().await, Status::Ok, &[]);
    let with = json!({ "paths": [mounted.name()], "read-only": "always" });
    says(&look("host-disk", with, host()).await, Status::Critical, &["cannot be written to"]);
}

#[tokio::test]
async fn what_the_kernel_made_read_only_is_critical_at_the_first_look() {
    let root = tempfile::tempdir().expect("a folder");
    for (options, status) in [
        ("rw,relatime - ext4 /dev/sda1 ro", Status::Critical),
        ("ro,relatime - ext4 /dev/sda1 ro,errors=remount-ro", Status::Critical),
        ("rw,relatime - ext4 /dev/sda1 rw,emergency_ro", Status::Critical),
        ("ro,relatime - ext4 /dev/sda1 ro", Status::Ok),
        ("ro,relatime - ext4 /dev/sda1 rw,errors=remount-ro", Status::Ok),
    ] {
        write(root.path(), "proc/self/mountinfo", &format!("1 0 8:1 / / {options}\n"));
        let mut looks = Looks::of("host-disk", Value::Null, Host::below(root.path()));
        // The disk under the folder of the test stands for the disk: only the options are made up.
        let none = selx_core::Limit::default;
        looks.instance.limits = selx_core::Limits::default().set("used", none()).set("inodes", none());
        let words: &[&str] = if status == Status::Critical { &["after an error"] } else { &[] };
        says(&looks.look().await, status, words);
    }
}

#[tokio::test]
async fn paths_that_are_not_there_are_critical() {
    let mounted = Mounted::memory("here", "size=64k");
    let gone = mounted.point().join("gone");
    let entry = look("host-disk", json!({ "paths": [mounted.name(), gone] }), host()).await;
    says(&entry, Status::Critical, &["missing-path", "gone", "does not exist"]);
    assert!(measure(&entry, "used", mounted.name()) < 65_536.0, "what is there is measured");

    let folder = mounted.point().join("empty");
    std::fs::create_dir(&folder).expect("a folder");
    let with = json!({ "paths": [mounted.name()], "mounted": [mounted.name(), folder] });
    let entry = look("host-disk", with, host()).await;
    says(&entry, Status::Critical, &["not-mounted", "empty"]);
    assert_eq!(entry.judgement.findings.len(), 1, "what is mounted is no finding");
}

#[tokio::test]
async fn a_path_stands_for_its_file_system_through_links() {
    let mounted = Mounted::memory("target", "size=64k");
    std::fs::write(mounted.point().join("file"), "x").expect("there is room");
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(mounted.point().join("file"), &link).expect("a link");
    let entry = look("host-disk", json!({ "paths": [link, mounted.name()] }), host()).await;
    says(&entry, Status::Ok, &["1 file system", mounted.name()]);
}

#[tokio::test]
async fn a_selection_of_nothing_is_unknown() {
    let entry = look("host-disk", json!({ "types": ["no-such-type"] }), host()).await;
    says(&entry, Status::Unknown, &["nothing-selected", "no file system is left"]);
    let entry = look("host-disk", json!({ "exclude": ["*"] }), host()).await;
    says(&entry, Status::Unknown, &["nothing-selected"]);
    let entry = look("host-disk", json!({ "paths": ["/proc"] }), host()).await;
    says(&entry, Status::Unknown, &["no-size", "/proc"]);
}

#[tokio::test]
async fn hostile_names_are_subjects_as_they_are() {
    let mounted = Mounted::memory("a b\tc\nd\\040e#", "size=64k");
    fill(&mounted);
    let entry = look("host-disk", json!({ "types": ["tmpfs"] }), host()).await;
    assert_eq!(measure(&entry, "used", mounted.name()), 65_536.0);
    assert_eq!(entry.status(), Status::Critical);
}

#[tokio::test]
async fn the_same_file_system_is_shown_once() {
    let mounted = Mounted::memory("short", "size=64k");
    let other = mounted.bound("a-longer-name");
    let entry = look("host-disk", json!({ "types": ["tmpfs"] }), host()).await;
    let seen = |point: &str| entry.measures.iter().any(|one| one.measure.subject == point);
    assert!(seen(mounted.name()));
    assert!(!seen(other.to_str().expect("text")));
}

#[test]
fn a_server_that_never_answers_does_not_hold_up_the_others() {
    // A runtime of its own: the thread that hangs in the kernel must not be waited for at its end.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let full = Mounted::memory("full", "size=64k");
    fill(&full);
    let (silent, server) = Mounted::silent();
    let below = silent.point().join("below");
    let begun = std::time::Instant::now();
    runtime.block_on(async {
        let entry = look("host-disk", json!({ "paths": [silent.name(), full.name()] }), host()).await;
        says(&entry, Status::Critical, &["no-answer", "the path did not answer within 1.5s", "limit-used"]);
        assert_eq!(measure(&entry, "used", full.name()), 65_536.0);

        let entry = look("host-disk", json!({ "types": ["fuse"] }), host()).await;
        says(&entry, Status::Unknown, &[silent.name(), "did not answer"]);

        let entry = look("host-disk", json!({ "paths": [below] }), host()).await;
        says(&entry, Status::Unknown, &["below", "did not answer"]);
    });
    assert!(begun.elapsed().as_secs_f64() < 5.5, "three looks of two seconds each: {:?}", begun.elapsed());
    // A run that is cancelled does not wait for it either.
    let cancel = tokio_util::sync::CancellationToken::new();
    let mut looks = Looks::of("host-disk", json!({ "paths": [silent.name()] }), host());
    looks.runner = looks.runner.cancelled_by(cancel.clone());
    let begun = std::time::Instant::now();
    runtime.block_on(async {
        let (entry, ()) = tokio::join!(looks.look(), async {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            cancel.cancel();
        });
        says(&entry, Status::Unknown, &["cancelled"]);
    });
    assert!(begun.elapsed().as_secs_f64() < 1.0, "{:?}", begun.elapsed());
    // Logs that lie there are given up at the end of the time.
    let begun = std::time::Instant::now();
    runtime.block_on(async {
        let entry = look("logs-patterns", json!({ "paths": [silent.point().join("app.log")] }), host()).await;
        says(&entry, Status::Unknown, &["reading the logs did not finish within 2s"]);
    });
    assert!(begun.elapsed().as_secs_f64() < 4.0, "{:?}", begun.elapsed());
    // When the server goes, the kernel answers in its place.
    drop(server);
    runtime.block_on(async {
        let entry = look("host-disk", json!({ "paths": [silent.name()] }), host()).await;
        says(&entry, Status::Critical, &["file-system-error", "not connected"]);
    });
    runtime.shutdown_background();
}

#[tokio::test]
async fn more_mounts_than_can_be_looked_at_are_told() {
    let root = tempfile::tempdir().expect("a folder");
    let mut text = String::from("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
    for number in 0..10_000 {
        text.push_str(&format!("{} 1 9:{number} / /m/{number:05} rw - ext4 /dev/x rw\n", number + 2));
    }
    write(root.path(), "proc/self/mountinfo", &text);
    let begun = std::time::Instant::now();
    let entry = look("host-disk", Value::Null, Host::below(root.path())).await;
    assert!(begun.elapsed().as_secs_f64() < 2.0, "{:?}", begun.elapsed());
    assert!(entry.status() >= Status::Unknown);
    let faults: Vec<&str> = entry.faults.iter().map(|fault| fault.message.as_str()).collect();
    assert!(faults.iter().any(|text| text.contains("more than 10000 mounts")), "{faults:?}");
    assert!(faults.iter().any(|text| text.contains("only the first 1000")), "{faults:?}");
}

#[tokio::test]
async fn a_container_is_judged_by_its_root() {
    let root = tempfile::tempdir().expect("a folder");
    let text = "1 0 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d\n\
        2 1 0:5 / /proc rw - proc proc rw\n3 1 8:1 /x/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n";
    write(root.path(), "proc/self/mountinfo", text);
    let entry = look("host-disk", Value::Null, Host::below(root.path())).await;
    says(&entry, entry.status(), &["1 file system, fullest / at"]);
    assert!(entry.faults.is_empty());
}

#[tokio::test]
async fn a_line_that_is_no_mount_is_told() {
    let root = tempfile::tempdir().expect("a folder");
    write(root.path(), "proc/self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /va");
    let entry = look("host-disk", json!({ "paths": ["/"] }), Host::below(root.path())).await;
    assert!(entry.status() >= Status::Unknown);
    assert!(entry.faults[0].message.contains("1 lines are not mounts"), "{}", entry.faults[0].message);
}
