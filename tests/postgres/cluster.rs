//! A PostgreSQL server of its own for a test: its own folder, socket and port of loopback, gone with the test.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

/// Where the programs are, unless `SELX_TEST_POSTGRES` names another folder of another version.
const PROGRAMS: &[&str] = &["/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin"];
/// The password of every role that has one.
pub(crate) const PASSWORD: &str = "hunter2-hunter2";

const HBA: &str = "local all postgres trust\nlocal all all scram-sha-256\nhost all old 127.0.0.1/32 md5\n\
    host all plain 127.0.0.1/32 password\nhost all rejected 127.0.0.1/32 reject\nhost all nohba 10.255.255.1/32 trust\n\
    host all selx,viewer,postgres,nobody 127.0.0.1/32 scram-sha-256\nlocal replication all trust\n\
    host replication all 127.0.0.1/32 trust\n";

const ROLES: &str = "SET password_encryption = 'scram-sha-256';
    CREATE ROLE selx LOGIN PASSWORD 'hunter2-hunter2' IN ROLE pg_monitor;
    CREATE ROLE viewer LOGIN PASSWORD 'hunter2-hunter2';
    CREATE ROLE nobody NOLOGIN PASSWORD 'hunter2-hunter2';
    CREATE ROLE rejected LOGIN PASSWORD 'hunter2-hunter2';
    CREATE ROLE nohba LOGIN PASSWORD 'hunter2-hunter2';
    CREATE ROLE plain LOGIN PASSWORD 'hunter2-hunter2';
    SET password_encryption = 'md5';
    CREATE ROLE old LOGIN PASSWORD 'hunter2-hunter2';
    CREATE DATABASE shop;";

/// A cluster that was made and never started, copied for every server; it goes with the last of them.
static TEMPLATE: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());

fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("SELX_TEST_POSTGRES") {
        return folder.into();
    }
    let folder = PROGRAMS.iter().find(|folder| Path::new(folder).join("initdb").exists());
    folder.expect("the programs of PostgreSQL are missing: apt-get install postgresql").into()
}

/// Makes a command of a program that runs as another user where the test is root: the server refuses root.
#[expect(clippy::disallowed_methods, reason = "a test starts a real server")]
pub(crate) fn command(name: &str) -> Command {
    let program = programs().join(name);
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).current_dir("/");
    command
}

fn done(output: Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Where clusters are. Each is a thousand small files: made on a disk they take more time than all that is tested, so
/// they are made in memory where there is room.
fn place() -> &'static str {
    const MEMORY: &str = "/dev/shm";
    match rustix::fs::statvfs(MEMORY) {
        Ok(room) if room.f_bavail.saturating_mul(room.f_frsize) > 1 << 30 => MEMORY,
        _ => "/tmp",
    }
}

fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("selx-pg-").tempdir_in(place()).unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
    folder
}

#[expect(clippy::disallowed_methods, reason = "a test starts a real server")]
pub(crate) fn copy(from: &Path, to: &Path) {
    done(Command::new("/bin/cp").arg("-a").arg(from).arg(to).output().unwrap());
}

fn template() -> Arc<TempDir> {
    let mut known = TEMPLATE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(template) = known.upgrade() {
        return template;
    }
    let template = Arc::new(folder());
    let data = template.path().join("data");
    let mut initdb = command("initdb");
    initdb
        .args(["-U", "postgres", "--locale=C.UTF-8", "--encoding=UTF8", "--auth=trust", "--no-sync"])
        // The log in small pieces: there is little of it, and a piece is always written whole.
        .args(["--wal-segsize=1", "-D"])
        .arg(&data);
    done(initdb.stdout(Stdio::null()).output().unwrap());
    std::fs::write(data.join("pg_hba.conf"), HBA).unwrap();
    // In one process without a server: every statement ends with its line.
    let mut single = command("postgres");
    single.args(["--single", "-F", "-D"]).arg(&data).arg("postgres").stdin(Stdio::piped()).stdout(Stdio::null());
    let mut single = single.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = ROLES.split(';').map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "));
    let text = lines.by_ref().fold(String::new(), |text, line| text + &line + "\n");
    std::io::Write::write_all(&mut single.stdin.take().unwrap(), text.as_bytes()).unwrap();
    done(single.wait_with_output().unwrap());
    *known = Arc::downgrade(&template);
    template
}

