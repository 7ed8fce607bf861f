//! What is read of compose files is what `docker-compose config` prints of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use selx_checks::compose::ComposeFiles;
use selx_checks::compose::file::{Model, Service};
use selx_core::{Context, Result};

use crate::corpus::{CORPUS, Sample};

/// Runs compose's own command for many folders in one interpreter: it takes longer to start than to work.
const DRIVER: &str = "
import contextlib, io, os, sys
from compose.cli import main as compose
for folder in sys.argv[1:]:
    os.chdir(folder)
    files = open('files').read().split()
    sys.argv = ['docker-compose'] + [part for file in files for part in ('-f', file)] + ['config']
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            compose.main()
        except SystemExit as end:
            if end.code:
                out = io.StringIO('')
    open('printed.yml', 'w').write(out.getvalue())
";

async fn read(folder: &Path, files: &[&str]) -> Result<Model> {
    let paths = files.iter().map(|file| folder.join(file)).collect();
    let files = ComposeFiles::new(paths).unwrap();
    Model::read(&files, None, None, &Context::new(Duration::from_secs(30))).await
}

fn write(sample: &Sample, folder: &Path) {
    for (name, text) in sample.files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    std::fs::write(folder.join("files"), sample.given.join(" ")).unwrap();
}

#[tokio::test]
async fn the_model_is_what_compose_prints() {
    let root = tempfile::tempdir().unwrap();
    let folders: Vec<_> = CORPUS.iter().map(|sample| root.path().join(sample.name)).collect();
    for (sample, folder) in CORPUS.iter().zip(&folders) {
        write(sample, folder);
    }
    let program = std::fs::read_to_string("/usr/bin/docker-compose").expect("this test needs `docker-compose` 1.29");
    let interpreter = program.lines().next().unwrap().trim_start_matches("#!").trim();
    let mut driver = Command::new(interpreter);
    // Variables of whoever runs the tests must not decide.
    driver.args(["-c", DRIVER]).args(&folders).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", root.path());
    let done = driver.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));

    let mut wrong = Vec::new();
    for (sample, folder) in CORPUS.iter().zip(&folders) {
        let ours = read(folder, sample.given).await;
        let printed = std::fs::read_to_string(folder.join("printed.yml")).unwrap();
        if printed.is_empty() {
            if ours.is_ok() {
                wrong.push(format!("{}: compose refuses it: {}", sample.name, String::from_utf8_lossy(&done.stderr)));
            }
            continue;
        }
        // What compose prints is a compose file, of which nothing is left to put together.
        let alone = folder.join("alone");
        std::fs::create_dir(&alone).unwrap();
        std::fs::write(alone.join("printed.yml"), printed).unwrap();
        let theirs = read(&alone, &["printed.yml"]).await.unwrap();
        match ours {
            Err(error) => wrong.push(format!("{}: {error}", sample.name)),
            Ok(ours) => {
                let profiles = ours.profiles.clone();
                let (ours, theirs) = (comparable(ours, &profiles), comparable(theirs, &profiles));
                if ours != theirs {
                    wrong.push(format!("{}:\n  ours   {ours:?}\n  theirs {theirs:?}", sample.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(CORPUS.len() >= 25);
}

/// Leaves out what compose does not print: which variables had no value, and what belongs to no active profile.
fn comparable(model: Model, profiles: &BTreeSet<String>) -> BTreeMap<String, Service> {
    let active = model.services.into_iter().filter(|(_, service)| service.is_active(profiles));
    active
        .map(|(name, mut service)| {
            service.missing.clear();
            service.from_files.clear();
            service.profiles.clear();
            for value in service.environment.values_mut() {
                // A variable of the shell that is not set there is empty in what compose prints.
                *value = Some(value.take().unwrap_or_default());
            }
            (name, service)
        })
        .collect()
}

#[tokio::test]
async fn what_compose_would_refuse_is_an_error_with_its_place() {
    let root = tempfile::tempdir().unwrap();
    for (text, words) in [
        ("services: [", "line "),
        ("services: 3", "`services` is no mapping"),
        ("a: {image: x}", "has no `services`"),
        ("services: {a: {image: '${'}}", "service `a`"),
        ("services: {a: {image: x, deploy: {replicas: many}}}", "`deploy.replicas`"),
        ("services: {a: {extends: a}}", "without end"),
        ("services: {a: {extends: b}}", "has no service `b`"),
        ("include: [c.yml]", "without end"),
        ("x: &x [*x]\nservices: {a: {image: x}}", "alias"),
        ("services: {a: {command: 'open \"quote'}}", "`command`"),
    ] {
        std::fs::write(root.path().join("c.yml"), text).unwrap();
        let error = read(root.path(), &["c.yml"]).await.unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("c.yml"), "{text}: {error}");
    }
    let error = read(root.path(), &["none.yml"]).await.unwrap_err();
    assert_eq!(error.kind(), selx_core::ErrorKind::Missing, "{error}");
}

#[tokio::test]
async fn what_only_todays_compose_knows() {
    let root = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(root.path().join(name), text).unwrap();
    std::fs::create_dir(root.path().join("db")).unwrap();
    put(
        "a.yml",
        "name: shop\ninclude: [db/c.yml]\nservices:\n  web: {image: a, ports: ['80'], labels: {x: 1}}\n  gone: {image: b}",
    );
    put("b.yml", "services:\n  web: {labels: !override {y: 2}, command: !reset null}\n  gone: !reset {}");
    put("db/c.yml", "services: {db: {image: 'pg:${TAG}', env_file: [{path: none, required: false}]}}");
    put("db/.env", "TAG=15");
    let model = read(root.path(), &["a.yml", "b.yml"]).await.unwrap();
    assert_eq!(model.project, "shop");
    assert_eq!(model.services.keys().collect::<Vec<_>>(), ["db", "web"]);
    assert_eq!(model.services["db"].image.as_deref(), Some("pg:15"));
    assert_eq!(model.services["db"].environment_unread, None);
    assert_eq!(model.services["web"].labels.keys().collect::<Vec<_>>(), ["y"]);
    put("a.yml", "include: [{path: db/c.yml, env_file: x}]");
    let model = read(root.path(), &["a.yml"]).await.unwrap();
    assert!(model.not_read[0].contains("`env_file`"), "{:?}", model.not_read);
}
