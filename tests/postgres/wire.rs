//! Peers that lie: what stands in the place of a server and is none, or a hostile one.

use std::time::Duration;

use selx_core::Status;
use selx_core::report::Entry;
use serde_json::json;

use crate::drive::{LONG, SHORT, assert_is, look, words};
use crate::peer::{Peer, Script, Step};

const KIND: &str = "postgres-ready";

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag], &length[..], body].concat()
}

fn asks(number: u32, rest: &[u8]) -> Vec<u8> {
    message(b'R', &[&number.to_be_bytes(), rest].concat())
}

async fn with(tls: &str, script: Script, timeout: Duration) -> Entry {
    let peer = Peer::tcp(script).await;
    let folder = tempfile::tempdir().unwrap();
    let password = crate::drive::password(folder.path(), crate::cluster::PASSWORD);
    look(KIND, json!({ "target": peer.address.to_string(), "tls": tls, "password": password }), timeout).await
}

/// Takes the start of a session, and answers.
async fn answers(reply: impl Into<Vec<u8>>) -> Entry {
    let script = vec![Step::Await(b"client_encoding\0UTF8\0\0"), Step::Send(reply.into()), Step::Drain];
    with("off", script, LONG).await
}

#[tokio::test]
async fn d3_what_is_no_postgres_is_named_by_its_beginning() {
    for (reply, said) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "which is HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "which is SSH"),
        (b"-ERR unknown command\r\n", "which may be Redis"),
        (b"\x15\x03\x01\x00\x02\x02\x0a", "which is TLS"),
        (b"\xff\xff\xff\xff\xff\xff", "does not speak PostgreSQL"),
        (b"\0", "does not speak PostgreSQL"),
    ] {
        let entry = answers(reply).await;
        assert_is(&entry, Status::Critical, &["not-postgres"], &[said]);
    }
}

#[tokio::test]
async fn d3_lengths_are_not_believed() {
    for (length, said) in [
        (0x8000_0000_u32, "announces a message of 2 GiB"),
        (u32::MAX, "announces a message of 4 GiB"),
        (0, "a message of length 0"),
        (3, "a message of length 3"),
    ] {
        let entry = answers([&b"R"[..], &length.to_be_bytes(), b"xxxx"].concat()).await;
        assert_is(&entry, Status::Critical, &["not-postgres"], &[said]);
    }
    let endless = message(b'N', b"SNOTICE\0Mhello\0\0").repeat(10_000);
    assert_is(&answers(endless).await, Status::Critical, &["not-postgres"], &["200 messages and no session"]);
    // A session that nobody was let into, and one with parameters without end.
    let uninvited = [asks(5, b"salt"), message(b'Z', b"I")].concat();
    assert_is(&answers(uninvited).await, Status::Critical, &["not-postgres"], &["without accepting the login"]);
    let many = [asks(0, b""), message(b'S', b"a\0b\0").repeat(10_000)].concat();
    assert_is(&answers(many).await, Status::Critical, &["not-postgres"], &["200 messages and no session"]);
}

#[tokio::test]
async fn d3_a_reply_that_is_cut_or_stalls_anywhere_is_never_fine() {
    let whole = [asks(0, b""), message(b'S', b"server_version\x0015.1\0"), message(b'K', &[0; 8]), message(b'Z', b"I")]
        .concat();
    for at in 0..whole.len() {
        let entry = answers_and_closes(&whole[..at]).await;
        assert_eq!(entry.status(), Status::Critical, "{at}: {}", words(&entry));
    }
    let stalled = vec![Step::Await(b"UTF8\0\0"), Step::Send(whole[..20].to_vec()), Step::Silence];
    assert_is(&with("off", stalled, SHORT).await, Status::Critical, &["no-answer"], &["did not answer within"]);
    let silent = vec![Step::Silence];
    assert_is(
        &with("prefer", silent, SHORT).await,
        Status::Critical,
        &["no-answer"],
        &["did not answer", "phase: tls"],
    );
    // One that lets everybody in and then answers no question.
    let mute = vec![Step::Await(b"UTF8\0\0"), Step::Send(whole), Step::Silence];
    assert_is(&with("off", mute, SHORT).await, Status::Critical, &["no-answer"], &["phase: first byte"]);
}

