//! The settings of `logs-rotate`.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use selx_core::{ByteSize, TimeSpan};
use serde::Deserialize;

use crate::setting::{AbsolutePath, NamePattern};

/// The settings of `logs-rotate`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The folder, with all that lies in it on the same file system. No link leads to it, it belongs to root or the running
    /// user, and not everybody may write to it.
    pub path: AbsolutePath,
    /// Which files are logs, by their names; what rotation made of one is none. Default: `*.log`.
    #[serde(default = "logs")]
    pub names: Vec<NamePattern>,
    /// Logs that stay as they are: patterns of names or of whole paths. Default: none.
    #[serde(default)]
    pub keep: Vec<NamePattern>,
    /// How large a log has to be. Default: 100 MiB.
    #[serde(default = "hundred_mib")]
    pub larger_than: ByteSize,
    /// How long ago a log has to have been begun, whatever its size. Default: it does not count.
    #[serde(default)]
    pub older_than: Option<TimeSpan>,
    /// Whether every log that has a line is due. Default: false.
    #[serde(default)]
    pub force: bool,
    /// The program, by its absolute path, and its arguments, that tell those who write to the logs to open them anew, such as
    /// `["/usr/bin/systemctl", "kill", "--signal=USR1", "nginx.service"]`. Without it, a log that a program has open stays.
    /// Default: none.
    #[serde(default)]
    pub reopen: Option<Reopen>,
    /// How many logs one plan may rotate; of more, it rotates none. Default: 100.
    #[serde(default = "hundred")]
    pub max_files: NonZeroU32,
}

/// A program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<String>")]
#[schemars(with = "Vec<String>")]
pub struct Reopen {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
}

impl TryFrom<Vec<String>> for Reopen {
    type Error = &'static str;

    fn try_from(words: Vec<String>) -> Result<Self, Self::Error> {
        match words.split_first() {
            Some((program, args)) if program.starts_with('/') => {
                Ok(Self { program: program.clone(), args: args.to_vec() })
            }
            Some(_) => Err("the program is no absolute path; cron has another search path than you"),
            None => Err("no program; leave `reopen` out where there is none"),
        }
    }
}

impl std::fmt::Display for Reopen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {arg}"))
    }
}

fn logs() -> Vec<NamePattern> {
    NamePattern::try_from("*.log".to_owned()).into_iter().collect()
}

fn hundred_mib() -> ByteSize {
    ByteSize(100 << 20)
}

fn hundred() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(99)
}
