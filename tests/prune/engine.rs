//! An engine of these tests alone, an image that is as small as a shell, and the engine's own client to look at it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Starts an engine and ends it when its input does, also if the test program was killed.
const KEEP: &str = r#"
trap '' INT TERM HUP
setsid dockerd --data-root "$2/data" --exec-root "$1/exec" --pidfile "$1/pid" --host "unix://$1/docker.sock" \
  --group root --bridge none --iptables=false --ip6tables=false --log-level error >"$1/log" 2>&1 </dev/null &
pid=$!
cat >/dev/null
kill "$pid" 2>/dev/null
wait "$pid"
rm -rf --one-file-system -- "$1" "$2"
"#;

/// What the image has.
const PROGRAMS: &[&str] = &["/bin/sh", "/bin/sleep"];

struct Engine {
    socket: PathBuf,
    /// Its input is open for as long as this program lives.
    _keeper: Child,
}

/// Returns the socket of the engine.
pub(crate) fn socket() -> &'static Path {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    &ENGINE.get_or_init(start).socket
}

fn start() -> Engine {
    // The paths of sockets are short.
    let place = tempfile::Builder::new().prefix("selx-prune").tempdir_in("/run").expect("these tests need root").keep();
    let data = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap().keep();
    let mut keeper = Command::new("bash");
    keeper.args(["-c", KEEP, "keep"]).args([&place, &data]);
    keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let engine = Engine { socket: place.join("docker.sock"), _keeper: keeper.spawn().unwrap() };
    let until = Instant::now() + Duration::from_secs(90);
    loop {
        let asked = Command::new("docker")
            .args(["-H", &format!("unix://{}", engine.socket.display()), "info"])
            .stdin(Stdio::null())
            .output()
            .expect("these tests need docker: run `tests/all`");
        if asked.status.success() {
            return engine;
        }
        let said = || std::fs::read_to_string(place.join("log")).unwrap_or_default();
        assert!(Instant::now() < until, "dockerd does not start (it is in the package docker.io): {}", said());
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program)
        .args(args)
        .env("DOCKER_HOST", format!("unix://{}", socket().display()))
        .env("DOCKER_BUILDKIT", "0")
        .stdin(Stdio::null())
        .output();
    output.unwrap_or_else(|error| panic!("`{program}` does not start: {error}"))
}

/// Runs the engine's own client, and returns what it printed.
#[track_caller]
pub(crate) fn docker(args: &[&str]) -> String {
    let output = run("docker", args);
    assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Tells whether the engine has something: a container, an image, a network or a volume.
pub(crate) fn has(sort: &str, name: &str) -> bool {
    run("docker", &[sort, "inspect", name]).status.success()
}

/// Makes an archive of programs of this host.
fn archive(folder: &Path) -> PathBuf {
    let mut files: Vec<String> = PROGRAMS.iter().map(|program| (*program).to_owned()).collect();
    for program in PROGRAMS {
        let needed = String::from_utf8(run("ldd", &[program]).stdout).unwrap();
        files.extend(needed.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned));
    }
    files.sort();
    files.dedup();
    let archive = folder.join("image.tar");
    let mut args = vec!["-chf", archive.to_str().unwrap()];
    args.extend(files.iter().map(String::as_str));
    let tar = run("tar", &args);
    assert!(tar.status.success(), "{}", String::from_utf8_lossy(&tar.stderr));
    archive
}

/// What a test has in the engine, by a label of its own. It goes away with it.
pub(crate) struct Bench {
    /// The label, `selx.test=NAME`.
    pub(crate) label: String,
    /// The name of its image, from which containers are made.
    pub(crate) image: String,
    folder: tempfile::TempDir,
    /// A project whose file cannot be read keeps the images of all.
    _alone: MutexGuard<'static, ()>,
}

