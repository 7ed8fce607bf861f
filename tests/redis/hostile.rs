//! Peers that lie, flood, stall and break off, and that are no Redis at all.

use std::time::{Duration, Instant};

use selx_core::Status::{Critical, Ok as Fine, Unknown, Warning};
use selx_core::{Entry, Limits, Runner, Selection};
use serde_json::json;

use crate::peer::{BlackHole, Peer, Script, Step, refusing};
use crate::{LONG, SHORT, instance, look, says, settings, words};

const INFO: &str = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrun_id:a1\r\nuptime_in_seconds:60\r\n\
    connected_clients:1\r\nmaxclients:10\r\nblocked_clients:0\r\nused_memory:1000\r\nmaxmemory:0\r\n\
    maxmemory_policy:noeviction\r\nloading:0\r\nrdb_last_bgsave_status:ok\r\nkeyspace_hits:1\r\nkeyspace_misses:0\r\n\
    evicted_keys:0\r\nexpired_keys:0\r\nrejected_connections:0\r\nrole:master\r\n";

fn bulk(text: &str) -> Vec<u8> {
    format!("${}\r\n{text}\r\n", text.len()).into_bytes()
}

fn packed(words: &[&str]) -> usize {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.get_packed_command().len()
}

/// A conversation of a healthy server: up to which byte it has heard before it answers, and what.
fn healthy(kind: &str, info: &str) -> Vec<(usize, Vec<u8>)> {
    let mut turns = vec![(packed(&["CLIENT", "SETNAME", "selx"]), b"+OK\r\n".to_vec())];
    let (pings, last, mut reply) = match kind {
        "redis-ping" => (5, packed(&["INFO"]), bulk(info)),
        _ => (3, packed(&["INFO"]) + packed(&["SLOWLOG", "GET", "128"]), bulk(info)),
    };
    turns.extend((0..pings).map(|_| (packed(&["PING"]), b"+PONG\r\n".to_vec())));
    if kind == "redis-stats" {
        reply.extend(
            b"*1\r\n*6\r\n:3\r\n:1795401000\r\n:12000\r\n*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n$9\r\n127.0.0.1\r\n$0\r\n\r\n",
        );
    }
    turns.push((last, reply));
    let mut heard = 0;
    for (length, _) in &mut turns {
        heard += *length;
        *length = heard;
    }
    turns
}

/// Plays a conversation up to a byte of its answers, then does something else.
fn until(turns: &[(usize, Vec<u8>)], mut at: usize, then: Step, rest: bool) -> Script {
    let mut script = Vec::new();
    let mut then = Some(then);
    for (heard, reply) in turns {
        script.push(Step::Take(*heard));
        if at > reply.len() || then.is_none() {
            at = at.saturating_sub(reply.len());
            script.push(Step::Send(reply.clone()));
            continue;
        }
        script.push(Step::Send(reply[..at].to_vec()));
        script.extend(then.take());
        if !rest {
            return script;
        }
        script.push(Step::Send(reply[at..].to_vec()));
    }
    script.push(Step::Drain);
    script
}

fn length(turns: &[(usize, Vec<u8>)]) -> usize {
    turns.iter().map(|(_, reply)| reply.len()).sum()
}

