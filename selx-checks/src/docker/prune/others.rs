//! Which networks, records of the build cache and volumes go.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt as _, stream};
use selx_core::action::{Planned, Risk, Undo};
use selx_core::{ByteSize, Context, Result};

use super::Step;
use super::answers::{Network, Record};
use super::inventory::{AT_ONCE, network};
use super::look::{Look, Rule, short, shown};
use crate::compose::labels;
use crate::docker::container::time;
use crate::docker::{BY_ID, Engine};

/// Networks that every engine has. Nothing is said of them: nobody made them.
const PREDEFINED: &[&str] = &["bridge", "host", "none", "nat", "ingress", "docker_gwbridge"];
/// How long the id of a record is: one that is not could match another by a part of it.
const RECORD: usize = 25;

/// Chooses networks.
pub(super) async fn networks(look: &mut Look<'_>, engine: &Engine, cx: &Context) -> Result<Vec<Planned<Step>>> {
    let inventory = look.inventory;
    let mut used: HashSet<&str> = HashSet::new();
    for container in &inventory.containers {
        for (name, endpoint) in &container.network_settings.networks {
            used.extend([name.as_str(), endpoint.network.as_str()]);
        }
        used.insert(container.host_config.network_mode.as_str());
    }
    let mut chosen: Vec<&Network> = Vec::new();
    for network in inventory.networks.iter().filter(|network| !PREDEFINED.contains(&network.name.as_str())) {
        let rule = network_stays(look, network, &used);
        look.count(rule.as_ref());
        match rule {
            Some(rule) => look.keep(rule, None, || called(network)),
            None => chosen.push(network),
        }
    }
    let asked: Vec<_> = chosen.iter().map(|one| network(engine, &one.id, cx)).collect();
    let inspected: Vec<Result<Option<Network>>> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    let mut steps = Vec::new();
    for inspected in inspected {
        let Some(network) = inspected? else { continue };
        let name = called(&network);
        let made = match network.containers.is_empty() {
            true => look.kept_by_age(&[time(&network.created)], "when it was made is not known"),
            false => Err((31, "something is connected to the network".to_owned())),
        };
        let age = match made {
            Ok(age) => age,
            Err(rule) => {
                look.keep(rule, None, || name);
                continue;
            }
        };
        steps.push(Planned {
            what: format!("remove the {name} ({}), made {age} ago, nothing is connected", short(&network.id)),
            target: name,
            step: Step::Network { id: network.id, name: network.name, created: network.created },
            risk: Risk::Destructive,
            bytes: None,
            seconds: None,
            locks: Vec::new(),
            undo: Undo::Impossible("one that is made anew has another id, and may have other addresses".to_owned()),
            not_simulated: Vec::new(),
        });
    }
    steps.sort_by(|one, other| one.target.cmp(&other.target));
    Ok(steps)
}

fn network_stays(look: &Look<'_>, network: &Network, used: &HashSet<&str>) -> Option<Rule> {
    if let Some(rule) = look.kept_by_owner(&network.labels, &[&network.name]) {
        return Some(rule);
    }
    if !look.config.networks {
        return Some((30, "a network, and `networks` is false".to_owned()));
    }
    if network.ingress || network.config_only || network.scope != "local" {
        return Some((30, "a network of a swarm, or one that others are made of".to_owned()));
    }
    // A container may have been given a part of the id.
    let is_part = |text: &&str| !text.is_empty() && network.id.starts_with(*text);
    if used.contains(network.name.as_str()) || used.iter().any(is_part) {
        return Some((32, "a container belongs to the network, running or not".to_owned()));
    }
    if look.named.networks.contains(&network.name) {
        return Some((33, "a Compose file names the network".to_owned()));
    }
    if network.labels.contains_key(labels::PROJECT) && !look.config.projects {
        return Some((34, "a network of a Compose project, and `projects` is not set".to_owned()));
    }
    let why = look.named.unread.as_ref()?;
    Some((35, format!("a Compose file may name the network that could not be read: {why}")))
}

