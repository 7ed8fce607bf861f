//! `backup-create` where all is well, and where a rule says no.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::path::Path;

use selx_checks::backup::archive::{BackupArchive, Level};
use selx_checks::backup::create::BackupCreate;
use selx_core::Check as _;
use selx_core::action::Outcome;
use serde_json::{Value, json};

use crate::cluster::{Cluster, PASSWORD, command};
use crate::fake::{Fake, good, http};
use crate::machine::{Machine, content, fill, program, psql, unpacked};
use crate::mount::{Mounted, host};

/// Reads the folder by the check, as an operator has it.
async fn checked(machine: &Machine) -> selx_checks::backup::archive::Facts {
    let check = BackupArchive::new(serde_json::from_value(json!({ "path": machine.folder })).unwrap());
    check.probe(&machine.context()).await.unwrap()
}

fn configuration(folder: &Path) {
    std::fs::create_dir_all(folder.join("deep")).unwrap();
    std::fs::write(folder.join("app.toml"), "key = 1\n").unwrap();
    std::fs::write(folder.join("deep/tls.key"), "secret\n").unwrap();
    std::fs::set_permissions(folder.join("deep/tls.key"), PermissionsExt::from_mode(0o640)).unwrap();
    std::os::unix::fs::chown(folder.join("deep/tls.key"), Some(1234), Some(4321)).unwrap();
    std::fs::write(folder.join("empty"), "").unwrap();
    std::fs::write(folder.join("x".repeat(150)), "a long name").unwrap();
    std::fs::write(folder.join("left.bak"), "not wanted").unwrap();
    symlink("deep/tls.key", folder.join("current")).unwrap();
    symlink("/etc/hostname", folder.join("out")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
}

#[tokio::test]
async fn m1_j23_an_archive_holds_what_was_there_and_other_programs_read_it() {
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    let config = machine.folder.parent().unwrap().join("etc");
    configuration(&config);
    let mut with = machine.settings(&cluster);
    with["files"] = json!([config]);
    with["exclude"] = json!(["*.bak"]);
    let plan = machine.plan::<BackupCreate>(&with).await;
    let step = &plan.plan.steps[0];
    assert!(step.what.contains("`shop`") && step.what.contains("files and folders"), "{}", step.what);
    assert!(step.bytes.unwrap() < 0 && step.seconds.unwrap() >= 1.0);
    assert_eq!(plan.plan.refused, []);
    let kept: Vec<&str> = plan.plan.kept.iter().map(|kept| kept.why.as_str()).collect();
    assert_eq!(kept.len(), 3, "{kept:?}");
    assert_eq!(machine.names(), Vec::<String>::new(), "a plan changes nothing");
    // The plan of a moment later has the same hash, whatever is written meanwhile.
    psql(&cluster, "shop", "INSERT INTO nothing SELECT 1");
    assert_eq!(machine.plan::<BackupCreate>(&with).await.hash(), plan.hash());

    let report = machine.apply::<BackupCreate>(&plan).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    let names = machine.names();
    let [name] = &*names else { panic!("{names:?}") };
    assert!(name.starts_with("shop-20") && name.ends_with("Z.tar.zst") && name.len() == 29, "{name}");
    let archive = machine.folder.join(name);
    assert_eq!(archive.metadata().unwrap().mode() & 0o7777, 0o600, "for nobody else");

    let there = unpacked(&archive);
    let dump = there.path().join("database/shop.dump");
    let list = command("pg_restore").arg("--list").arg(&dump).output();
    let list = match list {
        // The unpacked folder is ours alone, and the program runs as another user.
        Ok(output) if output.status.success() => output,
        _ => program("/usr/bin/pg_restore", &["--list", dump.to_str().unwrap()]),
    };
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(list.contains("TABLE DATA public customers") && list.contains("BLOB"), "{list}");

    // Every sum of the manifest is that of the file, and every file is in it.
    let text = std::fs::read_to_string(there.path().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let files = manifest["files"].as_object().unwrap();
    for (file, sum) in files {
        let path = there.path().join(file);
        let said = program("/usr/bin/sha256sum", &[path.to_str().unwrap()]).stdout;
        assert!(said.starts_with(sum.as_str().unwrap().as_bytes()), "{file}");
        assert_eq!(manifest["selx"]["sizes"][file], path.metadata().unwrap().len());
    }
    assert_eq!(files.len(), 5, "{files:?}");
    let system = psql(&cluster, "shop", "SELECT system_identifier FROM pg_control_system()");
    assert_eq!(manifest["system-identifier"], system);
    assert_eq!(manifest["database"], "shop");
    let rows = &manifest["selx"]["dumps"]["database/shop.dump"]["rows"];
    assert_eq!(
        *rows,
        json!({ "public.customers": 3000, "public.nothing": 1, "public.parts_new": 60, "public.parts_old": 30,
            "\"odd name\".\"Table \"\"x\"": 50 })
    );
    // Owner, mode, time and links are what they were.
    let of = |path: &Path| {
        let meta = path.symlink_metadata().unwrap();
        (meta.mode(), meta.uid(), meta.gid(), meta.mtime(), std::fs::read_link(path).ok())
    };
    let below = there.path().join("files").join(config.strip_prefix("/").unwrap());
    for file in ["app.toml", "deep", "deep/tls.key", "empty", "current", "out", &"x".repeat(150)] {
        assert_eq!(of(&below.join(file)), of(&config.join(file)), "{file}");
    }
    assert!(!below.join("left.bak").exists() && !below.join("socket").exists());
    assert!(manifest["selx"]["passed-over"][0].as_str().unwrap().contains("socket"));

    // By hand, into a database that is new.
    psql(&cluster, "postgres", "CREATE DATABASE again");
    let socket = cluster.folder().to_str().unwrap().to_owned();
    let port = cluster.port.to_string();
    let restore = ["-h", &socket, "-p", &port, "-U", "postgres", "-d", "again", "--exit-on-error"];
    program("/usr/bin/pg_restore", &[&restore[..], &[dump.to_str().unwrap()]].concat());
    assert_eq!(content(&cluster, "again"), content(&cluster, "shop"));
    assert_eq!(psql(&cluster, "again", "SELECT count(*) FROM pg_largeobject"), "1");

    let facts = checked(&machine).await;
    let series = &facts.series[0];
    assert_eq!((series.archives, series.read[0].level), (1, Level::Manifest), "{series:?}");
    let manifest = series.read[0].manifest.as_ref().unwrap();
    assert_eq!((manifest.same, manifest.unlisted.count), (5, 0));
    assert!(!text.contains(PASSWORD), "the password is in no file");
    assert!(!format!("{report:?}{plan:?}").contains(PASSWORD), "nor in a report or a plan");
}

#[tokio::test]
async fn m1_j22_the_second_archive_comes_after_the_first_and_two_at_once_are_one() {
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    let with = machine.settings(&cluster);
    let plan = machine.plan::<BackupCreate>(&with).await;
    let (one, other) = tokio::join!(machine.apply::<BackupCreate>(&plan), machine.apply::<BackupCreate>(&plan));
    let mut outcomes = [one.outcome, other.outcome];
    outcomes.sort_by_key(|outcome| outcome.exit_code());
    assert_eq!(outcomes, [Outcome::Done, Outcome::Locked], "{one:?} {other:?}");
    let first = machine.names();
    assert_eq!(first.len(), 1);
    let bytes = std::fs::read(machine.folder.join(&first[0])).unwrap();
    // The plan was for another folder than there is now.
    assert_eq!(machine.apply::<BackupCreate>(&plan).await.outcome, Outcome::Stale);
    // In the same second: the next name is a later one all the same.
    let report = machine.run::<BackupCreate>(&with).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    let second = machine.names();
    assert_eq!((second.len(), &second[0]), (2, &first[0]));
    assert!(second[1] > second[0]);
    assert_eq!(std::fs::read(machine.folder.join(&first[0])).unwrap(), bytes, "the older one is as it was");
    // A clock that went back a day makes no archive that would not be the newest.
    let back = Machine::at(machine.folder.parent().unwrap());
    let then = selx_core::Clock::now(&*machine.clock) - jiff::SignedDuration::from_hours(24);
    let back = Machine { clock: std::sync::Arc::new(selx_core::ManualClock::at(then)), ..back };
    let report = back.run::<BackupCreate>(&with).await;
    assert_eq!(report.outcome, Outcome::Refused);
    assert!(report.why[0].contains("dated in the future"), "{report:?}");
}

#[tokio::test]
async fn m1_several_databases_with_odd_names_and_a_file_that_changes() {
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    psql(&cluster, "postgres", "CREATE DATABASE \"Üni/код=x\"");
    psql(&cluster, "Üni/код=x", "CREATE TABLE t AS SELECT 1 AS a");
    let mut with = machine.settings(&cluster);
    with["databases"] = json!(["shop", "Üni/код=x"]);
    // As large as it takes to pack for a while, and growing.
    let growing = machine.folder.parent().unwrap().join("growing");
    std::fs::write(&growing, vec![b'g'; 8 << 20]).unwrap();
    // The folder of the archives lies in the other one, and is not in the archive.
    std::fs::write(machine.folder.join("large"), vec![b'l'; 1 << 20]).unwrap();
    with["files"] = json!([growing, machine.folder.parent().unwrap()]);
    let writer = {
        let growing = growing.clone();
        let stop = machine.cancel.child_token();
        (
            stop.clone(),
            std::thread::spawn(move || {
                let mut file = std::fs::File::options().append(true).open(growing).unwrap();
                while !stop.is_cancelled() {
                    std::io::Write::write_all(&mut file, b"more").unwrap();
                    std::thread::park_timeout(std::time::Duration::from_millis(1));
                }
            }),
        )
    };
    let report = machine.run::<BackupCreate>(&with).await;
    writer.0.cancel();
    writer.1.join().unwrap();
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    let names = machine.names();
    let there = unpacked(&machine.folder.join(names.iter().find(|name| name.starts_with("shop-")).unwrap()));
    let below = there.path().join("files").join(machine.folder.strip_prefix("/").unwrap());
    assert!(below.with_file_name("growing").is_file() && !below.exists());
    let manifest: Value = serde_json::from_slice(&std::fs::read(there.path().join("manifest.json")).unwrap()).unwrap();
    let dumps = manifest["selx"]["dumps"].as_object().unwrap();
    let of: Vec<&str> = dumps.values().map(|dump| dump["database"].as_str().unwrap()).collect();
    assert_eq!((of.len(), of.contains(&"Üni/код=x")), (2, true), "{of:?}");
    assert_eq!(manifest["selx"]["changed"], json!([growing]), "what changed while it was read is told");
    assert!(dumps.keys().all(|member| there.path().join(member).is_file()));
}

#[tokio::test]
async fn m1_j15_j17_what_must_not_be_made_is_refused_before() {
    host();
    let (mut machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    let why = |plan: &selx_core::action::SavedPlan| {
        plan.plan.refused.iter().map(|refused| refused.why.clone()).collect::<Vec<_>>().join("; ")
    };
    let with = machine.settings(&cluster);
    // J15: an older `pg_dump`.
    let programs = machine.folder.parent().unwrap().join("bin");
    std::fs::create_dir(&programs).unwrap();
    let old = programs.join("pg_dump");
    std::fs::write(&old, "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n").unwrap();
    std::fs::set_permissions(&old, PermissionsExt::from_mode(0o755)).unwrap();
    let mut older = with.clone();
    older["programs"] = json!(programs);
    let plan = machine.plan::<BackupCreate>(&older).await;
    assert!(why(&plan).contains("version 9.6.24 in"), "{}", why(&plan));
    assert_eq!(machine.apply::<BackupCreate>(&plan).await.outcome, Outcome::Refused);
    // A role that may not read every table.
    psql(&cluster, "shop", "ALTER ROLE selx NOSUPERUSER; REVOKE pg_read_all_data FROM selx");
    psql(&cluster, "shop", "CREATE TABLE hidden (id int)");
    assert!(why(&machine.plan::<BackupCreate>(&with).await).contains("may not be read by this role"));
    psql(&cluster, "shop", "ALTER ROLE selx SUPERUSER");
    // No room.
    let mut large = with.clone();
    large["min-free"] = json!("900TiB");
    assert!(why(&machine.plan::<BackupCreate>(&large).await).contains("have to stay free"));
    // J17: the disk of the backups is not mounted, or is that of the data.
    let mut mounted = with.clone();
    mounted["mounted"] = json!(true);
    mounted["apart-from"] = json!([machine.state.parent().unwrap()]);
    let plan = machine.plan::<BackupCreate>(&mounted).await;
    assert_eq!(plan.plan.refused.len(), 2, "{}", why(&plan));
    assert!(why(&plan).contains("not mounted"));
    assert_eq!(machine.apply::<BackupCreate>(&plan).await.outcome, Outcome::Refused);
    assert_eq!(machine.names(), Vec::<String>::new());
    let disk = Mounted::memory("disk", "size=64m,mode=0755");
    machine.folder = disk.point().to_owned();
    mounted["folder"] = json!(machine.folder);
    let report = machine.run::<BackupCreate>(&mounted).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
}

#[tokio::test]
async fn m1_what_the_server_says_no_to_is_told_and_nothing_is_left() {
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    let with = machine.settings(&cluster);
    let mut wrong = with.clone();
    wrong["database"] = json!("nowhere");
    let error = machine.try_plan::<BackupCreate>(&wrong).await.unwrap_err().to_string();
    assert!(error.contains("nowhere") && error.contains("3D000"), "{error}");
    std::fs::write(machine.password(), "wrong-password-1").unwrap();
    let error = machine.try_plan::<BackupCreate>(&with).await.unwrap_err().to_string();
    assert!(error.contains("28P01") && !error.contains("wrong-password-1"), "{error}");
    // A database that goes between the plan and its turn.
    std::fs::write(machine.password(), PASSWORD).unwrap();
    psql(&cluster, "postgres", "CREATE DATABASE brief");
    let mut brief = with.clone();
    brief["database"] = json!("brief");
    let plan = machine.plan::<BackupCreate>(&brief).await;
    psql(&cluster, "postgres", "DROP DATABASE brief");
    let report = machine.apply::<BackupCreate>(&plan).await;
    assert_eq!(report.outcome, Outcome::Failed, "{report:?}");
    psql(&cluster, "postgres", "CREATE DATABASE brief");
    assert_eq!(machine.apply::<BackupCreate>(&plan).await.outcome, Outcome::Stale, "another one of that name");
    assert_eq!(machine.names(), Vec::<String>::new());
}

#[tokio::test]
async fn m1_volumes_are_in_it_and_the_data_of_a_running_server_is_not() {
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    let redis = machine.folder.parent().unwrap().join("volumes/shop_redis/_data");
    std::fs::create_dir_all(redis.join("sub")).unwrap();
    std::fs::write(redis.join("dump.rdb"), "REDIS0011").unwrap();
    std::fs::write(redis.join("sub/other"), "x").unwrap();
    let data = cluster.folder().join("data");
    let (redis_at, data_at) = (redis.display().to_string(), data.display().to_string());
    let engine = Fake::new(move |path| {
        let volume = |name: &str, at: &str| {
            good(&json!({ "Name": name, "Driver": "local", "Mountpoint": at, "Labels": {}, "Options": {},
                "Scope": "local" }))
        };
        match path {
            path if path.ends_with("/volumes/shop_redis") => volume("shop_redis", &redis_at),
            path if path.ends_with("/volumes/shop_data") => volume("shop_data", &data_at),
            _ => http("404 Not Found", "Api-Version: 1.52\r\n", "{\"message\":\"no such volume\"}"),
        }
    });
    let mut with = machine.settings(&cluster);
    with["engine"] = json!(format!("unix:{}", engine.socket().display()));
    for (volume, words) in [("shop_data", "holds the data of a server"), ("nothing", "there is no volume `nothing`")] {
        with["volumes"] = json!([volume]);
        let error = machine.try_plan::<BackupCreate>(&with).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    with["volumes"] = json!(["shop_redis"]);
    let report = machine.run::<BackupCreate>(&with).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    let there = unpacked(&machine.folder.join(&machine.names()[0]));
    let below = there.path().join("volumes/shop_redis");
    assert_eq!(std::fs::read_to_string(below.join("dump.rdb")).unwrap(), "REDIS0011");
    assert_eq!(std::fs::read_to_string(below.join("sub/other")).unwrap(), "x");
    let asked = engine.asked.lock().unwrap();
    assert!(asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");
}
