//! The actions that are struck, what they work on, and what has to be true of it whatever happened.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use selx_checks::backup::prune::BackupPrune;
use selx_checks::logs::clean::LogsClean;
use selx_checks::logs::rotate::LogsRotate;
use selx_core::Error;
use selx_core::action::journal::{self, Event};
use selx_core::action::{Action, ActionReport, Ground as _, Outcome, StepState, recover};
use serde_json::{Value, json};

use crate::{Machine, run};

/// An action with a world of its own in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Clean,
    Rotate,
    Prune,
}

pub(super) const ALL: [Subject; 3] = [Subject::Clean, Subject::Rotate, Subject::Prune];

/// Logs of two families; the newest of each stays.
const LOGS: [&str; 6] = ["a.log", "a.log.1", "a.log.2", "b/b.log", "b/b.log.1", "b/b.log.2"];
const NEWEST: [&str; 2] = ["a.log", "b/b.log"];
const GROWING: [&str; 2] = ["a.log", "b.log"];
/// How many backups there are, one a day, and how many of them stay.
const BACKUPS: i64 = 6;
const KEPT: usize = 4;

/// What was planned and applied came to; an error is one of planning.
pub(super) type Came = Result<ActionReport, Error>;

impl Subject {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Clean => "logs-clean",
            Self::Rotate => "logs-rotate",
            Self::Prune => "backup-prune",
        }
    }

    pub(super) fn of(name: &str) -> Self {
        ALL.into_iter().find(|subject| subject.name() == name).expect("one of them")
    }

    fn machine(self, folder: &Path) -> Machine {
        let mut machine = Machine::new();
        machine.folder = folder.join("world");
        machine.state = folder.join("state");
        if self == Self::Clean {
            machine.days_pass(31);
        }
        machine
    }

    fn with(self, machine: &Machine) -> Value {
        let path = &machine.folder;
        match self {
            Self::Clean => json!({ "path": path, "older-than": "30d", "max-share": "100%" }),
            Self::Rotate => json!({ "path": path, "larger-than": "20B" }),
            Self::Prune => json!({
                "folder": path, "archives": "shop-*.tar.gz", "keep-last": 2, "keep-within": "73h", "max-share": "100%",
            }),
        }
    }

    /// Makes what it works on. Every file has another content, which begins with its name.
    pub(super) fn lay(self, folder: &Path) {
        let machine = self.machine(folder);
        std::fs::create_dir(&machine.folder).unwrap();
        let long = "x".repeat(50);
        match self {
            Self::Clean => {
                // The newest was written last.
                for name in LOGS.iter().rev() {
                    drop(machine.file(name, 0));
                    std::fs::write(machine.folder.join(name), format!("{name} {long}")).unwrap();
                }
            }
            Self::Rotate => {
                for name in GROWING {
                    let path = machine.folder.join(name);
                    std::fs::write(&path, format!("{name} {long}")).unwrap();
                    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
                }
            }
            Self::Prune => {
                static MADE: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
                let made = MADE.get_or_init(|| {
                    let machine = Machine::new();
                    let made = |day| std::fs::read(machine.folder.join(machine.backup(day))).unwrap();
                    (0..BACKUPS).map(made).collect()
                });
                for (day, bytes) in (0..).zip(made) {
                    std::fs::write(machine.folder.join(machine.backup_name(day)), bytes).unwrap();
                }
            }
        }
    }

    /// Plans and applies.
    pub(super) fn act(self, folder: &Path) -> Came {
        self.act_within(folder, Duration::from_secs(60))
    }

    /// The same, each within a time.
    pub(super) fn act_within(self, folder: &Path, limit: Duration) -> Came {
        match self {
            Self::Clean => self.act_as::<LogsClean>(folder, limit),
            Self::Rotate => self.act_as::<LogsRotate>(folder, limit),
            Self::Prune => self.act_as::<BackupPrune>(folder, limit),
        }
    }

    fn act_as<A: Action>(self, folder: &Path, limit: Duration) -> Came {
        let machine = Machine { limit, ..self.machine(folder) };
        let plan = machine.plan::<A>(&self.with(&machine))?;
        Ok(machine.apply::<A>(&plan))
    }

    /// Recovers every run that is not over, looks that nothing is lost, half done or without an intent, and that the next run
    /// does the rest. `before` is what was there.
    pub(super) fn holds(self, folder: &Path, before: &World, when: &str) {
        let machine = self.machine(folder);
        let when = format!("{} {when}", self.name());
        before.stands(self, folder, &when);
        let reports = self.recover(folder, false);
        for report in &reports {
            let fine = matches!(report.outcome, Outcome::Done | Outcome::Skips | Outcome::Failed | Outcome::Undone);
            assert!(fine, "{when}: {report:#?}");
            let wrong = report.count(|state| matches!(state, StepState::Unclear(_) | StepState::Remains(_)));
            assert_eq!(wrong, 0, "{when}: {report:#?}");
        }
        assert!(machine.ground().open().unwrap().is_empty(), "{when}: a run is still open: {reports:#?}");
        before.stands(self, folder, &when);
        let report = self.act(folder).unwrap_or_else(|error| panic!("{when}: the next run: {error}"));
        assert_eq!(report.outcome, Outcome::Done, "{when}: the next run: {report:#?}");
        before.stands(self, folder, &when);
        self.is_finished(folder, &when);
    }

    /// Recovers every run that is not over.
    pub(super) fn recover(self, folder: &Path, as_it_is: bool) -> Vec<ActionReport> {
        match self {
            Self::Clean => self.recover_as::<LogsClean>(folder, as_it_is),
            Self::Rotate => self.recover_as::<LogsRotate>(folder, as_it_is),
            Self::Prune => self.recover_as::<BackupPrune>(folder, as_it_is),
        }
    }

    fn recover_as<A: Action>(self, folder: &Path, as_it_is: bool) -> Vec<ActionReport> {
        let machine = self.machine(folder);
        let (ground, with) = (machine.ground(), self.with(&machine));
        let action = machine.action::<A>(&with);
        let open = ground.open().unwrap();
        open.iter().map(|open| run(recover(open, &action, as_it_is, &ground, &machine.context()))).collect()
    }

    /// What is left of our own that nobody needs any more.
    pub(super) fn left(self, folder: &Path) -> Vec<String> {
        let machine = self.machine(folder);
        let empty = machine.folder.join(".selx-removal").exists().then(|| ".selx-removal".to_owned());
        let ours = |name: &String| name.ends_with(".tmp") || name.ends_with(".selx-new");
        machine.names().into_iter().filter(ours).chain(empty).collect()
    }

    /// All that was to be done is, and nothing else.
    pub(super) fn is_finished(self, folder: &Path, when: &str) {
        let machine = self.machine(folder);
        let names = machine.names();
        match self {
            Self::Clean => {
                // What was moved and put back has changed just now, and is the newest of its log therefore.
                let newest = |log: &str| names.iter().any(|name| name == log);
                assert!(NEWEST.iter().all(|log| newest(log)) && names.len() <= NEWEST.len() + 1, "{when}: {names:?}");
            }
            Self::Rotate => {
                assert_eq!(names.len(), 2 * GROWING.len(), "{when}: {names:?}");
                for name in GROWING {
                    let meta = std::fs::metadata(machine.folder.join(name)).unwrap();
                    assert_eq!((meta.len(), meta.mode() & 0o777), (0, 0o640), "{when}: {name}");
                }
            }
            Self::Prune => {
                assert_eq!(machine.backups().len(), KEPT, "{when}: {names:?}");
                assert_eq!(machine.trash().len(), usize::try_from(BACKUPS).unwrap() - KEPT, "{when}: {names:?}");
            }
        }
    }
}

