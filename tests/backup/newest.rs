//! Which archive is the newest, which is not finished, and how old and how large it is.

use std::os::unix::fs::MetadataExt as _;

use selx_checks::backup::archive::TimeBy;
use selx_core::Status;
use serde_json::json;

use crate::lab::{DAY, HOUR, Lab, age, sql};

/// Lays a backup of every night down, the newest six hours old.
fn nightly(lab: &Lab, count: i64) -> Vec<u8> {
    let packed = lab.packed("gzip -n");
    for night in 0..count {
        lab.lay(&format!("shop_202611{:02}_0200.tar.gz", 26 - night), &packed, 6 * HOUR + night * DAY);
    }
    packed
}

#[tokio::test]
async fn j9_an_archive_that_is_being_written_is_not_judged_and_the_one_before_is() {
    let lab = Lab::new();
    let packed = nightly(&lab, 3);
    // Cut short and written to a moment ago.
    let path = lab.lay("shop_20261126_0758.tar.gz", &packed[..packed.len() * 9 / 10], 60);
    let looked = lab.look().await;
    looked.expect(Status::Ok, &[], &["shop_20261126_0200.tar.gz", "is not finished: it is cut short"]);
    assert_eq!(looked.facts.series[0].archives, 3);
    // Left alone for longer, it is damaged.
    age(&path, 1800);
    lab.look().await.expect(Status::Critical, &["cut-short"], &["shop_20261126_0758"]);
    std::fs::remove_file(path).unwrap();

    for name in ["shop_20261126_0758.tar.gz.partial", ".shop_20261126_0758.tar.gz.Ab12Cd"] {
        let path = lab.lay(name, &packed[..100], 60);
        lab.look().await.expect(Status::Ok, &[], &["is not finished: its name says so", name]);
        // Half written things that stay are told by how long they have been there.
        age(&path, 3 * DAY);
        lab.look().await.expect(Status::Critical, &["limit-in-progress"], &[name]);
        std::fs::remove_file(path).unwrap();
    }

    // A job that marks what is whole.
    let with = json!({ "complete-suffix": ".complete" });
    lab.look_with(with.clone()).await.expect(
        Status::Critical,
        &["limit-in-progress", "no-archive"],
        &["no finished archive"],
    );
    std::fs::write(lab.path("shop_20261125_0200.tar.gz.complete"), "").unwrap();
    let looked = lab.look_with(with).await;
    assert!(looked.newest().path.ends_with("shop_20261125_0200.tar.gz"), "{}", looked.text());
}

#[tokio::test]
async fn j9_an_archive_that_grows_under_the_look_is_in_progress() {
    let lab = Lab::new();
    lab.put("logs/app.log", "2026-11-26T01:59:59Z INFO request served in 12 ms\n".repeat(100_000).as_bytes());
    let packed = nightly(&lab, 2);
    let path = lab.lay("shop_20261126_0758.tar.gz", &packed, 0);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (stopped, growing) = (stop.clone(), path.clone());
    // Zeros behind the end are legal: the file is whole at every moment, and changes all the time.
    let writer = std::thread::spawn(move || {
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new().append(true).open(growing).unwrap();
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            file.write_all(&[0; 512]).unwrap();
        }
    });
    while std::fs::metadata(&path).unwrap().len() < packed.len() as u64 + 5000 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let looked = lab.look().await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.join().unwrap();
    assert!(looked.text().contains("it changed while it was read"), "{}", looked.text());
    assert!(looked.newest().path.ends_with("shop_20261126_0200.tar.gz"), "{}", looked.text());
}

#[tokio::test]
async fn j10_an_old_copy_with_a_new_time_is_not_the_newest() {
    let lab = Lab::new();
    nightly(&lab, 4);
    age(&lab.path("shop_20261123_0200.tar.gz"), 60);
    let looked = lab.look().await;
    looked.expect(
        Status::Warning,
        &["times-disagree"],
        &["shop_20261123_0200.tar.gz", "was written last", "by its name"],
    );
    assert!(looked.newest().path.ends_with("shop_20261126_0200.tar.gz"));
}

