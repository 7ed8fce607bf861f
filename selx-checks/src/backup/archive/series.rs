//! Which archives follow each other, by their names and times. Pure.
//!
//! Two things that are kept under names with a number each, such as tenants, look like two archives of one thing, and one
//! of them can die while the other goes on: as one series they would be fine. So a date is taken out of a name, and any
//! other number only where it can be nothing but a counter. Where that is not clear, there are two series: the older one
//! is told as old, and whoever knows better names the series.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::dated;
use super::inspect::SAME;
use super::name::{ending, parts};

/// How many numbers of a name are looked at.
const MOST_NUMBERS: usize = 8;
/// What was written within half a day of each other was made by one run, or by the runs of one night.
const TOGETHER: f64 = 12.0 * 3600.0;
/// From how many archives on numbers that go up with the time are a count.
const COUNT: usize = 3;

/// A name, when the archive was made as far as is known without a look into it, and whether it is finished.
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) at: Timestamp,
    pub(super) finished: bool,
}

/// Returns the series of each name: the name, with a star for what changes from archive to archive.
pub(super) fn series(all: &[Named]) -> Vec<String> {
    let mut groups: BTreeMap<String, Vec<Member>> = BTreeMap::new();
    for (index, named) in all.iter().enumerate() {
        let skeleton = Skeleton::of(named.name);
        groups.entry(skeleton.key()).or_default().push(Member {
            index,
            skeleton,
            at: named.at,
            finished: named.finished,
        });
    }
    let mut found = vec![String::new(); all.len()];
    for members in groups.into_values() {
        settle(members, false, &mut found);
    }
    found
}

/// Returns what the names of all that looks alike have in common: a star for each number, day and month.
pub(super) fn family(name: &str) -> String {
    let ending = ending(name).unwrap_or_default();
    let (stem, ending) = name.split_at(name.len() - ending.len());
    let mut pattern = String::new();
    for part in parts(stem) {
        if !dated::is_digits(part) && !dated::is_word(part) {
            pattern.push_str(part);
        } else if !pattern.ends_with('*') {
            pattern.push('*');
        }
    }
    while let Some(joined) = between(&pattern) {
        pattern = joined;
    }
    pattern + ending
}

/// Takes one short separator between two stars out.
fn between(pattern: &str) -> Option<String> {
    for separator in ["-", "_", ".", ":", "T", "t", "h", "--", "_-_", "Z", "z"] {
        let joined = pattern.replacen(&format!("*{separator}*"), "*", 1);
        if joined != pattern {
            return Some(joined);
        }
    }
    None
}

/// A part of a name.
enum Part<'a> {
    Text(&'a str),
    /// A date, a time, or both.
    When,
    /// A number that stands by itself: `003`, or a version such as `16.5.1`.
    Number(String),
}

/// A name in its parts.
struct Skeleton<'a> {
    parts: Vec<Part<'a>>,
    ending: &'a str,
}

struct Member<'a> {
    index: usize,
    skeleton: Skeleton<'a>,
    at: Timestamp,
    finished: bool,
}

impl<'a> Skeleton<'a> {
    fn of(name: &'a str) -> Self {
        let ending = ending(name).unwrap_or_default();
        let (stem, ending) = name.split_at(name.len() - ending.len());
        let tokens = parts(stem);
        let (mut found, mut at, mut numbers) = (Vec::new(), 0, 0);
        while let Some(token) = tokens.get(at) {
            let of_date = dated::length(&tokens, at);
            if of_date > 0 {
                push_date(&mut found);
                at += of_date;
                continue;
            }
            let of_number = if numbers < MOST_NUMBERS { number_length(&tokens, at) } else { 0 };
            if of_number > 0 {
                found.push(Part::Number(tokens.get(at..at + of_number).unwrap_or_default().concat()));
                (at, numbers) = (at + of_number, numbers + 1);
                continue;
            }
            found.push(Part::Text(token));
            at += 1;
        }
        Self { parts: found, ending }
    }

