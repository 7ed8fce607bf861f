//! Others work on the same engine: what they take, start or make anew is left to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use selx_core::action::journal::{Begin, Event, Journal};
use selx_core::action::{Applied, DynAction as _, FORMAT, Ground as _, Outcome, StepState, recover};
use serde_json::json;

use crate::engine::{Bench, STAYS, docker, has};
use crate::machine::{Machine, came, run, targets};

fn skipped(state: &StepState) -> &str {
    match state {
        StepState::Applied(Applied::Skipped(why)) => why,
        state => panic!("it was not skipped: {state:?}"),
    }
}

#[test]
fn f05_f06_f07_what_changed_after_the_plan_is_left_or_was_done_by_others() {
    let bench = Bench::new("changed");
    for name in ["changed-started", "changed-restarted", "changed-gone", "changed-new", "changed-old"] {
        bench.run(name, &[], &["sh", "-c", "[ -e /again ] && sleep 1000; : > /again"]);
    }
    let machine = Machine::new();
    machine.days_pass(8);
    let plan = machine.plan(json!({ "only-labels": [&bench.label] }));
    assert_eq!(targets(&plan).len(), 5);
    docker(&["start", "changed-started"]);
    docker(&["start", "changed-restarted"]);
    docker(&["stop", "-t", "0", "changed-restarted"]);
    docker(&["rm", "changed-gone"]);
    docker(&["rm", "changed-new"]);
    let new = bench.run("changed-new", &[], &["sh"]);
    let report = machine.apply(&plan);
    assert_eq!(report.outcome, Outcome::Skips, "{report:#?}");
    assert_eq!(report.count(|state| matches!(state, StepState::NotAsConfirmed(_))), 4);
    assert_eq!(came(&report, "container changed-old"), &StepState::Applied(Applied::Changed("removed".into())));
    for (name, there) in [
        ("changed-started", true),
        ("changed-restarted", true),
        (&*new, true),
        ("changed-gone", false),
        ("changed-old", false),
    ] {
        assert_eq!(has("container", name), there, "{name}");
    }
}

#[test]
fn f05_f06_what_changes_between_the_last_look_and_the_removal_is_refused_by_the_engine() {
    let bench = Bench::new("between");
    let started = bench.run("between-a", &[], &["sh", "-c", "[ -e /again ] && sleep 1000; : > /again"]);
    let gone = bench.run("between-b", &[], &["sh"]);
    let updated = bench.run("between-c", &[], &["sh"]);
    let image = bench.image("", "");
    bench.network("between-net", &[]);
    let network = docker(&["network", "inspect", "-f", "{{.Id}}", "between-net"]);
    let machine = Machine::new();
    machine.days_pass(8);
    let plan = machine.plan(json!({ "only-labels": [&bench.label] }));
    assert_eq!(targets(&plan).len(), 5);
    let (label, own) = (format!("--label={}", bench.label), bench.image.clone());
    let (a, b, c, d, e) = (started.clone(), gone.clone(), updated.clone(), image.clone(), network.clone());
    let mut looks = 0;
    machine.before(move |request| {
        if request == format!("DELETE /containers/{a}") {
            docker(&["start", &a]);
        } else if request == format!("DELETE /containers/{b}") {
            docker(&["rm", &b]);
        } else if request == format!("GET /containers/{c}/json") {
            // The first look is the plan's.
            looks += 1;
            if looks == 2 {
                docker(&["update", "--restart", "always", &c]);
            }
        } else if request.starts_with(&format!("DELETE /images/{d}")) {
            docker(&["create", "--network", "none", &label, &d, "x"]);
        } else if request == format!("DELETE /networks/{e}") {
            docker(&["run", "-d", "--network", &e, &label, &own, "sleep", "1000"]);
        }
    });
    let report = machine.apply(&plan);
    assert_eq!(report.outcome, Outcome::Skips, "{report:#?}");
    assert!(skipped(came(&report, "container between-a")).starts_with("the engine says no: "), "{report:#?}");
    assert_eq!(came(&report, "container between-b"), &StepState::Applied(Applied::AlreadyDone));
    assert_eq!(skipped(came(&report, "container between-c")), "its restart policy is always now");
    let of_image = format!("image {} (without a name)", &image[7..19]);
    assert!(skipped(came(&report, &of_image)).contains("container"), "{report:#?}");
    assert!(skipped(came(&report, "network between-net")).contains("active endpoints"), "{report:#?}");
    for (sort, id) in [("container", &started), ("container", &updated), ("image", &image), ("network", &network)] {
        assert!(has(sort, id), "{sort} {id}");
    }
}

