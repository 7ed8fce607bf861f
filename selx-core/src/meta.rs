//! What a kind says about itself: its id, area, documentation, codes and measures.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::measure::Unit;

/// The name of a kind: kebab-case ASCII, stable, never used again for something else.
///
/// It is what stands in `selx.toml` (`[check.host-disk.root]`) and on the command line.
///
/// ```
/// const ID: selx_core::Id = selx_core::Id::new("host-disk");
/// assert_eq!(ID.as_str(), "host-disk");
/// ```
///
/// A name of another shape does not compile in a `const`:
///
/// ```compile_fail
/// const ID: selx_core::Id = selx_core::Id::new("Host_Disk");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Id(&'static str);

impl Id {
    /// Takes a name that is known at compile time.
    ///
    /// # Panics
    ///
    /// If the name is not kebab-case; in a `const` this is a compile error.
    pub const fn new(name: &'static str) -> Self {
        assert!(
            is_kebab(name),
            "an id is kebab-case: lower-case letters, digits and single hyphens, beginning with a letter"
        );
        Self(name)
    }

    /// Takes a name that is known only at run time, such as that of a kind written in Python.
    ///
    /// The text is kept for the life of the process: kinds are registered once.
    ///
    /// # Errors
    ///
    /// Gives the name back if it is not kebab-case.
    pub fn leak(name: &str) -> Result<Self, String> {
        if is_kebab(name) { Ok(Self(Box::leak(name.to_owned().into_boxed_str()))) } else { Err(name.to_owned()) }
    }

    /// Returns the name as text.
    pub const fn as_str(&self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// Tells whether a text is kebab-case: `a-z0-9` in words joined by single hyphens, beginning with a letter.
pub const fn is_kebab(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return false;
    }
    let mut rest = bytes;
    let mut hyphen = true;
    let mut first = true;
    while let [byte, tail @ ..] = rest {
        match *byte {
            b'a'..=b'z' => hyphen = false,
            b'0'..=b'9' if !first => hyphen = false,
            b'-' if !hyphen => hyphen = true,
            _ => return false,
        }
        first = false;
        rest = tail;
    }
    !hyphen
}

/// The part of an operator's world that a kind looks at. It groups lists and documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Area {
    /// Backups and archives.
    Backup,
    /// Growth and forecasts.
    Capacity,
    /// Programs that speak the plugin interface.
    Command,
    /// Containers and their engine.
    Containers,
    /// Databases.
    Database,
    /// The machine: disk, memory, processor, network, time.
    Host,
    /// Web endpoints.
    Http,
    /// Log files and journals.
    Logs,
    /// Numbers that a monitoring system has collected.
    Metrics,
    /// Packages of the operating system.
    Packages,
    /// Queues and workers.
    Queue,
    /// Rights, exposure and hardening.
    Security,
    /// Certificates and encrypted transport.
    Tls,
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Backup => "backup",
            Self::Capacity => "capacity",
            Self::Command => "command",
            Self::Containers => "containers",
            Self::Database => "database",
            Self::Host => "host",
            Self::Http => "http",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Packages => "packages",
            Self::Queue => "queue",
            Self::Security => "security",
            Self::Tls => "tls",
        })
    }
}

/// One documented code: a bad (or notable) state that a kind can report.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Code {
    /// The code, kebab-case, naming the state so that "accept `expires-soon`" reads well.
    pub code: &'static str,
    /// What it means, one sentence.
    pub meaning: &'static str,
    /// What to do about it, one or two sentences.
    pub advice: &'static str,
}

impl Code {
    /// Makes a code.
    pub const fn new(code: &'static str, meaning: &'static str, advice: &'static str) -> Self {
        assert!(is_kebab(code), "a code is kebab-case");
        Self { code, meaning, advice }
    }
}

/// One documented measure: a number that a kind reports on every look.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MeasureDoc {
    /// The name, kebab-case; limits are set on it (`limits.used`).
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// What it is, one phrase that completes "the …": "space in use on the file system".
    pub meaning: &'static str,
    /// What to do when it is outside its limit.
    pub advice: &'static str,
    /// What messages call it: "15-minute load per processor 3.2, above the warning limit of 1.5". Its name, unless
    /// [`called`](Self::called) says otherwise.
    pub called: &'static str,
}

