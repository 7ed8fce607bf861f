//! Everything that the engine has, or the reason why it is not everything.

use std::collections::{BTreeSet, HashMap, HashSet};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use selx_core::{Context, Error, ErrorKind, Result};

use super::answers::{Container, Image, Info, Listed, Network, Record, Usage, Version, Volume, Volumes};
use crate::docker::Engine;

/// How much of an answer is read: of a list, of one thing.
const LIST_CAP: usize = 64 << 20;
pub(super) const ONE_CAP: usize = 4 << 20;
/// How many things of one sort are looked at.
const MOST: usize = 20_000;
/// How many questions are under way at once.
pub(super) const AT_ONCE: usize = 8;
/// How often the lists are asked for until they agree with what the engine counts: it works on meanwhile.
const TRIES: u32 = 3;

/// Where lists are asked for.
const CONTAINERS: &str = "/containers/json?all=true";
const IMAGES: &str = "/images/json?all=true";
const NETWORKS: &str = "/networks";
const VOLUMES: &str = "/volumes";
pub(super) const USAGE: &str = "/system/df?verbose=1";

/// What the engine has.
pub(super) struct Inventory {
    pub(super) containers: Vec<Container>,
    pub(super) images: Vec<Image>,
    pub(super) networks: Vec<Network>,
    pub(super) volumes: Vec<Volume>,
    pub(super) records: Vec<Record>,
    /// Bytes that a container has written, by its id.
    pub(super) written: HashMap<String, i64>,
    /// Bytes of an image that no other shares, by its id.
    pub(super) own: HashMap<String, i64>,
    /// Bytes in a volume, by its name.
    pub(super) filled: HashMap<String, i64>,
    pub(super) info: Info,
    /// The version of the API that is spoken, by its minor number.
    pub(super) minor: usize,
    /// What time it is by the engine's own clock.
    pub(super) now: Option<Timestamp>,
    /// Why it is not everything: then nothing may be concluded from what is missing.
    pub(super) incomplete: Option<String>,
}

/// Asks for what cannot be missing.
async fn all<T: serde::de::DeserializeOwned>(engine: &Engine, path: &str, cx: &Context) -> Result<T> {
    let none = || Error::new(ErrorKind::Protocol, format!("the engine knows no `{path}`"));
    engine.read(path, LIST_CAP, cx).await?.ok_or_else(none)
}

/// Returns why an engine is not one of those whose answers are known to mean what is concluded here.
pub(super) async fn unfit(engine: &Engine, cx: &Context) -> Result<Option<String>> {
    let version: Version = all(engine, "/version", cx).await?;
    let podman = version.components.iter().any(|component| component.name.contains("Podman"));
    Ok(podman.then(|| "the engine is Podman: pods and builds of its own use what this API does not show".to_owned()))
}

/// Takes stock.
pub(super) async fn take(engine: &Engine, cx: &Context) -> Result<Inventory> {
    let mut tries = 1;
    loop {
        let info: Info = all(engine, "/info", cx).await?;
        let listed: Vec<Listed> = all(engine, CONTAINERS, cx).await?;
        let mut images: Vec<Image> = all(engine, IMAGES, cx).await?;
        let mut networks: Vec<Network> = all(engine, NETWORKS, cx).await?;
        let mut volumes: Volumes = all(engine, VOLUMES, cx).await?;
        let usage: Usage = all(engine, USAGE, cx).await?;
        let incomplete = missing(&info, &listed, &images, &volumes.volumes, &usage);
        if incomplete.is_some() && tries < TRIES {
            tries += 1;
            continue;
        }
        let asked: Vec<_> = listed.iter().map(|one| container(engine, &one.id, cx)).collect();
        let inspected: Vec<Result<Option<Container>>> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        let mut containers = Vec::with_capacity(inspected.len());
        for one in inspected {
            // Who is gone since uses nothing.
            containers.extend(one?);
        }
        // The engine's order is another one from answer to answer; a plan that is made twice is the same.
        containers.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        images.sort_by(|one, other| (&one.repo_tags, &one.id).cmp(&(&other.repo_tags, &other.id)));
        networks.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        volumes.volumes.sort_by(|one, other| one.name.cmp(&other.name));
        let mut records: Vec<Record> = usage.records().cloned().collect();
        records.sort_by(|one, other| one.id.cmp(&other.id));
        let own = usage.images().filter(|image| image.shared_size >= 0);
        return Ok(Inventory {
            written: usage.containers().map(|one| (one.id.clone(), one.size_rw)).collect(),
            own: own.map(|image| (image.id.clone(), image.size.saturating_sub(image.shared_size))).collect(),
            filled: usage
                .volumes()
                .filter_map(|volume| Some((volume.name.clone(), volume.usage_data.as_ref()?.size)))
                .filter(|(_, size)| *size >= 0)
                .collect(),
            records,
            containers,
            images,
            networks,
            volumes: volumes.volumes,
            info,
            minor: engine.minor().unwrap_or_default(),
            now: engine.now(),
            incomplete,
        });
    }
}

