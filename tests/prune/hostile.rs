//! Engines that are not there, may not be asked, hang, tell less than there is, or lie: nothing is removed.

use std::io::Write as _;
use std::time::{Duration, Instant};

use selx_core::ErrorKind;
use selx_core::action::{Applied, Outcome, SavedPlan, StepState};
use serde_json::{Value, json};

use crate::fake::{OLD, Stock, World, http, id, image, machine, put, record};
use crate::machine::{Machine, came, kept, targets};
use crate::socket::Socket;

const USAGE: &str = "GET /system/df?verbose=1";

/// Asserts that a plan is refused by a rule, and that nothing else than reads was asked, also when it is applied.
#[track_caller]
fn refused(machine: &Machine, words: &str) {
    let plan = machine.plan(json!({}));
    assert!(plan.plan.refused.iter().any(|refused| refused.why.contains(words)), "{:?}", plan.plan.refused);
    assert_eq!(machine.apply(&plan).outcome, Outcome::Refused);
    assert_eq!(machine.socket.changes(), [""; 0]);
}

/// Asserts that there is no plan, and that a plan of before fails and changes nothing.
#[track_caller]
fn fails(machine: &Machine, before: &SavedPlan, kind: ErrorKind, words: &str) {
    let error = machine.try_plan(json!({})).unwrap_err();
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.to_string().contains(words), "{error:?}");
    let report = machine.apply(before);
    assert_eq!(report.outcome, Outcome::Failed, "{report:#?}");
    assert_eq!(machine.socket.changes(), [""; 0]);
}

#[test]
fn the_engine_of_these_tests_is_one() {
    let machine = machine(&Stock::new().world());
    let plan = machine.plan(json!({}));
    assert_eq!(plan.plan.refused, []);
    let steps = targets(&plan);
    assert_eq!(steps.len(), 6, "{steps:?}");
    assert_eq!(plan.plan.bytes(), 2 * 600 + 7, "what images share is not freed with one of them");
    let report = machine.apply(&plan);
    // It does not know how to prune, and says that there is no such request: that is no sign that the record is gone.
    assert_eq!(report.count(|state| matches!(state, StepState::Applied(Applied::Changed(_)))), 5, "{report:#?}");
    let cached = came(&report, "build cache 0123456789ab");
    assert!(
        matches!(cached, StepState::Applied(Applied::Skipped(why)) if why.contains("the engine says no")),
        "{cached:?}"
    );
    assert_eq!(report.outcome, Outcome::Skips);
}

#[test]
fn f15_a_list_that_is_cut_is_refused() {
    for (path, sort) in [("GET /containers/json?all=true", "containers"), ("GET /images/json?all=true", "images")] {
        let world = Stock::new().world();
        let machine = machine(&world);
        let cut: Vec<Value> = serde_json::from_str(&world.lock().unwrap()[path].1).unwrap();
        put(&world, path, 200, json!(cut[..1]));
        refused(&machine, &format!("not everything could be seen: 1 {sort} are listed, and the engine counts 2"));
    }
    // The engine counts as wrongly as it lists: what takes room tells.
    let mut stock = Stock::new();
    stock.info["Images"] = json!(1);
    let world = stock.world();
    put(&world, "GET /images/json?all=true", 200, json!([stock.images[0]]));
    refused(&machine(&world), "1 images that take room are not in the list");
}

