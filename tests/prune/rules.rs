//! Each rule by which something stays.

use selx_core::action::Outcome;
use serde_json::json;

use crate::engine::{Bench, STAYS, docker, has};
use crate::machine::{Machine, came, kept, targets};

#[test]
fn f08_f09_what_is_young_by_either_clock_stays_and_volumes_are_never_old() {
    let bench = Bench::new("young");
    bench.run("young-ended", &[], &["sh"]);
    let nameless = bench.image("", "");
    bench.network("young-net", &[]);
    docker(&["volume", "create", "--label", &bench.label, "young-volume"]);
    let machine = Machine::new();
    let with = json!({ "only-labels": [&bench.label] });
    let short = format!("image {} (without a name)", &nameless[7..19]);
    let all_young = |machine: &Machine| {
        let plan = machine.plan(with.clone());
        assert_eq!(targets(&plan), [""; 0]);
        let young = kept(&plan, "not older than 7d");
        assert_eq!(young, ["container young-ended", short.as_str(), "network young-net"]);
    };
    all_young(&machine);
    // One clock runs ahead by years: it alone makes nothing old.
    machine.own_days_pass(3_650);
    all_young(&machine);
    let machine = Machine::new();
    machine.engine_days_pass(3_650);
    all_young(&machine);
    machine.own_days_pass(3_650);
    let plan = machine.plan(with);
    assert_eq!(targets(&plan).len(), 3);
    assert!(kept(&plan, "a volume: these go one by one").contains(&"volume young-volume"));
    docker(&["volume", "rm", "young-volume"]);
}

#[test]
fn images_go_from_the_top_and_take_none_along() {
    let bench = Bench::new("layers");
    let file = bench.folder().join("layers");
    std::fs::create_dir(&file).unwrap();
    let text = format!("FROM {}\nLABEL layer=one\nLABEL layer=two\n", bench.image);
    std::fs::write(file.join("Dockerfile"), text).unwrap();
    docker(&["build", "-t", "selx-prune-layers-top:1", file.to_str().unwrap()]);
    let top = docker(&["inspect", "-f", "{{.Id}}", "selx-prune-layers-top:1"]);
    let under = docker(&["inspect", "-f", "{{.Parent}}", &top]);
    bench.run("layers-up", &[], STAYS);
    let machine = Machine::new();
    machine.days_pass(8);
    // What a named image is built on stays with it.
    let plan = machine.plan(json!({ "only-labels": [&bench.label] }));
    assert_eq!(targets(&plan), [""; 0], "{:#?}", plan.plan.steps);
    assert_eq!(kept(&plan, "another image is built on it").len(), 1);
    docker(&["tag", "selx-prune-layers-top:1", "selx-prune-layers-top:2"]);
    let with = json!({ "only-labels": [&bench.label], "unused-images": true });
    let plan = machine.plan(with.clone());
    assert_eq!(kept(&plan, "it has several names"), ["image selx-prune-layers-top:1"]);
    docker(&["rmi", "selx-prune-layers-top:2"]);
    let plan = machine.plan(with.clone());
    let planned = targets(&plan);
    assert_eq!(planned.len(), 2, "{planned:?}");
    assert_eq!(planned[0], "image selx-prune-layers-top:1", "what is on top goes first");
    assert!(kept(&plan, "a container was made of the image").contains(&format!("image {}", bench.image).as_str()));
    // A name that it gets between the plan and its turn saves it, and with it what it is built on.
    docker(&["tag", "selx-prune-layers-top:1", "selx-prune-layers-top:2"]);
    assert_eq!(machine.apply(&plan).outcome, Outcome::Stale);
    docker(&["rmi", "selx-prune-layers-top:2"]);
    machine.socket.take();
    let report = machine.apply(&plan);
    assert_eq!(report.outcome, Outcome::Done, "{report:#?}");
    assert_eq!(
        machine.socket.changes(),
        [format!("DELETE /images/{top}?noprune=true"), format!("DELETE /images/{under}?noprune=true")]
    );
    assert!(!has("image", &top) && !has("image", &under) && has("image", &bench.image));
}

