//! A name server that is right, wrong or silent, seen by the thread of one test only.

use std::future::Future;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
use rustix::thread::UnshareFlags;
use tokio::net::UdpSocket;

/// The types of a question.
const A: u16 = 1;
const AAAA: u16 = 28;

/// Runs a test in a thread whose resolver asks a server of its own.
///
/// The server knows names below `test.`: `missing`, `broken` (SERVFAIL), `silent`, `six` (an address of the sixth version
/// only), `metadata` (the address at which cloud machines find credentials), and numbers, which have so many addresses.
pub(crate) fn with_names<F: Future<Output = ()>>(number: u8, test: impl FnOnce() -> F + Send + 'static) {
    let thread = std::thread::spawn(move || {
        // SAFETY: this thread and those it starts get a copy of the table of mounts; nothing of Rust rests on it.
        #[expect(unsafe_code, reason = "another resolv.conf must not be shown to the whole machine")]
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }
            .expect("this test needs the right to mount (root)");
        mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE).expect("mounts are kept apart");
        // One address for each test of each process: the port of name servers cannot be chosen.
        let [.., high, low] = std::process::id().to_be_bytes();
        let server = Ipv4Addr::new(127, 64 + number, high, low.clamp(1, 254));
        let mut settings = tempfile::NamedTempFile::new().unwrap();
        writeln!(settings, "nameserver {server}\noptions timeout:1 attempts:1").unwrap();
        mount_bind(settings.path(), "/etc/resolv.conf").expect("another resolv.conf for this thread");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let socket =
                UdpSocket::bind(SocketAddr::from((server, 53))).await.expect("the port of name servers (root)");
            let server = tokio::spawn(serve(socket));
            test().await;
            server.abort();
        });
        // A lookup that nobody answers goes on in its thread.
        runtime.shutdown_background();
    });
    thread.join().expect("the test");
}

async fn serve(socket: UdpSocket) {
    let mut buffer = [0; 512];
    while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
        if let Some(reply) = reply(&buffer[..count]) {
            let _ = socket.send_to(&reply, from).await;
        }
    }
}

/// Answers a question, or does not.
fn reply(question: &[u8]) -> Option<Vec<u8>> {
    let mut end = 12;
    let first = question.get(13..13 + usize::from(*question.get(12)?))?;
    let name = String::from_utf8_lossy(first).to_lowercase();
    while *question.get(end)? != 0 {
        end += usize::from(question[end]) + 1;
    }
    let kind = u16::from_be_bytes([*question.get(end + 1)?, *question.get(end + 2)?]);
    let asked = question.get(12..end + 5)?;
    let four = |count: u32| (0..count).map(|n| (0x7f00_0101 + n).to_be_bytes().to_vec()).collect();
    let (code, addresses): (u8, Vec<Vec<u8>>) = match (name.as_str(), kind) {
        ("silent", _) => return None,
        ("broken", _) => (2, Vec::new()),
        ("missing", _) => (3, Vec::new()),
        ("six", AAAA) => (0, vec![std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).octets().to_vec()]),
        ("metadata", A) => (0, vec![vec![169, 254, 169, 254]]),
        (number, A) => (0, four(number.parse().unwrap_or(0))),
        _ => (0, Vec::new()),
    };
    let mut reply = question[..2].to_vec();
    // An answer with authority, to one question.
    reply.extend([0x85, 0x80 | code, 0, 1]);
    reply.extend(u16::try_from(addresses.len()).ok()?.to_be_bytes());
    reply.extend([0; 4]);
    reply.extend(asked);
    for address in addresses {
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1, 0, 0, 0, 60, 0, u8::try_from(address.len()).ok()?]);
        reply.extend(address);
    }
    Some(reply)
}
