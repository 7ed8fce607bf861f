//! What a run said, check by check.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{Place, Ran};
use crate::stack::Stack;

const RUN: &[&str] = &["run", "daily", "--format", "json"];

/// Limits of time and of this machine's own load: a slow machine is not what is broken here.
const TIMES: &[&str] = &["limit-total", "limit-latency", "limit-connect", "limit-login", "limit-answer-time"];

/// How long a state may take to be seen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A report, and which of its checks a test has spoken about.
#[derive(Debug)]
pub(crate) struct Said {
    ran: Ran,
    entries: Vec<Value>,
    told: RefCell<BTreeSet<String>>,
}

impl Said {
    /// Reads a report.
    #[track_caller]
    pub(crate) fn of(ran: Ran) -> Self {
        assert!(!ran.err.contains("panicked") && !ran.err.contains("selx: bug"), "{ran:#?}");
        let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:#?}"));
        let entries = report["entries"].as_array().unwrap().clone();
        Self { ran, entries, told: RefCell::default() }
    }

    /// Returns how many checks there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    #[track_caller]
    fn entry(&self, name: &str) -> &Value {
        let named = |entry: &&Value| full(entry) == name;
        self.entries.iter().find(named).unwrap_or_else(|| panic!("no {name}: {:#?}", self.ran))
    }

    /// Returns the status of a check.
    #[track_caller]
    pub(crate) fn status(&self, name: &str) -> &str {
        self.entry(name)["status"].as_str().unwrap()
    }

    /// Tells whether all that a check said contains some words.
    #[track_caller]
    pub(crate) fn has(&self, name: &str, words: &str) -> bool {
        self.entry(name).to_string().contains(words)
    }

    /// Asserts that a check has one status and says these words.
    #[track_caller]
    pub(crate) fn is(&self, name: &str, status: &str, words: &[&str]) -> &Self {
        let entry = self.entry(name);
        self.told.borrow_mut().insert(name.to_owned());
        assert_eq!(entry["status"], status, "{name}: {entry}");
        let text = entry.to_string();
        for word in words {
            assert!(text.contains(word), "`{word}` is missing: {entry}");
        }
        self
    }

    /// Asserts that these failed, and that it is explained by the failure of another.
    #[track_caller]
    pub(crate) fn follow(&self, cause: &str, names: &[&str]) -> &Self {
        for name in names {
            let entry = self.entry(name);
            self.told.borrow_mut().insert((*name).to_owned());
            assert!(["critical", "unknown"].contains(&self.status(name)), "{entry}");
            assert_eq!(entry["caused_by"], cause, "{entry}");
        }
        self
    }

    /// Leaves checks out that may say one or the other, depending on how far what hangs on the breakage has come.
    pub(crate) fn either(&self, names: &[&str]) -> &Self {
        self.told.borrow_mut().extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    /// Returns the first check that a test has not spoken about and that is not fine. How busy this machine is does not
    /// matter.
    fn other(&self) -> Option<&Value> {
        self.entries.iter().find(|entry| {
            let name = full(entry);
            let slow =
                |finding: &Value| finding["severity"] == "info" || TIMES.iter().any(|code| finding["code"] == *code);
            let late = |all: &Vec<Value>| !all.is_empty() && all.iter().all(slow);
            let fine = entry["status"] == "ok"
                || (entry["outcome"] == "seen"
                    && entry["faults"].as_array().is_some_and(Vec::is_empty)
                    && entry["findings"].as_array().is_some_and(late));
            !fine && !name.starts_with("host-") && !self.told.borrow().contains(&name)
        })
    }

    /// Tells whether every check is fine, and the program says so.
    pub(crate) fn is_green(&self) -> bool {
        self.ran.code == Some(0) && self.entries.iter().all(|entry| entry["status"] == "ok")
    }

    /// Asserts that nothing else is wrong.
    #[track_caller]
    pub(crate) fn rest_is_fine(&self) {
        if let Some(entry) = self.other() {
            panic!(
                "{entry}\n{:?}",
                self.entries.iter().map(|entry| (full(entry), &entry["headline"])).collect::<Vec<_>>()
            );
        }
    }
}

fn full(entry: &Value) -> String {
    format!("{}.{}", entry["kind"].as_str().unwrap(), entry["name"].as_str().unwrap())
}

impl Stack {
    /// Looks once, without a second try, and remembers nothing.
    #[track_caller]
    pub(crate) fn look(&self) -> Said {
        self.look_with(str::to_owned)
    }

    /// Looks once with other settings.
    #[track_caller]
    pub(crate) fn look_with(&self, change: impl Fn(&str) -> String) -> Said {
        self.look_from(&Place::with(&self.settings(change)))
    }

    /// Returns the checks with other settings; a change that changes nothing is a mistake.
    #[track_caller]
    pub(crate) fn settings(&self, change: impl Fn(&str) -> String) -> String {
        format!("[runner]\nretries = 0\n\n{}", change(&self.checks()))
    }

    /// Looks once from a place that remembers the looks before.
    #[track_caller]
    pub(crate) fn look_from(&self, place: &Place) -> Said {
        Said::of(Ran::of(place.command(RUN).env("DOCKER_HOST", self.engine())))
    }

    /// Looks until a state is seen; fails with what is seen instead.
    #[track_caller]
    pub(crate) fn until(&self, seen: impl Fn(&Said) -> bool) -> Said {
        let began = Instant::now();
        loop {
            let said = self.look();
            if seen(&said) {
                return said;
            }
            assert!(began.elapsed() < PATIENCE, "{:#?}", said.ran);
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Looks until nothing is wrong any more.
    #[track_caller]
    pub(crate) fn until_fine(&self) -> Said {
        self.until(|said| said.other().is_none())
    }

    /// Waits for something that is no check.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, there: impl Fn() -> bool) {
        let began = Instant::now();
        while !there() {
            assert!(began.elapsed() < PATIENCE, "{what} did not come");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Says something to Redis, which must not answer with an error.
    #[track_caller]
    pub(crate) fn redis(&self, words: &[&str]) -> String {
        let line = r#"REDISCLI_AUTH=$(cat "$REDIS_PASSWORD_FILE") exec redis-cli -e "$@""#;
        self.inside("redis", &[&["sh", "-c", line, "sh"], words].concat())
    }

    /// Says something to PostgreSQL as its owner.
    #[track_caller]
    pub(crate) fn sql(&self, statement: &str) -> String {
        let psql = ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "selextract", "-c", statement];
        self.inside("postgres", &psql)
    }

    /// Starts both workers anew, all at once: one that lost its broker waits longer and longer before it tries again, and
    /// some never listen to remote control again.
    #[track_caller]
    pub(crate) fn renew_workers(&self) {
        let both = [self.container("worker"), self.container("worker-old")];
        self.docker(&["restart", "--time", "0", &both[0], &both[1]]);
        self.until(|said| {
            said.has("celery-workers.all", "2 workers answer") && said.status("celery-queues.all") == "ok"
        });
    }
}

/// Replaces a text that has to be there.
#[track_caller]
pub(crate) fn swap(checks: &str, from: &str, to: &str) -> String {
    assert!(checks.contains(from), "`{from}` is not in the checks:\n{checks}");
    checks.replace(from, to)
}

/// Replaces a text once, in one check.
#[track_caller]
pub(crate) fn swap_in(checks: &str, check: &str, from: &str, to: &str) -> String {
    let (before, after) = checks.split_once(&format!("[check.{check}]")).expect("such a check");
    assert!(after.contains(from), "`{from}` is not in {check}");
    format!("{before}[check.{check}]{}", after.replacen(from, to, 1))
}
