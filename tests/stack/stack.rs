//! The product of `examples/selextract-cloud`, brought up once for a test process and shared by its tests.
//!
//! Other test programs take it by `#[path = "../stack/stack.rs"] mod stack;`, with `process` beside it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use crate::process::{Place, Ran, mode};

/// A stack in which all is well, or was when it was handed out.
#[derive(Debug)]
pub(crate) struct Stack {
    engine: String,
    project: String,
    folder: PathBuf,
    https_port: u16,
    http_port: u16,
    /// Ends when this process does, however that comes about, and takes down what it brought up.
    _keeper: Child,
}

impl Stack {
    /// Returns it, for tests that break nothing; others may look at the same time.
    pub(crate) fn shared() -> Looking {
        let (stack, lock) = (Self::up(), Self::lock());
        lock.lock_shared().expect("a lock on the stack");
        Looking { stack, _lock: lock }
    }

    /// Returns it, for a test that breaks something: nobody else looks meanwhile, and it is mended afterwards.
    pub(crate) fn alone() -> Alone {
        let (stack, lock) = (Self::up(), Self::lock());
        lock.lock().expect("a lock on the stack");
        Alone { stack, _lock: lock }
    }

    /// Brings it up, or finds that it is; or fails the test with what has to be done.
    fn up() -> &'static Self {
        static STACK: OnceLock<Result<Stack, String>> = OnceLock::new();
        match STACK.get_or_init(Self::start) {
            Ok(stack) => stack,
            Err(why) => panic!("{why}"),
        }
    }

    fn start() -> Result<Self, String> {
        use std::os::unix::process::CommandExt as _;
        let folder = files();
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let log = folder.join("keep.log");
        let mut keeper = Command::new(root().join("tests/stack/keep"))
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?)
            // An interrupt at the terminal is for the tests. This one still has to clear up.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("tests/stack/keep does not start: {error}"))?;
        let said = keeper.stdout.take().ok_or("no standard output")?;
        let mut lines = Vec::new();
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            if line == "ready" {
                return Self::read(keeper, &lines)
                    .ok_or_else(|| format!("what tests/stack/keep said is odd: {lines:?}"));
            }
            lines.push(line);
        }
        let _ = keeper.wait();
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        Err(format!("there is no stack to test with, and this test does not pass without it:\n{said}"))
    }

    fn read(keeper: Child, lines: &[String]) -> Option<Self> {
        let value = |name: &str| lines.iter().find_map(|line| line.split_once('=').filter(|(key, _)| *key == name));
        let value = |name: &str| value(name).map(|(_, value)| value.to_owned());
        Some(Self {
            engine: value("DOCKER_HOST")?,
            project: value("STACK_PROJECT")?,
            folder: value("STACK_FOLDER")?.into(),
            https_port: value("STACK_HTTPS_PORT")?.parse().ok()?,
            http_port: value("STACK_HTTP_PORT")?.parse().ok()?,
            _keeper: keeper,
        })
    }

    /// Opens the file that keeps breakages apart, also those of several test programs.
    fn lock() -> File {
        File::create(files().join("tests")).expect("a file in the target folder")
    }

    /// Returns the address of the engine, such as `unix:///var/run/docker.sock`.
    pub(crate) fn engine(&self) -> &str {
        &self.engine
    }

    /// Returns the socket file of the engine.
    pub(crate) fn socket(&self) -> &Path {
        Path::new(self.engine.strip_prefix("unix://").expect("the engine listens at a socket file"))
    }

    /// Returns the name of the Compose project.
    pub(crate) fn project(&self) -> &str {
        &self.project
    }

    /// Returns the Compose file.
    pub(crate) fn compose_file(&self) -> PathBuf {
        example().join("docker-compose.yml")
    }

    /// Returns the port of loopback at which nginx speaks TLS.
    pub(crate) fn https_port(&self) -> u16 {
        self.https_port
    }

    /// Returns the port of loopback at which nginx speaks plain HTTP.
    pub(crate) fn http_port(&self) -> u16 {
        self.http_port
    }

    /// Returns the root that signed the certificate of nginx; its key lies beside it, as `ca.key`.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.join("tls/ca.pem")
    }

    /// Returns the folder with the certificate that nginx serves: `fullchain.pem` and `key.pem`.
    pub(crate) fn served(&self) -> PathBuf {
        self.folder.join("tls/server")
    }

    /// Returns the file with the password of `postgres` or `redis`.
    pub(crate) fn password_file(&self, service: &str) -> PathBuf {
        self.folder.join(format!("{service}.password"))
    }

    /// Prepares `docker`, to talk to the engine of the stack.
    pub(crate) fn docker_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(arguments).env("DOCKER_HOST", &self.engine).stdin(Stdio::null());
        command
    }

    /// Runs `docker`, which must succeed, and returns what it printed.
    #[track_caller]
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        printed(&self.docker_command(arguments).output().expect("docker starts"), arguments)
    }

    /// Runs a program in the container of a service, which must succeed, and returns what it printed.
    #[track_caller]
    pub(crate) fn inside(&self, service: &str, arguments: &[&str]) -> String {
        self.docker(&[&["exec", &*self.container(service)], arguments].concat())
    }

    /// Returns the id of the container of a service, whatever state it is in.
    #[track_caller]
    pub(crate) fn container(&self, service: &str) -> String {
        let project = format!("label=com.docker.compose.project={}", self.project);
        let label = format!("label=com.docker.compose.service={service}");
        let ids = self.docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &project, "--filter", &label]);
        assert_eq!(ids.lines().count(), 1, "containers of {service}: {ids:?}");
        ids.trim().to_owned()
    }

    /// Does something to the container of a service: `pause`, `stop`, `kill`, `restart`, `start`.
    #[track_caller]
    pub(crate) fn act(&self, verb: &str, service: &str) {
        self.docker(&[verb, &self.container(service)]);
    }

    /// Returns the checks of the example, for where this stack listens and lies.
    pub(crate) fn checks(&self) -> String {
        let text = std::fs::read_to_string(example().join("selx.toml")).expect("the checks of the example");
        let compose = self.compose_file();
        let here = format!("compose = \"{}\", project = \"{}\"", compose.display(), self.project);
        let variables = self.folder.join("environment");
        let whole = format!("with = {{ {here}, env-file = \"{}\" }}", variables.display());
        text.replace("/srv/selextract-cloud/generated/", "generated/")
            .replace("/srv/selextract-cloud/", &format!("{}/", example().display()))
            .replace("generated/", &format!("{}/", self.folder.display()))
            .replace("with = { compose = \"docker-compose.yml\" }", &whole)
            .replace("compose = \"docker-compose.yml\"", &here)
            .replace("127.0.0.1:18443", &format!("127.0.0.1:{}", self.https_port))
            .replace("127.0.0.1:18080", &format!("127.0.0.1:{}", self.http_port))
    }

    /// Runs the program with the checks of the example, in a folder of its own.
    pub(crate) fn selx(&self, arguments: &[&str]) -> Ran {
        self.selx_with(&self.checks(), arguments)
    }

    /// Runs the program with other checks.
    pub(crate) fn selx_with(&self, checks: &str, arguments: &[&str]) -> Ran {
        Ran::of(Place::with(checks).command(arguments).env("DOCKER_HOST", &self.engine))
    }
}

