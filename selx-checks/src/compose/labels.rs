//! The labels that both generations of compose put on containers.

use std::path::{Path, PathBuf};

use crate::docker::Summary;

/// The name of the project.
pub(crate) const PROJECT: &str = "com.docker.compose.project";
/// The name of the service.
pub(crate) const SERVICE: &str = "com.docker.compose.service";
/// `True` (first generation: `True`/`False`) for a container of `run`.
pub(crate) const ONE_OFF: &str = "com.docker.compose.oneoff";
/// The number of the container among those of its service.
const NUMBER: &str = "com.docker.compose.container-number";
/// The files of the project, joined by commas.
pub(crate) const FILES: &str = "com.docker.compose.project.config_files";
/// The folder that relative names are taken from.
pub(crate) const FOLDER: &str = "com.docker.compose.project.working_dir";
/// The file of variables, if one was named.
pub(crate) const ENVIRONMENT: &str = "com.docker.compose.project.environment_file";
/// A digest of the service's settings, by the rules of the version that made the container.
pub(crate) const HASH: &str = "com.docker.compose.config-hash";
/// Writes a filter on a label.
pub(crate) fn filter(label: &str, value: &str) -> String {
    format!("{label}={value}")
}

/// Tells whether a container belongs to a service, and is not one of `run`.
pub(crate) fn is_service(container: &Summary) -> bool {
    container.label(SERVICE).is_some()
        && !container.label(ONE_OFF).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Returns the number of a container in its service.
pub(crate) fn number(container: &Summary) -> u32 {
    container.label(NUMBER).and_then(|number| number.parse().ok()).unwrap_or(u32::MAX)
}

/// Returns the files that a container's project was started from, as absolute paths where that is known.
pub(crate) fn files(container: &Summary) -> Vec<PathBuf> {
    paths(|name| container.label(name))
}

/// The same, by the labels themselves.
pub(crate) fn paths<'a>(label: impl Fn(&str) -> Option<&'a str>) -> Vec<PathBuf> {
    let folder = label(FOLDER).map(Path::new);
    let files = label(FILES).unwrap_or_default().split(',').filter(|file| !file.is_empty());
    files
        .map(|file| match folder {
            // The first generation writes names as they were given.
            Some(folder) => folder.join(file),
            None => PathBuf::from(file),
        })
        .collect()
}
