//! The figures of `benches/README.md`, measured in one run beside what people use today.
//!
//! ```sh
//! cargo bench --bench figures              # everything but the next one
//! cargo bench --bench figures -- features  # what each cargo feature costs to build; takes long
//! ```
//!
//! It builds the release binary, starts what it needs on loopback, runs selx and its peers in turn, and prints one table.
//! Absolute times depend on the machine; the ratios are what is to be quoted. It ends and removes only what it made.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measurement that cannot be taken ends with a reason; it starts the programs that it measures, waits for \
              them in real time, removes its own folder, and prints a table"
)]

mod actions;
mod backup;
mod embed;
mod engine;
mod features;
mod logs;
mod process;
mod scratch;
mod server;
mod stack;
mod tls;
mod wire;

use std::cell::LazyCell;
use std::path::PathBuf;

/// One line of the table.
pub(crate) struct Row {
    /// What is measured.
    pub(crate) what: String,
    /// What selx took.
    pub(crate) selx: String,
    /// What the peer took, and its name.
    pub(crate) peer: String,
    /// The figure that counts, and the aim.
    pub(crate) figure: String,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = |word: &str| arguments.iter().any(|argument| argument == word);
    if let [word, address, password, ..] = arguments.as_slice()
        && word == wire::WORD
    {
        wire::exchange(address, password);
        return;
    }
    // `cargo test --benches` runs this too, with other arguments; it measures only when it is asked to.
    if !asked("--bench") {
        println!("measures only under `cargo bench`");
        return;
    }
    if asked("features") {
        features::print();
        return;
    }
    let selx = LazyCell::new(process::release_binary);
    let groups: [(&str, &dyn Fn() -> Vec<Row>); 8] = [
        ("embed", &embed::rows),
        ("engine", &engine::rows),
        ("process", &|| process::rows(&selx)),
        ("tls", &|| tls::rows(&selx)),
        ("logs", &|| logs::rows(&selx)),
        ("backup", &|| backup::rows(&selx)),
        ("actions", &|| actions::rows(&selx)),
        ("stack", &|| stack::rows(&selx)),
    ];
    // A word after `--` chooses a part.
    let chosen: Vec<_> = groups.iter().filter(|(name, _)| asked(name)).collect();
    let chosen = if chosen.is_empty() { groups.iter().collect() } else { chosen };
    println!("| measured | selx | beside it | figure |\n|---|--:|--:|---|");
    for (_, rows) in chosen {
        for row in rows() {
            println!("| {} | {} | {} | {} |", row.what, row.selx, row.peer, row.figure);
        }
    }
}

/// Finds a program of the peers, or ends with what is to be installed.
pub(crate) fn program(name: &str, package: &str) -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .chain(
            ["/usr/lib/nagios/plugins", "/usr/lib64/nagios/plugins", "/usr/libexec/monitoring-plugins"].map(Into::into),
        )
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("`{name}` is needed: apt-get install {package}"))
}

/// Returns the median.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().expect("something was measured")
}
