//! A plan that is carried away: its hash, its age, its place.

use std::time::Duration;

use selx_core::ManualClock;
use selx_core::action::{Machine, SavedPlan, ShortHash, Unfit};
use serde_json::json;

use crate::bench::Bench;
use crate::world::Config;

#[test]
fn the_hash_is_of_what_would_be_done() {
    let bench = Bench::new(&["a", "b"], Config::default());
    let plan = bench.plan();
    let hash = plan.hash();
    // Made again later: the same.
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(bench.plan().hash(), hash);
    // Through a file, and with words that say the same thing otherwise.
    let text = serde_json::to_string_pretty(&plan).unwrap();
    let mut read: SavedPlan = serde_json::from_str(&text).unwrap();
    assert_eq!(read, plan);
    read.plan.steps[0].what = "Change a.".into();
    assert_eq!(read.hash(), hash);
    // Another thing, fewer things, others settings, another machine, another order: each another hash.
    let mut others = [(); 6].map(|()| plan.clone());
    others[0].plan.steps[0].step["version"] = json!(2);
    others[1].plan.steps.pop();
    others[2].with["whole"] = json!(true);
    others[3].machine.id = "4712".into();
    others[4].plan.steps.reverse();
    others[5].plan.whole = true;
    let mut hashes: Vec<String> = others.iter().map(|plan| plan.hash().full()).collect();
    hashes.push(hash.full());
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 7);
}

#[test]
fn a_short_hash_is_typed_as_people_do() {
    let plan = Bench::new(&["a"], Config::default()).plan();
    let (hash, full) = (plan.hash(), plan.hash().full());
    let shown = hash.to_string();
    assert_eq!(shown, format!("{}-{}", &full[..4], &full[4..8]));
    for text in [shown.clone(), shown.to_uppercase(), shown.replace('-', ""), format!(" {shown} "), full.clone()] {
        assert!(hash.is(&text.parse().unwrap()), "{text}");
    }
    for text in ["", "yes", "y", &full[..7], "7f3a-91cg", &"0".repeat(65)] {
        assert!(text.parse::<ShortHash>().is_err(), "{text}");
    }
}

#[test]
fn a_plan_fits_its_action_its_settings_its_machine_and_its_time() {
    let bench = Bench::new(&["a"], Config::default());
    let plan = bench.plan();
    let shop = Machine { name: "shop".into(), id: "4711".into() };
    let fits = |plan: &SavedPlan| plan.fits("change.it", &bench.plan().with, &shop, &*bench.clock);
    assert_eq!(fits(&plan), Ok(()));
    assert_eq!(fits(&SavedPlan { format: 2, ..plan.clone() }), Err(Unfit::Format(2)));
    assert_eq!(fits(&SavedPlan { action: "change.b".into(), ..plan.clone() }), Err(Unfit::Action("change.b".into())));
    assert_eq!(fits(&SavedPlan { with: json!({}), ..plan.clone() }), Err(Unfit::Settings));
    let other = Machine { name: "other".into(), id: "1".into() };
    assert_eq!(fits(&SavedPlan { machine: other, ..plan.clone() }), Err(Unfit::Machine("other".into())));
    // Machines without an id, such as containers, are known by their names.
    let (one, two) = (["a", "a"], ["a", "b"]);
    let named = |[one, other]: [&str; 2]| {
        let machine = |name: &str| Machine { name: name.into(), id: String::new() };
        machine(one).is(&machine(other))
    };
    assert!(named(one) && !named(two));
    bench.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(fits(&plan), Ok(()));
    // A clock that is set back makes it no younger.
    bench.clock.set("2020-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(fits(&plan), Ok(()));
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(fits(&plan), Err(Unfit::Expired));
    // Another boot.
    let booted = ManualClock::at(plan.made.at);
    let mut earlier = plan.clone();
    earlier.made.boot = plan.made.boot.wrapping_add(1);
    assert_eq!(earlier.fits("change.it", &plan.with, &shop, &booted), Err(Unfit::Expired));
}

#[test]
fn of_two_equal_steps_each_counts_once() {
    let plan = Bench::new(&["a", "b"], Config::default()).plan().plan;
    let mut twice = plan.clone();
    twice.steps[1] = twice.steps[0].clone();
    let compared = twice.compare(&plan);
    assert_eq!((compared.same, compared.new), (vec![0], 0));
    assert_eq!(compared.changed, ["a"]);
}
