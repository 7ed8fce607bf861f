//! Engines that are not there, may not be asked, hang, lie, flood and break off.

use std::path::Path;
use std::time::Duration;

use selx_core::Status;
use serde_json::{Value, json};

use crate::drive::{LONG, SHORT, assert_is, look, words};
use crate::fake::{Fake, engine, good, http, inspected, listed};
use crate::peer::{Peer, Step};

/// A file that expects one service.
fn file(folder: &Path) -> Value {
    std::fs::write(folder.join("c.yml"), "services: {api: {image: 'shop/app:1'}}").unwrap();
    json!({ "compose": folder.join("c.yml"), "project": "shop" })
}

async fn asked(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> selx_core::report::Entry {
    let fake = Fake::new(answer);
    let entry = look(file(fake.folder()), &fake.socket(), LONG).await;
    let asked = fake.asked.lock().unwrap();
    assert!(asked.iter().all(|line| line.starts_with("GET /")), "{asked:?}");
    entry
}

#[tokio::test]
async fn a_current_engine_is_understood() {
    let fake = Fake::new(engine(&["api"]));
    let entry = look(file(fake.folder()), &fake.socket(), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["1 of 1 services run"]);
    // A list, a container, an image: no more is asked of a project of one container.
    let asked = fake.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 3, "{asked:?}");
    // The first answer says in which version it is; the others are asked in that one.
    assert!(asked[0].starts_with("GET /containers/json?"), "{asked:?}");
    assert!(asked[1..].iter().all(|line| line.starts_with("GET /v1.52/")), "{asked:?}");
}

/// Reads checks, and takes those of every day.
fn daily(text: &str) -> (selx_core::Suite, selx_core::Selection) {
    let mut registry = selx_core::Registry::new();
    selx_checks::register(&mut registry).unwrap();
    let suite = selx_core::config::parse(&registry, "example", text).unwrap();
    let selection = suite.select(&["daily".to_owned()]).unwrap();
    (suite, selection)
}

/// Six checks that look for one service.
fn pings(with: &Value, socket: &Path) -> String {
    let at = format!("compose = {}, project = \"shop\", engine = \"unix:{}\"", with["compose"], socket.display());
    let ping = |name: &str| format!("[check.redis-ping.{name}]\nwith = {{ target = {{ {at}, service = \"api\" }} }}\n");
    ["a", "b", "c", "d", "e", "f"].map(ping).concat()
}

