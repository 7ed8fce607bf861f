//! What `INFO` tells, as far as it is asked for. A field that is missing, renamed or no number is missing, and nothing
//! else is.

use std::collections::BTreeMap;

use redis::Value;
use serde::{Deserialize, Serialize};

/// The longest value that is kept.
const VALUE: usize = 200;
/// The most databases and replicas that are kept.
const LISTED: usize = 64;

/// The fields of `INFO` that a kind looks at, as the server wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Info(BTreeMap<String, String>);

impl Info {
    /// Reads the answer to `INFO`: `None` if it is no text. Databases (`db0`) and replicas (`slave0`) are always kept.
    pub fn of(answer: &Value, wanted: &[&str]) -> Option<Self> {
        let Value::BulkString(bytes) = answer else {
            return None;
        };
        let text = String::from_utf8_lossy(bytes);
        let mut fields = BTreeMap::new();
        let mut listed = 0;
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let is_listed = numbered(name, "db") || numbered(name, "slave");
            listed += usize::from(is_listed);
            if wanted.contains(&name) || (is_listed && listed <= LISTED) {
                fields.insert(name.to_owned(), value.trim_end().chars().take(VALUE).collect());
            }
        }
        Some(Self(fields))
    }

    /// Adds a field that was found out another way.
    pub(super) fn add(&mut self, name: String, value: &str) {
        self.0.insert(name, value.chars().take(VALUE).collect());
    }

    /// Returns a field as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns a field as a number that counts something.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// Returns a field as a number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.text(name)?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// Returns those of some fields that are not there, or are not of the form that they should have.
    pub fn missing<'a>(&self, texts: &[&'a str], counts: &[&'a str]) -> Vec<&'a str> {
        let texts = texts.iter().copied().filter(|name| self.text(name).is_none_or(str::is_empty));
        let counts = counts.iter().copied().filter(|name| self.count(name).is_none());
        texts.chain(counts).collect()
    }

    /// Returns the databases that hold keys: number, keys, keys that expire.
    pub fn databases(&self) -> impl Iterator<Item = (u16, u64, u64)> {
        self.0.iter().filter(|(name, _)| numbered(name, "db")).filter_map(|(name, line)| {
            let number = name.strip_prefix("db")?.parse().ok()?;
            let part = |wanted| part(line, wanted)?.parse().ok();
            Some((number, part("keys")?, part("expires").unwrap_or(0)))
        })
    }

    /// Returns the replicas that a master knows: address, state, seconds since they last said something.
    pub fn replicas(&self) -> impl Iterator<Item = (String, &str, Option<f64>)> {
        self.0.iter().filter(|(name, _)| numbered(name, "slave")).filter_map(|(_, line)| {
            let address = format!("{}:{}", part(line, "ip")?, part(line, "port")?);
            let lag = part(line, "lag").and_then(|lag| lag.parse().ok()).filter(|lag: &f64| *lag >= 0.0);
            Some((address, part(line, "state")?, lag))
        })
    }
}

/// Tells whether a name is `db` or `slave` with a number.
fn numbered(name: &str, prefix: &str) -> bool {
    let digits = name.strip_prefix(prefix).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Finds one value of `ip=10.0.0.7,port=6379,state=online`.
fn part<'a>(line: &'a str, wanted: &str) -> Option<&'a str> {
    line.split(',').filter_map(|part| part.split_once('=')).find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_read_and_the_rest_is_missing() {
        let text = "# Server\r\nrole:master\r\nused_memory:12\r\nloading_eta_seconds:-1\r\nmaxmemory:lots\r\nother:1\r\n\
                    db0:keys=3,expires=1,avg_ttl=0\r\ndb15:keys=2\r\ndbx:keys=9\r\n\
                    slave0:ip=10.0.0.7,port=6379,state=online,offset=14,lag=1\r\nslave1:ip=x\r\nslave_read_only:1\r\nno line";
        let wanted = ["role", "used_memory", "maxmemory", "loading_eta_seconds", "gone"];
        let info = Info::of(&Value::BulkString(text.into()), &wanted).unwrap();
        assert_eq!(
            (info.text("role"), info.count("used_memory"), info.text("other")),
            (Some("master"), Some(12), None)
        );
        assert_eq!(info.number("loading_eta_seconds"), Some(-1.0));
        assert_eq!(info.missing(&["role", "gone"], &["used_memory", "maxmemory"]), ["gone", "maxmemory"]);
        assert_eq!(info.databases().collect::<Vec<_>>(), [(0, 3, 1), (15, 2, 0)]);
        assert_eq!(info.replicas().collect::<Vec<_>>(), [("10.0.0.7:6379".to_owned(), "online", Some(1.0))]);
        assert_eq!(Info::of(&Value::Okay, &wanted), None);
    }

    #[test]
    fn a_server_that_lists_without_end_is_cut() {
        let many: String = (0..10_000).map(|n| format!("db{n}:keys=1\r\n")).collect();
        let long = format!("role:{}\r\n{many}", "x".repeat(1 << 20));
        let info = Info::of(&Value::BulkString(long.into()), &["role"]).unwrap();
        assert_eq!(info.databases().count(), LISTED);
        assert_eq!(info.text("role").unwrap().len(), VALUE);
    }
}
