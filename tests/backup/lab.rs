//! Making archives with the real programs, and looking at them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Timespec, Timestamps};
use selx_checks::backup::archive::{Archive, BackupArchive, Config, Facts};
use selx_core::report::Entry;
use selx_core::{Check as _, Host, Instance, ManualClock, Runner, Selection, Settings, Severity, Status, Typed};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The time of every look: 26 November 2026, 08:00 UTC.
pub(crate) const NOW: i64 = 1_795_680_000;
pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 86_400;

/// A dump as `pg_dump` writes it.
pub(crate) fn sql(rows: usize) -> String {
    let mut text = "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 15.14\n\
        -- Dumped by pg_dump version 15.14\n\nCREATE TABLE public.orders (id bigint, total numeric);\n\n\
        COPY public.orders (id, total) FROM stdin;\n"
        .to_owned();
    for row in 0..rows {
        text.push_str(&format!("{row}\t{}.{:02}\n", row * 7919 % 9973, row * 31 % 100));
    }
    text + "\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n"
}

/// A folder of backups, and one of what is to be backed up.
pub(crate) struct Lab {
    folder: TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let lab = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(lab.source().join("config")).unwrap();
        fs::create_dir_all(lab.source().join("logs")).unwrap();
        fs::create_dir(lab.backups()).unwrap();
        lab.put("shop.sql", sql(2000).as_bytes());
        lab.put("config/app.toml", b"listen = '0.0.0.0:8000'\nworkers = 4\n");
        lab.put("logs/app.log", "2026-11-26T01:59:59Z INFO request served in 12 ms\n".repeat(400).as_bytes());
        lab
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    pub(crate) fn backups(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.backups().join(name)
    }

    /// Writes a file that is to be backed up, two hours before the look.
    pub(crate) fn put(&self, name: &str, content: &[u8]) {
        let path = self.source().join(name);
        fs::write(&path, content).unwrap();
        age(&path, 2 * HOUR);
    }

    /// Packs what is to be backed up with `tar` and a packer, and returns the bytes.
    pub(crate) fn packed(&self, packer: &str) -> Vec<u8> {
        piped(packer, &self.tar(&[]))
    }

    pub(crate) fn tar(&self, options: &[&str]) -> Vec<u8> {
        let mut tar = program("tar");
        tar.args(options).args(["--sort=name", "-cf", "-", "-C"]).arg(self.source()).arg(".");
        done(tar.output().unwrap())
    }

    /// Writes a backup of its own bytes, so many seconds old, for nobody else to read.
    pub(crate) fn lay(&self, name: &str, bytes: &[u8], seconds: i64) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        age(&path, seconds);
        path
    }

    pub(crate) async fn look(&self) -> Looked {
        self.look_with(json!({})).await
    }

    /// Looks at the folder of backups with more settings.
    pub(crate) async fn look_with(&self, mut with: Value) -> Looked {
        with.as_object_mut().unwrap().entry("path").or_insert_with(|| json!(self.backups()));
        look(with, Duration::from_secs(60)).await
    }
}

/// Sets the time of a file to so many seconds before the look.
pub(crate) fn age(path: &Path, seconds: i64) {
    let time = Timespec { tv_sec: NOW - seconds, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::utimensat(rustix::fs::CWD, path, &times, flags).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test makes archives with the programs that people use")]
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}

pub(crate) fn done(output: Output) -> Vec<u8> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Sends bytes through a program with its arguments.
pub(crate) fn piped(line: &str, bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut words = line.split(' ');
    let mut command = program(words.next().unwrap());
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect(line);
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writing = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success(), "{line}");
    output.stdout
}

/// Returns what the line of the guide says of an archive: the exit code of `tar -tzf`.
pub(crate) fn guide(path: &Path) -> i32 {
    let mut tar = program("tar");
    tar.arg("-tzf").arg(path).stdout(Stdio::null()).stderr(Stdio::null());
    tar.status().unwrap().code().unwrap()
}

/// One look, and what came of it.
pub(crate) struct Looked {
    pub(crate) entry: Entry,
    pub(crate) facts: Facts,
}

pub(crate) async fn look(with: Value, timeout: Duration) -> Looked {
    let config: Config = serde_json::from_value(with).unwrap();
    let check = Arc::new(Typed::new(BackupArchive::new(config)));
    let mut instance = Instance::new(check, "test");
    instance.timeout = Some(timeout);
    let settings = Settings {
        concurrency: 1,
        timeout,
        deadline: Duration::from_secs(120),
        retries: 0,
        retry_delay: Duration::ZERO,
        state: None,
        history: false,
        retention: Duration::from_secs(1),
        action_timeout: Duration::from_secs(60),
    };
    let clock = ManualClock::at(jiff::Timestamp::from_second(NOW).unwrap());
    let runner = Runner::new(settings).clock(Arc::new(clock)).host(Host::default());
    let mut report = runner.run(&Selection { instances: vec![instance], routine: None }).await;
    let entry = report.entries.remove(0);
    let facts = entry.facts.clone().map(|facts| serde_json::from_value(facts).unwrap()).unwrap_or_default();
    Looked { entry, facts }
}

impl Looked {
    /// Returns the codes above info, sorted, each once.
    pub(crate) fn codes(&self) -> Vec<&str> {
        let findings = self.entry.judgement.findings.iter().filter(|finding| finding.severity > Severity::Info);
        let mut codes: Vec<&str> = findings.map(|finding| &*finding.code).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    pub(crate) fn newest(&self) -> &Archive {
        &self.facts.series[0].read[0]
    }

    pub(crate) fn text(&self) -> String {
        let judgement = &self.entry.judgement;
        let mut text = format!("{:?}\n{}\n{}\n", self.entry.status(), self.entry.headline(), judgement.summary);
        for finding in &judgement.findings {
            text.push_str(&format!("{} {} {} {}\n", finding.severity, finding.code, finding.subject, finding.message));
        }
        for evidence in &judgement.evidence {
            text.push_str(&format!("{}: {}\n", evidence.label, evidence.value));
        }
        for fault in &self.entry.faults {
            text.push_str(&format!("fault: {}\n", fault.message));
        }
        text
    }

    /// Asserts the status, exactly these codes, and the words.
    pub(crate) fn expect(&self, status: Status, codes: &[&str], words: &[&str]) -> &Self {
        let text = self.text();
        assert_eq!(self.entry.status(), status, "{text}");
        assert_eq!(self.codes(), codes, "{text}");
        for word in words {
            assert!(text.contains(word), "does not say `{word}`:\n{text}");
        }
        self
    }
}
