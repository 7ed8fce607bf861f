//! What is taken from the engine's answers. What a decision rests on has to be there; an answer without it is none.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// Labels, or another map of texts.
pub(super) type Labels = BTreeMap<String, String>;

/// Takes `null`, which stands for an empty list or map.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// A container of the list.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    pub(super) id: String,
}

/// A container by itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Container {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    pub(super) created: String,
    /// The id of its image.
    pub(super) image: String,
    pub(super) state: State,
    pub(super) config: Made,
    pub(super) host_config: HostConfig,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) mounts: Vec<Mount>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) network_settings: NetworkSettings,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct State {
    pub(super) status: String,
    #[serde(default)]
    pub(super) running: bool,
    #[serde(default)]
    pub(super) paused: bool,
    #[serde(default)]
    pub(super) restarting: bool,
    #[serde(default)]
    pub(super) finished_at: String,
}

/// As what a container was made.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Made {
    /// The name of its image that was given.
    #[serde(default)]
    pub(super) image: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) labels: Labels,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HostConfig {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) restart_policy: RestartPolicy,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) volumes_from: Vec<String>,
    #[serde(default)]
    pub(super) network_mode: String,
    #[serde(default)]
    pub(super) ipc_mode: String,
    #[serde(default)]
    pub(super) pid_mode: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RestartPolicy {
    pub(super) name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Mount {
    #[serde(default, rename = "Type")]
    pub(super) sort: String,
    #[serde(default)]
    pub(super) name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NetworkSettings {
    #[serde(deserialize_with = "nullable")]
    pub(super) networks: BTreeMap<String, Endpoint>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Endpoint {
    #[serde(rename = "NetworkID")]
    pub(super) network: String,
}

/// An image of the list.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Image {
    pub(super) id: String,
    #[serde(default)]
    pub(super) parent_id: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) repo_tags: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) repo_digests: Vec<String>,
    #[serde(default)]
    pub(super) created: i64,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) labels: Labels,
}

impl Image {
    /// Returns its names; that of an image without one is shown as `<none>:<none>`.
    pub(super) fn tags(&self) -> Vec<String> {
        named(&self.repo_tags)
    }

    /// Returns by which digests it can be pulled again.
    pub(super) fn digests(&self) -> Vec<String> {
        named(&self.repo_digests)
    }
}

/// Leaves out what stands for no name, and puts the rest in order.
pub(super) fn named(names: &[String]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().filter(|name| !name.starts_with("<none>")).cloned().collect();
    names.sort();
    names
}

/// An image by itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InspectedImage {
    pub(super) id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) repo_digests: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) metadata: ImageMetadata,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ImageMetadata {
    #[serde(deserialize_with = "nullable")]
    pub(super) last_tag_time: String,
}

/// A network; what is connected to it stands in the answer about one alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Network {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) created: String,
    #[serde(default)]
    pub(super) scope: String,
    #[serde(default)]
    pub(super) ingress: bool,
    #[serde(default)]
    pub(super) config_only: bool,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) labels: Labels,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) containers: BTreeMap<String, serde::de::IgnoredAny>,
}

/// The list of volumes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Volumes {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) volumes: Vec<Volume>,
}

/// A volume.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Volume {
    pub(super) name: String,
    #[serde(default)]
    pub(super) driver: String,
    #[serde(default)]
    pub(super) mountpoint: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) created_at: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) labels: Labels,
}

