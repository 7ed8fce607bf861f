//! What is asked of workers: methods that only read, and the message that carries one.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::keys::Names;

/// A method of a worker's remote control that only reads.
///
/// The channel knows no login: `shutdown` is one message away for everybody who may publish. There is no way to put
/// another word than these into a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Whether it answers.
    Ping,
    /// What it runs.
    Active,
    /// What it has taken and not begun.
    Reserved,
    /// What it holds until a time.
    Scheduled,
    /// Which queues it takes from.
    ActiveQueues,
    /// What it has done since it started.
    Stats,
    /// Which tasks it knows.
    Registered,
    /// What its logical clock shows.
    Clock,
}

impl Method {
    /// Returns the word of the protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Active => "active",
            Self::Reserved => "reserved",
            Self::Scheduled => "scheduled",
            Self::ActiveQueues => "active_queues",
            Self::Stats => "stats",
            Self::Registered => "registered",
            Self::Clock => "clock",
        }
    }
}

/// Makes a text that nobody guesses, by which an answer is known to belong to this question.
pub(super) fn ticket() -> String {
    // The keys of the standard library's tables are random, of the system's own making.
    let part = || RandomState::new().build_hasher().finish();
    let (high, low) = (part(), part() ^ part().rotate_left(17));
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// Writes the message that asks every worker.
///
/// The headers stay empty: workers take over a clock that is ahead of theirs, and an expiry would be judged by clocks
/// that may differ.
pub(super) fn message(names: &Names, method: Method, oid: &str, ticket: &str) -> String {
    let body = json!({
        "method": method.as_str(),
        "arguments": {},
        "destination": null,
        "pattern": null,
        "matcher": null,
        "ticket": ticket,
        "reply_to": { "exchange": names.reply_exchange(), "routing_key": oid },
    });
    let message = json!({
        "body": STANDARD.encode(body.to_string()),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {},
        "properties": {
            "delivery_mode": 2,
            "delivery_info": { "exchange": format!("{}.pidbox", names.control), "routing_key": "" },
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": ticket,
        },
    });
    message.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::celery::keys;

    #[test]
    fn the_message_is_what_workers_read() {
        let text = message(&keys::usual(), Method::ActiveQueues, "me", "t");
        let message: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(message["headers"], json!({}));
        assert_eq!(message["properties"]["delivery_info"]["exchange"], "celery.pidbox");
        let body = STANDARD.decode(message["body"].as_str().unwrap()).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["method"], "active_queues");
        assert_eq!(body["ticket"], "t");
        assert_eq!(body["reply_to"], json!({ "exchange": "reply.celery.pidbox", "routing_key": "me" }));
        assert_eq!(body["destination"], Value::Null);
    }

    #[test]
    fn tickets_differ() {
        let tickets: std::collections::BTreeSet<String> = (0..1000).map(|_| ticket()).collect();
        assert_eq!(tickets.len(), 1000);
        assert!(tickets.iter().all(|ticket| ticket.len() == 36));
    }

    #[test]
    fn no_method_changes_anything() {
        use Method::{Active, ActiveQueues, Clock, Ping, Registered, Reserved, Scheduled, Stats};
        let all = [Ping, Active, Reserved, Scheduled, ActiveQueues, Stats, Registered, Clock];
        let words = ["ping", "active", "reserved", "scheduled", "active_queues", "stats", "registered", "clock"];
        assert_eq!(all.map(Method::as_str), words);
    }
}