#[tokio::test]
async fn what_an_engine_does_wrong_is_heard_by_all_checks_of_a_run() {
    let fake = Fake::new(|_| http("500 Internal Server Error", "", "{\"message\":\"no space left\"}"));
    let (suite, selection) = daily(&format!("[runner]\nretries = 0\n{}", pings(&file(fake.folder()), &fake.socket())));
    let report = selx_core::Runner::new(suite.settings.clone()).run(&selection).await;
    assert_eq!(report.entries.len(), 6);
    for entry in &report.entries {
        assert_eq!(entry.status(), Status::Critical);
        assert!(words(entry).contains("answers 500: no space left"), "{}", words(entry));
    }
    assert_eq!(fake.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn checks_of_one_run_ask_the_engine_once() {
    let fake = Fake::new(|path| {
        let answer = String::from_utf8(engine(&["api"])(path)).unwrap();
        // In the network of this host, where nothing listens. Both words have twelve letters.
        answer.replace("\"NetworkMode\":\"shop_default\"", "\"NetworkMode\":\"host\"        ").into_bytes()
    });
    let with = file(fake.folder());
    let at =
        format!("compose = {}, project = \"shop\", engine = \"unix:{}\"", with["compose"], fake.socket().display());
    let target = format!("target = {{ {at}, service = \"api\" }}");
    let text = format!(
        "[runner]\nretries = 0\n[check.compose-services.all]\nwith = {{ {at} }}\n\
         [check.redis-ping.one]\nwith = {{ {target} }}\n[check.redis-stats.one]\nwith = {{ {target} }}\n\
         [check.postgres-ready.one]\nwith = {{ {target} }}\n[check.celery-workers.one]\nwith = {{ {target} }}\n"
    );
    let (suite, selection) = daily(&text);
    for run in 1..=2 {
        let report = selx_core::Runner::new(suite.settings.clone()).run(&selection).await;
        assert_eq!(report.entries.len(), 5);
        assert_is(&report.entries[0], Status::Ok, &[], &["1 of 1 services run"]);
        for entry in &report.entries[1..] {
            assert_eq!(entry.status(), Status::Critical);
            assert!(words(entry).contains("service api of project shop"), "{}", words(entry));
        }
        // A list, a container, an image; and nothing is kept for another run.
        let asked = fake.asked.lock().unwrap().clone();
        assert_eq!(asked.len(), 3 * run, "{asked:?}");
    }
}

#[tokio::test]
async fn checks_of_one_run_that_wait_for_a_silent_engine_say_so_alike() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    // It is let in by the system, and nobody ever reads.
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let with = file(folder.path());
    let text = format!("[runner]\nretries = 0\ntimeout = \"400ms\"\n{}", pings(&with, &socket));
    let (suite, selection) = daily(&text);
    let report = selx_core::Runner::new(suite.settings.clone()).run(&selection).await;
    assert_eq!(report.entries.len(), 6);
    for entry in &report.entries {
        assert_eq!(entry.status(), Status::Critical, "{}", words(entry));
        assert!(words(entry).contains("accepted and said nothing within"), "{}", words(entry));
    }
}

#[tokio::test]
async fn f1_no_engine_a_dead_one_and_one_that_is_forbidden() {
    let folder = tempfile::tempdir().unwrap();
    let with = file(folder.path());
    let socket = folder.path().join("engine.sock");
    let entry = look(with.clone(), &socket, LONG).await;
    assert_is(&entry, Status::Unknown, &[], &["no engine listens at unix:"]);
    // A socket file that its engine left behind.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let entry = look(with.clone(), &socket, LONG).await;
    assert_is(&entry, Status::Critical, &["engine-down"], &["nothing listens on it", "phase: connect"]);
    std::fs::remove_file(&socket).unwrap();
    std::fs::write(&socket, "no socket").unwrap();
    let entry = look(with, &socket, LONG).await;
    assert_is(&entry, Status::Critical, &["engine-down"], &["nothing listens on it"]);
}

#[tokio::test]
async fn f1_an_engine_that_hangs_is_critical_where_it_hangs() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n".to_vec();
    let body = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{".to_vec();
    for (script, word) in [
        (vec![Step::Silence], "accepted and said nothing within"),
        (vec![Step::Await(b"\r\n\r\n"), Step::Send(head), Step::Silence], "accepted and said nothing within"),
        (vec![Step::Await(b"\r\n\r\n"), Step::Send(body.clone()), Step::Silence], "did not end its answer within"),
        (vec![Step::Await(b"\r\n\r\n"), Step::Drip(body, Duration::from_millis(50))], "phase: "),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("engine.sock");
        let _peer = Peer::unix(&socket, script).await;
        let entry = look(file(folder.path()), &socket, SHORT).await;
        assert_is(&entry, Status::Critical, &["engine-silent"], &[word]);
    }
}

/// A thread has rights of its own: the check runs in one that is nobody.
#[test]
fn f1_without_the_right_to_the_socket_it_is_unknown_and_names_the_group() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let with = file(folder.path());
    let socket = folder.path().join("engine.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for (mode, said) in [(0o660, "user `root` and group `root`"), (0o600, "open to user `root` only")] {
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(mode)).unwrap();
        let (with, socket) = (with.clone(), socket.clone());
        let thread = std::thread::spawn(move || {
            let nobody = (rustix::process::Gid::from_raw(65534), rustix::process::Uid::from_raw(65534));
            rustix::thread::set_thread_groups(&[]).expect("this test needs root");
            rustix::thread::set_thread_res_gid(nobody.0, nobody.0, nobody.0).expect("this test needs root");
            rustix::thread::set_thread_res_uid(nobody.1, nobody.1, nobody.1).expect("this test needs root");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(look(with, &socket, LONG))
        });
        let entry = thread.join().unwrap();
        assert_is(&entry, Status::Unknown, &[], &["no right to use the engine's socket", said]);
    }
    drop(listener);
}

