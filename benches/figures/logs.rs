//! Logs searched for patterns, beside the programs that people search logs with.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::process::{in_turn, once, timed};
use crate::scratch::{Scratch, next};
use crate::{Row, program};

/// How many megabytes of logs there are, in eight files; `SELX_FIGURES_LOGS_MB` sets another number.
const MB: usize = 2_000;
/// How often each program runs.
const RUNS: usize = 7;
/// What is searched for.
const WORDS: &str = "CRITICAL|FATAL";
/// The same for a dozen of texts.
const DOZEN: &str = "Failed password for|Invalid user|authentication failure|not allowed because|no pg_hba\\.conf entry|\
    Access denied for user|password mismatch|was not found in|Login failed|incorrect password|Unauthorized|CRITICAL";
/// How many threads both use.
const THREADS: usize = 2;
/// How long the logs go back, in days.
const DAYS: u64 = 30;

pub(crate) fn rows(selx: &Path) -> Vec<Row> {
    let mb = std::env::var("SELX_FIGURES_LOGS_MB").ok().and_then(|text| text.parse().ok()).unwrap_or(MB);
    let scratch = Scratch::new("logs");
    let rg = program("rg", "ripgrep");
    make(&scratch, mb);
    let pattern = "patterns = { crit = { text = ['CRITICAL', 'FATAL'] } }, shapes = false, zone = 'UTC'";
    let file = |name: &str, paths: &str, more: &str| {
        let text = format!(
            "[runner]\ntimeout = '5m'\n[check.logs-patterns.it]\nwith = {{ paths = ['{paths}'], {pattern}, {more} }}\n"
        );
        scratch.write(name, &text)
    };
    let folder = scratch.path().display().to_string();
    let whole = file("whole.toml", &format!("{folder}/*.log"), "window = '3000d'");
    let day = file("day.toml", &format!("{folder}/*.log"), "window = '24h'");
    let packed = file("packed.toml", &format!("{folder}/packed/*.log"), "window = '3000d'");
    let dozen = {
        let with = format!("paths = ['{folder}/*.log'], shapes = false, zone = 'UTC', window = '3000d'");
        let text =
            format!("[check.logs-patterns.it]\nwith = {{ {with}, patterns = {{ it = {{ regex = ['{DOZEN}'] }} }} }}\n");
        scratch.write("dozen.toml", &format!("[runner]\ntimeout = '5m'\n{text}"))
    };
    let new = file("new.toml", &format!("{folder}/*.log"), "window = 'since-last'");
    // Each has a memory of its own: another window is another question, which begins anew.
    let run = |config: &str| {
        let state = format!("{config}.state");
        once(selx, &["run", "daily", "--config", config, "--state-dir", &state], 0..=0)
    };
    let threads = format!("-j{THREADS}");
    let gz = format!("{folder}/packed");
    let search = |words: &str, arguments: &[&str]| {
        let mut command = Command::new(&rg);
        // What is counted goes to a pipe: to a device that loses it, a search ends at its first line.
        timed(command.args(arguments).arg(&threads).args(["-c", "-e", words]), 0..=0)
    };
    let plain = ["--glob", "*.log", &folder, "--max-depth", "1"];
    let pair = |left: &dyn Fn() -> f64, right: &dyn Fn() -> f64| {
        // What is measured is the search, not the disk.
        left();
        in_turn(RUNS, left, right)
    };
    let mut rows = Vec::new();
    let what = format!("{mb} MB of logs in memory, two words, whole process");
    let mut row = |what: &str, (ours, theirs): (f64, f64), peer: &str, aim: &str| {
        let figure =
            if ours > theirs { format!("{:.2} ×", ours / theirs) } else { format!("{:.2} × faster", theirs / ours) };
        rows.push(Row {
            what: what.to_owned(),
            selx: format!("{ours:.0} ms"),
            peer: format!("{theirs:.0} ms ({peer})"),
            figure: format!("{figure}; aim {aim}"),
        });
    };
    row(&what, pair(&|| run(&whole), &|| search(WORDS, &plain)), "rg on as many threads", "no slower");
    row(
        &what,
        pair(&|| run(&whole), &|| read(scratch.path())),
        "only reading them, 1 MiB at a time, on as many threads",
        "1.5 × at most",
    );
    row(
        "the same logs, an expression of a dozen texts",
        pair(&|| run(&dozen), &|| search(DOZEN, &plain)),
        "rg on as many threads",
        "no slower",
    );
    row(
        "the same logs, a window of a day at their end",
        pair(&|| run(&day), &|| run(&whole)),
        "the whole of them",
        "only the window is read",
    );
    run(&new);
    row(
        "the same logs, what is new since the last look: nothing",
        pair(&|| run(&new), &|| run(&whole)),
        "the whole of them",
        "only the new bytes are read",
    );
    row(
        &format!("{} MB of logs, ten compressed files", mb / 5),
        pair(&|| run(&packed), &|| search(WORDS, &["-z", &gz])),
        "rg -z on as many threads",
        "0.4 × at most",
    );
    rows
}

