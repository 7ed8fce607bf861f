//! Every command, used rightly and wrongly.

use super::process::{Place, SUITE};

#[test]
fn help_is_stable() {
    let place = Place::empty();
    for (name, arguments) in [
        ("help", vec!["-h"]),
        ("help-run", vec!["run", "-h"]),
        ("help-check", vec!["check", "-h"]),
        ("help-check-kind", vec!["check", "host-disk", "-h"]),
        ("help-doctor", vec!["doctor", "-h"]),
    ] {
        let ran = place.selx(&arguments).code(0);
        insta::assert_snapshot!(name, ran.out);
    }
}

#[test]
fn every_command_answers() {
    let place = Place::with(SUITE);
    for (arguments, words) in [
        (vec!["list"], vec!["host-disk", "command", "host-memory"]),
        (vec!["list", "--checks"], vec!["command.fine", "command.broken", "weekly"]),
        (vec!["explain", "host-disk"], vec!["# host-disk", "| `used` | `75%` | `85%` |", "`limit-used`"]),
        (vec!["explain", "defaults"], vec!["[runner]", "timeout ="]),
        (vec!["explain", "configuration"], vec!["[runner]", "retry-delay", "## Limits", "recover"]),
        (vec!["explain", "topics"], vec!["defaults", "exit-codes", "selx list"]),
        (vec!["explain", "exit-codes"], vec!["| 3 | unknown |"]),
        (vec!["validate"], vec!["is valid: 2 checks"]),
        (vec!["schema"], vec!["\"host-disk\""]),
        (vec!["completions", "bash"], vec!["_selx", "host-disk"]),
        (vec!["completions", "zsh"], vec!["#compdef selx"]),
        (vec!["man"], vec![".TH selx", "SELX CHECK", "EXIT STATUS"]),
        (vec!["--version"], vec!["selx 0."]),
        (vec!["run", "fine"], vec!["command.fine", "1 check: 1 ok"]),
        (vec!["run", "command.fine", "--format", "json"], vec!["\"status\":\"ok\""]),
        (vec!["run", "daily", "--format", "openmetrics"], vec!["# TYPE selx_run_status gauge"]),
        (vec!["check", "host-disk", "--paths", "/", "--warning", "100%", "--critical", "used=100%"], vec!["SELX "]),
    ] {
        place.selx(&arguments).code(0).says(&words);
    }
}

#[test]
fn what_programs_read_is_json() {
    let place = Place::with(SUITE);
    for arguments in [
        vec!["list", "--format", "json"],
        vec!["list", "--checks", "--format", "json"],
        vec!["validate", "--format", "json"],
        vec!["run", "fine", "--format", "json"],
        vec!["schema"],
    ] {
        let ran = place.selx(&arguments).code(0);
        serde_json::from_str::<serde_json::Value>(&ran.out).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
    }
    let ran = place.selx(&["doctor", "--format", "json"]);
    serde_json::from_str::<serde_json::Value>(&ran.out).unwrap();
}

#[test]
fn wrong_use_is_unknown_and_says_what_to_do() {
    let place = Place::with(SUITE);
    for (arguments, words) in [
        (vec![], vec!["Usage: selx"]),
        (vec!["chekc"], vec!["chekc", "check"]),
        (vec!["run"], vec!["ROUTINE|NAME"]),
        (vec!["run", "nightly"], vec!["nothing is named `nightly`", "daily, weekly"]),
        (vec!["run", "fien"], vec!["`fien`", "is `fine` meant?"]),
        (vec!["run", "fine", "--confg", "x"], vec!["`--confg`", "is `--config` meant?"]),
        (vec!["run", "fine", "--timeout", "5"], vec!["`5` is not a duration", "5s"]),
        (vec!["run", "fine", "--concurrency", "0"], vec!["0", "1..=1024"]),
        (vec!["run", "fine", "--format", "xml"], vec!["xml", "nagios"]),
        (vec!["run", "fine", "--config", "nowhere.toml"], vec!["nowhere.toml", "does not exist"]),
        (vec!["run", "fine", "--record", "a", "--replay", "b"], vec!["--record", "--replay"]),
        (vec!["run", "fine", "--replay", "nowhere"], vec!["nowhere"]),
        (vec!["check"], vec!["KIND"]),
        (vec!["check", "host-disc"], vec!["no kind is named `host-disc`", "is `host-disk` meant?"]),
        (vec!["check", "host-disk", "--pathz", "/"], vec!["`--pathz`", "is `--paths` meant?"]),
        (vec!["check", "host-disk", "--read-only", "x"], vec!["--read-only", "`always`"]),
        (vec!["check", "host-disk", "--warning", "usde=3%"], vec!["`usde`", "`used`"]),
        (vec!["check", "host-disk", "--warning", "lots"], vec!["`lots`", "85%", "--warning"]),
        (vec!["check", "command"], vec!["program"]),
        (vec!["check", "host-disk", "--config", "selx.toml"], vec!["reads no configuration file"]),
        (vec!["explain", "host-disc"], vec!["is `host-disk` meant?"]),
        (vec!["list", "--format", "nagios"], vec!["nagios", "human"]),
        (vec!["validate", "nowhere.toml"], vec!["nowhere.toml"]),
        (vec!["completions", "tcsh"], vec!["tcsh", "bash"]),
        (vec!["schema", "extra"], vec!["extra"]),
        (vec!["init", "selx.toml"], vec!["exists and is not overwritten"]),
        (vec!["doctor", "--format", "openmetrics"], vec!["openmetrics"]),
    ] {
        let ran = place.selx(&arguments).code(3);
        assert_eq!(ran.out, "", "{arguments:?}: what is wrong does not look like an answer");
        ran.complains(&words);
    }
}