async fn answers_and_closes(reply: &[u8]) -> Entry {
    with("off", vec![Step::Await(b"client_encoding\0UTF8\0\0"), Step::Send(reply.to_vec())], LONG).await
}

#[tokio::test]
async fn d3_encryption_that_is_none() {
    let request = || Step::Take(8);
    for (reply, code, said) in [
        (&b"X"[..], "not-postgres", "begins with `X`"),
        (b"HTTP/1.1 400\r\n", "not-postgres", "which is HTTP"),
        // What a listener between the two puts behind the answer would be taken for the server's.
        (b"SR\0\0\0\x08\0\0\0\0", "not-postgres", "sent 9 bytes in the clear"),
        (b"NR\0\0\0\x08\0\0\0\0", "not-postgres", "sent 9 bytes in the clear"),
    ] {
        let entry = with("prefer", vec![request(), Step::Send(reply.to_vec()), Step::Drain], LONG).await;
        assert_is(&entry, Status::Critical, &[code], &[said]);
    }
    let pause = Step::Wait(Duration::from_millis(20));
    let later =
        vec![request(), Step::Send(b"S".to_vec()), pause, Step::Send(b"R\0\0\0\x08\0\0\0\0".to_vec()), Step::Drain];
    assert_is(&with("prefer", later, LONG).await, Status::Critical, &["tls-failed"], &["TLS"]);
    let no = vec![request(), Step::Send(b"N".to_vec()), Step::Drain];
    assert_is(&with("require", no, LONG).await, Status::Critical, &["tls-failed"], &["does not encrypt"]);
    // A server that cannot start a process says so in the place of the answer.
    let failed = b"Ecould not fork new process for connection: Cannot allocate memory\n\0".to_vec();
    for tls in ["prefer", "require"] {
        let peer = Peer::tcp(vec![request(), Step::Send(failed.clone()), Step::Drain]).await;
        let entry = look(KIND, json!({ "target": peer.address.to_string(), "tls": tls }), LONG).await;
        assert_is(&entry, Status::Critical, &["refused"], &["could not fork new process"]);
        // Who asks for what is not said in the clear.
        assert_eq!(peer.log.received()[0].len(), 8, "{}", peer.log.text(0));
    }
}

#[tokio::test]
async fn d4_ways_to_log_in_are_named() {
    for (request, said) in [
        (asks(7, b""), "GSSAPI"),
        (asks(9, b""), "SSPI"),
        (asks(2, b""), "Kerberos 5"),
        (asks(10, b"SCRAM-SHA-256-PLUS\0\0"), "SASL with SCRAM-SHA-256-PLUS"),
        (asks(10, b"OAUTHBEARER\0\0"), "SASL with OAUTHBEARER"),
        (asks(77, b""), "method number 77"),
    ] {
        assert_is(&answers(request).await, Status::Critical, &["unknown-method"], &[said]);
    }
    // A server that does not know the password, and one that wants to keep the processor busy.
    let script = |first: Vec<u8>| {
        vec![
            Step::Await(b"UTF8\0\0"),
            Step::Send(asks(10, b"SCRAM-SHA-256\0\0")),
            Step::Await(b"n,,n=,r="),
            Step::Send(first),
            Step::Drain,
        ]
    };
    let foreign = with("off", script(asks(11, b"r=foreign,s=AAAA,i=4096")), LONG).await;
    assert_is(&foreign, Status::Critical, &["not-postgres"], &["another SCRAM exchange"]);
    let endless = message(b'N', b"SNOTICE\0Mhello\0\0").repeat(10_000);
    let endless = with("off", script([&endless[..], &asks(11, b"r=foreign,s=AAAA,i=1")].concat()), LONG).await;
    assert_is(&endless, Status::Critical, &["not-postgres"], &["200 messages and no session"]);
    let short = with("off", script(asks(0, b"")), LONG).await;
    assert_is(&short, Status::Critical, &["not-postgres"], &["left the SCRAM exchange"]);
}

