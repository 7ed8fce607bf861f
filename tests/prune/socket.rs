//! A socket file behind which somebody answers, one request on each connection.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A socket in a folder of its own. Its thread ends with the process.
pub(crate) struct Socket {
    folder: tempfile::TempDir,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socket {
    /// Answers each request by a function of its method and path.
    pub(crate) fn new(answer: impl Fn(&str, &str, UnixStream) + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let Some(head) = head(&mut stream) else { return };
                    let line = head.lines().next().unwrap_or_default().to_owned();
                    let mut words = line.split(' ');
                    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                    let bare = path.strip_prefix("/v1.").and_then(|rest| rest.find('/').map(|at| &rest[at..]));
                    let path = bare.unwrap_or(path).to_owned();
                    seen.lock().unwrap().push(format!("{method} {path}"));
                    answer(method, &path, stream);
                });
            }
        });
        Self { folder, asked }
    }

    /// Returns the socket file.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    /// Returns what was asked since the last time, as methods and paths.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// Returns those requests since the last time that are not reads.
    pub(crate) fn changes(&self) -> Vec<String> {
        self.take().into_iter().filter(|line| !line.starts_with("GET ")).collect()
    }
}

/// Reads until the end of a head, and no byte more.
fn head(stream: &mut UnixStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// Passes a request on to an engine, and its answer back with a clock that is so many seconds ahead.
pub(crate) fn pass_on(engine: &Path, method: &str, path: &str, ahead: i64, mut back: UnixStream) {
    let mut engine = UnixStream::connect(engine).unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    engine.write_all(request.as_bytes()).unwrap();
    let Some(head) = head(&mut engine) else { return };
    let lines = head.trim_end().split("\r\n").map(|line| match line.strip_prefix("Date: ") {
        Some(date) => {
            let date = jiff::fmt::rfc2822::parse(date).unwrap().timestamp() + jiff::SignedDuration::from_secs(ahead);
            format!("Date: {}", date.strftime("%a, %d %b %Y %H:%M:%S GMT"))
        }
        None => line.to_owned(),
    });
    let head = lines.collect::<Vec<_>>().join("\r\n") + "\r\n\r\n";
    let _ = back.write_all(head.as_bytes());
    let _ = std::io::copy(&mut engine, &mut back);
}
