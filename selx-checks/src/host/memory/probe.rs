//! Reads what the kernel tells of memory.

use selx_core::{Context, ErrorKind, Result};

use super::{Container, Facts, Memory};
use crate::host::{cgroup, malformed, pressure, read_needed};

/// Looks.
pub(super) fn look(cx: &Context) -> Result<Facts> {
    let memory = parse_meminfo(&read_needed(cx, "meminfo")?).map_err(|why| malformed("meminfo", why))?;
    let oom_kills = match cx.host().read_proc("vmstat") {
        Ok(text) => parse_oom_kills(&text),
        // Sandboxes leave it out; that it is not counted is told in the evidence.
        Err(error) if error.kind() == ErrorKind::Missing => None,
        Err(error) => {
            cx.fault(error);
            None
        }
    };
    Ok(Facts { memory, pressure: pressure::read(cx, "memory"), oom_kills, container: container(cx) })
}

fn container(cx: &Context) -> Option<Container> {
    let limit = cgroup::read(cx, "memory.max")?.trim().parse().ok()?;
    let current = cgroup::read(cx, "memory.current")?.trim().parse().ok()?;
    let stat = cgroup::read(cx, "memory.stat").unwrap_or_default();
    Some(Container { limit, current, inactive_file: cgroup::field(&stat, "inactive_file").unwrap_or(0) })
}

/// Reads the text of `/proc/meminfo`. Pure; any text will do.
///
/// # Errors
///
/// What is missing or wrong, as a phrase.
pub fn parse_meminfo(text: &str) -> Result<Memory, String> {
    let field = |name: &str| -> Result<Option<u64>, String> {
        let Some(rest) = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')) else {
            return Ok(None);
        };
        let number = rest.trim().strip_suffix("kB").ok_or_else(|| format!("`{name}` is not in kB"))?;
        let number: u64 = number.trim().parse().map_err(|_| format!("`{name}` is not a number"))?;
        number.checked_mul(1024).map(Some).ok_or_else(|| format!("`{name}` is more than any machine has"))
    };
    let needed = |name: &str| field(name)?.ok_or_else(|| format!("`{name}` is missing"));
    let memory = Memory {
        total: needed("MemTotal")?,
        available: field("MemAvailable")?.ok_or(
            "`MemAvailable` is missing, which kernels tell since 3.14; without it nobody can say what is left",
        )?,
        free: field("MemFree")?.unwrap_or(0),
        cached: field("Cached")?.unwrap_or(0),
        swap_total: field("SwapTotal")?.unwrap_or(0),
        swap_free: field("SwapFree")?.unwrap_or(0),
    };
    if memory.total == 0 {
        return Err("`MemTotal` is zero".into());
    }
    Ok(memory)
}

/// Finds the number of processes killed for memory in the text of `/proc/vmstat`. Pure; any text will do.
pub fn parse_oom_kills(text: &str) -> Option<u64> {
    cgroup::field(text, "oom_kill")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_fields_are_read_in_bytes() {
        let memory = parse_meminfo(
            "MemTotal:       1000 kB\nMemFree:  10 kB\nMemAvailable:  600 kB\nCached: 500 kB\nSwapCached: 1 kB\nSwapTotal: 8 kB\nSwapFree: 2 kB\n",
        )
        .unwrap();
        assert_eq!((memory.total, memory.available, memory.cached), (1_024_000, 614_400, 512_000));
        assert_eq!((memory.swap_total, memory.swap_free), (8192, 2048));
        assert_eq!(parse_oom_kills("oom_kill_more 3\noom_kill 7\n"), Some(7));
        assert_eq!(parse_oom_kills("oom_kill x\n"), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, word) in [
            ("", "MemTotal"),
            ("MemTotal: 5 kB", "MemAvailable"),
            ("MemTotal: x kB\nMemAvailable: 1 kB", "MemTotal"),
            ("MemTotal: 5\nMemAvailable: 1 kB", "MemTotal"),
            ("MemTotal: 0 kB\nMemAvailable: 0 kB", "zero"),
            ("MemTotal: 18446744073709551615 kB\nMemAvailable: 1 kB", "MemTotal"),
            ("MemTotal: 99999999999999999999999 kB\nMemAvailable: 1 kB", "MemTotal"),
            ("MemTotal: 5 kB\nMemAvai", "MemAvailable"),
        ] {
            let why = parse_meminfo(text).unwrap_err();
            assert!(why.contains(word), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(MemTotal: [0-9]{0,22} ?(kB)?\\n)?(MemAvailable: .{0,9} kB\\n)?.*") {
            let _ = parse_meminfo(&text);
            let _ = parse_oom_kills(&text);
        }
    }
}