/// Reads all files with a loop that does nothing else.
fn read(folder: &Path) -> f64 {
    const PIECE: u64 = 8 << 20;
    let logs = std::fs::read_dir(folder).expect("our folder").flatten().map(|entry| entry.path());
    let files: Vec<(File, u64)> = logs
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .map(|path| {
            let file = File::open(path).expect("our file");
            let length = file.metadata().expect("its length").len();
            (file, length)
        })
        .collect();
    let pieces: Vec<(&File, u64)> = files
        .iter()
        .flat_map(|(file, length)| (0..length.div_ceil(PIECE)).map(move |piece| (file, piece * PIECE)))
        .collect();
    let next = AtomicU64::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut buffer = vec![0_u8; 1 << 20];
                while let Some((file, begin)) = pieces.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    for at in 0..PIECE / (1 << 20) {
                        if file.read_at(&mut buffer, begin + (at << 20)).expect("it can be read") == 0 {
                            break;
                        }
                    }
                }
            });
        }
    });
    began.elapsed().as_secs_f64() * 1e3
}

/// Makes eight logs of thirty days that end now, and ten compressed ones.
fn make(scratch: &Scratch, mb: usize) {
    let now = jiff::Timestamp::now().as_second() as u64;
    let mut state = 88_172_645_463_325_252;
    let size = mb * 1_000_000 / 8;
    for index in 0..8 {
        let text = log(&mut state, size, now);
        scratch.write(&format!("app{index}.log"), &text);
    }
    std::fs::create_dir(scratch.path().join("packed")).expect("a folder of our own");
    for index in 1..=10 {
        let path = scratch.write(&format!("packed/app.log.{index}"), &log(&mut state, mb * 1_000_000 / 50, now));
        timed(Command::new(program("gzip", "gzip")).args(["-1", &path]), 0..=0);
    }
}

fn log(state: &mut u64, size: usize, now: u64) -> String {
    let begin = now - DAYS * 86_400;
    let mut text = String::with_capacity(size + 300);
    while text.len() < size {
        // As much in an hour as in any other.
        let second = begin + DAYS * 86_400 * text.len() as u64 / size as u64;
        let at = jiff::Timestamp::from_second(second as i64).expect("a time").strftime("%Y-%m-%d %H:%M:%S");
        let (one, other) = (next(state), next(state));
        let level = match one % 90_000 {
            0 => "CRITICAL",
            1..30_000 => "INFO",
            30_000..60_000 => "DEBUG",
            _ => "WARNING",
        };
        let _ = writeln!(
            text,
            "{at},{:03} [{level}] api.views: GET /api/v1/tasks/{} user={} took {}.{}ms status=200 request={other:016x}{:016x}",
            one % 1000,
            one >> 20 & 0xF_FFFF,
            one >> 40 & 0xFFF,
            other % 300,
            other % 10,
            one ^ other
        );
    }
    text
}
