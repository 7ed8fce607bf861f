//! `backup-drill`: a server of its own, what it proves, and what it leaves alone.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use selx_checks::backup::archive::{BackupArchive, Level};
use selx_checks::backup::create::BackupCreate;
use selx_checks::backup::drill::BackupDrill;
use selx_core::Check as _;
use selx_core::action::{Ground as _, Outcome, recover};
use serde_json::{Value, json};

use crate::cluster::{Cluster, command};
use crate::machine::{Machine, action, content, fill, names, psql};

/// A folder that the user of a server can get to.
fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::Builder::new().prefix("drill-").tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

fn settings(machine: &Machine, scratch: &Path) -> Value {
    json!({ "folder": machine.folder, "name": "shop", "scratch": scratch, "min-free": "16MiB" })
}

/// The processes that have a word in their command line.
fn processes(word: &str) -> Vec<String> {
    let lines = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(word)).collect()
}

#[tokio::test]
async fn q1_k7_k9_k10_a_drill_proves_the_newest_backup_and_touches_nothing_else() {
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    psql(&cluster, "shop", "CREATE ROLE maker; CREATE TABLE made (id int); ALTER TABLE made OWNER TO maker");
    let report = machine.run::<BackupCreate>(&machine.settings(&cluster)).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    let (_keep, scratch) = scratch();
    let mut with = settings(&machine, &scratch);
    with["assertions"] = json!({
        "customers are there": { "sql": "SELECT count(*) = 3000 FROM customers" },
        "ids go on": { "sql": "SELECT last_value >= (SELECT max(id) FROM customers) FROM customers_id_seq" },
    });
    with["amcheck"] = json!(true);
    let began = psql(&cluster, "shop", "SELECT pg_postmaster_start_time()");
    let was = content(&cluster, "shop");
    machine.clock.advance(std::time::Duration::from_secs(3600));
    let plan = machine.plan::<BackupDrill>(&with).await;
    assert_eq!(plan.plan.refused, []);
    assert_eq!(names(&scratch), Vec::<String>::new(), "a plan changes nothing");
    let report = machine.apply::<BackupDrill>(&plan).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_eq!(names(&scratch), Vec::<String>::new(), "nothing is left");
    assert_eq!(processes(scratch.to_str().unwrap()), Vec::<String>::new(), "no process is left");
    // What runs is as it was.
    assert_eq!(psql(&cluster, "shop", "SELECT pg_postmaster_start_time()"), began);
    assert_eq!(content(&cluster, "shop"), was);
    let all = machine.names();
    assert_eq!((all.len(), all[1].clone()), (2, format!("{}.proof.json", all[0])));
    let proof: Value = serde_json::from_slice(&std::fs::read(machine.folder.join(&all[1])).unwrap()).unwrap();
    assert_eq!((&proof["level"], &proof["compared"]["shop"][0]), (&json!("started"), &json!(6)));
    assert_eq!(proof["compared"]["shop"][1], 3000 + 50 + 90);
    let point = proof["recovery-point"].as_f64().unwrap();
    assert!((3600.0..3700.0).contains(&point), "{point}");
    let (time, phases) = (proof["recovery-time"].as_f64().unwrap(), proof["phases"].as_object().unwrap());
    let sum: f64 = phases.values().map(|seconds| seconds.as_f64().unwrap()).sum();
    assert!(sum > 0.0 && sum <= time && phases.len() == 6, "{proof}");
    // The check reads it.
    let check =
        BackupArchive::new(serde_json::from_value(json!({ "path": machine.folder, "min-level": "started" })).unwrap());
    let facts = check.probe(&machine.context()).await.unwrap();
    assert_eq!(facts.series[0].read[0].level, Level::Started, "{facts:?}");
    // Another time is another drill.
    machine.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(machine.apply::<BackupDrill>(&plan).await.outcome, Outcome::Stale);
    let report = machine.run::<BackupDrill>(&with).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
}

