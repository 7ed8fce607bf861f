//! The plan: stock is taken, what stays is told by its rule, and what is too much is refused.

use std::collections::{BTreeSet, HashSet};

use selx_core::action::{Plan, Planned, Refused};
use selx_core::{ByteSize, Context, Result, escape};

use super::config::Config;
use super::inventory::{self, Inventory};
use super::look::Look;
use super::{Snapshot, Step, containers, images, named, others};
use crate::docker::Engine;

/// Looks at the engine and says what would be removed.
pub(super) async fn plan(config: &Config, engine: &Engine, cx: &Context) -> Result<(Plan<Step>, Snapshot)> {
    let refuse = |why: String, advice: &str| Refused { why, advice: advice.to_owned() };
    if let Some(why) = inventory::unfit(engine, cx).await? {
        let mut plan = Plan::of(Vec::new());
        plan.refused.push(refuse(why, "use `podman system prune`, which knows of them"));
        return Ok((plan, Snapshot::default()));
    }
    let inventory = inventory::take(engine, cx).await?;
    let named = named::read(config, &inventory.containers, cx).await?;
    let mut look = Look::new(config, &inventory, &named, cx.clock().now());
    let mut steps = containers::choose(&mut look);
    let removed: HashSet<String> = steps.iter().map(|planned| planned.step.id().to_owned()).collect();
    steps.extend(images::choose(&mut look, &removed, engine, cx).await?);
    steps.extend(others::networks(&mut look, engine, cx).await?);
    let shared = steps.len();
    steps.extend(others::records(&mut look));
    steps.extend(others::volumes(&mut look));
    let mut refused: Vec<Refused> = Vec::new();
    if let Some(why) = &inventory.incomplete {
        let why = format!("not everything could be seen: {why}");
        refused.push(refuse(why, "try again when the engine is at rest; of what was not seen nothing is known"));
    }
    if let Some(why) = &named.refused {
        refused.push(refuse(escape::visible(why).into_owned(), "mend the file, or take it out of `compose`"));
    }
    if inventory.info.system != "linux" && !inventory.info.system.is_empty() {
        refused.push(refuse("the engine is not one of Linux".to_owned(), "clean it by its own tools"));
    }
    clocks(&look, &inventory, &mut refused);
    budgets(&look, &steps, shared, &mut refused);
    steps.truncate(config.max_objects.get() as usize);
    let going: HashSet<&str> = steps.iter().map(|planned| planned.step.id()).collect();
    let root = inventory.info.docker_root_dir.clone();
    let snapshot = Snapshot { stays: staying(&inventory, &going), root: (!root.is_empty()).then(|| root.into()) };
    let kept = look.kept();
    Ok((Plan { steps, whole: false, kept, refused }, snapshot))
}

fn clocks(look: &Look<'_>, inventory: &Inventory, refused: &mut Vec<Refused>) {
    let mut refuse = |why: &str, advice: &str| refused.push(Refused { why: why.to_owned(), advice: advice.to_owned() });
    if inventory.now.is_none() {
        refuse("the engine does not say what time it is", "let what stands before it pass its `Date`");
    }
    if crate::ground::is_before_program(look.now) {
        refuse("the clock is wrong: it is before this program was made", "set the clock");
    }
}

fn budgets(look: &Look<'_>, steps: &[Planned<Step>], shared: usize, refused: &mut Vec<Refused>) {
    let config = look.config;
    let mut refuse = |why: String, advice: &str| refused.push(Refused { why, advice: advice.to_owned() });
    let (count, most) = (steps.len(), config.max_objects);
    if count as u64 > u64::from(most.get()) {
        let why = format!("{count} things would be removed, and `max-objects` is {most}");
        refuse(why, "look at the plan; raise `max-objects` if that is what you want");
    }
    let bytes = steps.iter().filter_map(|step| u64::try_from(step.bytes?).ok()).fold(0_u64, u64::saturating_add);
    if bytes > config.max_bytes.0 {
        let why = format!("{} would be removed, and `max-bytes` is {}", ByteSize(bytes), config.max_bytes);
        refuse(why, "look at the plan; raise `max-bytes` if that is what you want");
    }
    let seen = look.seen;
    if shared as f64 > seen as f64 * config.max_share.get() {
        let share = config.max_share;
        let why =
            format!("{shared} of {seen} containers, images and networks would be removed, and `max-share` is {share}");
        refuse(why, "look at the clock and at the plan; raise `max-share` if that is what you want");
    }
}

/// Returns the ids of all that the plan leaves.
fn staying(inventory: &Inventory, going: &HashSet<&str>) -> BTreeSet<String> {
    let containers = inventory.containers.iter().map(|one| &one.id);
    let images = inventory.images.iter().map(|one| &one.id);
    let networks = inventory.networks.iter().map(|one| &one.id);
    let volumes = inventory.volumes.iter().map(|one| &one.name);
    let all = containers.chain(images).chain(networks).chain(volumes);
    all.filter(|id| !going.contains(id.as_str())).cloned().collect()
}
