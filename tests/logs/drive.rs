//! A folder of logs, a clock, and a check that is run over it again and again.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use selx_core::{Clock, Entry, Extent, Instance, ManualClock, Observer, Registry, Runner, Selection, Settings, Status};
use serde_json::{Value, json};

use crate::memory_of_runs::MemoryOfRuns;

/// A folder with logs.
pub(crate) struct Logs {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    history: Arc<MemoryOfRuns>,
}

/// When every test begins.
pub(crate) fn start() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().expect("a time")
}

impl Logs {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, clock: Arc::new(ManualClock::at(start())), history: Arc::default() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders can be made");
        std::fs::write(&path, text).expect("a file can be written");
        path
    }

    pub(crate) fn append(&self, name: &str, text: impl AsRef<[u8]>) {
        use std::io::Write as _;
        let file = std::fs::OpenOptions::new().append(true).create(true).open(self.path(name));
        file.expect("the file").write_all(text.as_ref()).expect("it can be written to");
    }

    /// Says when a file was written last.
    pub(crate) fn written(&self, name: &str, at: Timestamp) {
        let file = std::fs::File::options().append(true).open(self.path(name)).expect("the file");
        file.set_modified(
            std::time::UNIX_EPOCH + Duration::from_secs(u64::try_from(at.as_second()).expect("after 1970")),
        )
        .expect("its time can be set");
    }

    /// Runs a check of the kind over the folder, with these settings besides.
    pub(crate) async fn look(&self, with: Value) -> Entry {
        self.look_of("logs-patterns", with).await
    }

    /// The same, while somebody else does something who sees how far it is.
    pub(crate) async fn look_watched(&self, with: Value, meanwhile: impl FnOnce(&Extent) + Send + 'static) -> Entry {
        self.run("logs-patterns", with, Some(Arc::new(Meanwhile(Mutex::new(Some(Box::new(meanwhile))))))).await
    }

    pub(crate) async fn look_of(&self, kind: &str, with: Value) -> Entry {
        self.run(kind, with, None).await
    }

    async fn run(&self, kind: &str, mut with: Value, observer: Option<Arc<Meanwhile>>) -> Entry {
        let object = with.as_object_mut().expect("settings");
        let source = ["paths", "containers", "journal"].iter().any(|name| object.contains_key(*name));
        if !source {
            object.insert("paths".to_owned(), json!([self.folder.path()]));
        }
        if kind == "logs-patterns" && !object.contains_key("zone") {
            object.insert("zone".to_owned(), json!("UTC"));
        }
        let mut registry = Registry::new();
        selx_checks::register(&mut registry).expect("every name is taken once");
        let check = registry.get(kind).expect("the kind").build_json(&with).unwrap_or_else(|wrong| panic!("{wrong:?}"));
        let settings = Settings {
            concurrency: 4,
            timeout: Duration::from_secs(60),
            deadline: Duration::from_secs(90),
            retries: 0,
            retry_delay: Duration::ZERO,
            state: None,
            history: true,
            retention: Duration::from_secs(3600),
            action_timeout: Duration::from_secs(60),
        };
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let mut runner = Runner::new(settings).clock(clock).history(Arc::clone(&self.history) as _);
        if let Some(observer) = observer {
            runner = runner.observer(observer);
        }
        let routine = Some(("daily".to_owned(), selx_core::Routine::default()));
        let selection = Selection { instances: vec![Instance::new(check, "test")], routine };
        let mut report = runner.run(&selection).await;
        report.entries.remove(0)
    }

    pub(crate) fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// What is done meanwhile.
type Act = Box<dyn FnOnce(&Extent) + Send>;

/// Begins something in a thread of its own when a check begins.
struct Meanwhile(Mutex<Option<Act>>);

impl Observer for Meanwhile {
    fn started(&self, _: &str, extent: &Arc<Extent>) {
        let (act, extent) = (self.0.lock().expect("nobody panicked").take(), Arc::clone(extent));
        std::thread::spawn(move || act.map(|act| act(&extent)));
    }
}

/// Returns how many events a pattern has.
#[track_caller]
pub(crate) fn events(entry: &Entry, pattern: &str) -> u64 {
    fact(entry, pattern)["events"].as_u64().expect("a number")
}

/// Returns what was seen of a pattern.
#[track_caller]
pub(crate) fn fact(entry: &Entry, pattern: &str) -> Value {
    let facts = entry.facts.as_ref().unwrap_or_else(|| panic!("{}", entry.headline()));
    let patterns = facts["patterns"].as_array().expect("patterns");
    let found = patterns.iter().find(|one| one["name"] == pattern).cloned();
    found.unwrap_or_else(|| panic!("no pattern {pattern}: {patterns:?}"))
}

/// Holds an entry to a status and to words of what it says.
#[track_caller]
pub(crate) fn says(entry: &Entry, status: Status, words: &[&str]) {
    let mut text = format!("{}\n{}\n", entry.headline(), entry.judgement.summary);
    for finding in &entry.judgement.findings {
        text.push_str(&format!("[{}] {}: {}\n", finding.code, finding.subject, finding.message));
        finding.evidence.iter().for_each(|pair| text.push_str(&format!("  {}: {}\n", pair.label, pair.value)));
    }
    entry.judgement.evidence.iter().for_each(|pair| text.push_str(&format!("{}: {}\n", pair.label, pair.value)));
    entry.faults.iter().for_each(|fault| text.push_str(&format!("{}\n", fault.message)));
    assert_eq!(entry.status(), status, "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in:\n{text}");
    }
}

/// Writes a line of a usual log.
pub(crate) fn line(at: Timestamp, text: &str) -> String {
    format!("{} {text}\n", at.strftime("%Y-%m-%d %H:%M:%S,000"))
}

/// A time so many seconds before the tests begin.
pub(crate) fn ago(seconds: i64) -> Timestamp {
    start().checked_sub(SignedDuration::from_secs(seconds)).expect("a time")
}

/// Runs a program of the machine over a file, as rotation does.
pub(crate) fn run(program: &str, arguments: &[&str], folder: &Path) -> String {
    #[expect(clippy::disallowed_methods, reason = "a test uses the programs that operators use")]
    let output = Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("`{program}` cannot be started: {error}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