/// The stack while others may look too.
#[derive(Debug)]
pub(crate) struct Looking {
    stack: &'static Stack,
    _lock: File,
}

impl Deref for Looking {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        self.stack
    }
}

/// The stack in one hand. It is mended when it is given back, also by a test that failed.
#[derive(Debug)]
pub(crate) struct Alone {
    stack: &'static Stack,
    _lock: File,
}

impl Alone {
    /// Brings everything back: starts what ended, lets go on what was paused or stopped, renews the certificate, and waits
    /// until all is healthy. What was set inside a service stays; `act("restart", …)` first, or set it back.
    #[track_caller]
    pub(crate) fn heal(&self) {
        let mut command = Command::new(example().join("up"));
        command.arg("mend").env("DOCKER_HOST", &self.engine).env("STACK_FOLDER", &self.folder).stdin(Stdio::null());
        printed(&command.output().expect("the script starts"), &["up", "mend"]);
    }

    /// Lets nginx serve another certificate, with its chain, and its key.
    #[track_caller]
    pub(crate) fn serve(&self, chain: &str, key: &str) {
        for (name, text) in [("fullchain.pem", chain), ("key.pem", key)] {
            let path = self.served().join(name);
            std::fs::write(&path, text).unwrap();
            mode(&path, 0o600);
        }
        self.inside("nginx", &["nginx", "-s", "reload"]);
    }
}

impl Deref for Alone {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        self.stack
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A second panic would end the process before the first one is told.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                // Nobody knows what the test left in them: all is made anew, so that no other test fails for it.
                let project = format!("label=com.docker.compose.project={}", self.project);
                let listed = |what: &[&str]| self.docker(&[what, &["--quiet", "--filter", &project]].concat());
                let remove = |what: &[&str], ids: &str| {
                    let ids: Vec<&str> = ids.split_whitespace().collect();
                    if !ids.is_empty() {
                        self.docker(&[what, &ids].concat());
                    }
                };
                remove(&["rm", "--force", "--volumes"], &listed(&["ps", "--all"]));
                remove(&["volume", "rm"], &listed(&["volume", "ls"]));
                self.heal();
            }));
        } else {
            self.heal();
        }
    }
}

#[track_caller]
fn printed(output: &Output, what: &[&str]) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{}` ended with {}: {said}", what.join(" "), output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn example() -> PathBuf {
    root().join("examples/selextract-cloud")
}

/// Returns the folder for everything that is made for the stack; `tests/all` names the same one.
fn files() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("stack")
}
