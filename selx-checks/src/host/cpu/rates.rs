//! From two readings of counters to shares of the time between them. Pure.

use std::time::Duration;

use selx_core::{Judging, TimeSpan};

use super::{Container, Facts, Stat};

/// The shortest time between two looks that gives a share: a hundred ticks of the kernel.
const SHORTEST: Duration = Duration::from_secs(1);

/// What the processors did between two looks, as shares of the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rates {
    /// The time between the looks.
    pub(super) interval: Duration,
    /// Not idle: everything but `idle` and `iowait`.
    pub(super) busy: f64,
    /// Programs, those of low priority among them.
    pub(super) user: f64,
    /// The kernel and its interrupts.
    pub(super) system: f64,
    /// Idle while a task waited for a disk.
    pub(super) iowait: f64,
    /// Given to others by the hypervisor.
    pub(super) steal: f64,
}

/// What a container did between two looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ContainerRates {
    /// The share of its quota.
    pub(super) used: f64,
    /// The share of periods in which it was stopped; `None` if it had no work.
    pub(super) throttled: Option<f64>,
}

/// Takes the shares, or says why another look is needed.
pub(super) fn rates(facts: &Facts, cx: &Judging<Facts>) -> Result<Rates, String> {
    let interval = interval(cx)?;
    let previous = cx.previous.as_ref().ok_or("there is no earlier look")?;
    between(&previous.facts.stat, &facts.stat, interval)
}

fn interval(cx: &Judging<Facts>) -> Result<Duration, String> {
    if cx.previous.is_none() {
        return Err("a second look: there is no earlier one to count from".into());
    }
    let interval = cx.since_previous().ok_or("a second look: the machine was booted since the last one")?;
    if interval < SHORTEST {
        let length = TimeSpan::from(interval);
        return Err(format!("a second look: the last one was only {length} ago"));
    }
    Ok(interval)
}

fn between(old: &Stat, new: &Stat, interval: Duration) -> Result<Rates, String> {
    // These only grow. Idle time, waiting and stolen time are estimates, which may go back a little.
    let grows: fn(&Stat) -> [u64; 5] = |stat| [stat.user, stat.nice, stat.system, stat.irq, stat.softirq];
    if grows(old).iter().zip(grows(new)).any(|(old, new)| new < *old) {
        return Err("a second look: the counters of the kernel went back since the last one".into());
    }
    let share = |part: fn(&Stat) -> u64| part(new).saturating_sub(part(old)) as f64;
    let user = share(|stat| stat.user) + share(|stat| stat.nice);
    let system = share(|stat| stat.system) + share(|stat| stat.irq) + share(|stat| stat.softirq);
    let (idle, iowait, steal) = (share(|stat| stat.idle), share(|stat| stat.iowait), share(|stat| stat.steal));
    let total = user + system + idle + iowait + steal;
    if total < 1.0 {
        return Err("a second look: the counters of the kernel stand still".into());
    }
    Ok(Rates {
        interval,
        busy: (user + system + steal) / total,
        user: user / total,
        system: system / total,
        iowait: iowait / total,
        steal: steal / total,
    })
}

/// Takes the shares of the container, if there are two looks at the same one.
pub(super) fn container(facts: &Facts, cx: &Judging<Facts>) -> Option<(Duration, ContainerRates)> {
    let interval = interval(cx).ok()?;
    let old: &Container = cx.previous.as_ref()?.facts.container.as_ref()?;
    let new = facts.container.as_ref()?;
    // Another container began in between if its counters went back.
    let usage = new.usage.checked_sub(old.usage)?;
    let periods = new.periods.checked_sub(old.periods)?;
    let throttled = new.throttled.checked_sub(old.throttled)?;
    let quota = new.cores * interval.as_secs_f64() * 1e6;
    if quota.is_nan() || quota <= 0.0 {
        return None;
    }
    let throttled = (periods > 0).then(|| throttled.min(periods) as f64 / periods as f64);
    Some((interval, ContainerRates { used: usage as f64 / quota, throttled }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stat(user: u64, idle: u64, iowait: u64) -> Stat {
        Stat { user, idle, iowait, cores: 1, ..Stat::default() }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn shares_are_of_the_time_between() {
        let rates = between(&stat(1_000, 9_000, 0), &stat(4_000, 12_000, 0), MINUTE).unwrap();
        assert_eq!((rates.busy, rates.user, rates.iowait), (0.5, 0.5, 0.0));
    }

    #[test]
    fn waiting_that_goes_back_counts_as_none() {
        let rates = between(&stat(0, 100, 500), &stat(50, 150, 400), MINUTE).unwrap();
        assert_eq!((rates.busy, rates.iowait), (0.5, 0.0));
    }

    #[test]
    fn counters_that_begin_again_give_nothing() {
        assert!(between(&stat(100, 1, 1), &stat(5, 500, 1), MINUTE).unwrap_err().contains("went back"));
        assert!(between(&stat(1, 1, 1), &stat(1, 1, 1), MINUTE).unwrap_err().contains("stand still"));
    }

    #[test]
    fn a_core_that_is_switched_on_does_not_bend_the_share() {
        let mut more = stat(300, 300, 0);
        more.cores = 8;
        assert_eq!(between(&stat(0, 0, 0), &more, MINUTE).unwrap().busy, 0.5);
    }

    proptest! {
        #[test]
        fn shares_are_shares(old in any::<[u64; 8]>(), new in any::<[u64; 8]>()) {
            let stat = |[user, nice, system, idle, iowait, irq, softirq, steal]: [u64; 8]| {
                Stat { user, nice, system, idle, iowait, irq, softirq, steal, cores: 1 }
            };
            if let Ok(rates) = between(&stat(old), &stat(new), MINUTE) {
                for share in [rates.busy, rates.user, rates.system, rates.iowait, rates.steal] {
                    prop_assert!((0.0..=1.000_001).contains(&share), "{}", share);
                }
            }
        }
    }
}
