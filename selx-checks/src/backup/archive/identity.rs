//! What a backup is of: its database, its host, its cluster, and the program that made it. Pure.

use selx_core::Finding;

use super::config::Config;
use super::facts::{Archive, Dump};

/// Compares what the newest archive says of its source with what the settings expect.
pub(super) fn compare(archive: &Archive, config: &Config) -> Vec<Finding> {
    let manifest = archive.manifest.as_ref();
    let of_dumps: Vec<&str> = archive.content.dumps.iter().filter_map(|dump| dump.database.as_deref()).collect();
    let database = match manifest.and_then(|manifest| manifest.database.as_ref()) {
        Some(database) => vec![database.as_str()],
        None => of_dumps,
    };
    let host: Vec<&str> = manifest.and_then(|manifest| manifest.host.as_deref()).into_iter().collect();
    let system: Vec<&str> = manifest.and_then(|manifest| manifest.system_identifier.as_deref()).into_iter().collect();
    [
        ("database", config.database.as_deref(), database),
        ("host", config.host.as_deref(), host),
        ("cluster", config.system_identifier.as_deref(), system),
    ]
    .into_iter()
    .filter_map(|(what, wanted, says)| {
        let wanted = wanted?;
        let path = &archive.path;
        if says.is_empty() {
            let message = format!("does not say which {what} it is of, and `{wanted}` is expected");
            Some(Finding::warning("source-not-told", path, message))
        } else if says.contains(&wanted) {
            None
        } else {
            let message = format!("is of the {what} `{}`, and `{wanted}` is expected", says.join("`, `"));
            Some(Finding::critical("wrong-source", path, message))
        }
    })
    .collect()
}

/// Says that a dump was made by a program that is older than the server, whose new objects it does not know.
pub(super) fn older_program(dump: &Dump) -> Option<String> {
    let major = |version: &str| {
        let mut numbers = version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse::<u32>().ok());
        let first = numbers.next()?;
        // Before 10, a version had two numbers.
        Some(if first < 10 { (first, numbers.next().unwrap_or(0)) } else { (first, 0) })
    };
    let (server, by) = (dump.server.as_deref()?, dump.by.as_deref()?);
    (major(by)? < major(server)?).then(|| format!("was made by version {by} from a server of version {server}"))
}