/// A running server.
pub(crate) struct Cluster {
    child: Child,
    pub(crate) port: u16,
    folder: TempDir,
    _template: Arc<TempDir>,
}

impl Cluster {
    /// Starts one and waits until it accepts.
    pub(crate) async fn start(settings: &[&str]) -> Self {
        let cluster = Self::launch(settings, |_| {});
        cluster.wait().await;
        cluster
    }

    /// Starts one after a change to its folder, and does not wait.
    pub(crate) fn launch(settings: &[&str], change: impl FnOnce(&Path)) -> Self {
        let (template, folder) = (template(), folder());
        let data = folder.path().join("data");
        copy(&template.path().join("data"), &data);
        change(&data);
        Self::of(template, folder, settings)
    }

    fn of(template: Arc<TempDir>, folder: TempDir, settings: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = command("postgres");
        server.arg("-D").arg(folder.path().join("data")).arg("-k").arg(folder.path()).args(["-p", &port.to_string()]);
        for setting in
            ["fsync=off", "listen_addresses=127.0.0.1", "shared_buffers=16MB", "max_connections=30", "jit=off"]
                .iter()
                .chain(settings)
        {
            server.args(["-c", setting]);
        }
        let log = std::fs::File::create(folder.path().join("said")).unwrap();
        let child = server.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { child, port, folder, _template: template }
    }

    /// Starts a standby of this server.
    pub(crate) async fn standby(&self, settings: &[&str]) -> Self {
        let folder = folder();
        let mut backup = command("pg_basebackup");
        backup.arg("-h").arg(self.folder()).args(["-p", &self.port.to_string(), "-U", "postgres", "-R", "-c", "fast"]);
        let backup = backup.args(["--no-sync", "-X", "stream", "-D"]).arg(folder.path().join("data"));
        let output = backup.output().unwrap();
        done(output);
        let standby = Self::of(Arc::clone(&self._template), folder, settings);
        standby.wait().await;
        standby
    }

    pub(crate) async fn wait(&self) {
        let began = Instant::now();
        while let Err(error) = self.try_connect("postgres", "postgres").await {
            assert!(began.elapsed() < Duration::from_secs(60), "{error}\n{}", self.said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns what the server wrote into its log.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    /// Returns the folder of its socket file.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns its socket file.
    pub(crate) fn socket(&self) -> String {
        self.folder.path().join(format!(".s.PGSQL.{}", self.port)).display().to_string()
    }

    /// Returns its address.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    async fn try_connect(&self, user: &str, database: &str) -> Result<PgConnection, sqlx::Error> {
        let options = PgConnectOptions::new_without_pgpass().socket(self.folder()).port(self.port);
        let options = options.username(user).password(PASSWORD).database(database).ssl_mode(PgSslMode::Disable);
        options.application_name("shop-api").connect().await
    }

    /// Opens a session, by a client that is not ours.
    pub(crate) async fn session(&self) -> PgConnection {
        self.try_connect("postgres", "shop").await.unwrap()
    }

    /// Returns the major version of the server.
    pub(crate) async fn major(&self) -> u32 {
        self.session().await.server_version_num().unwrap() / 10_000
    }

    /// Says something in a session of its own.
    pub(crate) async fn say(&self, text: &'static str) {
        let mut session = self.session().await;
        say(&mut session, text).await;
        session.close().await.unwrap();
    }

    /// Sends the server a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills the server and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.child);
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(pid, Signal::CONT);
            let _ = kill_process(pid, Signal::QUIT);
            let began = Instant::now();
            while matches!(self.child.try_wait(), Ok(None)) {
                if began.elapsed() > Duration::from_secs(10) {
                    let _ = self.child.kill();
                }
                std::thread::park_timeout(Duration::from_millis(5));
            }
        }
    }
}

/// Says something.
pub(crate) async fn say(session: &mut PgConnection, text: &'static str) {
    sqlx::raw_sql(text).execute(session).await.unwrap();
}
