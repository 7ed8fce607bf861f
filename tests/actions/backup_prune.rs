//! `backup-prune`: what no rule keeps goes, in two phases, and only over backups that are proven.

use std::process::Command;

use jiff::SignedDuration;
use selx_checks::backup::prune::BackupPrune;
use selx_core::action::{Ground as _, Outcome, SavedPlan};
use selx_core::{Clock as _, contract};
use serde_json::{Value, json};

use super::{Machine, run};

impl Machine {
    /// Makes a backup as a script does, so many days ago by its name: a dump and its checksums in a tar, packed.
    pub(crate) fn backup(&self, days: i64) -> String {
        let name = self.backup_name(days);
        #[expect(clippy::disallowed_methods, reason = "the archive is made by the programs of the system")]
        let made = Command::new("/bin/bash")
            .arg("-c")
            .arg(
                "set -e; d=$(mktemp -d); cd $d; mkdir files; seq 100 $RANDOM 99999 > files/app.conf; \
                  sha256sum files/app.conf > MANIFEST.sha256; tar -czf \"$0\" MANIFEST.sha256 files; rm -r $d",
            )
            .arg(self.folder.join(&name))
            .output()
            .expect("bash is there");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        name
    }

    pub(crate) fn backup_name(&self, days: i64) -> String {
        let at = self.clock.now() - SignedDuration::from_hours(24 * days);
        format!("shop-{}.tar.gz", at.strftime("%Y%m%dT%H%M%SZ"))
    }

    pub(crate) fn trash(&self) -> Vec<String> {
        self.names().into_iter().filter_map(|name| Some(name.strip_prefix(".selx-trash/")?.to_owned())).collect()
    }

    /// Returns the backups that are where they were made.
    pub(crate) fn backups(&self) -> Vec<String> {
        self.names().into_iter().filter(|name| name.starts_with("shop-") && name.ends_with(".tar.gz")).collect()
    }
}

fn with(machine: &Machine, more: &[(&str, Value)]) -> Value {
    let mut with = json!({
        "folder": machine.folder, "archives": "shop-*.tar.gz", "keep-last": 2, "keep-within": "73h", "max-share": "100%",
    });
    for (key, value) in more {
        with[*key] = value.clone();
    }
    with
}

fn targets(plan: &SavedPlan) -> Vec<&str> {
    plan.plan.steps.iter().map(|step| step.target.as_str()).collect()
}

fn refused(plan: &SavedPlan) -> Vec<&str> {
    plan.plan.refused.iter().map(|refused| refused.why.as_str()).collect()
}

#[test]
fn m1_old_backups_are_set_aside_and_deleted_a_day_later() {
    let machine = Machine::new();
    let made: Vec<String> = (0..20).map(|day| machine.backup(day)).collect();
    std::fs::write(machine.folder.join(format!("{}.sha256", made[19])), "0").unwrap();
    machine.file("other-20200101.tar.gz", 10);
    machine.file("shop-latest.tar.gz", 10);
    let with = with(&machine, &[("keep-weekly", json!(2)), ("newest-within", json!("9d"))]);
    let plan = machine.plan::<BackupPrune>(&with).unwrap();
    assert_eq!(refused(&plan), [""; 0]);
    // Four days are young, and two weeks keep one each, of which one may be young.
    let going = targets(&plan).iter().filter(|name| name.ends_with(".tar.gz")).count();
    assert!((14..=15).contains(&going), "{:#?}", plan.plan);
    assert!(targets(&plan).contains(&&*format!("{}.sha256", made[19])), "what lies beside it goes with it");
    let report = machine.apply::<BackupPrune>(&plan);
    assert_eq!(report.outcome, Outcome::Done, "{report:#?}");
    assert_eq!(machine.backups().len(), 20 + 1 - going);
    assert_eq!(machine.trash().len(), going + 1);
    assert!(made[..4].iter().all(|name| machine.folder.join(name).is_file()), "the young ones are where they were");
    assert!(
        machine.folder.join("other-20200101.tar.gz").is_file() && machine.folder.join("shop-latest.tar.gz").is_file()
    );

    // Within the grace nothing is deleted.
    let plan = machine.plan::<BackupPrune>(&with).unwrap();
    assert_eq!(targets(&plan), [""; 0], "{plan:#?}");
    machine.days_pass(1);
    machine.backup(0);
    let plan = machine.plan::<BackupPrune>(&with).unwrap();
    let deleted = plan.plan.steps.iter().filter(|step| step.what.starts_with("delete ")).count();
    assert_eq!(deleted, going + 1, "{plan:#?}");
    assert_eq!(machine.apply::<BackupPrune>(&plan).outcome, Outcome::Done);
    assert!(machine.trash().len() <= 1, "{:?}", machine.trash());
    assert!(machine.backups().len() >= 6);
}

