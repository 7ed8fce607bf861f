//! The least that asking Celery's workers takes: one connection, the messages, and nothing that judges them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The word with which this program is only the exchange.
pub(crate) const WORD: &str = "wire";

/// Asks the workers behind the Redis at an address (port 6379), with the password in a file, and waits for all of them.
pub(crate) fn exchange(address: &str, password: &str) {
    let password = std::fs::read_to_string(password).expect("the file with the password");
    let mut stream = TcpStream::connect((address, 6379)).expect("a connection to Redis");
    let _ = stream.set_nodelay(true);
    let mut answers = BufReader::new(stream.try_clone().expect("a second handle"));
    let id = "selx-bench-exchange";
    let list = format!("{id}.reply.celery.pidbox");
    let binding = format!("{id}\u{6}\u{16}\u{6}\u{16}{list}");
    let body = serde_json::json!({
        "method": "ping", "arguments": {}, "destination": null, "pattern": null, "matcher": null, "ticket": id,
        "reply_to": { "exchange": "reply.celery.pidbox", "routing_key": id }
    });
    let message = serde_json::json!({
        "body": STANDARD.encode(body.to_string()), "content-encoding": "utf-8", "content-type": "application/json",
        "headers": {},
        "properties": {
            "delivery_mode": 2, "delivery_info": { "exchange": "celery.pidbox", "routing_key": "" }, "priority": 0,
            "body_encoding": "base64", "delivery_tag": id
        }
    });
    let bindings = "_kombu.binding.reply.celery.pidbox";
    let mut request = command(&["AUTH", password.trim()]);
    request.extend(command(&["SADD", bindings, &binding]));
    request.extend(command(&["PUBLISH", "/0.celery.pidbox", &message.to_string()]));
    stream.write_all(&request).expect("the request is sent");
    let mut line = String::new();
    let mut next = || {
        line.clear();
        answers.read_line(&mut line).expect("an answer");
        line.trim_end().to_owned()
    };
    assert_eq!(next(), "+OK");
    next();
    let workers: usize = next().trim_start_matches(':').parse().expect("the number of subscribers");
    assert!(workers > 0, "no worker listens");
    for _ in 0..workers {
        stream.write_all(&command(&["BRPOP", &list, "5"])).expect("the question is sent");
        assert_eq!(next(), "*2", "a worker is silent");
        for _ in 0..4 {
            next();
        }
    }
    let mut end = command(&["SREM", bindings, &binding]);
    end.extend(command(&["DEL", &list]));
    stream.write_all(&end).expect("the rest is sent");
    next();
    next();
}

fn command(words: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
    }
    out
}
