//! Every way an action can go, and what it comes to.

use std::time::Duration;

use selx_core::action::journal::Event;
use selx_core::action::{
    Applied, Ground as _, Outcome, Permission, Planned, Policy, Risk, StepState, Stopped, Undo, Window,
};
use selx_core::{ByteSize, Moment, Severity};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::bench::Bench;
use crate::world::{Config, Thing};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const THREE: [&str; 3] = ["a", "b", "c"];

#[test]
fn what_was_confirmed_is_done_and_verified() {
    let bench = Bench::new(&THREE, Config::default());
    let report = bench.apply();
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_eq!(report.count(|state| matches!(state, StepState::Applied(Applied::Changed(_)))), 3);
    assert_eq!(report.findings[0].message, "3 done");
    assert_eq!(report.space.len(), 1);
    bench.world.is(&[("a", Thing::After), ("b", Thing::After), ("c", Thing::After)]);
    // Each step: its intent before, what came of it after.
    let events = bench.world.events();
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| match event {
            Event::Begin(_) => "begin",
            Event::Intent { .. } => "intent",
            Event::Done { .. } => "done",
            Event::End { outcome: Outcome::Done, recovered: false } => "end",
            _ => "?",
        })
        .collect();
    assert_eq!(kinds, ["begin", "intent", "done", "intent", "done", "intent", "done", "end"]);
    assert!(bench.world.open().unwrap().is_empty());
    assert!(bench.world.state().locks.is_empty());
    // Applying it once more: nothing is as it was confirmed, and nothing happens.
    let again = bench.apply();
    assert_eq!((again.outcome, again.run), (Outcome::Done, None));
}

#[test]
fn steps_that_stand_for_themselves_share_an_intent() {
    let bench = Bench::new(&["a", "b", "c", "d", "e"], Config { fails: names(&["d"]), ..Config::default() });
    let report = bench.apply_by(&bench.action::<2>(), &bench.plan(), &Permission::Given);
    assert_eq!(report.outcome, Outcome::Leftover);
    let intents: Vec<Vec<usize>> = bench
        .world
        .events()
        .into_iter()
        .filter_map(|event| if let Event::Intent { steps } = event { Some(steps) } else { None })
        .collect();
    assert_eq!(intents, [vec![0, 1], vec![2, 3]]);
    assert!(matches!(report.steps[3].state, StepState::Failed(_)));
    assert_eq!(report.steps[4].state, StepState::NotBegun);
    assert_eq!(report.advice.as_deref(), Some("look at the disk"));
}

#[test]
fn a_rule_that_leaves_a_step_alone_stops_no_other() {
    let bench = Bench::new(&THREE, Config { skips: names(&["b"]), ..Config::default() });
    let report = bench.apply();
    assert_eq!(report.outcome, Outcome::Skips);
    assert_eq!(report.steps[1].state, StepState::Applied(Applied::Skipped("in use".to_owned())));
    bench.world.is(&[("a", Thing::After), ("b", Thing::Before), ("c", Thing::After)]);
}

#[test]
fn a_whole_is_done_or_undone() {
    for config in [
        Config { fails: names(&["c"]), ..Config::default() },
        Config { fails_in_part: names(&["c"]), ..Config::default() },
        Config { fails_late: names(&["b"]), ..Config::default() },
        Config { panics: names(&["c"]), ..Config::default() },
    ] {
        let bench = Bench::new(&THREE, Config { whole: true, ..config });
        let report = bench.apply();
        assert_eq!(report.outcome, Outcome::Undone, "{report:?}");
        assert_eq!(report.outcome.exit_code(), 21);
        bench.world.is(&[("a", Thing::Before), ("b", Thing::Before), ("c", Thing::Before)]);
        assert!(bench.world.open().unwrap().is_empty());
    }
    // The first step fails: nothing was changed.
    let bench = Bench::new(&THREE, Config { whole: true, fails: names(&["a"]), ..Config::default() });
    assert_eq!(bench.apply().outcome, Outcome::Failed);
    assert!(bench.world.state().log.is_empty());
}

