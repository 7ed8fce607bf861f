//! Few descriptors, few threads, many runs.

use selx_cli::{Console, Program};

use super::process::{Place, Ran, as_nobody};

fn many(count: usize) -> String {
    (0..count)
        .map(|n| {
            format!("[check.command.n{n}]\nretries = 0\nwith = {{ program = \"/usr/bin/true\", format = \"exit-code\" }}\n[check.host-disk.d{n}]\nwith = {{ paths = [\"/\"] }}\n")
        })
        .collect()
}

/// R2: a few descriptors are enough, for all checks.
#[test]
fn sixteen_descriptors_are_enough() {
    let place = Place::with(&many(20));
    for limit in ["16", "20", "64"] {
        let ran = Ran::of(&mut place.shell(&format!("ulimit -n {limit}; exec \"$@\""), &["run", "command"]));
        let ran = ran.code(0);
        assert!(ran.out.contains("20 checks: 20 ok"), "{limit}: {ran:#?}");
    }
    // With next to nothing it is unknown, and says why.
    for limit in ["4", "5", "6", "7", "8", "9", "10", "12", "14"] {
        let ran = Ran::of(&mut place.shell(&format!("ulimit -n {limit}; exec \"$@\""), &["run", "command"]));
        assert!(ran.code == Some(3) || ran.code == Some(0), "{limit}: {ran:#?}");
        assert!(!ran.out.is_empty() || !ran.err.is_empty(), "{limit}: {ran:#?}");
        assert!(!ran.err.contains("bug"), "{limit}: {ran:#?}");
    }
}

/// R1: without threads a run is slower, or unknown, and never a crash.
#[test]
fn few_threads_are_no_crash() {
    let place = Place::with(&many(4));
    super::process::mode(place.path(), 0o777);
    for limit in ["1", "2", "4"] {
        let mut command =
            place.shell(&format!("exec prlimit --nproc={limit}:{limit} \"$@\""), &["run", "host-disk", "--no-history"]);
        let ran = Ran::of(as_nobody(&mut command));
        assert!(matches!(ran.code, Some(0..=3)), "{limit}: {ran:#?}");
        assert!(ran.out.contains("4 checks") || !ran.err.is_empty(), "{limit}: {ran:#?}");
    }
}

/// R8: runs inside one process leave nothing open.
#[test]
fn two_hundred_runs_leave_nothing_behind() {
    let place = Place::with(&many(2));
    let file = place.path().join("selx.toml");
    let state = place.path().join("state");
    let program = Program::new().with(selx_checks::register);
    let run = |number: usize| {
        let (file, state) = (file.to_str().unwrap(), state.to_str().unwrap());
        let mut arguments = vec!["selx", "run", "daily", "--config", file, "--state-dir", state];
        // Writing the history to disk is most of the time of a run; every fourth one does.
        if !number.is_multiple_of(4) {
            arguments.push("--no-history");
        }
        assert!(program.run(arguments, &mut Console::to(std::io::sink(), std::io::sink())) <= 2);
    };
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    (0..3).for_each(run);
    let before = open();
    (0..200).for_each(run);
    // Other tests of this process open files of their own in the meantime; a leak would be hundreds.
    assert!(open() < before + 60, "{before} before, {} after", open());
}

/// R2, I9: with few descriptors a log that is open is never one that nobody has open.
#[test]
fn with_few_descriptors_no_open_log_is_planned() {
    let place = Place::empty();
    let folder = place.path().canonicalize().unwrap().join("logs");
    std::fs::create_dir(&folder).unwrap();
    super::process::mode(&folder, 0o755);
    std::fs::write(folder.join("open.log"), [b'x'; 100]).unwrap();
    let held = std::fs::File::open(folder.join("open.log")).unwrap();
    let settings =
        format!("[action.logs-rotate.all]\nwith = {{ path = \"{}\", larger-than = \"20B\" }}\n", folder.display());
    place.put("selx.toml", &settings);
    let mut told = 0;
    for limit in 10..40 {
        let ran = Ran::of(
            &mut place.shell(&format!("ulimit -n {limit}; exec \"$@\""), &["act", "all", "--config", "selx.toml"]),
        );
        assert!(!ran.out.contains("rotate "), "{limit}: {ran:#?}");
        told += u32::from(ran.code == Some(0) && ran.out.contains("a program has it open"));
        assert!(ran.code != Some(0) || ran.out.contains("a program has it open"), "{limit}: {ran:#?}");
    }
    assert!(told > 10, "it hardly ever sees it: {told}");
    drop(held);
}
