//! The actions of the example on its real parts: shown, confirmed by the hash that was shown, done, and the world looked at
//! by other means.

mod backups;
mod containers;
mod cron;
mod databases;
mod disks;
mod drills;
mod journals;
mod logs;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::{Place, Ran, mode};
use crate::said::swap;
use crate::stack::Stack;

/// The folders that the actions of the example are about, and what stands for each in a test.
const FOLDERS: [(&str, &str); 3] =
    [("/srv/backups", "backups"), ("/var/log/selextract", "logs"), ("/var/tmp/selx-drill", "drill")];

/// An operator of the product: its configuration for where the stack lies, and folders and a state of his own.
struct Desk<'a> {
    stack: &'a Stack,
    place: Place,
    /// The process whose table of mounts the program sees, where that is not the one of the test.
    mounts: Option<u32>,
}

impl<'a> Desk<'a> {
    fn of(stack: &'a Stack) -> Self {
        let place = Place::empty();
        let desk = Self { stack, place, mounts: None };
        let mut text = stack.checks();
        for (path, name) in FOLDERS {
            std::fs::create_dir(desk.path(name)).unwrap();
            mode(&desk.path(name), 0o755);
            text = swap(&text, &format!("\"{path}\""), &format!("\"{}\"", desk.path(name).display()));
        }
        // That of this machine is not a test's.
        std::fs::create_dir(desk.path("journal")).unwrap();
        let journal = format!("[action.journal-vacuum.host.with]\nfolder = \"{}\"\n", desk.path("journal").display());
        text = swap(&text, "[action.journal-vacuum.host.with]\n", &journal);
        desk.place.put("selx.toml", &text);
        desk
    }

    /// Returns the path of something of the test.
    fn path(&self, name: &str) -> PathBuf {
        self.place.path().canonicalize().unwrap().join(name)
    }

    /// Changes a text of the configuration, which has to be there.
    #[track_caller]
    fn set(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("selx.toml")).unwrap();
        self.place.put("selx.toml", &swap(&text, from, to));
    }

    /// Changes a text of one action, once.
    #[track_caller]
    fn set_in(&self, action: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("selx.toml")).unwrap();
        let head = format!("[action.{action}]\n");
        let (before, after) = text.split_once(&head).expect("such an action");
        assert!(after.contains(from), "`{from}` is not in {action}");
        self.place.put("selx.toml", &format!("{before}{head}{}", after.replacen(from, to, 1)));
    }

    /// Adds lines to an action's own settings.
    #[track_caller]
    fn add(&self, action: &str, lines: &str) {
        let head = format!("[action.{action}.with]\n");
        self.set(&head, &format!("{head}{lines}\n"));
    }

    /// Prepares the program.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command.env("DOCKER_HOST", self.stack.engine());
        let Some(pid) = self.mounts else { return command };
        let mut inside = Command::new("/usr/bin/nsenter");
        inside.args(["-m", &format!("-t{pid}"), &format!("-w{}", self.path("").display())]);
        inside.arg(command.get_program()).args(command.get_args()).env_clear();
        inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        inside
    }

    fn act(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(&[&["act"], arguments].concat()))
    }

    /// Asks for a plan, in which there has to be something to do.
    #[track_caller]
    fn plan(&self, name: &str) -> Shown {
        Shown::of(self.act(&[name]))
    }

    /// Asks for a plan, in which there has to be nothing to do.
    #[track_caller]
    fn nothing(&self, name: &str) -> Ran {
        self.act(&[name]).code(0).says(&["nothing to do"])
    }

    /// Does what was shown, all of it.
    #[track_caller]
    fn apply(&self, name: &str, shown: &Shown) -> Value {
        let ran = self.act(&[name, "--apply", &shown.hash, "--format", "json"]).code(0);
        let report = report(name, &ran);
        assert_eq!(report["outcome"], "done", "{report:#}");
        assert!(report.get("findings").is_none(), "{report:#}");
        report
    }
}

/// A plan as it was printed.
struct Shown {
    text: String,
    hash: String,
}

impl Shown {
    #[track_caller]
    fn of(ran: Ran) -> Self {
        let ran = ran.code(10).says(&["Nothing has been changed"]);
        let (_, behind) = ran.out.split_once("--apply ").expect("it says how it is done");
        Self { hash: behind[..9].to_owned(), text: ran.out }
    }

    #[track_caller]
    fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.text.contains(word), "`{word}` is missing: {}", self.text);
        }
        self
    }
}

/// Reads the report of an action. Every one says how much room was on the disk, before and after.
#[track_caller]
fn report(name: &str, ran: &Ran) -> Value {
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:#?}"));
    assert_eq!(report["action"], name);
    assert!(room(&report).iter().all(|(before, after, size)| before <= size && after <= size), "{report:#}");
    report
}

/// Returns the bytes that were free before and after on each disk, and its size.
#[track_caller]
fn room(report: &Value) -> Vec<(u64, u64, u64)> {
    let disks = report["space"].as_array().unwrap_or_else(|| panic!("no room is told: {report:#}"));
    assert!(!disks.is_empty(), "{report:#}");
    let bytes = |disk: &Value, when: &str, what: &str| disk[when][what].as_u64().unwrap();
    disks
        .iter()
        .map(|disk| (bytes(disk, "before", "free"), bytes(disk, "after", "free"), bytes(disk, "after", "size")))
        .collect()
}

/// Returns what came of the steps of a report, a line each.
fn came(report: &Value) -> String {
    let steps = report["steps"].as_array().unwrap();
    steps.iter().map(|step| format!("{} {}\n", step["target"], step["state"])).collect()
}

/// Returns the names of what lies in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs a program of this machine, which must succeed, and returns what it printed.
#[track_caller]
fn program(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
