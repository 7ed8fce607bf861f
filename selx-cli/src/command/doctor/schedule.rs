//! Who runs this regularly: cron, its folders, timers of systemd. And the scripts that look as if they ran and do not.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use selx_core::Host;

use super::Item;

const TOPIC: &str = "schedule";

/// Files and folders in which jobs of cron are lines.
const TABLES: [&str; 4] = ["/etc/crontab", "/etc/cron.d", "/var/spool/cron/crontabs", "/var/spool/cron"];

/// Folders whose scripts are run by `run-parts`.
const PARTS: [&str; 4] = ["/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly"];

/// Folders of timers.
const TIMERS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// Looks for jobs that run this program.
pub(super) fn items(host: &Host) -> Vec<Item> {
    let mut items = Vec::new();
    for table in TABLES {
        for (path, text) in files(host, table) {
            let job = text.lines().find(|line| line.contains("selx") && !line.trim_start().starts_with('#'));
            if let Some(job) = job {
                items.push(Item::ok(TOPIC, format!("{path}: {}", job.trim())));
            }
        }
    }
    for folder in PARTS {
        for (path, text) in files(host, folder) {
            if text.contains("selx") {
                items.push(part(&host.path(&path), &path));
            }
        }
    }
    for folder in TIMERS {
        for (path, text) in files(host, folder) {
            if path.ends_with(".timer") && (path.contains("selx") || text.contains("selx")) {
                items.push(Item::ok(TOPIC, path));
            }
        }
    }
    if items.is_empty() {
        items.push(Item::note(
            TOPIC,
            "no cron job and no timer runs it. A line for /etc/cron.d/selx: `30 2 * * * root selx run daily --quiet`",
        ));
    }
    items
}

/// Judges a script of a folder that `run-parts` runs: it passes over names with dots and files that are no programs.
fn part(file: &Path, shown: &str) -> Item {
    let name = shown.rsplit('/').next().unwrap_or_default();
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        return Item::missing(
            TOPIC,
            format!("{shown} never runs: run-parts passes over names with other than letters, digits, `-` and `_`"),
            "rename it, without an extension",
        );
    }
    let executable = file.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0);
    if !executable {
        return Item::missing(TOPIC, format!("{shown} never runs: it is not executable"), format!("chmod +x {shown}"));
    }
    Item::ok(TOPIC, shown.to_owned())
}

/// Reads a file, or the files of a folder, that can be read; path and text.
fn files(host: &Host, place: &str) -> Vec<(String, String)> {
    const MOST_FILES: usize = 1000;
    let path = host.path(place);
    if path.is_file() {
        return read(&path).map(|text| (place.to_owned(), text)).into_iter().collect();
    }
    let Ok(folder) = std::fs::read_dir(&path) else {
        return Vec::new();
    };
    let mut found: Vec<(String, String)> = folder
        .flatten()
        .take(MOST_FILES)
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((format!("{place}/{name}"), read(&entry.path())?))
        })
        .collect();
    found.sort();
    found
}

fn read(path: &Path) -> Option<String> {
    const MOST_BYTES: u64 = 64 * 1024;
    let meta = path.metadata().ok()?;
    if !meta.is_file() || meta.len() > MOST_BYTES {
        return None;
    }
    std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn jobs_are_found_and_scripts_that_never_run_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::below(folder.path());
        assert_eq!(items(&host).first().unwrap().state, State::Note);
        let put = |path: &str, text: &str, mode: u32| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        put("etc/cron.d/selx", "# selx\n30 2 * * * root selx run daily\n", 0o644);
        put("etc/cron.daily/selx.sh", "#!/bin/sh\nselx run daily\n", 0o755);
        put("etc/cron.weekly/selx", "#!/bin/sh\nselx run weekly\n", 0o644);
        put("etc/cron.monthly/selx", "#!/bin/sh\nselx run monthly\n", 0o755);
        put("etc/cron.daily/other", "#!/bin/sh\ntrue\n", 0o644);
        let found: Vec<(State, String)> = items(&host).into_iter().map(|item| (item.state, item.text)).collect();
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].1.contains("30 2 * * * root selx run daily"));
        assert!(found[1].0 == State::Missing && found[1].1.contains("selx.sh never runs"));
        assert!(found[2].0 == State::Missing && found[2].1.contains("not executable"));
        assert_eq!(found[3], (State::Ok, "/etc/cron.monthly/selx".into()));
    }
}