#[tokio::test]
async fn j10_without_dates_in_names_the_content_decides() {
    let lab = Lab::new();
    let fresh = lab.packed("gzip -n");
    age(&lab.source().join("shop.sql"), 97 * DAY);
    age(&lab.source().join("logs/app.log"), 97 * DAY);
    age(&lab.source().join("config/app.toml"), 97 * DAY);
    let old = lab.packed("gzip -n");
    lab.lay("shop-1.tar.gz", &fresh, HOUR);
    lab.lay("shop-2.tar.gz", &old, 60);
    let looked = lab.look().await;
    looked.expect(Status::Warning, &["times-disagree"], &["shop-2.tar.gz was written last", "by its content"]);
    assert_eq!((looked.newest().by, looked.newest().age), (TimeBy::Content, 7200.0));
    // Alone, it is as old as its dump.
    std::fs::remove_file(lab.path("shop-1.tar.gz")).unwrap();
    lab.look().await.expect(Status::Critical, &["limit-age", "times-disagree"], &["97d"]);
    // Who says that the time of the file counts is believed, and the rest is told.
    let with = json!({ "newest-by": "written" });
    lab.look_with(with).await.expect(Status::Ok, &[], &["made 1m ago"]);
}

#[tokio::test]
async fn j11_old_and_future_dated_backups_are_critical() {
    let lab = Lab::new();
    let packed = lab.packed("gzip -n");
    let path = lab.lay("site.tar.gz", &packed, 2 * HOUR);
    lab.look().await.expect(Status::Ok, &[], &["made 2h ago"]);
    let with = json!({ "newest-by": "written" });
    for (seconds, status, codes) in [
        (25 * HOUR, Status::Ok, &[][..]),
        (27 * HOUR, Status::Warning, &["limit-age"]),
        (51 * HOUR, Status::Critical, &["limit-age"]),
        (-60, Status::Ok, &[]),
        (-2 * HOUR, Status::Critical, &["in-future"]),
        (-400 * DAY, Status::Critical, &["in-future"]),
    ] {
        age(&path, seconds);
        lab.look_with(with.clone()).await.expect(status, codes, &[]);
    }
    std::fs::remove_file(path).unwrap();
    lab.lay("site_20271126.tar.gz", &packed, 2 * HOUR);
    lab.look_with(json!({ "newest-by": "name" })).await.expect(Status::Critical, &["in-future", "times-disagree"], &[]);
}

#[tokio::test]
async fn j12_a_size_that_collapses_or_explodes_is_told_with_its_numbers() {
    let lab = Lab::new();
    nightly(&lab, 8);
    lab.put("shop.sql", sql(200).as_bytes());
    lab.put("logs/app.log", b"one line\n");
    let small = lab.packed("gzip -n");
    let path = lab.lay("shop_20261126_0700.tar.gz", &small, HOUR);
    let looked = lab.look().await;
    looked.expect(Status::Critical, &["limit-size-share"], &["size against the usual one"]);
    assert_eq!(looked.facts.series[0].earlier.len(), 8);
    std::fs::remove_file(path).unwrap();
    lab.put("shop.sql", sql(60_000).as_bytes());
    let large = lab.packed("gzip -n");
    lab.lay("shop_20261126_0700.tar.gz", &large, HOUR);
    lab.look().await.expect(Status::Critical, &["limit-size-share"], &["size against the usual one"]);
}

#[tokio::test]
async fn series_are_judged_for_themselves() {
    let lab = Lab::new();
    let packed = nightly(&lab, 4);
    lab.lay("weekly_20261101.tar.gz", &packed, 25 * DAY);
    lab.lay("weekly_20261108.tar.gz", &packed, 18 * DAY);
    // Two of them are no rule.
    let looked = lab.look_with(json!({ "newest-by": "name" })).await;
    looked.expect(Status::Ok, &[], &["2 series"]);
    let series = &looked.facts.series;
    assert_eq!(
        series.iter().map(|one| (&*one.name, one.occasional)).collect::<Vec<_>>(),
        [("shop_*.tar.gz", false), ("weekly_*.tar.gz", true)]
    );
    // Named, they are.
    let with = json!({ "newest-by": "name", "series": ["shop_*.tar.gz", "weekly_*", "monthly_*"] });
    let looked = lab.look_with(with).await;
    looked.expect(Status::Critical, &["limit-age", "no-archive"], &["monthly_* matches no archive"]);
}