#[test]
fn what_a_removed_container_used_waits_for_the_next_plan() {
    let bench = Bench::new("next");
    let image = bench.image.clone();
    bench.run("next-ended", &[], &["sh"]);
    let machine = Machine::new();
    machine.days_pass(8);
    let with = json!({ "only-labels": [&bench.label], "unused-images": true });
    let plan = machine.plan(with.clone());
    assert_eq!(targets(&plan), ["container next-ended"]);
    assert_eq!(kept(&plan, "used by a container that this plan removes"), [format!("image {image}")]);
    assert_eq!(machine.apply(&plan).outcome, Outcome::Done);
    let plan = machine.plan(with);
    assert_eq!(targets(&plan), [format!("image {image}")]);
    assert_eq!(machine.apply(&plan).outcome, Outcome::Done);
    assert!(!has("image", &image));
}

#[test]
fn what_others_use_or_name_stays() {
    let bench = Bench::new("used");
    let data = bench.run("used-data", &["-v", "/data"], &["sh"]);
    bench.run("used-by-volumes", &["--volumes-from", &data[..12]], STAYS);
    bench.run("used-pattern-1", &[], &["sh"]);
    bench.run(
        "used-one-off",
        &["--label", "com.docker.compose.project=none", "--label", "com.docker.compose.oneoff=True"],
        &["sh"],
    );
    bench.run("used-service", &["--label", "com.docker.compose.project=none"], &["sh"]);
    // Its name names another image since: whoever starts the container's service anew wants that one.
    let moved = bench.image("selx-prune-used-moved:1", "");
    docker(&[
        "create",
        "--label",
        &bench.label,
        "--name",
        "used-moved",
        "--network",
        "none",
        "selx-prune-used-moved:1",
        "x",
    ]);
    let newer = bench.image("selx-prune-used-moved:1", "newer=1");
    assert_ne!(moved, newer);
    docker(&["tag", &moved, "selx-prune-used-old:1"]);
    let machine = Machine::new();
    machine.days_pass(8);
    let with = json!({ "only-labels": [&bench.label], "unused-images": true, "keep": ["used-pattern-*"] });
    let plan = machine.plan(with.clone());
    assert_eq!(targets(&plan), ["container used-moved"]);
    assert_eq!(kept(&plan, "another container uses its network, its volumes"), ["container used-data"]);
    assert_eq!(kept(&plan, "named in `keep`"), ["container used-pattern-1"]);
    assert_eq!(kept(&plan, "left behind by `docker compose run`"), ["container used-one-off"]);
    assert_eq!(kept(&plan, "a service of a Compose project"), ["container used-service"]);
    assert_eq!(kept(&plan, "a container was made by its name"), ["image selx-prune-used-moved:1"]);
    let mut more = with;
    more["one-offs"] = json!(true);
    more["projects"] = json!(true);
    assert_eq!(targets(&machine.plan(more)).len(), 3);
    docker(&["rm", "-fv", "used-by-volumes", "used-data"]);
}

#[test]
fn more_than_the_budget_is_none() {
    let bench = Bench::new("budget");
    for number in 0..3 {
        bench.run(&format!("budget-{number}"), &[], &["sh", "-c", "echo 123456789 > /x"]);
    }
    let machine = Machine::new();
    machine.days_pass(8);
    let refused = |more: serde_json::Value, words: &str| {
        let mut with = json!({ "only-labels": [&bench.label] });
        for (key, value) in more.as_object().unwrap() {
            with[key] = value.clone();
        }
        let plan = machine.plan(with);
        assert_eq!(plan.plan.refused.len(), 1, "{:?}", plan.plan.refused);
        assert!(plan.plan.refused[0].why.contains(words), "{:?}", plan.plan.refused);
        machine.socket.take();
        assert_eq!(machine.apply(&plan).outcome, Outcome::Refused);
        assert_eq!(machine.socket.changes(), [""; 0]);
    };
    refused(json!({ "max-objects": 2 }), "3 things would be removed, and `max-objects` is 2");
    refused(json!({ "max-bytes": "29B" }), "30 B would be removed, and `max-bytes` is 29 B");
    // Three containers of three and an image.
    refused(json!({ "max-share": "74%" }), "3 of 4 containers, images and networks would be removed");
    let plan = machine
        .plan(json!({ "only-labels": [&bench.label], "max-objects": 3, "max-bytes": "30B", "max-share": "75%" }));
    assert_eq!(plan.plan.refused, []);
    let report = machine.apply(&plan);
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(format!("{:?}", came(&report, "container budget-0")), r#"Applied(Changed("removed"))"#);
}
