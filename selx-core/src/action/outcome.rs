//! What an action came to, and the exit code that says it.

use serde::{Deserialize, Serialize};

/// What an action came to. Each has an exit code of its own, and none of them is one of a check (1 to 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Applied and verified, or there was nothing to do.
    Done,
    /// The same, but some items were left alone by a rule; they are listed.
    Skips,
    /// A plan was shown, and there is something to do.
    Pending,
    /// Another run holds a lock.
    Locked,
    /// A safety rule said no.
    Refused,
    /// Nobody confirmed it, and the policy in the file does not permit it here and now.
    Unconfirmed,
    /// An earlier run did not finish: recover it first.
    Unfinished,
    /// The plan is not what the world is like any more.
    Stale,
    /// It failed before anything was changed.
    Failed,
    /// It failed; what had been changed was undone, and that was verified.
    Undone,
    /// It failed or was stopped, and changes remain; they are listed.
    Leftover,
    /// It could not be found out what it came to.
    Unclear,
}

impl Outcome {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 12] = [
        Self::Done,
        Self::Skips,
        Self::Pending,
        Self::Locked,
        Self::Refused,
        Self::Unconfirmed,
        Self::Unfinished,
        Self::Stale,
        Self::Failed,
        Self::Undone,
        Self::Leftover,
        Self::Unclear,
    ];

    /// Returns the exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Skips => 4,
            Self::Pending => 10,
            Self::Locked => 11,
            Self::Refused => 12,
            Self::Unconfirmed => 13,
            Self::Unfinished => 14,
            Self::Stale => 15,
            Self::Failed => 20,
            Self::Undone => 21,
            Self::Leftover => 22,
            Self::Unclear => 23,
        }
    }

    /// Returns the word that reports use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Skips => "skips",
            Self::Pending => "pending",
            Self::Locked => "locked",
            Self::Refused => "refused",
            Self::Unconfirmed => "unconfirmed",
            Self::Unfinished => "unfinished",
            Self::Stale => "stale",
            Self::Failed => "failed",
            Self::Undone => "undone",
            Self::Leftover => "leftover",
            Self::Unclear => "unclear",
        }
    }

    /// Tells whether anything is different from before.
    pub const fn changed(self) -> Option<bool> {
        match self {
            Self::Done | Self::Skips | Self::Leftover => Some(true),
            Self::Unclear => None,
            _ => Some(false),
        }
    }

    /// Returns the worse of two, for several actions in one run: what is unclear first, then what remains, then what
    /// failed, then what was not allowed.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        if other.exit_code() > self.exit_code() { other } else { self }
    }
}
