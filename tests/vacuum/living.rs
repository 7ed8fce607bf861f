//! A journal that is being written, by systemd's own program in mounts that only its test sees.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use selx_core::action::{Applied, DynAction as _, Outcome, StepState};
use serde_json::json;

use crate::journal::{BOOT, Journal, kept, run, targets, write};

const JOURNALD: &str = "/lib/systemd/systemd-journald";
const FOLDER: &str = "/var/log/journal";

/// Runs something on a thread with a `/run` and a journal of its own, which go away with it.
fn in_own_mounts(work: impl FnOnce(PathBuf) + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: this thread gets a copy of the table of mounts; nothing of Rust rests on it.
            #[expect(unsafe_code, reason = "a test of mounts must not show them to the whole machine")]
            unsafe {
                rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS | rustix::thread::UnshareFlags::FS)
            }
            .expect("this test needs the right to mount (root)");
            mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE).unwrap();
            std::fs::create_dir_all(FOLDER).unwrap();
            for point in ["/run", FOLDER] {
                mount("none", point, "tmpfs", MountFlags::empty(), Some(c"mode=0755")).unwrap();
            }
            std::fs::create_dir_all("/run/systemd/journal").unwrap();
            // Without it the journal goes to a folder that does not survive a boot.
            std::fs::write("/run/systemd/journal/flushed", "").unwrap();
            let machine = std::fs::read_to_string("/etc/machine-id").unwrap();
            let folder = Path::new(FOLDER).join(machine.trim());
            std::fs::create_dir(&folder).unwrap();
            work(folder);
        });
        thread.join().unwrap();
    });
}

struct Journald(Child);

impl Journald {
    fn start() -> Self {
        let child = Command::new(JOURNALD).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let journald = Self(child.expect("systemd is installed"));
        let until = Instant::now() + Duration::from_secs(20);
        while !Path::new("/run/systemd/journal/io.systemd.journal").exists() {
            assert!(Instant::now() < until, "journald does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        journald
    }

    /// Has something written to the journal, and waits until it can be read.
    fn says(&self, text: &str) {
        let socket = UnixDatagram::unbound().unwrap();
        socket.send_to(format!("MESSAGE={text}\nPRIORITY=6\n").as_bytes(), "/run/systemd/journal/socket").unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while !read().contains(text) {
            assert!(Instant::now() < until, "`{text}` is not in the journal");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn read() -> String {
    let output = Command::new("/usr/bin/journalctl").args(["--no-pager", "-q", "-o", "cat"]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn w19_p11_the_file_that_is_written_is_closed_first_if_it_is_asked_for() {
    in_own_mounts(|folder| {
        let old = write(&folder.join("system.journal"), (90, 81), BOOT);
        let old = crate::journal::archive(&old);
        let active = folder.join("system.journal");
        let journald = Journald::start();
        journald.says("said to the first file");
        // As if it had been begun 20 days ago. After a month journald would close it by itself.
        let began = selx_core::Clock::now(&selx_core::SystemClock).as_second() - 20 * 86_400;
        let head = u64::try_from(began).unwrap() * 1_000_000;
        File::options().write(true).open(&active).unwrap().write_all_at(&head.to_le_bytes(), 184).unwrap();
        let inode = active.metadata().unwrap().ino();
        let mut journal = Journal::at(tempfile::tempdir_in("/run").unwrap(), FOLDER.into());
        journal.limit = Duration::from_secs(30);
        let plan = journal.plan(json!({ "older-than": "8d" }));
        assert_eq!(targets(&plan), [old.as_str()]);
        assert_eq!(kept(&plan, "being written, with entries since"), ["system.journal"]);
        let plan = journal.plan(json!({ "older-than": "8d", "rotate": true }));
        assert_eq!(targets(&plan), ["system.journal", old.as_str()]);
        assert!(plan.plan.steps[0].what.starts_with("close "), "{}", plan.plan.steps[0].what);
        let report = journal.apply(&plan);
        assert_eq!(report.outcome, Outcome::Done, "{report:#?}");
        assert_eq!(report.steps[0].state, StepState::Applied(Applied::Changed("closed".into())));
        assert_ne!(active.metadata().unwrap().ino(), inode);
        assert!(!folder.join(&old).exists());
        // It is written and read on, and nothing of what was said is lost.
        journald.says("said to the new file");
        assert!(read().contains("said to the first file"));
        // What was closed has entries of today.
        journal.clock.set(selx_core::Clock::now(&selx_core::SystemClock));
        let next = journal.plan(json!({ "older-than": "8d", "rotate": true, "keep-boot": false }));
        assert_eq!(targets(&next), [""; 0], "{:#?}", next.plan);
        assert_eq!(kept(&next, "within the last 7d of the journal").len(), 1);
        assert_eq!(journal.apply(&plan).outcome, Outcome::Stale);
    });
}

#[test]
fn p13_a_journal_that_does_not_answer_fails_the_step_and_changes_nothing() {
    in_own_mounts(|folder| {
        let old = crate::journal::archive(&write(&folder.join("system.journal"), (90, 81), BOOT));
        write(&folder.join("system.journal"), (60, 1), BOOT);
        let mut journal = Journal::at(tempfile::tempdir_in("/run").unwrap(), FOLDER.into());
        let check = |journal: &Journal, words: &str| {
            let plan = journal.plan(json!({ "rotate": true }));
            assert_eq!(targets(&plan)[0], "system.journal");
            let report = journal.apply(&plan);
            assert_eq!(report.outcome, Outcome::Failed, "{report:#?}");
            assert!(report.why.iter().any(|why| why.contains(words)), "{:?}", report.why);
            assert!(folder.join(&old).exists());
            let probe = run(journal.action(&plan.with).probe(&plan.plan.steps[0].step, &journal.context()));
            assert_eq!(probe.unwrap(), selx_core::action::Seen::Before);
        };
        check(&journal, "`journalctl --rotate` failed (Code(1)): Failed to connect");
        // It accepts, and says nothing.
        let _hangs = UnixListener::bind("/run/systemd/journal/io.systemd.journal").unwrap();
        journal.limit = Duration::from_secs(3);
        let began = Instant::now();
        check(&journal, "`journalctl --rotate` did not end in time");
        assert!(began.elapsed() < Duration::from_secs(10));
    });
}