/// What was there before: every content with the name of its file.
pub(super) struct World(BTreeMap<Vec<u8>, String>);

impl World {
    pub(super) fn of(folder: &Path) -> Self {
        let files = files(&folder.join("world"));
        Self(files.into_iter().map(|(name, content)| (content, name)).collect())
    }

    /// Each content is there once, or a journal says that its file was about to be deleted; and there is nothing else, but
    /// for new files that are empty.
    fn stands(&self, subject: Subject, folder: &Path, when: &str) {
        let intended: Vec<String> = journals(&folder.join("state")).iter().flat_map(|bytes| intents(bytes)).collect();
        let mut there: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
        for (name, content) in files(&folder.join("world")) {
            let is_new = subject == Subject::Rotate && content.is_empty();
            if !is_new && !is_proof(&name) {
                there.entry(content).or_default().push(name);
            }
        }
        for (content, name) in &self.0 {
            let names = there.remove(content).unwrap_or_default();
            let may_go = subject == Subject::Clean && intended.contains(name) && !NEWEST.contains(&&**name);
            assert!(names.len() == 1 || names.is_empty() && may_go, "{when}: {name} is in {names:?}");
        }
        assert!(there.is_empty(), "{when}: {:?}", there.values());
    }

    /// Returns how many files are not where they were.
    pub(super) fn gone(&self, folder: &Path) -> usize {
        self.0.values().filter(|name| !folder.join("world").join(name).exists()).count()
    }

    /// Nothing at all has changed, as a report said that says so.
    pub(super) fn is_untouched(&self, folder: &Path, when: &str) {
        for (name, content) in files(&folder.join("world")) {
            let known = self.0.get(&content).is_some_and(|known| *known == name);
            assert!(known || is_proof(&name), "{when}: `{name}` is new or another one");
        }
        let left = files(&folder.join("world")).len();
        assert!(left >= self.0.len(), "{when}: {left} files are left of {}", self.0.len());
    }
}

/// Tells whether a file is the note of what was proven, or what a death left of writing it.
fn is_proof(name: &str) -> bool {
    name == ".selx-proven.json" || name.starts_with("..selx-proven.json.")
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let machine = Machine { folder: folder.to_owned(), ..Machine::new() };
    machine.names().into_iter().map(|name| (name.clone(), std::fs::read(folder.join(name)).unwrap())).collect()
}

/// The bytes of every journal there is.
fn journals(state: &Path) -> Vec<Vec<u8>> {
    let folders = [state.join("journal"), state.join("journal/closed")];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(|path: &PathBuf| path.is_file());
    files.map(|path| std::fs::read(path).unwrap()).collect()
}

/// The files that a journal says are about to be deleted.
fn intents(bytes: &[u8]) -> Vec<String> {
    let read = journal::read(bytes).expect("a torn end is no damage");
    let Some(begin) = read.begin() else { return Vec::new() };
    let steps = read.records.iter().filter_map(|record| match &record.event {
        Event::Intent { steps } => Some(steps),
        _ => None,
    });
    steps.flatten().map(|step| begin.plan.plan.steps[*step].target.clone()).collect()
}
