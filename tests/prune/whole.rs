//! The whole of it, as an operator uses it: planned, shown, confirmed, applied, and looked at with the engine's own client.

use std::path::Path;

use selx_checks::docker::prune::DockerPrune;
use selx_core::action::{Ground as _, Outcome, Risk};
use selx_core::{Registry, contract};
use serde_json::json;

use crate::engine::{Bench, STAYS, docker, has};
use crate::machine::{Machine, kept, run, targets};

#[test]
fn it_keeps_to_the_contract_of_actions() {
    let mut registry = Registry::new();
    registry.action::<DockerPrune>().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("selx-checks/src/docker/prune");
    let found: Vec<String> =
        registry.actions().flat_map(|factory| contract::of_action(factory, &registry, &folder)).collect();
    assert_eq!(found, [""; 0]);
    let bench = Bench::new("contract");
    bench.run("contract-ended", &[], &["sh"]);
    bench.image("", "");
    bench.network("contract-net", &[]);
    let machine = Machine::new();
    machine.days_pass(8);
    let with = machine.settings(json!({ "only-labels": [&bench.label] }));
    let found = run(contract::life::<DockerPrune>(&with, &machine.ground(), &machine.context()));
    assert_eq!(found, [""; 0]);
    assert!(!has("container", "contract-ended"));
}

#[test]
fn w17_what_is_old_and_unused_is_planned_shown_and_removed_by_its_id() {
    let bench = Bench::new("whole");
    bench.run("whole-up", &[], STAYS);
    let ended = bench.run("whole-ended", &["-v", "/data"], &["sh", "-c", "echo what was written > /written"]);
    docker(&["create", "--network", "none", "--label", &bench.label, "--name", "whole-made", &bench.image, "sh"]);
    bench.run("whole-always", &["--restart", "unless-stopped"], STAYS);
    docker(&["stop", "-t", "0", "whole-always"]);
    bench.run("whole-marked", &["--label", "selx.keep"], &["sh"]);
    let nameless = bench.image("", "");
    bench.image("selx-prune-whole-unused:1", "");
    let network = bench.network("whole-idle", &[]);
    bench.network("whole-used", &[]);
    docker(&["create", "--network", "whole-used", "--label", "selx.keep", "--label", &bench.label, &bench.image, "sh"]);
    let anonymous = docker(&["inspect", "-f", "{{(index .Mounts 0).Name}}", &ended]);
    docker(&["volume", "create", "whole-old"]);
    bench.build("selx-prune-whole-built:1");
    docker(&["tag", "selx-prune-whole-built:1", "selx-prune-whole-built:2"]);
    let records = || docker(&["system", "df", "-v", "--format", "{{range .BuildCache}}{{.ID}} {{end}}"]);
    let before = records();

    let machine = Machine::new();
    machine.days_pass(8);
    machine.socket.take();
    // The build cache has no labels: what other tests have in this engine is kept by other means.
    let with = json!({ "only-labels": [&bench.label], "volumes": ["whole-old"] });
    let only = machine.plan(with);
    assert_eq!(only.plan.refused, []);
    assert_eq!(machine.socket.changes(), [""; 0], "a plan only reads");
    assert!(!machine.state().exists(), "not even for itself");
    let nameless_shown = format!("image {} (without a name)", &nameless[7..19]);
    let expected = [
        "container whole-made",
        "container whole-ended",
        nameless_shown.as_str(),
        "network whole-idle",
        "volume whole-old",
    ];
    let mut shown = targets(&only);
    // Volumes without the label are left alone, whoever names them.
    assert_eq!(shown.len(), 4, "{shown:?}");
    shown.push("volume whole-old");
    shown.sort_unstable();
    let mut sorted = expected;
    sorted.sort_unstable();
    assert_eq!(shown, sorted);
    let step = |target: &str| only.plan.steps.iter().find(|step| step.target == target).unwrap();
    let of_ended = step("container whole-ended");
    assert!(of_ended.what.contains("stopped 8d ago, wrote 17 B"), "{}", of_ended.what);
    assert_eq!(of_ended.not_simulated, ["the volume that it uses stays"]);
    assert_eq!(of_ended.risk, Risk::Destructive);
    assert!(step("container whole-made").what.contains("made and never started, 8d ago"));
    let of_image = step(&nameless_shown);
    assert!(of_image.what.contains("here for 8d") && of_image.bytes > Some(4_999), "{of_image:?}");
    assert_eq!(kept(&only, "a container that is running"), ["container whole-up"]);
    assert_eq!(kept(&only, "the engine starts it again"), ["container whole-always"]);
    assert!(kept(&only, "labelled `selx.keep`").contains(&"container whole-marked"));
    assert_eq!(kept(&only, "it has a name, and"), ["image selx-prune-whole-unused:1"]);
    assert_eq!(kept(&only, "a container belongs to the network"), ["network whole-used"]);

    let report = machine.apply(&only);
    assert_eq!(report.outcome, Outcome::Done, "{report:#?}");
    let changes = machine.socket.changes();
    assert_eq!(changes.len(), 4, "{changes:?}");
    assert!(changes.contains(&format!("DELETE /containers/{ended}")), "{changes:?}");
    assert!(changes.iter().all(|line| !line.contains("force") && !line.contains("v=")), "{changes:?}");
    assert!(!has("container", &ended) && !has("image", &nameless) && !has("network", &network));
    for (sort, name) in [
        ("container", "whole-up"),
        ("container", "whole-always"),
        ("container", "whole-marked"),
        ("image", "selx-prune-whole-unused:1"),
        ("network", "whole-used"),
        ("volume", "whole-old"),
        ("volume", anonymous.as_str()),
    ] {
        assert!(has(sort, name), "{sort} {name}");
    }
    assert_eq!(records(), before);
    assert_eq!(report.space.len(), 1, "the engine's folder is on this machine: {report:#?}");
    assert!(report.findings.is_empty());
    assert!(machine.ground().open().unwrap().is_empty(), "the run is over");
    // Once more: nothing is left of it, and the old plan is worth nothing.
    assert_eq!(targets(&machine.plan(json!({ "only-labels": [&bench.label] }))), [""; 0]);
    assert_eq!(machine.apply(&only).outcome, Outcome::Stale);
    docker(&["volume", "rm", &anonymous, "whole-old"]);
}