#[tokio::test]
async fn f2_versions_are_negotiated_with_one_more_request() {
    // An engine of 2020, and one of a later year, whose newest version nobody knows yet.
    for (speaks, version, requests) in [("1.41", "/v1.41/", 3), ("1.60", "/v1.53/", 4)] {
        let fake = Fake::new(move |path| {
            let answer = String::from_utf8(engine(&["api"])(path)).unwrap();
            answer.replace("Api-Version: 1.52", &format!("Api-Version: {speaks}")).into_bytes()
        });
        let entry = look(file(fake.folder()), &fake.socket(), LONG).await;
        assert_is(&entry, Status::Ok, &[], &["1 of 1 services run"]);
        let asked = fake.asked.lock().unwrap().clone();
        assert_eq!(asked.len(), requests, "{asked:?}");
        assert!(asked[1..].iter().all(|line| line.starts_with(&format!("GET {version}"))), "{asked:?}");
    }
    // What stands before an engine may want a version, or that it does not speak: its words say which.
    let new = "{\"message\":\"client version 1.24 is too old. Minimum supported API version is 1.50, please upgrade your \
               client to a newer version\"}";
    let fake = Fake::new(move |path| match path.starts_with("/v1.50/") {
        true => engine(&["api"])(path),
        false => http("400 Bad Request", "Api-Version: 1.52\r\n", new),
    });
    let entry = look(file(fake.folder()), &fake.socket(), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["1 of 1 services run"]);
    assert_eq!(fake.asked.lock().unwrap().len(), 4);
    // Or it lets pass what has a version, and knows nothing of anything else.
    for refusal in ["403 Forbidden", "404 Not Found", "401 Unauthorized"] {
        let fake = Fake::new(move |path| match path.starts_with("/v1.") {
            true => engine(&["api"])(path),
            false => http(refusal, "", "no"),
        });
        let entry = look(file(fake.folder()), &fake.socket(), LONG).await;
        assert_is(&entry, Status::Ok, &[], &["1 of 1 services run"]);
        assert_eq!(fake.asked.lock().unwrap().len(), 4);
    }
    // With these there is no common version.
    let old = "{\"message\":\"client version 1.53 is too old. Minimum supported API version is 1.70\"}";
    let nowhere = "{\"message\":\"client version 1.53 is too new. Maximum supported API version is 1.12\"}";
    let none = [("1.12", "", "1.12"), ("1.70", old, "1.70"), ("", nowhere, "1.12"), ("2.0", "", "speaks version 2.0")];
    for (speaks, refusal, said) in none {
        let fake = Fake::new(move |path| match (speaks, path.starts_with("/v1.")) {
            ("", _) => http("400 Bad Request", "", refusal),
            (_, true) => http("400 Bad Request", &format!("Api-Version: {speaks}\r\n"), refusal),
            _ => http("200 OK", &format!("Api-Version: {speaks}\r\n"), "[]"),
        });
        let entry = look(file(fake.folder()), &fake.socket(), LONG).await;
        assert_is(&entry, Status::Unknown, &[], &[said, "selx speaks 1.25 to 1.53"]);
        assert!(fake.asked.lock().unwrap().len() <= 2);
    }
}

