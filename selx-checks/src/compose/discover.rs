//! Projects that are on this host.

use std::collections::BTreeMap;

use selx_core::{Context, Discovery, Proposal, Result};

use super::labels;
use crate::docker::{Engine, Summary};
use crate::proposal::check_name;
use crate::target::{toml_text, undiscovered};

/// How many projects are proposed.
const MOST: usize = 32;

pub(super) async fn discover(cx: &Context) -> Discovery {
    let listed = match list(cx).await {
        Ok(listed) => listed,
        Err(error) => return undiscovered(&error),
    };
    let mut projects: BTreeMap<String, Vec<Summary>> = BTreeMap::new();
    for container in listed.into_iter().filter(labels::is_service) {
        let project = container.label(labels::PROJECT).unwrap_or_default().to_owned();
        projects.entry(project).or_default().push(container);
    }
    if projects.is_empty() {
        return Discovery::Absent("no container of a compose project is here".to_owned());
    }
    let proposals = projects.iter().take(MOST).map(|(project, containers)| {
        let services: std::collections::BTreeSet<_> =
            containers.iter().filter_map(|container| container.label(labels::SERVICE)).collect();
        let reason = format!("{} containers of {} services", containers.len(), services.len());
        let files = containers.first().map(labels::files).unwrap_or_default();
        // A file that is not here, or no longer, cannot say what is expected.
        let all_here = !files.is_empty() && files.iter().all(|path| cx.host().path(path).is_file());
        let shown: Option<Vec<String>> = files.iter().map(|path| path.to_str().map(toml_text)).collect();
        let compose = match (all_here, shown.as_deref()) {
            (true, Some([one])) => format!("compose = {one}\n"),
            (true, Some(several)) => format!("compose = [{}]\n", several.join(", ")),
            _ => String::new(),
        };
        Proposal::new(check_name(project, "project"), reason, format!("{compose}project = {}", toml_text(project)))
    });
    Discovery::Found(proposals.collect())
}

async fn list(cx: &Context) -> Result<Vec<Summary>> {
    let listed = Engine::of(None, cx)?.list(&[labels::PROJECT.to_owned()], cx).await?;
    listed.map(|listed| listed.to_vec()).map_err(crate::target::engine_failed)
}
