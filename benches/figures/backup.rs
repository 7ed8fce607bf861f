//! A backup read whole, beside the programs that people test archives with.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::{once, timed};
use crate::scratch::{Scratch, next};
use crate::{Row, median, program};

/// The size of the archive before it is packed; `SELX_FIGURES_BACKUP_MIB` sets another one.
const MIB: usize = 700;
/// How often each program runs.
const RUNS: usize = 5;

pub(crate) fn rows(selx: &Path) -> Vec<Row> {
    let mib = std::env::var("SELX_FIGURES_BACKUP_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(MIB);
    let scratch = Scratch::new("backup");
    let archive = make(&scratch, mib);
    let path = archive.display().to_string();
    let size = std::fs::metadata(&archive).expect("the archive").len();
    let what = format!("a backup of {:.0} MB, {mib} MiB unpacked, read whole", size as f64 / 1e6);
    let state = scratch.path().join("state").display().to_string();
    let check = ["check", "backup-archive", "--path", &path, "--timeout", "10m", "--state-dir", &state];
    let peers: [(&str, &str, &[&str], &str); 4] = [
        ("igzip", "isal", &["-t", &path], "igzip -t, which sees no tar"),
        ("pigz", "pigz", &["-t", &path], "pigz -t, the same"),
        ("gzip", "gzip", &["-t", &path], "gzip -t, the same"),
        ("tar", "tar", &["-tzf", &path], "tar -tzf, the line of a guide"),
    ];
    let programs: Vec<PathBuf> = peers.iter().map(|(name, package, ..)| program(name, package)).collect();
    // In turn, so that all meet the same noise; the first round only brings the archive into memory.
    let mut times = vec![Vec::new(); peers.len() + 1];
    for round in 0..=RUNS {
        let mut took = vec![once(selx, &check, 0..=0)];
        took.extend(programs.iter().zip(&peers).map(|(program, (_, _, arguments, _))| once(program, arguments, 0..=0)));
        if round > 0 {
            times.iter_mut().zip(took).for_each(|(times, took)| times.push(took));
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    let ours = medians.first().copied().expect("our own time");
    let aims = ["; aim 1.15 × at most", "", "", ""];
    let lines = peers.iter().zip(medians.iter().skip(1)).zip(aims);
    lines
        .map(|(((_, _, _, words), theirs), aim)| Row {
            what: what.clone(),
            selx: format!("{:.2} s", ours / 1e3),
            peer: format!("{:.2} s ({words})", theirs / 1e3),
            figure: if ours > *theirs {
                format!("{:.2} ×{aim}", ours / theirs)
            } else {
                format!("{:.2} × faster{aim}", theirs / ours)
            },
        })
        .collect()
}

/// Makes an archive such as a guide's script makes: a dump, some settings, logs; packed by `gzip`.
fn make(scratch: &Scratch, mib: usize) -> PathBuf {
    let path = scratch.path().join("shop_20261126_020000.tar.gz");
    let file = std::fs::File::create(&path).expect("a file in our own folder");
    let mut gzip = Command::new(program("gzip", "gzip"));
    let mut gzip = gzip.arg("-nc").stdin(Stdio::piped()).stdout(file).spawn().expect("gzip starts");
    let mut input = gzip.stdin.take().expect("its input");
    let mut state = 88_172_645_463_325_252;
    let total = mib << 20;
    let mut member = |name: &str, text: &str| {
        let blank = text.len().next_multiple_of(512) - text.len();
        for part in [&header(name, text.len()), text.as_bytes(), &vec![0; blank]] {
            input.write_all(part).expect("gzip reads");
        }
    };
    for index in 0..40 {
        let lines = (0..200).map(|key| format!("key_{key} = \"value {} of {index}\"\n", next(&mut state) % 1000));
        member(&format!("config/app{index}.toml"), &lines.collect::<String>());
    }
    member("shop.sql", &dump(&mut state, total / 10 * 7));
    for index in 0..3 {
        member(&format!("logs/app{index}.log"), &log(&mut state, total / 10));
    }
    input.write_all(&[0; 10_240]).expect("gzip reads");
    drop(input);
    assert!(gzip.wait().expect("gzip ends").success(), "gzip failed");
    let mut chmod = Command::new(program("chmod", "coreutils"));
    timed(chmod.arg("600").arg(&path), 0..=0);
    path
}

fn dump(state: &mut u64, size: usize) -> String {
    let mut text = "--\n-- PostgreSQL database dump\n--\n\nCOPY public.orders FROM stdin;\n".to_owned();
    for id in 0.. {
        if text.len() >= size {
            break;
        }
        let (x, y, z) = (next(state), next(state), next(state));
        let how = ["paid", "open", "cancelled", "shipped"].get((z % 4) as usize).copied().unwrap_or_default();
        let _ = writeln!(
            text,
            "{id}\t{x:016x}-{y:016x}\t2026-{:02}-{:02} {:02}:{:02}:{:02}.{:06}+00\t{how}\t{}.{:02}\tuser{}@example.org",
            z % 12 + 1,
            (z >> 8) % 28 + 1,
            (z >> 16) % 24,
            (z >> 24) % 60,
            (z >> 32) % 60,
            (z >> 40) % 1_000_000,
            (z >> 20) % 1000,
            z % 100,
            (z >> 30) % 5000
        );
    }
    text + "\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n"
}

fn log(state: &mut u64, size: usize) -> String {
    let mut text = String::new();
    while text.len() < size {
        let z = next(state);
        let _ = writeln!(
            text,
            "2026-11-{:02}T{:02}:{:02}:{:02}.{:03}Z INFO api request id={:016x} GET /api/v1/orders/{} 200 {}ms worker={}",
            z % 28 + 1,
            (z >> 5) % 24,
            (z >> 10) % 60,
            (z >> 16) % 60,
            (z >> 22) % 1000,
            next(state),
            (z >> 30) % 100_000,
            (z >> 40) % 900,
            z % 8
        );
    }
    text
}

/// A header of tar for a file that was changed in the night.
fn header(name: &str, size: usize) -> Vec<u8> {
    let night = jiff::Timestamp::now().as_second() - 6 * 3600;
    let mut fields = vec![0_u8; 512];
    let mut put = |at: usize, text: &str| {
        fields.iter_mut().skip(at).zip(text.bytes()).for_each(|(field, byte)| *field = byte);
    };
    put(0, name);
    put(100, "0000600");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    put(136, &format!("{night:011o}"));
    put(148, "        0");
    put(257, "ustar  ");
    let sum: u32 = fields.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    fields.iter_mut().skip(148).zip(sum.bytes()).for_each(|(field, byte)| *field = byte);
    fields
}