    /// Returns what is the same for all that may be one series.
    fn key(&self) -> String {
        // No name has these bytes, so that nothing else looks like a number.
        self.text(|number| if number.contains('.') { "\0.\0".to_owned() } else { "\0".to_owned() })
    }

    fn text(&self, mut number: impl FnMut(&str) -> String) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => (*text).to_owned(),
            Part::When => "*".to_owned(),
            Part::Number(digits) => number(digits),
        });
        parts.collect::<String>() + self.ending
    }

    fn numbers(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| if let Part::Number(digits) = part { Some(&**digits) } else { None })
    }

    fn is_dated(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::When))
    }

    fn ends_in_number(&self) -> bool {
        matches!(self.parts.last(), Some(Part::Number(_)))
    }
}

/// Adds a date, and takes what stands between it and one before it out.
fn push_date(parts: &mut Vec<Part>) {
    if let [.., Part::When, Part::Text(text)] = parts.as_slice()
        && dated::is_gap(text)
    {
        parts.pop();
    }
    if !matches!(parts.last(), Some(Part::When)) {
        parts.push(Part::When);
    }
}

/// Returns how many tokens are a number that stands by itself, or a version; `tenant1` and `pg15` are names.
fn number_length(tokens: &[&str], at: usize) -> usize {
    let token = |at: usize| tokens.get(at).copied().unwrap_or_default();
    let before = |back: usize| at.checked_sub(back).map(token).unwrap_or_default();
    let is_of_version =
        before(1).eq_ignore_ascii_case("v") && !dated::is_letters(before(2)) && !dated::is_digits(before(2));
    if !dated::is_digits(token(at)) || (dated::is_letters(before(1)) && !is_of_version) {
        return 0;
    }
    let mut length = 1;
    while token(at + length) == "."
        && dated::is_digits(token(at + length + 1))
        && dated::length(tokens, at + length + 1) == 0
    {
        length += 2;
    }
    if dated::is_letters(token(at + length)) { 0 } else { length }
}

/// Decides which numbers of names that are otherwise the same are counters, and divides them by those that are not; these
/// may be a part of what was divided already.
fn settle(members: Vec<Member>, is_part: bool, found: &mut [String]) {
    let count = members.first().map_or(0, |member| member.skeleton.numbers().count());
    let mut stars = vec![false; count];
    let mut dividing: Option<(usize, usize)> = None;
    for (slot, star) in stars.iter_mut().enumerate() {
        let values = || members.iter().map(|member| value(member, slot));
        let mut distinct: Vec<_> = values().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let is_counter = goes_on(&members, slot, count);
        // The first archive of a counter is named as the next ones will be.
        let is_first = !is_part && members.iter().all(|member| !member.skeleton.is_dated());
        *star = is_counter && (distinct.len() > 1 || is_first);
        // The number with the fewest values is the name of something, if any is.
        if distinct.len() > 1 && !is_counter && dividing.is_none_or(|(_, fewest)| distinct.len() < fewest) {
            dividing = Some((slot, distinct.len()));
        }
    }
    let Some((slot, _)) = dividing else {
        for member in &members {
            let mut stars = stars.iter();
            let star = |digits: &str| if stars.next() == Some(&true) { "*".to_owned() } else { digits.to_owned() };
            if let Some(found) = found.get_mut(member.index) {
                *found = member.skeleton.text(star);
            }
        }
        return;
    };
    let mut divided: BTreeMap<String, Vec<Member>> = BTreeMap::new();
    for member in members {
        let digits = member.skeleton.numbers().nth(slot).unwrap_or_default().to_owned();
        divided.entry(digits).or_default().push(member);
    }
    for members in divided.into_values() {
        settle(members, true, found);
    }
}

/// Returns a number of a name so that it compares by what it counts, however many zeros stand before it.
fn value<'a>(member: &'a Member, slot: usize) -> Vec<(usize, &'a str)> {
    let digits = member.skeleton.numbers().nth(slot).unwrap_or_default();
    digits.split('.').map(|part| part.trim_start_matches('0')).map(|part| (part.len(), part)).collect()
}

