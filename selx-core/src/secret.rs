//! Secrets: configuration says where one is, never what it is, and nothing prints it.

use std::cell::RefCell;
use std::fmt;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, ErrorKind, Result};

/// The most that a secret's file may hold.
const MAX_BYTES: u64 = 64 * 1024;
/// Secrets of fewer characters are not taken out of texts.
const SHORTEST: usize = 6;

/// A value that must not be seen. It has no `Display`, no `Serialize`, and its `Debug` says `[secret]`.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self(value.into())
    }

    /// Gives the value to the code that sends it. Only transports call this.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where a secret is: `env:NAME` or `file:/absolute/path`. It is what stands in the configuration.
///
/// ```
/// use selx_core::SecretRef;
/// assert!("env:API_TOKEN".parse::<SecretRef>().is_ok());
/// assert!("hunter2".parse::<SecretRef>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// The environment variable of this name.
    Env(String),
    /// The first line of this file, without its line end.
    File(PathBuf),
}

impl FromStr for SecretRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("env:") {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err("`env:` is followed by the name of a variable".into());
            }
            return Ok(Self::Env(name.into()));
        }
        if let Some(path) = text.strip_prefix("file:") {
            let path = PathBuf::from(path);
            if !path.is_absolute() {
                return Err("`file:` is followed by an absolute path".into());
            }
            return Ok(Self::File(path));
        }
        // The text itself may be the secret, so it is not repeated here.
        Err("a secret is given as `env:NAME` or `file:/path`, never as its value".into())
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

thread_local! {
    /// The references that were read since [`SecretRef::named_by`] began on this thread.
    static NAMED: RefCell<Option<Vec<SecretRef>>> = const { RefCell::new(None) };
}

impl SecretRef {
    /// Returns what reading settings gives, with every reference that they hold, wherever their types keep it: a list
    /// that authors of kinds would have to keep would be forgotten.
    pub(crate) fn named_by<T>(read: impl FnOnce() -> T) -> (T, Vec<Self>) {
        let outer = NAMED.replace(Some(Vec::new()));
        let result = read();
        (result, NAMED.replace(outer).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let reference: Self = String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)?;
        NAMED.with_borrow_mut(|named| named.as_mut().map(|named| named.push(reference.clone())));
        Ok(reference)
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(env:[^=]+|file:/.+)$",
            "description": "Where a secret is: `env:NAME` or `file:/absolute/path`. Never its value."
        })
    }
}

/// Where secrets come from. Every secret that was handed out is remembered, so that sinks can take it out of texts.
#[derive(Debug, Default)]
pub struct Secrets {
    /// The longest first: one secret may be the beginning of another.
    seen: Mutex<Vec<Seen>>,
    /// Where those came from that are too short to be taken out.
    short: Mutex<Vec<SecretRef>>,
}

/// A secret that was handed out, with the ways it can stand in a text: making them costs more than a search for them.
#[derive(Clone)]
struct Seen {
    secret: Secret,
    forms: Arc<[String]>,
}

impl Seen {
    fn of(secret: Secret) -> Self {
        let long_enough = secret.expose().chars().count() >= SHORTEST;
        let forms = if long_enough { forms(secret.expose()) } else { Vec::new() };
        Self { secret, forms: forms.into() }
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every form gives the secret away as well as the secret itself.
        self.secret.fmt(f)
    }
}

impl Secrets {
    /// Reads a secret.
    ///
    /// # Errors
    ///
    /// `Missing` if the variable is not set or empty, or the file is not there or empty; `Denied` if the file cannot
    /// be read or if others than its owner and group may read it.
    pub fn get(&self, from: &SecretRef) -> Result<Secret> {
        let value = match from {
            SecretRef::Env(name) => std::env::var(name).map_err(|_| {
                Error::new(ErrorKind::Missing, format!("the environment variable `{name}` is not set"))
                    .advice("cron starts jobs with an almost empty environment; a `file:` reference works there too")
            })?,
            SecretRef::File(path) => read_file(path, true)?,
        };
        let value = value.lines().next().unwrap_or_default();
        if value.is_empty() {
            return Err(Error::new(ErrorKind::Missing, format!("the secret at `{from}` is empty")));
        }
        if value.chars().count() < SHORTEST {
            let mut short = self.short.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if !short.contains(from) {
                short.push(from.clone());
            }
        }
        Ok(self.learn(value))
    }

    /// Takes a secret that was found elsewhere than where a [`SecretRef`] may say, such as in the environment of a
    /// container. It is taken out of texts like every other.
    pub fn learn(&self, value: &str) -> Secret {
        let secret = Secret::new(value);
        self.note(&secret);
        secret
    }

    /// Reads the first line of a secret's file whose rights are not ours to judge, such as one that a container mounts.
    ///
    /// # Errors
    ///
    /// `Missing` if it is not there or empty, `Denied` if it may not be read.
    pub fn of_file(&self, path: &std::path::Path) -> Result<Secret> {
        let text = read_file(path, false)?;
        match text.lines().next() {
            Some(value) if !value.is_empty() => Ok(self.learn(value)),
            _ => Err(Error::new(ErrorKind::Missing, format!("the secret's file `{}` is empty", path.display()))),
        }
    }

    fn note(&self, secret: &Secret) {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !seen.iter().any(|known| known.secret.expose() == secret.expose()) {
            let length = secret.expose().len();
            let place = seen.partition_point(|known| known.secret.expose().len() >= length);
            seen.insert(place, Seen::of(secret.clone()));
        }
    }

