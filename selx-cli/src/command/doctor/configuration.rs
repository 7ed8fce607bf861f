//! The configuration file: where it was looked for, which one is used, and whether it loads.

use std::os::unix::fs::MetadataExt as _;

use selx_core::{SecretRef, Secrets, Suite, config};

use super::Item;
use crate::session::Session;

const TOPIC: &str = "configuration";

/// Looks at the file that a run would use.
pub(super) fn items(session: &Session<'_>) -> (Vec<Item>, Option<Suite>) {
    let search = super::super::search(session.options.config.as_deref());
    let mut items = Vec::new();
    let Some(path) = search.found else {
        let looked: Vec<String> = search.looked.iter().map(|path| path.display().to_string()).collect();
        items.push(Item::note(TOPIC, format!("no file; a run looks the host over. Looked for: {}", looked.join(", "))));
        return (items, None);
    };
    let shown = path.display().to_string();
    let suite = match config::load(session.registry, &path) {
        Ok(suite) => {
            items.push(Item::ok(TOPIC, format!("{shown}: {} checks", suite.instances.len())));
            Some(suite)
        }
        Err(errors) => {
            let first = errors.errors.first().map(|error| error.message.clone()).unwrap_or_default();
            let text = format!("{shown} does not load: {first}");
            items.push(Item::missing(TOPIC, text, format!("`selx validate {shown}` tells everything")));
            None
        }
    };
    if let Ok(meta) = std::fs::metadata(&path) {
        items.push(Item::ok(TOPIC, format!("{shown}: mode {:04o}, owner {}", meta.mode() & 0o7777, meta.uid())));
    }
    if let Some(suite) = &suite {
        items.extend(secrets(suite));
    }
    items.extend(ignored().map(|name| {
        Item::note(TOPIC, format!("{name} is set and has no effect: nothing goes through a proxy or another trust store unless a check says so"))
    }));
    (items, suite)
}

/// Looks whether every secret that checks name can be had. None of them is shown.
fn secrets(suite: &Suite) -> Vec<Item> {
    let known = Secrets::default();
    let mut items = Vec::new();
    for check in &suite.instances {
        for from in check.check.secrets() {
            let text = format!("{}: a secret comes from `{from}`", check.full_name());
            items.push(match (known.get(from), from) {
                (Ok(_), SecretRef::Env(_)) => {
                    Item::note(TOPIC, format!("{text}; jobs of cron do not have it unless the crontab sets it"))
                }
                (Ok(_), SecretRef::File(_)) => Item::ok(TOPIC, text),
                (Err(error), _) => {
                    let advice = error.advice_text().unwrap_or("set it, or use another reference").to_owned();
                    Item::missing(TOPIC, format!("{}: {error}", check.full_name()), advice)
                }
            });
        }
    }
    items
}

/// The variables that steer other programs and not this one.
fn ignored() -> impl Iterator<Item = &'static str> {
    let names = [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ];
    names.into_iter().filter(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