#[test]
fn j20_nothing_goes_while_the_newest_is_not_good() {
    let machine = Machine::new();
    let made: Vec<String> = (0..10).map(|day| machine.backup(day)).collect();
    let with = with(&machine, &[]);
    let newest = machine.folder.join(&made[0]);
    let whole = std::fs::read(&newest).unwrap();
    let mut cases: Vec<(&str, Vec<u8>)> =
        vec![("", whole[..whole.len() / 2].to_vec()), ("", b"error: disk full\n".to_vec())];
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    cases.push(("", flipped));
    for (words, bytes) in cases {
        std::fs::write(&newest, bytes).unwrap();
        let plan = machine.plan::<BackupPrune>(&with).unwrap();
        assert!(
            refused(&plan).iter().any(|why| why.contains("the newest backup is not good") && why.contains(words)),
            "{plan:#?}"
        );
        assert_eq!(targets(&plan), [""; 0]);
        assert_eq!(machine.apply::<BackupPrune>(&plan).outcome, Outcome::Refused);
    }
    assert_eq!(machine.backups().len(), 10);
    // One that is being written by somebody else holds all up; one that was left behind does not.
    std::fs::write(&newest, whole).unwrap();
    let partial = machine.file(&format!(".{}.partial", made[0].replace("shop-2", "shop-3")), 10);
    let plan = machine.plan::<BackupPrune>(&with).unwrap();
    assert!(refused(&plan).iter().any(|why| why.contains("is being written")), "{plan:#?}");
    std::fs::remove_file(partial).unwrap();
    assert_eq!(refused(&machine.plan::<BackupPrune>(&with).unwrap()), [""; 0]);
    // None is made any more, or the clock is wrong.
    machine.days_pass(3);
    let plan = machine.plan::<BackupPrune>(&with).unwrap();
    assert!(refused(&plan).iter().any(|why| why.contains("and `newest-within` is 2d")), "{plan:#?}");
}

#[test]
fn j21_what_is_not_good_pushes_no_good_one_out() {
    let machine = Machine::new();
    let made: Vec<String> = (0..8).map(|day| machine.backup(day)).collect();
    // Five fakes, newer than all but the newest.
    for minute in 1..6 {
        let at = machine.clock.now() - SignedDuration::from_mins(minute * 7);
        let name = format!("shop-{}.tar.gz", at.strftime("%Y%m%dT%H%M%SZ"));
        std::fs::write(machine.folder.join(name), "no archive").unwrap();
    }
    let with = with(&machine, &[("keep-last", json!(5)), ("keep-within", json!("1h"))]);
    let plan = machine.plan::<BackupPrune>(&with).unwrap();
    assert_eq!(targets(&plan), made[5..].iter().rev().map(String::as_str).collect::<Vec<_>>(), "{plan:#?}");
    // With a broken one among the five, the sixth takes its place, and the broken one stays to be looked at.
    std::fs::write(machine.folder.join(&made[2]), "cut").unwrap();
    let plan = machine.plan::<BackupPrune>(&with).unwrap();
    assert_eq!(targets(&plan), [made[7].as_str(), made[6].as_str()], "{plan:#?}");
    assert!(
        plan.plan.kept.iter().any(|kept| kept.why.contains("not good") && kept.examples.contains(&made[2])),
        "{plan:#?}"
    );
}

