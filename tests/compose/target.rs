//! Services of compose projects as targets of other kinds.

use std::time::Duration;

use selx_checks::target::{Place, Service, Target, running_services};
use selx_core::{Context, ErrorKind};
use serde_json::json;

use crate::engine::{Project, docker, socket};

struct Echo;

impl Service for Echo {
    const NAME: &'static str = "Echo";
    const SCHEMES: &'static [(&'static str, bool)] = &[("echo", false)];
    const PORT: u16 = 7;
}

fn target(project: &Project, service: &str) -> Target<Echo> {
    let engine = format!("unix:{}", socket().display());
    serde_json::from_value(json!({ "compose": project.file(), "service": service, "engine": engine })).unwrap()
}

fn context() -> Context {
    Context::new(Duration::from_secs(20))
}

/// Says why a service is not found.
async fn why(target: &Target<Echo>) -> String {
    target.find(&context()).await.unwrap().unwrap_err().text
}

#[tokio::test]
async fn a_service_is_found_and_what_keeps_it_from_being_found_is_said() {
    let project = Project::new(
        "target",
        "services: {api: {image: 'IMAGE'}, host: {image: 'IMAGE'}, gone: {image: 'IMAGE'}, down: {image: 'IMAGE'}}",
    );
    let sleep = ["sleep", "300"];
    assert!(why(&target(&project, "api")).await.contains(&format!("project `{}` is not there", project.name)));
    let first = project.run("api", 1, &["-e", "WORD=open", "-v", "/tmp:/data:ro"], &sleep);
    project.run("api", 2, &[], &sleep);
    project.run("host", 1, &["--network=host"], &sleep);
    project.run("down", 1, &[], &["sh", "-c", "exit 9"]);

    let found = target(&project, "api").find(&context()).await.unwrap().unwrap();
    let address = docker(&["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &first]);
    assert_eq!(*found.place(), Place::Tcp { host: address, port: 7 });
    let container = found.container.as_ref().unwrap();
    assert_eq!((&*container.name, found.variable("WORD")), (&*first, Some("open")));
    assert_eq!(container.command, sleep);
    assert_eq!(container.mounts[0], ("/data".into(), "/tmp".into()));
    assert!(!format!("{container:?}").contains("open"));

    let host = target(&project, "host").find(&context()).await.unwrap().unwrap();
    assert_eq!(host.place().to_string(), "127.0.0.1:7");
    assert!(why(&target(&project, "gone")).await.ends_with("has no container"));
    assert!(why(&target(&project, "dwn")).await.ends_with("no such service; is `down` meant?"));
    let mut said = String::new();
    for _ in 0..50 {
        said = why(&target(&project, "down")).await;
        if said.contains("is exited") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        said.contains(&format!("the service `down` of project `{}` is exited (code 9) since", project.name)),
        "{said}"
    );

    // Of two containers the lower one that runs.
    docker(&["pause", &first]);
    let found = target(&project, "api").find(&context()).await.unwrap().unwrap();
    assert!(found.container.unwrap().name.ends_with("-api-2"));
    docker(&["rm", "-f", &format!("{}-api-2", project.name)]);
    assert!(why(&target(&project, "api")).await.ends_with("is paused"));
}

#[tokio::test]
async fn running_services_are_found_with_what_their_checks_need() {
    let project = Project::new("running", "services: {db: {image: 'IMAGE'}}");
    project.run("db", 1, &["-e", "POSTGRES_USER=shop"], &["sleep", "300"]);
    project.run("other", 1, &[], &["sleep", "300"]);
    // This process asks the engine that its tests use.
    let cx = context();
    let running = selx_checks::target::running_services_of(
        socket(),
        |candidate| {
            candidate.service == "db" && candidate.image_is(&["selx-test-shell"]) && candidate.command.contains("sleep")
        },
        &cx,
    );
    let running = running.await.unwrap();
    let ours: Vec<_> = running.iter().filter(|service| service.project == project.name).collect();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours[0].files, [project.file()]);
    assert_eq!(ours[0].container.environment["POSTGRES_USER"], "shop");
    let target: toml::Table = format!("t = {}", ours[0].target().unwrap()).parse().unwrap();
    assert_eq!(target["t"]["service"].as_str(), Some("db"));
}

#[tokio::test]
async fn without_an_engine_there_is_nothing_to_find() {
    let nowhere = std::path::Path::new("/nowhere/engine.sock");
    let error = selx_checks::target::running_services_of(nowhere, |_| true, &context()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(error.message().contains("no engine listens at unix:/nowhere/engine.sock"), "{error}");
    let _ = running_services(|_| false, &context()).await;
}