#[test]
fn f15_more_than_is_looked_at_is_refused() {
    let mut stock = Stock::new();
    stock.images = (0..20_001).map(|number| image(&format!("{number:064x}"), &[])).collect();
    let world = stock.world();
    refused(&machine(&world), "20001 images are more than the 20000 that are looked at");
    // A list without an end is not read to its end.
    let machine = Machine::of(Socket::new(|_, path, mut stream| {
        if path != "/images/json?all=true" {
            let body =
                if path.starts_with("/info") { r#"{"Containers":0,"Images":0}"# } else { r#"{"Components":[]}"# };
            let body = if path.starts_with("/containers") { "[]" } else { body };
            let _ = stream.write_all(http(200, "Api-Version: 1.47\r\n", body).as_bytes());
            return;
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nApi-Version: 1.47\r\n\r\n[");
        while stream.write_all(&[b' '; 1 << 16]).is_ok() {}
    }));
    let error = machine.try_plan(json!({})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error:?}");
}

#[test]
fn f01_f04_errors_and_halves_of_answers_end_it_before_anything_is_removed() {
    let world = Stock::new().world();
    let machine = machine(&world);
    let plan = machine.plan(json!({}));
    let good = world.lock().unwrap().clone();
    for path in ["GET /info", "GET /networks", "GET /volumes", USAGE, "GET /images/json?all=true", "GET /version"] {
        put(&world, path, 500, r#"{"message":"a disk usage operation is already running"}"#);
        fails(&machine, &plan, ErrorKind::Protocol, "answers 500: a disk usage operation");
        put(&world, path, 503, "<html>restarting</html>");
        fails(&machine, &plan, ErrorKind::Protocol, "answers 503");
        put(&world, path, 404, r#"{"message":"page not found"}"#);
        fails(&machine, &plan, ErrorKind::Protocol, "the engine knows no");
        let half = &good[path].1[..good[path].1.len() - 2];
        put(&world, path, 200, half);
        fails(&machine, &plan, ErrorKind::Protocol, "not the JSON of its API");
        put(&world, path, 200, "");
        fails(&machine, &plan, ErrorKind::Protocol, "not the JSON of its API");
        *world.lock().unwrap() = good.clone();
    }
    // What a decision rests on is missing.
    for (asked, field) in [("GET /containers/json?all=true", "Id"), ("GET /images/json?all=true", "RepoTags")] {
        put(&world, asked, 200, good[asked].1.replace(field, "Other"));
        fails(&machine, &plan, ErrorKind::Protocol, "not the JSON of its API");
        *world.lock().unwrap() = good.clone();
    }
    let one = format!("GET /containers/{}/json", id('1'));
    for field in ["HostConfig", "Status", "Image\":\"sha256"] {
        put(&world, &one, 200, good[&one].1.replace(field, "Other"));
        fails(&machine, &plan, ErrorKind::Protocol, "not the JSON of its API");
    }
    // The chunked answer of a list ends in its midst.
    let cut = Machine::of(Socket::new(|_, _, mut stream| {
        let head = "HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\nTransfer-Encoding: chunked\r\n\r\n";
        let _ = stream.write_all(format!("{head}1000\r\n{{\"Components\":[]").as_bytes());
    }));
    let error = cut.try_plan(json!({})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
    assert!(error.to_string().contains("broke off"), "{error:?}");
}

#[test]
fn f01_an_engine_that_hangs_or_is_not_there_is_told() {
    let hangs = Machine::of(Socket::new(|_, _, stream| {
        std::thread::sleep(Duration::from_secs(30));
        drop(stream);
    }));
    let hangs = hangs.limit(Duration::from_millis(700));
    let began = Instant::now();
    let error = hangs.try_plan(json!({})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoAnswer, "{error:?}");
    assert!(error.to_string().contains("said nothing within"), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
    let error = hangs.try_plan(json!({ "engine": "unix:/run/selx-no-engine.sock" })).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing, "{error:?}");
}

#[test]
fn f06_what_the_engine_says_to_a_removal_is_told() {
    let world = Stock::new().world();
    let machine = machine(&world);
    let plan = machine.plan(json!({ "build-cache": false }));
    let (one, two) = (id('1'), id('2'));
    let network = id('c');
    let conflict = "{\"message\":\"conflict: \\u001b[2Jis in use\"}";
    put(&world, &format!("DELETE /containers/{one}"), 409, conflict);
    put(&world, &format!("DELETE /networks/{network}"), 403, r#"{"message":"has active endpoints"}"#);
    put(&world, &format!("DELETE /containers/{two}"), 404, r#"{"message":"no such container"}"#);
    let report = machine.apply(&plan);
    let said = format!("{report:?}");
    assert!(said.contains("the engine says no: conflict: \\\\x1b[2Jis in use"), "{said}");
    assert!(said.contains("has active endpoints"), "{said}");
    assert_eq!(came(&report, "container two"), &StepState::Applied(Applied::AlreadyDone));
    // An error in the midst ends it; what came of that step is asked of the engine.
    let world = Stock::new().world();
    let machine = crate::fake::machine(&world);
    put(&world, &format!("DELETE /images/sha256:{}?noprune=true", id('a')), 500, r#"{"message":"disk full"}"#);
    let report = machine.apply(&machine.plan(json!({ "build-cache": false })));
    assert_eq!(report.outcome, Outcome::Leftover, "{report:#?}");
    assert!(report.why[0].contains("disk full"), "{:?}", report.why);
    assert_eq!(report.count(|state| matches!(state, StepState::Failed(_))), 1);
    assert_eq!(report.count(|state| *state == StepState::NotBegun), 2);
}

#[test]
fn f04_a_removal_whose_answer_is_lost_is_asked_of_the_engine() {
    let world = Stock::new().world();
    let machine = machine(&world);
    let plan = machine.plan(json!({ "build-cache": false }));
    put(&world, "loses its answer", 0, "");
    let report = machine.apply(&plan);
    assert_eq!(report.outcome, Outcome::Leftover, "{report:#?}");
    assert!(report.why[0].contains("broke off before its answer was whole"), "{:?}", report.why);
    // It was removed, and that is known; nothing more was begun.
    assert_eq!(report.count(|state| matches!(state, StepState::Applied(Applied::Changed(_)))), 1);
    assert_eq!(report.count(|state| *state == StepState::NotBegun), 4);
    assert_eq!(machine.socket.changes().len(), 1, "and it was asked for once");
}

#[test]
fn when_an_image_came_is_seen_in_the_folder_of_the_engine() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("image/overlay2/imagedb/content/sha256");
    std::fs::create_dir_all(&folder).unwrap();
    let mut stock = Stock::new();
    stock.info["DockerRootDir"] = json!(root.path());
    for (image, digit) in stock.images.iter_mut().zip(['a', 'b']) {
        image["RepoDigests"] = json!([format!("shop@sha256:{}", id('9'))]);
        std::fs::write(folder.join(id(digit)), "{}").unwrap();
    }
    // Both were made years ago; one came here a month ago, the other today.
    let month = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    std::fs::File::options().write(true).open(folder.join(id('a'))).unwrap().set_modified(month).unwrap();
    let plan = machine(&stock.world()).plan(json!({}));
    assert_eq!(kept(&plan, "not older than 7d"), ["image bbbbbbbbbbbb (shop without a name)"]);
    assert!(targets(&plan).contains(&"image aaaaaaaaaaaa (shop without a name)"), "{:?}", targets(&plan));
}

#[test]
fn f09_times_that_say_nothing_or_lie_in_the_future_keep() {
    let plan_with = |change: &dyn Fn(&mut Stock)| {
        let mut stock = Stock::new();
        change(&mut stock);
        machine(&stock.world()).plan(json!({}))
    };
    let finished = |time: &str| {
        let time = time.to_owned();
        plan_with(&move |stock| stock.containers[0]["State"]["FinishedAt"] = time.as_str().into())
    };
    for never in ["0001-01-01T00:00:00Z", "", "yesterday"] {
        assert_eq!(kept(&finished(never), "when it ended is not known"), ["container one"]);
    }
    assert_eq!(kept(&finished("2999-01-01T00:00:00Z"), "it is from the future"), ["container one"]);
    let plan = plan_with(&|stock| stock.images[0]["Created"] = json!(0));
    assert_eq!(kept(&plan, "when it came here is not known").len(), 1);
    // Pulled, so that the day of its making says nothing, and nothing says when it came.
    let digests = |stock: &mut Stock| stock.images[0]["RepoDigests"] = json!([format!("shop@sha256:{}", id('9'))]);
    assert_eq!(kept(&plan_with(&digests), "when it came here is not known").len(), 1);
    let tagged = |stock: &mut Stock| {
        digests(stock);
        stock.images[0]["Metadata"] = json!({ "LastTagTime": OLD });
    };
    let plan = plan_with(&tagged);
    let step = plan.plan.steps.iter().find(|step| step.target.contains("shop without a name")).unwrap();
    assert!(format!("{:?}", step.undo).contains("docker pull shop@sha256:999"), "{:?}", step.undo);
    let plan = plan_with(&|stock| stock.networks[0]["Created"] = json!(""));
    assert_eq!(kept(&plan, "when it was made is not known"), ["network idle"]);
    let plan = plan_with(&|stock| {
        stock.records[0]["LastUsedAt"] = Value::Null;
        stock.records[0]["CreatedAt"] = Value::Null;
    });
    assert_eq!(kept(&plan, "when it was last used is not known").len(), 1);
    let world = Stock::new().world();
    put(&world, "no date", 0, "");
    refused(&machine(&world), "does not say what time it is");
}

#[test]
fn f03_states_that_are_not_an_end_keep() {
    for state in ["running", "paused", "restarting", "removing", "dead", "stopping", "hibernated", ""] {
        let mut stock = Stock::new();
        stock.containers[0]["State"]["Status"] = json!(state);
        let plan = machine(&stock.world()).plan(json!({}));
        assert_eq!(kept(&plan, &format!("a container that is {state}")), ["container one"]);
    }
    for flag in ["Running", "Paused", "Restarting"] {
        let mut stock = Stock::new();
        stock.containers[0]["State"][flag] = json!(true);
        assert_eq!(kept(&machine(&stock.world()).plan(json!({})), "a container that is exited"), ["container one"]);
    }
}

#[test]
fn f13_names_with_escapes_are_shown_and_ids_are_nothing_but_ids() {
    let evil = "evil\u{1b}[2J\r\u{202e}name";
    let mut stock = Stock::new();
    stock.containers[0]["Name"] = json!(format!("/{evil}"));
    stock.containers[0]["Config"]["Labels"] = json!({ "x".repeat(1000): "y".repeat(64 << 10), evil: evil });
    stock.containers[1]["State"]["Status"] = json!(evil);
    stock.networks[0]["Name"] = json!(format!("{evil}{}", "z".repeat(64 << 10)));
    stock.records[0]["Description"] = json!(evil);
    let world = stock.world();
    let machine_of = machine(&world);
    let plan = machine_of.plan(json!({}));
    let shown = |plan: &SavedPlan| {
        let steps = plan.plan.steps.iter().flat_map(|step| [step.what.clone(), step.target.clone()]);
        let kept = plan.plan.kept.iter().flat_map(|kept| kept.examples.iter().cloned().chain([kept.why.clone()]));
        steps.chain(kept).collect::<Vec<_>>()
    };
    for text in shown(&plan) {
        assert!(!text.contains(|letter: char| letter.is_control() || letter == '\u{202e}'), "{text:?}");
        assert!(text.len() < 600, "{text}");
    }
    assert!(targets(&plan).contains(&"container evil\\x1b[2J\\r\\u{202e}name"), "{:?}", targets(&plan));
    // An id that would lead elsewhere.
    for wrong in ["../networks/x", "1?force=true", "", "a b", "x%2f"] {
        let mut stock = Stock::new();
        stock.containers[0]["Id"] = json!(wrong);
        let machine = machine(&stock.world());
        let error = machine.try_plan(json!({})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
        assert!(machine.socket.take().iter().all(|line| !line.contains("force")));
    }
}

#[test]
fn other_engines_are_refused_or_keep_what_they_may_use() {
    let world = Stock::new().world();
    put(&world, "GET /version", 200, json!({ "Components": [{ "Name": "Podman Engine" }] }));
    refused(&machine(&world), "the engine is Podman");
    let mut stock = Stock::new();
    stock.info["OSType"] = json!("windows");
    refused(&machine(&stock.world()), "not one of Linux");
    let mut stock = Stock::new();
    stock.info["Swarm"] = json!({ "LocalNodeState": "active" });
    stock.images[0] = image(&id('a'), &["shop:1"]);
    stock.images[0]["Config"] = Value::Null;
    stock.containers[0]["Config"]["Labels"] = json!({ "com.docker.swarm.task.id": "x" });
    stock.containers[0]["Config"]["Image"] = json!("other:1");
    stock.containers[1]["Config"]["Image"] = json!("other:1");
    stock.networks[0]["Scope"] = json!("swarm");
    let plan = machine(&stock.world()).plan(json!({ "unused-images": true }));
    assert_eq!(kept(&plan, "a service of the swarm may use it"), ["image shop:1"]);
    assert_eq!(kept(&plan, "a task of a swarm"), ["container one"]);
    assert_eq!(kept(&plan, "a network of a swarm"), ["network idle"]);
    // The newest engines say what takes room in another form, and count images by their names.
    let mut stock = Stock::new();
    stock.info["DriverStatus"] = json!([["driver-type", "io.containerd.snapshotter.v1"]]);
    stock.info["Images"] = json!(7);
    let world = stock.world();
    let items = |list: &Value| json!({ "TotalCount": 1, "Items": list });
    let usage = json!({ "ImageUsage": items(&json!([])), "BuildCacheUsage": items(&json!([record("0123456789abcdefghijklmno")])) });
    put(&world, USAGE, 200, usage);
    let plan = machine(&world).plan(json!({}));
    assert_eq!(plan.plan.refused, []);
    assert!(targets(&plan).contains(&"build cache 0123456789ab"), "{:?}", targets(&plan));
}

#[test]
fn records_of_the_build_cache_go_alone_or_not_at_all() {
    let mut stock = Stock::new();
    let name = |letter: char| letter.to_string().repeat(25);
    let with = |letter: char, more: &[(&str, Value)]| {
        let mut record = record(&name(letter));
        for (key, value) in more {
            record[*key] = value.clone();
        }
        record
    };
    stock.records = vec![
        with('a', &[]),
        with('b', &[("Parent", json!(name('a')))]),
        with('c', &[("InUse", json!(true)), ("Parents", json!([name('d')]))]),
        with('d', &[]),
        with('e', &[("Shared", json!(true))]),
        with('f', &[("Type", json!("internal"))]),
        record("short"),
        record("0123456789abc..*efghijklm"),
    ];
    let world: World = stock.world();
    let machine = machine(&world);
    let plan = machine.plan(json!({}));
    let cached: Vec<&str> = targets(&plan).into_iter().filter(|target| target.starts_with("build")).collect();
    assert_eq!(cached, ["build cache bbbbbbbbbbbb", "build cache aaaaaaaaaaaa"], "what is built on another goes first");
    assert_eq!(kept(&plan, "another record of the build cache is built on it"), ["build cache dddddddddddd"]);
    assert_eq!(kept(&plan, "a record of the build cache that the engine cannot remove alone").len(), 3);
    let prune =
        |letter: char| format!("POST /build/prune?filters=%7B%22id%22%3A%7B%22{}%22%3Atrue%7D%7D", name(letter));
    put(&world, &prune('b'), 200, json!({ "CachesDeleted": [name('b')], "SpaceReclaimed": 7 }));
    put(&world, &prune('a'), 200, json!({ "CachesDeleted": null, "SpaceReclaimed": 0 }));
    let report = machine.apply(&plan);
    let said = format!("{:?}", came(&report, "build cache bbbbbbbbbbbb"));
    assert!(said.contains("removed, 7 B free"), "{said}");
    let said = format!("{:?}", came(&report, "build cache aaaaaaaaaaaa"));
    assert!(said.contains("the engine did not remove it"), "{said}");
    // The list has it still: the goal is not reached, whatever the engine said.
    assert!(report.findings.iter().any(|finding| finding.code == "not-removed"), "{report:#?}");
    assert_eq!(report.outcome, Outcome::Leftover);
    // An engine of old heeds no id, and would prune all.
    put(&world, "speaks", 0, "1.38");
    let plan = crate::fake::machine(&world).plan(json!({}));
    assert!(targets(&plan).iter().all(|target| !target.starts_with("build cache")), "{:?}", targets(&plan));
}
