//! The journal, torn and damaged at every byte.

use selx_core::action::journal::{self, Damaged, Event};

use crate::bench::Bench;
use crate::world::Config;

fn written() -> Vec<u8> {
    let bench = Bench::new(&["a", "b"], Config::default());
    bench.apply();
    let state = bench.world.state();
    state.disk.values().next().unwrap().clone()
}

#[test]
fn an_end_that_is_torn_is_no_damage_wherever_it_is_torn() {
    let bytes = written();
    let whole = journal::read(&bytes).unwrap();
    assert_eq!((whole.records.len(), whole.whole), (6, bytes.len()));
    for cut in 0..bytes.len() {
        let read = journal::read(&bytes[..cut]).unwrap();
        let ended = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(read.records, whole.records[..ended], "cut at {cut}");
        assert!(read.whole <= cut);
        // What a preallocated file has behind its end.
        let mut zeros = bytes[..cut].to_vec();
        zeros.extend([0; 600]);
        assert_eq!(journal::read(&zeros).unwrap().records, read.records);
    }
}

#[test]
fn what_is_no_beginning_at_all_is_damage_and_not_a_run_that_never_began() {
    let bytes = written();
    let first = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut garbled = bytes[..first].to_vec();
    garbled[first / 2] ^= 1;
    let noise: Vec<u8> = (0..3000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for damaged in [noise, b"no journal\n".to_vec(), garbled, bytes[1..first].to_vec()] {
        assert_eq!(journal::read(&damaged), Err(Damaged::NoBegin));
    }
}

#[test]
fn a_flip_of_any_bit_is_seen_and_never_read_as_something_else() {
    let bytes = written();
    let whole = journal::read(&bytes).unwrap();
    let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            match journal::read(&damaged) {
                Err(Damaged::Line(_)) => assert!(at < last, "in the last line nothing whole follows: {at}"),
                // The end of the line before makes both one, which is torn.
                Ok(read) => {
                    assert!(at + 1 >= last, "byte {at} of line within");
                    assert_eq!(read.records, whole.records[..if at < last { 4 } else { 5 }]);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn lines_that_are_missing_doubled_or_moved_are_damage() {
    let bytes = written();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let without: Vec<u8> = [&lines[..2], &lines[3..]].concat().concat();
    assert_eq!(journal::read(&without), Err(Damaged::Order(3)));
    let doubled: Vec<u8> = [&lines[..3], &lines[2..]].concat().concat();
    assert_eq!(journal::read(&doubled), Err(Damaged::Order(4)));
    let mut moved = lines.clone();
    moved.swap(2, 3);
    assert_eq!(journal::read(&moved.concat()), Err(Damaged::Order(3)));
    assert_eq!(journal::read(&lines[1..].concat()), Err(Damaged::Order(1)));
    assert!(journal::read(b"").unwrap().records.is_empty());
}

#[test]
fn a_journal_of_a_newer_version_is_not_guessed_at() {
    use sha2::Digest as _;
    let line = |json: &str| {
        let hash: [u8; 32] = sha2::Sha256::digest(json).into();
        let digits: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{digits} {json}\n")
    };
    let newer = line(r#"{"number":0,"before":"","record":"begin","format":2,"what":"is new"}"#);
    assert_eq!(journal::read(newer.as_bytes()), Err(Damaged::Format(2)));
    let strange = line(r#"{"number":0,"before":"","record":"begin","format":1}"#);
    assert_eq!(journal::read(strange.as_bytes()), Err(Damaged::Line(1)));
}

#[test]
fn the_plan_is_in_it() {
    let read = journal::read(&written()).unwrap();
    let begin = read.begin().unwrap();
    assert_eq!(begin.plan.plan.steps[1].what, "change b");
    assert_eq!(begin.confirmed, "a person, by the file of the plan");
    assert_eq!(begin.resources, ["a-first", "things"]);
    assert!(matches!(read.records[1].event, Event::Intent { .. }));
}
