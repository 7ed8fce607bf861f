//! The clock: expiry, age and schedules are only as right as it is.

use std::time::Duration;

use jiff::Timestamp;
use selx_core::{Clock as _, Host, SystemClock};

use super::Item;

const TOPIC: &str = "clock";

/// Programs that keep the clock, by the name of their process.
const KEEPERS: [&str; 5] = ["chronyd", "ntpd", "systemd-timesyn", "openntpd", "ptp4l"];

/// Looks at the clock and at who keeps it.
pub(super) fn items(host: &Host) -> Vec<Item> {
    let now = SystemClock.now();
    let mut items = vec![keeper(host)];
    items.extend(installed().and_then(|installed| behind(now, installed)));
    items
}

/// Says whether the clock is known to be synchronised.
fn keeper(host: &Host) -> Item {
    if host.path("/run/systemd/timesync/synchronized").exists() {
        return Item::ok(TOPIC, "synchronised (systemd-timesyncd)");
    }
    match running(host) {
        Some(name) => Item::ok(TOPIC, format!("`{name}` keeps it; ask it whether it is synchronised")),
        None if in_container(host) => Item::note(TOPIC, "it is the clock of the host that this container runs on"),
        None => Item::missing(
            TOPIC,
            "nobody is known to synchronise it",
            "install chrony or enable systemd-timesyncd; certificates and ages are judged by this clock",
        ),
    }
}

fn running(host: &Host) -> Option<String> {
    let processes = std::fs::read_dir(&host.proc).ok()?;
    processes.flatten().find_map(|process| {
        let is_process = process.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
        let name = is_process.then(|| std::fs::read_to_string(process.path().join("comm")).ok())??;
        let name = name.trim();
        KEEPERS.contains(&name).then(|| name.to_owned())
    })
}

fn in_container(host: &Host) -> bool {
    host.path("/.dockerenv").exists() || host.path("/run/.containerenv").exists()
}

/// Returns when this program was put where it is.
fn installed() -> Option<Timestamp> {
    let program = std::env::current_exe().ok()?;
    Timestamp::try_from(program.metadata().ok()?.modified().ok()?).ok()
}

fn behind(now: Timestamp, installed: Timestamp) -> Option<Item> {
    // File systems round, and a package may come from a clock that is a little ahead.
    (now + Duration::from_secs(86_400) < installed).then(|| {
        Item::missing(
            TOPIC,
            format!("it shows {now}, which is before this program was made ({installed})"),
            "set the clock: certificates would look as if they were not valid yet",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn who_keeps_the_clock_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::below(folder.path());
        assert_eq!(keeper(&host).state, State::Missing);
        let chrony = folder.path().join("proc/712");
        std::fs::create_dir_all(&chrony).unwrap();
        std::fs::write(chrony.join("comm"), "chronyd\n").unwrap();
        assert!(keeper(&host).text.contains("chronyd"));
        let timesync = folder.path().join("run/systemd/timesync");
        std::fs::create_dir_all(&timesync).unwrap();
        std::fs::write(timesync.join("synchronized"), "").unwrap();
        assert!(keeper(&host).text.contains("synchronised"));
    }

    #[test]
    fn a_clock_before_the_program_is_wrong() {
        let made: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        assert!(behind(made, made).is_none());
        assert!(behind("1970-01-01T00:00:10Z".parse().unwrap(), made).is_some());
    }
}
