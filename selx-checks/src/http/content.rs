//! What of an answer goes into the facts.

use std::sync::Arc;

use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::http::response::Parts;
use selx_core::{Context, Result, Secrets};
use serde_json::Value;

use super::config::{Config, Method};
use super::exchange::Exchange;
use super::expect::JsonRule;
use super::facts::{Answer, HeaderSeen, JsonSeen, PathSeen, TextSeen};
use super::url::Url;

/// How much of a body is shown.
const EXCERPT: usize = 200;
/// How much of a text of an answer is kept.
const KEPT: usize = 200;
/// How many values of a path are kept.
const VALUES: usize = 64;

/// What is taken out of everything that a peer says: a server may send back what it was sent.
pub(crate) struct Veil<'a> {
    secrets: &'a Secrets,
    /// The credentials in the form in which they were sent, without the word before them.
    sent: Option<&'a str>,
}

impl<'a> Veil<'a> {
    /// Hides every secret that was handed out, and the `authorization` header that was made of them.
    pub(crate) fn new(secrets: &'a Secrets, authorization: Option<&'a HeaderValue>) -> Self {
        let sent = authorization.and_then(|value| value.to_str().ok());
        Self { secrets, sent: sent.and_then(|value| value.split_once(' ')).map(|(_, sent)| sent) }
    }

    fn redact(&self, text: &str) -> Option<String> {
        let first = self.sent.filter(|sent| sent.len() >= 6 && text.contains(sent));
        let first = first.map(|sent| text.replace(sent, "[secret]"));
        self.secrets.redact(first.as_deref().unwrap_or(text)).or(first)
    }
}

/// Describes an answer; its body is looked at only if it is whole.
///
/// # Errors
///
/// `TimedOut` or `Cancelled` while a large body is searched.
pub(super) async fn answer(
    config: &Arc<Config>,
    url: &Url,
    parts: &Parts,
    exchange: &mut Exchange,
    veil: &Veil<'_>,
    cx: &Context,
) -> Result<Answer> {
    let status = parts.status.as_u16();
    let text_of = |name| {
        let value = parts.headers.get(name)?;
        Some(clean(value.as_bytes(), KEPT, veil))
    };
    let mut answer = Answer {
        status,
        content_type: text_of(CONTENT_TYPE),
        encoding: text_of(CONTENT_ENCODING)
            .filter(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity")),
        location: parts.headers.get(LOCATION).map(|value| {
            let target = value.to_str().map_err(|_| String::new()).and_then(|text| url.join(text));
            match target {
                Ok(target) => target.to_string(),
                // Not a URL: what stands before a query can be shown.
                Err(_) => {
                    let bytes = value.as_bytes().split(|byte| *byte == b'?').next().unwrap_or_default();
                    clean(bytes, KEPT, veil)
                }
            }
        }),
        not_followed: None,
        headers: headers(config, parts, veil),
        body_size: exchange.body.len() as u64,
        has_body: config.method != Method::Head && !matches!(status, 204 | 304),
        excerpt: clean(&exchange.body, EXCERPT, veil),
        texts: Vec::new(),
        json: None,
    };
    let whole = exchange.failure.is_none() && answer.encoding.is_none();
    if whole && config.expect.looks_at_body() {
        let body = std::mem::take(&mut exchange.body);
        let config = Arc::clone(config);
        let search = cx.blocking("searching the body", move |_| {
            let expect = &config.expect;
            let texts = expect.text.iter().chain(&expect.not_text);
            let texts = texts.map(|text| TextSeen { text: text.clone(), found: contains(&body, text.as_bytes()) });
            let json = (!expect.json.is_empty()).then(|| json(&expect.json, &body));
            Ok((texts.collect(), json))
        });
        let (texts, json) = search.await?;
        answer.texts = texts;
        answer.json = json.map(|json| without_secrets(json, veil));
    }
    Ok(answer)
}

fn headers(config: &Config, parts: &Parts, veil: &Veil<'_>) -> Vec<HeaderSeen> {
    let each = |(name, wanted): (&super::field::FieldName, &String)| {
        let values: Vec<&[u8]> = parts.headers.get_all(name.as_str()).iter().map(|value| value.as_bytes()).collect();
        let wanted = wanted.to_lowercase();
        let found = |value: &&[u8]| String::from_utf8_lossy(value).to_lowercase().contains(&wanted);
        let hidden = name.as_str().contains("cookie");
        HeaderSeen {
            name: name.as_str().to_owned(),
            found: values.iter().any(found),
            value: (!values.is_empty())
                .then(|| if hidden { "[not shown]".to_owned() } else { clean(&values.join(&b", "[..]), KEPT, veil) }),
        }
    };
    config.expect.headers.iter().map(each).collect()
}

/// Tells whether a text stands in a body.
fn contains(body: &[u8], text: &[u8]) -> bool {
    let Some(first) = text.first() else {
        return true;
    };
    let mut rest = body;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        let (_, found) = rest.split_at(at);
        if found.starts_with(text) {
            return true;
        }
        rest = found.get(1..).unwrap_or_default();
    }
    false
}

