//! The settings of `docker-prune`.

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use selx_core::{ByteSize, Share, TimeSpan};
use serde::{Deserialize, Deserializer};

use crate::compose::ComposeFiles;
use crate::docker::EngineAt;
use crate::setting::NamePattern;

/// The least age: what a deployment has just stopped, pulled or made has to be left to it.
const LEAST_AGE: Duration = Duration::from_secs(3_600);

/// The settings of `docker-prune`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The socket of the engine, `unix:/PATH`. Default: that of `DOCKER_HOST` if it is set, else
    /// `unix:/var/run/docker.sock`.
    #[serde(default)]
    pub engine: Option<EngineAt>,
    /// How long ago a container has to have stopped, an image to have been built, pulled or named, a network to have been
    /// made, a record of the build cache to have been used. An hour at least. Default: 168h.
    #[serde(default = "week", deserialize_with = "age")]
    pub older_than: TimeSpan,
    /// Whether stopped containers go. Default: true.
    #[serde(default = "yes")]
    pub containers: bool,
    /// Whether images without a name go. Default: true.
    #[serde(default = "yes")]
    pub images: bool,
    /// Whether images that have a name and are used by nothing go as well. Default: false.
    #[serde(default)]
    pub unused_images: bool,
    /// Whether networks go to which nothing is connected. Default: true.
    #[serde(default = "yes")]
    pub networks: bool,
    /// Whether records of the build cache go. Default: true.
    #[serde(default = "yes")]
    pub build_cache: bool,
    /// The volumes that go, by their names, if no container refers to them. What is in them is lost. Default: none.
    #[serde(default)]
    pub volumes: Vec<String>,
    /// Whether stopped containers of services of Compose projects go as well, and networks that Compose made. Default:
    /// false.
    #[serde(default)]
    pub projects: bool,
    /// Whether containers go that `docker compose run` left behind. Default: false.
    #[serde(default)]
    pub one_offs: bool,
    /// Compose files whose images, networks and volumes stay, besides those that the labels of containers name: a project
    /// of which no container is there is found in no other way. Each is a path, or a list of paths that belong together.
    /// Default: none.
    #[serde(default)]
    pub compose: Vec<ComposeFiles>,
    /// What stays whatever its age, by its name: of a container, an image, a network, a volume. Default: none.
    #[serde(default)]
    pub keep: Vec<NamePattern>,
    /// What stays whatever its age, by its labels: `name`, or `name=value`. Default: `selx.keep`.
    #[serde(default = "keep_label")]
    pub keep_labels: Vec<String>,
    /// Looks only at what has all of these labels, `name` or `name=value`; the build cache has none, and is left alone
    /// then. Default: all is looked at.
    #[serde(default)]
    pub only_labels: Vec<String>,
    /// How many things one plan may remove; of more, it removes none. Default: 1000.
    #[serde(default = "thousand")]
    pub max_objects: NonZeroU32,
    /// How many bytes one plan may remove; of more, it removes none. Default: 100 GiB.
    #[serde(default = "hundred_gib")]
    pub max_bytes: ByteSize,
    /// Which share of the containers, images and networks one plan may remove; of more, it removes none. Default: 50%.
    #[serde(default = "half")]
    pub max_share: Share,
}

fn yes() -> bool {
    true
}

fn week() -> TimeSpan {
    TimeSpan::secs(168 * 3_600)
}

fn age<'de, D: Deserializer<'de>>(from: D) -> Result<TimeSpan, D::Error> {
    let age = TimeSpan::deserialize(from)?;
    if age.get() < LEAST_AGE {
        return Err(serde::de::Error::custom(format!("`older-than` is at least 1h, not {age}")));
    }
    Ok(age)
}

fn keep_label() -> Vec<String> {
    vec!["selx.keep".to_owned()]
}

fn thousand() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(999)
}

fn hundred_gib() -> ByteSize {
    ByteSize(100 << 30)
}

#[expect(clippy::expect_used, reason = "the text is part of this program, and every test of the kind reads it")]
fn half() -> Share {
    "50%".parse().expect("it is a share")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_and_the_floor_of_age() {
        let file: toml::Table = include_str!("sample.toml").parse().unwrap();
        let with = file["action"]["docker-prune"]["engine"]["with"].clone();
        let config: Config = with.try_into().unwrap();
        assert_eq!(config.older_than, week());
        let read = |text: &str| serde_json::from_str::<Config>(text);
        assert!(read("{}").unwrap().images);
        assert!(read(r#"{"older-than":"1h"}"#).is_ok());
        for wrong in [r#"{"older-than":"59m"}"#, r#"{"older-than":"0s"}"#, r#"{"max-objects":0}"#, r#"{"age":"1d"}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
