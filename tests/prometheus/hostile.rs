//! Peers that hang, lie, flood and break off in the place of a Prometheus.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use selx_core::Status;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::drive::{LONG, SHORT, assert_is, assert_ok, look, words};
use crate::peer::{BlackHole, Peer, Script, Step, answer, cut_at, refusing, reset_at, split_at, stall_at};

const DATA: &str = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"shop"},"value":[1795401000.5,"42"]}]}}"#;

fn reply(status: &str, kind: &str, body: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body.as_bytes()].concat()
}

fn good() -> Vec<u8> {
    reply("200 OK", "application/json", DATA)
}

/// The same answer, of now.
fn good_now() -> Vec<u8> {
    let now = jiff::Timestamp::now().as_second();
    reply("200 OK", "application/json", &DATA.replace("1795401000.5", &now.to_string()))
}

fn fresh(seconds: &str) -> Vec<u8> {
    let now = jiff::Timestamp::now().as_second();
    let part = |name: &str, value: &str| format!(r#"{{"metric":{{"selx_part":"{name}"}},"value":[{now},"{value}"]}}"#);
    let parts = [part("now", &now.to_string()), part("up", "1"), part("0", seconds)].join(",");
    reply(
        "200 OK",
        "application/json",
        &format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{parts}]}}}}"#),
    )
}

/// Does something at every place of a text, many side by side.
async fn at_every_place<T, F>(length: usize, each: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut done = Vec::new();
    let mut tasks = JoinSet::new();
    for at in 0..length {
        tasks.spawn(each(at));
        while tasks.len() >= 64
            && let Some(one) = tasks.join_next().await
        {
            done.push(one.expect("a look does not panic"));
        }
    }
    done.extend(tasks.join_all().await);
    done
}

/// One question only: the age is not asked for.
fn plain(peer: &Peer) -> Value {
    json!({ "target": peer.url(""), "query": "x", "max-age": "off" })
}

#[tokio::test]
async fn what_is_cut_or_stalls_anywhere_is_never_fine() {
    let whole = good();
    let length = whole.len();
    let peer = Peer::tcp(answer(whole.clone())).await;
    assert_ok(&look(plain(&peer), LONG).await, &["42 for `x`"]);
    let each = |at: usize| {
        let whole = whole.clone();
        async move {
            let cut = Peer::tcp(cut_at(&whole, at)).await;
            let entry = look(plain(&cut), LONG).await;
            assert_is(&entry, Status::Critical, "cut-off", &["closed"]);
            assert!(entry.measures.is_empty());
            let reset = Peer::tcp(reset_at(&whole, at)).await;
            let entry = look(plain(&reset), LONG).await;
            assert_is(&entry, Status::Critical, "cut-off", &["phase"]);
            let stalled = Peer::tcp(stall_at(&whole, at)).await;
            let entry = look(plain(&stalled), SHORT).await;
            assert_is(&entry, Status::Critical, "no-answer", &["within 400ms"]);
        }
    };
    at_every_place(length, each).await;
    let each = |at: usize| {
        let whole = whole.clone();
        async move {
            let split = Peer::tcp(split_at(&whole, at)).await;
            assert_ok(&look(plain(&split), LONG).await, &["42 for `x`"]);
        }
    };
    at_every_place(length, each).await;
}

#[tokio::test]
async fn the_question_for_the_age_breaks_off_too() {
    let (first, second) = (fresh("2"), good_now());
    let length = first.len();
    let both = |at: usize| {
        let (first, second) = (first.clone(), second.clone());
        async move {
            let script = move |number: usize| if number == 0 { cut_at(&first, at) } else { answer(second.clone()) };
            let peer = Peer::tcp_on("127.0.0.1:0", script).await;
            look(json!({ "target": peer.url(""), "query": "x" }), LONG).await
        }
    };
    for entry in at_every_place(length, both).await {
        assert_is(&entry, Status::Critical, "cut-off", &["closed"]);
    }
    assert_ok(&both(length).await, &["2s of `x`"]);
    let peer = Peer::tcp_on("127.0.0.1:0", |number| answer(if number == 0 { fresh("400") } else { good_now() })).await;
    let entry = look(json!({ "target": peer.url(""), "query": "x" }), LONG).await;
    assert_is(&entry, Status::Unknown, "stale", &["6m40s old, more than the 5m allowed"]);
    // A proxy on the way gives what it kept of last week.
    let peer = Peer::tcp_on("127.0.0.1:0", |number| answer(if number == 0 { fresh("2") } else { good() })).await;
    let entry = look(json!({ "target": peer.url(""), "query": "x" }), LONG).await;
    assert_is(&entry, Status::Unknown, "stale", &["its last point is from then"]);
    // The server answers the query, and not how old its numbers are.
    let refused = r#"{"status":"error","errorType":"bad_data","error":"unknown function \"timestamp\""}"#;
    for first in [reply("400 Bad Request", "application/json", refused), good_now()] {
        let script = move |number: usize| answer(if number == 0 { first.clone() } else { good_now() });
        let peer = Peer::tcp_on("127.0.0.1:0", script).await;
        let entry = look(json!({ "target": peer.url(""), "query": "x" }), LONG).await;
        assert_is(&entry, Status::Unknown, "age-unknown", &["does not tell how old"]);
    }
}

