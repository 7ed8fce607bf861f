//! A peer that does what a script says, and nothing else: over TCP, over a socket file, encrypted or not.
//!
//! A script is a list of [`Step`]s, made anew for every connection. It knows no protocol, so every kind that speaks to a
//! server can be driven over it. Everything is bounded in time: a peer ends with its test.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::net::SendFlags;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// The longest that one step waits for the other side.
const PATIENCE: Duration = Duration::from_secs(10);

/// One thing that a peer does with a connection. When the script is at its end, the connection is closed.
#[derive(Clone)]
pub(crate) enum Step {
    /// Read until these bytes came, or the other side ended.
    Await(&'static [u8]),
    /// Read exactly so many bytes, or until the other side ended.
    Take(usize),
    /// Send.
    Send(Vec<u8>),
    /// Do nothing for a while.
    Wait(Duration),
    /// Send one byte, wait, send the next.
    Drip(Vec<u8>, Duration),
    /// Send the same again and again, until so many bytes are out or the other side is gone.
    Flood(Vec<u8>, usize),
    /// Send one byte out of band.
    Urgent(u8),
    /// Say that nothing more will be sent, and keep reading.
    HalfClose,
    /// Close with a reset instead of an end.
    Reset,
    /// Say and read nothing until the other side is tired of it.
    Silence,
    /// Read and throw away until the other side ends.
    Drain,
    /// Encrypt from here on; a handshake that fails ends the script.
    Tls(Arc<ServerConfig>),
}

/// What to do with a connection.
pub(crate) type Script = Vec<Step>;

/// Waits for what ends a request of a text protocol, answers, and closes.
pub(crate) fn answer(reply: impl Into<Vec<u8>>) -> Script {
    vec![Step::Await(b"\r\n\r\n"), Step::Send(reply.into())]
}

/// Sends an answer in two pieces with a pause, so that they arrive apart.
pub(crate) fn split_at(reply: &[u8], at: usize) -> Script {
    let (before, after) = reply.split_at(at);
    let pause = Step::Wait(Duration::from_millis(3));
    vec![Step::Await(b"\r\n\r\n"), Step::Send(before.into()), pause, Step::Send(after.into())]
}

/// Sends the beginning of an answer and closes.
pub(crate) fn cut_at(reply: &[u8], at: usize) -> Script {
    answer(&reply[..at])
}

/// Sends the beginning of an answer and resets the connection.
pub(crate) fn reset_at(reply: &[u8], at: usize) -> Script {
    // The pause lets the other side read what came before the reset throws it away.
    let pause = Step::Wait(Duration::from_millis(3));
    vec![Step::Await(b"\r\n\r\n"), Step::Send(reply[..at].into()), pause, Step::Reset]
}

/// Sends the beginning of an answer and stalls.
pub(crate) fn stall_at(reply: &[u8], at: usize) -> Script {
    vec![Step::Await(b"\r\n\r\n"), Step::Send(reply[..at].into()), Step::Silence]
}

/// What a peer saw and did, shared with its test.
#[derive(Clone, Default)]
pub(crate) struct Log {
    received: Arc<Mutex<Vec<Vec<u8>>>>,
    sent: Arc<AtomicUsize>,
}

impl Log {
    /// Returns what came, by connection.
    pub(crate) fn received(&self) -> Vec<Vec<u8>> {
        self.received.lock().unwrap().clone()
    }

    /// Returns what came on one connection, as text.
    pub(crate) fn text(&self, connection: usize) -> String {
        String::from_utf8_lossy(&self.received()[connection]).into_owned()
    }

    /// Returns how many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    /// Returns how many bytes were handed to the kernel.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }
}

/// A server with a script. It ends when it is dropped.
pub(crate) struct Peer {
    /// Where it listens; unspecified for a socket file.
    pub(crate) address: SocketAddr,
    /// What it saw.
    pub(crate) log: Log,
    _tasks: JoinSet<()>,
}

impl Peer {
    /// Listens on a free port of 127.0.0.1; every connection gets the same script.
    pub(crate) async fn tcp(script: Script) -> Self {
        Self::tcp_on("127.0.0.1:0", move |_| script.clone()).await
    }

    /// Listens on an address; the script is made of the number of the connection, from zero.
    pub(crate) async fn tcp_on(address: &str, script: impl Fn(usize) -> Script + Send + 'static) -> Self {
        let listener = TcpListener::bind(address).await.expect("binding a port of loopback");
        let address = listener.local_addr().expect("the port that was bound");
        let log = Log::default();
        let seen = log.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("a TCP option");
                let (number, log) = begin(&seen);
                connections.spawn(play(Line::Tcp(stream), script(number), number, log));
            }
        });
        Self { address, log, _tasks: tasks }
    }

    /// Listens on a socket file.
    pub(crate) async fn unix(path: &Path, script: Script) -> Self {
        let listener = UnixListener::bind(path).expect("binding a socket file");
        let log = Log::default();
        let seen = log.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (number, log) = begin(&seen);
                connections.spawn(play(Line::Unix(stream), script.clone(), number, log));
            }
        });
        Self { address: SocketAddr::from(([0, 0, 0, 0], 0)), log, _tasks: tasks }
    }

    /// Returns a URL of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns its port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}