#[tokio::test]
async fn q1_j14_k11_what_is_not_as_it_was_proves_nothing() {
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    let (_keep, scratch) = scratch();
    // A dump that is whole, and has lost the rows of a table on the way.
    let bin = machine.folder.parent().unwrap().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let real = ["15", "16", "17"].map(|major| format!("/usr/lib/postgresql/{major}/bin/pg_dump"));
    let real = real.into_iter().find(|path| Path::new(path).exists()).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in --version) exec {real} --version;; esac\nexec {real} \"$@\" --exclude-table-data=customers\n"
    );
    std::fs::write(bin.join("pg_dump"), script).unwrap();
    std::fs::set_permissions(bin.join("pg_dump"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut create = machine.settings(&cluster);
    create["programs"] = json!(bin);
    assert_eq!(machine.run::<BackupCreate>(&create).await.outcome, Outcome::Done);
    let report = machine.run::<BackupDrill>(&settings(&machine, &scratch)).await;
    assert_eq!(report.outcome, Outcome::Failed, "{report:?}");
    assert!(format!("{report:?}").contains("customers has 0 rows and not 3000"), "{report:?}");
    assert_eq!((names(&scratch), machine.names().len()), (Vec::new(), 1), "no record, and nothing left");
    // An assertion that does not hold, and one that is no SQL.
    assert_eq!(machine.run::<BackupCreate>(&machine.settings(&cluster)).await.outcome, Outcome::Done);
    for (sql, words) in [
        ("SELECT count(*) = 1 FROM customers", "it gives `f`"),
        ("SELECT nothing FROM nowhere", "42P01"),
        ("SELECT true WHERE false", "it gives nothing"),
    ] {
        let mut with = settings(&machine, &scratch);
        with["assertions"] = json!({ "mine": { "sql": sql } });
        let report = machine.run::<BackupDrill>(&with).await;
        assert_eq!(report.outcome, Outcome::Failed, "{sql}: {report:?}");
        assert!(format!("{report:?}").contains(words), "{sql}: {report:?}");
        assert_eq!((names(&scratch), machine.names().len()), (Vec::new(), 2), "{sql}");
    }
    assert_eq!(processes(scratch.to_str().unwrap()), Vec::<String>::new());
    // No room, and a folder that the user of the server cannot get to.
    let mut with = settings(&machine, &scratch);
    with["min-free"] = json!("900TiB");
    assert_eq!(machine.run::<BackupDrill>(&with).await.outcome, Outcome::Refused);
    let closed = machine.folder.parent().unwrap().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    with = settings(&machine, &closed);
    if rustix::process::geteuid().is_root() {
        let report = machine.run::<BackupDrill>(&with).await;
        assert!(format!("{report:?}").contains("cannot get to"), "{report:?}");
    }
}

#[tokio::test]
async fn q1_k9_a_server_that_an_earlier_drill_left_is_ended_and_goes() {
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    assert_eq!(machine.run::<BackupCreate>(&machine.settings(&cluster)).await.outcome, Outcome::Done);
    let (_keep, scratch) = scratch();
    let left = scratch.join(".selx-drill-0badcafe");
    std::fs::create_dir(&left).unwrap();
    std::fs::set_permissions(&left, std::fs::Permissions::from_mode(0o777)).unwrap();
    let data = left.join("data");
    let mut initdb = command("initdb");
    assert!(initdb.args(["-U", "postgres", "--no-sync", "-D"]).arg(&data).output().unwrap().status.success());
    let mut server = command("postgres");
    server.arg("-D").arg(&data).arg("-k").arg(&left).args(["-c", "listen_addresses="]);
    let mut server = server.stderr(std::process::Stdio::null()).spawn().unwrap();
    while !left.join(".s.PGSQL.5432").exists() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let plan = machine.plan::<BackupDrill>(&settings(&machine, &scratch)).await;
    assert!(plan.plan.steps[0].what.contains("`.selx-drill-0badcafe` goes"), "{}", plan.plan.steps[0].what);
    assert!(server.try_wait().unwrap().is_none(), "a plan ends nothing");
    let waiting = std::thread::spawn(move || server.wait().unwrap());
    let report = machine.apply::<BackupDrill>(&plan).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    waiting.join().unwrap();
    assert_eq!(names(&scratch), Vec::<String>::new());
    assert_eq!(psql(&cluster, "shop", "SELECT 1"), "1", "the other server goes on");
}

/// Where the child finds the machine of the test.
const CHILD: &str = "SELX_TEST_DRILL_CHILD";

#[tokio::test]
async fn the_child_of_a_kill() {
    let Some(folder) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let machine = Machine::at(&folder);
    let with: Value = serde_json::from_slice(&std::fs::read(folder.join("settings")).unwrap()).unwrap();
    let report = machine.run::<BackupDrill>(&with).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
}

#[tokio::test]
async fn q1_k9_l1_killed_at_any_time_a_drill_leaves_no_server_and_no_folder() {
    let rounds: u64 = std::env::var("SELX_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    assert_eq!(machine.run::<BackupCreate>(&machine.settings(&cluster)).await.outcome, Outcome::Done);
    let (_keep, scratch) = scratch();
    let folder = machine.folder.parent().unwrap().to_owned();
    let with = settings(&machine, &scratch);
    std::fs::write(folder.join("settings"), with.to_string()).unwrap();
    let child = || {
        #[expect(clippy::disallowed_methods, reason = "a process that is killed")]
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "drill::the_child_of_a_kill", "--test-threads=1"])
            .env(CHILD, &folder)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let began = std::time::Instant::now();
    assert!(child().wait().unwrap().success());
    let whole = began.elapsed();
    let mut killed = 0;
    for _ in 0..rounds {
        let mut process = child();
        let wait = std::time::Duration::from_nanos(crate::kills::random() % whole.as_nanos() as u64);
        tokio::time::sleep(wait).await;
        process.kill().unwrap();
        killed += u32::from(!process.wait().unwrap().success());
        // The server goes with it, by itself.
        for _ in 0..500 {
            if processes(scratch.to_str().unwrap()).is_empty() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(processes(scratch.to_str().unwrap()), Vec::<String>::new(), "after {wait:?}");
        let here = Machine::at(&folder);
        let ground = here.ground();
        for open in ground.open().unwrap() {
            let action = action::<BackupDrill>(&with);
            let mut report = recover(&open, &action, false, &ground, &here.context()).await;
            for _ in 0..500 {
                if report.outcome != Outcome::Locked {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                report = recover(&open, &action, false, &ground, &here.context()).await;
            }
            let fine = matches!(report.outcome, Outcome::Done | Outcome::Undone | Outcome::Failed);
            assert!(fine, "after {wait:?}: {report:?}");
        }
        assert!(ground.open().unwrap().is_empty(), "after {wait:?}: a run is still open");
        assert_eq!(names(&scratch), Vec::<String>::new(), "after {wait:?}");
        assert!(machine.names().len() <= 2, "{:?}", machine.names());
    }
    println!("{killed} kills of {rounds}");
}
