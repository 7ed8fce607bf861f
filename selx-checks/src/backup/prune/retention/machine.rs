//! Retention as a machine that runs for years: backups are made, fail, rot and are faked, clocks jump, runs die half way, and
//! whatever comes after what, the newest good backup and the floors stand.
//!
//! `SELX_STEPS=10000000 cargo test -p selx-checks retention::machine` takes as many steps.

use super::*;

/// A source of chance that is the same for the same seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

#[derive(Clone, Debug)]
struct Backup {
    at: Timestamp,
    good: bool,
}

struct World {
    chance: Chance,
    now: Timestamp,
    backups: Vec<Backup>,
    rules: Rules,
    pruned: u64,
    refused: u64,
    gone: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let rules = Rules {
            last: 1 + chance.next(4) as u32,
            within: SignedDuration::from_hours(1 + chance.next(400) as i64),
            daily: chance.next(10) as u32,
            weekly: chance.next(6) as u32,
            monthly: chance.next(14) as u32,
            yearly: chance.next(4) as u32,
            newest_within: SignedDuration::from_hours(24 + chance.next(48) as i64),
        };
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        Self { chance, now, backups: Vec::new(), rules, pruned: 0, refused: 0, gone: 0 }
    }

    fn step(&mut self) {
        match self.chance.next(100) {
            0..40 => {
                let minutes = self.chance.next(30 * 60) as i64;
                self.now += SignedDuration::from_mins(minutes);
            }
            40..70 => {
                let good = self.chance.next(100) < 85;
                self.backups.push(Backup { at: self.now, good });
            }
            // Somebody writes many that are worth nothing, with any date.
            70..73 => {
                for _ in 0..self.chance.next(20) {
                    let hours = self.chance.next(400) as i64 - 380;
                    self.backups.push(Backup { at: self.now + SignedDuration::from_hours(hours), good: false });
                }
            }
            73..76 => {
                let count = self.backups.len() as u64;
                if count > 0 {
                    let which = self.chance.next(count) as usize;
                    self.backups[which].good = false;
                }
            }
            // A person takes the fakes and the broken ones away now and then; nobody could make good ones otherwise.
            76..79 => self.backups.retain(|backup| backup.good),
            79..97 => self.prune(self.now),
            // The clock is wrong for one run.
            _ => {
                let hours = self.chance.next(200_000) as i64 - 100_000;
                self.prune(self.now + SignedDuration::from_hours(hours));
            }
        }
        // No test of a lifetime.
        if self.now.as_second() > 4_000_000_000 {
            self.now = "2026-01-01T00:00:00Z".parse().unwrap();
            self.backups.clear();
        }
    }

    fn prune(&mut self, clock: Timestamp) {
        let before = self.backups.clone();
        let times: Vec<Timestamp> = before.iter().map(|backup| backup.at).collect();
        let mut asked = HashSet::new();
        let decision = decide(&times, &self.rules, clock, &mut |index| {
            assert!(asked.insert(index), "each is read once");
            Ok(if before[index].good { Proof::Good } else { Proof::Bad("broken".to_owned()) })
        });
        let decision = decision.unwrap();
        self.pruned += 1;
        self.refused += u64::from(!decision.refused.is_empty());
        assert!(decision.refused.is_empty() || decision.go.is_empty());
        assert!(decision.go.iter().all(|index| !decision.kept.contains_key(index)));
        // The run may die anywhere: any part of them is gone, not only the first.
        let all = self.chance.next(2) == 0;
        let going: HashSet<usize> = decision.go.iter().copied().filter(|_| all || self.chance.next(3) > 0).collect();
        self.gone += going.len() as u64;
        let after: Vec<Backup> =
            before.iter().enumerate().filter(|(index, _)| !going.contains(index)).map(|(_, one)| one.clone()).collect();
        self.holds(&before, &after, &decision, clock, all);
        self.backups = after;
    }

    fn holds(&self, before: &[Backup], after: &[Backup], decision: &Decision, clock: Timestamp, all: bool) {
        let good = |of: &[Backup]| -> Vec<Timestamp> {
            let mut times: Vec<_> = of.iter().filter(|one| one.good).map(|one| one.at).collect();
            times.sort_unstable();
            times.reverse();
            times
        };
        let (was, is) = (good(before), good(after));
        assert_eq!(was.first(), is.first(), "the newest good one is gone");
        let floor = was.len().min(self.rules.last as usize);
        assert!(is.len() >= floor && was[..floor] == is[..floor], "{} of the newest {floor} are there", is.len());
        let young = |of: &[Backup]| of.iter().filter(|one| clock.duration_since(one.at) <= self.rules.within).count();
        assert_eq!(young(before), young(after), "a young one is gone");
        let newest = before.iter().map(|one| one.at).max();
        let newest_is_good = before.iter().any(|one| Some(one.at) == newest && one.good);
        if !newest_is_good {
            assert_eq!(before.len(), after.len(), "one went while the newest was not good");
        }
        self.periods(&was, &is, self.rules.daily, day);
        self.periods(&was, &is, self.rules.weekly, week);
        self.periods(&was, &is, self.rules.monthly, month);
        self.periods(&was, &is, self.rules.yearly, year);
        // It does what it is for: what no rule keeps is gone.
        if all && decision.refused.is_empty() && !before.is_empty() {
            let Rules { last, daily, weekly, monthly, yearly, .. } = self.rules;
            let most = (last + daily + weekly + monthly + yearly) as usize + young(after);
            let left = is.len();
            assert!(left <= most, "{left} are left of {}, and the rules keep {most} at most", was.len());
        }
    }

    /// Of the newest periods that had a good one, each still has its newest.
    fn periods<K: std::hash::Hash + Eq>(&self, was: &[Timestamp], is: &[Timestamp], most: u32, key: fn(Date) -> K) {
        let newest = |of: &[Timestamp]| {
            let mut met = HashSet::new();
            let of: Vec<Timestamp> = of
                .iter()
                .copied()
                .filter(|at| met.insert(key(Offset::UTC.to_datetime(*at).date())))
                .take(most as usize)
                .collect();
            of
        };
        let is: HashSet<Timestamp> = is.iter().copied().collect();
        assert!(newest(was).iter().all(|at| is.contains(at)), "the newest of a period is gone");
    }
}

