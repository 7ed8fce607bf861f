//! What was written down when a backup was made: checksums as `sha256sum` writes them, or a `manifest.json`. Pure.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::facts::Manifest;

/// The longest manifest.
pub(crate) const LONGEST: u64 = 64 << 20;
/// Names of manifests in an archive and beside it.
const NAMES: &[&str] =
    &["manifest.json", "manifest.sha256", "sha256sums", "sha256sums.txt", "checksums.sha256", "checksums.txt"];

/// Tells whether a member is a manifest by its name: it lies at the top, or in the one folder there.
pub(super) fn is_manifest(name: &str) -> bool {
    let mut folders = name.split('/').filter(|part| !part.is_empty() && *part != ".");
    let last = folders.next_back().unwrap_or_default().to_ascii_lowercase();
    NAMES.contains(&&*last) && folders.count() <= 1
}

/// The manifest of one archive, with what was not compared yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) facts: Manifest,
    left: HashMap<String, String>,
}

/// The form of `manifest.json`, as it is read and written. Keys that are unknown are left to whoever wrote them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Json {
    /// When the content was as it is in the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<Timestamp>,
    /// The host whose files they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// The database, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<String>,
    /// The cluster, as `pg_controldata` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) system_identifier: Option<serde_json::Value>,
    /// The SHA-256 of each file, in hexadecimal digits.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    /// What `backup-create` adds, in the form that it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) selx: Option<serde_json::Value>,
}

impl Sums {
    /// Reads a manifest; its paths begin in the folder that it lies in. One that does not read says so in its facts.
    pub(super) fn read(source: &str, folder: &str, content: &[u8]) -> Self {
        let mut sums = Self { facts: Manifest { source: source.to_owned(), ..Manifest::default() }, ..Self::default() };
        let read = std::str::from_utf8(content).map_err(|_| "it is no text".to_owned());
        let read = read.and_then(|text| {
            if text.trim_start().starts_with('{') { sums.json(folder, text) } else { sums.lines(folder, text) }
        });
        let read = read
            .and_then(|()| if sums.left.is_empty() { Err("it names no file with a checksum".into()) } else { Ok(()) });
        sums.facts.wrong = read.err();
        sums
    }

    /// What there is of a manifest that could not be read.
    pub(super) fn unreadable(source: String, why: String) -> Self {
        Self { facts: Manifest { source, wrong: Some(why), ..Manifest::default() }, ..Self::default() }
    }

    fn json(&mut self, folder: &str, text: &str) -> Result<(), String> {
        let json: Json = serde_json::from_str(text).map_err(|error| format!("it does not read: {error}"))?;
        self.facts.created = json.created;
        self.facts.host = json.host;
        self.facts.database = json.database;
        self.facts.system_identifier = json.system_identifier.map(|value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        });
        json.files.iter().try_for_each(|(path, sum)| self.add(folder, path, sum))
    }

    fn lines(&mut self, folder: &str, text: &str) -> Result<(), String> {
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let (sum, path) = split(line).ok_or_else(|| {
                let line: String = line.chars().take(60).collect();
                format!("the line `{line}` is none of `sha256sum`")
            })?;
            self.add(folder, path, sum)?;
        }
        Ok(())
    }

    fn add(&mut self, folder: &str, path: &str, sum: &str) -> Result<(), String> {
        let sum = sum.trim_start_matches("sha256:").to_ascii_lowercase();
        if sum.len() != 64 || !sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("the checksum of `{path}` is none of SHA-256"));
        }
        self.left.insert(plain(&format!("{folder}/{path}")), sum);
        Ok(())
    }

    /// Compares a file with what was written down of it.
    pub(super) fn compare(&mut self, name: &str, hash: &str) {
        if self.facts.wrong.is_some() {
            return;
        }
        match self.left.remove(&plain(name)) {
            None => self.facts.unlisted.add(|| name.to_owned()),
            Some(sum) if sum == hash => self.facts.same += 1,
            Some(_) => self.facts.different.add(|| name.to_owned()),
        }
    }

    /// Takes the checksum of the archive itself out, where the manifest lies beside it.
    pub(super) fn of_archive(&mut self, name: &str) -> Option<String> {
        // Whoever writes it in another folder gives the whole path.
        let of_name = |path: &&String| path.rsplit('/').next() == Some(name);
        let path = if self.left.contains_key(name) { name.to_owned() } else { self.left.keys().find(of_name)?.clone() };
        self.left.remove(&path)
    }

    /// Ends the comparison: what is left is not there.
    pub(super) fn finish(mut self) -> Manifest {
        let mut left: Vec<String> = self.left.into_keys().collect();
        left.sort_unstable();
        for name in left {
            self.facts.absent.add(|| name);
        }
        self.facts
    }
}

/// Splits a line of `sha256sum`, also in the form with `--tag`.
fn split(line: &str) -> Option<(&str, &str)> {
    if let Some(rest) = line.strip_prefix("SHA256 (") {
        let (path, sum) = rest.rsplit_once(") = ")?;
        return Some((sum.trim(), path));
    }
    let (sum, rest) = line.split_at_checked(64)?;
    let path = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *"))?;
    Some((sum, path))
}

/// Returns a path without what does not change it.
pub(super) fn plain(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    const B: &str = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d";

    #[test]
    fn all_forms_are_read_and_compared() {
        let lines = format!("{A}  ./db.sql\n{} *logs/b\n", B.to_uppercase());
        let tagged = format!("SHA256 (db.sql) = {A}\nSHA256 (logs/b) = {B}\n");
        let json = format!(
            "{{\"created\": \"2026-11-26T02:00:00Z\", \"system-identifier\": 7, \"files\": \
             {{\"db.sql\": \"{A}\", \"logs/b\": \"sha256:{B}\"}}}}"
        );
        for text in [lines, tagged, json] {
            let mut sums = Sums::read("x", "backup/", text.as_bytes());
            assert_eq!(sums.facts.wrong, None);
            sums.compare("./backup/db.sql", A);
            sums.compare("backup/other", A);
            let mut altered = sums.clone();
            sums.compare("backup/logs/b", B);
            let facts = sums.finish();
            assert_eq!((facts.same, facts.unlisted.count, facts.absent.count, facts.different.count), (2, 1, 0, 0));
            altered.compare("backup/logs/b", A);
            assert_eq!(altered.finish().different.first, ["backup/logs/b"]);
        }
        let facts = Sums::read("x", "", format!("{A}  gone\n").as_bytes()).finish();
        assert_eq!(facts.absent.first, ["gone"]);
    }

    #[test]
    fn what_is_no_manifest_says_so() {
        for text in ["", "hello", "{}", "{\"files\": {\"a\": \"12\"}}", "0000  a", "{\"files\": 1}"] {
            assert!(Sums::read("x", "", text.as_bytes()).facts.wrong.is_some(), "{text}");
        }
    }

    #[test]
    fn manifests_lie_at_the_top() {
        assert!(is_manifest("./manifest.json") && is_manifest("nightly/SHA256SUMS") && is_manifest("MANIFEST.sha256"));
        assert!(!is_manifest("a/b/manifest.json") && !is_manifest("db.sql"));
    }
}