#[tokio::test]
async fn folders_without_a_backup_are_never_fine() {
    let lab = Lab::new();
    lab.look().await.expect(Status::Critical, &["no-archive"], &["nothing lies there"]);
    std::fs::write(lab.path("notes.txt"), "x").unwrap();
    lab.look().await.expect(Status::Critical, &["no-archive"], &["1 file lies there"]);
    let gone = json!({ "path": "/no/such/folder" });
    lab.look_with(gone).await.expect(Status::Critical, &["missing-path"], &["/no/such/folder"]);
    let nothing = json!({ "path": lab.path("*.tar.gz") });
    lab.look_with(nothing).await.expect(Status::Critical, &["no-archive"], &[]);
}

#[tokio::test]
async fn j17_the_disk_of_the_data_and_a_disk_that_is_not_mounted_are_told() {
    let lab = Lab::new();
    nightly(&lab, 3);
    let with = json!({ "apart-from": [lab.source()] });
    lab.look_with(with).await.expect(Status::Warning, &["same-disk"], &["is lost with it"]);
    lab.look_with(json!({ "apart-from": ["/proc"] })).await.expect(Status::Ok, &[], &[]);
    let with = json!({ "marker": lab.path(".mounted") });
    lab.look_with(with.clone()).await.expect(Status::Critical, &["not-mounted"], &["is not mounted"]);
    std::fs::write(lab.path(".mounted"), "").unwrap();
    lab.look_with(with).await.expect(Status::Ok, &[], &[]);
}

#[tokio::test]
async fn j23_an_archive_that_everybody_may_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let lab = Lab::new();
    let path = lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), HOUR);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    lab.look().await.expect(Status::Ok, &[], &[]);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    lab.look().await.expect(Status::Warning, &["open-to-all"], &["0644"]);
}

#[tokio::test]
async fn j24_a_look_changes_nothing() {
    let lab = Lab::new();
    nightly(&lab, 2);
    let state = || {
        let mut entries: Vec<_> = std::fs::read_dir(lab.backups())
            .unwrap()
            .flatten()
            .map(|entry| {
                let meta = entry.metadata().unwrap();
                let times = (meta.atime(), meta.atime_nsec(), meta.mtime(), meta.ctime(), meta.ctime_nsec());
                (entry.file_name(), meta.ino(), meta.len(), meta.mode(), times)
            })
            .collect();
        entries.sort();
        entries
    };
    let before = state();
    lab.look_with(json!({ "read": 2 })).await.expect(Status::Ok, &[], &[]);
    assert_eq!(state(), before);
}

#[tokio::test]
async fn archives_in_the_usual_places_are_proposed() {
    use std::time::Duration;

    use selx_checks::backup::archive::{BackupArchive, Config};
    use selx_core::{Check as _, Context, Discovery, Host, Secrets, SystemClock};

    let root = tempfile::tempdir().unwrap();
    let host = || std::sync::Arc::new(Host::below(root.path()));
    let clock = std::sync::Arc::new(SystemClock);
    let context = || Context::with(clock.clone(), host(), Secrets::default().into(), Duration::from_secs(9));
    let lay = |name: &str| {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    };
    // What Debian keeps there by itself is no reason for a check.
    lay("var/backups/dpkg.status.0.gz");
    lay("var/backups/alternatives.tar.0.gz");
    lay("opt/shop/backups/notes.txt");
    let found = BackupArchive::discover(&context()).await;
    assert!(matches!(&found, Discovery::Absent(why) if why.contains("/opt/backups")), "{found:?}");
    lay("opt/shop/backups/shop_20261126.tar.gz");
    lay("srv/wiki/backup/20261126.dump/toc.dat");
    let Discovery::Found(proposals) = BackupArchive::discover(&context()).await else { panic!("nothing is found") };
    let paths: Vec<&str> = proposals.iter().map(|proposal| &*proposal.with).collect();
    assert_eq!(paths, ["path = \"/opt/shop/backups\"\n", "path = \"/srv/wiki/backup\"\n"]);
    assert_eq!(proposals[0].name, "opt-shop-backups");
    assert!(proposals[0].reason.contains("1 archive in /opt/shop/backups"), "{}", proposals[0].reason);
    // What is proposed is read, and finds the files of that host.
    let with: toml::Value = toml::from_str(&proposals[0].with).unwrap();
    let config: Config = serde_json::from_value(serde_json::to_value(with).unwrap()).unwrap();
    let facts = BackupArchive::new(config).probe(&context()).await.unwrap();
    // One byte that was written a moment ago is not a finished archive.
    assert_eq!(facts.series[0].unfinished[0].path, "/opt/shop/backups/shop_20261126.tar.gz");
}
