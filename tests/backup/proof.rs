//! How far archives are proven: manifests inside and beside, records of drills, and what they are of.

use selx_checks::backup::archive::Level;
use selx_core::Status;
use serde_json::json;

use crate::lab::{HOUR, Lab, done, piped, program};

fn sum(bytes: &[u8]) -> String {
    String::from_utf8(piped("sha256sum", bytes)).unwrap().split(' ').next().unwrap().to_owned()
}

/// Writes the checksums of all that is to be backed up, under a name that comes first or last.
fn write_sums(lab: &Lab, name: &str) {
    let mut find = program("sh");
    find.arg("-c").arg("find . -type f ! -iname '*sha256*' | sort | xargs sha256sum").current_dir(lab.source());
    let text = done(find.output().unwrap());
    lab.put(name, &text);
}

#[tokio::test]
async fn j6_bits_that_flipped_before_packing_are_found_by_a_manifest_alone() {
    // Behind other members it costs a second pass, and says the same.
    for name in ["MANIFEST.sha256", "sha256sums.txt"] {
        let lab = Lab::new();
        write_sums(&lab, name);
        lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
        let looked = lab.look_with(json!({ "min-level": "manifest" })).await;
        looked.expect(Status::Ok, &[], &["level 2"]);
        assert_eq!(looked.newest().manifest.as_ref().unwrap().same, 3);

        let mut log = std::fs::read(lab.source().join("logs/app.log")).unwrap();
        log[100] ^= 1;
        lab.put("logs/app.log", &log);
        lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
        let looked = lab.look().await;
        looked.expect(Status::Critical, &["not-as-made"], &["./logs/app.log"]);
        assert_eq!(looked.newest().level, Level::Decoded);

        std::fs::remove_file(lab.source().join("logs/app.log")).unwrap();
        lab.put("new", b"x");
        lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
        lab.look().await.expect(Status::Critical, &["member-missing", "not-in-manifest"], &["logs/app.log", "./new"]);

        lab.put(name, b"hello");
        lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
        let looked = lab.look().await;
        looked.expect(Status::Warning, &["manifest-unreadable"], &["`hello`"]);
        assert_eq!(looked.newest().level, Level::Decoded);
    }
}

#[tokio::test]
async fn without_a_manifest_nothing_more_is_claimed() {
    let lab = Lab::new();
    lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
    lab.look_with(json!({ "min-level": "manifest" })).await.expect(
        Status::Critical,
        &["not-proven"],
        &["is proven to level 1"],
    );
}

#[tokio::test]
async fn j13_a_backup_of_another_database_host_or_cluster_is_critical() {
    let lab = Lab::new();
    let dump = std::fs::read(lab.source().join("shop.sql")).unwrap();
    let (config, log) = (sum(&std::fs::read(lab.source().join("config/app.toml")).unwrap()), {
        sum(&std::fs::read(lab.source().join("logs/app.log")).unwrap())
    });
    let manifest = json!({
        "created": "2026-11-26T05:00:00Z",
        "host": "db1",
        "database": "shop",
        "system-identifier": "7437412345678901234",
        "files": { "shop.sql": sum(&dump), "config/app.toml": config, "logs/app.log": log },
    });
    lab.put("manifest.json", manifest.to_string().as_bytes());
    lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
    let looked =
        lab.look_with(json!({ "database": "shop", "host": "db1", "system-identifier": "7437412345678901234" }));
    let looked = looked.await;
    looked.expect(Status::Ok, &[], &["level 2", "made 3h ago"]);
    for (key, other) in [("database", "test"), ("host", "db2"), ("system-identifier", "1")] {
        let looked = lab.look_with(json!({ key: other })).await;
        looked.expect(Status::Critical, &["wrong-source"], &[&format!("`{other}` is expected")]);
    }
    std::fs::remove_file(lab.source().join("manifest.json")).unwrap();
    lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
    lab.look_with(json!({ "host": "db1" })).await.expect(Status::Warning, &["source-not-told"], &["which host"]);
}

#[tokio::test]
async fn a_record_of_a_drill_counts_for_these_bytes_alone() {
    let lab = Lab::new();
    let packed = lab.packed("gzip -n");
    let path = lab.lay("shop_20261126.tar.gz", &packed, HOUR);
    let record = |level: &str, sha256: &str| {
        let record = json!({ "level": level, "at": "2026-11-26T07:30:00Z", "sha256": sha256, "bytes": packed.len() });
        std::fs::write(path.with_file_name("shop_20261126.tar.gz.proof.json"), record.to_string()).unwrap();
    };
    let right = sum(&packed);
    for (level, reached) in [("restored", Level::Restored), ("started", Level::Started)] {
        record(level, &right);
        let looked = lab.look_with(json!({ "min-level": "restored" })).await;
        looked.expect(Status::Ok, &[], &[]);
        assert_eq!(looked.newest().level, reached);
    }
    // What it claims to have unpacked is not taken from a record.
    for (level, sha256) in [("decoded", &*right), ("restored", &"0".repeat(64))] {
        record(level, sha256);
        assert_eq!(lab.look().await.newest().level, Level::Decoded, "{level}");
    }
    record("restored", &right);
    lab.lay("shop_20261126.tar.gz", &packed[..packed.len() - 1], HOUR);
    let looked = lab.look().await;
    looked.expect(Status::Critical, &["cut-short"], &[]);
    assert_eq!(looked.newest().level, Level::Exists);
}

