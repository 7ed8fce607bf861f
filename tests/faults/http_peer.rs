//! Peers that are not there, hang, or break off (group A).

use std::time::{Duration, Instant};

use selx_core::{Runner, Selection, Status};
use serde_json::json;

use crate::drive::{LONG, SHORT, assert_is, assert_ok, instance, look, settings, words};
use crate::peer::{self, BlackHole, Peer, Step, answer};

pub(crate) const REPLY: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}";
pub(crate) const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"statu\r\n8;x=y\r\ns\":\"ok\"}\r\n0\r\nt: v\r\n\r\n";

fn healthy(url: String) -> serde_json::Value {
    json!({ "url": url, "expect": { "json": [{ "path": "$.status", "equals": "ok" }] } })
}

#[tokio::test]
async fn a1_a_black_hole_ends_at_the_connect_timeout() {
    let hole = BlackHole::new();
    let began = Instant::now();
    let url = format!("http://{}/", hole.address);
    let entry = look(json!({ "url": url, "connect-timeout": "300ms" }), LONG).await;
    let address = hole.address.to_string();
    assert_is(&entry, Status::Critical, "not-connected", &[&address, "phase: connect", "within 300ms"]);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // And at the limit of the attempt, if that is shorter.
    let entry = look(json!({ "url": url }), SHORT).await;
    assert_is(&entry, Status::Critical, "not-connected", &["phase: connect", "within 300ms"]);
}

#[tokio::test]
async fn a2_refused_and_reset_at_once() {
    let address = peer::refusing().await;
    let began = Instant::now();
    let entry = look(json!({ "url": format!("http://{address}/") }), LONG).await;
    assert_is(&entry, Status::Critical, "not-connected", &["refused", &address.to_string()]);
    let reset = Peer::tcp(vec![Step::Reset]).await;
    let entry = look(healthy(reset.url("/")), LONG).await;
    assert_is(&entry, Status::Critical, "cut-off", &["before any answer", "phase: first byte"]);
    assert!(began.elapsed() < Duration::from_secs(2));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.sock");
    let entry = look(json!({ "url": "http://app/", "connect-to": format!("unix:{}", path.display()) }), LONG).await;
    assert_is(&entry, Status::Critical, "not-connected", &["none.sock", "does not exist"]);
}

