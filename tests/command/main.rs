//! The kind `command` with real programs: what they may say, how they may break, and what must not reach them.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod breakages;
mod group;
mod streams;
mod trust;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use selx_checks::command::{Child, Command, Config, Exit};
use selx_core::limit::Limit;
use selx_core::{
    Check as _, Context, Entry, Instance, Limits, Runner, Secrets, Selection, Settings, Status, Typed, Unit,
};
use serde_json::{Value, json};

fn settings(timeout: Duration) -> Settings {
    Settings {
        concurrency: 4,
        timeout,
        deadline: Duration::from_secs(60),
        retries: 0,
        retry_delay: Duration::from_millis(10),
        state: None,
        history: false,
        retention: Duration::from_secs(86_400),
        action_timeout: Duration::from_secs(60),
    }
}

fn instance(with: &Value) -> Instance {
    let config: Config = serde_json::from_value(with.clone()).unwrap();
    Instance::new(Arc::new(Typed::new(Command::new(config))), "it")
}

/// Runs one check through the runner.
async fn entry_of(instance: Instance, timeout: Duration, secrets: Arc<Secrets>) -> Entry {
    let selection = Selection { instances: vec![instance], routine: None };
    let mut report = Runner::new(settings(timeout)).secrets(secrets).run(&selection).await;
    report.entries.remove(0)
}

async fn check(with: &Value) -> Entry {
    entry_of(instance(with), Duration::from_secs(10), Arc::default()).await
}

/// The settings of a shell script.
fn script(text: &str, format: &str) -> Value {
    json!({ "program": "/bin/sh", "args": ["-c", text], "format": format })
}

fn codes(entry: &Entry) -> Vec<&str> {
    entry.judgement.findings.iter().map(|finding| &*finding.code).collect()
}

fn output(entry: &Entry, which: &str) -> String {
    entry.facts.as_ref().unwrap()["ended"][which]["text"].as_str().unwrap().to_owned()
}

/// Writes a file through a child: a descriptor open for writing in this process would make it busy for others.
async fn install(path: &Path, text: &str, mode: &str) {
    let cx = Context::new(Duration::from_secs(10));
    let ended = Child::new("/bin/sh")
        .arg("-c")
        .arg("printf '%s' \"$1\" > \"$2\" && chmod \"$3\" \"$2\"")
        .arg("sh")
        .arg(text)
        .arg(path.display().to_string())
        .arg(mode)
        .run(&cx)
        .await
        .unwrap();
    assert_eq!(ended.exit, Exit::Code(0), "{ended:?}");
}

#[tokio::test]
async fn a_plugin_says_its_line_and_its_numbers_meet_limits() {
    let mut plugin =
        instance(&script("echo 'DISK OK - free | /=60GB;50;70;0;80 inodes=12%'; echo 'long text'", "nagios"));
    plugin.limits = Limits::default().set("bytes@/", Limit::new(Unit::Bytes, "70%", "90%"));
    let entry = entry_of(plugin, Duration::from_secs(10), Arc::default()).await;
    assert_eq!(entry.status(), Status::Warning);
    assert_eq!(entry.judgement.summary, "DISK OK - free");
    assert_eq!(codes(&entry), ["limit-bytes"]);
    assert!(entry.headline().contains("75%"), "{}", entry.headline());
    let shares: Vec<_> =
        entry.measures.iter().map(|measured| (&*measured.measure.name, &*measured.measure.subject)).collect();
    assert_eq!(shares, [("bytes", "/"), ("share", "inodes")]);
}

#[tokio::test]
async fn a_plugin_of_a_package_is_understood() {
    let program = "/usr/lib/nagios/plugins/check_disk";
    assert!(Path::new(program).exists(), "this test needs the package monitoring-plugins-basic");
    let entry = check(&json!({ "program": program, "args": ["-w", "1%", "-c", "0%", "-p", "/"] })).await;
    assert_eq!(entry.status(), Status::Ok, "{}", entry.headline());
    let root = entry.measures.iter().find(|measured| measured.measure.subject == "/").unwrap();
    assert_eq!(root.measure.unit, Unit::Bytes);
    let of_kernel = rustix::fs::statvfs("/").unwrap();
    let whole = (of_kernel.f_blocks * of_kernel.f_frsize) as f64;
    let ratio = root.measure.whole.unwrap() / whole;
    assert!((0.8..1.2).contains(&ratio), "the plugin and the kernel differ by {ratio}");
    let entry = check(&json!({ "program": program, "args": ["-w", "100%", "-c", "100%", "-p", "/"] })).await;
    assert_eq!(entry.status(), Status::Critical);
    assert!(entry.headline().contains("DISK CRITICAL"), "{}", entry.headline());
    let entry = check(&json!({ "program": program, "args": ["-p", "/nowhere-at-all", "-w", "1%"] })).await;
    assert!(entry.status() >= Status::Unknown, "{}", entry.headline());
}

