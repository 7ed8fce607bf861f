//! Where a report goes, and what happens if it cannot get there.

use std::os::unix::fs::PermissionsExt as _;

use super::process::{Place, Ran, SUITE, as_nobody, mode};

/// L14: a reader that goes away changes neither code nor tone.
#[test]
fn a_reader_that_goes_away_changes_nothing() {
    let place = Place::with(SUITE);
    for (arguments, code) in [
        (vec!["run", "daily", "weekly", "-vv"], 2),
        (vec!["run", "daily"], 0),
        (vec!["schema"], 0),
        (vec!["--help"], 0),
    ] {
        // A pipe without a reader.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = place.command(&arguments);
        let mut child = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
        drop(command);
        let status = child.wait().unwrap();
        let mut err = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut err).unwrap();
        assert_eq!((status.code(), err.as_str()), (Some(code), ""), "{arguments:?}");
    }
}

/// A full disk under standard output is told, and never fine.
#[test]
fn a_report_that_nobody_got_is_unknown() {
    let place = Place::with(SUITE);
    for arguments in [vec!["run", "daily"], vec!["run", "weekly"], vec!["list"], vec!["man"], vec!["--help"]] {
        Ran::of(&mut place.shell("exec \"$@\" >/dev/full", &arguments))
            .code(3)
            .complains(&["standard output cannot be written", "No space left"]);
    }
    // Nothing can be told at all: still not fine.
    Ran::of(&mut place.shell("exec \"$@\" >/dev/full 2>/dev/full", &["run", "daily"])).code(3);
}

#[test]
fn a_file_is_written_whole_and_devices_stay_devices() {
    let place = Place::with(SUITE);
    let file = place.path().join("selx.prom");
    let metrics = ["run", "daily", "--format", "openmetrics", "--output", "selx.prom"];
    let mut command = place.shell("umask 077; exec \"$@\"", &metrics);
    let ran = Ran::of(&mut command).code(0);
    assert_eq!(ran.out, "");
    assert!(std::fs::read_to_string(&file).unwrap().contains("selx_run_status{routine=\"daily\"} 0\n"));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o644, "the collector is another user");
    place.selx(&["run", "daily", "--output", "report"]).code(0);
    assert_eq!(place.path().join("report").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // Nothing is left beside them.
    let left = std::fs::read_dir(place.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains(".tmp"))
        .count();
    assert_eq!(left, 0);
    // A device is written to and not replaced.
    place.selx(&["run", "daily", "--output", "/dev/null"]).code(0);
    use std::os::unix::fs::FileTypeExt as _;
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[test]
fn a_file_that_cannot_be_written_is_told_and_the_report_is_printed() {
    let place = Place::with(SUITE);
    for path in ["/dev/full", "missing/folder/report", "."] {
        place
            .selx(&["run", "daily", "--output", path])
            .code(3)
            .says(&["command.fine"])
            .complains(&["selx: `", "standard output instead"]);
        // Critical is worse than that, and was delivered.
        place.selx(&["run", "weekly", "--output", path]).code(2).says(&["command.broken"]);
        place.selx(&["run", "daily", "--record", path]).code(3).says(&["command.fine"]).complains(&["selx: "]);
    }
}

/// R5: a limit for file sizes is an error and not a death.
#[test]
fn a_limit_for_file_sizes_is_an_error() {
    let place = Place::with(SUITE);
    let line = "exec prlimit --fsize=0 \"$@\"";
    Ran::of(&mut place.shell(line, &["run", "daily", "--no-history", "--output", "report"]))
        .code(3)
        .says(&["command.fine"])
        .complains(&["report", "File too large"]);
    assert!(!place.path().join("report").exists());
    // The history cannot be written either: a note, not a failure.
    Ran::of(&mut place.shell(line, &["run", "daily"])).code(0).says(&["command.fine", "history"]);
}

/// L5: a state folder that cannot be written is a note; the checks have their own code.
#[test]
fn a_read_only_state_is_a_note() {
    let place = Place::with(SUITE);
    let state = place.path().join("sealed");
    std::fs::create_dir(&state).unwrap();
    mode(&state, 0o555);
    for (name, code) in [("daily", 0), ("weekly", 2)] {
        let mut command = place.command(&["run", name, "--state-dir", state.to_str().unwrap()]);
        let ran = Ran::of(as_nobody(&mut command)).code(code);
        assert!(ran.out.contains("history"), "{ran:#?}");
    }
    assert_eq!(std::fs::read_dir(&state).unwrap().count(), 0);
    // And one that is on a read-only file system.
    for (name, code) in [("daily", 0), ("weekly", 2)] {
        let ran = place.selx(&["run", name, "--state-dir", "/proc/selx"]).code(code);
        assert!(ran.out.contains("history"), "{ran:#?}");
    }
}