impl MeasureDoc {
    /// Makes the description of a measure.
    pub const fn new(name: &'static str, unit: Unit, meaning: &'static str, advice: &'static str) -> Self {
        assert!(is_kebab(name), "the name of a measure is kebab-case");
        Self { name, unit, meaning, advice, called: name }
    }

    /// Sets what messages call it, where its name alone would not say it: "memory used", which the value follows.
    #[must_use]
    pub const fn called(mut self, words: &'static str) -> Self {
        self.called = words;
        self
    }
}

/// What a kind says about itself. Lists, `explain`, the schema and the documentation all derive from it.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Meta {
    /// The name of the kind.
    pub id: Id,
    /// What it looks at.
    pub area: Area,
    /// One line: what the kind tells its reader.
    pub summary: &'static str,
    /// The page that `explain` prints (Markdown).
    pub readme: &'static str,
    /// A configuration that parses, commented.
    pub sample: &'static str,
    /// Every code a finding of this kind can carry, besides the ones of its limits.
    pub codes: &'static [Code],
    /// Every measure it can report.
    pub measures: &'static [MeasureDoc],
    /// The routines it belongs to unless the configuration says otherwise.
    pub routines: &'static [&'static str],
    /// Whether it cannot judge without its own last facts, so that a history is opened even for a single check.
    pub remembers: bool,
    /// The codes of states that may pass by themselves, such as a refused connection: only they are tried again.
    pub passing: &'static [&'static str],
    /// The rights it needs, a phrase; empty if any user will do.
    pub needs: &'static str,
}

impl Meta {
    /// Begins the description of a kind.
    ///
    /// # Panics
    ///
    /// If the id is not kebab-case; in a `const` this is a compile error.
    pub const fn new(id: &'static str, area: Area, summary: &'static str) -> Self {
        Self {
            id: Id::new(id),
            area,
            summary,
            readme: "",
            sample: "",
            codes: &[],
            measures: &[],
            routines: &["daily"],
            remembers: false,
            passing: &[],
            needs: "",
        }
    }

    /// Sets the page of the kind, usually `include_str!("README.md")`.
    #[must_use]
    pub const fn readme(mut self, text: &'static str) -> Self {
        self.readme = text;
        self
    }

    /// Sets the sample configuration, usually `include_str!("sample.toml")`.
    #[must_use]
    pub const fn sample(mut self, text: &'static str) -> Self {
        self.sample = text;
        self
    }

    /// Sets the codes its findings can carry.
    #[must_use]
    pub const fn codes(mut self, codes: &'static [Code]) -> Self {
        self.codes = codes;
        self
    }

    /// Sets the measures it can report.
    #[must_use]
    pub const fn measures(mut self, measures: &'static [MeasureDoc]) -> Self {
        self.measures = measures;
        self
    }

    /// Sets the routines it belongs to. The default is `daily`.
    #[must_use]
    pub const fn routines(mut self, routines: &'static [&'static str]) -> Self {
        self.routines = routines;
        self
    }

    /// Names the codes of states that may pass by themselves. Without one, a finding is final for the run: a full disk
    /// is as full a second later.
    #[must_use]
    pub const fn passing(mut self, codes: &'static [&'static str]) -> Self {
        self.passing = codes;
        self
    }

    /// Says that it cannot judge without its own last facts. A run of a routine always has them.
    #[must_use]
    pub const fn remembers(mut self) -> Self {
        self.remembers = true;
        self
    }

    /// Names the rights it needs, as a phrase: "to read the Docker socket".
    #[must_use]
    pub const fn needs(mut self, rights: &'static str) -> Self {
        self.needs = rights;
        self
    }

    /// Finds the documentation of one of its measures.
    pub fn measure(&self, name: &str) -> Option<&'static MeasureDoc> {
        self.measures.iter().find(|m| m.name == name)
    }

    /// Finds the documentation of one of its codes.
    pub fn code(&self, code: &str) -> Option<&'static Code> {
        self.codes.iter().find(|c| c.code == code)
    }
}
