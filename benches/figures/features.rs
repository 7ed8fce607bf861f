//! What each cargo feature of `selx-checks` costs to build.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::process::of_this_package;
use crate::scratch::Scratch;

const SETS: [&str; 14] = [
    "",
    "host",
    "command",
    "backup",
    "tls",
    "http",
    "docker",
    "history",
    "logs",
    "postgres",
    "prometheus",
    "redis",
    "celery",
    "default",
];

/// Builds each set in a folder of its own, one after the other, and prints the table as it grows.
pub(crate) fn print() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    println!("| features of `selx-checks` | crates | processor time | wall time |\n|---|--:|--:|--:|");
    for set in SETS {
        let scratch = Scratch::new("build");
        let (begun, before) = (Instant::now(), children_seconds());
        let mut build = Command::new(&cargo);
        for name in of_this_package() {
            build.env_remove(name);
        }
        let built = build
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args([
                "build",
                "--release",
                "-p",
                "selx-checks",
                "--no-default-features",
                "--features",
                set,
                "--target-dir",
            ])
            .arg(scratch.path())
            // Settings of one machine must not decide.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_TARGET_DIR")
            .stdin(Stdio::null())
            .output()
            .expect("cargo starts");
        let told = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "the features `{set}` do not build:\n{told}");
        let crates: BTreeSet<&str> =
            told.lines().filter_map(|line| line.trim_start().strip_prefix("Compiling ")).collect();
        let name = match set {
            "" => "none",
            "default" => "all",
            set => set,
        };
        println!(
            "| {name} | {} | {:.0} s | {:.0} s |",
            crates.len(),
            children_seconds() - before,
            begun.elapsed().as_secs_f64()
        );
    }
}

/// Returns the processor time of all children that have ended, in seconds.
fn children_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc is mounted");
    let (_, fields) = stat.rsplit_once(") ").expect("the form of /proc/self/stat");
    let ticks: f64 = fields.split(' ').skip(13).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    // A hundred ticks a second is what Linux tells programs on every architecture that selx is built for.
    ticks / 100.0
}