#[test]
fn what_remains_and_what_cannot_be_told_are_said() {
    let two = |config: Config| Bench::new(&["a", "b"], Config { whole: true, fails: names(&["b"]), ..config });
    // Undoing fails too.
    let bench = two(Config { not_undone: names(&["a"]), ..Config::default() });
    let report = bench.apply();
    assert_eq!(report.outcome, Outcome::Leftover);
    assert!(matches!(&report.steps[0].state, StepState::Remains(why) if why.contains("undoing it failed")));
    // The first can never be undone: it stays, and so does the run, until the second is done too.
    let bench = two(Config { no_way_back: names(&["a"]), ..Config::default() });
    let report = bench.apply();
    assert_eq!(report.outcome, Outcome::Leftover);
    assert!(report.why[1].starts_with("the run is not over: `selx recover "), "{:?}", report.why);
    assert_eq!(bench.recover().outcome, Outcome::Leftover);
    let bench = Bench { config: Config { fails: Vec::new(), ..bench.config.clone() }, ..bench };
    assert_eq!(bench.recover().outcome, Outcome::Done);
    bench.world.is(&[("a", Thing::After), ("b", Thing::After)]);
    assert!(bench.world.open().unwrap().is_empty());
    // It cannot be seen.
    let bench = two(Config { unknown: names(&["b"]), ..Config::default() });
    let report = bench.apply();
    assert_eq!(report.outcome, Outcome::Unclear);
    assert_eq!(report.outcome.changed(), None);
    // What may have happened may rest on what was done before: nothing is taken away under it.
    bench.world.is(&[("a", Thing::After)]);
    assert_eq!(bench.world.open().unwrap().len(), 1);
}

#[test]
fn a_whole_without_a_part_is_none() {
    let bench = Bench::new(&THREE, Config { whole: true, skips: names(&["b"]), ..Config::default() });
    let report = bench.apply();
    assert_eq!(report.outcome, Outcome::Undone, "{report:?}");
    assert_eq!(report.why, ["b: in use"]);
    bench.world.is(&[("a", Thing::Before), ("b", Thing::Before), ("c", Thing::Before)]);
}

#[test]
fn a_plan_of_another_time_place_or_setting_is_not_applied() {
    let bench = Bench::new(&THREE, Config::default());
    let plan = bench.plan();
    bench.clock.advance(Duration::from_secs(16 * 60));
    let report = bench.apply_as(&plan, &Permission::Given);
    assert_eq!((report.outcome, &*report.why[0]), (Outcome::Stale, "the plan is older than 15m"));
    let mut other = bench.plan();
    other.action = "change.other".to_owned();
    assert_eq!(bench.apply_as(&other, &Permission::Given).why, ["the plan is one of `change.other`"]);
    let mut other = bench.plan();
    other.machine.id = "1".to_owned();
    assert_eq!(bench.apply_as(&other, &Permission::Given).outcome, Outcome::Stale);
    assert!(bench.world.state().log.is_empty());
}

#[test]
fn the_goal_counts_not_what_the_steps_returned() {
    let bench = |goal: &str| Bench::new(&THREE, Config { goal: Some(goal.to_owned()), ..Config::default() });
    let report = bench("critical").apply();
    assert_eq!(report.outcome, Outcome::Leftover);
    assert!(report.findings.iter().any(|finding| finding.severity == Severity::Critical));
    let report = bench("error").apply();
    assert_eq!(report.outcome, Outcome::Unclear);
    assert!(report.why[0].starts_with("whether the goal is reached could not be seen"));
}

#[test]
fn nothing_is_done_without_a_way_to_write_it_down() {
    let bench = Bench::new(&THREE, Config::default());
    bench.world.state().disk_fails = true;
    let report = bench.apply();
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(bench.world.state().log.is_empty());
}