#[tokio::test]
async fn json_brings_findings_and_measures() {
    let text = json!({
        "summary": "3 queues",
        "findings": [{ "code": "queue-long", "severity": "critical", "subject": "mail", "message": "1200 waiting", "advice": "start a worker", "evidence": { "oldest": "9 min" } }],
        "measures": [{ "name": "queue", "subject": "mail", "value": 1200, "unit": "count" }],
    });
    let entry = check(&script(&format!("echo '{text}'; exit 2"), "json")).await;
    assert_eq!(entry.status(), Status::Critical);
    assert_eq!(entry.headline(), "mail 1200 waiting");
    let finding = &entry.judgement.findings[0];
    assert_eq!(finding.advice.as_deref(), Some("start a worker"));
    assert_eq!(finding.evidence.len(), 2);
    assert_eq!(entry.measures[0].measure.subject, "queue mail");
}

#[tokio::test]
async fn nothing_of_our_environment_reaches_the_program() {
    // Cargo sets variables for its tests, so there is something to leak.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let entry = check(&json!({ "program": "/usr/bin/env", "env": { "PGSSLMODE": "require" } })).await;
    let text = output(&entry, "stdout");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["HOME=/nonexistent", "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "PGSSLMODE=require", "TZ=UTC"]);
}

#[tokio::test]
async fn it_inherits_no_descriptor_no_input_and_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let canary = folder.path().join("canary");
    let _open = std::fs::File::create(&canary).unwrap();
    // `ls` shows what each descriptor is; whatever started this test may have left some of its own.
    let entry = check(&script("ls -l /proc/self/fd; cat; pwd", "exit-code")).await;
    let text = output(&entry, "stdout");
    assert!(!text.contains("canary"), "{text}");
    assert!(text.contains("0 -> /dev/null"), "{text}");
    assert!(text.ends_with("\n/\n"), "{text}");
}

#[tokio::test]
async fn a_secret_reaches_the_program_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let canary = "canary-7d3f\"91/x";
    install(&file, &format!("{canary}\n"), "0600").await;
    let secrets = Arc::new(Secrets::default());
    let with = json!({
        "program": "/bin/sh",
        "args": ["-c", "echo \"CRITICAL - got $TOKEN\"; echo \"and $TOKEN\" >&2; echo; tr '\\0' ' ' </proc/self/cmdline; exit 2"],
        "secret-env": { "TOKEN": format!("file:{}", file.display()) },
    });
    let entry = entry_of(instance(&with), Duration::from_secs(10), secrets).await;
    assert_eq!(entry.status(), Status::Critical);
    assert!(entry.headline().contains("got [secret]"), "{}", entry.headline());
    let everything = format!("{entry:?}");
    assert!(!everything.contains("canary-7d3f"), "{everything}");
    // A canary that spans the cut is not half there either.
    let with = json!({
        "program": "/bin/sh",
        "args": ["-c", "for i in $(seq 4000); do printf '%s' \"$TOKEN\"; done"],
        "output-limit": "1KiB",
        "secret-env": { "TOKEN": format!("file:{}", file.display()) },
    });
    let entry = entry_of(instance(&with), Duration::from_secs(10), Arc::default()).await;
    let everything = format!("{entry:?}");
    assert!(codes(&entry).contains(&"output-cut"));
    assert!(!everything.contains("canary-7d3f"), "{everything}");
}

#[tokio::test]
async fn a_secret_that_is_missing_is_unknown() {
    let with = json!({ "program": "/bin/true", "secret-env": { "TOKEN": "file:/nonexistent/secret" } });
    let entry = check(&with).await;
    assert_eq!(entry.status(), Status::Unknown);
    assert!(entry.headline().contains("/nonexistent/secret"), "{}", entry.headline());
}

#[tokio::test]
async fn a_run_that_is_cancelled_ends_the_program() {
    let cancel = Context::new(Duration::ZERO).cancel().child_token();
    let cx = Context::new(Duration::from_secs(30)).cancelled_by(cancel.clone());
    let task = tokio::spawn(async move { Child::new("/bin/sleep").arg("30").run(&cx).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    cancel.cancel();
    let error = tokio::time::timeout(Duration::from_secs(2), task).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the run was cancelled");
}
