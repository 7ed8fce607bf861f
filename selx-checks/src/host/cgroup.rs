//! The control group of this process, version 2, as far as it is the wall of a container.

use selx_core::{Context, ErrorKind};

/// Reads a file of the control group that is the root of the container this process runs in.
///
/// In a container with a control group namespace of its own the path of this process is `/`, and the files that limit
/// it are there. On a host the root has no such files, and a service in a slice is not the machine: both give `None`.
/// So do hosts with version 1, where the files have other names.
pub(super) fn read(cx: &Context, name: &str) -> Option<String> {
    let own = cx.host().read_proc("self/cgroup").ok()?;
    if own.lines().find_map(|line| line.strip_prefix("0::"))? != "/" {
        return None;
    }
    let path = cx.host().sys.join("fs/cgroup").join(name);
    let shown = format!("`{}`", path.display());
    let read = std::fs::File::open(&path).and_then(|file| {
        use std::io::Read as _;
        let mut text = String::new();
        file.take(64 << 10).read_to_string(&mut text)?;
        Ok(text)
    });
    match read {
        Ok(text) => Some(text),
        Err(error) => {
            let error = selx_core::Error::from_io(error, shown);
            // A file that is there and cannot be read hides a limit: that is not the same as none.
            if error.kind() != ErrorKind::Missing {
                cx.fault(error);
            }
            None
        }
    }
}

/// Finds a number in a file of `name value` lines, such as `memory.stat`. Pure; any text will do.
pub fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Reads `cpu.max`: how many processors may be used, or `None` for all of them. Pure; any text will do.
pub fn parse_cpu_max(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (u32, u32) = (quota.parse().ok()?, period.parse().ok()?);
    (quota > 0 && period > 0).then(|| f64::from(quota) / f64::from(period))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_quotas() {
        let stat = "anon 12\ninactive_file 4096\ninactive_file_more 7\n";
        assert_eq!(field(stat, "inactive_file"), Some(4096));
        assert_eq!(field(stat, "inactive"), None);
        assert_eq!(field("inactive_file x", "inactive_file"), None);
        assert_eq!(parse_cpu_max("150000 100000\n"), Some(1.5));
        for text in ["max 100000\n", "", "0 100000", "1 0", "-1 5", "99999999999999 1"] {
            assert_eq!(parse_cpu_max(text), None, "{text}");
        }
    }
}