#[test]
fn a_lock_that_is_lost_ends_it_before_the_next_step() {
    let bench = Bench::new(&THREE, Config::default());
    bench.world.state().lock_lost = true;
    let report = bench.apply();
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(bench.world.state().log.is_empty());
}

#[test]
fn what_another_one_holds_is_named() {
    let bench = Bench::new(&THREE, Config::default());
    let since = Moment::of(&*bench.clock);
    let holder = selx_core::action::Holder { run: "r1".into(), action: "change.other".into(), pid: 7, since };
    let held = bench.world.lock("things", &holder).unwrap();
    bench.clock.advance(Duration::from_secs(90));
    let report = bench.apply();
    assert_eq!(report.outcome, Outcome::Locked);
    assert_eq!(report.why, ["`things` is held by `change.other` (run r1, process 7) for 1m30s"]);
    // What it had taken before is free again.
    assert_eq!(bench.world.state().locks.len(), 1);
    drop(held);
    assert_eq!(bench.apply().outcome, Outcome::Done);
}

#[test]
fn who_stops_all_actions_stops_them_also_between_two_steps() {
    let stopped = Stopped { by: "anna".into(), reason: "moving the disk".into(), at: "03:00".into() };
    let bench = Bench::new(&THREE, Config::default());
    bench.world.state().stopped = Some(stopped);
    let report = bench.apply();
    assert_eq!(report.outcome, Outcome::Refused);
    assert_eq!(report.why, ["anna stopped all actions of this machine at 03:00: moving the disk"]);
    assert_eq!(report.advice.as_deref(), Some("`selx start` allows them again"));

    let bench = Bench::new(&THREE, Config::default());
    let cancel = CancellationToken::new();
    cancel.cancel();
    let bench = Bench { cx: bench.cx.cancelled_by(cancel), ..bench };
    let report = bench.apply();
    assert_eq!((report.outcome, &*report.why[0]), (Outcome::Failed, "the run was stopped"));
}

#[test]
fn a_rule_of_the_plan_is_stronger_than_any_confirmation() {
    let bench = Bench::new(&THREE, Config { refused: Some("3 are more than half".into()), ..Config::default() });
    let report = bench.apply();
    assert_eq!(report.outcome, Outcome::Refused);
    assert_eq!((report.why, report.advice), (vec!["3 are more than half".to_owned()], Some("let it be".to_owned())));
}

#[test]
fn a_plan_goes_stale_in_every_way() {
    // One of three has changed: the others are done.
    let bench = Bench::new(&THREE, Config::default());
    let plan = bench.plan();
    bench.world.state().things.get_mut("b").unwrap().0 = 2;
    bench.world.state().things.insert("new".into(), (1, None));
    let report = bench.apply_as(&plan, &Permission::Given);
    assert_eq!((report.outcome, report.waiting), (Outcome::Skips, 1));
    bench.world.is(&[("a", Thing::After), ("b", Thing::Before), ("c", Thing::After), ("new", Thing::Before)]);
    assert!(matches!(report.steps[1].state, StepState::NotAsConfirmed(_)));

    // None is as it was.
    let bench = Bench::new(&["a"], Config::default());
    let plan = bench.plan();
    bench.world.state().things.get_mut("a").unwrap().0 = 2;
    let report = bench.apply_as(&plan, &Permission::Given);
    assert_eq!(report.outcome, Outcome::Stale);
    let why = "of 1 confirmed steps 0 are as they were, 1 have changed, 0 are gone; 0 are new";
    assert_eq!(report.why, [why]);

    // A whole is stale if anything differs, also something new.
    for change in [true, false] {
        let bench = Bench::new(&THREE, Config { whole: true, ..Config::default() });
        let plan = bench.plan();
        match change {
            true => bench.world.state().things.get_mut("b").unwrap().0 = 2,
            false => drop(bench.world.state().things.insert("new".into(), (1, None))),
        }
        assert_eq!(bench.apply_as(&plan, &Permission::Given).outcome, Outcome::Stale);
        assert!(bench.world.state().log.is_empty());
    }
}