/// Tells whether a number of names that are otherwise the same counts archives of one thing.
fn goes_on(members: &[Member], slot: usize, count: usize) -> bool {
    let is_any_finished = members.iter().any(|member| member.finished);
    let counting = members.iter().filter(|member| member.finished || !is_any_finished);
    let mut pairs: Vec<_> = counting.map(|member| (member.at, value(member, slot))).collect();
    pairs.sort_unstable();
    let Some(first) = members.first() else { return false };
    if !first.skeleton.is_dated() {
        // Such as `backup.1`: the names say no more than that, so that the times of the files have to.
        return slot + 1 == count && first.skeleton.ends_in_number() && is_spread(&pairs);
    }
    let steps = || pairs.iter().zip(pairs.iter().skip(1));
    if pairs.iter().all(|(_, value)| value.len() > 1) {
        // The version of the program that makes them goes up, and then stays.
        return steps().all(|((before, old), (at, new))| old == new || (before < at && old < new));
    }
    // The number of a run: another one each time, up or down with the date.
    let goes_up = || steps().all(|((before, old), (at, new))| before < at && old < new);
    let goes_down = || steps().all(|((before, old), (at, new))| before < at && old > new);
    pairs.len() >= COUNT && (goes_up() || goes_down()) && is_spread(&pairs)
}