#[tokio::test]
async fn who_is_not_there_is_told_by_phase() {
    let hole = BlackHole::new();
    let with = |target: String| json!({ "target": target, "query": "x", "connect-timeout": "200ms" });
    let entry = look(with(format!("http://{}", hole.address)), LONG).await;
    assert_is(&entry, Status::Critical, "not-connected", &["phase: connect", "200ms"]);
    let entry = look(with(refusing().await.to_string()), LONG).await;
    assert_is(&entry, Status::Critical, "not-connected", &["refused"]);
    let entry = look(with("http://nobody.invalid:9090".to_owned()), LONG).await;
    assert_is(&entry, Status::Critical, "name-not-resolved", &["nobody.invalid"]);
    let silent = Peer::tcp(vec![Step::Silence]).await;
    let entry = look(plain(&silent), SHORT).await;
    assert_is(&entry, Status::Critical, "no-answer", &["no byte of an answer within 400ms"]);
    let slow = Peer::tcp(vec![Step::Await(b"\r\n\r\n"), Step::Drip(good(), Duration::from_millis(20))]).await;
    let began = Instant::now();
    let entry = look(plain(&slow), SHORT).await;
    assert_is(&entry, Status::Critical, "no-answer", &["came"]);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn floods_end_at_the_cap() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n".to_vec();
    let begin = br#"{"status":"success","data":{"resultType":"vector","result":["#.to_vec();
    let series = br#"{"metric":{"a":"b"},"value":[1,"1"]},"#.repeat(100);
    let script: Script =
        vec![Step::Await(b"\r\n\r\n"), Step::Send([head, begin].concat()), Step::Flood(series, 64 << 20)];
    let peer = Peer::tcp(script).await;
    let entry = look(plain(&peer), LONG).await;
    assert_is(&entry, Status::Unknown, "answer-too-large", &["longer than the 8 MiB that are read"]);
    assert!(peer.log.sent() < 32 << 20, "{} bytes were taken", peer.log.sent());
    let headers = Step::Flood(b"x: y\r\n".repeat(1000), 64 << 20);
    let peer = Peer::tcp(vec![Step::Await(b"\r\n\r\n"), Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), headers]).await;
    assert_is(&look(plain(&peer), LONG).await, Status::Critical, "malformed-response", &["headers"]);
    // Many series in few bytes: what is over the cap of the settings is told.
    let many = [r#"{"metric":{"a":"b"},"value":[1,"1"]}"#; 20_000].join(",");
    let body = format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{many}]}}}}"#);
    let peer = Peer::tcp(answer(reply("200 OK", "application/json", &body))).await;
    let entry = look(plain(&peer), LONG).await;
    assert_is(&entry, Status::Unknown, "series-capped", &["20000 series, of which 100 are judged"]);
    assert_eq!(entry.measures.len(), 101, "equal labels do not make series one");
}

