//! `backup-restore`: into nothing, in the place of what is there, and where a rule says no.

use std::path::Path;

use selx_checks::backup::create::BackupCreate;
use selx_checks::backup::restore::BackupRestore;
use selx_core::action::{Ground as _, Outcome, SavedPlan, recover};
use serde_json::{Value, json};

use crate::cluster::{Cluster, PASSWORD};
use crate::machine::{Machine, action, content, fill, program, psql, unpacked};

/// The settings of a restore out of the newest archive.
fn settings(machine: &Machine, cluster: &Cluster, into: &str) -> Value {
    json!({
        "target": format!("127.0.0.1:{}", cluster.port),
        "user": "selx",
        "password": format!("file:{}", machine.password().display()),
        "folder": machine.folder,
        "name": "shop",
        "into": into,
    })
}

/// A machine with a server and a backup of its database.
async fn backed_up() -> (Machine, Cluster) {
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    fill(&cluster);
    let report = machine.run::<BackupCreate>(&machine.settings(&cluster)).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    (machine, cluster)
}

fn why(plan: &SavedPlan) -> String {
    plan.plan.refused.iter().map(|refused| refused.why.clone()).collect::<Vec<_>>().join("; ")
}

fn databases(cluster: &Cluster) -> Vec<String> {
    let text = "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1";
    psql(cluster, "postgres", text).lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn k1_k4_what_is_there_is_refused_then_replaced_and_kept() {
    let (machine, cluster) = backed_up().await;
    let was = content(&cluster, "shop");
    // Into a name that nobody has.
    let report = machine.run::<BackupRestore>(&settings(&machine, &cluster, "again")).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_eq!(content(&cluster, "again"), was);
    assert_eq!(psql(&cluster, "again", "SELECT count(*) FROM pg_largeobject"), "1");
    // What is there has changed since, and is in use.
    psql(&cluster, "shop", "DELETE FROM customers WHERE id > 10; CREATE TABLE later (id int)");
    let now = content(&cluster, "shop");
    let mut with = settings(&machine, &cluster, "shop");
    let _session = cluster.session().await;
    let plan = machine.plan::<BackupRestore>(&with).await;
    assert!(why(&plan).contains("is not empty: it has 6 tables"), "{}", why(&plan));
    assert!(why(&plan).contains("1 sessions are in `shop`: shop-api"), "{}", why(&plan));
    assert_eq!(machine.apply::<BackupRestore>(&plan).await.outcome, Outcome::Refused);
    with["replace"] = json!(true);
    with["disconnect"] = json!(true);
    let plan = machine.plan::<BackupRestore>(&with).await;
    assert_eq!((why(&plan), plan.plan.steps.len()), (String::new(), 2));
    assert!(plan.plan.steps[1].what.contains("at once"), "{}", plan.plan.steps[1].what);
    let report = machine.apply::<BackupRestore>(&plan).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_eq!(content(&cluster, "shop"), was);
    let names = databases(&cluster);
    let old: Vec<&String> = names.iter().filter(|name| name.starts_with("shop_old_")).collect();
    assert_eq!((names.len(), old.len()), (4, 1), "{names:?}");
    assert_eq!(content(&cluster, old[0]), now, "what was there is there still");
    assert_eq!(
        machine.apply::<BackupRestore>(&plan).await.outcome,
        Outcome::Stale,
        "another database has the name now"
    );
    assert!(!format!("{report:?}{plan:?}").contains(PASSWORD));
}

#[tokio::test]
async fn k2_k3_what_does_not_fit_is_refused_before() {
    let (machine, cluster) = backed_up().await;
    // A role that owns something is not there any more.
    psql(&cluster, "shop", "CREATE ROLE maker; CREATE TABLE made (id int); ALTER TABLE made OWNER TO maker");
    let report = machine.run::<BackupCreate>(&machine.settings(&cluster)).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    psql(&cluster, "shop", "DROP OWNED BY maker; DROP ROLE maker");
    let mut with = settings(&machine, &cluster, "again");
    let plan = machine.plan::<BackupRestore>(&with).await;
    assert!(why(&plan).contains("no roles `maker`"), "{}", why(&plan));
    with["without-owners"] = json!(true);
    assert_eq!(machine.run::<BackupRestore>(&with).await.outcome, Outcome::Done);
    // The archive is another file than the plan was made for, or damaged.
    let with = settings(&machine, &cluster, "third");
    let mut with = with;
    with["without-owners"] = json!(true);
    let plan = machine.plan::<BackupRestore>(&with).await;
    let newest = machine.folder.join(machine.names().last().unwrap());
    let bytes = std::fs::read(&newest).unwrap();
    let mut damaged = bytes.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 4;
    std::fs::write(&newest, &damaged).unwrap();
    let report = machine.apply::<BackupRestore>(&plan).await;
    assert_eq!(report.outcome, Outcome::Refused, "{report:?}");
    assert!(report.why[0].contains("is not restored"), "{report:?}");
    std::fs::write(&newest, &bytes[..bytes.len() - 700]).unwrap();
    assert!(why(&machine.plan::<BackupRestore>(&with).await).contains("is not restored"));
    assert!(!databases(&cluster).iter().any(|name| name.starts_with("third")));
}

/// Packs the newest archive anew by other programs, with another manifest.
fn edited(machine: &Machine, change: impl FnOnce(&mut Value)) {
    let archive = machine.folder.join(machine.names().last().unwrap());
    let there = unpacked(&archive);
    let path = there.path().join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    std::fs::write(&path, manifest.to_string()).unwrap();
    let (archive, at) = (archive.to_str().unwrap(), there.path().to_str().unwrap());
    program("/usr/bin/tar", &["--zstd", "-cf", archive, "-C", at, "manifest.json", "database"]);
}

#[tokio::test]
async fn k2_k3_a_dump_of_a_newer_server_and_one_that_needs_more_are_refused() {
    let (machine, cluster) = backed_up().await;
    let with = settings(&machine, &cluster, "again");
    let plan = machine.plan::<BackupRestore>(&with).await;
    assert_eq!(why(&plan), "");
    let dump = |manifest: &mut Value, key: &str, value: Value| {
        manifest["selx"]["dumps"]["database/shop.dump"][key] = value;
    };
    edited(&machine, |manifest| dump(manifest, "extensions", json!({ "plpgsql": "1.0", "no_such": "3" })));
    // As whole as before, and another one: what was confirmed was not this.
    assert_eq!(machine.apply::<BackupRestore>(&plan).await.outcome, Outcome::Refused);
    let plan = machine.plan::<BackupRestore>(&with).await;
    assert!(why(&plan).contains("no extensions `no_such`"), "{}", why(&plan));
    edited(&machine, |manifest| dump(manifest, "extensions", json!({})));
    assert_eq!(machine.apply::<BackupRestore>(&plan).await.outcome, Outcome::Refused, "a refused plan stays one");
    let plan = machine.plan::<BackupRestore>(&with).await;
    assert_eq!(why(&plan), "");
    edited(&machine, |manifest| dump(manifest, "server", json!("15.0")));
    assert_eq!(machine.apply::<BackupRestore>(&plan).await.outcome, Outcome::Stale, "other bytes than were confirmed");
    edited(&machine, |manifest| dump(manifest, "server", json!("99.1")));
    let plan = machine.plan::<BackupRestore>(&with).await;
    assert!(why(&plan).contains("of PostgreSQL 99.1, and the server is the older"), "{}", why(&plan));
    // Rows that the snapshot had and the dump has not: nothing gets the name.
    edited(&machine, |manifest| {
        dump(manifest, "server", json!("15.0"));
        dump(manifest, "rows", json!({ "public.customers": 3001 }));
    });
    let known = databases(&cluster);
    let report = machine.run::<BackupRestore>(&with).await;
    assert_eq!((report.outcome, databases(&cluster)), (Outcome::Undone, known), "{report:?}");
}

/// Makes a `pg_restore` that is not the real one.
fn programs(machine: &Machine, script: &str) -> Value {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = machine.folder.parent().unwrap().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let real = ["15", "16", "17"].map(|major| format!("/usr/lib/postgresql/{major}/bin/pg_restore"));
    let real = real.into_iter().find(|path| Path::new(path).exists()).unwrap();
    let path = folder.join("pg_restore");
    let text = format!("#!/bin/sh\nREAL={real}\ncase \"$1\" in --version) exec $REAL --version;; esac\n{script}\n");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    json!(folder)
}

#[tokio::test]
async fn k4_k11_a_restore_that_fails_or_gives_other_rows_changes_nothing() {
    let (machine, cluster) = backed_up().await;
    let now = content(&cluster, "shop");
    let known = databases(&cluster);
    for (script, words) in [
        // It says that all is well, and a row is missing, or all of it.
        (
            "$REAL \"$@\" && PGDATABASE=$(echo \"$PGDATABASE\") psql -X -q -c 'DELETE FROM customers WHERE id = 7'",
            "2999",
        ),
        ("cat > /dev/null; exit 0", "is not there"),
        ("head -c 1000 > /dev/null; echo no room >&2; exit 1", "no room"),
        ("$REAL \"$@\"; kill -9 $$", "signal 9"),
    ] {
        let mut with = settings(&machine, &cluster, "shop");
        with["replace"] = json!(true);
        with["programs"] = programs(&machine, script);
        let report = machine.run::<BackupRestore>(&with).await;
        assert_eq!(report.outcome, Outcome::Undone, "{script}: {report:?}");
        assert!(format!("{report:?}").contains(words), "{script}: {report:?}");
        assert_eq!(content(&cluster, "shop"), now, "{script}");
        assert_eq!(databases(&cluster), known, "{script}");
    }
    // Somebody comes into the database between the plan and its turn.
    let mut with = settings(&machine, &cluster, "shop");
    with["replace"] = json!(true);
    let mark = machine.folder.parent().unwrap().join("begun");
    with["programs"] = programs(
        &machine,
        &format!("touch {0}; while [ -e {0} ]; do sleep 0.05; done; exec $REAL \"$@\"", mark.display()),
    );
    let coming = async {
        while !mark.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let session = cluster.session().await;
        std::fs::remove_file(&mark).unwrap();
        session
    };
    let (report, _session) = tokio::join!(machine.run::<BackupRestore>(&with), coming);
    assert_eq!(report.outcome, Outcome::Undone, "{report:?}");
    assert_eq!((content(&cluster, "shop"), databases(&cluster)), (now, known));
}

/// Where the child finds the machine of the test.
const CHILD: &str = "SELX_TEST_RESTORE_CHILD";

#[tokio::test]
async fn the_child_of_a_kill() {
    let Some(folder) = std::env::var_os(CHILD).map(std::path::PathBuf::from) else { return };
    let machine = Machine::at(&folder);
    let with: Value = serde_json::from_slice(&std::fs::read(folder.join("settings")).unwrap()).unwrap();
    let report = machine.run::<BackupRestore>(&with).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
}

#[tokio::test]
async fn k5_l1_killed_at_any_time_there_is_the_old_database_or_the_new_one() {
    let rounds: u64 = std::env::var("SELX_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let (machine, cluster) = backed_up().await;
    let restored = content(&cluster, "shop");
    psql(&cluster, "shop", "DELETE FROM customers WHERE id > 10");
    let old = content(&cluster, "shop");
    let folder = machine.folder.parent().unwrap().to_owned();
    let mut with = settings(&machine, &cluster, "shop");
    with["replace"] = json!(true);
    with["disconnect"] = json!(true);
    std::fs::write(folder.join("settings"), with.to_string()).unwrap();
    let child = || {
        #[expect(clippy::disallowed_methods, reason = "a process that is killed")]
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "restore::the_child_of_a_kill", "--test-threads=1"])
            .env(CHILD, &folder)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let began = std::time::Instant::now();
    assert!(child().wait().unwrap().success());
    let whole = began.elapsed();
    assert_eq!(content(&cluster, "shop"), restored);
    let (mut killed, mut swapped) = (0, 0);
    for _ in 0..rounds {
        // As it was before, whatever the round before made of it.
        for name in databases(&cluster).iter().filter(|name| name.starts_with("shop_old_")) {
            psql(&cluster, "postgres", &format!("DROP DATABASE {name}"));
        }
        psql(&cluster, "shop", "DELETE FROM customers WHERE id > 10");
        let mut process = child();
        let wait = std::time::Duration::from_nanos(crate::kills::random() % (whole.as_nanos() as u64 * 11 / 10));
        tokio::time::sleep(wait).await;
        process.kill().unwrap();
        killed += u32::from(!process.wait().unwrap().success());
        // Before anything mends it: the name leads to a database that is whole.
        let there = content(&cluster, "shop");
        assert!(there == old || there == restored, "after {wait:?}");
        let here = Machine::at(&folder);
        let ground = here.ground();
        for open in ground.open().unwrap() {
            let action = action::<BackupRestore>(&with);
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
        let there = content(&cluster, "shop");
        assert!(there == old || there == restored, "after {wait:?}");
        let names = databases(&cluster);
        assert!(!names.iter().any(|name| name.contains("_restore_")), "after {wait:?}: {names:?}");
        let kept = names.iter().filter(|name| name.starts_with("shop_old_")).count();
        assert_eq!(kept, usize::from(there == restored), "after {wait:?}: the old one is there if the new one is");
        swapped += u32::from(there == restored);
    }
    println!("{killed} kills of {rounds}, {swapped} restored all the same");
}

#[tokio::test]
async fn k2_by_what_texts_are_ordered_and_told_apart_is_as_it_was() {
    let (machine, cluster) = (Machine::new(), Cluster::start(&[]).await);
    let like = "CREATE DATABASE lang TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'";
    // ICU is known from version 15 on.
    let version: u32 = psql(&cluster, "postgres", "SHOW server_version_num").trim().parse().unwrap();
    let icu = if version >= 150_000 { " LOCALE_PROVIDER icu ICU_LOCALE 'de-AT'" } else { "" };
    psql(&cluster, "postgres", "ALTER ROLE selx CREATEDB");
    psql(&cluster, "postgres", &format!("{like}{icu}"));
    psql(&cluster, "lang", "CREATE TABLE words AS SELECT 'Äpfel'::text AS word; ALTER TABLE words OWNER TO selx");
    let mut with = machine.settings(&cluster);
    with["databases"] = json!(["lang"]);
    let report = machine.run::<BackupCreate>(&with).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    let report = machine.run::<BackupRestore>(&settings(&machine, &cluster, "again")).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    let locale = |name: &str| {
        let row = "to_jsonb(d) - ARRAY['oid','datname','datacl','datfrozenxid','datminmxid','dattablespace','datdba']";
        psql(&cluster, "postgres", &format!("SELECT {row} FROM pg_database d WHERE datname = '{name}'"))
    };
    assert_eq!(locale("again"), locale("lang"));
}
