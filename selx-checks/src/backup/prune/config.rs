//! The settings of `backup-prune`.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use selx_core::{ByteSize, Share, TimeSpan};
use serde::Deserialize;

use crate::setting::{AbsolutePath, NamePattern};

/// The settings of `backup-prune`. What keeps backups has no zero: a floor of none would be none.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The folder of the backups. What lies in folders below it is left alone.
    pub folder: AbsolutePath,
    /// Which files are backups that follow each other, by a date in their names: `shop-*.tar.zst`. What lies beside one under
    /// its name and `.sha256` or the like goes with it.
    pub archives: NamePattern,
    /// How many of the newest good backups stay. Default: 3.
    #[serde(default = "three")]
    pub keep_last: NonZeroU32,
    /// Backups that are not older stay. Default: 14d.
    #[serde(default = "two_weeks")]
    #[schemars(with = "TimeSpan")]
    pub keep_within: Floor,
    /// Of how many days the newest good one stays; days are those of UTC. Default: 0.
    #[serde(default)]
    pub keep_daily: u32,
    /// Of how many weeks, from Monday on. Default: 0.
    #[serde(default)]
    pub keep_weekly: u32,
    /// Of how many months. Default: 0.
    #[serde(default)]
    pub keep_monthly: u32,
    /// Of how many years. Default: 0.
    #[serde(default)]
    pub keep_yearly: u32,
    /// How old the newest backup may be: where none is made any more, none goes. Default: 2d.
    #[serde(default = "two_days")]
    #[schemars(with = "TimeSpan")]
    pub newest_within: Floor,
    /// How long a backup that is to go lies in `.selx-trash` before it is deleted. Default: 1d.
    #[serde(default = "one_day")]
    #[schemars(with = "TimeSpan")]
    pub grace: Floor,
    /// Whether a backup without a manifest counts as good when every byte of it can be read. Default: false, so that only
    /// one that is as its manifest says counts.
    #[serde(default)]
    pub without_manifest: bool,
    /// How many backups one plan may set aside; of more, it does nothing. Default: 20.
    #[serde(default = "twenty")]
    pub max_archives: NonZeroU32,
    /// How many bytes one plan may delete; of more, it does nothing. Default: 1 TiB.
    #[serde(default = "tebibyte")]
    pub max_bytes: ByteSize,
    /// Which share of the backups one plan may set aside; of more, it does nothing. Default: 50%.
    #[serde(default = "half")]
    pub max_share: Share,
}

/// A length of time that is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "TimeSpan")]
pub struct Floor(TimeSpan);

impl Floor {
    /// Returns the length.
    pub fn get(self) -> TimeSpan {
        self.0
    }
}

impl TryFrom<TimeSpan> for Floor {
    type Error = &'static str;

    fn try_from(span: TimeSpan) -> Result<Self, Self::Error> {
        if span.get().is_zero() {
            Err("no time at all would keep nothing; write more than `0s`")
        } else {
            Ok(Self(span))
        }
    }
}

fn three() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(2)
}

fn twenty() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(19)
}

fn two_weeks() -> Floor {
    Floor(TimeSpan::secs(14 * 86_400))
}

fn two_days() -> Floor {
    Floor(TimeSpan::secs(2 * 86_400))
}

fn one_day() -> Floor {
    Floor(TimeSpan::secs(86_400))
}

fn tebibyte() -> ByteSize {
    ByteSize(1 << 40)
}

#[expect(clippy::expect_used, reason = "the text is part of this program, and every test of the kind reads it")]
fn half() -> Share {
    "50%".parse().expect("it is a share")
}
