//! Peers that do not speak TLS, stop, lie, or are not there.

use std::time::Duration;

use selx_core::Status;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::run::{named, run, run_at, trusted};
use crate::zoo::{NOW, Server, root};

#[tokio::test]
async fn c15_what_is_not_tls_is_named_by_its_beginning() {
    let (_folder, ca) = trusted(&root("Test Root"));
    for (says, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "starts with `HTTP/1.1 400 Bad Request`"),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "starts with `SSH-2.0-OpenSSH_9.2p1 Debian-2`"),
        (b"220 mail.example ESMTP\r\n", "starts with `220 mail.example ESMTP`"),
        (b"\x4a\x00\x00\x00\x0a8.0.36\x00", "starts with the bytes 4a 00 00 00 0a 38 2e 30"),
        (b"N", "starts with `N`"),
    ] {
        for close in [true, false] {
            let server = Server::saying(vec![says.to_vec()], close).await;
            let looked = run_at(named("x.example", server.address, &ca), NOW, Duration::from_millis(800)).await;
            looked.expect(Status::Critical, &["not-tls"], &[words]);
        }
    }
    // Records that are TLS in form and nonsense in content.
    let server = Server::saying(vec![vec![22, 3, 3, 0, 4, 2, 0, 0, 0]], true).await;
    run(named("x.example", server.address, &ca)).await.expect(Status::Critical, &["handshake-failed"], &[]);
    let server = Server::saying(vec![], true).await;
    let looked = run(named("x.example", server.address, &ca)).await;
    looked.expect(Status::Critical, &["handshake-failed"], &["closed the connection without a word"]);
    let server = Server::saying(vec![vec![21, 3, 3, 0, 2, 2, 112]], true).await;
    let looked = run(named("x.example", server.address, &ca)).await;
    looked.expect(Status::Critical, &["handshake-failed"], &["knows no site of this name"]);
}

#[tokio::test]
async fn c15_a_flood_is_cut() {
    let (_folder, ca) = trusted(&root("Test Root"));
    // A handshake message that says it is 16 MiB, in endless records.
    let mut record = vec![22, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff];
    record.resize(5 + 0x4000, 0);
    let mut more = vec![22, 3, 3, 0x40, 0];
    more.resize(5 + 0x4000, 0);
    let mut pieces = vec![record];
    pieces.extend(std::iter::repeat_n(more, 200));
    let server = Server::saying(pieces, false).await;
    let looked = run_at(named("x.example", server.address, &ca), NOW, Duration::from_secs(3)).await;
    looked.expect(Status::Critical, &["chain-too-large"], &["over 64 KiB"]);
}

#[tokio::test]
async fn c16_a_handshake_that_stalls_at_any_record_ends_in_time() {
    let root = root("Test Root");
    let (_folder, ca) = trusted(&root);
    let real = Server::of(&root.site(&["x.example"], |_| {})).await;
    // How many bytes a server sends in a whole handshake is found by asking one; then a proxy stops at every boundary.
    let whole = Server::cut(real.address, usize::MAX).await;
    run(named("x.example", whole.address, &ca)).await.expect(Status::Ok, &[], &[]);
    let boundaries = whole.boundaries();
    assert!(boundaries.len() >= 3, "{boundaries:?}");
    let places = boundaries.iter().flat_map(|end| [*end, *end + 1, *end + 5]).chain([0, 1, 4]);
    let last = boundaries.last().copied().unwrap();
    let mut looks = Vec::new();
    for place in places.filter(|place| *place < last) {
        let server = Server::cut(real.address, place).await;
        let with = named("x.example", server.address, &ca);
        looks.push(async move { (place, run_at(with, NOW, Duration::from_millis(400)).await) });
    }
    let began = std::time::Instant::now();
    for (place, looked) in futures(looks).await {
        looked.expect(Status::Critical, &["no-answer"], &["within ", "tls handshake"]);
        let silent = looked.text().contains("then sent nothing");
        assert_eq!(silent, place == 0, "at byte {place}");
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// Waits for all, side by side.
async fn futures<T: Send + 'static>(all: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let tasks: Vec<_> = all.into_iter().map(tokio::spawn).collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap());
    }
    done
}

#[tokio::test]
async fn who_is_not_there_is_told_by_phase() {
    let (_folder, ca) = trusted(&root("Test Root"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    run(named("x.example", closed, &ca)).await.expect(Status::Critical, &["refused"], &["refused the connection"]);
    let with = json!({ "endpoints": ["no-such-name.invalid"], "ca-file": ca });
    let looked = run_at(with, NOW, Duration::from_secs(8)).await;
    // Without a name server nobody knows; with one the name does not exist.
    let codes = looked.codes();
    assert!(codes == ["not-found"] || codes == ["name-servers-failed"], "{}", looked.text());
    assert!(looked.entry.status() >= Status::Unknown);
    // A queue that is full does not answer.
    let backlog = full_queue();
    let looked =
        run_at(named("x.example", backlog.0.local_addr().unwrap(), &ca), NOW, Duration::from_millis(600)).await;
    looked.expect(Status::Critical, &["no-answer"], &["did not accept a connection within"]);
}

/// Returns a listener that nobody accepts from, with its queue filled.
fn full_queue() -> (std::net::TcpListener, Vec<std::net::TcpStream>) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap().into_std().unwrap();
    let address = listener.local_addr().unwrap();
    let waiting =
        (0..4).map_while(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok()).collect();
    (listener, waiting)
}

#[tokio::test]
async fn one_that_hangs_does_not_hide_the_others() {
    let root = root("Test Root");
    let (_folder, ca) = trusted(&root);
    let good = Server::of(&root.site(&["x.example"], |_| {})).await;
    let hangs = Server::saying(vec![], false).await;
    let with = json!({
        "endpoints": ["x.example"],
        "resolve-to": [good.address.to_string(), hangs.address.to_string()],
        "ca-file": ca
    });
    let looked = run_at(with, NOW, Duration::from_millis(700)).await;
    looked.expect(Status::Critical, &["no-answer"], &["then sent nothing within"]);
    assert!(looked.facts.endpoints[0].verified, "{}", looked.text());
}

impl Server {
    /// Passes a server on, but only its first bytes; then nothing more comes.
    async fn cut(to: std::net::SocketAddr, after: usize) -> Cut {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let sent = std::sync::Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(to).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let sent = std::sync::Arc::clone(&sent);
                tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                });
                tokio::spawn(async move {
                    let mut left = after;
                    let mut buffer = vec![0; 65_536];
                    while let Ok(count) = from_server.read(&mut buffer).await {
                        if count == 0 {
                            break;
                        }
                        let pass = count.min(left);
                        left -= pass;
                        sent.lock().unwrap().extend(&buffer[..pass]);
                        let _ = to_client.write_all(&buffer[..pass]).await;
                    }
                    // The connection stays open.
                    tokio::time::sleep(Duration::from_secs(20)).await;
                });
            }
        });
        Cut { address, seen }
    }
}

/// A proxy that stops.
struct Cut {
    address: std::net::SocketAddr,
    seen: std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
}

impl Cut {
    /// Returns where the records of the handshake end.
    fn boundaries(&self) -> Vec<usize> {
        let bytes = self.seen.lock().unwrap();
        let mut ends = Vec::new();
        let mut place = 0;
        while let Some(head) = bytes.get(place..place + 5) {
            place += 5 + usize::from(u16::from_be_bytes([head[3], head[4]]));
            ends.push(place);
        }
        // The tickets after the handshake are no part of it; the client is done before them.
        ends
    }
}