#[test]
fn what_was_read_is_believed_for_a_month_where_only_we_could_write_it() {
    let machine = Machine::new();
    let made: Vec<String> = (0..6).map(|day| machine.backup(day)).collect();
    let rules = [("keep-daily", json!(4)), ("keep-within", json!("1h")), ("newest-within", json!("60d"))];
    let with = with(&machine, &rules);
    let plan = machine.plan::<BackupPrune>(&with).unwrap();
    assert_eq!(machine.apply::<BackupPrune>(&plan).outcome, Outcome::Done, "{plan:#?}");
    let kept = machine.folder.join(".selx-proven.json");
    let text = std::fs::read_to_string(&kept).unwrap();
    assert!(text.contains(&made[3]) && text.contains("print"), "{text}");
    // One action reads and applies in one: what the plan under the lock did not read again is kept all the same.
    let action = machine.action::<BackupPrune>(&with);
    std::fs::remove_file(&kept).unwrap();
    run(async {
        use selx_core::action::DynAction as _;
        machine.backup(6);
        let cx = machine.context();
        let plan = action.plan(&cx).await.unwrap();
        let plan =
            SavedPlan::new("backup-prune.test".into(), with.clone(), machine.ground().machine(), &*machine.clock, plan);
        let (permission, zone) = (selx_core::action::Permission::Given, &jiff::tz::TimeZone::UTC);
        let request = selx_core::action::Request {
            action: &action,
            name: "backup-prune.test",
            with: &with,
            plan: &plan,
            permission: &permission,
            zone,
        };
        let report = selx_core::action::apply(&request, &machine.ground(), &cx).await;
        assert_eq!(report.outcome, Outcome::Done, "{report:#?}");
    });
    let text = std::fs::read_to_string(&kept).unwrap();
    // Somebody says that a good one is bad: where everybody could have, nobody is believed.
    let lie = text.replacen("\"at\":", "\"bad\":\"a lie\",\"at\":", 8);
    machine.backup(-1);
    machine.days_pass(1);
    let bad = |mode: u32| {
        std::fs::write(&kept, &lie).unwrap();
        std::fs::set_permissions(&kept, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let plan = machine.plan::<BackupPrune>(&with).unwrap();
        format!("{:?}", plan.plan).contains("a lie")
    };
    assert!(!bad(0o666) && !bad(0o620));
    assert!(bad(0o600), "the file is what counts, where it is ours");
}

#[test]
fn j20_what_was_set_aside_goes_only_while_the_floors_stand_without_it() {
    let machine = Machine::new();
    let made: Vec<String> = (0..8).map(|day| machine.backup(day)).collect();
    let with = with(&machine, &[("keep-last", json!(3)), ("newest-within", json!("9d")), ("max-archives", json!(99))]);
    let plan = machine.plan::<BackupPrune>(&with).unwrap();
    assert_eq!(machine.apply::<BackupPrune>(&plan).outcome, Outcome::Done);
    assert_eq!(machine.trash().len(), 4);
    machine.days_pass(2);
    // Of those that stay all but the newest are lost: what lies aside is needed again.
    for name in &made[1..4] {
        std::fs::write(machine.folder.join(name), "cut").unwrap();
    }
    let plan = machine.plan::<BackupPrune>(&with).unwrap();
    let deleted: Vec<&str> = targets(&plan).into_iter().filter(|name| name.starts_with(".selx-trash")).collect();
    assert_eq!(deleted, [format!(".selx-trash/{}", made[7]), format!(".selx-trash/{}", made[6])], "{plan:#?}");
    assert!(plan.plan.kept.iter().any(|kept| kept.examples.contains(&format!(".selx-trash/{}", made[4]))), "{plan:#?}");
    assert_eq!(machine.apply::<BackupPrune>(&plan).outcome, Outcome::Done);
    assert_eq!(machine.trash(), [made[5].clone(), made[4].clone()]);
}

#[test]
fn what_others_have_set_aside_is_theirs() {
    let machine = Machine::new();
    for day in 0..8 {
        machine.backup(day);
    }
    machine.file(".selx-trash/db-20200101.tar.gz", 100);
    machine.file(".selx-trash/important.txt", 100);
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(machine.folder.join(".selx-trash"), std::fs::Permissions::from_mode(0o700)).unwrap();
    let with = with(&machine, &[("newest-within", json!("9d"))]);
    machine.apply::<BackupPrune>(&machine.plan::<BackupPrune>(&with).unwrap());
    machine.days_pass(2);
    machine.backup(0);
    let plan = machine.plan::<BackupPrune>(&with).unwrap();
    assert!(targets(&plan).iter().any(|name| name.starts_with(".selx-trash/shop-")), "{plan:#?}");
    assert_eq!(machine.apply::<BackupPrune>(&plan).outcome, Outcome::Done);
    let left = machine.trash();
    assert!(left.contains(&"db-20200101.tar.gz".to_owned()) && left.contains(&"important.txt".to_owned()), "{left:?}");
}

#[test]
fn names_of_two_products_are_no_series_and_a_pattern_that_fits_nothing_is_told() {
    let machine = Machine::new();
    for day in 0..6 {
        let name = machine.backup(day);
        std::fs::rename(machine.folder.join(&name), machine.folder.join(name.replace("shop", "db"))).unwrap();
        machine.backup(day);
    }
    let plan = machine.plan::<BackupPrune>(&with(&machine, &[("archives", json!("*.tar.gz"))])).unwrap();
    assert!(refused(&plan).iter().any(|why| why.contains("two sorts by their names")), "{plan:#?}");
    let plan = machine.plan::<BackupPrune>(&with(&machine, &[("archives", json!("shop*.zst"))])).unwrap();
    assert!(refused(&plan).iter().any(|why| why.contains("no backup in")), "{plan:#?}");
}

#[test]
fn backup_prune_keeps_to_the_contract_of_a_life() {
    let machine = Machine::new();
    for day in 0..8 {
        machine.backup(day);
    }
    let with = with(&machine, &[]);
    let broken = run(contract::life::<BackupPrune>(&with, &machine.ground(), &machine.context()));
    assert_eq!(broken, [""; 0]);
}