    /// Replaces every secret that was handed out by `[secret]`: raw, quoted, percent-encoded, in base64 and hexadecimal.
    ///
    /// Secrets of fewer than six characters are left: taking out every `1` makes a report unreadable and tells the
    /// secret by its gaps.
    pub fn redact(&self, text: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut out: Option<String> = None;
        for form in seen.iter().flat_map(|seen| seen.forms.iter()) {
            let current = out.as_deref().unwrap_or(text);
            if current.contains(form.as_str()) {
                out = Some(current.replace(form.as_str(), "[secret]"));
            }
        }
        out
    }

    /// Returns where secrets came from that are too short to be taken out of texts.
    pub fn short(&self) -> Vec<SecretRef> {
        self.short.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Tells whether any secret was handed out, so that a sink may skip the search.
    pub fn is_empty(&self) -> bool {
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_empty()
    }
}

fn read_file(path: &std::path::Path, ours: bool) -> Result<String> {
    let shown = format!("the secret's file `{}`", path.display());
    let file = std::fs::OpenOptions::new()
        .read(true)
        // A FIFO in its place must not hold the run up.
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path)
        .map_err(|error| Error::from_io(error, &shown))?;
    let meta = file.metadata().map_err(|error| Error::from_io(error, &shown))?;
    if !meta.is_file() {
        return Err(Error::new(ErrorKind::Missing, format!("{shown} is not a regular file")));
    }
    if ours && meta.mode() & 0o007 != 0 {
        return Err(Error::new(ErrorKind::Denied, format!("{shown} is open to every user of this machine"))
            .advice(format!("chmod o-rwx {}", path.display())));
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| Error::from_io(error, &shown))?;
    Ok(text)
}

/// Everything but letters, digits and what RFC 3986 leaves as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The ways a value can stand in a text: as it is, quoted, percent-encoded by any habit, in hexadecimal, and in base64
/// also inside of something longer, such as `user:password` in a header.
fn forms(secret: &str) -> Vec<String> {
    let mut all = vec![secret.to_owned()];
    // Quoted, and quoted again: JSON in a text of JSON, the message of an error in that of another.
    for quoted in [in_json(secret), in_json(secret).replace('/', "\\/"), secret.escape_debug().to_string()] {
        all.extend([in_json(&quoted), quoted.escape_debug().to_string(), quoted]);
    }
    for set in [NON_ALPHANUMERIC, RESERVED] {
        let percent = utf8_percent_encode(secret, set).to_string();
        all.push(percent.replace("%20", "+"));
        all.push(lower_hex(&percent));
        all.push(percent);
    }
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret.as_bytes());
        let text = STANDARD_NO_PAD.encode(&bytes);
        // Characters that neighbours have a part in are not the same in every text.
        let (begin, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        let own = text.get(begin..end).unwrap_or_default();
        all.push(own.replace('+', "-").replace('/', "_"));
        all.push(own.to_owned());
    }
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    all.push(hex.to_uppercase());
    all.push(hex);
    // The longest first: a short one inside of it would leave the rest behind.
    all.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    all.dedup();
    all
}

/// Writes a text as it stands between the quotes of JSON.
fn in_json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// Writes the digits of percent-encoding as many libraries do: `%2f`.
fn lower_hex(percent: &str) -> String {
    let mut digits = 0_u8;
    percent
        .chars()
        .map(|c| {
            let digit = digits > 0;
            digits = if c == '%' { 2 } else { digits.saturating_sub(1) };
            if digit { c.to_ascii_lowercase() } else { c }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_secret_is_taken_out() {
        let secrets = Secrets::default();
        secrets.note(&Secret::new("p\"ss w/rd!"));
        for text in
            ["x p\"ss w/rd! y", "p%22ss%20w%2Frd%21", r#"{"a":"p\"ss w/rd!"}"#, &STANDARD_NO_PAD.encode("p\"ss w/rd!")]
        {
            let shown = secrets.redact(text).unwrap();
            assert!(shown.contains("[secret]") && !shown.contains("rd!"), "{shown}");
        }
        assert_eq!(secrets.redact("nothing here"), None);
    }

    #[test]
    fn the_habits_of_libraries_are_known() {
        let secrets = Secrets::default();
        for secret in ["p\"ss w/rd!", "p\"ss w/rd!-and-more", "it-is.a/pass~word"] {
            secrets.note(&Secret::new(secret));
        }
        let basic = |user: &str| STANDARD_NO_PAD.encode(format!("{user}:p\"ss w/rd!:x"));
        for (text, rest) in [
            ("p%22ss%20w%2frd%21", ""),
            ("p%22ss+w%2Frd%21", ""),
            ("it-is.a%2Fpass~word", "pass"),
            ("it-is.a%2fpass~word", "pass"),
            ("p\"ss w/rd!-and-more", "more"),
            ("7022737320772f726421", "70227373"),
            (&format!("{:?}", "p\"ss w/rd!"), "rd!"),
            (&format!("{:?}", format!("{:?}", "p\"ss w/rd!")), "rd!"),
            (r#"{"in": "{\"a\": \"p\\\"ss w/rd!\"}"}"#, "rd!"),
            (r#"{"php": "p\"ss w\/rd!"}"#, "rd!"),
            (&basic("a"), "InNzIHcvcm"),
            (&basic("ab"), "IncmQ"),
            (&basic("abc"), "cncmQ"),
        ] {
            let shown = secrets.redact(text).unwrap_or_else(|| panic!("{text}"));
            assert!(shown.contains("[secret]"), "{shown}");
            assert!(rest.is_empty() || !shown.contains(rest), "{shown}");
        }
    }

    #[test]
    fn debug_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hunter22")), "[secret]");
        let secrets = Secrets::default();
        secrets.note(&Secret::new("hunter22"));
        let shown = format!("{secrets:?} {secrets:#?}");
        assert!(shown.contains("[secret]"), "{shown}");
        for form in forms("hunter22") {
            assert!(!shown.contains(&form), "{shown}");
        }
    }
}
