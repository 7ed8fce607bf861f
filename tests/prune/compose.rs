//! What Compose files name stays, and what may be named in one that cannot be read stays too.

use std::path::{Path, PathBuf};

use selx_core::action::Outcome;
use serde_json::json;

use crate::engine::{Bench, STAYS, docker};
use crate::machine::{Machine, kept, targets};

/// Writes a Compose file of a project, and returns its path.
fn file(bench: &Bench, text: &str) -> PathBuf {
    let folder = bench.folder().join("shop");
    let _ = std::fs::create_dir(&folder);
    let path = folder.join("compose.yml");
    std::fs::write(&path, text).unwrap();
    path
}

/// The labels that Compose puts on a container.
fn labels(project: &str, file: &Path) -> Vec<String> {
    let folder = file.parent().unwrap().display();
    [
        format!("project={project}"),
        "service=api".to_owned(),
        format!("project.config_files={}", file.display()),
        format!("project.working_dir={folder}"),
    ]
    .into_iter()
    .map(|label| format!("--label=com.docker.compose.{label}"))
    .collect()
}

#[test]
fn f05_what_a_compose_file_names_stays_though_nothing_runs_of_it() {
    let bench = Bench::new("named");
    let text = "services:\n  api: {image: 'selx-prune-named-api:${TAG}'}\n  \
                job: {image: docker.io/library/selx-prune-named-job, profiles: [batch]}\n  built: {build: .}\n\
                networks:\n  proxy: {external: true, name: named-proxy}\n  inner: {}\n\
                volumes:\n  data: {name: named-data}\n";
    let path = file(&bench, text);
    std::fs::write(path.with_file_name(".env"), "TAG=7\n").unwrap();
    for name in ["api:7", "api:6", "job:latest", "free:1"] {
        bench.image(&format!("selx-prune-named-{name}"), "");
    }
    bench.image("named-built:latest", "");
    bench.network("named-proxy", &[]);
    bench.network("named_inner", &["--label", "com.docker.compose.project=named"]);
    bench.network("named-free", &[]);
    docker(&["volume", "create", "--label", &bench.label, "named-data"]);
    let machine = Machine::new();
    machine.days_pass(8);
    let by_label =
        bench.run("named-api-1", &labels("named", &path).iter().map(String::as_str).collect::<Vec<_>>(), STAYS);
    let check = |with: serde_json::Value| {
        let plan = machine.plan(with);
        assert_eq!(plan.plan.refused, []);
        assert_eq!(
            targets(&plan),
            ["image selx-prune-named-api:6", "image selx-prune-named-free:1", "network named-free"],
            "{:#?}",
            plan.plan.kept
        );
        let mut names = kept(&plan, "a Compose file names it");
        names.sort_unstable();
        let named = ["named-built:latest", "selx-prune-named-api:7", "selx-prune-named-job:latest"];
        assert_eq!(names, named.map(|name| format!("image {name}")));
        assert!(kept(&plan, "a Compose file names the network").contains(&"network named-proxy"));
        assert_eq!(kept(&plan, "a Compose file names the volume"), ["volume named-data"]);
    };
    let mut with = json!({ "only-labels": [&bench.label], "unused-images": true, "volumes": ["named-data"] });
    check(with.clone());
    // The project is down: the settings name its file, whose folder gives it its name.
    docker(&["rm", "-f", &by_label]);
    let folder = bench.folder().join("named");
    std::fs::rename(path.parent().unwrap(), &folder).unwrap();
    bench.run("named-holds-its-image", &[], STAYS);
    with["compose"] = json!([folder.join("compose.yml")]);
    check(with);
    docker(&["volume", "rm", "named-data"]);
}

#[test]
fn a_compose_file_that_cannot_be_read_keeps_all_that_has_a_name() {
    let bench = Bench::new("unread");
    let path = file(&bench, "services:\n  api: {image: 'selx-prune-unread-api:${UNKNOWN}'}\n");
    bench.image("selx-prune-unread-api:7", "");
    let nameless = bench.image("", "");
    bench.network("unread-net", &[]);
    let with = json!({ "only-labels": [&bench.label], "unused-images": true });
    let machine = Machine::new();
    machine.days_pass(8);
    let named = |labels: Vec<String>, why: &str| {
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let id = bench.run("unread-api-1", &labels, STAYS);
        let plan = machine.plan(with.clone());
        docker(&["rm", "-f", &id]);
        // What has neither a name nor a digest, nobody can name.
        assert_eq!(targets(&plan), [format!("image {} (without a name)", &nameless[7..19])]);
        let rule = plan.plan.kept.iter().find(|kept| kept.why.starts_with("a Compose file may name it")).unwrap();
        assert!(rule.why.contains(why), "{}", rule.why);
        assert_eq!(rule.examples, ["image selx-prune-unread-api:7"]);
        assert_eq!(kept(&plan, "a Compose file may name the network"), ["network unread-net"]);
    };
    named(labels("unread", &path), "the service `api` needs the variable `UNKNOWN`");
    named(labels("unread", Path::new("/nowhere/compose.yml")), "/nowhere/compose.yml");
    named(vec!["--label=com.docker.compose.project=unread".to_owned()], "do not say from which files");
    named(labels("unread", Path::new("/proc/self/mem")), "/proc/self/mem");
    std::fs::write(&path, "services: [").unwrap();
    named(labels("unread", &path), "cannot be used");
    // One that the settings name has to be read.
    let mut given = with.clone();
    given["compose"] = json!([&path]);
    let plan = machine.plan(given);
    assert!(plan.plan.refused[0].why.contains("shop/compose.yml"), "{:?}", plan.plan.refused);
    machine.socket.take();
    assert_eq!(machine.apply(&plan).outcome, Outcome::Refused);
    assert_eq!(machine.socket.changes(), [""; 0]);
}
