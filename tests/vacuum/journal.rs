//! Journals with entries of any time, written and read by systemd's own tools; and the action over them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use selx_checks::ground::{self, Confined, HostGround};
use selx_checks::logs::vacuum::JournalVacuum;
use selx_core::action::{Action as _, ActionReport, Ground as _, Permission, Request, SavedPlan, TypedAction, apply};
use selx_core::{Clock as _, Context, Host, ManualClock, Result};
use serde_json::{Value, json};

/// Where systemd's tool to write journals is.
const REMOTE: &str = "/lib/systemd/systemd-journal-remote";
/// A boot of long ago.
pub(crate) const BOOT: &str = "0123456789abcdef0123456789abcdef";
/// The folder of a machine.
pub(crate) const MACHINE: &str = "00112233445566778899aabbccddeeff";
const DAY: i64 = 86_400;

/// A machine of a test: a journal, the state of actions, and a clock that can be moved.
pub(crate) struct Journal {
    whole: tempfile::TempDir,
    folder: PathBuf,
    pub(crate) clock: Arc<ManualClock>,
    /// How long an attempt may take.
    pub(crate) limit: Duration,
}

impl Journal {
    pub(crate) fn new() -> Self {
        let whole = tempfile::tempdir().unwrap();
        let folder = whole.path().canonicalize().unwrap().join("journal");
        std::fs::create_dir_all(folder.join(MACHINE)).unwrap();
        Self::at(whole, folder)
    }

    /// Takes a journal that is in another folder.
    pub(crate) fn at(whole: tempfile::TempDir, folder: PathBuf) -> Self {
        let clock = Arc::new(ManualClock::at(selx_core::SystemClock.now()));
        Self { whole, folder, clock, limit: Duration::from_secs(60) }
    }

    /// Returns the folder of the machine.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.join(MACHINE)
    }

    /// Writes a file with an entry every hour, from so many days ago until so many days ago.
    pub(crate) fn write(&self, name: &str, days: (i64, i64), boot: &str) -> PathBuf {
        write(&self.folder().join(name), days, boot)
    }

    /// The same for a closed file: it gets the name that systemd gives one. Returns its name.
    pub(crate) fn archive(&self, days: (i64, i64), boot: &str) -> String {
        archive(&self.write("system.journal", days, boot))
    }

    /// Returns the names of all files in the folder of the machine, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Returns how many entries systemd's own program finds in the journal, without a complaint.
    pub(crate) fn entries(&self) -> usize {
        entries(&self.folder)
    }

    pub(crate) fn ground(&self) -> HostGround {
        HostGround::new(self.whole.path().join("state"), Host::default())
    }

    pub(crate) fn context(&self) -> Context {
        Context::with(Arc::clone(&self.clock) as Arc<_>, Arc::default(), Arc::default(), self.limit)
    }

    pub(crate) fn action(&self, with: &Value) -> TypedAction<JournalVacuum> {
        TypedAction::new(JournalVacuum::new(serde_json::from_value(with.clone()).unwrap()))
    }

    pub(crate) fn try_plan(&self, more: Value) -> Result<SavedPlan> {
        let mut with = json!({ "folder": self.folder, "max-share": "100%" });
        for (key, value) in more.as_object().unwrap() {
            with[key] = value.clone();
        }
        // As the command does it: without the right to write to any file.
        let (plan, confined) = run(ground::plan(Arc::new(self.action(&with)), self.context()))?;
        assert_eq!(confined, Confined::Yes);
        Ok(SavedPlan::new("journal-vacuum.test".to_owned(), with, self.ground().machine(), &*self.clock, plan))
    }

    #[track_caller]
    pub(crate) fn plan(&self, more: Value) -> SavedPlan {
        self.try_plan(more).unwrap()
    }

    /// Applies a plan as somebody does who typed its hash.
    pub(crate) fn apply(&self, plan: &SavedPlan) -> ActionReport {
        let action = self.action(&plan.with);
        let permission = Permission::Typed(plan.hash().to_string().parse().unwrap());
        let (name, with) = (plan.action.as_str(), &plan.with);
        let request = Request { action: &action, name, with, plan, permission: &permission, zone: &TimeZone::UTC };
        run(apply(&request, &self.ground(), &self.context()))
    }
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Writes a file of a journal with an entry every hour.
pub(crate) fn write(path: &Path, days: (i64, i64), boot: &str) -> PathBuf {
    let now = selx_core::SystemClock.now().as_second();
    let mut export = Vec::new();
    let hours = (now - days.0 * DAY..=now - days.1 * DAY).step_by(3_600);
    for (number, second) in hours.enumerate() {
        let entry = format!(
            "__REALTIME_TIMESTAMP={second}000000\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={boot}\nPRIORITY=6\n\
             MESSAGE=number {number} {}\n\n",
            number + 1,
            "x".repeat(100)
        );
        export.extend_from_slice(entry.as_bytes());
    }
    let child = Command::new(REMOTE)
        .arg("-o")
        .arg(path)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.expect("the package systemd-journal-remote is installed");
    child.stdin.take().unwrap().write_all(&export).unwrap();
    assert!(child.wait().unwrap().success());
    path.to_owned()
}

/// Gives a file the name that systemd gives one that it closes, from what its head says.
pub(crate) fn archive(path: &Path) -> String {
    let head = std::fs::read(path).unwrap();
    let number = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap());
    let series: String = head[72..88].iter().map(|byte| format!("{byte:02x}")).collect();
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let name = format!("{stem}@{series}-{:016x}-{:016x}.journal", number(168), number(184));
    std::fs::rename(path, path.with_file_name(&name)).unwrap();
    name
}

/// Counts the entries of a journal by systemd's own program.
#[track_caller]
pub(crate) fn entries(folder: &Path) -> usize {
    let output = Command::new("/usr/bin/journalctl")
        .args(["--no-pager", "--quiet", "-o", "cat", "--directory"])
        .arg(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count()
}

/// Returns what the steps are about, without the folder of the machine.
pub(crate) fn targets(plan: &SavedPlan) -> Vec<&str> {
    let name = |target: &'_ str| target.rsplit_once('/').map_or(0, |(folder, _)| folder.len() + 1);
    plan.plan.steps.iter().map(|step| &step.target[name(&step.target)..]).collect()
}

/// Returns what is kept by a rule, which begins with these words, without the folder of the machine.
#[track_caller]
pub(crate) fn kept<'a>(plan: &'a SavedPlan, why: &str) -> Vec<&'a str> {
    let found = plan.plan.kept.iter().find(|kept| kept.why.starts_with(why));
    let found = found.unwrap_or_else(|| panic!("`{why}` keeps nothing: {:#?}", plan.plan.kept));
    found.examples.iter().map(|name| name.rsplit('/').next().unwrap()).collect()
}

/// Returns the id of the boot of this machine.
pub(crate) fn this_boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim().replace('-', "")
}

/// Returns the day so many days ago, as plans write it.
pub(crate) fn day(days: i64) -> String {
    let second = selx_core::SystemClock.now().as_second() - days * DAY;
    Timestamp::from_second(second).unwrap().strftime("%Y-%m-%d").to_string()
}
