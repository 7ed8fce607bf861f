//! Actions: planning a clean-up of very many logs beside `find`, and a backup beside `pg_dump` into the fastest compressor.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::process::{once, timed};
use crate::scratch::Scratch;
use crate::{Row, median, program};

/// How many logs are planned over; `SELX_FIGURES_LOGS` sets another number.
const LOGS: usize = 1_000_000;
/// The rows of the table that is dumped, in hundreds of thousands, as `pgbench` counts; `SELX_FIGURES_SCALE` sets another number.
const SCALE: usize = 60;
/// How often each of two runs.
const RUNS: usize = 5;
/// The port of the server, on loopback and in its own folder.
const PORT: &str = "54399";

pub(crate) fn rows(selx: &Path) -> Vec<Row> {
    vec![planning(selx), backup(selx)]
}

fn setting(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Runs two commands in turn after a round that only brings everything into memory; returns the medians.
fn in_turn(ours: impl Fn() -> f64, theirs: impl Fn() -> f64) -> (f64, f64) {
    ours();
    theirs();
    let (mut left, mut right): (Vec<f64>, Vec<f64>) = (0..RUNS).map(|_| (ours(), theirs())).unzip();
    (median(&mut left), median(&mut right))
}

fn planning(selx: &Path) -> Row {
    let scratch = Scratch::new("clean");
    let logs = setting("SELX_FIGURES_LOGS", LOGS);
    let folder = scratch.path().join("logs");
    for (index, part) in (0..logs).zip(["", ".1", ".2.gz", ".3.gz", ".4.gz"].into_iter().cycle()) {
        let below = folder.join(format!("service-{:03}", index / 5_000));
        if index % 5_000 == 0 {
            std::fs::create_dir_all(&below).expect("a folder of ours");
        }
        let log = index / 5 % 1_000;
        File::create(below.join(format!("app-{log:04}.log{part}"))).expect("a file of ours");
    }
    let folder = folder.display().to_string();
    let settings =
        format!("[action.logs-clean.all]\ntimeout = \"10m\"\nwith = {{ path = \"{folder}\", older-than = \"30d\" }}\n");
    let settings = scratch.write("selx.toml", &settings);
    let find = program("find", "findutils");
    let (ours, theirs) = in_turn(
        || once(selx, &["act", "logs-clean.all", "--config", &settings], 0..=0),
        || once(&find, &[&folder, "-type", "f", "-name", "*.log*", "-mtime", "+30"], 0..=0),
    );
    Row {
        what: format!("`selx act logs-clean`, the plan over {logs} logs, whole process"),
        selx: format!("{:.2} s", ours / 1e3),
        peer: format!("{:.2} s (find, the line of a guide, on the same walk)", theirs / 1e3),
        figure: format!("{:.2} ×; aim 2 × at most", ours / theirs),
    }
}

/// A server of its own, ended with the measurement.
struct Server {
    folder: PathBuf,
    bin: PathBuf,
    server: Child,
}

impl Server {
    fn start(scratch: &Scratch) -> Self {
        let found = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let bins = found.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").is_file());
        let bin = bins.max().expect("`initdb` is needed: apt-get install postgresql");
        let folder = scratch.path().join("cluster");
        std::fs::create_dir(&folder).expect("a folder of ours");
        timed(Command::new("chown").arg("postgres").arg(&folder), 0..=0);
        let data = folder.join("data");
        timed(as_postgres(&bin.join("initdb")).args(["-A", "trust", "-D"]).arg(&data), 0..=0);
        let mut server = as_postgres(&bin.join("postgres"));
        server.arg("-D").arg(&data).args(["-p", PORT, "-c", "listen_addresses="]);
        server.arg("-c").arg(format!("unix_socket_directories={}", folder.display()));
        let server = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("postgres starts");
        let this = Self { folder, bin, server };
        let is_ready = || this.command("pg_isready").stdout(Stdio::null()).status().expect("it starts").success();
        for _ in 0..300 {
            if is_ready() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        this
    }

    fn command(&self, name: &str) -> Command {
        let mut command = as_postgres(&self.bin.join(name));
        command.arg("-h").arg(&self.folder).args(["-p", PORT]);
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A fast shutdown; the scratch folder goes after it.
        let pid = i32::try_from(self.server.id()).ok().and_then(rustix::process::Pid::from_raw).expect("its process");
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let _ = self.server.wait();
    }
}

fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program).current_dir("/");
    command
}

fn backup(selx: &Path) -> Row {
    let scratch = Scratch::new("dump");
    let server = Server::start(&scratch);
    let scale = setting("SELX_FIGURES_SCALE", SCALE).to_string();
    timed(server.command("pgbench").args(["-i", "-q", "-s", &scale, "postgres"]), 0..=0);
    let backups = scratch.path().join("backups");
    std::fs::create_dir(&backups).expect("a folder of ours");
    let socket = server.folder.join(format!(".s.PGSQL.{PORT}"));
    let settings = format!(
        "[action.backup-create.all]\ntimeout = \"30m\"\n[action.backup-create.all.permit]\nrisk = \"safe\"\n\
         [action.backup-create.all.with]\ntarget = \"{}\"\nuser = \"postgres\"\ndatabases = [\"postgres\"]\n\
         folder = \"{}\"\nname = \"all\"\n",
        socket.display(),
        backups.display()
    );
    let settings = scratch.write("selx.toml", &settings);
    let state = scratch.path().join("state").display().to_string();
    let (zstd, dump) = (program("zstd", "zstd"), scratch.path().join("dump.zst"));
    let (ours, theirs) = in_turn(
        || {
            // Names of archives are of a second.
            std::thread::sleep(Duration::from_millis(1_100));
            once(
                selx,
                &["act", "backup-create.all", "--permitted", "--config", &settings, "--state-dir", &state],
                0..=0,
            )
        },
        || {
            let begun = std::time::Instant::now();
            let mut dumping = server.command("pg_dump");
            let mut dumping =
                dumping.args(["-Fc", "-Z0", "postgres"]).stdout(Stdio::piped()).spawn().expect("it starts");
            let from = dumping.stdout.take().expect("its output");
            let to = File::create(&dump).expect("a file of ours");
            let packed = Command::new(&zstd).args(["-q", "-3", "-T0"]).stdin(from).stdout(to).status();
            assert!(packed.expect("zstd starts").success() && dumping.wait().expect("it ends").success());
            timed(Command::new("sync").arg("-d").arg(&dump), 0..=0);
            begun.elapsed().as_secs_f64() * 1e3
        },
    );
    let size = std::fs::metadata(&dump).expect("the dump").len();
    Row {
        what: format!(
            "`selx act backup-create`, {}00,000 rows to an archive of {:.0} MB: dumped, packed, every row counted, on the \
             disk, and read again whole",
            scale,
            size as f64 / 1e6
        ),
        selx: format!("{:.2} s", ours / 1e3),
        peer: format!("{:.2} s (pg_dump -Fc -Z0 into zstd -3 -T0, and sync)", theirs / 1e3),
        figure: format!("{:.2} ×; aim 1.1 × at most", ours / theirs),
    }
}
