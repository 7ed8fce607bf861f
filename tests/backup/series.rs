//! Which archives follow each other: what is dumped under names that differ in a number is not one thing.

use selx_core::Status;
use serde_json::json;

use crate::lab::{DAY, HOUR, Lab, Looked};

/// The names of the series that were found.
fn names(looked: &Looked) -> Vec<&str> {
    looked.facts.series.iter().map(|series| &*series.name).collect()
}

/// Lays archives down that are so many days old by their names and times.
fn lay(lab: &Lab, names: &[(&str, i64)]) {
    let packed = lab.packed("gzip -n");
    for (name, days) in names {
        lab.lay(name, &packed, HOUR + days * DAY);
    }
}

#[tokio::test]
async fn what_died_beside_others_of_its_kind_is_seen() {
    for (living, dead) in
        [("tenant1", "tenant2"), ("db_pg15", "db_pg14"), ("vm-100", "vm-101"), ("vm_7_full", "vm_8_full")]
    {
        for left in 1..4 {
            let lab = Lab::new();
            for days in 0..4 {
                lay(&lab, &[(&format!("{living}_2026-11-{:02}.tar.gz", 26 - days), days)]);
            }
            // One or two of them are no reason to take them for something that is made now and then.
            for days in 0..left {
                lay(&lab, &[(&format!("{dead}_2026-11-{:02}.tar.gz", 21 - days), 5 + days)]);
            }
            let looked = lab.look_with(json!({ "newest-by": "name" })).await;
            looked.expect(Status::Critical, &["limit-age"], &["2 series", &format!("{dead}_*.tar.gz")]);
        }
    }
}

#[tokio::test]
async fn numbers_without_a_date_are_a_counter_only_where_the_times_say_so() {
    // What a program that rotates leaves behind, with one more run today.
    let lab = Lab::new();
    lay(&lab, &[("backup-1.tar.gz", 0), ("backup-2.tar.gz", 1), ("backup-3.tar.gz", 2), ("backup-4.tar.gz", 3)]);
    let packed = lab.packed("gzip -n");
    lab.lay("backup-5.tar.gz", &packed, 2 * HOUR);
    let with = || json!({ "newest-by": "written" });
    let looked = lab.look_with(with()).await;
    looked.expect(Status::Ok, &[], &[]);
    assert_eq!(names(&looked), ["backup-*.tar.gz"]);
    // Three things of one night, of which one has not been written for days.
    let lab = Lab::new();
    lay(&lab, &[("shop-1.tar.gz", 0), ("shop-2.tar.gz", 5), ("shop-3.tar.gz", 0)]);
    let looked = lab.look_with(with()).await;
    looked.expect(Status::Critical, &["limit-age"], &["shop-2.tar.gz"]);
    // In a word it is a name, and in the middle it may be.
    let lab = Lab::new();
    lay(&lab, &[("shop1.tar.gz", 0), ("shop2.tar.gz", 0), ("shop_1_all.tar.gz", 0), ("shop_2_all.tar.gz", 5)]);
    let looked = lab.look_with(with()).await;
    looked.expect(Status::Critical, &["limit-age"], &["4 series", "shop_2_all.tar.gz"]);
}

#[tokio::test]
async fn counters_beside_a_date_and_versions_that_go_up_are_one_series() {
    let with = || json!({ "newest-by": "name" });
    for rows in [
        [("nightly_9_20261124.tar", 2), ("nightly_10_20261125.tar", 1), ("nightly_11_20261126.tar", 0)],
        [
            ("1795492800_2026_11_24_16.5.1_gitlab_backup.tar", 2),
            ("1795579200_2026_11_25_16.5.1_gitlab_backup.tar", 1),
            ("1795665600_2026_11_26_16.11.10_gitlab_backup.tar", 0),
        ],
        [("db_20261124T020001+0200.tar", 2), ("db_20261125T020001+0200.tar", 1), ("db_20261126T020001+0100.tar", 0)],
        [("Tue.tar", 2), ("Wed.tar", 1), ("Thu.tar", 0)],
    ] {
        let lab = Lab::new();
        let tar = lab.tar(&[]);
        for (name, days) in rows {
            lab.lay(name, &tar, HOUR + days * DAY);
        }
        let looked = lab.look_with(with()).await;
        looked.expect(Status::Ok, &[], &[]);
        assert_eq!(looked.facts.series.len(), 1, "{:?}", names(&looked));
    }
}

#[tokio::test]
async fn what_lies_where_archives_are_looked_for_is_told() {
    let lab = Lab::new();
    let elsewhere = lab.source().join("shop_20261126.tar.gz");
    std::fs::write(&elsewhere, lab.packed("gzip -n")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, lab.path("latest.tar.gz")).unwrap();
    let looked = lab.look().await;
    looked.expect(Status::Critical, &["no-archive"], &["1 link lies there, which is not followed", "what it leads to"]);
    std::fs::create_dir(lab.path("2026-11-26")).unwrap();
    std::fs::create_dir(lab.path("2026-11-25")).unwrap();
    std::fs::write(lab.path("notes.txt"), "x").unwrap();
    let looked = lab.look().await;
    let pattern = format!("let `path` be `{}/*/*`", lab.backups().display());
    looked.expect(Status::Critical, &["no-archive"], &["1 file lies there", "2 folders lie there", &pattern]);
    // And that pattern finds what lies in them.
    std::fs::copy(&elsewhere, lab.path("2026-11-26/shop.tar.gz")).unwrap();
    let with = json!({ "path": lab.path("*/*"), "newest-by": "written" });
    let looked = lab.look_with(with).await;
    assert_eq!(names(&looked), ["shop.tar.gz"]);
}

#[tokio::test]
async fn what_is_dated_ahead_of_the_clock_is_no_age() {
    let lab = Lab::new();
    lab.lay("shop_20261126.tar.gz", &lab.packed("gzip -n"), -3 * DAY);
    let looked = lab.look_with(json!({ "newest-by": "written" })).await;
    let words = ["dated 3d in the future", "is dated 3d in the future, by the time of the file"];
    looked.expect(Status::Critical, &["in-future", "times-disagree"], &words);
    assert!(!looked.text().contains("0s"), "{}", looked.text());
    let looked = lab.look_with(json!({ "newest-by": "name" })).await;
    looked.expect(
        Status::Warning,
        &["times-disagree"],
        &["is 8h old by its name and dated 3d in the future by the time"],
    );
}
