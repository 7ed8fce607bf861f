//! Which images go: those without a name, and if it is asked for those that nothing uses.
//!
//! When an image was last used, no engine says. What is known is when it was made, when it was last named here, and, where
//! the engine's own folder can be read, when it came here. The youngest of these counts. An image that was pulled and of
//! which neither of the latter is known stays: it may be years old and have come today.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use selx_core::action::{Planned, Risk, Undo};
use selx_core::{ByteSize, Context, Result, TimeSpan};

use super::Step;
use super::answers::{Image, InspectedImage};
use super::inventory::{AT_ONCE, ONE_CAP, path};
use super::look::{Look, Rule, short, shown};
use super::named::normal;
use crate::docker::Engine;
use crate::docker::container::time;

/// What containers use.
struct Used<'a> {
    /// Ids of images, and whether a container uses it that the plan does not remove.
    ids: HashMap<&'a str, bool>,
    /// Names from which containers were made, which may name another image by now.
    names: HashSet<String>,
}

/// Chooses.
pub(super) async fn choose(
    look: &mut Look<'_>,
    removed: &HashSet<String>,
    engine: &Engine,
    cx: &Context,
) -> Result<Vec<Planned<Step>>> {
    let inventory = look.inventory;
    let used = used(look, removed);
    let mut chosen: Vec<&Image> = Vec::new();
    for image in &inventory.images {
        let rule = stays(look, image, &used);
        look.count(rule.as_ref());
        match rule {
            Some(rule) => look.keep(rule, own(look, image), || called(image)),
            None => chosen.push(image),
        }
    }
    let asked: Vec<_> = chosen.iter().map(|image| inspect(engine, &image.id, cx)).collect();
    let inspected: Vec<Result<Option<InspectedImage>>> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    let mut old: Vec<(&Image, TimeSpan)> = Vec::new();
    for (image, inspected) in chosen.into_iter().zip(inspected) {
        // It went away meanwhile.
        let Some(inspected) = inspected? else { continue };
        match age(look, image, &inspected, cx) {
            Ok(age) => old.push((image, age)),
            Err(rule) => look.keep(rule, own(look, image), || called(image)),
        }
    }
    // What another image is built on stays with that one, and what goes goes from the top.
    let mut going: HashSet<&str> = old.iter().map(|(image, _)| image.id.as_str()).collect();
    loop {
        let stays = |image: &&Image| !going.contains(image.id.as_str());
        let under: HashSet<&str> =
            inventory.images.iter().filter(stays).map(|image| image.parent_id.as_str()).collect();
        let before = going.len();
        going.retain(|id| !under.contains(id));
        if going.len() == before {
            break;
        }
    }
    let (mut going, under): (Vec<_>, Vec<_>) =
        old.into_iter().partition(|(image, _)| going.contains(image.id.as_str()));
    for (image, _) in under {
        look.keep((19, "another image is built on it".to_owned()), own(look, image), || called(image));
    }
    let parents: HashMap<&str, &str> =
        inventory.images.iter().map(|image| (image.id.as_str(), image.parent_id.as_str())).collect();
    going.sort_by_key(|(image, _)| (std::cmp::Reverse(depth(&image.id, &parents)), called(image), image.id.clone()));
    Ok(going.into_iter().map(|(image, age)| step(look, image, age)).collect())
}

/// Looks at one image.
pub(super) async fn inspect(engine: &Engine, id: &str, cx: &Context) -> Result<Option<InspectedImage>> {
    engine.read(&format!("/images/{}/json", path(id)?), ONE_CAP, cx).await
}

fn used<'a>(look: &Look<'a>, removed: &HashSet<String>) -> Used<'a> {
    let mut used = Used { ids: HashMap::new(), names: HashSet::new() };
    for container in &look.inventory.containers {
        let stays = used.ids.entry(container.image.as_str()).or_default();
        *stays |= !removed.contains(&container.id);
        used.names.insert(normal(&container.config.image));
    }
    used
}

