//! Tasks as messages and workers tell of them: what is taken from them, and nothing that may hold a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The longest text that is kept.
const TEXT: usize = 200;

/// Shows the first few of a list.
pub(super) fn listed(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    const SHOWN: usize = 5;
    let names: Vec<_> = names.collect();
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match names.len() {
        0 => "none".to_owned(),
        all if all > SHOWN => format!("{} and {} more", shown.join(", "), all - SHOWN),
        _ => shown.join(", "),
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    Some(value?.as_str()?.chars().take(TEXT).collect())
}

/// The message at the head of a queue: the next to be taken. Arguments are never kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Head {
    /// What tells it from other messages: its delivery tag, or a digest of it where it has none.
    pub tag: String,
    /// The id of the task.
    #[serde(default)]
    pub id: Option<String>,
    /// The name of the task.
    #[serde(default)]
    pub task: Option<String>,
    /// Not to be begun before, as a Unix time.
    #[serde(default)]
    pub eta: Option<f64>,
    /// Thrown away after, as a Unix time.
    #[serde(default)]
    pub expires: Option<f64>,
    /// When it was sent, where the sender said it, as a Unix time.
    #[serde(default)]
    pub sent: Option<f64>,
    /// How often it was tried before.
    #[serde(default)]
    pub retries: u64,
    /// How long the message is, in bytes.
    pub bytes: u64,
}

impl Head {
    /// Reads a message. Whatever it is, it can be told from others.
    pub(super) fn read(message: &[u8]) -> Self {
        let bytes = message.len() as u64;
        let envelope: Map<String, Value> = serde_json::from_slice(message).unwrap_or_default();
        let headers = envelope.get("headers").and_then(Value::as_object);
        let properties = envelope.get("properties").and_then(Value::as_object);
        let header = |name: &str| headers.and_then(|headers| headers.get(name));
        let property = |name: &str| properties.and_then(|properties| properties.get(name));
        let tag = text(property("delivery_tag")).unwrap_or_else(|| format!("digest-{:016x}", digest(message)));
        // The first version of the protocol has everything in the body.
        let old = if header("task").is_none() { body(&envelope) } else { None };
        let field = |name: &str| header(name).or_else(|| old.as_ref()?.get(name));
        Self {
            tag,
            id: text(field("id")),
            task: text(field("task")),
            eta: field("eta").and_then(time),
            expires: field("expires").and_then(time),
            sent: property("timestamp").or_else(|| header("timestamp")).and_then(time),
            retries: field("retries").and_then(Value::as_u64).unwrap_or(0),
            bytes,
        }
    }

    /// Says which task it is.
    pub(super) fn named(&self) -> String {
        match (&self.task, &self.id) {
            (Some(task), Some(id)) => format!("`{task}` {id}"),
            (Some(task), None) => format!("`{task}`"),
            _ => "a message that is no task of Celery".to_owned(),
        }
    }
}

/// The body of a message of the first version, if it is in JSON.
fn body(envelope: &Map<String, Value>) -> Option<Map<String, Value>> {
    const LONGEST: usize = 1 << 20;
    if envelope.get("content-type")?.as_str()? != "application/json" {
        return None;
    }
    let text = envelope.get("body")?.as_str().filter(|text| text.len() <= LONGEST)?;
    let encoding = envelope.get("properties").and_then(|properties| properties.get("body_encoding"));
    let bytes = match encoding.and_then(Value::as_str) {
        Some("base64") => STANDARD.decode(text).ok()?,
        _ => text.as_bytes().to_vec(),
    };
    serde_json::from_slice(&bytes).ok()
}

/// Reads a time: a number of seconds, or a text of ISO 8601, which is UTC where it says nothing else.
fn time(value: &Value) -> Option<f64> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => {
            let zoned = text.parse::<jiff::Timestamp>();
            let at = zoned.or_else(|_| {
                let civil: jiff::civil::DateTime = text.parse()?;
                jiff::tz::TimeZone::UTC.to_timestamp(civil)
            });
            at.ok()?.as_microsecond() as f64 / 1e6
        }
        _ => return None,
    };
    // What is no time of our days is no time.
    (seconds.is_finite() && (0.0..1e11).contains(&seconds)).then_some(seconds)
}

fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A task that a worker runs or has taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Task {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was begun, as a Unix time, by the clock of the worker.
    #[serde(default)]
    pub started: Option<f64>,
}

/// Reads the tasks of a worker's answer, at most so many.
pub(super) fn tasks(value: &Value, most: usize) -> Option<(Vec<Task>, u64)> {
    let list = value.as_array()?;
    let each = |task: &Value| {
        Some(Task {
            id: text(task.get("id"))?,
            name: text(task.get("name").or_else(|| task.get("type"))).unwrap_or_default(),
            started: task.get("time_start").and_then(time),
        })
    };
    Some((list.iter().filter_map(each).take(most).collect(), list.len() as u64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_of_both_protocols_are_read() {
        let message = json!({
            "body": "x", "content-type": "application/json",
            "headers": {
                "id": "1", "task": "app.add", "eta": "2026-11-23T02:30:00+00:00", "expires": "2026-11-23T02:30:00",
                "retries": 2, "argsrepr": "('hunter2',)",
            },
            "properties": { "delivery_tag": "t", "timestamp": 1_795_401_000 },
        });
        let head = Head::read(message.to_string().as_bytes());
        assert_eq!((head.tag.as_str(), head.id.as_deref(), head.task.as_deref()), ("t", Some("1"), Some("app.add")));
        assert_eq!(
            (head.eta, head.expires, head.sent),
            (Some(1_795_401_000.0), Some(1_795_401_000.0), Some(1_795_401_000.0))
        );
        assert_eq!(head.retries, 2);
        assert!(!format!("{head:?}").contains("hunter2"));
        let body = STANDARD.encode(r#"{"id": "2", "task": "app.old", "eta": null, "retries": 0}"#);
        let old = json!({
            "body": body, "content-type": "application/json", "headers": {},
            "properties": { "body_encoding": "base64", "delivery_tag": "o" },
        });
        assert_eq!(Head::read(old.to_string().as_bytes()).task.as_deref(), Some("app.old"));
        let strange = Head::read(b"\x80\x04K\x01.");
        assert!(strange.tag.starts_with("digest-") && strange.task.is_none());
        assert_ne!(strange.tag, Head::read(b"\x80\x04K\x02.").tag);
    }

    #[test]
    fn tasks_of_workers_are_read() {
        let value =
            json!([{ "id": "1", "name": "app.sleep", "time_start": 1_795_401_000.5, "args": ["hunter2"] }, 7, {}]);
        let (tasks, count) = tasks(&value, 10).unwrap();
        assert_eq!(count, 3);
        assert_eq!(tasks, [Task { id: "1".into(), name: "app.sleep".into(), started: Some(1_795_401_000.5) }]);
        assert_eq!(super::tasks(&json!({}), 10), None);
        assert_eq!(listed(["a", "b"].iter()), "a, b");
        assert_eq!(listed(["a"; 7].iter()), "a, a, a, a, a and 2 more");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), eta in "\\PC{0,40}") {
            let _ = Head::read(&bytes);
            let message = json!({ "headers": { "task": "t", "eta": eta }, "properties": 3 });
            let _ = Head::read(message.to_string().as_bytes());
        }
    }
}
