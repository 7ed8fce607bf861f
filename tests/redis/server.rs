//! A server of Redis in a folder of its own, on a port of loopback and a socket file. It ends when it is dropped.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to start, or to come into a state.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    child: Child,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
    options: Vec<String>,
}

impl Server {
    /// Starts a server with further options; it saves nothing by itself.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut folder = tempfile::tempdir().unwrap();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        for _ in 0..20 {
            let port = free_port();
            let child = spawn(&folder, port, &options);
            let mut server = Self { child, folder, port, options: options.clone() };
            if server.listens() {
                return server;
            }
            let log = server.log();
            assert!(log.contains("Address already in use") || log.contains("Failed listening"), "{log}");
            folder = std::mem::replace(&mut server.folder, tempfile::tempdir().unwrap());
        }
        panic!("no free port was found")
    }

    /// Waits until it listens; false if it ended.
    fn listens(&mut self) -> bool {
        let until = Instant::now() + PATIENCE;
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err() {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(Instant::now() < until, "the server does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Opens a connection by the socket file.
    pub(crate) fn connection(&self) -> redis::Connection {
        let url = format!("redis+unix://{}", self.socket().display());
        redis::Client::open(url).unwrap().get_connection().unwrap()
    }

    /// Runs a command on a connection of its own.
    pub(crate) fn run(&self, words: &[&str]) -> redis::Value {
        self.try_run(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    pub(crate) fn try_run(&self, words: &[&str]) -> redis::RedisResult<redis::Value> {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut self.connection())
    }

    /// Waits until `INFO` has a line.
    pub(crate) fn wait_for(&self, line: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let info: String = redis::from_redis_value(self.run(&["INFO"])).unwrap();
            // A replica's line has several values.
            if info.lines().any(|one| one == line || one.split(',').any(|value| value == line)) {
                return;
            }
            assert!(Instant::now() < until, "`{line}` does not come:\n{info}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Kills it without a word and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again at the same place, with other options.
    pub(crate) fn restart(&mut self, more: &[&str]) {
        self.kill();
        let _ = std::fs::remove_file(self.socket());
        self.options.extend(more.iter().map(|&option| option.to_owned()));
        self.child = spawn(&self.folder, self.port, &self.options);
        assert!(self.listens(), "{}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a port at which nothing listens.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn spawn(folder: &tempfile::TempDir, port: u16, options: &[String]) -> Child {
    let path = folder.path();
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--enable-debug-command", "yes"])
        .args(["--dir", path.to_str().unwrap(), "--unixsocket", path.join("socket").to_str().unwrap()])
        .args(["--logfile", path.join("log").to_str().unwrap()])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}
