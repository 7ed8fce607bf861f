//! Starting the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Returns the program, built now if it was not.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // Whoever has just built it says so.
        if std::env::var_os("SELX_TEST_BUILT").is_none() {
            build();
        }
        // tests run in target/debug/deps, the program is one above.
        let test = std::env::current_exe().unwrap();
        let binary = test.parent().unwrap().parent().unwrap().join("selx");
        assert!(binary.is_file(), "{} is not there", binary.display());
        reachable(binary)
    })
}

fn build() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    // What cargo says about this package to its tests looks to build scripts as if they had to run again.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&*name);
        }
    }
    let built = build
        // With the examples, cargo resolves the features as it does for the tests, and builds nothing twice.
        .args(["build", "--quiet", "--examples", "--bins"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo starts");
    assert!(built.success(), "the program does not build");
}

/// Returns a place of the program that every user reaches: tests start it as somebody else, and a clone may lie below a
/// folder that is closed to others.
fn reachable(binary: PathBuf) -> PathBuf {
    use std::os::unix::fs::MetadataExt as _;
    let open = |folder: &Path| std::fs::metadata(folder).is_ok_and(|meta| meta.mode() & 0o001 != 0);
    if binary.ancestors().skip(1).all(open) {
        return binary;
    }
    // Nothing runs at the end of a test program, so each one clears away what those before it left.
    let name = |pid: &str| std::env::temp_dir().join(format!("selx-tests-program-{pid}"));
    for entry in std::fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let file = entry.file_name();
        if let Some(pid) = file.to_str().and_then(|file| file.strip_prefix("selx-tests-program-"))
            && !Path::new("/proc").join(pid).exists()
        {
            let _ = std::fs::remove_file(entry.path().join("selx"));
            let _ = std::fs::remove_dir(entry.path());
        }
    }
    let folder = name(&std::process::id().to_string());
    std::fs::create_dir(&folder).unwrap();
    mode(&folder, 0o755);
    // The name is in the help.
    let copy = folder.join("selx");
    std::fs::copy(&binary, &copy).unwrap();
    mode(&copy, 0o755);
    copy
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Waits for a command and takes its output.
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output().expect("the program starts");
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("messages are UTF-8"),
        }
    }

    /// Asserts the code, showing everything if it is another one.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.err.contains("panicked") && !self.err.contains("selx: bug"), "{self:#?}");
        self
    }

    /// Asserts that the output contains all of these.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.out.contains(word), "`{word}` is missing: {self:#?}");
        }
        self
    }

    /// Asserts that standard error contains all of these.
    #[track_caller]
    pub(crate) fn complains(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.err.contains(word), "`{word}` is missing: {self:#?}");
        }
        self
    }
}

/// A folder with a configuration and a state of its own; it goes away with the value.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// One check that passes and one that is critical, in routines of their own.
pub(crate) const SUITE: &str = r#"
[check.command.fine]
routines = ["daily"]
with = { program = "/usr/bin/true", format = "exit-code" }

[check.command.broken]
routines = ["weekly"]
retries = 0
with = { program = "/usr/bin/false", format = "exit-code" }
"#;

impl Place {
    /// Makes one without a configuration.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Other users are to reach what is in it, as in a folder of the system.
        mode(folder.path(), 0o755);
        Self { folder }
    }

    /// Makes one with a configuration.
    pub(crate) fn with(configuration: &str) -> Self {
        let place = Self::empty();
        place.put("selx.toml", configuration);
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file that only its owner can change.
    pub(crate) fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        mode(&path, 0o644);
        path
    }

    /// Prepares the program: in this folder, with an environment of an ordinary shell, history here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.path())
            .env("LANG", "C.UTF-8")
            .env("SELX_STATE_DIR", self.path().join("state"));
        command
    }

    /// Runs the program.
    pub(crate) fn selx(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// Prepares the program behind a line of shell that ends in `exec "$@"`.
    pub(crate) fn shell(&self, line: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(&[]);
        let mut shell = Command::new("/bin/bash");
        shell.args(["-c", line, "bash"]).arg(binary()).args(arguments).current_dir(self.path()).env_clear();
        for (name, value) in command.get_envs() {
            shell.env(name, value.unwrap_or_default());
        }
        drop(std::mem::replace(&mut command, Command::new("/bin/true")));
        shell
    }
}

pub(crate) fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Takes the numbers out of a text: times and durations differ from run to run.
pub(crate) fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' if out.ends_with('#') => {}
            '0'..='9' => out.push('#'),
            '.' if out.ends_with('#') => {}
            c => out.push(c),
        }
    }
    // Short durations are in one of two units.
    out.replace("#ms", "#s").replace("#us", "#s")
}

/// Tells whether this is root, who is above most rights.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Lets a command run as a user without rights, if this is root.
pub(crate) fn as_nobody(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt as _;
    if is_root() { command.uid(65_534).gid(65_534) } else { command }
}
