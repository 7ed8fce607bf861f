//! The configuration file: from text to checks, with every error at once.
//!
//! ```toml
//! include = ["conf.d/*.toml"]
//!
//! [runner]
//! timeout = "10s"
//!
//! [routine.daily]
//! every = "1d"
//!
//! [check.host-disk.root]
//! routines = ["daily"]
//! limits = { used = { warning = "75%", critical = "85%" } }
//! with = { paths = ["/"] }
//!
//! [action.logs-clean.shop]
//! permit = { risk = "destructive", window = "02:00-05:00" }
//! with = { path = "/var/log/shop", older-than = "30d" }
//! ```
//!
//! A file is data: nothing in it is expanded, run or fetched. What it names as secret is a reference, and a value that
//! looks like a secret all the same is not repeated in an error.

mod action;
mod arguments;
mod check;
mod dynamic;
mod entry;
mod error;
mod file;
mod gather;
mod kinds;
mod limits;
mod loader;
mod names;
mod problem;
mod proposals;
mod schema;
mod search;
mod settings;
mod tables;
mod text;

use std::collections::BTreeMap;
use std::path::Path;

pub use arguments::from_arguments;
pub(crate) use check::from_json;
pub use dynamic::{settings_json, wrong_setting};
pub use error::{ArgumentError, ArgumentErrors, ConfigError, ConfigErrors};
pub use proposals::{from_proposals, proposals_text};
pub use schema::schema;
pub use search::{Search, search};
pub use settings::{SettingDoc, settings_of};

use crate::registry::Registry;
use crate::suite::{Routine, Settings, Suite};

/// The one commented file of defaults.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// Loads a file with everything it includes.
///
/// Every file is a plain file (or a link to one) of at most 1 MiB that belongs to root or to the user of this process,
/// and neither it nor its folder can be written by anyone else. It is judged as it was opened. A file without checks is
/// no error.
///
/// # Errors
///
/// Everything that is wrong in all files: rights, syntax, names, types, limits, needs.
pub fn load(registry: &Registry, path: &Path) -> Result<Suite, ConfigErrors> {
    let (settings, routines) = from_defaults();
    let mut loader = loader::Loader::new(registry, settings, routines);
    loader.file(path, None);
    loader.finish()
}

/// Reads a text; `name` stands for it in errors. It may include nothing. It does no input or output.
///
/// # Errors
///
/// Everything that is wrong.
pub fn parse(registry: &Registry, name: &str, text: &str) -> Result<Suite, ConfigErrors> {
    let (settings, routines) = from_defaults();
    let mut loader = loader::Loader::new(registry, settings, routines);
    loader.text(name, text, None);
    loader.finish()
}

/// Returns the runner's settings that hold without a file, read from [`DEFAULTS`].
pub fn defaults() -> Settings {
    from_defaults().0
}

#[expect(clippy::expect_used, reason = "the text is part of this program, and a test reads it")]
fn from_defaults() -> (Settings, BTreeMap<String, Routine>) {
    let none = Settings {
        concurrency: 0,
        timeout: std::time::Duration::ZERO,
        deadline: std::time::Duration::ZERO,
        retries: 0,
        retry_delay: std::time::Duration::ZERO,
        state: None,
        history: false,
        retention: std::time::Duration::ZERO,
        action_timeout: std::time::Duration::ZERO,
    };
    let registry = Registry::new();
    let mut loader = loader::Loader::new(&registry, none, BTreeMap::new());
    loader.text("defaults.toml", DEFAULTS, None);
    let suite = loader.finish().expect("the defaults are right");
    (suite.settings, suite.routines)
}