/// Looks at one peer for each byte of a conversation, many at a time.
async fn everywhere(kind: &str, limit: Duration, make: impl Fn(usize) -> Script) -> Vec<(usize, Entry)> {
    let all: Vec<usize> = (0..length(&healthy(kind, INFO))).collect();
    let mut entries = Vec::new();
    for some in all.chunks(128) {
        let (mut peers, mut instances) = (Vec::new(), Vec::new());
        for at in some {
            let peer = Peer::tcp(make(*at)).await;
            let mut one = instance(kind, json!({ "target": peer.address.to_string() }));
            one.limits = Limits::default();
            one.name = format!("at-{at}");
            instances.push(one);
            peers.push(peer);
        }
        let report = Runner::new(settings(limit)).run(&Selection { instances, routine: None }).await;
        assert_eq!(report.entries.len(), some.len());
        entries.extend(some.iter().copied().zip(report.entries));
    }
    entries
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_an_answer_in_two_pieces_is_the_same_answer() {
    for kind in ["redis-ping", "redis-stats"] {
        let turns = healthy(kind, INFO);
        let pause = || Step::Wait(Duration::from_millis(3));
        for (at, entry) in everywhere(kind, LONG, |at| until(&turns, at, pause(), true)).await {
            assert_eq!(entry.status(), Fine, "{kind} at {at}: {}", words(&entry));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a7_an_answer_that_is_cut_anywhere_is_never_fine() {
    for kind in ["redis-ping", "redis-stats"] {
        let turns = healthy(kind, INFO);
        let closing = || Step::Wait(Duration::ZERO);
        for (at, entry) in everywhere(kind, LONG, |at| until(&turns, at, closing(), false)).await {
            assert_eq!(entry.status(), Critical, "{kind} at {at}: {}", words(&entry));
            let said = words(&entry);
            assert!(said.contains("cut-off") && said.contains("broke off"), "{kind} at {at}: {said}");
        }
        let resets = everywhere(kind, LONG, |at| {
            let mut script = until(&turns, at, Step::Wait(Duration::from_millis(3)), false);
            script.push(Step::Reset);
            script
        });
        for (at, entry) in resets.await {
            assert_eq!(entry.status(), Critical, "{kind} at {at}: {}", words(&entry));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a7_an_answer_that_stalls_anywhere_is_never_fine() {
    for kind in ["redis-ping", "redis-stats"] {
        let turns = healthy(kind, INFO);
        let stalls = everywhere(kind, Duration::from_secs(1), |at| until(&turns, at, Step::Silence, false));
        for (at, entry) in stalls.await {
            assert_eq!(entry.status(), Critical, "{kind} at {at}: {}", words(&entry));
            assert!(words(&entry).contains("no-answer"), "{kind} at {at}: {}", words(&entry));
            assert!(entry.measures.is_empty(), "{kind} at {at}");
        }
    }
}

/// Answers the first question with something, and keeps the connection.
fn first(reply: impl Into<Vec<u8>>) -> Script {
    vec![Step::Take(packed(&["CLIENT", "SETNAME", "selx"])), Step::Send(reply.into()), Step::Drain]
}

#[tokio::test(flavor = "multi_thread")]
async fn e2_what_is_against_the_protocol_is_critical_at_once() {
    let deep = b"*1\r\n".repeat(1_000_000);
    for (reply, said) in [
        (&b"$-5\r\n"[..], "a text of length -5"),
        (b"$9223372036854775807\r\n", "a text of 9223372036854775807 bytes is announced"),
        (b"$9223372036854775808\r\n", "where a number should be"),
        (b"$12a\r\n", "`12a` where a number should be"),
        (b"$2\r\nabcd\r\n", "a text does not end where its length says"),
        (b"*1000000000\r\n", "an array of 1000000000 elements is announced"),
        (b"*-7\r\n", "an array of length -7"),
        (&deep, "nests deeper than 32 levels"),
        (b":99999999999999999999\r\n", "where a number should be"),
        (b"<html><body>nginx</body></html>\r\n", "a web server"),
        (
            b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n",
            "a web server, by its answer (`HTTP/1.1 400 Bad Request`)",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "an SSH server"),
        (b"220 mail.example ESMTP\r\n", "a mail or file server"),
        (b"ERROR\r\nERROR\r\n", "memcached"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "wants encryption; `rediss://`"),
        (b">3\r\n+message\r\n+a\r\n+b\r\n", "belongs to a newer protocol"),
        (b"%1\r\n+a\r\n+b\r\n", "belongs to a newer protocol"),
        (b"_\r\n", "belongs to a newer protocol"),
        (b"\r\n+OK\r\n", "something else than Redis"),
        (b"\0\0\0\0", "something else than Redis"),
        (b"J\0\0\0\x0a8.0.36\0", "something else than Redis"),
        (b"+OK POP3 ready\r\n", "the login is not answered with `OK`"),
        (b"+PONG\r\n", "the login is not answered with `OK`"),
        (b":1\r\n", "the login is not answered with `OK`"),
        (b"$-1\r\n", "the login is not answered with `OK`"),
        (b"+OK\r\n+OK\r\n", "more than it was asked for"),
        (b"-\xff\xfe\r\n", "cannot be read"),
    ] {
        for kind in ["redis-ping", "redis-stats"] {
            let peer = Peer::tcp(first(reply)).await;
            let entry = look(kind, json!({ "target": peer.address.to_string() }), LONG).await;
            says(&entry, Critical, &["not-redis"], &["does not answer as Redis does", said]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e1_an_error_is_never_fine() {
    for (reply, status, code, said) in [
        ("NOAUTH Authentication required.", Critical, "login-needed", "asks for a password"),
        ("NOPERM this user has no permissions to run the 'ping' command", Critical, "not-permitted", "PING"),
        ("LOADING Redis is loading the dataset in memory", Warning, "loading", "is loading its data"),
        ("MASTERDOWN Link with MASTER is down", Critical, "not-serving", "replica without its master"),
        ("READONLY You can't write against a read only replica.", Critical, "read-only", "takes no writes"),
        ("MISCONF Errors writing to the AOF file", Critical, "writes-stopped", "cannot save"),
        ("OOM command not allowed", Critical, "memory-full", "memory is full"),
        ("BUSY Redis is busy running a script.", Critical, "not-serving", "busy with a script"),
        ("NOREPLICAS Not enough good replicas to write.", Critical, "writes-stopped", "too few replicas"),
        ("MOVED 3999 127.0.0.1:6381", Critical, "not-serving", "a node of a cluster"),
        ("CLUSTERDOWN The cluster is down", Critical, "not-serving", "a node of a cluster"),
        ("DENIED Redis is running in protected mode", Critical, "not-serving", "serves only its own machine"),
        ("ERR unknown command 'PING'", Critical, "refused", "PING is answered with `ERR unknown command"),
        ("WHATEVER it is", Critical, "refused", "WHATEVER it is"),
        ("", Critical, "refused", "refuses"),
    ] {
        for (kind, count) in [("redis-ping", 5), ("redis-stats", 3)] {
            // The first ping is refused, or the last one.
            for good in [0, count - 1] {
                let mut turns = healthy(kind, INFO);
                turns[1 + good].1 = format!("-{reply}\r\n").into_bytes();
                // What else is asked after it is answered as by a healthy server.
                if good + 1 < count {
                    let (whole, numbers) = turns[count + 1].clone();
                    let asked = whole - turns[count].0;
                    turns.truncate(2 + good);
                    turns.push((turns[1 + good].0 + asked, numbers));
                }
                let peer = Peer::tcp(until(&turns, usize::MAX, Step::Drain, true)).await;
                let entry = look(kind, json!({ "target": peer.address.to_string() }), LONG).await;
                says(&entry, status, &[code], &[said]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e5_fields_that_are_missing_are_not_available_and_the_rest_is_judged() {
    for (without, said) in [
        ("used_memory:1000\r\n", "does not tell used_memory"),
        ("role:master\r\n", "does not tell role"),
        ("maxmemory_policy:noeviction\r\n", "does not tell maxmemory_policy"),
    ] {
        for kind in ["redis-ping", "redis-stats"] {
            let turns = healthy(kind, &INFO.replace(without, ""));
            let peer = Peer::tcp(until(&turns, usize::MAX, Step::Drain, true)).await;
            let entry = look(kind, json!({ "target": peer.address.to_string() }), LONG).await;
            says(&entry, Unknown, &["not-told"], &[said]);
        }
    }
    // A number that is none is missing, and what is bad beside it is still critical.
    let sick = INFO.replace("keyspace_hits:1", "keyspace_hits:-1").replace("used_memory:1000", "used_memory:lots");
    let sick = sick.replace("role:master", "role:slave\r\nmaster_link_status:down");
    let peer = Peer::tcp(until(&healthy("redis-stats", &sick), usize::MAX, Step::Drain, true)).await;
    let entry = look("redis-stats", json!({ "target": peer.address.to_string() }), LONG).await;
    let said = ["does not tell used_memory, keyspace_hits: n/a", "memory n/a"];
    says(&entry, Critical, &["master-link-down", "not-told"], &said);
    // Nothing at all, and no text at all.
    let peer = Peer::tcp(until(&healthy("redis-ping", ""), usize::MAX, Step::Drain, true)).await;
    let entry = look("redis-ping", json!({ "target": peer.address.to_string() }), LONG).await;
    says(&entry, Unknown, &["not-told"], &["role n/a", "maxmemory"]);
    let mut turns = healthy("redis-ping", INFO);
    turns.last_mut().unwrap().1 = b"*1\r\n+x\r\n".to_vec();
    let peer = Peer::tcp(until(&turns, usize::MAX, Step::Drain, true)).await;
    let entry = look("redis-ping", json!({ "target": peer.address.to_string() }), LONG).await;
    says(&entry, Critical, &["not-redis"], &["answers INFO with something that is no answer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_there_is_told_by_phase() {
    let hole = BlackHole::new();
    let entry = look("redis-ping", json!({ "target": hole.address.to_string() }), SHORT).await;
    says(&entry, Critical, &["not-connected"], &["did not accept a connection within", "phase: connect"]);
    let entry = look("redis-ping", json!({ "target": refusing().await.to_string() }), LONG).await;
    says(&entry, Critical, &["not-connected"], &["refused the connection", "phase: connect"]);
    // A reset is seen while the connection is opened, or a moment later.
    let peer = Peer::tcp(vec![Step::Reset]).await;
    let entry = look("redis-ping", json!({ "target": peer.address.to_string() }), LONG).await;
    assert_eq!(entry.status(), Critical, "{}", words(&entry));
    assert!(["cut-off", "not-connected"].iter().any(|code| words(&entry).contains(code)), "{}", words(&entry));
    let peer = Peer::tcp(vec![Step::Silence]).await;
    let entry = look("redis-ping", json!({ "target": peer.address.to_string() }), SHORT).await;
    says(&entry, Critical, &["no-answer"], &["did not answer within", "phase: login"]);
    let peer = Peer::tcp(vec![Step::Take(1), Step::HalfClose, Step::Drain]).await;
    let entry = look("redis-ping", json!({ "target": peer.address.to_string() }), LONG).await;
    says(&entry, Critical, &["cut-off"], &["closed the connection after 0 bytes of an answer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_and_drips_end() {
    let handshake = || vec![Step::Take(1)];
    // A line, a text, and an array that do not end.
    for (piece, said) in [
        (b"+aaaaaaaaaaaaaaaa".repeat(1000), "a line of the answer does not end"),
        (b"$9\r\n123456789\r\n".repeat(1000), "more than it was asked for"),
        (b"*9\r\n*9\r\n+a\r\n+a\r\n".repeat(1000), "nests deeper than 32 levels"),
    ] {
        let mut script = handshake();
        script.push(Step::Flood(piece, 1 << 30));
        let peer = Peer::tcp(script).await;
        let entry = look("redis-ping", json!({ "target": peer.address.to_string() }), LONG).await;
        assert_eq!(entry.status(), Critical, "{}", words(&entry));
        let text = words(&entry);
        assert!(text.contains(said) || text.contains("is not answered with"), "{text}");
        assert!(peer.log.sent() < 32 << 20, "{} bytes were read", peer.log.sent());
    }
    let mut script = handshake();
    script.extend([Step::Send(b"$8000000\r\n".to_vec()), Step::Flood(vec![b'a'; 1 << 16], 1 << 30)]);
    let peer = Peer::tcp(script).await;
    let entry = look("redis-ping", json!({ "target": peer.address.to_string() }), LONG).await;
    says(&entry, Critical, &["not-redis"], &["does not end where its length says"]);
    let mut script = handshake();
    script.push(Step::Drip(b"+".repeat(10_000), Duration::from_millis(5)));
    let peer = Peer::tcp(script).await;
    let began = Instant::now();
    let entry = look("redis-ping", json!({ "target": peer.address.to_string() }), SHORT).await;
    says(&entry, Critical, &["no-answer"], &["bytes of an answer and not the rest"]);
    assert!(began.elapsed() < LONG);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_repeats_a_password_does_not_give_it_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    for secret in ["hunter2-hunter2", "abc"] {
        std::fs::write(&path, secret).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        for reply in [
            format!("-ERR unknown command `AUTH`, with args beginning with: `{secret}`, \r\n+OK\r\n"),
            format!("{secret} is wrong\r\n"),
            format!("+{secret}\r\n+OK\r\n"),
            format!("*2\r\n$4\r\nAUTH\r\n${}\r\n{secret}\r\n+OK\r\n", secret.len()),
        ] {
            // The beginning of a foreign answer is shown, with secrets of fewer than six letters: see O5.
            if secret.len() < 6 && reply.starts_with(secret) {
                continue;
            }
            let peer = Peer::tcp(vec![Step::Await(b"selx\r\n"), Step::Send(reply.into_bytes()), Step::Drain]).await;
            let with = json!({ "target": peer.address.to_string(), "password": format!("file:{}", path.display()) });
            let entry = look("redis-ping", with, LONG).await;
            assert_eq!(entry.status(), Critical, "{}", words(&entry));
            let all = format!("{} {:?}", words(&entry), entry.facts);
            assert!(!all.contains(secret), "{all}");
        }
    }
}
