//! The history does not grow without an end, and a disk that is full stops nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use selx_core::{ByteSize, Status};

use crate::{DAY, Machine, complaint, history, series, summary};

#[tokio::test]
async fn what_is_older_than_the_retention_goes() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::new();
    for _ in 0..20 {
        machine.run(history(folder.path())).await;
        machine.clock.advance(10 * DAY);
    }
    let points = series(&history(folder.path()), 100).await;
    // The newest was taken ten days before now; ninety days back from it there is room for ten.
    assert_eq!(points.len(), 10);
}

#[tokio::test]
async fn a_clock_that_was_behind_for_some_runs_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut machine = Machine::new();
    let right = std::sync::Arc::clone(&machine.clock);
    for _ in 0..3 {
        machine.run(history(folder.path())).await;
        right.advance(DAY);
    }
    // A machine without a battery begins in the past, and finds the time some runs later.
    machine.clock = std::sync::Arc::new(selx_core::ManualClock::at("2020-01-01T00:00:00Z".parse().unwrap()));
    for _ in 0..4 {
        machine.run(history(folder.path())).await;
        machine.clock.advance(Duration::from_secs(600));
    }
    assert_eq!(series(&history(folder.path()), 100).await.len(), 7);
    // What is older than it is to be kept goes as soon as two runs agree on the time.
    machine.clock = right;
    for _ in 0..2 {
        machine.run(history(folder.path())).await;
        machine.clock.advance(DAY);
    }
    assert_eq!(series(&history(folder.path()), 100).await.len(), 5);
}

#[tokio::test]
async fn the_file_stays_within_its_bound_and_keeps_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let mut machine = Machine::new();
    machine.subjects = 500;
    let size = ByteSize(512 << 10);
    for _ in 0..120 {
        machine.clock.advance(Duration::from_secs(60));
        let report = machine.run(history(folder.path()).size_limit(size)).await;
        assert!(report.notices.is_empty(), "{:?}", report.notices);
    }
    let length = std::fs::metadata(folder.path().join("history.db")).unwrap().len();
    assert!(length <= size.get() + (64 << 10), "{length} bytes");
    let points = series(&history(folder.path()), 100).await;
    assert!((3..120).contains(&points.len()), "{} points", points.len());
    assert_eq!(points.last().unwrap().1, 119.5);
    assert_eq!(summary(&machine.run(history(folder.path()).size_limit(size)).await), "120 after 119");
}

/// A file system in memory, which goes away with its value.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    async fn mount(options: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        sh(&format!("mount -t tmpfs -o mode=0700,{options} none {}", folder.path().display())).await;
        folder
    }

    async fn remount(&self, options: &str) {
        // It is busy for as long as the last history is being closed.
        let remount = format!("mount -o remount,{options} {}", self.path().display());
        sh(&format!("for i in 1 2 3 4 5 6 7 8 9; do {remount} 2>/dev/null && exit 0; sleep 0.1; done; {remount}"))
            .await;
    }

    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

impl Drop for Tmpfs {
    #[expect(clippy::disallowed_methods, reason = "nothing can be awaited here")]
    fn drop(&mut self) {
        // Lazily: a file of the history may still be being closed.
        let _ = std::process::Command::new("/bin/umount").arg("-l").arg(self.0.path()).status();
    }
}

async fn sh(text: &str) {
    let status = tokio::process::Command::new("/bin/sh").arg("-c").arg(text).status().await.unwrap();
    assert!(status.success(), "this test mounts file systems, so it needs root: {text}");
}

fn fill(folder: &Path, leave: u64) {
    let free = rustix::fs::statvfs(folder).unwrap();
    let bytes = (free.f_bavail * free.f_frsize).saturating_sub(leave);
    std::fs::write(folder.join("filler"), vec![0; usize::try_from(bytes).unwrap()]).unwrap();
}