impl Bench {
    /// Waits until no other test uses the engine.
    pub(crate) fn new(name: &str) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let bench = Self {
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
            label: format!("selx.test={name}"),
            image: format!("selx-prune-{name}:1"),
            folder: tempfile::tempdir().unwrap(),
        };
        let archive = archive(bench.folder.path());
        docker(&["import", "--change", &format!("LABEL {}", bench.label), archive.to_str().unwrap(), &bench.image]);
        bench
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes an image that no other is like, and returns its id; without a name if that is empty.
    pub(crate) fn image(&self, name: &str, more: &str) -> String {
        let file = self.folder.path().join("single");
        std::fs::write(&file, format!("{name}{more}{}", "x".repeat(5_000))).unwrap();
        let archive = self.folder.path().join("single.tar");
        let tar = run("tar", &["-cf", archive.to_str().unwrap(), "-C", self.folder.path().to_str().unwrap(), "single"]);
        assert!(tar.status.success());
        let label = format!("LABEL {} {more}", self.label);
        let mut args = vec!["import", "--change", label.as_str(), archive.to_str().unwrap()];
        args.extend((!name.is_empty()).then_some(name));
        docker(&args)
    }

    /// Starts a container that runs a command, and waits until it has ended unless it is to stay; returns its id.
    pub(crate) fn run(&self, name: &str, more: &[&str], command: &[&str]) -> String {
        let mut args = vec!["run", "-d", "--network", "none", "--label", &self.label, "--name", name];
        args.extend(more);
        args.push(&self.image);
        args.extend(command);
        let id = docker(&args);
        if command != STAYS {
            docker(&["wait", &id]);
        }
        id
    }

    /// Makes a network, and returns its id.
    pub(crate) fn network(&self, name: &str, more: &[&str]) -> String {
        let mut args = vec!["network", "create", "--label", &self.label];
        args.extend(more);
        args.push(name);
        docker(&args)
    }

    /// Builds something with BuildKit, so that the build cache has records of it. The engine fetches what it builds from
    /// loopback: its own client would need a plugin for this.
    pub(crate) fn build(&self, name: &str) {
        std::fs::write(self.folder.path().join("one"), name).unwrap();
        std::fs::write(self.folder.path().join("Dockerfile"), "FROM scratch\nCOPY one /one\n").unwrap();
        let archive = self.folder.path().join("context.tar");
        let folder = self.folder.path().to_str().unwrap();
        let tar = run("tar", &["-cf", archive.to_str().unwrap(), "-C", folder, "one", "Dockerfile"]);
        assert!(tar.status.success());
        let bytes = std::fs::read(&archive).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten().take(4) {
                let _ = stream.read(&mut [0; 4096]);
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                    bytes.len()
                );
                let _ = stream.write_all(head.as_bytes());
                let _ = stream.write_all(&bytes);
            }
        });
        let path = format!("/build?version=2&t={name}&remote=http://127.0.0.1:{port}/context.tar");
        let mut engine = UnixStream::connect(socket()).unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        engine.write_all(head.as_bytes()).unwrap();
        let mut said = Vec::new();
        engine.read_to_end(&mut said).unwrap();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains("Successfully tagged"), "{said}");
    }
}

/// The command of a container that stays up.
pub(crate) const STAYS: &[&str] = &["sleep", "1000"];

impl Drop for Bench {
    fn drop(&mut self) {
        let filter = format!("label={}", self.label);
        for (list, remove) in [
            (&["ps", "-aq", "--filter", &*filter][..], &["rm", "-fv"][..]),
            (&["network", "ls", "-q", "--filter", &*filter], &["network", "rm"]),
            (&["images", "-aq", "--filter", &*filter], &["rmi", "-f"]),
        ] {
            let ids = String::from_utf8_lossy(&run("docker", list).stdout).into_owned();
            let ids: Vec<&str> = ids.split_whitespace().collect();
            if !ids.is_empty() {
                run("docker", &[remove, &ids].concat());
            }
        }
    }
}
