//! What is told of earlier runs.

use std::time::Duration;

use selx_core::{History as _, Moment, RunStart, Severity, TimeSpan};

use crate::{DAY, Machine, history, notices};

#[tokio::test]
async fn a_run_that_was_missed_is_told_and_one_in_time_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut machine = Machine::new();
    machine.every = Some(DAY);
    for hours in [0, 24, 29, 1] {
        machine.clock.advance(Duration::from_secs(hours * 3_600));
        let report = machine.run(history(folder.path())).await;
        assert!(report.notices.is_empty(), "{hours}: {:?}", report.notices);
    }
    machine.clock.advance(Duration::from_secs(50 * 3_600));
    let report = machine.run(history(folder.path())).await;
    assert_eq!(notices(&report), ["run-missed"]);
    let notice = &report.notices[0];
    assert_eq!(notice.severity, Severity::Warning);
    assert!(notice.message.contains("the daily run of 2026-11-26 did not happen"), "{}", notice.message);
    machine.clock.advance(Duration::from_secs(32 * 3_600));
    assert_eq!(notices(&machine.run(history(folder.path())).await), ["run-late"]);
}

#[tokio::test]
async fn a_clock_that_is_set_makes_no_nonsense() {
    let folder = tempfile::tempdir().unwrap();
    let mut machine = Machine::new();
    machine.every = Some(DAY);
    machine.run(history(folder.path())).await;
    for wall in ["1970-01-01T00:00:10Z", "2026-11-22T02:30:00Z", "2099-01-01T00:00:00Z", "2026-11-23T03:30:00Z"] {
        machine.clock.advance(Duration::from_secs(3_600));
        machine.clock.set(wall.parse().unwrap());
        let report = machine.run(history(folder.path())).await;
        assert!(report.notices.is_empty(), "{wall}: {:?}", report.notices);
        let before = report.entries[0].previous.as_ref().unwrap().seen;
        assert_eq!(report.started.since(&before), Some(Duration::from_secs(3_600)), "rates are not bent");
    }
    // And nothing was dropped on the word of such a clock.
    assert_eq!(crate::series(&history(folder.path()), 10).await.len(), 5);
}

fn start(run: &str, pid: u32, boot: u64, minutes: u64) -> RunStart {
    let at = "2026-11-23T02:30:00Z".parse::<jiff::Timestamp>().unwrap();
    let passed = Duration::from_secs(minutes * 60);
    RunStart {
        run: run.to_owned(),
        routine: Some("daily".to_owned()),
        every: Some(TimeSpan::secs(86_400)),
        started: Moment { at: at + passed, since_boot: passed, boot },
        pid,
    }
}

#[tokio::test]
async fn a_run_that_goes_on_overlaps_and_one_whose_process_is_gone_never_ended() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(folder.path());
    let mut sleeper = tokio::process::Command::new("/bin/sleep").arg("60").kill_on_drop(true).spawn().unwrap();
    let other = sleeper.id().unwrap();
    assert!(history.begin(&start("first", other, 1, 0)).await.unwrap().is_empty());
    let told = history.begin(&start("second", std::process::id(), 1, 10)).await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].code, "run-overlapping");
    assert!(told[0].message.contains("began 10m ago is still going on"), "{}", told[0].message);
    sleeper.kill().await.unwrap();
    let told = history.begin(&start("third", std::process::id(), 1, 20)).await.unwrap();
    let mut codes: Vec<&str> = told.iter().map(|finding| &*finding.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["run-overlapping", "run-unfinished"], "the second is of this process, which lives");
    let unfinished = told.iter().find(|finding| finding.code == "run-unfinished").unwrap();
    assert!(unfinished.message.contains("run of 2026-11-23 02:30 UTC never noted its end"), "{}", unfinished.message);
    // What never ended is told once; after a reboot nothing of before goes on.
    let told = history.begin(&start("fourth", std::process::id(), 2, 30)).await.unwrap();
    let codes: Vec<&str> = told.iter().map(|finding| &*finding.code).collect();
    assert_eq!(codes, ["run-unfinished", "run-unfinished"]);
    let told = history.begin(&start("fifth", std::process::id(), 3, 40)).await.unwrap();
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn a_number_that_another_process_has_now_is_not_the_old_run() {
    let folder = tempfile::tempdir().unwrap();
    let proc = folder.path().join("proc");
    let stat = |pid: u32, begun: u64| {
        std::fs::create_dir_all(proc.join(pid.to_string())).unwrap();
        let fields = "S 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0";
        std::fs::write(proc.join(format!("{pid}/stat")), format!("{pid} (a) b) {fields} {begun} 1 1\n")).unwrap();
    };
    let history = history(&folder.path().join("state")).host(selx_core::Host::below(folder.path()));
    stat(100, 5_000);
    stat(101, 6_000);
    history.begin(&start("first", 100, 1, 0)).await.unwrap();
    assert_eq!(history.begin(&start("second", 101, 1, 5)).await.unwrap()[0].code, "run-overlapping");
    stat(100, 7_000);
    let told = history.begin(&start("third", 101, 1, 10)).await.unwrap();
    assert!(told.iter().any(|finding| finding.code == "run-unfinished"), "{told:?}");
    // Where no process can be seen nothing is said rather than something wrong.
    std::fs::remove_file(proc.join("101/stat")).unwrap();
    assert!(history.begin(&start("fourth", 101, 1, 15)).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_history_of_another_machine_is_a_first_run() {
    let folder = tempfile::tempdir().unwrap();
    let machine_id = |id: &str| {
        std::fs::create_dir_all(folder.path().join("etc")).unwrap();
        std::fs::write(folder.path().join("etc/machine-id"), format!("{id}\n")).unwrap();
    };
    let state = folder.path().join("state");
    let open = || history(&state).host(selx_core::Host::below(folder.path()));
    let mut machine = Machine::new();
    machine.every = Some(DAY);
    machine_id("aaaa");
    machine.run(open()).await;
    assert_eq!(crate::summary(&machine.run(open()).await), "1 after 0");
    machine_id("bbbb");
    machine.clock.advance(10 * DAY);
    let report = machine.run(open()).await;
    assert_eq!(notices(&report), ["history-of-another-host"]);
    assert_eq!(crate::summary(&report), "2 after nothing");
    let report = machine.run(open()).await;
    assert!(report.notices.is_empty(), "{:?}", report.notices);
    assert_eq!(crate::summary(&report), "3 after 2");
}
