//! Journals on a real disk: room before the first change, a torn end, a full disk, and how long they are kept.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::Arc;

use jiff::tz::TimeZone;
use selx_core::action::journal::{Event, Journal};
use selx_core::action::{
    Action, Applied, Ground as _, Outcome, Permission, Permit, Plan, Planned, Request, Risk, SavedPlan, Seen,
    TypedAction, Undo, apply, recover,
};
use selx_core::{Area, Context, Finding, Meta, Result, SystemClock};
use serde_json::json;

use super::State;

/// Writes a word into a file.
struct Write(std::path::PathBuf);

impl Action for Write {
    type Config = ();
    type Step = String;
    const META: Meta = Meta::new("write", Area::Host, "writes a word");

    fn new((): ()) -> Self {
        Self("/nowhere".into())
    }

    fn resources(&self) -> Vec<String> {
        vec!["words".to_owned()]
    }

    async fn plan(&self, _: &Context) -> Result<Plan<String>> {
        let steps = ["one", "two"].into_iter().filter(|word| !self.0.join(word).exists()).map(|word| Planned {
            step: word.to_owned(),
            target: word.to_owned(),
            what: format!("write {word}"),
            risk: Risk::Safe,
            bytes: None,
            seconds: None,
            locks: Vec::new(),
            undo: Undo::Impossible("words are not taken back".to_owned()),
            not_simulated: Vec::new(),
        });
        Ok(Plan::of(steps.collect()))
    }

    async fn apply(&self, step: &String, _: &Permit, _: &Context) -> Result<Applied> {
        std::fs::write(self.0.join(step), step).unwrap();
        Ok(Applied::Changed("written".to_owned()))
    }

    async fn probe(&self, step: &String, _: &Context) -> Result<Seen> {
        Ok(if self.0.join(step).exists() { Seen::After } else { Seen::Before })
    }

    async fn undo(&self, _: &String, _: &Permit, _: &Context) -> Result<Applied> {
        Ok(Applied::AlreadyDone)
    }

    async fn verify(&self, _: &[String], _: &Context) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn context() -> Context {
    Context::with(Arc::new(SystemClock), Arc::default(), Arc::default(), std::time::Duration::from_secs(60))
}

fn applied(state: &State, words: &std::path::Path) -> selx_core::action::ActionReport {
    let (action, cx, ground) = (TypedAction::new(Write(words.to_owned())), context(), state.ground());
    run(async {
        use selx_core::action::DynAction as _;
        let plan = action.plan(&cx).await.unwrap();
        let plan = SavedPlan::new("write.it".to_owned(), json!(null), ground.machine(), &SystemClock, plan);
        let request = Request {
            action: &action,
            name: "write.it",
            with: &json!(null),
            plan: &plan,
            permission: &Permission::Given,
            zone: &TimeZone::UTC,
        };
        apply(&request, &ground, &cx).await
    })
}

#[test]
fn a_run_leaves_a_closed_journal_that_nobody_else_reads() {
    let state = State::new();
    let words = tempfile::tempdir().unwrap();
    let report = applied(&state, words.path());
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert!(words.path().join("one").exists() && words.path().join("two").exists());
    assert!(state.ground().open().unwrap().is_empty());
    let closed = state.path.join("journal/closed").join(format!("{}.sxj", report.run.unwrap()));
    let meta = std::fs::metadata(&closed).unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    let read = selx_core::action::journal::read(&std::fs::read(&closed).unwrap()).unwrap();
    assert_eq!(read.end(), Some(Outcome::Done));
    // The name and the time of the run.
    let begin = read.begin().unwrap();
    assert!(closed.to_string_lossy().contains(&begin.run));
    assert_eq!(begin.plan.machine, state.ground().machine());
}

#[test]
fn l01_l18_a_run_that_died_is_found_and_recovered_without_its_torn_end() {
    let state = State::new();
    let words = tempfile::tempdir().unwrap();
    let report = applied(&state, words.path());
    let run_name = report.run.unwrap();
    let closed = state.path.join("journal/closed").join(format!("{run_name}.sxj"));
    let bytes = std::fs::read(&closed).unwrap();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    // Killed in every moment: after each line, and in the middle of the next.
    for whole in 0..lines.len() {
        for torn in [0, 20] {
            let mut died = lines.get(..whole).unwrap().concat();
            died.extend(lines.get(whole).unwrap().iter().take(torn));
            std::fs::write(state.path.join("journal").join(format!("{run_name}.sxj")), &died).unwrap();
            let _ = std::fs::remove_file(&closed);
            let open = state.ground().open().unwrap();
            assert_eq!(open.len(), 1, "{whole} {torn}");
            // A process of that number lives, as after a restart one may: this one. The run is over all the same.
            let begin = open[0].read.as_ref().unwrap().begin();
            assert!(begin.is_none_or(|begin| begin.pid == std::process::id()) && !open[0].alive, "{whole} {torn}");
            if whole > 0 {
                let blocked = applied(&state, words.path());
                assert_eq!(blocked.outcome, Outcome::Unfinished);
                assert!(blocked.advice.unwrap().contains(&run_name));
            }
            let action = TypedAction::new(Write(words.path().to_owned()));
            let report = run(recover(open.first().unwrap(), &action, false, &state.ground(), &context()));
            // Whatever the journal says, the words are there; what was not begun waits for the next plan.
            let expected = if whole == 0 || whole >= 4 {
                Outcome::Done
            } else if whole == 1 {
                Outcome::Failed
            } else {
                Outcome::Skips
            };
            assert_eq!(report.outcome, expected, "{whole} {torn} {report:?}");
            assert!(state.ground().open().unwrap().is_empty());
        }
    }
}

#[test]
fn l04_without_room_for_the_journal_nothing_begins() {
    let state = State::new();
    std::fs::create_dir(&state.path).unwrap();
    let words = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: this thread gets a copy of the table of mounts; nothing of Rust rests on it.
            #[expect(unsafe_code, reason = "a test of mounts must not show them to the whole machine")]
            unsafe {
                rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS | rustix::thread::UnshareFlags::FS)
            }
            .expect("this test needs the right to mount (root)");
            use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
            mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE).unwrap();
            mount("selx-test", &state.path, "tmpfs", MountFlags::empty(), c"size=256k,mode=700").unwrap();
            let report = applied(&state, words.path());
            assert_eq!(report.outcome, Outcome::Failed, "{report:?}");
            let why = report.why.first().unwrap();
            assert!(why.contains("there is no room for the journal"), "{why}");
            assert!(!words.path().join("one").exists());
            assert!(state.ground().open().unwrap().is_empty(), "nothing of it is left");
        });
        thread.join().expect("it holds");
    });
}

