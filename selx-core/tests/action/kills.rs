//! Death at every point of a run and of its recovery: no change that was not written down before, no whole that is half.

use proptest::prelude::*;
use selx_core::action::journal::Event;
use selx_core::action::{Ground as _, Outcome, Permission, StepState};

use crate::bench::Bench;
use crate::world::{Config, Thing};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Runs, dies at an operation, wakes up, and is recovered, dying again some operations later in between.
fn killed(config: Config, batch: bool, first: usize, second: usize) -> (Bench, Option<Outcome>) {
    let bench = Bench::new(&NAMES, config);
    let plan = bench.plan();
    bench.world.state().dies_in = Some(first);
    match batch {
        true => bench.apply_by(&bench.action::<3>(), &plan, &Permission::Given),
        false => bench.apply_as(&plan, &Permission::Given),
    };
    for dies_in in [Some(second), None] {
        bench.world.wake();
        bench.world.state().dies_in = dies_in;
        if !bench.world.open().unwrap().is_empty() {
            // Nothing else begins on the same things until it is recovered, unless it had not begun.
            let begun = bench.world.open().unwrap()[0].read.as_ref().unwrap().begin().is_some();
            if begun && dies_in.is_none() {
                assert_eq!(bench.apply_as(&bench.plan(), &Permission::Given).outcome, Outcome::Unfinished);
            }
            let report = bench.recover();
            if dies_in.is_none() {
                return (bench, Some(report.outcome));
            }
        }
    }
    (bench, None)
}

/// Holds for whatever happened.
fn holds(bench: &Bench, outcome: Option<Outcome>) {
    let whole = bench.config.whole;
    let things: Vec<Thing> = NAMES.iter().map(|name| bench.world.thing(name)).collect();
    assert!(!things.contains(&Thing::Partly), "{things:?} {outcome:?}");
    let after = things.iter().filter(|thing| **thing == Thing::After).count();
    if whole {
        assert!(after == 0 || after == NAMES.len(), "{things:?} {outcome:?}");
    }
    match outcome {
        Some(Outcome::Done) => assert!(after == 4 || after == 0),
        Some(Outcome::Undone | Outcome::Failed) => assert_eq!(after, 0),
        Some(Outcome::Skips) => assert!(!whole && after < 4),
        None => {}
        other => panic!("{other:?}"),
    }
    // It is over, and whatever was changed had been written down before.
    assert!(bench.world.open().unwrap().iter().all(|open| open.read.as_ref().unwrap().begin().is_none()));
    let log = bench.world.state().log.clone();
    if log.is_empty() {
        return;
    }
    let events = bench.world.events();
    for change in log {
        let index = NAMES.iter().position(|name| change.ends_with(name)).unwrap();
        let intended = events.iter().any(|event| match event {
            Event::Intent { steps } => change.starts_with("change") && steps.contains(&index),
            Event::UndoIntent { step } => change.starts_with("undo") && *step == index,
            _ => false,
        });
        assert!(intended, "{change} without an intent");
    }
}

#[test]
fn death_at_every_operation_of_a_run_and_of_its_recovery() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let configs = [
        Config::default(),
        Config { whole: true, ..Config::default() },
        Config { whole: true, no_way_back: names(&["d"]), ..Config::default() },
        Config { whole: true, no_way_back: names(&["c", "d"]), ..Config::default() },
        Config { whole: true, fails: names(&["d"]), ..Config::default() },
        Config { fails_in_part: names(&["c"]), ..Config::default() },
    ];
    let mut runs = 0;
    for config in configs {
        for batch in [false, true] {
            for first in 0..34 {
                for second in 0..20 {
                    let (bench, outcome) = killed(config.clone(), batch && !config.whole, first, second);
                    holds(&bench, outcome);
                    runs += 1;
                }
            }
        }
    }
    assert_eq!(runs, 8_160);
}

#[test]
fn what_cannot_be_seen_stays_open_until_a_person_has_looked() {
    let config = Config { unknown: vec!["b".to_owned()], ..Config::default() };
    let bench = Bench::new(&NAMES, config);
    // In the middle of the second step.
    bench.world.state().dies_in = Some(9);
    bench.apply();
    assert_eq!(bench.world.thing("b"), Thing::Partly);
    bench.world.wake();
    let report = bench.recover();
    assert_eq!(report.outcome, Outcome::Unclear);
    assert!(matches!(&report.steps[1].state, StepState::Unclear(why) if why.contains("it cannot be seen")));
    let advice = report.advice.unwrap();
    assert!(advice.contains("--as-it-is"), "{advice}");
    assert_eq!(bench.apply().outcome, Outcome::Unfinished);
    let before = bench.world.state().log.clone();
    assert_eq!(bench.recover_as(true).outcome, Outcome::Unclear);
    assert_eq!(bench.world.state().log, before, "as it is means as it is");
    assert!(bench.world.open().unwrap().is_empty());
    assert_eq!(bench.world.events().last(), Some(&Event::End { outcome: Outcome::Unclear, recovered: true }));
}

#[test]
fn a_run_that_went_on_meanwhile_is_judged_by_what_it_says_now() {
    let bench = Bench::new(&NAMES, Config { whole: true, ..Config::default() });
    bench.world.state().dies_in = Some(9);
    bench.apply();
    bench.world.wake();
    let open = bench.world.open().unwrap().remove(0);
    assert_eq!(bench.recover().outcome, Outcome::Undone);
    // Who read it before that, and asks only now, changes nothing.
    let before = bench.world.state().log.clone();
    let report =
        crate::bench::now(selx_core::action::recover(&open, &bench.action::<1>(), false, &bench.world, &bench.cx));
    assert_eq!((report.outcome, &*report.why[0]), (Outcome::Done, "it has come to its end meanwhile"));
    assert_eq!(bench.world.state().log, before);
}

#[test]
fn a_damaged_journal_is_told_and_nothing_is_guessed() {
    let bench = Bench::new(&NAMES, Config::default());
    bench.world.state().dies_in = Some(9);
    bench.apply();
    bench.world.wake();
    bench.world.state().disk.values_mut().next().unwrap()[40] ^= 1;
    let before = bench.world.state().log.clone();
    let report = bench.recover();
    assert_eq!(report.outcome, Outcome::Unfinished);
    assert!(report.why[0].contains("line 1 is damaged"), "{:?}", report.why);
    assert_eq!(bench.world.state().log, before);
    assert_eq!(bench.apply().outcome, Outcome::Unfinished);
}

proptest! {
    #[test]
    fn any_behaviour_and_any_death(
        whole in any::<bool>(),
        way in prop::collection::vec(0_u8..6, 4),
        first in 0_usize..50,
        second in 0_usize..30,
    ) {
        let which = |wanted: u8| -> Vec<String> {
            NAMES.iter().zip(&way).filter(|(_, way)| **way == wanted).map(|(name, _)| (*name).to_owned()).collect()
        };
        let config = Config {
            whole,
            fails: which(1),
            fails_in_part: which(2),
            fails_late: which(3),
            panics: which(4),
            skips: which(5),
            ..Config::default()
        };
        let (bench, outcome) = killed(config, false, first, second);
        holds(&bench, outcome);
    }
}
