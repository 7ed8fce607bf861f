//! Whether actions may begin: the stop file, and runs that did not come to their end.

use std::path::PathBuf;

use selx_checks::ground::HostGround;
use selx_checks::history::default_state_dir;
use selx_core::action::Ground as _;
use selx_core::{Host, Suite};

use super::Item;
use crate::command::stop::said;

const TOPIC: &str = "actions";

/// Looks at what keeps actions from beginning; where there are none, it says nothing.
pub(super) fn items(host: &Host, state_dir: Option<PathBuf>, suite: Option<&Suite>) -> Vec<Item> {
    let Some(folder) = state_dir.or_else(|| default_state_dir(host).ok()) else { return Vec::new() };
    let ground = HostGround::new(folder, host.clone());
    let mut items = Vec::new();
    match ground.stopped() {
        Ok(None) => {}
        Ok(Some(stopped)) => {
            let text = format!("they were stopped {}", said(&stopped));
            items.push(Item::missing(TOPIC, text, "`selx start` allows them again"));
        }
        Err(error) => items.push(Item::missing(TOPIC, error.to_string(), error.advice_text().unwrap_or_default())),
    }
    match ground.open() {
        Ok(open) => items.extend(open.iter().filter(|open| !open.alive).map(|open| {
            let name = open.read.as_ref().ok().and_then(|read| read.begin()).map(|begin| begin.plan.action.clone());
            let text = format!("the run {} of `{}` did not come to its end", open.run, name.unwrap_or("?".to_owned()));
            Item::missing(TOPIC, text, format!("`selx recover {}` finds out how far it is", open.run))
        })),
        Err(error) => items.push(Item::missing(TOPIC, error.to_string(), error.advice_text().unwrap_or_default())),
    }
    let described = suite.map_or(0, |suite| suite.actions.len());
    if items.is_empty() && described > 0 {
        items.push(Item::ok(
            TOPIC,
            format!("{described} in the configuration; none is stopped, and every run came to its end"),
        ));
    }
    items
}