#[tokio::test]
async fn a_record_that_is_not_of_these_bytes_says_nothing_of_when() {
    let lab = Lab::new();
    let packed = lab.packed("gzip -n");
    let path = lab.lay("shop_20261126.tar.gz", &packed, HOUR);
    for (at, sha256) in [("2026-11-26T07:30:00Z", "0".repeat(64)), ("2099-01-01T00:00:00Z", sum(&packed))] {
        let record = json!({ "level": "restored", "at": at, "sha256": sha256, "bytes": packed.len() });
        std::fs::write(path.with_file_name("shop_20261126.tar.gz.proof.json"), record.to_string()).unwrap();
        let looked = lab.look().await;
        let proofs = &looked.facts.series[0].proofs;
        assert!(proofs.iter().all(|proof| proof.level < Level::Restored), "{at}: {}", looked.text());
    }
}

#[tokio::test]
async fn a_checksum_beside_is_found_by_its_last_part_or_told_to_be_of_no_use() {
    let lab = Lab::new();
    let packed = lab.packed("gzip -n");
    let path = lab.lay("shop_20261126.tar.gz", &packed, HOUR);
    let right = format!("{}  {}\n", sum(&packed), path.display());
    let wrong = format!("{}  {}\n", "0".repeat(64), path.display());
    for list in ["shop_20261126.tar.gz.sha256", "SHA256SUMS"] {
        let list = path.with_file_name(list);
        std::fs::write(&list, &right).unwrap();
        lab.look().await.expect(Status::Ok, &[], &["level 2"]);
        std::fs::write(&list, &wrong).unwrap();
        lab.look().await.expect(Status::Critical, &["damaged"], &["it is not the file that"]);
        std::fs::write(&list, "deadbeef  shop_20261126.tar.gz\n").unwrap();
        lab.look().await.expect(Status::Warning, &["manifest-unreadable"], &["none of `sha256sum`"]);
        std::fs::write(&list, "").unwrap();
        lab.look().await.expect(Status::Warning, &["manifest-unreadable"], &["it names no file"]);
        std::fs::remove_file(list).unwrap();
    }
    std::fs::write(path.with_file_name("shop_20261126.tar.gz.sha256"), format!("{}  other\n", "0".repeat(64))).unwrap();
    lab.look().await.expect(Status::Warning, &["manifest-unreadable"], &["no checksum of this file"]);
}

#[tokio::test]
async fn an_error_text_in_place_of_a_dump_is_none_inside_an_archive_either() {
    let lab = Lab::new();
    lab.put("shop.sql", b"pg_dump: error: connection to server failed\n");
    lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
    let looked = lab.look_with(json!({ "expect": ["shop.sql"] })).await;
    looked.expect(Status::Critical, &["dump-incomplete"], &["does not begin as a dump"]);
    // A script has the same ending; a dump of its own has not.
    lab.look().await.expect(Status::Ok, &[], &[]);
    lab.put("shop.dump", b"disk full\n");
    lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
    lab.look().await.expect(Status::Critical, &["dump-incomplete"], &["shop.dump"]);
}

#[tokio::test]
async fn what_other_programs_call_a_dump_is_told_and_no_alarm() {
    let lab = Lab::new();
    let threads = "Full thread dump OpenJDK 64-Bit Server VM (17.0.9+9 mixed mode):\n".to_owned()
        + &"\"main\" #1 prio=5 in Object.wait() caused by an error\n".repeat(200);
    lab.put("logs/threads.dump", threads.as_bytes());
    lab.put("logs/heap.dump.gz", &piped("gzip -n", &[&b"JAVA PROFILE 1.0.2\0"[..], &[7; 9000]].concat()));
    lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
    let looked = lab.look().await;
    looked.expect(
        Status::Ok,
        &[],
        &["holds 2 members that are named as dumps and are none of a database", "./logs/threads.dump", "level 1"],
    );
    // Whoever expects it means a dump of a database.
    let looked = lab.look_with(json!({ "expect": ["threads.dump"] })).await;
    looked.expect(Status::Critical, &["dump-incomplete"], &["`./logs/threads.dump` is not whole: it does not begin"]);
    // What a dump that failed leaves behind.
    for left in [&b"pg_dump: error: connection to server failed\n"[..], &[0; 9000], b"--\n-- PostgreSQL data", b"PGDM"]
    {
        for (name, bytes) in [("shop.dump", left.to_vec()), ("shop.dump.gz", piped("gzip -n", left))] {
            let lab = Lab::new();
            lab.put(name, &bytes);
            lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
            lab.look().await.expect(Status::Critical, &["dump-incomplete"], &[name]);
        }
    }
}