/// Looks at one container.
pub(super) async fn container(engine: &Engine, id: &str, cx: &Context) -> Result<Option<Container>> {
    engine.read(&format!("/containers/{}/json", path(id)?), ONE_CAP, cx).await
}

/// Looks at one network.
pub(super) async fn network(engine: &Engine, id: &str, cx: &Context) -> Result<Option<Network>> {
    engine.read(&format!("/networks/{}", path(id)?), ONE_CAP, cx).await
}

/// Looks at the records of the build cache alone where the engine can say them without the rest.
pub(super) async fn records(engine: &Engine, cx: &Context) -> Result<Vec<Record>> {
    let usage: Usage = all(engine, &format!("{USAGE}&type=build-cache"), cx).await?;
    Ok(usage.records().cloned().collect())
}

/// Takes an id, or the name of a volume, that can be nothing else in a path.
///
/// # Errors
///
/// `Protocol` for another one: an engine makes none.
pub(super) fn path(id: &str) -> Result<&str> {
    let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || b"._-:".contains(&letter);
    if !id.is_empty() && id.len() <= 256 && id.bytes().all(is_plain) && !id.contains("..") {
        return Ok(id);
    }
    let shown: String = id.chars().take(64).collect();
    let message = format!("`{}` is no id of an engine", selx_core::escape::visible(&shown));
    Err(Error::new(ErrorKind::Protocol, message))
}

/// Compares the lists with what the engine counts otherwise.
fn missing(info: &Info, listed: &[Listed], images: &[Image], volumes: &[Volume], usage: &Usage) -> Option<String> {
    let count = |what: &str, list: usize, counted: u64| {
        (list as u64 != counted).then(|| format!("{list} {what} are listed, and the engine counts {counted}"))
    };
    let lacks = |what: &str, known: &HashSet<&str>, used: &mut dyn Iterator<Item = &str>| {
        let lacking = used.filter(|id| !known.contains(id)).count();
        (lacking > 0).then(|| format!("{lacking} {what} that take room are not in the list"))
    };
    let containers: HashSet<&str> = listed.iter().map(|one| one.id.as_str()).collect();
    let shown: HashSet<&str> = images.iter().map(|image| image.id.as_str()).collect();
    let stored: HashSet<&str> = volumes.iter().map(|volume| volume.name.as_str()).collect();
    let most = [("containers", listed.len()), ("images", images.len()), ("volumes", volumes.len())];
    let too_many = most.iter().find(|(_, count)| *count > MOST);
    too_many
        .map(|(what, count)| format!("{count} {what} are more than the {MOST} that are looked at"))
        .or_else(|| count("containers", listed.len(), info.containers))
        .or_else(|| if info.counts_names() { None } else { count("images", images.len(), info.images) })
        .or_else(|| lacks("containers", &containers, &mut usage.containers().map(|one| one.id.as_str())))
        .or_else(|| lacks("images", &shown, &mut usage.images().map(|one| one.id.as_str())))
        .or_else(|| lacks("volumes", &stored, &mut usage.volumes().map(|one| one.name.as_str())))
        .or_else(|| {
            let twice = listed.len() != containers.len() || images.len() != shown.len();
            twice.then(|| "a list names the same thing twice".to_owned())
        })
}

/// Returns the ids of all that is there, for the look whether anything else went away.
pub(super) async fn ids(engine: &Engine, cx: &Context) -> Result<BTreeSet<String>> {
    let listed: Vec<Listed> = all(engine, CONTAINERS, cx).await?;
    let images: Vec<Image> = all(engine, IMAGES, cx).await?;
    let networks: Vec<Network> = all(engine, NETWORKS, cx).await?;
    let volumes: Volumes = all(engine, VOLUMES, cx).await?;
    let mut ids: BTreeSet<String> = listed.into_iter().map(|one| one.id).collect();
    ids.extend(images.into_iter().map(|one| one.id));
    ids.extend(networks.into_iter().map(|one| one.id));
    ids.extend(volumes.volumes.into_iter().map(|one| one.name));
    Ok(ids)
}