/// What a pooler says that takes only whole statements, or a server whose words are in another language.
#[tokio::test]
async fn d16_a_refusal_is_told_by_its_code() {
    let error = |code: &str, text: &str| message(b'E', format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0").as_bytes());
    for (reply, code, said) in [
        (error("57P03", "das Datenbanksystem startet"), "not-accepting", "das Datenbanksystem startet, SQLSTATE 57P03"),
        (error("53300", "no more connections allowed (max_client_conn)"), "too-many-clients", "max_client_conn"),
        (error("08P01", "no such database: shop"), "refused", "08P01"),
        (error("57P01", "terminating connection"), "shutting-down", "57P01"),
    ] {
        assert_is(&answers(reply).await, Status::Critical, &[code], &[said]);
    }
    // A pooler lets in, has a number of its own for the session, and may refuse a transaction.
    let session =
        [asks(0, b""), message(b'S', b"server_version\x0015.1\0"), message(b'K', &[0; 8]), message(b'Z', b"I")]
            .concat();
    let refusal = [
        message(b'E', b"SERROR\0VERROR\0C08P01\0Mtransaction blocks not allowed in statement pooling mode\0\0"),
        message(b'Z', b"I"),
    ]
    .concat();
    let script = vec![
        Step::Await(b"UTF8\0\0"),
        Step::Send(session),
        Step::Await(b"ROLLBACK\0"),
        Step::Send(refusal),
        Step::Drain,
    ];
    let entry = with("off", script, LONG).await;
    assert_is(&entry, Status::Critical, &["refused"], &["statement pooling mode"]);
}

/// A session that stands, and what the server says to the first question.
async fn answers_in_session(reply: Vec<u8>, then: Step) -> Entry {
    let session =
        [asks(0, b""), message(b'S', b"server_version\x0015.1\0"), message(b'K', &[0; 8]), message(b'Z', b"I")]
            .concat();
    let script =
        vec![Step::Await(b"UTF8\0\0"), Step::Send(session), Step::Await(b"ROLLBACK\0"), Step::Send(reply), then];
    with("off", script, LONG).await
}

/// The server's last word is the reason, and not that it closed after it.
#[tokio::test]
async fn d3_why_a_session_was_ended_is_told() {
    let error = b"SFATAL\0VFATAL\0C25P04\0Mterminating connection due to transaction timeout\0\0";
    let entry = answers_in_session(message(b'E', error), Step::HalfClose).await;
    assert_is(&entry, Status::Critical, &["refused"], &["due to transaction timeout", "25P04"]);
}

#[tokio::test]
async fn d3_an_answer_without_what_was_asked_for_is_never_fine() {
    let done = message(b'C', b"SELECT 1\0");
    let table = message(b'T', &[0; 2]);
    let row = |values: &[&[u8]]| {
        let count = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
        let values =
            values.iter().flat_map(|value| [&u32::try_from(value.len()).unwrap().to_be_bytes(), *value].concat());
        message(b'D', &count.into_iter().chain(values).collect::<Vec<u8>>())
    };
    let whole = |rows: Vec<u8>| [&table, &done, &table, &rows, &done, &message(b'Z', b"I")[..]].concat();
    let fine = answers_in_session(whole(row(&[b"t", b"0", b"5"])), Step::Drain).await;
    assert_is(&fine, Status::Ok, &[], &["standby"]);
    for rows in [Vec::new(), row(&[]), row(&[b"", b"0", b"5"]), row(&[b"t", b"0", b"soon"]), row(&[b"1", b"0", b"5"])] {
        let entry = answers_in_session(whole(rows), Step::Drain).await;
        assert_is(&entry, Status::Critical, &["not-postgres"], &["answered what is no answer"]);
    }
}
