//! The power goes: what was not brought to the disk by then is lost.
//!
//! A file system lies in a file (loop). The process is killed before a call that changes something, and the file is copied as
//! it is in that moment: what the kernel still held in memory is not in it. The copy is mounted in the place of the first, as
//! after a restart, and there `recover` has to find what it needs.
//!
//! `SELX_ROUNDS=10 cargo test -p selx --test actions -- struck::power` goes through all of them ten times.

use std::path::Path;

use selx_core::action::Outcome;

use super::blow::Of;
use super::disk::Disk;
use super::kills::killed_at;
use super::subjects::{ALL, Subject, World};
use super::{numbers, rounds};

/// Lets the power go before every call that changes something, until there are no more. Returns how often.
fn cut(disk: &Disk, subject: Subject, round: u32) -> u32 {
    // Names may reach the disk before what is in the files.
    let options = if round.is_multiple_of(2) { "data=ordered" } else { "data=writeback" };
    for number in 1.. {
        disk.format();
        disk.mount(options);
        subject.lay(&disk.point);
        let before = World::of(&disk.point);
        disk.sync();
        let killed = killed_at(subject, number, Of::Changes, &disk.point);
        // What happened to the folder may be there already, and what happened to the journal not.
        if round % 3 == 2 {
            std::fs::File::open(disk.point.join("world")).and_then(|folder| folder.sync_all()).unwrap();
        }
        disk.lose_power(options, true);
        subject.holds(&disk.point, &before, &format!("without power before change {number}, {options}"));
        disk.unmount();
        if !killed {
            return number - 1;
        }
    }
    unreachable!("an action ends")
}

#[test]
fn l02_l09_without_power_from_any_change_on_nothing_is_lost_and_all_is_found() {
    let disk = Disk::new();
    for round in 0..rounds() {
        for (turn, subject) in (round..).zip(ALL) {
            let cuts = cut(&disk, subject, turn);
            assert!(cuts > 20, "{subject:?}: {cuts}");
            println!("{}: {cuts} cuts", subject.name());
        }
    }
}

/// What is found on a disk that has another number since is as good; of what is not found, a person is asked.
#[test]
fn l18_a_disk_with_another_number_after_the_restart_loses_nothing() {
    let disk = Disk::new();
    let (mut clear, mut unclear) = (0, 0);
    for subject in ALL {
        for number in numbers(6) {
            disk.format();
            disk.mount("data=ordered");
            subject.lay(&disk.point);
            let before = World::of(&disk.point);
            disk.sync();
            let killed = killed_at(subject, number, Of::Changes, &disk.point);
            disk.lose_power("data=ordered", false);
            for report in subject.recover(&disk.point, false) {
                clear += u32::from(report.outcome != Outcome::Unclear);
                if report.outcome == Outcome::Unclear {
                    let advice = report.advice.clone().unwrap_or_default();
                    assert!(format!("{report:?}").contains("another file system"), "{report:#?}");
                    assert!(advice.is_empty() || advice.contains("--as-it-is"), "{report:#?}");
                    unclear += 1;
                    subject.recover(&disk.point, true);
                }
            }
            subject.holds(&disk.point, &before, &format!("with another number, before change {number}"));
            disk.unmount();
            if !killed {
                break;
            }
        }
    }
    assert!(clear > 0 && unclear > 0, "{clear} of {}", clear + unclear);
}

/// The harness itself: what nobody brought to the disk is not there afterwards.
#[test]
fn what_was_not_brought_to_the_disk_is_lost() {
    let disk = Disk::new();
    disk.format();
    disk.mount("data=ordered");
    let write = |name: &str| std::fs::write(disk.point.join(name), name).unwrap();
    write("kept");
    disk.sync();
    write("lost");
    disk.lose_power("data=ordered", true);
    let there = |name: &str| Path::exists(&disk.point.join(name));
    assert_eq!([there("kept"), there("lost")], [true, false]);
}