#[test]
fn the_room_is_taken_before_and_given_back() {
    let state = State::new();
    let ledger = state.ground().journal("20261123T030000Z-00000001", 1 << 20).unwrap();
    let path = state.path.join("journal/20261123T030000Z-00000001.sxj");
    let meta = std::fs::metadata(&path).unwrap();
    assert_eq!(meta.len(), 0);
    assert!(meta.blocks() * 512 >= 1 << 20, "{} blocks", meta.blocks());
    let mut journal = Journal::begin(ledger);
    journal.write([Event::Intent { steps: vec![1] }], &SystemClock).unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() > 0);
    // One run of a name.
    assert!(state.ground().journal("20261123T030000Z-00000001", 1 << 20).is_err());
}

#[test]
fn l10_old_journals_go_and_the_newest_stay() {
    let state = State::new();
    let words = tempfile::tempdir().unwrap();
    applied(&state, words.path());
    let closed = state.path.join("journal/closed");
    for index in 0..5 {
        let file = std::fs::File::create(closed.join(format!("2026010{index}T030000Z-00000000.sxj"))).unwrap();
        file.set_len(20 << 20).unwrap();
    }
    std::fs::remove_file(words.path().join("one")).unwrap();
    applied(&state, words.path());
    let mut names: Vec<String> =
        std::fs::read_dir(&closed).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    // Two of runs just now, and as many of the others as 64 MiB hold: the newest three.
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(names.first().unwrap().starts_with("20260102"), "{names:?}");
    assert!(!closed.join(".selx-removal").exists());
}

#[test]
fn a_run_that_is_about_to_begin_is_not_put_away() {
    let state = State::new();
    let words = tempfile::tempdir().unwrap();
    // It holds its journal, and has not written its beginning.
    let ledger = state.ground().journal("20261123T030000Z-00000001", 1 << 20).unwrap();
    let open = selx_core::action::Open {
        run: "20261123T030000Z-00000001".to_owned(),
        path: state.path.join("journal/20261123T030000Z-00000001.sxj"),
        read: selx_core::action::journal::read(b""),
        alive: false,
    };
    let action = TypedAction::new(Write(words.path().to_owned()));
    let report = run(recover(&open, &action, false, &state.ground(), &context()));
    assert_eq!(report.outcome, Outcome::Failed, "{report:?}");
    assert!(open.path.exists());
    drop(ledger);
    let report = run(recover(&open, &action, false, &state.ground(), &context()));
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert!(!open.path.exists());
}

#[test]
fn a_clock_that_was_wrong_once_takes_no_journal_away() {
    let state = State::new();
    let words = tempfile::tempdir().unwrap();
    applied(&state, words.path());
    let closed = state.path.join("journal/closed");
    let newest = std::fs::read_dir(&closed).unwrap().next().unwrap().unwrap().metadata().unwrap().modified().unwrap();
    let future = newest + std::time::Duration::from_secs(500 * 86_400);
    let file = std::fs::File::create(closed.join("20280411T030000Z-00000000.sxj")).unwrap();
    file.set_modified(future).unwrap();
    for round in 0..2 {
        std::fs::remove_file(words.path().join("one")).unwrap();
        applied(&state, words.path());
        assert_eq!(std::fs::read_dir(&closed).unwrap().count(), 3 + round);
    }
}
