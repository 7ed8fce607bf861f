//! Actions as an operator and cron meet them: shown, confirmed, done, stopped, recovered; the world looked at by other means.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use selx_core::Clock as _;

use super::process::{Place, Ran, binary, mode};
use super::terminal::{interrupted, typing};

/// Logs that are old on a file system of their own, whose times of change are set in its image: a running system cannot.
struct Logs {
    place: Place,
    /// Holds the table of mounts that nobody else sees.
    holder: Child,
}

const IMAGE: &str = "logs.img";
const OLD: [&str; 4] = ["app.log.1", "app.log.2", "app.log.3", "deep/app.log.9"];

impl Logs {
    fn new(action: &str) -> Self {
        let place = Place::empty();
        let source = place.path().join("source");
        std::fs::create_dir_all(source.join("shop/deep")).unwrap();
        for name in OLD.iter().chain(&["app.log", "deep/app.log", "notes.txt"]) {
            std::fs::write(source.join("shop").join(name), [b'x'; 5000]).unwrap();
        }
        let image = place.path().join(IMAGE);
        std::fs::File::create(&image).unwrap().set_len(16 << 20).unwrap();
        fine(Command::new("/sbin/mke2fs").args(["-q", "-t", "ext4", "-I", "256", "-d"]).arg(&source).arg(&image));
        let times = ["atime", "mtime", "ctime", "crtime"];
        let old =
            OLD.iter().flat_map(|name| times.map(|time| format!("set_inode_field /shop/{name} {time} 20260101\n")));
        let commands = place.put("times", &old.collect::<String>());
        fine(Command::new("/sbin/debugfs").args(["-w", "-f"]).arg(commands).arg(&image));
        std::fs::create_dir(place.path().join("mnt")).unwrap();
        mode(&place.path().join("mnt"), 0o755);
        let folder = place.path().canonicalize().unwrap().join("mnt/shop");
        place.put("selx.toml", &action.replace("FOLDER", folder.to_str().unwrap()));
        let line = format!("mount -o loop {IMAGE} mnt && echo mounted && exec sleep 3600");
        let mut holder = Command::new("/usr/bin/unshare")
            .args(["-m", "--propagation", "private", "/bin/bash", "-c", &line])
            .current_dir(place.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare is there");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "mounted\n", "this test needs the right to mount (root)");
        Self { place, holder }
    }

    /// Prepares a program in the place where the logs are.
    fn inside(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new("/usr/bin/nsenter");
        command.arg("-m").arg(format!("-t{}", self.holder.id())).arg(format!("-w{}", self.place.path().display()));
        command.arg(program).args(arguments).env_clear();
        for (name, value) in self.place.command(&[]).get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
    }

    /// Prepares the program in the place where the logs are.
    fn command(&self, arguments: &[&str]) -> Command {
        self.inside(binary(), arguments)
    }

    fn selx(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// Returns the old logs that are there.
    fn old(&self) -> Vec<&str> {
        let shop = self.place.path().join("mnt/shop").display().to_string();
        let found = self.inside("/usr/bin/find", &[&shop, "-type", "f"]).output().expect("find is there");
        let found = String::from_utf8(found.stdout).unwrap();
        OLD.iter().copied().filter(|name| found.lines().any(|line| line == format!("{shop}/{name}"))).collect()
    }

    /// Returns the hash of the plan of now.
    fn hash(&self) -> String {
        let ran = self.selx(&["act", "shop", "--format", "json"]).code(10);
        let told: serde_json::Value = serde_json::from_str(&ran.out).expect("it is JSON");
        told.get("confirm").and_then(|hash| hash.as_str()).expect("it has a hash").to_owned()
    }

    fn saved(&self) -> PathBuf {
        let path = self.place.path().join("plan.json");
        self.selx(&["act", "shop", "--save", "plan.json"]).code(10);
        path
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn fine(command: &mut Command) {
    let out = command.output().expect("the program is there");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

const BY_HAND: &str = "[action.logs-clean.shop]\nwith = { path = 'FOLDER', older-than = '30d', max-share = '100%' }\n";
const PERMITTED: &str = "[action.logs-clean.shop]\npermit = { risk = 'destructive' }\n\
                         with = { path = 'FOLDER', older-than = '30d', max-share = '100%' }\n";

#[test]
fn w18_a_plan_is_shown_and_the_same_plan_is_done() {
    let logs = Logs::new(BY_HAND);
    let shown = logs.selx(&["act", "shop"]).code(10);
    let shown =
        shown.says(&["delete ", "mnt/shop/app.log.1", "4 steps, destructive", "Nothing has been changed", "stays"]);
    assert_eq!(logs.old(), OLD, "{shown:?}");
    assert_eq!(shown.err, "");
    let hash = logs.hash();
    logs.selx(&["act", "shop", "--apply", "0000-0000"]).code(13).says(&[&hash, "nothing changed"]);
    assert_eq!(logs.old(), OLD);
    let done = logs.selx(&["act", "shop", "--apply", &hash]).code(0);
    done.says(&["logs-clean.shop done: 4 steps done", "free before", "more", "run 2"]);
    assert_eq!(logs.old(), [""; 0]);
    // Once more there is nothing to do, and the same hash is that of another plan.
    logs.selx(&["act", "shop"]).code(0).says(&["nothing to do"]);
    logs.selx(&["act", "shop", "--apply", &hash]).code(13);
    logs.selx(&["recover"]).code(0).says(&["every run came to its end"]);
}

#[test]
fn w18_a_saved_plan_is_applied_once_and_only_here() {
    let logs = Logs::new(BY_HAND);
    let path = logs.saved();
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        logs.selx(&["act", "--plan", "plan.json"])
    };
    changed("\"format\":1", "\"format\":2").code(15).complains(&["form 2"]);
    changed("\"older-than\":\"30d\"", "\"older-than\":\"3d\"").code(15).says(&["settings of the action have changed"]);
    changed("\"id\":\"", "\"id\":\"f").code(15).says(&["made on the machine"]);
    changed("\"secs\":", "\"secs\":9").code(15).says(&["older than 15m"]);
    changed("logs-clean.shop", "logs-clean.shops").code(64).complains(&["is `logs-clean.shop` meant?"]);
    changed("{", "").code(64).complains(&["is no plan"]);
    // Whether it can be taken back, and how much harm it does, are part of what is confirmed.
    changed("\"impossible\":\"a deleted", "\"possible\":\"a deleted").code(15).says(&["4 have changed"]);
    changed("\"risk\":\"destructive\"", "\"risk\":\"safe\"").code(15).says(&["4 have changed"]);
    // What else a plan says of a step is taken from the plan of now.
    changed("a deleted file is gone", "no harm").code(0);
    let journal = logs.inside("/usr/bin/grep", &["-r", "no harm", "state"]).output().unwrap();
    assert!(journal.stdout.is_empty(), "{}", String::from_utf8_lossy(&journal.stdout));
    let logs = Logs::new(BY_HAND);
    let path = logs.saved();
    let text = std::fs::read_to_string(&path).unwrap();
    mode(&path, 0o666);
    logs.selx(&["act", "--plan", "plan.json"]).code(64).complains(&["others own or may write to"]);
    mode(&path, 0o600);
    std::fs::remove_file(&path).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).unwrap();
    logs.selx(&["act", "--plan", "plan.json"]).code(64).complains(&["is no file"]);
    std::fs::remove_file(&path).unwrap();
    // A file of somebody is not written over; a plan is.
    logs.selx(&["act", "shop", "--save", "selx.toml"]).code(64).complains(&["is no plan of selx"]);
    logs.selx(&["act", "shop", "--save", "plan.json"]).code(10).says(&["Saved in `plan.json`, good for 15m"]);
    logs.selx(&["act", "shop", "--save", "plan.json"]).code(10);
    assert_eq!(logs.old(), OLD);
    std::fs::write(&path, &text).unwrap();
    logs.selx(&["act", "--plan", "plan.json"]).code(0).says(&["4 steps done"]);
    assert_eq!(logs.old(), [""; 0]);
    logs.selx(&["act", "--plan", "plan.json"]).code(15).says(&["nothing changed"]);
}

#[test]
fn n1_from_cron_only_what_the_file_permits_is_done() {
    let cron = |logs: &Logs, umask: &str| {
        let folder = logs.place.path().display().to_string();
        let line = format!("cd / && umask {umask} && exec \"$@\"");
        // What cron gives: no locale, no terminal, hardly a path.
        let mut command = logs.inside(
            "/usr/bin/env",
            &[
                "-i",
                "PATH=/usr/bin:/bin",
                "SHELL=/bin/sh",
                "LOGNAME=root",
                "HOME=/root",
                "/bin/bash",
                "-c",
                &line,
                "bash",
            ],
        );
        command.arg(binary()).args(["act", "shop", "--permitted", "--state-dir", &format!("{folder}/state")]);
        Ran::of(command.args(["--config", &format!("{folder}/selx.toml")]))
    };
    let by_hand = Logs::new(BY_HAND);
    let ran = cron(&by_hand, "022").code(13).says(&["permits `logs-clean.shop` nothing by itself", "permit = {"]);
    assert!(ran.out.is_ascii() && !ran.out.contains('\u{1b}'), "{ran:?}");
    assert_eq!(by_hand.old(), OLD);
    for (permit, why) in [
        ("risk = 'safe'", "a step is destructive, and the policy permits what is safe at most"),
        ("risk = 'destructive', max-steps = 3", "4 steps, and the policy permits 3"),
        ("risk = 'destructive', max-bytes = '10KiB'", "would be freed, and the policy permits 10 KiB"),
    ] {
        let logs = Logs::new(&PERMITTED.replace("risk = 'destructive'", permit));
        cron(&logs, "022").code(13).says(&[why]);
        assert_eq!(logs.old(), OLD, "{permit}");
    }
    for umask in ["000", "077"] {
        let logs = Logs::new(PERMITTED);
        cron(&logs, umask).code(0).says(&["4 steps done"]);
        assert_eq!(logs.old(), [""; 0]);
    }
}

#[test]
fn a_window_that_is_closed_keeps_everything() {
    // An hour that is half a day away, whatever the time is.
    let now = jiff::tz::TimeZone::system().to_datetime(selx_core::SystemClock.now());
    let window = format!("{:02}:00-{:02}:00", (now.hour() + 11) % 24, (now.hour() + 12) % 24);
    let logs =
        Logs::new(&PERMITTED.replace("risk = 'destructive'", &format!("risk = 'destructive', window = '{window}'")));
    logs.selx(&["act", "shop", "--permitted"]).code(13).says(&["the window", "is closed"]);
    // A zone that is not there is not UTC.
    let mut elsewhere = logs.command(&["act", "shop", "--permitted"]);
    Ran::of(elsewhere.env("TZ", "Mars/Olympus")).code(13).says(&["the zone of this machine", "not known", "TZ"]);
    assert_eq!(logs.old(), OLD);
}

#[test]
fn what_was_stopped_does_nothing_until_it_is_started() {
    let logs = Logs::new(PERMITTED);
    logs.selx(&["stop", "the", "database", "moves"]).code(0);
    let ran = logs.selx(&["act", "shop", "--permitted"]).code(12);
    ran.says(&["root stopped all actions", "the database moves", "`selx start` allows them again"]);
    assert_eq!(logs.old(), OLD);
    // Looking is allowed.
    logs.selx(&["act", "shop"]).code(10).says(&["All actions are stopped (by root at"]);
    logs.selx(&["doctor"]).code(1).says(&["they were stopped by root at", "the database moves"]);
    logs.selx(&["stop"]).code(0).says(&["stopped already", "the database moves"]);
    logs.selx(&["start"]).code(0).says(&["the database moves"]);
    logs.selx(&["start"]).code(0).says(&["were not stopped"]);
    logs.selx(&["act", "shop", "--permitted"]).code(0);
    assert_eq!(logs.old(), [""; 0]);
}

#[test]
fn on_a_terminal_it_asks_for_the_hash() {
    let logs = Logs::new(BY_HAND);
    let hash = logs.hash();
    for no in ["\n", "y\n", "yes\n", "0000-0000\n", &format!("{}\n", &hash[..4])] {
        let (code, shown) = typing(logs.command(&["act", "shop"]).env("TERM", "xterm"), 100, no);
        assert_eq!(code, Some(10), "{no:?}: {shown}");
        assert!(shown.contains(&format!("Type {hash} to do it")) && shown.contains("nothing was changed"), "{shown}");
        assert_eq!(logs.old(), OLD, "{no:?}");
    }
    // An interrupt is an answer, too.
    let mut child = logs.command(&["act", "shop"]);
    let (code, shown) = interrupted(child.env("TERM", "xterm"), 100, "Type ");
    assert!(code == Some(10) && shown.contains("nothing was changed"), "{code:?}: {shown}");
    assert_eq!(logs.old(), OLD);
    let (code, shown) = typing(logs.command(&["act", "shop"]).env("TERM", "xterm"), 60, &format!("{hash}\n"));
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("4 steps done") && shown.contains("\u{1b}["), "{shown}");
    assert_eq!(logs.old(), [""; 0]);
}

#[test]
fn l1_a_run_that_was_killed_is_listed_kept_and_recovered() {
    let logs = Logs::new(PERMITTED);
    let inject = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=unlinkat", "--inject=unlinkat:signal=KILL:when=2"];
    let mut killed = logs.inside("/usr/bin/strace", &inject);
    killed.arg(binary()).args(["act", "shop", "--permitted"]);
    drop(killed.output().expect("strace is there"));
    let left = logs.old().len();
    assert!((1..OLD.len()).contains(&left), "{left} are left");

    let listed = logs.selx(&["recover"]).code(14).says(&["logs-clean.shop", "steps done", "selx recover RUN"]);
    let run = listed.out.split_whitespace().next().unwrap().to_owned();
    logs.selx(&["act", "shop"]).code(10).says(&["Not yet: the run", &run, "selx recover"]);
    logs.selx(&["act", "shop", "--permitted"]).code(14).says(&[&run, "did not come to its end"]);
    logs.selx(&["doctor"]).code(1).says(&[&run, "selx recover"]);
    logs.selx(&["recover", "20200101T000000Z-00000000"]).code(64).complains(&["no run"]);
    logs.selx(&["recover", &run]).code(4).says(&["logs-clean.shop"]);
    logs.selx(&["recover"]).code(0);
    logs.selx(&["act", "shop", "--permitted"]).code(0);
    assert_eq!(logs.old(), [""; 0]);
}

#[test]
fn m1_a_run_that_is_at_work_has_the_lock_and_is_not_to_be_recovered() {
    let logs = Logs::new(PERMITTED);
    // It stands still in the middle.
    let mut first = logs.inside("/usr/bin/strace", &["-f", "-qq", "-o", "/dev/null", "-e", "trace=unlinkat"]);
    first.arg("--inject=unlinkat:delay_enter=3000000:when=2").arg(binary()).args(["act", "shop", "--permitted"]);
    let mut first = first.stdout(Stdio::null()).spawn().expect("strace is there");
    while logs.old().len() == OLD.len() {
        assert!(first.try_wait().unwrap().is_none(), "it has ended");
    }
    logs.selx(&["act", "shop", "--permitted"]).code(11).says(&["is held by `logs-clean.shop`"]);
    logs.selx(&["recover"]).code(0).says(&["every run came to its end"]);
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!(logs.old(), [""; 0]);
}

#[test]
fn a_wrong_command_line_or_file_has_a_code_that_is_no_look() {
    let place = Place::empty();
    place.selx(&["act"]).code(64).complains(&["NAME"]);
    place.selx(&["act", "shop"]).code(78).complains(&["there is no configuration file", "selx explain logs-clean"]);
    place.selx(&["act", "shop", "--apply", "7f3a"]).code(64).complains(&["8 digits"]);
    place.selx(&["act", "shop", "--aply", "x"]).code(64).complains(&["--aply", "is `--apply` meant?"]);
    place.selx(&["recover", "--as-it-is"]).code(64);
    place.put("selx.toml", "[action.logs-clen.shop]\nwith = {}\n[check.logs-clean.x]\n[action.host-disk.y]\n");
    let ran = place.selx(&["act", "shop"]).code(78);
    ran.complains(&[
        "selx.toml:1:9",
        "is `logs-clean` meant?",
        "`logs-clean` is a kind of action, not of check",
        "write `[action.logs-clean.NAME]`",
        "write `[check.host-disk.NAME]`",
    ]);
    place.put(
        "selx.toml",
        "[action.logs-clean.shop]\npermit = { risk = 'harmless', windw = '1' }\nolder-than = '3d'\nwith = { path = 'x' }\n",
    );
    let ran = place.selx(&["validate"]).code(3);
    ran.complains(&[
        "selx.toml:2:",
        "`safe`, `disruptive`",
        "is `window` meant?",
        "write `with = { older-than",
        "`older-than` is missing",
        "not an absolute path",
    ]);
    place.put("selx.toml", "[action.logs-clean.shop]\nwith = { path = '/var/log/shop', older-than = '30d' }\n");
    mode(&place.path().join("selx.toml"), 0o666);
    place.selx(&["act", "shop"]).code(78).complains(&["selx.toml"]);
}

#[test]
fn a_plan_is_made_without_the_right_to_write() {
    let logs = Logs::new(BY_HAND);
    let trace = logs.place.path().join("trace");
    let calls = "trace=landlock_restrict_self,unlinkat,renameat2,mkdirat,openat,openat2";
    let mut traced = logs.inside("/usr/bin/strace", &["-f", "-qq", "-e", calls, "-o", trace.to_str().unwrap()]);
    traced.arg(binary()).args(["act", "shop"]);
    drop(traced.output().expect("strace is there"));
    let calls = std::fs::read_to_string(&trace).unwrap();
    assert!(calls.contains("landlock_restrict_self") && calls.contains("= 0"), "{calls}");
    let writes =
        calls.lines().filter(|call| call.contains("O_WRONLY") || call.contains("O_RDWR") || call.contains("O_CREAT"));
    let writes: Vec<&str> = writes.filter(|call| !call.contains("/dev/")).collect();
    assert_eq!(writes, [""; 0]);
    assert!(!logs.place.path().join("state").exists(), "not even a folder of ours is made");
}
