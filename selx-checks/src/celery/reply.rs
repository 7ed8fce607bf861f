//! The answers of workers, read with care: whoever may push to a list can put anything there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An answer.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    /// The ticket of the question that it answers.
    pub(super) ticket: String,
    /// What it says, or why that was not read.
    pub(super) content: Result<Content, Unread>,
}

/// What a worker says.
#[derive(Debug, PartialEq)]
pub(super) struct Content {
    /// The name of the worker.
    pub(super) node: String,
    /// What its method gave.
    pub(super) value: Value,
}

/// Why an answer was not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unread {
    /// It is not in JSON. Nothing else is ever taken apart: reading a pickle runs what its writer wants.
    Serializer(String),
    /// It is not what a worker sends.
    Malformed(String),
}

/// The most that a name of a worker may have in letters.
const NAME: usize = 255;

/// Reads what stands in the list of answers; nothing if it has no ticket at all.
pub(super) fn read(bytes: &[u8]) -> Option<Reply> {
    let envelope: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    let ticket = envelope.get("headers")?.get("ticket")?.as_str()?.to_owned();
    Some(Reply { ticket, content: content(&envelope) })
}

fn content(envelope: &Map<String, Value>) -> Result<Content, Unread> {
    let malformed = |why: &str| Unread::Malformed(why.to_owned());
    let text = |name: &str| envelope.get(name).and_then(Value::as_str);
    let sort = text("content-type").ok_or_else(|| malformed("it does not say what it is written in"))?;
    if sort != "application/json" {
        return Err(Unread::Serializer(sort.chars().take(80).collect()));
    }
    if let Some(encoding) = text("content-encoding")
        && !["utf-8", "utf8", "us-ascii"].contains(&encoding.to_ascii_lowercase().as_str())
    {
        return Err(malformed("its content is neither UTF-8 nor plain"));
    }
    let body = text("body").ok_or_else(|| malformed("it has no body"))?;
    let encoding = envelope.get("properties").and_then(|properties| properties.get("body_encoding"));
    let body = match encoding.and_then(Value::as_str) {
        Some("base64") => STANDARD.decode(body).map_err(|_| malformed("its body is not base64"))?,
        None => body.as_bytes().to_vec(),
        Some(_) => return Err(malformed("its body is encoded in an unknown way")),
    };
    let body: Map<String, Value> =
        serde_json::from_slice(&body).map_err(|_| malformed("its body is not an object of JSON"))?;
    let mut answers = body.into_iter();
    match (answers.next(), answers.next()) {
        (Some((node, value)), None) if !node.is_empty() && node.chars().count() <= NAME => Ok(Content { node, value }),
        _ => Err(malformed("it is not the answer of one worker")),
    }
}

/// Takes the words out of a worker's answer that is an error.
pub(super) fn error(value: &Value) -> Option<String> {
    let error = value.as_object().filter(|object| object.len() == 1)?.get("error")?;
    let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
    Some(text.chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn envelope(body: &str) -> Value {
        json!({
            "body": STANDARD.encode(body), "content-encoding": "utf-8", "content-type": "application/json",
            "headers": { "ticket": "t", "clock": 7 }, "properties": { "body_encoding": "base64" },
        })
    }

    fn read_value(value: &Value) -> Option<Reply> {
        read(value.to_string().as_bytes())
    }

    #[test]
    fn answers_are_read() {
        let reply = read_value(&envelope(r#"{"celery@a": {"ok": "pong"}}"#)).unwrap();
        assert_eq!(reply.ticket, "t");
        let content = reply.content.unwrap();
        assert_eq!((content.node.as_str(), &content.value), ("celery@a", &json!({ "ok": "pong" })));
        let mut plain = envelope("");
        plain["body"] = r#"{"celery@a": []}"#.into();
        plain["properties"] = json!({});
        assert_eq!(read_value(&plain).unwrap().content.unwrap().value, json!([]));
        assert_eq!(error(&json!({ "error": "KeyError('x')" })).as_deref(), Some("KeyError('x')"));
        assert_eq!(error(&json!({ "ok": "pong" })), None);
        assert_eq!(error(&json!([])), None);
    }

    #[test]
    fn what_is_not_json_is_not_taken_apart() {
        let mut pickled = envelope("\u{80}");
        pickled["content-type"] = "application/x-python-serialize".into();
        pickled["content-encoding"] = "binary".into();
        let content = read_value(&pickled).unwrap().content;
        assert_eq!(content, Err(Unread::Serializer("application/x-python-serialize".into())));
    }

    #[test]
    fn what_no_worker_sends_is_told() {
        for body in ["", "[]", "{}", "{\"\": 1}", "{\"a\": 1, \"b\": 2}", "\u{0}"] {
            assert!(matches!(read_value(&envelope(body)).unwrap().content, Err(Unread::Malformed(_))), "{body}");
        }
        let long = format!("{{\"{}\": 1}}", "x".repeat(300));
        assert!(matches!(read_value(&envelope(&long)).unwrap().content, Err(Unread::Malformed(_))));
        for (key, value) in [
            ("body", json!(null)),
            ("body", json!("%%%")),
            ("content-type", json!(1)),
            ("content-encoding", json!("binary")),
            ("properties", json!({ "body_encoding": "rot13" })),
        ] {
            let mut reply = envelope(r#"{"a": 1}"#);
            reply[key] = value;
            assert!(matches!(read_value(&reply).unwrap().content, Err(Unread::Malformed(_))), "{key}");
        }
        for bytes in [&b"selx"[..], b"", b"{}", b"[1]", b"{\"headers\": {\"ticket\": 7}}", b"\xff\xfe"] {
            assert_eq!(read(bytes), None);
        }
        assert_eq!(read("[".repeat(100_000).as_bytes()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), body in "\\PC{0,60}") {
            let _ = read(&bytes);
            let _ = read_value(&envelope(&body));
        }
    }
}
