//! What stands in the lists of a broker: any bytes are read or passed over, what is kept is bounded and survives being
//! saved, and nothing that is not JSON is taken apart.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use selx_checks::celery::{Unread, fuzz_answer, fuzz_message};
use serde_json::{Value, json};

/// The most letters of a text that is kept.
const TEXT: usize = 200;

fuzz_target!(|bytes: &[u8]| {
    look(bytes);
    // The same as the body of an envelope, whose form is not in the way.
    let envelope = |sort: &str| {
        json!({
            "body": STANDARD.encode(bytes), "content-encoding": "utf-8", "content-type": sort,
            "headers": { "ticket": "t" }, "properties": { "body_encoding": "base64", "delivery_tag": "d" },
        })
    };
    look(envelope("application/json").to_string().as_bytes());
    let other = envelope("application/x-python-serialize").to_string();
    let unread = Unread::Serializer("application/x-python-serialize".to_owned());
    assert_eq!(fuzz_answer(other.as_bytes()), Some(("t".to_owned(), Err(unread))));
    if let Ok(kept) = fuzz_message(other.as_bytes()) {
        assert!(kept.get("task").is_some_and(Value::is_null), "{kept}");
    }
});

fn look(bytes: &[u8]) {
    match fuzz_answer(bytes) {
        Some((_, Ok((node, tasks)))) => assert!(!node.is_empty() && node.chars().count() <= 255 && tasks <= 5),
        Some((_, Err(Unread::Serializer(sort)))) => assert!(sort != "application/json" && sort.chars().count() <= 80),
        Some((_, Err(Unread::Malformed(_)))) | None => {}
    }
    let kept = fuzz_message(bytes);
    assert!(kept.is_ok(), "{kept:?}");
    let kept = kept.unwrap_or_default();
    for name in ["tag", "id", "task"] {
        assert!(kept.get(name).and_then(Value::as_str).is_none_or(|text| text.chars().count() <= TEXT), "{kept}");
    }
    for name in ["eta", "expires", "sent"] {
        assert!(kept.get(name).and_then(Value::as_f64).is_none_or(|at| (0.0..1e11).contains(&at)), "{kept}");
    }
    assert_eq!(kept.get("bytes").and_then(Value::as_u64), Some(bytes.len() as u64));
}
