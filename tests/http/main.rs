//! The kind `http` against a real web server, healthy and sick. It needs the program nginx, and fails without it.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../faults/drive.rs"]
mod drive;
mod nginx;

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use selx_core::Status;
use serde_json::json;

use crate::drive::{LONG, SHORT, assert_is, assert_ok, look, look_in_time, words};
use crate::nginx::Nginx;

#[tokio::test]
async fn healthy_sites_are_fine() {
    let nginx = Nginx::start();
    let healthy = json!({
        "json": [{ "path": "$.status", "equals": "ok" }, { "path": "$.queue", "at-most": 100 }],
        "headers": { "content-type": "application/json", "server": "nginx" },
        "text": ["status"],
        "not-text": ["maintenance"],
    });
    let entry = look(json!({ "url": nginx.url("/ok"), "expect": healthy }), LONG).await;
    assert_ok(&entry);
    assert!(entry.headline().contains("200 OK"), "{}", entry.headline());
    let names: Vec<&str> = entry.measures.iter().map(|measured| measured.measure.name.as_ref()).collect();
    assert_eq!(names, ["total", "dns", "connect", "tls", "first-byte", "body", "body-size"]);
    // Without a length, in chunks; by a socket file; the headers alone; after a redirect; with a password.
    assert_ok(
        &look(json!({ "url": nginx.url("/chunked.shtml"), "expect": { "text": ["it is /chunked.shtml"] } }), LONG)
            .await,
    );
    let by_file = json!({ "url": "http://site.example/ok", "connect-to": format!("unix:{}", nginx.socket().display()), "expect": healthy });
    assert_ok(&look(by_file, LONG).await);
    assert_ok(&look(json!({ "url": nginx.url("/ok"), "method": "HEAD" }), LONG).await);
    assert_ok(&look(json!({ "url": nginx.url("/moved"), "redirects": 1, "expect": healthy }), LONG).await);
    let password = nginx.folder().join("password");
    std::fs::write(&password, "hunter2-hunter2").unwrap();
    std::fs::set_permissions(&password, PermissionsExt::from_mode(0o600)).unwrap();
    let basic = json!({ "basic": { "user": "ann", "password": format!("file:{}", password.display()) } });
    assert_ok(&look(json!({ "url": nginx.url("/private/"), "authorization": basic }), LONG).await);
}

#[tokio::test]
async fn sick_sites_are_named() {
    let nginx = Nginx::start();
    let of = |path: &str| json!({ "url": nginx.url(path) });
    let expecting = |path: &str, expect: serde_json::Value| json!({ "url": nginx.url(path), "expect": expect });
    let status_ok = json!({ "json": [{ "path": "$.status", "equals": "ok" }] });
    for (with, code, said) in [
        (of("/500"), "unexpected-status", "500 Internal Server Error"),
        (of("/missing"), "unexpected-status", "404 Not Found"),
        (of("/down"), "unexpected-status", "502 Bad Gateway"),
        (of("/private/"), "unexpected-status", "401 Unauthorized"),
        (of("/moved"), "redirected", "/ok"),
        (json!({ "url": nginx.url("/away"), "redirects": 3 }), "redirected", "127.0.0.2"),
        (json!({ "url": nginx.url("/circle"), "redirects": 3 }), "redirected", "circle"),
        (expecting("/sick", status_ok.clone()), "unexpected-body", "\"degraded\" at `$.status`"),
        (
            expecting("/sick", json!({ "json": [{ "path": "$.queue", "at-most": 100 }] })),
            "unexpected-body",
            "120 at `$.queue`",
        ),
        (expecting("/login", status_ok), "unexpected-body", "not JSON (text/html)"),
        (expecting("/login", json!({ "text": ["welcome back"] })), "unexpected-body", "without the text"),
        (
            expecting("/ok", json!({ "headers": { "content-type": "text/html" } })),
            "unexpected-header",
            "application/json",
        ),
        (of("/dropped"), "cut-off", "before any answer"),
        (of("/large"), "body-too-large", "longer than the 1 MiB"),
    ] {
        let entry = look(with, LONG).await;
        assert_is(&entry, Status::Critical, code, &[said]);
    }
}

#[tokio::test]
async fn slow_sites_are_late_or_never_whole() {
    let nginx = Nginx::start();
    let (late, never) = tokio::join!(
        look_in_time(json!({ "url": nginx.url("/slow/3k") })),
        look(json!({ "url": nginx.url("/slow/64k") }), Duration::from_millis(700))
    );
    assert!(late.status() >= Status::Warning, "{}", words(&late));
    assert!(words(&late).contains("limit-total"), "{}", words(&late));
    assert_is(&never, Status::Critical, "no-answer", &["phase: body", "came"]);
}

#[tokio::test]
async fn encrypted_sites_are_verified() {
    let nginx = Nginx::start();
    let with =
        |name: &str| json!({ "url": format!("https://{name}:{}/ok", nginx.secure_port()), "connect-to": "127.0.0.1" });
    let entry = look(with("site.example"), LONG).await;
    assert_is(&entry, Status::Critical, "tls-failed", &["not signed by a trusted root"]);
    let mut trusted = with("site.example");
    trusted["ca-file"] = json!(nginx.root());
    let entry = look(trusted, LONG).await;
    assert_ok(&entry);
    let mut wrong = with("wrong.example");
    wrong["ca-file"] = json!(nginx.root());
    let entry = look(wrong, LONG).await;
    assert_is(&entry, Status::Critical, "tls-failed", &["not for wrong.example"]);
    // Each scheme at the port of the other.
    let plain = json!({ "url": format!("http://127.0.0.1:{}/ok", nginx.secure_port()) });
    let entry = look(plain, LONG).await;
    assert_is(&entry, Status::Critical, "unexpected-status", &["400 Bad Request"]);
    let crossed = json!({ "url": nginx.url("/ok").replace("http://", "https://"), "ca-file": nginx.root() });
    let entry = look(crossed, LONG).await;
    assert_is(&entry, Status::Critical, "tls-failed", &["does not speak TLS"]);
}

#[tokio::test]
async fn a_paused_and_a_killed_server() {
    let mut nginx = Nginx::start();
    let with = json!({ "url": nginx.url("/ok") });
    assert_ok(&look(with.clone(), LONG).await);
    nginx.pause();
    let began = Instant::now();
    let entry = look(with.clone(), SHORT).await;
    assert_is(&entry, Status::Critical, "no-answer", &["phase: first byte", "within 300ms"]);
    assert!(began.elapsed() < Duration::from_secs(2));
    nginx.resume();
    assert_ok(&look(with.clone(), LONG).await);
    nginx.kill();
    let entry = look(with, LONG).await;
    assert_is(&entry, Status::Critical, "not-connected", &["refused"]);
}
