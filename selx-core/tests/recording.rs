//! Recordings: what a run saw is judged again, with other limits and settings, at the time it was seen.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "config/kinds.rs"]
mod kinds;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;

use selx_core::config::{defaults, parse};
use selx_core::recording::Recording;
use selx_core::report::{Attempt, Failure, Outcome};
use selx_core::{
    Error, ErrorKind, Finding, ManualClock, Registry, Report, Runner, Selection, Status, Suite, limit::Level,
};
use serde_json::{Value, json};

fn suite(text: &str) -> Suite {
    parse(&kinds::registry(), "selx.toml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Runs checks of the disk: 30 of 40 in use, which is a warning.
fn run(text: &str) -> Report {
    let suite = suite(text);
    let clock = Arc::new(ManualClock::at("2026-11-23T02:30:00Z".parse().unwrap()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let runner = Runner::new(defaults()).clock(clock);
    runtime.block_on(runner.run(&Selection { instances: suite.instances, routine: None }))
}

fn through_a_file(recording: &Recording) -> Recording {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    recording.write(&path).unwrap();
    Recording::read(&path).unwrap()
}

#[test]
fn a_replay_is_the_run_again() {
    let mut report = run("[check.disk.root]\nwith = { paths = ['/'] }\n[check.web.site]\nwith = { url = 'x' }\n");
    let entry = &mut report.entries[0];
    entry.attempts = vec![Attempt { status: Status::Unknown, reason: "was slow".into(), took: entry.took }];
    entry.judgement.findings.push(Finding::info("passed-on-retry", "", "passed on the second attempt"));
    entry.faults.push(Failure::from(&Error::new(ErrorKind::Denied, "no right to see /srv")));
    let recording = Recording::of(&report);
    let read = through_a_file(&recording);
    assert_eq!(read, recording);
    let again = read.replay(&kinds::registry(), None);
    assert_eq!((&again.run, &again.host, again.started), (&report.run, &report.host, report.started));
    assert_eq!(again.entries.len(), 2);
    for (was, is) in report.entries.iter().zip(&again.entries) {
        assert_eq!(is.full_name(), was.full_name());
        assert_eq!(is.status(), was.status());
        assert_eq!(is.headline(), was.headline());
        assert_eq!((is.started, is.took, &is.with), (was.started, was.took, &was.with));
        assert_eq!((&is.attempts, &is.faults, &is.measures), (&was.attempts, &was.faults, &was.measures));
        let codes = |entry: &selx_core::Entry| {
            let mut codes: Vec<String> = entry.judgement.findings.iter().map(|f| f.code.to_string()).collect();
            codes.sort();
            codes
        };
        assert_eq!(codes(is), codes(was));
    }
    assert_eq!(again.entries[0].status(), Status::Unknown, "what could not be seen then");
    assert_eq!(again.entries[0].measures[0].level, Some(Level::Warning));
}

#[test]
fn other_limits_and_settings_are_tried() {
    let recording = Recording::of(&run("[check.disk.root]\n[check.disk.other]\n"));
    let judge = |text: &str| {
        let suite = suite(text);
        let report = recording.replay(&kinds::registry(), Some(&suite));
        report.entries.iter().map(selx_core::Entry::status).collect::<Vec<_>>()
    };
    use Status::{Critical, Ok, Warning};
    assert_eq!(judge(""), [Warning, Warning], "the kind's own limits");
    assert_eq!(judge("[check.disk.root]\nlimits = { used = { warning = '80%' } }"), [Ok, Warning]);
    assert_eq!(judge("[check.disk.root]\nlimits = { used = { critical = '74%' } }"), [Critical, Warning]);
    assert_eq!(
        judge("[check.disk.new]\nlimits = { used = 'off' }"),
        [Warning, Warning],
        "another name is another check"
    );
    // A breach that has to last is unknown where the run had no memory, as it would have been then.
    let suite = suite("[check.disk.root]\nlimits = { used = { for = '5m' } }");
    assert_ne!(recording.replay(&kinds::registry(), Some(&suite)).entries[0].status(), Ok);
}

#[test]
fn what_had_failed_stays_failed() {
    let mut report = run("[check.disk.root]\n[check.disk.none]\n[check.web.a]\nwith = { url = 'x' }\n");
    let failed = Failure::from(&Error::new(ErrorKind::Unreachable, "connection refused"));
    let absent = Failure::from(&Error::new(ErrorKind::NotApplicable, "no such thing here"));
    for (index, outcome) in [(0, Outcome::Failed(failed)), (1, Outcome::Skipped(absent))] {
        report.entries[index].outcome = outcome;
        report.entries[index].facts = None;
        report.entries[index].judgement = selx_core::Judgement::default();
        report.entries[index].measures.clear();
    }
    report.entries[2].caused_by = Some("disk.root".into());
    let recording = through_a_file(&Recording::of(&report));
    let again = recording.replay(&kinds::registry(), None);
    assert_eq!(again.entries[0].status(), Status::Critical);
    assert_eq!(again.entries[0].headline(), "connection refused");
    assert_eq!(again.entries[1].status(), Status::Skipped);
    assert_eq!(again.entries[2].caused_by, None, "it is fine, so nothing caused it");
    let required = suite("[check.disk.none]\nrequired = true\n");
    assert_eq!(recording.replay(&kinds::registry(), Some(&required)).entries[1].status(), Status::Unknown);
}

#[test]
fn kinds_and_settings_that_are_not_known_say_so() {
    let recording = Recording::of(&run("[check.disk.root]\nwith = { paths = ['/'] }\n"));
    let report = recording.replay(&Registry::new(), None);
    assert_eq!(report.status(), Status::Unknown);
    assert_eq!(report.entries[0].full_name(), "disk.root");
    assert_eq!(report.entries[0].headline(), "the kind `disk` is not in this program");

    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value = serde_json::to_value(&recording).unwrap();
        change(&mut value["entries"][0]);
        let recording: Recording = serde_json::from_value(value).unwrap();
        let report = recording.replay(&kinds::registry(), None);
        assert_eq!(report.status(), Status::Unknown);
        report.entries[0].headline()
    };
    let told = changed(&|entry| entry["with"] = json!({ "path": 5 }));
    assert_eq!(told, "the recorded settings are not those of this kind: unknown setting `path`");
    assert_eq!(changed(&|entry| entry["kind"] = json!("No Kind")), "the kind `No Kind` is not in this program");

    let told = changed(&|entry| {
        entry.as_object_mut().unwrap().remove("facts");
    });
    assert_eq!(told, "the recording says that it was seen, but has no facts");
    let told = changed(&|entry| entry["facts"] = json!({ "free": 1 }));
    assert!(told.starts_with("the facts are not those of `disk`"), "{told}");
}

#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    let recording = Recording::of(&run("[check.disk.root]\n"));
    recording.write(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    recording.write(&path).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");

    // A link is replaced, not written through.
    let other = folder.path().join("other");
    fs::write(&other, "keep").unwrap();
    let link = folder.path().join("link.json");
    symlink(&other, &link).unwrap();
    recording.write(&link).unwrap();
    assert_eq!(fs::read_to_string(&other).unwrap(), "keep");
    assert!(fs::symlink_metadata(&link).unwrap().is_file());

    let error = recording.write(Path::new("/nowhere/run.json")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(error.to_string().starts_with("`/nowhere/run.json` cannot be written"), "{error}");
    assert!(recording.write(folder.path()).is_err(), "a folder is not replaced");
    // /dev/full takes the open and refuses the bytes; a folder of proc refuses the file.
    assert!(recording.write(Path::new("/proc/self/run.json")).is_err());

    let told = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = Recording::read(&path).unwrap_err();
        (error.kind(), error.to_string().replace(&folder.path().display().to_string(), "DIR"))
    };
    let (kind, text) = told("empty", b"");
    assert_eq!(kind, ErrorKind::Config);
    assert!(text.starts_with("`DIR/empty` is not a recording: EOF"), "{text}");
    assert!(told("other.json", b"{\"format\":\"x\",\"version\":1}").1.ends_with("`DIR/other.json` is not a recording"));
    assert_eq!(
        told("new.json", b"{\"format\":\"selx-recording\",\"version\":2,\"runs\":[]}").1,
        "`DIR/new.json` is of version 2, which this program does not know: it reads up to 1; use a newer selx"
    );
    assert!(
        told("half.json", b"{\"format\":\"selx-recording\",\"version\":1}").1.contains("is damaged: missing field")
    );
    let deep = format!("{{\"format\":\"selx-recording\",\"version\":1,\"run\":{}", "[".repeat(1 << 20));
    assert_eq!(told("deep.json", deep.as_bytes()).0, ErrorKind::Config);
    assert_eq!(Recording::read(folder.path()).unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(Recording::read(&folder.path().join("none")).unwrap_err().kind(), ErrorKind::Missing);
    let big = fs::File::create(folder.path().join("big.json")).unwrap();
    big.set_len((64 << 20) + 1).unwrap();
    assert_eq!(Recording::read(&folder.path().join("big.json")).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(Recording::read(Path::new("/dev/zero")).unwrap_err().kind(), ErrorKind::Config, "it does not end");
}

#[test]
fn a_recording_names_the_version_that_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    Recording::of(&run("[check.disk.root]\n")).write(&path).unwrap();
    let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(json["selx"], env!("CARGO_PKG_VERSION"));
    // One from before that reads all the same.
    json.as_object_mut().unwrap().remove("selx");
    fs::write(&path, json.to_string()).unwrap();
    assert_eq!(Recording::read(&path).unwrap().replay(&kinds::registry(), None).entries.len(), 1);
}
