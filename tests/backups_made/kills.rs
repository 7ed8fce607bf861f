//! `SIGKILL` in the middle of making a backup, and what `recover` makes of it.
//!
//! `SELX_ROUNDS=200 cargo test -p selx --test backups_made -- kills` kills two hundred times.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use selx_checks::backup::archive::{BackupArchive, Level};
use selx_checks::backup::create::BackupCreate;
use selx_core::Check as _;
use selx_core::action::{Ground as _, Outcome, recover};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::machine::{Machine, action, fill};

/// Where the child finds the machine of the test.
const CHILD: &str = "SELX_TEST_BACKUP_CHILD";

/// The child: it plans and applies, and is killed somewhere in between. Without the test's word it does nothing.
#[tokio::test]
async fn the_child_of_a_kill() {
    let Some(folder) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let machine = Machine::at(&folder);
    let with: Value = serde_json::from_slice(&std::fs::read(folder.join("settings")).unwrap()).unwrap();
    let report = machine.run::<BackupCreate>(&with).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
}

#[expect(clippy::disallowed_methods, reason = "a process that is killed")]
fn child(folder: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::the_child_of_a_kill", "--test-threads=1"])
        .env(CHILD, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Numbers that differ from run to run, and are told.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::hash::RandomState::new().build_hasher().finish()
}

/// The archives that there are, with what is in them.
fn contents(machine: &Machine) -> Vec<(String, Vec<u8>)> {
    machine.names().into_iter().map(|name| (name.clone(), std::fs::read(machine.folder.join(name)).unwrap())).collect()
}

/// Recovers what was left, and looks that nothing is lost, half done or unproven. Returns what each run came to, and how many
/// archives are new.
async fn mended(folder: &Path, with: &Value, known: &[(String, Vec<u8>)], when: &str) -> (Vec<Outcome>, usize) {
    let here = Machine::at(folder);
    let ground = here.ground();
    let mut outcomes = Vec::new();
    for open in ground.open().unwrap() {
        let action = action::<BackupCreate>(with);
        let mut report = recover(&open, &action, false, &ground, &here.context()).await;
        // What it had started holds its locks until it has ended: a dump whose reader is gone does so soon.
        for _ in 0..500 {
            if report.outcome != Outcome::Locked {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            report = recover(&open, &action, false, &ground, &here.context()).await;
        }
        let fine = matches!(report.outcome, Outcome::Done | Outcome::Undone | Outcome::Failed);
        assert!(fine, "{when}: {report:?}");
        outcomes.push(report.outcome);
    }
    assert!(ground.open().unwrap().is_empty(), "{when}: a run is still open");
    let names = here.names();
    assert!(names.iter().all(|name| name.ends_with("Z.tar.zst")), "{when}: {names:?}");
    for (index, (name, bytes)) in known.iter().enumerate() {
        assert_eq!(names[index], *name, "{when}");
        assert_eq!(std::fs::read(here.folder.join(name)).unwrap(), *bytes, "{when}: {name}");
    }
    let check: BackupArchive = BackupArchive::new(
        serde_json::from_value(json!({ "path": here.folder, "read": 1000, "series": ["shop-*.tar.zst"] })).unwrap(),
    );
    let facts = check.probe(&here.context()).await.unwrap();
    let doubtful = facts.series[0].read.iter().filter(|archive| archive.level < Level::Manifest).count();
    assert_eq!((doubtful, facts.series[0].read.len()), (0, names.len()), "{when}");
    (outcomes, names.len() - known.len())
}

/// How an archive is begun, filled, brought to the disk and named, and how what is not finished goes.
const CALLS: [&str; 5] = ["pwrite64", "fsync", "renameat2", "unlinkat", "memfd_create"];

#[tokio::test]
async fn m1_l1_killed_at_the_calls_that_count_an_archive_is_whole_or_gone() {
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    let folder = machine.folder.parent().unwrap().to_owned();
    let with = machine.settings(&cluster);
    std::fs::write(folder.join("settings"), with.to_string()).unwrap();
    assert!(child(&folder).wait().unwrap().success());
    let (mut kills, mut done, mut undone) = (0, 0, 0);
    for call in CALLS {
        for number in 1..100 {
            let bytes = contents(&machine);
            #[expect(clippy::disallowed_methods, reason = "a process that is killed at a system call")]
            let status = Command::new("/usr/bin/strace")
                .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")])
                .arg(format!("--inject={call}:signal=KILL:when={number}"))
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", "kills::the_child_of_a_kill", "--test-threads=1"])
                .env(CHILD, &folder)
                .output()
                .expect("strace is there");
            let killed = !status.status.success();
            let (outcomes, new) = mended(&folder, &with, &bytes, &format!("{call} {number}")).await;
            assert!(killed || new == 1, "{call} {number}: {}", String::from_utf8_lossy(&status.stdout));
            kills += usize::from(killed);
            done += outcomes.iter().filter(|outcome| **outcome == Outcome::Done).count();
            undone += outcomes.iter().filter(|outcome| **outcome == Outcome::Undone).count();
            if !killed {
                break;
            }
        }
    }
    println!("{kills} kills at calls, {undone} undone, {done} found done");
    assert!(kills >= 8 && done >= 1 && undone >= 3, "{kills} kills, {undone} undone, {done} found done");
}

#[tokio::test]
async fn m1_l1_killed_at_any_time_no_older_archive_is_lost_and_no_half_one_has_a_name() {
    let rounds: u64 = std::env::var("SELX_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    let folder = machine.folder.parent().unwrap().to_owned();
    let with = machine.settings(&cluster);
    std::fs::write(folder.join("settings"), with.to_string()).unwrap();
    // How long one takes that nobody kills.
    let began = std::time::Instant::now();
    assert!(child(&folder).wait().unwrap().success());
    let whole = began.elapsed();
    let (mut killed, mut undone, mut made) = (0, 0, 0);
    for _ in 0..rounds {
        let bytes = contents(&machine);
        let mut process = child(&folder);
        let wait = Duration::from_nanos(random() % (whole.as_nanos() as u64 * 11 / 10));
        tokio::time::sleep(wait).await;
        process.kill().unwrap();
        killed += u32::from(!process.wait().unwrap().success());
        let (outcomes, new) = mended(&folder, &with, &bytes, &format!("after {wait:?}")).await;
        undone += outcomes.iter().filter(|outcome| **outcome == Outcome::Undone).count();
        made += new;
        // The check reads all of them each time.
        if made > 20 {
            break;
        }
    }
    let report = Machine::at(&folder).run::<BackupCreate>(&with).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    println!("{killed} kills of {rounds}, {undone} undone, {made} made");
}