#[tokio::test]
async fn a_full_disk_stops_no_run_and_harms_no_history() {
    for leave in (0..=96).step_by(4) {
        let disk = Tmpfs::mount("size=512k").await;
        let state = disk.path().join("selx");
        let mut machine = Machine::new();
        machine.subjects = 200;
        machine.run(history(&state)).await;
        fill(&disk.path(), leave << 10);
        machine.clock.advance(DAY);
        let report = machine.run(history(&state)).await;
        assert_eq!(report.entries[0].status(), Status::Ok, "{leave} KiB");
        if !report.notices.is_empty() {
            let text = complaint(&report);
            assert!(text.contains("space"), "{leave} KiB: {text}");
        }
        std::fs::remove_file(disk.path().join("filler")).unwrap();
        let report = machine.run(history(&state)).await;
        // The run whose end could not be noted is one of this process, which lives.
        let fine = report.notices.iter().all(|notice| notice.code == "run-overlapping");
        assert!(fine, "{leave} KiB: {:?}", report.notices);
        assert!(summary(&report).starts_with("2 after"), "{leave} KiB: {}", summary(&report));
    }
}

#[tokio::test]
async fn a_disk_that_is_full_from_the_beginning() {
    for leave in [0, 4, 8, 16, 32] {
        let disk = Tmpfs::mount("size=512k").await;
        fill(&disk.path(), leave << 10);
        let report = Machine::new().run(history(&disk.path().join("selx"))).await;
        assert_eq!(report.entries[0].status(), Status::Ok);
        let text = complaint(&report);
        assert!(text.contains("space") || text.contains("could not be made"), "{leave} KiB: {text}");
        std::fs::remove_file(disk.path().join("filler")).unwrap();
        let report = Machine::new().run(history(&disk.path().join("selx"))).await;
        assert!(report.notices.is_empty(), "{leave} KiB: {:?}", report.notices);
    }
}

#[tokio::test]
async fn no_inodes_left() {
    for inodes in 1..=5 {
        let disk = Tmpfs::mount(&format!("size=1m,nr_inodes={inodes}")).await;
        let report = Machine::new().run(history(&disk.path().join("selx"))).await;
        assert_eq!(report.entries[0].status(), Status::Ok);
        if inodes < 4 {
            let text = complaint(&report);
            assert!(text.contains("could not be made") || text.contains("cannot be opened"), "{inodes}: {text}");
        }
    }
}

#[tokio::test]
async fn a_disk_that_is_read_only_still_remembers() {
    let disk = Tmpfs::mount("size=1m").await;
    let state = disk.path().join("selx");
    let machine = Machine::new();
    machine.run(history(&state)).await;
    disk.remount("ro").await;
    for _ in 0..2 {
        let report = machine.run(history(&state)).await;
        assert_eq!(report.entries[0].status(), Status::Ok);
        assert!(summary(&report).ends_with("after 0"), "{}", summary(&report));
        let text = complaint(&report);
        assert!(text.contains("no right to write") && text.contains("read-only"), "{text}");
    }
    // And where there was nothing yet, nothing can be made.
    let report = machine.run(history(&disk.path().join("other"))).await;
    assert!(complaint(&report).contains("could not be made"), "{}", complaint(&report));
    disk.remount("rw").await;
    assert!(machine.run(history(&state)).await.notices.is_empty());
}

#[tokio::test]
async fn a_run_that_could_not_be_saved_does_not_go_on_for_ever() {
    let disk = Tmpfs::mount("size=512k").await;
    let mut machine = Machine::new();
    machine.subjects = 300;
    let shared = std::sync::Arc::new(history(&disk.path().join("selx")));
    machine.run_with(std::sync::Arc::clone(&shared)).await;
    // There is room to note the beginning, and not for what comes of it.
    fill(&disk.path(), 12 << 10);
    let report = machine.run_with(std::sync::Arc::clone(&shared)).await;
    assert!(complaint(&report).contains("space"), "{:?}", report.notices);
    std::fs::remove_file(disk.path().join("filler")).unwrap();
    let report = machine.run_with(shared).await;
    assert!(report.notices.is_empty(), "{:?}", report.notices);
}
