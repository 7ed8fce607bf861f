//! What changed since the last look.

use std::time::Duration;

use selx_core::Judging;

use super::{Facts, Slow};
use crate::redis::info::Info;

/// What became of the server since the last look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Since {
    /// There was no look before.
    First,
    /// It ran all the time.
    Ran(Duration),
    /// It was started anew, so long ago: its counters count from there.
    Restarted(Duration),
    /// It is another server, which ran already at the last look: what it counted before is not of the time between.
    Another,
    /// Its counters went back without a restart: nothing is known about the time between.
    Reset,
}

/// By how much the time since a start may be longer than the time since the last look, which was before it.
const SLACK: Duration = Duration::from_secs(5);

impl Since {
    /// Finds out what became of it.
    pub(super) fn of(facts: &Facts, cx: &Judging<Facts>) -> Self {
        let (Some(now), Some(before)) = (&facts.info, cx.previous.as_ref().and_then(|look| look.facts.info.as_ref()))
        else {
            return Self::First;
        };
        if let (Some(one), Some(other)) = (now.text("run_id"), before.text("run_id"))
            && one != other
        {
            return match (now.count("uptime_in_seconds").map(Duration::from_secs), cx.since_previous()) {
                (Some(up), Some(interval)) if up > interval.saturating_add(SLACK) => Self::Another,
                (Some(up), _) => Self::Restarted(up),
                (None, _) => Self::Reset,
            };
        }
        let back = COUNTERS.iter().any(|name| match (now.count(name), before.count(name)) {
            (Some(now), Some(before)) => now < before,
            _ => false,
        });
        match cx.since_previous() {
            Some(interval) if !back => Self::Ran(interval),
            _ => Self::Reset,
        }
    }
}

/// Numbers that only grow while a server runs.
const COUNTERS: &[&str] = &["keyspace_hits", "keyspace_misses", "evicted_keys", "expired_keys", "rejected_connections"];

/// What was counted since the last look, and in which time.
pub(super) struct Change<'a> {
    now: &'a Info,
    before: Option<&'a Info>,
    /// The time in which it was counted.
    pub(super) interval: Duration,
}

impl<'a> Change<'a> {
    /// Returns what can be told; nothing at a first look, after a reset and of another server.
    pub(super) fn of(facts: &'a Facts, cx: &'a Judging<Facts>) -> Option<Self> {
        let now = facts.info.as_ref()?;
        match Since::of(facts, cx) {
            Since::First | Since::Another | Since::Reset => None,
            Since::Restarted(interval) => Some(Self { now, before: None, interval }),
            Since::Ran(interval) => {
                let before = cx.previous.as_ref()?.facts.info.as_ref();
                Some(Self { now, before, interval })
            }
        }
    }

    /// Returns how much a counter grew.
    pub(super) fn grew(&self, name: &str) -> Option<u64> {
        let now = self.now.count(name)?;
        match self.before {
            None => Some(now),
            Some(before) => now.checked_sub(before.count(name)?),
        }
    }

    /// Returns hits and lookups.
    pub(super) fn lookups(&self) -> Option<(u64, u64)> {
        let (hits, misses) = (self.grew("keyspace_hits")?, self.grew("keyspace_misses")?);
        Some((hits, hits.checked_add(misses)?))
    }
}

/// Returns how many commands came into the slow log, and the slowest of those that are still there.
pub(super) fn slow<'a>(facts: &'a Facts, cx: &Judging<Facts>) -> Option<(u64, Option<&'a Slow>)> {
    let entries = facts.slow.as_ref()?;
    let newest = entries.iter().map(|entry| entry.id).max();
    let known = match Since::of(facts, cx) {
        Since::First | Since::Another => return None,
        Since::Restarted(_) => None,
        // Somebody may have emptied the log in between; the numbers go on.
        Since::Ran(_) | Since::Reset => {
            let before = cx.previous.as_ref()?.facts.slow.as_ref()?;
            before.iter().map(|entry| entry.id).max()
        }
    };
    let first_new = known.map_or(0, |known| known.saturating_add(1));
    let new = match (known, Since::of(facts, cx)) {
        // The log was empty: what is in it now is new, whatever its numbers are.
        (None, Since::Ran(_) | Since::Reset) => entries.len() as u64,
        _ => newest.map_or(0, |newest| newest.saturating_add(1).saturating_sub(first_new)),
    };
    let slowest = entries.iter().filter(|entry| entry.id >= first_new).max_by_key(|entry| entry.micros);
    Some((new, slowest))
}