#[tokio::test]
async fn what_is_no_answer_of_prometheus_is_named() {
    let json = "application/json";
    let redirect = b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n".to_vec();
    let packed = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd".to_vec();
    let error = |kind: &str, words: &str| json!({ "status": "error", "errorType": kind, "error": words }).to_string();
    let partial = DATA.replace("\"data\"", r#""warnings":["remote read: no answer of store 2"],"data""#);
    let histogram = DATA.replace("\"value\":[1795401000.5,\"42\"]", r#""histogram":[1,{"count":"3","sum":"4"}]"#);
    let (critical, unknown) = (Status::Critical, Status::Unknown);
    for (bytes, status, code, said) in [
        (reply("200 OK", "text/html", "<html>login</html>"), critical, "not-prometheus", "text/html"),
        (reply("200 OK", json, r#"{"status":"ok"}"#), critical, "not-prometheus", "neither `success` nor `error`"),
        (reply("200 OK", json, "[]"), critical, "not-prometheus", "not its JSON"),
        (reply("200 OK", json, ""), critical, "not-prometheus", "not its JSON"),
        (reply("200 OK", json, &DATA.replace("\"42\"", "42")), critical, "not-prometheus", "not its JSON"),
        (reply("200 OK", json, &DATA.replace("\"42\"", "\"1e999\"")), critical, "not-prometheus", "number in a text"),
        (
            reply("200 OK", json, &DATA.replace("shop\"", "shop\",\"job\":\"x\"")),
            critical,
            "not-prometheus",
            "stands twice",
        ),
        (reply("200 OK", json, &"[".repeat(100_000)), critical, "not-prometheus", "not its JSON"),
        (reply("500 Internal Server Error", json, DATA), critical, "not-prometheus", "a success comes with"),
        (reply("502 Bad Gateway", "text/html", "<html>nginx"), critical, "not-prometheus", "502 Bad Gateway"),
        (
            reply("503 Service Unavailable", "text/plain; charset=utf-8", "Service Unavailable"),
            critical,
            "not-ready",
            "starts or stops",
        ),
        (
            reply("503 Service Unavailable", json, &error("timeout", "query timed out")),
            critical,
            "query-failed",
            "gives the query up",
        ),
        (
            reply("422 Unprocessable Entity", json, &error("execution", "would load too many samples")),
            unknown,
            "query-failed",
            "too many samples",
        ),
        (
            reply("500 Internal Server Error", json, &error("internal", "disk full")),
            critical,
            "query-failed",
            "disk full",
        ),
        (
            reply("400 Bad Request", json, &error("bad_data", "1:1: parse error: no")),
            unknown,
            "bad-query",
            "column 1: no",
        ),
        (reply("403 Forbidden", "text/plain", "no"), critical, "unauthorized", "403 Forbidden"),
        (reply("200 OK", json, &partial), unknown, "partial-answer", "no answer of store 2"),
        (reply("200 OK", json, &histogram), unknown, "histogram", "histogram"),
        (redirect, critical, "not-prometheus", "302 Found"),
        (packed, critical, "not-prometheus", "gzip"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec(), critical, "malformed-response", "against the protocol"),
        (vec![0; 4096], critical, "malformed-response", "against the protocol"),
    ] {
        let peer = Peer::tcp(answer(bytes)).await;
        let entry = look(plain(&peer), LONG).await;
        assert_is(&entry, status, code, &[said]);
    }
}

#[tokio::test]
async fn a_secret_that_comes_back_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "hunter2-hunter2").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let said = "you sent Bearer hunter2-hunter2";
    let label = DATA.replace("shop", said);
    let warned = DATA.replace("\"data\"", &format!(r#""warnings":["{said}"],"data""#));
    let refused = format!(r#"{{"status":"error","errorType":"{said}","error":"{said}"}}"#);
    for body in [label.as_str(), &warned, &refused, said, &format!(r#"{{"status":"{said}"}}"#)] {
        let peer = Peer::tcp(answer(reply("200 OK", "application/json", body))).await;
        let mut with = plain(&peer);
        with["authorization"] = json!({ "bearer": format!("file:{}", path.display()) });
        with["labels"] = json!(["job"]);
        let entry = look(with, LONG).await;
        assert!(peer.log.text(0).contains("authorization: Bearer hunter2-hunter2"), "it was sent");
        let facts = format!("{} {:?} {:?}", words(&entry), entry.facts, entry.measures);
        assert!(facts.contains("[secret]") && !facts.contains("hunter2"), "{facts}");
    }
}

#[tokio::test]
async fn what_is_asked_is_what_was_meant() {
    let peer = Peer::tcp_on("127.0.0.1:0", |number| answer(if number == 0 { fresh("2") } else { good() })).await;
    let with = json!({ "target": peer.url("/prefix/"), "query": "a{b=\"c d\"} + 1", "range": "1h", "step": "1m" });
    let entry = look(with, LONG).await;
    assert_is(&entry, Status::Critical, "not-prometheus", &["a range was asked for"]);
    assert_eq!(peer.log.connections(), 2, "{}", words(&entry));
    let (first, second) = (peer.log.text(0), peer.log.text(1));
    assert!(first.starts_with("GET /prefix/api/v1/query?timeout=") && first.contains("timestamp"), "{first}");
    assert!(second.starts_with("GET /prefix/api/v1/query_range?timeout="), "{second}");
    for part in ["query=a%7Bb%3D%22c%20d%22%7D%20%2B%201", "limit=101", "step=60.000", "accept-encoding: identity"] {
        assert!(second.contains(part), "{part}: {second}");
    }
}