#[test]
fn w17_build_cache_and_volumes_by_name() {
    let bench = Bench::new("cache");
    bench.build("selx-prune-cache-one:1");
    bench.build("selx-prune-cache-two:1");
    docker(&["volume", "create", "cache-old"]);
    docker(&["volume", "create", "cache-in-use"]);
    bench.run("cache-user", &["-v", "cache-in-use:/data"], &["sh"]);
    let machine = Machine::new();
    machine.days_pass(8);
    // All but the build cache and the volumes is left alone: the engine is that of all tests.
    let with = json!({
        "containers": false, "images": false, "networks": false,
        "volumes": ["cache-old", "cache-in-use", "cache-of-nobody"],
    });
    let plan = machine.plan(with.clone());
    assert_eq!(plan.plan.refused, []);
    assert_eq!(machine.socket.changes(), [""; 0]);
    let cached: Vec<&str> = targets(&plan).into_iter().filter(|target| target.starts_with("build cache ")).collect();
    assert!(cached.len() >= 4, "two contexts and two copies at least: {cached:?}");
    assert!(plan.plan.steps.iter().any(|step| step.what.contains("context.tar")), "{:#?}", plan.plan.steps);
    assert_eq!(targets(&plan).last(), Some(&"volume cache-old"), "volumes come last");
    assert_eq!(kept(&plan, "a container refers to the volume"), ["volume cache-in-use"]);
    assert_eq!(kept(&plan, "a volume of `volumes` that is not there"), ["volume cache-of-nobody"]);
    assert!(!kept(&plan, "a record of the build cache that an image shares").is_empty());
    let report = machine.apply(&plan);
    assert_eq!(report.outcome, Outcome::Done, "{report:#?}");
    let left = docker(&["system", "df", "-v", "--format", "{{range .BuildCache}}{{.ID}} {{end}}"]);
    for record in cached {
        assert!(!left.contains(record.strip_prefix("build cache ").unwrap()), "{record} in {left}");
    }
    assert!(!left.trim().is_empty(), "what images share is there");
    assert!(!has("volume", "cache-old") && has("volume", "cache-in-use"));
    // Both images are whole.
    for name in ["selx-prune-cache-one:1", "selx-prune-cache-two:1"] {
        assert!(has("image", name));
        docker(&["rmi", name]);
    }
    docker(&["rm", "-v", "cache-user"]);
    docker(&["volume", "rm", "cache-in-use"]);
}
