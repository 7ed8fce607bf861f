//! `backup-create` where something fails in the middle of it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use selx_checks::backup::create::BackupCreate;
use selx_core::action::{ActionReport, Outcome};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::machine::{Machine, fill, psql};
use crate::mount::{Mounted, host};

/// Writes a `pg_dump` that is not the real one; `$REAL` in it is.
fn pg_dump(machine: &Machine, script: &str) -> PathBuf {
    let folder = machine.folder.parent().unwrap().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let real = ["15", "16", "17"].map(|major| format!("/usr/lib/postgresql/{major}/bin/pg_dump"));
    let real = real.into_iter().find(|path| Path::new(path).exists()).unwrap();
    let text = format!("#!/bin/sh\nREAL={real}\ncase \"$1\" in --version) exec $REAL --version;; esac\n{script}\n");
    let path = folder.join("pg_dump");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

/// Makes an older archive first, and then one that fails; the older one stays as it was, and nothing else is there.
async fn fails(machine: &Machine, cluster: &Cluster, change: impl FnOnce(&mut Value)) -> ActionReport {
    let mut with = machine.settings(cluster);
    if machine.names().is_empty() {
        let report = machine.run::<BackupCreate>(&with).await;
        assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    }
    let older = machine.names();
    let bytes = std::fs::read(machine.folder.join(&older[0])).unwrap();
    change(&mut with);
    let report = machine.run::<BackupCreate>(&with).await;
    assert_eq!(machine.names(), older, "{report:?}");
    assert_eq!(std::fs::read(machine.folder.join(&older[0])).unwrap(), bytes);
    report
}

#[tokio::test]
async fn m1_j15_a_dump_that_is_cut_or_fails_makes_no_archive() {
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    for (script, words) in [
        // It ends well, and half of its output is missing.
        ("$REAL \"$@\" | head -c 100000; exit 0", "is not whole"),
        ("$REAL \"$@\" | head -c 60", "is not whole"),
        ("exit 0", "is not whole"),
        ("echo 'no such thing'; exit 0", "is not whole"),
        ("$REAL \"$@\"; exit 3", "ended with the code 3"),
        ("$REAL \"$@\" | head -c 100000; kill -9 $$", "was ended by the signal 9"),
        ("echo it is broken >&2; exit 1", "it is broken"),
        // What is packed is the dump of another database.
        ("PGDATABASE=postgres; export PGDATABASE; exec $REAL \"--format=custom\" \"--compress=0\"", "another database"),
    ] {
        let programs = pg_dump(&machine, script);
        let report = fails(&machine, &cluster, |with| with["programs"] = json!(programs)).await;
        assert_eq!(report.outcome, Outcome::Failed, "{script}: {report:?}");
        assert!(format!("{report:?}").contains(words), "{script}: {report:?}");
    }
}

#[tokio::test]
async fn m1_j18_on_a_disk_that_becomes_full_the_older_archives_stay() {
    // Before anything starts threads: they see the mounts of who started them.
    host();
    let (mut machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    let disk = Mounted::memory("disk", "size=6m,mode=0755");
    machine.folder = disk.point().to_owned();
    // What cannot be packed: it takes more than there is.
    psql(&cluster, "shop", "CREATE EXTENSION pgcrypto");
    let noise = "CREATE TABLE noise AS SELECT gen_random_bytes(1000) AS b FROM generate_series(1, 8000)";
    let report = fails(&machine, &cluster, |with| {
        psql(&cluster, "shop", noise);
        with["min-free"] = json!("1KiB");
    })
    .await;
    assert_eq!(report.outcome, Outcome::Failed, "{report:?}");
    assert!(format!("{report:?}").contains("No space left"), "{report:?}");
    // The archive would be larger than it may be.
    let report = fails(&machine, &cluster, |with| with["max-bytes"] = json!("2MiB")).await;
    assert!(matches!(report.outcome, Outcome::Failed | Outcome::Refused), "{report:?}");
    assert!(format!("{report:?}").contains("2"), "{report:?}");
}

#[tokio::test]
async fn m1_j15_a_server_that_dies_in_the_middle_leaves_nothing() {
    let (machine, mut cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    // It goes on when the server is dead.
    let mark = machine.folder.parent().unwrap().join("begun");
    let script = format!("touch {0}; while [ -e {0} ]; do sleep 0.05; done; exec $REAL \"$@\"", mark.display());
    let mut with = machine.settings(&cluster);
    assert_eq!(machine.run::<BackupCreate>(&with).await.outcome, Outcome::Done);
    let older = machine.names();
    with["programs"] = json!(pg_dump(&machine, &script));
    let killing = async {
        while !mark.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        cluster.kill();
        std::fs::remove_file(&mark).unwrap();
    };
    let (report, ()) = tokio::join!(machine.run::<BackupCreate>(&with), killing);
    assert_eq!(report.outcome, Outcome::Failed, "{report:?}");
    assert_eq!(machine.names(), older);
}

#[tokio::test]
async fn m1_a_run_that_is_stopped_ends_its_dump_and_leaves_nothing() {
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    let mark = machine.folder.parent().unwrap().join("begun");
    let mut with = machine.settings(&cluster);
    with["programs"] = json!(pg_dump(&machine, &format!("echo $$ > {}; sleep 1000", mark.display())));
    let stopping = async {
        while std::fs::read_to_string(&mark).unwrap_or_default().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        machine.cancel.cancel();
    };
    let (report, ()) = tokio::join!(machine.run::<BackupCreate>(&with), stopping);
    assert_eq!(report.outcome, Outcome::Failed, "{report:?}");
    assert_eq!(machine.names(), Vec::<String>::new());
    let pid = std::fs::read_to_string(&mark).unwrap();
    assert!(!Path::new(&format!("/proc/{}", pid.trim())).exists(), "the child is gone as well");
}