#[test]
fn a_step_at_another_risk_or_without_its_way_back_is_another_step() {
    let changes: [fn(&mut Planned<Value>); 3] = [
        |step| step.target = "other".to_owned(),
        |step| step.risk = if step.risk == Risk::Safe { Risk::Destructive } else { Risk::Safe },
        |step| {
            step.undo = match &step.undo {
                Undo::Possible(_) => Undo::Impossible("no".to_owned()),
                Undo::Impossible(_) => Undo::Possible("yes".to_owned()),
            }
        },
    ];
    for change in changes {
        let bench = Bench::new(&["a"], Config::default());
        let shown = bench.plan();
        let mut plan = shown.clone();
        change(&mut plan.plan.steps[0]);
        assert_ne!(shown.hash(), plan.hash());
        assert_eq!(bench.apply_as(&plan, &Permission::Given).outcome, Outcome::Stale);
        assert!(bench.world.state().log.is_empty());
        // Words, sizes and times are those of the moment.
        let mut plan = shown.clone();
        plan.plan.steps[0].what = "in other words".to_owned();
        plan.plan.steps[0].bytes = Some(7);
        assert_eq!(shown.hash(), plan.hash());
        assert_eq!(bench.apply_as(&plan, &Permission::Given).outcome, Outcome::Done);
    }
}

#[test]
fn only_who_names_the_plan_or_is_permitted_may() {
    let bench = Bench::new(&THREE, Config::default());
    let plan = bench.plan();
    let typed = |text: &str| Permission::Typed(text.parse().unwrap());
    assert_eq!(bench.apply_as(&plan, &typed("0000-0000")).outcome, Outcome::Unconfirmed);
    let policy = Policy { risk: Risk::Destructive, window: None, max_steps: None, max_bytes: None };
    for (policy, why) in [
        (
            Policy { risk: Risk::Disruptive, ..policy.clone() },
            "a step is destructive, and the policy permits what is disruptive at most",
        ),
        (Policy { max_steps: Some(2), ..policy.clone() }, "3 steps, and the policy permits 2"),
        (
            Policy { max_bytes: Some(ByteSize(29)), ..policy.clone() },
            "30 B would be freed, and the policy permits 29 B",
        ),
        (Policy { window: Some("04:00-03:00".parse().unwrap()), ..policy.clone() }, "the window 04:00-03:00 is closed"),
    ] {
        let report = bench.apply_as(&plan, &Permission::Policy(policy));
        assert_eq!((report.outcome, &*report.why[0]), (Outcome::Unconfirmed, why));
    }
    assert!(bench.world.state().log.is_empty());
    let hash = plan.hash().to_string();
    assert_eq!(bench.apply_as(&plan, &typed(&hash.to_uppercase())).outcome, Outcome::Done);
}

#[test]
fn a_window_is_looked_at_before_each_step() {
    let zone = jiff::tz::TimeZone::UTC;
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    for (window, time, open) in [
        ("02:00-05:00", "2026-11-23T02:00:00Z", true),
        ("02:00-05:00", "2026-11-23T04:59:59Z", true),
        ("02:00-05:00", "2026-11-23T05:00:00Z", false),
        ("22:00-04:00", "2026-11-23T23:00:00Z", true),
        ("22:00-04:00", "2026-11-23T03:00:00Z", true),
        ("22:00-04:00", "2026-11-23T04:00:00Z", false),
    ] {
        let parsed: Window = window.parse().unwrap();
        assert_eq!(parsed.to_string(), window);
        assert_eq!(parsed.is_open(at(time), &zone), open, "{window} {time}");
    }
    for wrong in ["", "2-5", "02:00", "02:00-02:00", "25:00-26:00", "2:00-5:00", "02:00-05:00 "] {
        assert!(wrong.parse::<Window>().is_err(), "{wrong}");
    }
}