/// Returns the rule by which an image stays, as far as the list tells.
fn stays(look: &Look<'_>, image: &Image, used: &Used<'_>) -> Option<Rule> {
    let (tags, digests) = (image.tags(), image.digests());
    let names: Vec<&str> = tags.iter().map(String::as_str).collect();
    if let Some(rule) = look.kept_by_owner(&image.labels, &names) {
        return Some(rule);
    }
    if !look.config.images && !look.config.unused_images {
        return Some((10, "an image, and `images` is false".to_owned()));
    }
    match used.ids.get(image.id.as_str()) {
        Some(true) => return Some((11, "a container was made of the image".to_owned())),
        Some(false) => return Some((12, "used by a container that this plan removes: next time".to_owned())),
        None => {}
    }
    let references = || tags.iter().chain(&digests);
    if references().any(|name| look.named.has_image(name)) {
        return Some((13, "a Compose file names it".to_owned()));
    }
    if references().any(|name| used.names.contains(&normal(name))) {
        return Some((14, "a container was made by its name".to_owned()));
    }
    if tags.is_empty() && !look.config.images {
        return Some((10, "an image without a name, and `images` is false".to_owned()));
    }
    if !tags.is_empty() && !look.config.unused_images {
        return Some((15, "it has a name, and `unused-images` is not set".to_owned()));
    }
    if references().next().is_some() {
        // By its name, or by its digest, something may still want it that is not seen from here.
        if let Some(why) = &look.named.unread {
            return Some((16, format!("a Compose file may name it that could not be read: {why}")));
        }
        if !matches!(look.inventory.info.swarm.local_node_state.as_str(), "" | "inactive") {
            return Some((17, "a service of the swarm may use it".to_owned()));
        }
    }
    if tags.len() > 1 {
        return Some((18, "it has several names, and is removed by its id only".to_owned()));
    }
    None
}

/// Returns for how long an image has been here, or why it stays.
fn age(look: &Look<'_>, image: &Image, inspected: &InspectedImage, cx: &Context) -> Result<TimeSpan, Rule> {
    let made = Timestamp::from_second(image.created).ok().filter(|made| *made > Timestamp::UNIX_EPOCH);
    let (named, came) = (time(&inspected.metadata.last_tag_time), came(look, image, cx));
    let is_built_here = image.repo_digests.iter().all(|digest| digest.starts_with("<none>"));
    let times = if is_built_here || named.is_some() || came.is_some() { [made, named, came] } else { [None; 3] };
    look.kept_by_age(&times, "when it came here is not known")
}

/// Returns when an image was stored here, by the engine's own folder if that can be read.
fn came(look: &Look<'_>, image: &Image, cx: &Context) -> Option<Timestamp> {
    let info = &look.inventory.info;
    let (root, digits) = (&info.docker_root_dir, image.id.strip_prefix("sha256:")?);
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_alphanumeric());
    if !root.starts_with('/') || !is_plain(digits) || !is_plain(&info.driver) {
        return None;
    }
    let file = cx.host().path(format!("{root}/image/{}/imagedb/content/sha256/{digits}", info.driver));
    Timestamp::try_from(file.symlink_metadata().ok()?.modified().ok()?).ok()
}

/// Returns the bytes that are freed with an image, if that is known.
fn own(look: &Look<'_>, image: &Image) -> Option<i64> {
    look.inventory.own.get(&image.id).copied().filter(|bytes| *bytes >= 0)
}

fn depth(id: &str, parents: &HashMap<&str, &str>) -> usize {
    // An engine that answers a circle does not hold us up.
    let next = |id: &&str| parents.get(*id).copied().filter(|parent| !parent.is_empty());
    std::iter::successors(Some(id), next).take(1_000).count()
}

fn called(image: &Image) -> String {
    match (image.tags().first(), image.digests().first()) {
        (Some(name), _) => format!("image {}", shown(name)),
        (None, Some(digest)) => {
            let name = digest.split('@').next().unwrap_or_default();
            format!("image {} ({} without a name)", short(&image.id), shown(name))
        }
        (None, None) => format!("image {} (without a name)", short(&image.id)),
    }
}

fn step(look: &Look<'_>, image: &Image, age: TimeSpan) -> Planned<Step> {
    let name = called(image);
    let bytes = own(look, image);
    let free = match bytes.and_then(|bytes| u64::try_from(bytes).ok()) {
        Some(bytes) => format!("{} of its own", ByteSize(bytes)),
        None => "its layers are also those of others".to_owned(),
    };
    let id = if image.tags().is_empty() { String::new() } else { format!(" ({})", short(&image.id)) };
    let undo = match image.digests().first() {
        Some(digest) => format!("`docker pull {}` brings it back, as long as its registry has it", shown(digest)),
        None => "it was built or loaded here, and is nowhere else".to_owned(),
    };
    Planned {
        what: format!("remove the {name}{id}, here for {age}, {free}"),
        target: name,
        step: Step::Image { id: image.id.clone(), names: image.tags(), digests: image.digests() },
        risk: Risk::Destructive,
        bytes,
        seconds: None,
        locks: Vec::new(),
        undo: Undo::Impossible(undo),
        not_simulated: vec!["layers that other images have too are freed with the last of them".to_owned()],
    }
}