#[tokio::test]
async fn a_second_name_of_a_file_that_is_not_there_cannot_be_unpacked() {
    let lab = Lab::new();
    std::fs::hard_link(lab.source().join("logs/app.log"), lab.source().join("logs/second.log")).unwrap();
    lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
    lab.look().await.expect(Status::Ok, &[], &[]);
    let tar = lab.path("x.tar");
    std::fs::write(&tar, lab.tar(&["--sort=name"])).unwrap();
    done(program("tar").args(["--delete", "-f"]).arg(&tar).arg("./logs/app.log").output().unwrap());
    let left = std::fs::read(&tar).unwrap();
    std::fs::remove_file(tar).unwrap();
    lab.lay("shop_20261126.tar.gz", &piped("gzip -n", &left), HOUR);
    lab.look().await.expect(Status::Critical, &["member-missing"], &["logs/app.log"]);
}

#[tokio::test]
async fn what_is_expected_of_a_file_that_is_no_archive_is_not_there() {
    let lab = Lab::new();
    lab.lay("shop_20261126.sql.gz", &piped("gzip -n", crate::lab::sql(3).as_bytes()), HOUR);
    lab.look_with(json!({ "expect": ["*.sql"] })).await.expect(Status::Ok, &[], &[]);
    lab.look_with(json!({ "expect": ["config/*"] })).await.expect(Status::Critical, &["member-missing"], &["config/*"]);
    let lab = Lab::new();
    lab.lay("shop_20261126.sql", crate::lab::sql(3).as_bytes(), HOUR);
    lab.look_with(json!({ "expect": ["*.sql"] })).await.expect(Status::Ok, &[], &[]);
    // Names as `tar -t` shows them.
    let lab = Lab::new();
    lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
    lab.look_with(json!({ "expect": ["./logs/", "./logs/app.log"] })).await.expect(Status::Ok, &[], &[]);
}

#[tokio::test]
async fn j4_members_that_are_expected_have_to_be_there() {
    let lab = Lab::new();
    lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
    let expect = |patterns: &[&str]| json!({ "expect": patterns });
    lab.look_with(expect(&["*.sql", "config/*", "logs/app.log"])).await.expect(Status::Ok, &[], &[]);
    let looked = lab.look_with(expect(&["*.sql", "uploads/*"])).await;
    looked.expect(Status::Critical, &["member-missing"], &["holds no `uploads/*`"]);
    assert_eq!(looked.newest().level, Level::Exists);
    lab.put("logs/app.log", b"");
    lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
    lab.look().await.expect(Status::Ok, &[], &[]);
    let looked = lab.look_with(expect(&["logs/*"])).await;
    looked.expect(Status::Critical, &["member-empty"], &["`./logs/app.log` has no content"]);
    // Nothing, packed, and nothing at all.
    for (name, content) in [("shop.sql.gz", piped("gzip -n", b"")), ("shop.dump", Vec::new())] {
        let lab = Lab::new();
        lab.put(name, &content);
        lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
        lab.look().await.expect(Status::Critical, &["member-empty"], &[name]);
    }
}

#[tokio::test]
async fn what_was_proven_is_remembered_from_look_to_look() {
    use std::time::Duration;

    use selx_checks::backup::archive::{BackupArchive, Config, Facts};
    use selx_core::{Check as _, Context, Host, ManualClock, Moment, Previous, Secrets};

    let lab = Lab::new();
    let packed = lab.packed("gzip -n");
    let path = lab.lay("shop_20261126.tar.gz", &packed, HOUR);
    let record =
        json!({ "level": "restored", "at": "2026-11-26T07:30:00Z", "sha256": sum(&packed), "bytes": packed.len() });
    let record_path = path.with_file_name("shop_20261126.tar.gz.proof.json");
    std::fs::write(&record_path, record.to_string()).unwrap();
    let config: Config = serde_json::from_value(json!({ "path": lab.backups() })).unwrap();
    let check = BackupArchive::new(config);
    let clock = std::sync::Arc::new(ManualClock::at(jiff::Timestamp::from_second(crate::lab::NOW).unwrap()));
    let context =
        || Context::with(clock.clone(), Host::default().into(), Secrets::default().into(), Duration::from_secs(9));
    let first: Facts = check.probe(&context()).await.unwrap();
    assert_eq!(first.series[0].read[0].level, Level::Restored);
    // The record is gone, and so is what it proves; when that was is still known.
    std::fs::remove_file(record_path).unwrap();
    let seen = Moment::of(&*clock);
    let second = check.probe(&context().remembering(Previous { facts: first, seen })).await.unwrap();
    assert_eq!(second.series[0].read[0].level, Level::Decoded);
    let proofs: Vec<(Level, String)> =
        second.series[0].proofs.iter().map(|proof| (proof.level, proof.at.to_string())).collect();
    assert_eq!(
        proofs,
        [(Level::Decoded, "2026-11-26T08:00:00Z".to_owned()), (Level::Restored, "2026-11-26T07:30:00Z".to_owned())]
    );
}
