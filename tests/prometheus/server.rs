//! A Prometheus of its own for a test: its own folder, its own free port of loopback, gone with the test.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::{Pid, Signal, kill_process};

/// How long the server may take to start, and to scrape for the first time.
const PATIENCE: Duration = Duration::from_secs(30);
/// The password of the user `ann`, and its hash.
pub(crate) const PASSWORD: &str = "hunter2-hunter2";
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuuho/ppTcmsBIj2TNMdOGwEUcNR/Zfi5u";

/// Finds the program: that of the system, or that of the package, unpacked into the target folder.
#[expect(clippy::disallowed_methods, reason = "a test prepares its server")]
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let system = PathBuf::from("/usr/bin/prometheus");
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prometheus");
        let unpacked = cache.join("usr/bin/prometheus");
        for program in [system, unpacked.clone()] {
            if program.exists() {
                return program;
            }
        }
        // Made beside its place and moved there whole: another test may do the same.
        let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let script = "apt-get download -q prometheus && dpkg -x prometheus_*.deb whole";
        let done = Command::new("/bin/sh").args(["-c", script]).current_dir(work.path()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "the program prometheus is missing: apt-get install prometheus\n{said}");
        let _ = std::fs::rename(work.path().join("whole"), &cache);
        assert!(unpacked.exists(), "the package has no program prometheus");
        unpacked
    })
}

/// A program that serves chosen numbers, and ends with its test.
pub(crate) struct Exporter {
    port: u16,
    text: Arc<Mutex<String>>,
}

impl Exporter {
    /// Serves a text at `/metrics`.
    pub(crate) fn start(text: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = Arc::new(Mutex::new(text));
        let shared = Arc::downgrade(&text);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(mut stream), Some(text)) = (stream, shared.upgrade()) else { break };
                let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
                let _ = stream.read(&mut [0; 4096]);
                let body = text.lock().unwrap().clone();
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\n";
                let _ = write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len());
            }
        });
        Self { port, text }
    }

    /// Serves another text from now on.
    pub(crate) fn say(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap());
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // The thread wakes up, and finds its text gone.
        self.text = Arc::default();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// A running server.
pub(crate) struct Prometheus {
    child: Child,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one that scrapes itself, an exporter and a target that is dead, and waits for the first numbers.
    #[expect(clippy::disallowed_methods, reason = "a real server takes its own time")]
    pub(crate) fn start(exporter: &Exporter) -> Self {
        let server = Self::start_with(exporter, false);
        let query = "up%7Bjob%3D%22shop%22%7D";
        let began = Instant::now();
        while !server.get(&format!("/api/v1/query?query={query}")).contains("\"1\"") {
            assert!(began.elapsed() < PATIENCE, "the exporter was not scraped: {}", server.said());
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Starts one below `/mon`, encrypted, that asks for a password.
    pub(crate) fn start_secured(exporter: &Exporter) -> Self {
        Self::start_with(exporter, true)
    }

    fn start_with(exporter: &Exporter, secured: bool) -> Self {
        // A port that is free now may be taken before the server binds it.
        let mut said = String::new();
        for _ in 0..5 {
            match Self::try_start(exporter, secured) {
                Ok(server) => return server,
                Err(error) => said = error,
            }
        }
        panic!("prometheus does not start: {said}");
    }

    #[expect(clippy::disallowed_methods, reason = "a test starts a real server")]
    fn try_start(exporter: &Exporter, secured: bool) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        fill(folder.path(), port, exporter.port);
        let log = std::fs::File::create(folder.path().join("said")).unwrap();
        let mut command = Command::new(program());
        command
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if secured {
            command.arg("--web.config.file=web.yml").arg("--web.external-url=https://localhost/mon");
        }
        let child = command.spawn().map_err(|error| error.to_string())?;
        let mut server = Self { child, port, folder };
        let began = Instant::now();
        loop {
            let is_ready = match secured {
                true => TcpStream::connect(("127.0.0.1", port)).is_ok(),
                false => server.get("/-/ready").contains("Ready"),
            };
            if is_ready {
                return Ok(server);
            }
            if server.child.try_wait().unwrap().is_some() || began.elapsed() > PATIENCE {
                return Err(server.said());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until a query gives a text.
    #[expect(clippy::disallowed_methods, reason = "a real server takes its own time")]
    pub(crate) fn wait_for(&self, query: &str, text: &str) {
        let began = Instant::now();
        loop {
            let said = self.get(&format!("/api/v1/query?query={query}"));
            if said.contains(text) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{query} never gave {text}: {said}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn get(&self, path: &str) -> String {
        let mut said = String::new();
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            let _ = stream.read_to_string(&mut said);
        }
        said
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    /// Stops it where it is; the kernel goes on accepting for it.
    pub(crate) fn pause(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, Signal::STOP).unwrap();
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Writes configuration and certificates.
fn fill(folder: &Path, port: u16, exporter: u16) {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let job = |name: &str, port: u16| {
        format!("- job_name: {name}\n  static_configs: [{{ targets: ['127.0.0.1:{port}'] }}]\n")
    };
    let jobs = [job("self", port), job("shop", exporter), job("dead", free_port())].concat();
    write("prometheus.yml", &format!("global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n{jobs}"));
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &root).unwrap();
    write("root.pem", &root.pem());
    write("leaf.pem", &leaf.pem());
    write("key.pem", &key.serialize_pem());
    write(
        "web.yml",
        &format!(
            "tls_server_config: {{ cert_file: leaf.pem, key_file: key.pem }}\nbasic_auth_users: {{ ann: '{HASH}' }}\n"
        ),
    );
}