/// Chooses records of the build cache, what builds on others first.
pub(super) fn records(look: &mut Look<'_>) -> Vec<Planned<Step>> {
    let inventory = look.inventory;
    let mut chosen = Vec::new();
    for record in &inventory.records {
        let size = Some(record.size);
        let age = match record_stays(look, record) {
            Some(rule) => Err(rule),
            None => {
                let times = [time(&record.last_used), time(&record.created)];
                look.kept_by_age(&times, "when it was last used is not known")
            }
        };
        match age {
            Ok(age) => chosen.push((record, age)),
            Err(rule) => look.keep(rule, size, || cached(record)),
        }
    }
    let mut going: HashSet<&str> = chosen.iter().map(|(record, _)| record.id.as_str()).collect();
    loop {
        let stays = |record: &&Record| !going.contains(record.id.as_str());
        let under: HashSet<&str> = inventory.records.iter().filter(stays).flat_map(Record::parents).collect();
        let before = going.len();
        going.retain(|id| !under.contains(id));
        if going.len() == before {
            break;
        }
    }
    let (mut chosen, under): (Vec<_>, Vec<_>) =
        chosen.into_iter().partition(|(record, _)| going.contains(record.id.as_str()));
    for (record, _) in under {
        look.keep((44, "another record of the build cache is built on it".to_owned()), Some(record.size), || {
            cached(record)
        });
    }
    let known: HashMap<&str, &Record> = inventory.records.iter().map(|record| (record.id.as_str(), record)).collect();
    chosen.sort_by_key(|(record, _)| (std::cmp::Reverse(depth(record, &known)), record.id.clone()));
    let step = |(record, age): (&Record, selx_core::TimeSpan)| {
        let size = ByteSize(u64::try_from(record.size).unwrap_or(0));
        Planned {
            what: format!("remove the {} ({}), not used for {age}, {size}", cached(record), shown(&record.description)),
            target: cached(record),
            step: Step::Cache { id: record.id.clone(), used: record.last_used.clone(), uses: record.uses },
            risk: Risk::Safe,
            bytes: Some(record.size),
            seconds: None,
            locks: Vec::new(),
            undo: Undo::Impossible("the next build that needs it makes it again".to_owned()),
            not_simulated: Vec::new(),
        }
    };
    chosen.into_iter().map(step).collect()
}

fn record_stays(look: &Look<'_>, record: &Record) -> Option<Rule> {
    if !look.config.only_labels.is_empty() {
        return Some(Look::outside());
    }
    if !look.config.build_cache {
        return Some((40, "a record of the build cache, and `build-cache` is false".to_owned()));
    }
    if record.in_use {
        return Some((41, "a record of the build cache that is in use".to_owned()));
    }
    if record.shared {
        return Some((42, "a record of the build cache that an image shares".to_owned()));
    }
    let is_whole = record.id.len() == RECORD && record.id.bytes().all(|letter| letter.is_ascii_alphanumeric());
    // The engine prunes its own records only when told to prune all.
    let is_own = matches!(record.sort.as_str(), "internal" | "frontend");
    let is_alone = is_whole && !is_own && look.inventory.minor >= BY_ID;
    (!is_alone).then(|| (43, "a record of the build cache that the engine cannot remove alone".to_owned()))
}

fn depth(record: &Record, known: &HashMap<&str, &Record>) -> usize {
    let next = |record: &&Record| record.parents().find_map(|parent| known.get(parent).copied());
    std::iter::successors(Some(record), next).take(1_000).count()
}

fn cached(record: &Record) -> String {
    format!("build cache {}", short(&record.id))
}

/// Chooses the volumes that the settings name.
pub(super) fn volumes(look: &mut Look<'_>) -> Vec<Planned<Step>> {
    let inventory = look.inventory;
    let mut steps = Vec::new();
    let mut names = look.config.volumes.clone();
    names.sort();
    names.dedup();
    for name in names {
        let target = format!("volume {}", shown(&name));
        let Some(volume) = inventory.volumes.iter().find(|volume| volume.name == name) else {
            look.keep((50, "a volume of `volumes` that is not there".to_owned()), None, || target);
            continue;
        };
        let size = inventory.filled.get(&name).copied();
        let uses = |mount: &super::answers::Mount| mount.sort == "volume" && mount.name == name;
        let used = inventory.containers.iter().find(|container| container.mounts.iter().any(uses));
        let rule = match (look.kept_by_owner(&volume.labels, &[&name]), used) {
            (Some(rule), _) => Some(rule),
            (None, Some(_)) => Some((51, "a container refers to the volume, running or not".to_owned())),
            (None, None) if look.named.volumes.contains(&name) => {
                Some((52, "a Compose file names the volume".to_owned()))
            }
            // What that file says of it may be that it is needed, and there is no way back.
            (None, None) => look
                .named
                .unread
                .as_ref()
                .map(|why| (53, format!("a Compose file may name the volume that could not be read: {why}"))),
        };
        if let Some(rule) = rule {
            look.keep(rule, size, || target);
            continue;
        }
        let size_shown = size.and_then(|size| u64::try_from(size).ok()).map(|size| format!(", {}", ByteSize(size)));
        steps.push(Planned {
            what: format!("remove the {target} with all that is in it{}", size_shown.unwrap_or_default()),
            target,
            step: Step::Volume {
                name,
                created: volume.created_at.clone(),
                driver: volume.driver.clone(),
                place: volume.mountpoint.clone(),
            },
            risk: Risk::Destructive,
            bytes: size,
            seconds: None,
            locks: Vec::new(),
            undo: Undo::Impossible(
                "what is in it is lost; whether there is a backup of it is not looked at".to_owned(),
            ),
            not_simulated: Vec::new(),
        });
    }
    let named: HashSet<&str> = look.config.volumes.iter().map(String::as_str).collect();
    for volume in inventory.volumes.iter().filter(|volume| !named.contains(volume.name.as_str())) {
        let size = inventory.filled.get(&volume.name).copied();
        let why = "a volume: these go one by one, by their names in `volumes`".to_owned();
        look.keep((98, why), size, || format!("volume {}", shown(&volume.name)));
    }
    steps
}

fn called(network: &Network) -> String {
    format!("network {}", shown(&network.name))
}
