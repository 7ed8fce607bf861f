//! A real engine, an image that is as small as a shell, and projects that end with their test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// What the image has.
const PROGRAMS: &[&str] = &["/bin/sh", "/bin/sleep", "/bin/kill", "/bin/cat"];
const IMAGE: &str = "selx-test-shell:1";

/// Returns the socket of the engine that tests use: that of `DOCKER_HOST`, the usual one, or the one that `tests/all`
/// starts.
pub(crate) fn socket() -> &'static Path {
    static SOCKET: OnceLock<PathBuf> = OnceLock::new();
    SOCKET.get_or_init(|| {
        let named = std::env::var("DOCKER_HOST").ok();
        let named = named.as_deref().and_then(|host| host.strip_prefix("unix://"));
        let places = named.into_iter().chain(["/var/run/docker.sock", "/run/selx-test-engine/docker.sock"]);
        let found = places.map(PathBuf::from).find(|path| path.exists());
        found.expect("these tests need a Docker engine: run `tests/all`, or set DOCKER_HOST=unix:///PATH")
    })
}

fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program)
        .args(args)
        .env("DOCKER_HOST", format!("unix://{}", socket().display()))
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

/// Returns the image, made of programs of this host if the engine has none.
pub(crate) fn image() -> &'static str {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        if run("docker", &["image", "inspect", IMAGE]).status.success() {
            return;
        }
        let mut files: Vec<String> = PROGRAMS.iter().map(|program| (*program).to_owned()).collect();
        for program in PROGRAMS {
            let needed = String::from_utf8(run("ldd", &[program]).stdout).unwrap();
            files.extend(needed.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned));
        }
        files.sort();
        files.dedup();
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("image.tar");
        let mut args = vec!["-chf", archive.to_str().unwrap()];
        args.extend(files.iter().map(String::as_str));
        let tar = run("tar", &args);
        assert!(tar.status.success(), "{}", String::from_utf8_lossy(&tar.stderr));
        docker(&["import", archive.to_str().unwrap(), IMAGE]);
    });
    IMAGE
}

/// A project in a folder of its own. What is left of it goes away with it.
pub(crate) struct Project {
    pub(crate) name: String,
    folder: tempfile::TempDir,
}

impl Project {
    /// Makes a project of a compose file, in which `IMAGE` stands for the image.
    pub(crate) fn new(what: &str, file: &str) -> Self {
        let root = std::env::temp_dir();
        // The name of the folder is that of the project.
        let folder =
            tempfile::Builder::new().prefix(&format!("selxtest{what}")).rand_bytes(4).tempdir_in(root).unwrap();
        let base = folder.path().file_name().unwrap().to_string_lossy().to_lowercase();
        let name = base.chars().filter(|letter| letter.is_ascii_alphanumeric()).collect();
        let project = Self { name, folder };
        image();
        project.write(file);
        project
    }

    /// Writes the compose file.
    pub(crate) fn write(&self, file: &str) {
        std::fs::write(self.file(), file.replace("IMAGE", image())).unwrap();
    }

    /// Returns the path of the compose file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("docker-compose.yml")
    }

    /// Runs a command of compose, of the first generation.
    #[track_caller]
    pub(crate) fn compose(&self, args: &[&str]) {
        let file = self.file();
        let mut all = vec!["-f", file.to_str().unwrap()];
        all.extend(args);
        let output = run("docker-compose", &all);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts a container with the labels that compose of the second generation puts on it.
    #[track_caller]
    pub(crate) fn run(&self, service: &str, number: u32, more: &[&str], command: &[&str]) -> String {
        let name = format!("{}-{service}-{number}", self.name);
        let label = |key: &str, value: &str| format!("--label=com.docker.compose.{key}={value}");
        let labels = [
            label("project", &self.name),
            label("service", service),
            label("oneoff", "False"),
            label("container-number", &number.to_string()),
            label("config-hash", "0123456789abcdef"),
            label("project.config_files", &self.file().display().to_string()),
            label("project.working_dir", &self.folder.path().display().to_string()),
            label("version", "2.40.0"),
        ];
        let network = self.network();
        let own = if more.iter().any(|flag| flag.starts_with("--network")) { None } else { Some(&*network) };
        let mut args = vec!["run", "-d", "--name", &name];
        args.extend(own);
        args.extend(labels.iter().map(String::as_str));
        args.extend(more);
        args.push(image());
        args.extend(command);
        docker(&args);
        name
    }

    /// Makes the network of the project, and returns the flag that puts a container into it.
    fn network(&self) -> String {
        let name = format!("{}_default", self.name);
        let label = format!("--label=com.docker.compose.project={}", self.name);
        if !run("docker", &["network", "inspect", &name]).status.success() {
            docker(&["network", "create", &label, &name]);
        }
        format!("--network={name}")
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let filter = format!("label=com.docker.compose.project={}", self.name);
        for (list, remove) in [
            (&["ps", "-aq", "--filter", &*filter][..], &["rm", "-fv"][..]),
            (&["network", "ls", "-q", "--filter", &*filter], &["network", "rm"]),
        ] {
            let ids = String::from_utf8_lossy(&run("docker", list).stdout).into_owned();
            let ids: Vec<&str> = ids.split_whitespace().collect();
            if !ids.is_empty() {
                run("docker", &[remove, &ids].concat());
            }
        }
    }
}
