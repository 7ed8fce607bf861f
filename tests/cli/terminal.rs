//! A real terminal: colours, width, marks, progress.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::process::{Place, SUITE};

/// Runs a command on a terminal of that width and returns what it showed.
fn on_terminal(command: &mut Command, columns: u16) -> (Option<i32>, String) {
    typing(command, columns, "")
}

/// Does the same while somebody has typed something.
pub(crate) fn typing(command: &mut Command, columns: u16, typed: &str) -> (Option<i32>, String) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs: OwnedFd = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&theirs, size).unwrap();
    let stdio = || Stdio::from(theirs.try_clone().unwrap());
    command.stdin(stdio()).stdout(stdio()).stderr(stdio());
    let mut child = command.spawn().unwrap();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    drop(theirs);
    rustix::io::write(&ours, typed.as_bytes()).unwrap();
    let mut shown = Vec::new();
    // The terminal says EIO when its last user is gone.
    let _ = File::from(ours).read_to_end(&mut shown);
    (child.wait().unwrap().code(), String::from_utf8(shown).unwrap())
}

/// Runs a command on a terminal, and interrupts it once it has shown some words.
pub(crate) fn interrupted(command: &mut Command, columns: u16, words: &str) -> (Option<i32>, String) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs: OwnedFd = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    tcsetwinsize(&theirs, Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let stdio = || Stdio::from(theirs.try_clone().unwrap());
    let mut child = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    drop(theirs);
    let (mut ours, mut shown) = (File::from(ours), Vec::new());
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&shown).contains(words) {
        let count = ours.read(&mut piece).unwrap();
        shown.extend_from_slice(piece.get(..count).unwrap());
    }
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let _ = ours.read_to_end(&mut shown);
    (child.wait().unwrap().code(), String::from_utf8_lossy(&shown).into_owned())
}

fn columns(line: &str) -> usize {
    let mut count = 0;
    let mut escape = false;
    for c in line.chars() {
        match c {
            '\u{1b}' => escape = true,
            'm' | 'K' if escape => escape = false,
            _ if escape => {}
            '\r' => count = 0,
            _ => count += 1,
        }
    }
    count
}

#[test]
fn a_terminal_gets_colours_and_lines_that_fit() {
    let place = Place::with(SUITE);
    for width in [60, 120] {
        for (arguments, code) in [
            (vec!["run", "daily", "weekly"], 2),
            (vec!["check", "host-disk", "--paths", "/", "--warning", "100%", "--critical", "100%"], 0),
            (vec!["explain", "host-disk"], 0),
            (vec!["explain", "exit-codes"], 0),
            (vec!["list"], 0),
        ] {
            let mut command = place.command(&arguments);
            let (ended, shown) = on_terminal(command.env("TERM", "xterm-256color"), width);
            assert_eq!(ended, Some(code), "{shown}");
            assert!(shown.contains("\u{1b}["), "{arguments:?} has no colours: {shown}");
            for line in shown.lines().filter(|line| !line.starts_with("    ")) {
                assert!(columns(line) <= usize::from(width), "{arguments:?} at {width}: {line:?}");
            }
        }
    }
}

#[test]
fn colours_can_be_refused_and_asked_for() {
    let place = Place::with(SUITE);
    let run = ["run", "daily", "weekly"];
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let (_, shown) = on_terminal(place.command(&run).env(name, value), 80);
        assert!(!shown.contains('\u{1b}'), "{name}: {shown:?}");
    }
    let mut never = place.command(&run);
    let (_, shown) = on_terminal(never.args(["--color", "never"]).env("CLICOLOR_FORCE", "1"), 80);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    // Not a terminal: no escapes, unless somebody asks for them.
    assert!(!place.selx(&run).out.contains('\u{1b}'));
    assert!(place.selx(&["run", "daily", "--color", "always"]).out.contains('\u{1b}'));
    let forced = super::process::Ran::of(place.command(&run).env("CLICOLOR_FORCE", "1"));
    assert!(forced.out.contains('\u{1b}'));
}

#[test]
fn the_locale_decides_about_marks() {
    let place = Place::with(SUITE);
    let utf8 = place.selx(&["run", "daily", "weekly"]);
    assert!(!utf8.out.is_ascii(), "{utf8:#?}");
    for (name, value) in [("LC_ALL", "C"), ("LANG", "C"), ("LANG", "")] {
        let plain = super::process::Ran::of(place.command(&["run", "daily", "weekly"]).env(name, value));
        assert!(plain.out.is_ascii(), "{name}={value}: {plain:#?}");
    }
}

#[test]
fn a_long_run_says_what_it_waits_for_and_cleans_up() {
    let place = Place::with(
        "[check.command.slow]\nretries = 0\nwith = { program = \"/usr/bin/sleep\", args = [\"1.2\"], format = \"exit-code\" }\n",
    );
    let (code, shown) = on_terminal(place.command(&["run", "slow", "--no-history"]).env("TERM", "xterm"), 80);
    assert_eq!(code, Some(0), "{shown:?}");
    assert!(shown.contains("0 of 1 · waiting for command.slow"), "{shown:?}");
    let report = shown.rfind("\r\u{1b}[K").map(|at| &shown[at + 4..]).unwrap();
    assert!(!report.contains("waiting for"), "{report:?}");
    // Without a terminal there is nothing of it.
    let ran = place.selx(&["run", "slow", "--no-history"]).code(0);
    assert_eq!(ran.err, "");
    // Nor where it is not wanted.
    let (_, shown) = on_terminal(place.command(&["run", "slow", "--no-history", "--quiet"]).env("TERM", "xterm"), 80);
    assert_eq!(shown, "");
}
