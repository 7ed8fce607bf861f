//! Answers that are not HTTP, and HTTP over other transports (cases B3 to B6).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use selx_core::Status;
use serde_json::json;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::drive::{LONG, SHORT, assert_is, assert_ok, look, words};
use crate::http_peer::{CHUNKED, REPLY};
use crate::peer::{Peer, Step, answer};

#[tokio::test]
async fn b3_what_two_readers_could_take_differently_is_refused() {
    let ok = "HTTP/1.1 200 OK\r\n";
    for (reply, said) in [
        ("HTP/1.1 200 OK\r\n\r\n".to_owned(), "does not begin with"),
        ("\x1b[2J\x1b]0;owned\x07".to_owned(), "does not begin with"),
        ("HTTP/1.1 2OO OK\r\n\r\n".to_owned(), "status line"),
        ("HTTP/1.1 200 OK\n\n".to_owned(), "without a carriage return"),
        (format!("{ok}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc"), "more than once"),
        (format!("{ok}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab"), "more than once"),
        (format!("{ok}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "contradict"),
        (format!("{ok}Content-Length: -1\r\n\r\n"), "not a number"),
        (format!("{ok}Content-Length: 18446744073709551616\r\n\r\n"), "not a number"),
        (format!("{ok}Content-Length: 18446744073709551615\r\n\r\n"), "not a number"),
        (format!("{ok}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"), "overflow"),
        (format!("{ok}Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n"), "chunk"),
        (format!("{ok}Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), "chunk"),
        (format!("{ok}Transfer-Encoding: chunked\r\n\r\n\r\n"), "chunk"),
        (format!("{ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n0\r\n\r\n"), "chunk"),
        (format!("{ok}Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n"), "chunk"),
        (format!("{ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), "something else"),
        (format!("{ok}a b: c\r\n\r\n"), "characters"),
        (format!("{ok}a: b\r\n c: d\r\n\r\n"), "next line"),
    ] {
        let peer = Peer::tcp(answer(reply.clone())).await;
        let entry = look(json!({ "url": peer.url("/") }), LONG).await;
        assert_is(&entry, Status::Critical, "malformed-response", &[said]);
        assert!(!words(&entry).contains('\x1b'), "{reply:?}");
    }
}

#[tokio::test]
async fn b3_garbage_that_goes_on_for_ever_ends_at_its_first_byte() {
    let peer = Peer::tcp(vec![Step::Flood(vec![b'?'; 4096], 1 << 30)]).await;
    let entry = look(json!({ "url": peer.url("/") }), LONG).await;
    assert_is(&entry, Status::Critical, "malformed-response", &["does not begin with"]);
    let tls = Peer::tcp(vec![Step::Send(b"\x15\x03\x03\0\x02\x02\x0a".to_vec()), Step::Silence]).await;
    let entry = look(json!({ "url": tls.url("/") }), LONG).await;
    assert_is(&entry, Status::Critical, "malformed-response", &["speaks https"]);
}

#[tokio::test]
async fn b4_headers_are_capped() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    let long = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "b".repeat(65_536));
    let endless = vec![
        Step::Await(b"\r\n\r\n"),
        Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Step::Flood(b"a: b\r\n".to_vec(), 1 << 30),
    ];
    for (script, said) in [(answer(many), "more than 100"), (answer(long), "64 KiB"), (endless, "more than 100")] {
        let peer = Peer::tcp(script).await;
        let entry = look(json!({ "url": peer.url("/") }), LONG).await;
        assert_is(&entry, Status::Critical, "headers-too-large", &[said]);
        assert!(peer.log.sent() < 32 << 20);
    }
}

#[tokio::test]
async fn b5_compressed_bodies_are_neither_unpacked_nor_believed() {
    // A gzip member of zeros: about a thousand times larger when it is unpacked.
    let bomb = [b"\x1f\x8b\x08\0\0\0\0\0\0\x03".as_slice(), &[0xec; 500]].concat();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
    let reply = [head.as_bytes(), &bomb].concat();
    let peer = Peer::tcp(answer(reply.clone())).await;
    let entry = look(json!({ "url": peer.url("/"), "expect": { "not-text": ["error"] } }), LONG).await;
    assert_is(&entry, Status::Critical, "encoded-body", &["gzip"]);
    assert!(peer.log.text(0).contains("accept-encoding: identity"), "{}", peer.log.text(0));
    // Without expectations it is an answer of its size.
    let peer = Peer::tcp(answer(reply)).await;
    let entry = look(json!({ "url": peer.url("/") }), LONG).await;
    assert_ok(&entry);
    let size = entry.measures.iter().find(|measured| measured.measure.name == "body-size").unwrap();
    assert_eq!(size.measure.value, bomb.len() as f64);
}

#[tokio::test]
async fn b6_other_versions_and_interim_answers() {
    for (reply, said) in [
        (b"<html>it works</html>".to_vec(), "does not begin with"),
        (b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64".to_vec(), "HTTP/2"),
        (b"HTTP/2.0 200 OK\r\n\r\n".to_vec(), "another version"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n".to_vec(), "switches"),
        (b"HTTP/1.1 100 Continue\r\n\r\n".repeat(9), "8 interim"),
    ] {
        let peer = Peer::tcp(answer(reply)).await;
        let entry = look(json!({ "url": peer.url("/") }), LONG).await;
        assert_is(&entry, Status::Critical, "malformed-response", &[said]);
    }
    let eight = [b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(8), REPLY.to_vec()].concat();
    let peer = Peer::tcp(answer(eight)).await;
    assert_ok(&look(json!({ "url": peer.url("/") }), LONG).await);
    // Interim answers and nothing behind them.
    let peer = Peer::tcp(answer(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())).await;
    let entry = look(json!({ "url": peer.url("/") }), LONG).await;
    assert_is(&entry, Status::Critical, "cut-off", &["inside the headers"]);
    // An old server that ends a body by closing.
    let peer = Peer::tcp(answer("HTTP/1.0 200 OK\r\n\r\n{\"status\":\"ok\"}")).await;
    let with = json!({ "url": peer.url("/"), "expect": { "json": [{ "path": "$.status", "equals": "ok" }] } });
    assert_ok(&look(with, LONG).await);
}

#[tokio::test]
async fn over_a_socket_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let peer = Peer::unix(&path, answer(REPLY)).await;
    let with = json!({ "url": "http://app.example/live", "connect-to": format!("unix:{}", path.display()) });
    let entry = look(with, LONG).await;
    assert_ok(&entry);
    let request = peer.log.text(0);
    assert!(request.starts_with("GET /live HTTP/1.1\r\nhost: app.example\r\n"), "{request}");
}

/// A root in a file, and a server that has a certificate of it for some names.
pub(crate) struct Certified {
    pub(crate) root: PathBuf,
    pub(crate) server: Arc<ServerConfig>,
    _folder: tempfile::TempDir,
}

pub(crate) fn certified(names: &[&str]) -> Certified {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &root).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.pem");
    std::fs::write(&path, root.pem()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    Certified { root: path, server: Arc::new(server), _folder: folder }
}

pub(crate) fn encrypted(server: &Arc<ServerConfig>, script: Vec<Step>) -> Vec<Step> {
    [vec![Step::Tls(Arc::clone(server))], script].concat()
}

#[tokio::test]
async fn encrypted_answers_that_are_right_and_wrong() {
    let right = certified(&["site.example"]);
    let other = certified(&["other.example"]);
    let with = |peer: &Peer, root: Option<&PathBuf>| {
        json!({
            "url": format!("https://site.example:{}/", peer.port()),
            "connect-to": "127.0.0.1",
            "ca-file": root,
        })
    };
    let peer = Peer::tcp(encrypted(&right.server, answer(REPLY))).await;
    let entry = look(with(&peer, Some(&right.root)), LONG).await;
    assert_ok(&entry);
    let facts = entry.facts.unwrap();
    assert_eq!(facts["looks"][0]["tls"]["version"], "TLSv1_3");
    assert!(facts["looks"][0]["times"]["tls"].as_f64().unwrap() > 0.0);

    let peer = Peer::tcp(encrypted(&right.server, answer(REPLY))).await;
    let entry = look(with(&peer, Some(&other.root)), LONG).await;
    assert_is(&entry, Status::Critical, "tls-failed", &["phase: tls"]);
    let peer = Peer::tcp(encrypted(&other.server, answer(REPLY))).await;
    let entry = look(with(&peer, Some(&other.root)), LONG).await;
    assert_is(&entry, Status::Critical, "tls-failed", &["other.example", "not for site.example"]);
    let peer = Peer::tcp(encrypted(&other.server, answer(REPLY))).await;
    let mut named = with(&peer, Some(&other.root));
    named["server-name"] = "other.example".into();
    assert_ok(&look(named, LONG).await);

    for (script, code, said) in [
        (vec![Step::Silence], "tls-failed", "handshake did not end"),
        (vec![Step::Take(1)], "tls-failed", "during the handshake"),
        (vec![Step::Take(1), Step::Reset], "tls-failed", "during the handshake"),
        (vec![Step::Take(1), Step::Send(REPLY.to_vec())], "tls-failed", "does not speak TLS"),
        (encrypted(&right.server, vec![Step::Silence]), "no-answer", "phase: first byte"),
    ] {
        let peer = Peer::tcp(script).await;
        let entry = look(with(&peer, Some(&right.root)), Duration::from_millis(1500)).await;
        assert_is(&entry, Status::Critical, code, &[said]);
    }
    // Roots that cannot be read are a fault of this machine.
    let missing = PathBuf::from("/nonexistent/root.pem");
    let entry = look(with(&peer, Some(&missing)), LONG).await;
    assert_eq!(entry.status(), Status::Unknown, "{}", words(&entry));
}

#[tokio::test]
async fn a7_an_encrypted_reply_that_is_cut_anywhere_is_never_fine() {
    let certified = certified(&["127.0.0.1"]);
    let close_delimited = b"HTTP/1.0 200 OK\r\n\r\n{\"status\":\"ok\"}";
    for reply in [REPLY, CHUNKED, close_delimited] {
        for at in 0..reply.len() {
            // The connection ends without the notice that TLS asks for, so even a body without a length is known to be cut.
            let script = encrypted(&certified.server, answer(&reply[..at]));
            let peer = Peer::tcp(script).await;
            let url = format!("https://{}/", peer.address);
            let entry = look(json!({ "url": url, "ca-file": certified.root }), LONG).await;
            assert_is(&entry, Status::Critical, "cut-off", &[]);
        }
    }
    let peer = Peer::tcp(encrypted(&certified.server, answer(REPLY))).await;
    let url = format!("https://{}/", peer.address);
    assert_ok(&look(json!({ "url": url, "ca-file": certified.root }), LONG).await);
    let entry = look(json!({ "url": url, "ca-file": certified.root }), SHORT).await;
    assert_ok(&entry);
}