#[test]
fn j20_j21_whatever_happens_the_newest_good_backup_and_the_floors_stand() {
    let steps: u64 = std::env::var("SELX_STEPS").ok().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let (mut taken, mut seed, mut pruned, mut refused, mut gone) = (0, 1, 0, 0, 0);
    while taken < steps {
        let mut world = World::new(seed);
        for _ in 0..2_000.min(steps - taken) {
            world.step();
            taken += 1;
        }
        pruned += world.pruned;
        refused += world.refused;
        gone += world.gone;
        seed += 1;
    }
    println!("{taken} steps, {pruned} prunings, {refused} refused, {gone} backups gone");
    assert!(gone > steps / 50 && refused > 0 && refused < pruned, "{pruned} {refused} {gone}");
}

fn times(texts: &[&str]) -> Vec<Timestamp> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

const RULES: Rules = Rules {
    last: 2,
    within: SignedDuration::from_hours(24),
    daily: 0,
    weekly: 0,
    monthly: 0,
    yearly: 0,
    newest_within: SignedDuration::from_hours(48),
};

#[test]
fn where_nothing_would_go_nothing_is_read() {
    let times = times(&["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"]);
    let now = "2026-03-02T01:00:00Z".parse().unwrap();
    let decision = decide(&times, &RULES, now, &mut |_| panic!("it is read")).unwrap();
    assert_eq!((decision.go.len(), decision.kept.len()), (0, 2));
}

#[test]
fn what_is_not_good_counts_for_no_rule_and_stays() {
    let times =
        times(&["2026-03-05T00:00:00Z", "2026-03-04T00:00:00Z", "2026-03-03T00:00:00Z", "2026-03-02T00:00:00Z"]);
    let now = "2026-03-05T01:00:00Z".parse().unwrap();
    let decision = decide(&times, &RULES, now, &mut |index| {
        Ok(if index == 1 { Proof::Bad("cut short".to_owned()) } else { Proof::Good })
    });
    let decision = decision.unwrap();
    assert_eq!(decision.go, [3]);
    assert!(decision.kept[&1].contains("young") || decision.kept[&1].contains("cut short"), "{decision:?}");
    assert!(decision.kept[&2].contains("keep-last"), "{decision:?}");
}

#[test]
fn nothing_goes_where_no_good_backup_is_made_any_more() {
    let old = times(&["2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"]);
    let at = |now: &str, good: bool| {
        let proof = || if good { Proof::Good } else { Proof::Bad("it ends early".to_owned()) };
        let decision = decide(&old, &RULES, now.parse().unwrap(), &mut |_| Ok(proof())).unwrap();
        assert!(decision.go.is_empty() || decision.refused.is_empty());
        decision.refused.first().map(|refused| refused.why.clone()).unwrap_or_default()
    };
    assert_eq!(at("2026-03-01T01:00:00Z", true), "");
    assert!(at("2026-03-09T05:00:00Z", true).contains("the newest backup is 8d5h old, and `newest-within` is 2d"));
    assert!(at("2026-02-20T00:00:00Z", true).contains("ahead of the clock"));
    assert!(at("2026-03-01T01:00:00Z", false).contains("the newest backup is not good: it ends early"));
}
