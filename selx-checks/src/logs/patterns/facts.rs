//! What `logs-patterns` sees.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::logs::mark::Mark;

/// What was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// The first moment that counts.
    pub from: Timestamp,
    /// The first that does not any more.
    pub to: Timestamp,
    /// The zone of times that name none.
    pub zone: String,
    /// Whether only what is new since the last look was read.
    #[serde(default)]
    pub since_last: bool,
    /// The files, each with what was read of it; the first thousand.
    pub files: Vec<FileSeen>,
    /// How many there are.
    pub count: usize,
    /// How many bytes were read, unpacked.
    pub bytes: u64,
    /// What each pattern came to, in the order of their names.
    pub patterns: Vec<PatternSeen>,
    /// The shapes of the events, the most frequent first; those of earlier looks among them.
    #[serde(default)]
    pub shapes: Vec<ShapeSeen>,
    /// Events of shapes that were too many to be counted apart.
    #[serde(default)]
    pub other_shapes: u64,
    /// Whether there was an earlier look to compare shapes with.
    #[serde(default)]
    pub compared: bool,
    /// Lines that were too long to be looked at in one piece.
    #[serde(default)]
    pub long_lines: u64,
    /// Paths and patterns to which nothing belongs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nothing: Vec<String>,
    /// Files and folders that could not be read, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<(String, String)>,
    /// Files that could be read and cannot be searched, and why: their packing or their encoding is not known here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsearchable: Vec<(String, String)>,
    /// What was passed over on purpose, and why: pipes, links, reports of this program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<(String, String)>,
    /// Why not everything was looked at, if a limit was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// What was lost between the last look and this one: files that are gone before they were read to their end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
    /// Where the next look goes on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
}

/// One file, and which part of it was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileSeen {
    /// Its path.
    pub path: String,
    /// The device and the inode.
    pub inode: (u64, u64),
    /// Its size in bytes, as it lies on the disk.
    pub size: u64,
    /// What was read, in bytes, unpacked: from here to there.
    pub read: Option<(u64, u64)>,
    /// Why that is enough.
    pub part: Part,
    /// Whether its lines have times.
    pub timed: bool,
    /// When the file was written last.
    pub written: Option<Timestamp>,
    /// Why it was not read to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// Whether it was shorter after it was read than before.
    #[serde(default)]
    pub shrank: bool,
}

/// Why the part of a file that was read is enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// It is all of it.
    #[default]
    Whole,
    /// By its times, the rest lies outside the window.
    Window,
    /// It is all that is new since the last look.
    New,
    /// Its last line, or the time at which a compressed file was written, is older than the window.
    Older,
    /// It is the same file under another name.
    Copy,
}

/// Why a file was not read to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trouble {
    /// Where, in bytes, unpacked.
    pub at: u64,
    /// What the system or the decoder says.
    pub text: String,
    /// Whether the packing is to blame.
    pub packing: bool,
}

/// What one pattern came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PatternSeen {
    /// Its name.
    pub name: String,
    /// Events in the window.
    pub events: u64,
    /// Events without a time.
    pub undated: u64,
    /// Events in an hour that the clock showed twice, among `events`.
    #[serde(default)]
    pub twice: u64,
    /// Events that are dated after the look.
    #[serde(default)]
    pub future: u64,
    /// How many of them are of which log, the most first; at most twenty.
    pub logs: Vec<(String, u64)>,
    /// The newest of them, the newest last.
    pub samples: Vec<SampleSeen>,
    /// The addresses that they name most, with how often.
    pub addresses: Vec<(String, u64)>,
    /// The users that they name most, with how often.
    pub users: Vec<(String, u64)>,
    /// Whether there were more addresses or users than are counted apart.
    #[serde(default)]
    pub more_origins: bool,
}

/// A line that was counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SampleSeen {
    /// When it was written.
    pub at: Option<Timestamp>,
    /// The file.
    pub file: String,
    /// Where its line begins, in bytes, unpacked.
    pub offset: u64,
    /// What it says, cut.
    pub text: String,
}

/// The shape of messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShapeSeen {
    /// What is left without what changes.
    pub shape: String,
    /// How many events have it now.
    pub count: u64,
    /// How many had it at the last look, brought to the length of this window; `None` if none ever had.
    pub before: Option<f64>,
    /// When it was seen last.
    pub seen: Timestamp,
    /// One line of it.
    pub sample: SampleSeen,
}
