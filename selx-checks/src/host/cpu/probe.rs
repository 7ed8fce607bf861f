//! Reads what the kernel tells of its processors.

use selx_core::{Context, ErrorKind, Result};

use super::{Container, Facts, Stat};
use crate::host::{cgroup, malformed, pressure, read_needed};

/// Looks.
pub(super) fn look(cx: &Context) -> Result<Facts> {
    let stat = parse_stat(&read_needed(cx, "stat")?).map_err(|why| malformed("stat", why))?;
    let load = match cx.host().read_proc("loadavg") {
        Ok(text) => match parse_loadavg(&text) {
            Some(load) => Some(load),
            None => {
                cx.fault(malformed("loadavg", "it does not begin with three numbers"));
                None
            }
        },
        Err(error) if error.kind() == ErrorKind::Missing => None,
        Err(error) => {
            cx.fault(error);
            None
        }
    };
    Ok(Facts { stat, load, pressure: pressure::read(cx, "cpu"), container: container(cx) })
}

fn container(cx: &Context) -> Option<Container> {
    let cores = cgroup::parse_cpu_max(&cgroup::read(cx, "cpu.max")?)?;
    let stat = cgroup::read(cx, "cpu.stat")?;
    let field = |name| cgroup::field(&stat, name);
    Some(Container {
        cores,
        usage: field("usage_usec")?,
        periods: field("nr_periods")?,
        throttled: field("nr_throttled")?,
    })
}

/// Reads the text of `/proc/stat`. Pure; any text will do.
///
/// The time of guests is told twice by the kernel, within `user` and `nice` and by itself; it is counted once.
///
/// # Errors
///
/// What is missing or wrong, as a phrase.
pub fn parse_stat(text: &str) -> Result<Stat, String> {
    let total =
        text.lines().find_map(|line| line.strip_prefix("cpu ")).ok_or("the line `cpu`, the sum of all, is missing")?;
    let mut numbers = total
        .split_whitespace()
        .take(8)
        .map(|number| number.parse::<u64>().map_err(|_| "a counter in the line `cpu` is not a number".to_owned()));
    let mut needed =
        |name: &str| numbers.next().ok_or_else(|| format!("the counter `{name}` in the line `cpu` is missing"))?;
    let (user, nice, system, idle) = (needed("user")?, needed("nice")?, needed("system")?, needed("idle")?);
    // Old kernels tell fewer.
    let mut more = || numbers.next().unwrap_or(Ok(0));
    let (iowait, irq, softirq, steal) = (more()?, more()?, more()?, more()?);
    let cores = text.lines().filter(|line| is_core(line)).count();
    // A sandbox may leave the single ones out.
    let cores = u32::try_from(cores.max(1)).unwrap_or(u32::MAX);
    Ok(Stat { user, nice, system, idle, iowait, irq, softirq, steal, cores })
}

fn is_core(line: &str) -> bool {
    line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Reads the text of `/proc/loadavg`: the averages over 1, 5 and 15 minutes. Pure; any text will do.
pub fn parse_loadavg(text: &str) -> Option<[f64; 3]> {
    let mut numbers = text
        .split_whitespace()
        .map(|number| number.parse::<f64>().ok().filter(|load| load.is_finite() && (0.0..1e9).contains(load)));
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn guests_are_not_counted_twice() {
        let stat = parse_stat("cpu  100 2 3 400 5 6 7 8 90 1\ncpu0 1 2\ncpu1 1 2\ncpufreq x\nintr 5\n").unwrap();
        assert_eq!((stat.user, stat.steal, stat.cores), (100, 8, 2));
        let old = parse_stat("cpu  1 2 3 4\n").unwrap();
        assert_eq!((old.idle, old.iowait, old.cores), (4, 0, 1));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, word) in [
            ("", "`cpu`"),
            ("cpu0 1 2 3 4", "`cpu`"),
            ("cpu  1 2 3", "idle"),
            ("cpu  1 2 x 4", "not a number"),
            ("cpu  1 2 3 4 99999999999999999999999", "not a number"),
            ("cpu  -1 2 3 4", "not a number"),
        ] {
            let why = parse_stat(text).unwrap_err();
            assert!(why.contains(word), "{text}: {why}");
        }
    }

    #[test]
    fn loads_are_numbers() {
        assert_eq!(parse_loadavg("0.81 0.62 500.30 1/95 19036\n"), Some([0.81, 0.62, 500.3]));
        for text in ["", "1 2", "a b c", "NaN 1 1", "inf 1 1", "-1 1 1"] {
            assert_eq!(parse_loadavg(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(cpu  ?)?([0-9]{0,22} ){0,12}.*\\n?.*") {
            let _ = parse_stat(&text);
            let _ = parse_loadavg(&text);
        }
    }
}