/// Tells whether archives were made one after the other, and not most of them together while others were left behind, as
/// those of several things are of which one died.
fn is_spread<T>(pairs: &[(Timestamp, T)]) -> bool {
    let steps = pairs.iter().zip(pairs.iter().skip(1));
    let mut gaps: Vec<f64> = steps.map(|((before, _), (at, _))| at.duration_since(*before).as_secs_f64()).collect();
    gaps.sort_unstable_by(f64::total_cmp);
    let (Some(middle), Some(longest)) = (gaps.get(gaps.len().saturating_sub(1) / 2), gaps.last()) else { return true };
    // Of two, nobody can say whether they follow each other; within a day it makes no difference.
    *longest <= SAME || (gaps.len() > 1 && *middle >= TOGETHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The series of names, each with the hours that it is old.
    fn of(names: &[(&str, i64)]) -> Vec<String> {
        let now = Timestamp::from_second(1_795_680_000).unwrap();
        let named = names.iter().map(|(name, hours)| Named {
            name,
            at: now - jiff::SignedDuration::from_hours(*hours),
            finished: true,
        });
        series(&named.collect::<Vec<_>>())
    }

    fn one(name: &str) -> String {
        of(&[(name, 0)]).remove(0)
    }

    #[test]
    fn names_of_one_series_become_one_pattern() {
        for (name, pattern) in [
            ("selextract_20261126_020001.tar.gz", "selextract_*.tar.gz"),
            ("selextract_20251231_235959.tar.gz", "selextract_*.tar.gz"),
            ("db-2026-11-26T02:00:01Z.sql.zst", "db-*Z.sql.zst"),
            ("pre_system_update_1795401000.tar.gz", "pre_system_update_*.tar.gz"),
            ("Mon.tar.gz", "*.tar.gz"),
            ("backup-monday.dump", "backup-*.dump"),
            ("money.tar.bz2", "money.tar.bz2"),
            ("26-Nov-2026.tgz", "*.tgz"),
            ("Thu_26-Nov-2026_02h00.tgz", "*.tgz"),
            // A number in a word is a name, and one in the middle may be.
            ("pg15-main.sql", "pg15-main.sql"),
            ("tenant1_2026-11-20.sql.gz", "tenant1_*.sql.gz"),
            ("db_pg14_20261120.sql.gz", "db_pg14_*.sql.gz"),
            ("vzdump-qemu-100-2026_11_26-02_00_00.tar.zst", "vzdump-qemu-100-*.tar.zst"),
            ("tenant_1_full.sql", "tenant_1_full.sql"),
            ("backup-003.tar.gz", "backup-*.tar.gz"),
            ("backup.1", "backup.*"),
            ("backup1.tar.gz", "backup1.tar.gz"),
        ] {
            assert_eq!(one(name), pattern, "{name}");
        }
        assert_eq!(family("tenant1_2026-11-20_02h00.sql.gz"), "tenant*.sql.gz");
    }

    #[test]
    fn a_number_is_a_counter_only_where_it_can_be_nothing_else() {
        let rows: &[(&[(&str, i64)], usize)] = &[
            // Things that are dumped each night.
            (
                &[("t_1_20261125.sql", 24), ("t_2_20261125.sql", 24), ("t_1_20261126.sql", 0), ("t_2_20261126.sql", 0)],
                2,
            ),
            // One of them died, and what is left of it is older than all others.
            (
                &[
                    ("t_2_20261101.sql", 600),
                    ("t_1_20261124.sql", 48),
                    ("t_1_20261125.sql", 24),
                    ("t_1_20261126.sql", 0),
                ],
                2,
            ),
            (&[("t_1_20261101.sql", 600), ("t_2_20261126.sql", 0)], 2),
            // Machines, by turns.
            (&[("vm-100-20261123.tar", 72), ("vm-101-20261124.tar", 48), ("vm-100-20261125.tar", 24)], 2),
            // One archive each, the oldest of the first that died.
            (&[("vm-1-20261101_0100.tar", 600), ("vm-2-20261126_0200.tar", 2), ("vm-3-20261126_0300.tar", 1)], 3),
            // Runs that are counted.
            (&[("n_17_20261124.tar", 48), ("n_18_20261125.tar", 24), ("n_19_20261126.tar", 0)], 1),
            (&[("n_9_20261124.tar", 48), ("n_10_20261125.tar", 24), ("n_11_20261126.tar", 0)], 1),
            // Versions of a program.
            (
                &[
                    ("20261124_16.5.1_gitlab.tar", 48),
                    ("20261125_16.5.1_gitlab.tar", 24),
                    ("20261126_16.10.0_gitlab.tar", 0),
                ],
                1,
            ),
            (&[("pg-15.4-20261125.tar", 24), ("pg-14.9-20261125.tar", 24), ("pg-15.4-20261126.tar", 0)], 2),
            // Counters at the end, without a date.
            (&[("b.1", 0), ("b.2", 24), ("b.3", 48), ("b.4", 72)], 1),
            (&[("b-1.tar", 0), ("b-2.tar", 24)], 1),
            (&[("b-1.tar", 0), ("b-2.tar", 168), ("b-3.tar", 336)], 1),
            // An extra run does not divide them.
            (&[("b.1", 0), ("b.2", 1), ("b.3", 24), ("b.4", 48), ("b.5", 72)], 1),
            // Things of one night, of which one died.
            (&[("t-1.sql", 2), ("t-2.sql", 120), ("t-3.sql", 1)], 3),
            (&[("t-1.sql", 2), ("t-2.sql", 120)], 2),
            (&[("t-1.sql", 2), ("t-2.sql", 1), ("t-3.sql", 1)], 1),
            // In the middle of a name without a date nothing tells.
            (&[("t_1_x.sql", 2), ("t_2_x.sql", 1)], 2),
            // A counter of each of several things.
            (
                &[
                    ("t_1_n_5_20261124.tar", 48),
                    ("t_2_n_5_20261124.tar", 48),
                    ("t_1_n_6_20261125.tar", 24),
                    ("t_2_n_6_20261125.tar", 24),
                    ("t_1_n_7_20261126.tar", 0),
                    ("t_2_n_7_20261126.tar", 0),
                ],
                2,
            ),
        ];
        for (names, expected) in rows {
            let mut found = of(names);
            found.sort_unstable();
            found.dedup();
            assert_eq!(found.len(), *expected, "{names:?}: {found:?}");
        }
    }
}
