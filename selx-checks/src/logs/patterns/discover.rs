//! Logs of this host: files in the usual places, the journal, and containers of Compose projects.

use std::collections::BTreeMap;

use selx_core::{Context, Discovery, Proposal};

use crate::proposal::check_name;
use crate::target::{running_services, toml_text, undiscovered};

/// Files of which one is there where programs write to files at all.
const FILES: [&str; 4] = ["/var/log/syslog", "/var/log/messages", "/var/log/auth.log", "/var/log/nginx/access.log"];
/// Where a journal is kept.
const JOURNALS: [&str; 2] = ["/var/log/journal", "/run/log/journal"];
/// The patterns that every host is worth looking for.
const PRESETS: &str = "presets = [\"errors\", \"authentication\"]";

/// Proposes a check of the host's logs, and one for each project.
pub(super) async fn discover(cx: &Context) -> Discovery {
    let mut found = Vec::new();
    let there = |paths: &[&'static str]| paths.iter().copied().find(|path| cx.host().path(path).exists());
    if let Some(path) = there(&FILES) {
        found.push(Proposal::new("host", format!("{path} is there"), PRESETS));
    } else if let Some(path) = there(&JOURNALS) {
        found.push(Proposal::new(
            "host",
            format!("the journal is kept in {path}"),
            format!("{PRESETS}\njournal = {{}}"),
        ));
    }
    let services = running_services(|_| true, cx).await;
    let mut projects: BTreeMap<&str, String> = BTreeMap::new();
    for service in services.iter().flatten() {
        if let Some(compose) = service.compose() {
            projects.entry(&service.project).or_insert(compose);
        }
    }
    for (project, compose) in projects {
        let name = check_name(project, "project");
        let with = format!("{PRESETS}\ncontainers = {{ {compose}, project = {} }}", toml_text(project));
        found.push(Proposal::new(name, format!("the project `{project}` runs"), with));
    }
    match services {
        _ if !found.is_empty() => Discovery::Found(found),
        Err(error) if !matches!(undiscovered(&error), Discovery::Absent(_)) => undiscovered(&error),
        _ => Discovery::Absent("no log is in the usual places, no journal, and no compose project runs".to_owned()),
    }
}