#[test]
fn arguments_that_are_no_text_are_an_error() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::with(SUITE);
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    for before in [vec!["run"], vec!["check"], vec!["check", "host-disk", "--paths"], vec!["explain"]] {
        let ran = super::process::Ran::of(place.command(&before).arg(odd)).code(3);
        assert!(ran.err.contains("UTF-8"), "{ran:#?}");
    }
}

#[test]
fn codes_are_those_of_the_plugin_interface() {
    let place = Place::with(&format!(
        "{SUITE}\n[check.command.worried]\nretries = 0\nwith = {{ program = \"/bin/sh\", args = [\"-c\", \"echo hm; exit 1\"] }}\n\
         [check.command.blind]\nretries = 0\nwith = {{ program = \"/nonexistent/program\" }}\n"
    ));
    for (name, code) in [("fine", 0), ("worried", 1), ("broken", 2), ("blind", 3)] {
        place.selx(&["run", name]).code(code);
    }
    // Critical is worse than unknown, unknown than warning.
    place.selx(&["run", "worried", "blind"]).code(3);
    place.selx(&["run", "blind", "broken"]).code(2);
    place.selx(&["check", "command", "--program", "/usr/bin/false", "--with-format", "exit-code"]).code(2);
}

#[test]
fn a_routine_that_selects_nothing_is_unknown() {
    let place = Place::with(SUITE);
    place.selx(&["run", "quarterly"]).code(3).says(&["0 checks ran"]);
    place.selx(&["run", "quarterly", "--format", "nagios"]).code(3).says(&["SELX UNKNOWN"]);
    place.selx(&["run", "quarterly", "--quiet"]).code(3).says(&["0 checks ran"]);
    Place::with("").selx(&["run", "daily"]).code(3).says(&["0 checks ran"]);
}

#[test]
fn quiet_is_quiet_only_when_all_is_well() {
    let place = Place::with(SUITE);
    let ran = place.selx(&["run", "fine", "--quiet"]).code(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    place.selx(&["run", "broken", "-q"]).code(2).says(&["command.broken"]);
}

#[test]
fn without_a_file_the_host_is_looked_over_and_says_so() {
    let place = Place::empty();
    let ran = place.selx(&["run", "daily"]);
    assert!(ran.out.starts_with("There is no configuration file"), "{ran:#?}");
    let ran = ran.says(&["`selx init`", "host-disk", "host-memory"]);
    assert!(ran.code.is_some_and(|code| code <= 3));
    let ran = place.selx(&["run", "daily", "--format", "nagios"]);
    assert!(ran.out.starts_with("SELX "), "a program reads this: {ran:#?}");
}

#[test]
fn a_recorded_run_is_judged_again() {
    let place = Place::with(SUITE);
    let first = place.selx(&["run", "broken", "--record", "run.json", "--format", "nagios"]).code(2);
    let again = place.selx(&["run", "broken", "--replay", "run.json", "--format", "nagios"]).code(2);
    assert_eq!(first.out, again.out);
}

#[test]
fn a_replay_judges_what_was_asked_for() {
    let place = Place::empty();
    let looked = place.selx(&["run", "daily", "--record", "run.json", "--format", "nagios"]);
    let all = place.selx(&["run", "daily", "--replay", "run.json", "--format", "nagios"]);
    assert_eq!((&looked.out, looked.code), (&all.out, all.code), "what is not here is skipped again");
    let one = place.selx(&["run", "host-disk", "--replay", "run.json", "--format", "nagios"]);
    assert!(one.out.contains("used /") && !one.out.contains("host-memory"), "{one:#?}");
    let check = place.selx(&["check", "host-disk", "--replay", "run.json", "--format", "nagios"]);
    assert_eq!(check.out, one.out);
    place.selx(&["run", "host-dsk", "--replay", "run.json"]).code(3).complains(&["`host-dsk`", "host-disk.local"]);
    place.put(
        "other.toml",
        "[check.host-disk.local]\nlimits.used.warning = '0%'\nlimits.used.critical = '100%'\n[check.host-disk.gone]\n",
    );
    let other = ["run", "daily", "--replay", "run.json", "--config", "other.toml"];
    place.selx(&other).says(&["above the warning limit of 0%", "nothing of that name: host-disk.gone"]);
    let limits = ["check", "host-disk", "--replay", "run.json", "--warning", "1%"];
    place.selx(&limits).code(3).complains(&["--replay", "--config"]);
}