#[test]
fn f05_a_deployment_beside_it_loses_nothing() {
    let bench = Bench::new("deploy");
    for number in 0..12 {
        bench.run(&format!("deploy-old-{number}"), &[], &["sh"]);
    }
    let machine = Machine::new();
    machine.days_pass(8);
    let plan = machine.plan(json!({ "only-labels": [&bench.label] }));
    assert_eq!(targets(&plan).len(), 12);
    // Somebody else takes away what was to stay: it was not this run, and it is told.
    let other = bench.run("deploy-other", &[], STAYS);
    let victim = other.clone();
    machine.before(move |request| {
        if request.starts_with("DELETE ") && has("container", &victim) {
            docker(&["rm", "-f", &victim]);
        }
    });
    let stop = Arc::new(AtomicBool::new(false));
    let (ended, label, image) = (Arc::clone(&stop), format!("--label={}", bench.label), bench.image.clone());
    let deploys = std::thread::spawn(move || {
        let mut made = Vec::new();
        while !ended.load(Ordering::Relaxed) && made.len() < 60 {
            let name = format!("deploy-net-{}", made.len());
            let network = docker(&["network", "create", &label, &name]);
            let first = docker(&["create", "--network", &network, &label, &image, "sh"]);
            let one_shot = docker(&["run", "-d", "--network", "none", &label, &image, "sh"]);
            made.extend([("network", network), ("container", first), ("container", one_shot)]);
        }
        made
    });
    let report = machine.apply(&plan);
    stop.store(true, Ordering::Relaxed);
    let made = deploys.join().unwrap();
    assert_eq!(report.outcome, Outcome::Done, "{report:#?}");
    assert!(made.len() >= 3);
    for (sort, id) in made {
        assert!(has(sort, &id), "{sort} {id}");
    }
    assert_eq!(docker(&["ps", "-aq", "--filter", "name=deploy-old"]), "");
    assert!(report.findings.iter().any(|finding| finding.code == "also-gone" && finding.subject == other));
}

#[test]
fn a_run_that_was_killed_is_recovered_by_what_the_engine_says() {
    let bench = Bench::new("killed");
    for number in 0..3 {
        bench.run(&format!("killed-{number}"), &[], &["sh"]);
    }
    bench.run("killed-up", &[], STAYS);
    let machine = Machine::new();
    machine.days_pass(8);
    let plan = machine.plan(json!({ "only-labels": [&bench.label] }));
    let ground = machine.ground();
    let action = machine.action(&plan.with);
    for is_removed in [true, false] {
        let id = format!("20261127T03000{}Z-00000001", u8::from(is_removed));
        let begin = Begin {
            format: FORMAT,
            run: id.clone(),
            pid: 1,
            user: 0,
            confirmed: "a test".to_owned(),
            resources: action.resources(),
            plan: plan.clone(),
            steps: vec![0, 1, 2],
        };
        // It died after it had written what it was about to do: before the engine did it, or after.
        let mut journal = Journal::begin(ground.journal(&id, 1 << 20).unwrap());
        let step = usize::from(!is_removed);
        journal.write([Event::Begin(Box::new(begin)), Event::Intent { steps: vec![step] }], machine.clock()).unwrap();
        drop(journal);
        let name = plan.plan.steps[step].target.strip_prefix("container ").unwrap().to_owned();
        if is_removed {
            docker(&["rm", &name]);
        }
        assert_eq!(machine.apply(&plan).outcome, Outcome::Unfinished);
        machine.socket.take();
        let open = ground.open().unwrap();
        let report = run(recover(&open[0], &action, false, &ground, &machine.context()));
        let outcome = if is_removed { Outcome::Skips } else { Outcome::Failed };
        assert_eq!(report.outcome, outcome, "{report:#?}");
        assert!(ground.open().unwrap().is_empty());
        assert_eq!(has("container", &name), !is_removed);
        assert_eq!(machine.socket.changes(), [""; 0], "recovery of steps that stand each for itself removes nothing");
    }
    let next = machine.plan(json!({ "only-labels": [&bench.label] }));
    assert_eq!(targets(&next).len(), 2);
    assert_eq!(machine.apply(&next).outcome, Outcome::Done);
    assert!(has("container", "killed-up"));
}