#[tokio::test]
async fn f4_answers_that_are_no_answers_are_critical() {
    let half = good(&json!([listed("shop", "api")]));
    let half = half[..half.len() / 2].to_vec();
    let cut_json = http("200 OK", "", "[{\"Id\":\"abc\",");
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[{\"Id\r\n".to_vec();
    for (answer, word) in [
        (half, "broke off before its answer was whole"),
        (cut_json, "not the JSON of its API"),
        (chunked, "broke off before its answer was whole"),
        (
            http("500 Internal Server Error", "", "{\"message\":\"disk \\u001b[31mgone\"}"),
            r"answers 500: disk \x1b[31mgone",
        ),
        (http("500 Internal Server Error", "", ""), "answers 500"),
        (http("200 OK", "", "{}"), "not the JSON of its API"),
        (http("200 OK", "", "[1]"), "not the JSON of its API"),
        (http("200 OK", "", ""), "not the JSON of its API"),
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), "what is not HTTP"),
        (Vec::new(), "broke off before its answer was whole"),
    ] {
        let shown = String::from_utf8_lossy(&answer).into_owned();
        let entry = asked(move |_| answer.clone()).await;
        assert_is(&entry, Status::Critical, &["engine-wrong"], &[word]);
        assert!(!words(&entry).contains('\u{1b}'), "{shown}");
    }
    // Right to the list and wrong to the container.
    let entry = asked(|path| match path.contains("/containers/json") {
        true => good(&json!([listed("shop", "api")])),
        false => http("500 Internal Server Error", "", "{\"message\":\"no\"}"),
    });
    assert_is(&entry.await, Status::Critical, &["engine-wrong"], &["answers 500: no"]);
    // What stands before an engine and lets nothing through is a right that is missing.
    let entry = asked(|_| http("403 Forbidden", "", "<html>forbidden</html>")).await;
    assert_is(&entry, Status::Unknown, &[], &["may not be asked: 403"]);
}

#[tokio::test]
async fn f4_a_flood_is_read_to_the_cap_only() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n[".to_vec();
    let flood = Step::Flood(vec![b' '; 1 << 16], 1 << 30);
    let peer = Peer::unix(&socket, vec![Step::Await(b"\r\n\r\n"), Step::Send(head), flood]).await;
    let entry = look(file(folder.path()), &socket, LONG).await;
    assert_is(&entry, Status::Critical, &["engine-wrong"], &["answers more than is read"]);
    assert!(peer.log.sent() < 20 << 20, "{}", peer.log.sent());
}

/// A container that ended, in an answer whose clock and times are odd.
fn ended(finished: &str) -> Value {
    let mut container = inspected("shop", "api");
    container["State"]["Status"] = "exited".into();
    container["State"]["ExitCode"] = 1.into();
    container["State"]["FinishedAt"] = finished.into();
    container
}

#[tokio::test]
async fn f9_ages_are_of_the_engines_clock_and_zero_is_no_time() {
    for (finished, word, never) in [
        // By the clock of the engine, which is not that of this machine.
        ("2026-11-23T02:25:00.123456789Z", "ended with code 1 5m ago", "never"),
        ("0001-01-01T00:00:00Z", "ended with code 1", " ago"),
        ("not a time", "ended with code 1", " ago"),
        ("2026-11-23T02:31:00Z", "ended with code 1 0s ago", "-"),
    ] {
        let entry = asked(move |path| match path {
            path if path.contains("/containers/json") => good(&json!([listed("shop", "api")])),
            path if path.contains("/images/") => http("404 Not Found", "", "{\"message\":\"none\"}"),
            path if path.contains("/logs") => http("409 Conflict", "", "{\"message\":\"no log\"}"),
            _ => good(&ended(finished)),
        })
        .await;
        assert_is(&entry, Status::Critical, &["exited"], &[word]);
        let message = &entry.judgement.findings[0].message;
        assert!(!message.contains(never), "{message}");
    }
}