fn json(rules: &[JsonRule], body: &[u8]) -> JsonSeen {
    let value = match super::json::parse(body) {
        Ok(value) => value,
        Err(error) => return JsonSeen { error: Some(error), paths: Vec::new() },
    };
    let each = |rule: &JsonRule| {
        let found = rule.path.query(&value);
        // A value that is written longer than the one that is wanted cannot be equal to it.
        let wanted = rule.equals.as_ref().map_or(0, |value| value.to_string().len());
        let keep = |value: &&Value| {
            let length = value.to_string().len();
            if length > wanted.max(KEPT) {
                Value::String(format!("[{length} bytes of JSON]"))
            } else {
                (*value).clone()
            }
        };
        PathSeen {
            path: rule.path.to_string(),
            count: found.len(),
            values: found.iter().take(VALUES).map(keep).collect(),
        }
    };
    JsonSeen { error: None, paths: rules.iter().map(each).collect() }
}

/// Takes secrets that the peer sent back out of values.
fn without_secrets(mut json: JsonSeen, veil: &Veil<'_>) -> JsonSeen {
    for path in &mut json.paths {
        for value in &mut path.values {
            if let Some(redacted) = veil.redact(&value.to_string()) {
                *value = serde_json::from_str(&redacted).unwrap_or_else(|_| Value::String("[secret]".into()));
            }
        }
    }
    json
}

/// Makes bytes of a peer fit to be shown: secrets out, controls escaped, at most so many bytes.
pub(crate) fn clean(bytes: &[u8], most: usize, veil: &Veil<'_>) -> String {
    // A secret that the cut would divide is not recognised any more, so more is searched than is kept.
    let searched = bytes.get(..most + 8192).unwrap_or(bytes);
    let text = String::from_utf8_lossy(searched);
    let text = veil.redact(&text).unwrap_or_else(|| text.into_owned());
    let mut out = String::new();
    for letter in text.trim().chars() {
        let piece: String = match letter {
            '\n' | '\r' | '\t' | ' ' => " ".into(),
            letter if letter.is_control() || is_invisible(letter) => letter.escape_default().collect(),
            letter => letter.into(),
        };
        if out.len() + piece.len() > most {
            break;
        }
        if piece == " " && out.ends_with(' ') {
            continue;
        }
        out.push_str(&piece);
    }
    out
}

/// Tells whether a letter changes how others are shown, or is not seen itself.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use selx_core::SecretRef;

    use super::*;

    fn rules(text: &str) -> Vec<JsonRule> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn values_that_cannot_be_equal_are_not_kept() {
        let rules = rules(r#"[{"path":"$.a","equals":"ok"},{"path":"$.b[*]"},{"path":"$.c"}]"#);
        let body = serde_json::json!({ "a": "x".repeat(500), "b": vec![1; 100] }).to_string();
        let seen = json(&rules, body.as_bytes());
        assert_eq!(seen.paths[0].values, [Value::String("[502 bytes of JSON]".into())]);
        assert_eq!((seen.paths[1].count, seen.paths[1].values.len()), (100, 64));
        assert_eq!(seen.paths[2].count, 0);
        assert!(json(&rules, b"<html>").error.is_some());
        let deep = "[".repeat(100_000);
        assert!(json(&rules, deep.as_bytes()).error.is_some(), "no overflow of the stack");
    }

    #[test]
    fn a_secret_that_comes_back_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "hunter2-hunter2\n").unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let secrets = Secrets::default();
        secrets.get(&SecretRef::File(path)).unwrap();
        let body = format!("{}hunter2-hunter2", "x".repeat(190));
        let sent = HeaderValue::from_static("Basic YW5uOmh1bnRlcjI=");
        let veil = Veil::new(&secrets, Some(&sent));
        let shown = clean(body.as_bytes(), 200, &veil);
        assert!(!shown.contains("hunter"), "{shown}");
        let seen = json(&rules(r#"[{"path":"$.t"}]"#), br#"{"t":"Bearer hunter2-hunter2"}"#);
        let seen = without_secrets(seen, &veil);
        assert_eq!(seen.paths[0].values, [Value::String("Bearer [secret]".into())]);
        assert_eq!(clean(b"you sent Basic YW5uOmh1bnRlcjI=", 200, &veil), "you sent Basic [secret]");
    }

    #[test]
    fn texts_are_found_wherever_they_stand() {
        assert!(contains(b"aaab", b"aab") && contains(b"ab", b"ab") && contains(b"", b""));
        assert!(!contains(b"aaa", b"ab") && !contains(b"", b"a") && !contains(b"a", b"ab"));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_short_and_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let shown = clean(&bytes, 200, &Veil::new(&Secrets::default(), None));
            prop_assert!(shown.len() <= 200);
            prop_assert!(!shown.chars().any(char::is_control));
        }
    }
}