/// Returns an address at which nothing listens.
pub(crate) async fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binding a port of loopback");
    listener.local_addr().expect("the port that was bound")
}

/// A socket that listens with a full queue: the kernel drops what knocks, as a firewall does.
pub(crate) struct BlackHole {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _listener: TcpListener,
    _queue: Vec<std::net::TcpStream>,
}

impl BlackHole {
    /// Makes one.
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port of loopback");
        let listener = socket.listen(1).expect("listening");
        let address = listener.local_addr().expect("the port that was bound");
        let mut queue = Vec::new();
        let knock = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100));
        // Until one is not accepted any more.
        while let Ok(stream) = knock() {
            queue.push(stream);
            assert!(queue.len() < 64, "the queue of a listening socket does not fill up");
        }
        Self { address, _listener: listener, _queue: queue }
    }
}

/// Counts a connection.
fn begin(log: &Log) -> (usize, Log) {
    let mut received = log.received.lock().unwrap();
    received.push(Vec::new());
    (received.len() - 1, log.clone())
}

/// One connection.
enum Line {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

impl Line {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer).await,
            Self::Unix(stream) => stream.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await,
            Self::Unix(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    async fn half_close(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown().await,
            Self::Unix(stream) => stream.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
        }
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Unix(_) => None,
            Self::Tls(stream) => Some(stream.get_ref().0),
        }
    }
}

/// Plays a script; an error of the connection ends it, as the other side may leave at any time.
async fn play(mut line: Line, script: Script, number: usize, log: Log) {
    for step in script {
        if let Step::Tls(config) = step {
            let Line::Tcp(stream) = line else {
                panic!("only a plain TCP connection can be encrypted");
            };
            match tokio::time::timeout(PATIENCE, TlsAcceptor::from(config).accept(stream)).await {
                Ok(Ok(stream)) => line = Line::Tls(Box::new(stream)),
                _ => return,
            }
            continue;
        }
        match tokio::time::timeout(PATIENCE, act(&mut line, step, number, &log)).await {
            Ok(Ok(true)) => {}
            _ => return,
        }
    }
}

/// Does one step; false ends the script.
async fn act(line: &mut Line, step: Step, number: usize, log: &Log) -> io::Result<bool> {
    match step {
        Step::Await(mark) => {
            return take(line, number, log, |all| all.windows(mark.len()).any(|part| part == mark)).await;
        }
        Step::Take(count) => return take(line, number, log, |all| all.len() >= count).await,
        Step::Send(bytes) => {
            line.write(&bytes).await?;
            log.sent.fetch_add(bytes.len(), Ordering::SeqCst);
        }
        Step::Wait(length) => tokio::time::sleep(length).await,
        Step::Drip(bytes, every) => {
            for byte in bytes {
                line.write(&[byte]).await?;
                log.sent.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(every).await;
            }
        }
        Step::Flood(piece, most) => {
            let mut sent = 0;
            while sent < most {
                line.write(&piece).await?;
                sent += piece.len();
                log.sent.fetch_add(piece.len(), Ordering::SeqCst);
            }
        }
        Step::Urgent(byte) => {
            let stream = line.tcp().expect("only TCP knows out-of-band bytes");
            rustix::net::send(stream, &[byte], SendFlags::OOB)?;
        }
        Step::HalfClose => line.half_close().await?,
        Step::Reset => {
            line.tcp().expect("only TCP knows resets").set_zero_linger()?;
            return Ok(false);
        }
        Step::Silence => {
            tokio::time::sleep(PATIENCE).await;
        }
        Step::Drain => {
            take(line, number, log, |_| false).await?;
        }
        Step::Tls(_) => unreachable!("done by the caller, which owns the connection"),
    }
    Ok(true)
}

/// Reads until there is enough; false if the other side ended first.
async fn take(line: &mut Line, number: usize, log: &Log, enough: impl Fn(&[u8]) -> bool) -> io::Result<bool> {
    let mut buffer = [0; 16 * 1024];
    loop {
        if enough(&log.received.lock().unwrap()[number]) {
            return Ok(true);
        }
        let count = line.read(&mut buffer).await?;
        if count == 0 {
            return Ok(false);
        }
        log.received.lock().unwrap()[number].extend_from_slice(&buffer[..count]);
    }
}