#[tokio::test]
async fn f13_names_labels_and_logs_of_any_length_and_sort() {
    let evil = "x\u{1b}[2J\u{202e}\r\n".repeat(3000);
    let entry = asked(move |path| {
        let mut one = listed("shop", "api");
        one["Labels"]["junk"] = "j".repeat(64 * 1024).into();
        let mut other = listed("shop", "api");
        other["Id"] = "b".repeat(64).into();
        other["Labels"]["com.docker.compose.service"] = evil.clone().into();
        other["Names"] = json!([format!("/{evil}")]);
        let mut inside = inspected("shop", "api");
        inside["Name"] = evil.clone().into();
        inside["State"]["Status"] = "dead".into();
        inside["State"]["Error"] = evil.clone().into();
        // A stream of frames, the last of which says that it is longer than all memory.
        let mut log = b"\x02\0\0\0\0\0\0\x05line\n\x01\0\0\0\0\0\0\x0bevil \x1b[31m\n".to_vec();
        log.extend(b"\x01\0\0\0\xff\xff\xff\xff");
        log.extend(vec![b'y'; 100_000]);
        match path {
            path if path.contains("/containers/json") => good(&json!([one, other])),
            path if path.contains("/images/") => good(&crate::fake::image()),
            path if path.contains("/logs") => {
                let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", log.len()).into_bytes();
                answer.extend(log);
                answer
            }
            path if path.contains("bbbb") => {
                inside["State"] =
                    json!({ "Status": "running", "Health": { "Status": "unhealthy", "Log": [{ "Output": evil }] } });
                good(&inside)
            }
            _ => {
                inside["Name"] = "/api".into();
                good(&inside)
            }
        }
    })
    .await;
    assert_is(&entry, Status::Critical, &["dead", "orphan", "unhealthy"], &["log=line"]);
    for finding in &entry.judgement.findings {
        assert!(finding.subject.len() + finding.message.len() < 4000);
        assert!(finding.evidence.iter().all(|pair| pair.value.len() < 3000));
    }
}

/// A list that something cut off is a service that is missing, never one that is fine.
#[tokio::test]
async fn f15_a_list_that_is_not_whole_is_never_fine() {
    let entry = asked(|_| good(&json!([]))).await;
    assert_is(&entry, Status::Critical, &["project-not-there"], &["its file expects 1 service"]);
    let fake = Fake::new(engine(&["api"]));
    std::fs::write(fake.folder().join("two.yml"), "services: {api: {image: 'shop/app:1'}, db: {image: x}}").unwrap();
    let with = json!({ "compose": fake.folder().join("two.yml"), "project": "shop" });
    let entry = look(with, &fake.socket(), LONG).await;
    assert_is(&entry, Status::Critical, &["missing"], &["db has no container"]);
    // A container that is gone by the time that it is looked at.
    let entry = asked(|path| match path.contains("/containers/json") {
        true => good(&json!([listed("shop", "api")])),
        false => http("404 Not Found", "", "{\"message\":\"no such container\"}"),
    });
    assert_is(&entry.await, Status::Critical, &["project-not-there"], &["has no container"]);
    // More containers than are looked at.
    let entry = asked(|path| {
        let one = |number: usize| {
            let mut one = listed("shop", "api");
            one["Id"] = format!("{number:064}").into();
            one
        };
        match path.contains("/containers/json") {
            true => good(&(0..300).map(one).collect()),
            false if path.contains("/images/") => good(&crate::fake::image()),
            false => good(&inspected("shop", "api")),
        }
    });
    assert_is(&entry.await, Status::Unknown, &["not-read", "too-many"], &["44 containers beyond the 256"]);
}

/// The whole project of a service that is in no answer of the engine's log: the finding stands without it.
#[tokio::test]
async fn a_log_that_cannot_be_read_costs_no_finding() {
    let entry = asked(|path| match path {
        path if path.contains("/containers/json") => good(&json!([listed("shop", "api")])),
        path if path.contains("/logs") => http("501 Not Implemented", "", "{\"message\":\"driver has no logs\"}"),
        path if path.contains("/images/") => good(&crate::fake::image()),
        _ => good(&ended("2026-11-23T02:25:00Z")),
    })
    .await;
    assert_is(&entry, Status::Critical, &["exited"], &["exit code=1"]);
    assert!(!words(&entry).contains("log="), "{}", words(&entry));
}