/// A record of the build cache.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Record {
    #[serde(rename = "ID")]
    pub(super) id: String,
    /// What it builds on: one, as older engines say it.
    #[serde(rename = "Parent", default, deserialize_with = "nullable")]
    parent: String,
    /// The same, as newer ones do.
    #[serde(rename = "Parents", default, deserialize_with = "nullable")]
    parents: Vec<String>,
    #[serde(rename = "Type", default)]
    pub(super) sort: String,
    #[serde(rename = "Description", default)]
    pub(super) description: String,
    #[serde(rename = "InUse")]
    pub(super) in_use: bool,
    #[serde(rename = "Shared")]
    pub(super) shared: bool,
    #[serde(rename = "Size", default)]
    pub(super) size: i64,
    #[serde(rename = "CreatedAt", default, deserialize_with = "nullable")]
    pub(super) created: String,
    #[serde(rename = "LastUsedAt", default, deserialize_with = "nullable")]
    pub(super) last_used: String,
    #[serde(rename = "UsageCount", default)]
    pub(super) uses: i64,
}

impl Record {
    /// Returns the records that it builds on.
    pub(super) fn parents(&self) -> impl Iterator<Item = &str> {
        self.parents.iter().chain(std::iter::once(&self.parent)).map(String::as_str).filter(|id| !id.is_empty())
    }
}

/// What takes room, in the form of older engines (one list of each) and of newer ones (a list below its sums).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Usage {
    #[serde(deserialize_with = "nullable")]
    images: Vec<UsedImage>,
    #[serde(deserialize_with = "nullable")]
    containers: Vec<UsedContainer>,
    #[serde(deserialize_with = "nullable")]
    volumes: Vec<UsedVolume>,
    #[serde(deserialize_with = "nullable")]
    build_cache: Vec<Record>,
    #[serde(deserialize_with = "nullable")]
    image_usage: Items<UsedImage>,
    #[serde(deserialize_with = "nullable")]
    container_usage: Items<UsedContainer>,
    #[serde(deserialize_with = "nullable")]
    volume_usage: Items<UsedVolume>,
    #[serde(deserialize_with = "nullable")]
    build_cache_usage: Items<Record>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", bound = "T: Deserialize<'de>")]
struct Items<T> {
    #[serde(default, deserialize_with = "nullable")]
    items: Vec<T>,
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl Usage {
    pub(super) fn images(&self) -> impl Iterator<Item = &UsedImage> {
        self.images.iter().chain(&self.image_usage.items)
    }

    pub(super) fn containers(&self) -> impl Iterator<Item = &UsedContainer> {
        self.containers.iter().chain(&self.container_usage.items)
    }

    pub(super) fn volumes(&self) -> impl Iterator<Item = &UsedVolume> {
        self.volumes.iter().chain(&self.volume_usage.items)
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.build_cache.iter().chain(&self.build_cache_usage.items)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UsedImage {
    pub(super) id: String,
    #[serde(default)]
    pub(super) size: i64,
    /// Negative if it was not counted.
    #[serde(default = "unknown")]
    pub(super) shared_size: i64,
}

fn unknown() -> i64 {
    -1
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UsedContainer {
    pub(super) id: String,
    /// What it has written itself; nothing is said of one that has written nothing.
    #[serde(default)]
    pub(super) size_rw: i64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UsedVolume {
    pub(super) name: String,
    #[serde(default)]
    pub(super) usage_data: Option<VolumeUsage>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VolumeUsage {
    /// Negative if it is not known.
    pub(super) size: i64,
}

/// What the engine says about itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Info {
    pub(super) containers: u64,
    pub(super) images: u64,
    #[serde(default)]
    pub(super) docker_root_dir: String,
    /// How layers are kept, such as `overlay2`.
    #[serde(default)]
    pub(super) driver: String,
    #[serde(default, rename = "OSType")]
    pub(super) system: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) driver_status: Vec<Vec<String>>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) swarm: Swarm,
}

impl Info {
    /// Tells whether containerd keeps the images: then each name counts as one.
    pub(super) fn counts_names(&self) -> bool {
        self.driver_status.iter().flatten().any(|text| text.starts_with("io.containerd.snapshotter"))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Swarm {
    pub(super) local_node_state: String,
}

/// What the engine is made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Version {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) components: Vec<Component>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Component {
    #[serde(default)]
    pub(super) name: String,
}
