//! What is seen of a project.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::net::Failure;

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// The name of the project.
    pub project: String,
    /// What the engine did wrong; nothing is known of containers then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The version of the API that was spoken.
    #[serde(default)]
    pub api: String,
    /// What time it was at the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Timestamp>,
    /// Whether a compose file says what is expected.
    #[serde(default)]
    pub from_file: bool,
    /// Another project that was started from the same files, where this one is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_project: Option<String>,
    /// What of the files, or of the containers, was not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_read: Vec<String>,
    /// The services, in the order of their names.
    #[serde(default)]
    pub services: Vec<Service>,
}

/// A service, as it should be and as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What is expected of it.
    pub expected: Expected,
    /// How many containers are expected.
    #[serde(default)]
    pub replicas: u32,
    /// Variables of its settings that have no value here, so that what hangs on them was not compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Why its variables were not all compared, if a file of them could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_compared: Option<String>,
    /// Its containers, by their numbers.
    #[serde(default)]
    pub containers: Vec<Container>,
}

/// What is expected of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// It runs.
    #[default]
    Runs,
    /// It runs, or it ended with 0: `restart: "no"` stands in the file.
    MayEnd,
    /// It ended with 0, or is still at work.
    Completes,
    /// Nothing: it may be there or not.
    Nothing,
    /// It is in no file.
    Orphan,
    /// No file says what is expected.
    Unsaid,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The first letters of its id.
    pub id: String,
    /// In one word: `running`, `exited` and so on.
    pub state: String,
    /// The exit code of its last end.
    #[serde(default)]
    pub exit_code: i64,
    /// Whether it was killed for memory at its last end.
    #[serde(default)]
    pub oom_killed: bool,
    /// Why it could not be started.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// How often the engine restarted it.
    #[serde(default)]
    pub restarts: u64,
    /// When the engine restarts it: `no`, `always` and so on.
    #[serde(default)]
    pub restart_policy: String,
    /// When it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// What its health check says: `starting`, `healthy`, `unhealthy`; empty if it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub health: String,
    /// What its health check printed, if it failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub health_output: String,
    /// Whether its first process is stopped by a signal; nothing where that cannot be seen from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<bool>,
    /// The reference of its image.
    #[serde(default)]
    pub image: String,
    /// The id of the image it was made from.
    #[serde(default)]
    pub image_id: String,
    /// The id of the image that the reference names now; nothing where there is none, or it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_now: Option<String>,
    /// The digest of its settings that compose wrote.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
    /// In what it differs from the file: phrases, without values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
    /// The last lines of its log, where it is not well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

impl Container {
    /// Tells whether it runs and nothing is known against it.
    pub fn is_well(&self) -> bool {
        self.state == "running" && self.health != "unhealthy" && self.frozen != Some(true)
    }
}