#[tokio::test]
async fn a3_accepted_and_never_answered() {
    for script in [vec![Step::Silence], vec![Step::Drain]] {
        let peer = Peer::tcp(script).await;
        let began = Instant::now();
        let entry = look(healthy(peer.url("/")), SHORT).await;
        assert_is(&entry, Status::Critical, "no-answer", &["phase: first byte", "within 300ms"]);
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a4_one_byte_at_a_time_does_not_outlive_the_limit() {
    let slow = |bytes: &[u8]| vec![Step::Await(b"\r\n\r\n"), Step::Drip(bytes.into(), Duration::from_millis(20))];
    let head = Peer::tcp(slow(&[REPLY, &[b'x'; 500]].concat())).await;
    let entry = look(healthy(head.url("/")), SHORT).await;
    assert_is(&entry, Status::Critical, "no-answer", &["headers were not whole", "bytes came", "phase: headers"]);
    let mut script = answer("HTTP/1.1 200 OK\r\n\r\n");
    script.push(Step::Drip(vec![b'x'; 500], Duration::from_millis(20)));
    let body = Peer::tcp(script).await;
    let entry = look(healthy(body.url("/")), SHORT).await;
    assert_is(&entry, Status::Critical, "no-answer", &["body was not whole", "phase: body"]);
}

#[tokio::test]
async fn a5_a_flood_is_not_read_beyond_the_cap() {
    let flood = |begin: &str, piece: Vec<u8>| {
        vec![Step::Await(b"\r\n\r\n"), Step::Send(begin.into()), Step::Flood(piece, 1 << 30)]
    };
    let endless = Peer::tcp(flood("HTTP/1.1 200 OK\r\n\r\n", vec![b'x'; 64 * 1024])).await;
    let chunks =
        Peer::tcp(flood("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\naaaa\r\n".repeat(2000))).await;
    let announced =
        Peer::tcp(flood("HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n", vec![b'x'; 64 * 1024])).await;
    for peer in [endless, chunks, announced] {
        let entry = look(healthy(peer.url("/")), LONG).await;
        assert_is(&entry, Status::Critical, "body-too-large", &["longer than the 1 MiB"]);
        // What is over the cap filled the buffers of the kernel, and no memory of the check.
        assert!(peer.log.sent() < 32 << 20, "{} bytes were taken", peer.log.sent());
    }
    for (cap, status) in [("14", Status::Critical), ("15", Status::Ok)] {
        let peer = Peer::tcp(answer(REPLY)).await;
        let entry = look(json!({ "url": peer.url("/"), "max-body": cap }), LONG).await;
        assert_eq!(entry.status(), status, "{cap}: {}", words(&entry));
    }
}

#[tokio::test]
async fn a6_a_reply_in_two_pieces_is_the_same_reply() {
    for reply in [REPLY, CHUNKED] {
        for at in 0..=reply.len() {
            let peer = Peer::tcp(peer::split_at(reply, at)).await;
            assert_ok(&look(healthy(peer.url("/")), LONG).await);
        }
        let peer = Peer::tcp(vec![Step::Await(b"\r\n\r\n"), Step::Drip(reply.into(), Duration::from_millis(1))]).await;
        assert_ok(&look(healthy(peer.url("/")), LONG).await);
    }
}

#[tokio::test]
async fn a7_a_reply_that_is_cut_anywhere_is_never_fine() {
    // Nothing is expected of the body: the framing alone has to tell.
    for reply in [REPLY, CHUNKED] {
        for at in 0..reply.len() {
            let ended = Peer::tcp(peer::cut_at(reply, at)).await;
            let entry = look(json!({ "url": ended.url("/") }), LONG).await;
            let place = match at {
                0 => "before any answer".to_owned(),
                1 => "after 1 byte".to_owned(),
                at => format!("after {at} bytes"),
            };
            assert_is(&entry, Status::Critical, "cut-off", &[&place]);
            // How much of it is read before a reset takes it away is a matter of luck.
            let reset = Peer::tcp(peer::reset_at(reply, at)).await;
            let entry = look(json!({ "url": reset.url("/") }), LONG).await;
            assert_is(&entry, Status::Critical, "cut-off", &[]);
        }
        let whole = Peer::tcp(peer::cut_at(reply, reply.len())).await;
        assert_ok(&look(json!({ "url": whole.url("/") }), LONG).await);
    }
}

#[tokio::test]
async fn a7_a_reply_that_stalls_anywhere_is_never_fine() {
    let mut checks = Vec::new();
    let mut peers = Vec::new();
    for at in 0..REPLY.len() {
        let peer = Peer::tcp(peer::stall_at(REPLY, at)).await;
        checks.push(instance(format!("at-{at}"), healthy(peer.url("/"))));
        peers.push(peer);
    }
    let selection = Selection { instances: checks, routine: None };
    let report = Runner::new(settings(Duration::from_millis(800))).run(&selection).await;
    for entry in &report.entries {
        assert_is(entry, Status::Critical, "no-answer", &["within 800ms"]);
    }
}

#[tokio::test]
async fn a8_half_closed_connections_follow_the_protocol() {
    // The peer has said everything and waits for our end, which must not be waited for.
    let mut script = answer(REPLY);
    script.extend([Step::HalfClose, Step::Drain]);
    let ended = Peer::tcp(script).await;
    assert_ok(&look(healthy(ended.url("/")), Duration::from_secs(2)).await);
    // The end comes late: the length says that the reply is whole.
    let mut script = answer(REPLY);
    script.push(Step::Silence);
    let late = Peer::tcp(script).await;
    assert_ok(&look(healthy(late.url("/")), Duration::from_secs(2)).await);
    // Ended before anything was said.
    let mute = Peer::tcp(vec![Step::Await(b"\r\n\r\n"), Step::HalfClose, Step::Drain]).await;
    let entry = look(healthy(mute.url("/")), LONG).await;
    assert_is(&entry, Status::Critical, "cut-off", &["before any answer"]);
}

#[tokio::test]
async fn a9_names_that_lead_nowhere() {
    let began = Instant::now();
    let entry = look(json!({ "url": "http://no-such-name.invalid/" }), Duration::from_secs(3)).await;
    assert_is(&entry, Status::Critical, "name-not-resolved", &["no-such-name.invalid", "phase: name resolution"]);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // An address of the sixth version to which no way leads: of documentation, which nobody routes.
    let entry = look(json!({ "url": "http://[2001:db8::1]/", "connect-timeout": "300ms" }), LONG).await;
    assert_is(&entry, Status::Critical, "not-connected", &["[2001:db8::1]:80", "phase: connect"]);
}

#[tokio::test]
async fn a10_private_addresses_by_policy() {
    let peer = Peer::tcp(answer(REPLY)).await;
    let url = format!("http://localhost:{}/", peer.port());
    let entry = look(json!({ "url": url, "private": "deny" }), LONG).await;
    assert_is(&entry, Status::Critical, "private-address", &["127.0.0.1 (loopback)"]);
    assert_eq!(peer.log.connections(), 0, "it was asked all the same");
    assert!(!serde_json::to_string(&entry.facts).unwrap().contains("looks"));
    // `localhost` may lead to ::1 first, where nobody listens; the next address answers.
    let entry = look(json!({ "url": url, "private": "warn" }), LONG).await;
    assert_eq!(entry.status(), Status::Warning, "{}", words(&entry));
    assert!(words(&entry).contains("127.0.0.1 (loopback)"), "{}", words(&entry));
    assert_eq!(peer.log.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a11_a_hundred_hung_checks_end_with_the_run_and_none_is_missing() {
    let peer = Peer::tcp(vec![Step::Silence]).await;
    let hole = BlackHole::new();
    let hung = |number: usize| {
        let url = if number.is_multiple_of(2) { peer.url("/") } else { format!("http://{}/", hole.address) };
        instance(format!("hung-{number}"), json!({ "url": url }))
    };
    let selection = Selection { instances: (0..100).map(hung).collect(), routine: None };
    let mut settings = settings(Duration::from_secs(30));
    settings.concurrency = 60;
    settings.deadline = Duration::from_secs(2);
    let began = Instant::now();
    let report = Runner::new(settings).run(&selection).await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(report.entries.len(), 100);
    for (number, entry) in report.entries.iter().enumerate() {
        assert_eq!(entry.name, format!("hung-{number}"));
        assert!(entry.status() >= Status::Unknown, "{}", words(entry));
    }
    // Those that had begun know their peer; the others say that they had not.
    assert_eq!(report.count(Status::Critical), 60);
    assert_eq!(report.count(Status::Unknown), 40);
    assert!(words(&report.entries[99]).contains("not begun"));
}

/// Returns the time that this thread has computed.
fn computed() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

#[tokio::test]
async fn a12_urgent_bytes_and_full_windows_cost_no_time() {
    // Bytes out of band are no part of an answer.
    let mut script = vec![Step::Await(b"\r\n\r\n"), Step::Urgent(b'!'), Step::Send(REPLY[..20].into())];
    script.extend([Step::Urgent(b'?'), Step::Send(REPLY[20..].into())]);
    let urgent = Peer::tcp(script).await;
    assert_ok(&look(healthy(urgent.url("/")), LONG).await);

    // A flood of them, and a peer that never reads what is sent to it.
    let mut flood = vec![Step::Await(b"\r\n\r\n")];
    for _ in 0..80 {
        flood.extend([Step::Urgent(b'!'), Step::Wait(Duration::from_millis(10))]);
    }
    let flood = Peer::tcp(flood).await;
    let deaf = Peer::tcp(vec![Step::Silence]).await;
    let body = "x".repeat(16 << 20);
    let (began, before) = (Instant::now(), computed());
    let limit = Duration::from_millis(700);
    let (first, second) = tokio::join!(
        look(healthy(flood.url("/")), limit),
        look(json!({ "url": deaf.url("/"), "method": "POST", "body": body }), limit)
    );
    let (wall, busy) = (began.elapsed(), computed() - before);
    assert_is(&first, Status::Critical, "no-answer", &["phase: first byte"]);
    assert_is(&second, Status::Critical, "no-answer", &["phase: first byte"]);
    assert!(wall < Duration::from_secs(2), "{wall:?}");
    // Peer and check run in this one thread; a loop that spins would take all of it.
    assert!(busy < wall / 3, "{busy:?} of {wall:?}");
}

#[tokio::test]
async fn a_dead_address_in_front_does_not_hide_the_one_behind() {
    // `localhost` with both versions, or the four-only twin: where there is but one address there is nothing to skip.
    let peer = Peer::tcp(answer(REPLY)).await;
    let entry = look(healthy(format!("http://localhost:{}/", peer.port())), LONG).await;
    assert!(entry.status() <= Status::Warning, "{}", words(&entry));
    let all = json!({ "url": format!("http://localhost:{}/", peer.port()), "addresses": "all" });
    let entry = look(all, LONG).await;
    let facts = entry.facts.clone().unwrap();
    let addresses = facts["resolved"]["addresses"].as_array().unwrap().len();
    assert_eq!(facts["looks"].as_array().unwrap().len(), addresses);
    let expected = if addresses == 1 { Status::Ok } else { Status::Critical };
    assert_eq!(entry.status(), expected, "{}", words(&entry));
    assert!(entry.measures.iter().any(|measured| measured.measure.subject.starts_with("127.0.0.1:")));
}
