//! Answers that are HTTP and yet not right (cases B1, B2, B7 to B9), and secrets (O4, O6, N4).

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use selx_core::{Severity, Status};
use serde_json::{Value, json};

use crate::drive::{LONG, assert_is, assert_ok, look, look_in_time, words};
use crate::http_peer::REPLY;
use crate::peer::{Peer, Step, answer};

fn reply(kind: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn redirect(target: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn b1_a_200_that_is_not_fine() {
    let healthy = json!({ "json": [{ "path": "$.status", "equals": "ok" }] });
    let sick = reply("application/json", r#"{"status":"unhealthy"}"#);
    let login = reply("text/html", "<html><title>Login</title></html>");
    let empty = reply("application/json", "");
    for (body, said) in [(&sick, "\"unhealthy\" at `$.status`"), (&login, "not JSON (text/html)"), (&empty, "not JSON")]
    {
        let peer = Peer::tcp(answer(body.clone())).await;
        let entry = look(json!({ "url": peer.url("/"), "expect": healthy }), LONG).await;
        assert_is(&entry, Status::Critical, "unexpected-body", &[said]);
        // Without expectations it is fine, and the report says on request that nobody looked.
        let peer = Peer::tcp(answer(body.clone())).await;
        let entry = look(json!({ "url": peer.url("/") }), LONG).await;
        assert_ok(&entry);
        let content = entry.judgement.evidence.iter().find(|evidence| evidence.label == "content").unwrap();
        assert!(content.value.contains("not checked"));
    }
    let peer = Peer::tcp(answer(login)).await;
    let entry = look(
        json!({ "url": peer.url("/"), "expect": { "not-text": ["Login"], "headers": { "content-type": "HTML" } } }),
        LONG,
    )
    .await;
    assert_is(&entry, Status::Critical, "unexpected-body", &["`Login`", "should not be there"]);
}

#[tokio::test]
async fn b2_redirects_are_a_finding_unless_they_are_followed() {
    let peer = Peer::tcp(answer(redirect("/login?session=hunter2"))).await;
    let entry = look(json!({ "url": peer.url("/") }), LONG).await;
    assert_is(&entry, Status::Critical, "redirected", &["302 Found", "/login?session=…", "not followed"]);
    assert!(!format!("{entry:?}").contains("hunter2"), "{entry:?}");
    assert_eq!(peer.log.connections(), 1);
    let entry = look(json!({ "url": peer.url("/"), "expect": { "status": [302] } }), LONG).await;
    assert_ok(&entry);

    let hops = |number: usize| match number {
        0 => answer(redirect("/second")),
        1 => answer(redirect("third")),
        _ => answer(REPLY),
    };
    let peer = Peer::tcp_on("127.0.0.1:0", hops).await;
    let entry = look(json!({ "url": peer.url("/first"), "redirects": 2 }), LONG).await;
    assert_ok(&entry);
    assert!(peer.log.text(2).starts_with("GET /third "), "{}", peer.log.text(2));
    let peer = Peer::tcp_on("127.0.0.1:0", hops).await;
    let entry = look(json!({ "url": peer.url("/first"), "redirects": 1 }), LONG).await;
    assert_is(&entry, Status::Critical, "redirected", &["1 redirects were followed already", "/third"]);

    let circle = Peer::tcp(answer(redirect("/"))).await;
    let entry = look(json!({ "url": circle.url("/"), "redirects": 5 }), LONG).await;
    assert_is(&entry, Status::Critical, "redirected", &["circle"]);
    let endless = Peer::tcp_on("127.0.0.1:0", |number| answer(redirect(&format!("/{number}")))).await;
    let entry = look(json!({ "url": endless.url("/"), "redirects": 5 }), LONG).await;
    assert_is(&entry, Status::Critical, "redirected", &["5 redirects were followed already"]);
    assert_eq!(endless.log.connections(), 6);
}

#[tokio::test]
async fn b2_no_other_host_and_no_credentials_there() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "hunter2-hunter2\n").unwrap();
    std::fs::set_permissions(&token, PermissionsExt::from_mode(0o600)).unwrap();
    let other = Peer::tcp_on("127.0.0.2:0", |_| answer(REPLY)).await;
    let target = other.url("/there");
    let peer = Peer::tcp(answer(redirect(&target))).await;
    let mut with = json!({
        "url": peer.url("/"),
        "redirects": 5,
        "headers": { "x-key": "canary-7531" },
        "authorization": { "bearer": format!("file:{}", token.display()) },
    });
    let entry = look(with.clone(), LONG).await;
    assert_is(&entry, Status::Critical, "redirected", &["another scheme, host or port", &target]);
    assert_eq!(other.log.connections(), 0, "it was followed");
    with["redirect-origins"] = json!([format!("http://{}", other.address)]);
    let entry = look(with, LONG).await;
    assert_ok(&entry);
    let (first, second) = (peer.log.text(1), other.log.text(0));
    assert!(first.contains("authorization: Bearer hunter2-hunter2") && first.contains("x-key: canary-7531"), "{first}");
    assert!(!second.contains("hunter2") && !second.contains("canary"), "{second}");
    assert!(second.contains(&format!("host: {}", other.address)), "{second}");
    assert!(!format!("{:?}", entry.facts).contains("hunter2"));
}

#[tokio::test]
async fn b7_bodies_are_shown_short_and_harmless() {
    let mut body = b"\x1b[31m\0\r\n\xff\xfe\xc2\x9b2J \xe2\x80\xae".to_vec();
    body.extend(std::iter::repeat_n(b'A', 5000));
    let head = format!("HTTP/1.1 503 Service Unavailable\r\nContent-Length: {}\r\n\r\n", body.len());
    let peer = Peer::tcp(answer([head.into_bytes(), body].concat())).await;
    let entry = look(json!({ "url": peer.url("/") }), LONG).await;
    assert_is(&entry, Status::Critical, "unexpected-status", &["503 Service Unavailable", "expected 200-299"]);
    let finding = entry.judgement.findings.iter().find(|finding| finding.severity == Severity::Critical).unwrap();
    let excerpt = &finding.evidence.iter().find(|evidence| evidence.label == "body").unwrap().value;
    assert!(excerpt.len() <= 200, "{}", excerpt.len());
    assert!(excerpt.contains("\\u{1b}[31m") && excerpt.contains("\\u{202e}"), "{excerpt}");
    assert!(!excerpt.chars().any(char::is_control), "{excerpt:?}");
}

#[tokio::test]
async fn b8_a_right_answer_that_is_slow() {
    let slow = |millis: u64| {
        let wait = Step::Wait(Duration::from_millis(millis));
        vec![Step::Await(b"\r\n\r\n"), wait, Step::Send(REPLY.into())]
    };
    let (one, two) = (Peer::tcp(slow(1100)).await, Peer::tcp(slow(2100)).await);
    let (first, second) =
        tokio::join!(look_in_time(json!({ "url": one.url("/") })), look_in_time(json!({ "url": two.url("/") })));
    assert_is(&first, Status::Warning, "limit-total", &["the warning limit of 1s"]);
    assert_is(&second, Status::Critical, "limit-total", &["the critical limit of 2s"]);
    let of = |name: &str| second.measures.iter().find(|measured| measured.measure.name == name).unwrap().measure.value;
    assert!(of("first-byte") > 2.0 && of("connect") < 0.5 && of("body") < 0.5 && of("tls") == 0.0);
    assert!(of("total") >= of("first-byte") + of("connect") + of("body") - 0.01);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the environment of a child is the only one that a test may change")]
fn b9_proxies_of_the_environment_are_ignored() {
    // This program again, one test of it, with every way to name a proxy that does not exist.
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "http_content::b2_redirects_are_a_finding_unless_they_are_followed"]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        child.env(name, "http://127.0.0.1:1");
    }
    child.env_remove("no_proxy").env_remove("NO_PROXY");
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn o4_no_secret_is_in_what_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "hunter2-hunter2\n").unwrap();
    std::fs::set_permissions(&password, PermissionsExt::from_mode(0o600)).unwrap();
    // A server that repeats what it was sent, in its body and in its headers.
    let pair = "YW5uOmh1bnRlcjItaHVudGVyMg==";
    let body = format!(r#"{{"you-sent":"Basic {pair}","password":"hunter2-hunter2"}}"#);
    let echo = format!(
        "HTTP/1.1 200 OK\r\nSet-Cookie: session=canary-7531\r\nContent-Type: x/hunter2-hunter2\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let peer = Peer::tcp(answer(echo)).await;
    let with = json!({
        "url": peer.url("/?token=canary-8642"),
        "authorization": { "basic": { "user": "ann", "password": format!("file:{}", password.display()) } },
        "expect": {
            "headers": { "set-cookie": "session=x", "content-type": "json" },
            "json": [{ "path": "$['you-sent']", "equals": "x" }, { "path": "$.password", "equals": "x" }],
        },
    });
    let mut entry = look(with, LONG).await;
    assert!(peer.log.text(0).contains(&format!("authorization: Basic {pair}")), "{}", peer.log.text(0));
    assert!(peer.log.text(0).starts_with("GET /?token=canary-8642 HTTP/1.1"));
    assert_eq!(entry.status(), Status::Critical, "{}", words(&entry));
    // The settings as they were given are the configuration's own matter.
    entry.with = Value::Null;
    let all = format!("{entry:?}");
    for canary in ["hunter2", pair, "canary"] {
        assert!(!all.contains(canary), "{canary} in {all}");
    }
    assert!(all.contains("token=…") && all.contains("[secret]"));
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_unknown_and_nothing_is_sent() {
    let peer = Peer::tcp(answer(REPLY)).await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let with = json!({ "url": peer.url("/"), "authorization": { "bearer": format!("file:{}", token.display()) } });
    let entry = look(with.clone(), LONG).await;
    assert_eq!(entry.status(), Status::Unknown, "{}", words(&entry));
    std::fs::write(&token, "hunter2").unwrap();
    std::fs::set_permissions(&token, PermissionsExt::from_mode(0o644)).unwrap();
    let entry = look(with, LONG).await;
    assert_eq!(entry.status(), Status::Unknown, "{}", words(&entry));
    assert!(words(&entry).contains("open to every user"));
    assert_eq!(peer.log.connections(), 0);
}
