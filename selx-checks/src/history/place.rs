//! Where the state folder is.

use std::ffi::OsString;
use std::path::PathBuf;

use selx_core::{Error, ErrorKind, Host, Result};

/// Returns the folder in which this process keeps its state, from its environment and its user.
///
/// # Errors
///
/// `Missing` if an ordinary user has no home: see [`state_dir`].
pub fn default_state_dir(host: &Host) -> Result<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    // The list of users is only read where the environment does not say it.
    let passwd = || std::fs::read_to_string(host.path("/etc/passwd")).unwrap_or_default();
    state_dir(uid, |name| std::env::var_os(name), passwd)
}

/// Returns the folder for state: the first of
///
/// 1. `$SELX_STATE_DIR`,
/// 2. `$STATE_DIRECTORY`, which systemd sets (`StateDirectory=selx`),
/// 3. for root, `/var/lib/selx`,
/// 4. for another user `$XDG_STATE_HOME/selx`, `$HOME/.local/state/selx`, or the same below the home that `/etc/passwd` names, for
///    jobs of cron that have no environment.
///
/// Values that are not absolute paths are passed over, except the first, which is an error.
///
/// # Errors
///
/// `Config` if `$SELX_STATE_DIR` is not absolute, `Missing` if no rule gives a folder.
pub fn state_dir(uid: u32, env: impl Fn(&str) -> Option<OsString>, passwd: impl FnOnce() -> String) -> Result<PathBuf> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("SELX_STATE_DIR") {
        if folder.is_absolute() {
            return Ok(folder);
        }
        let message = format!("`SELX_STATE_DIR` is `{}`, which is not an absolute path", folder.display());
        return Err(Error::new(ErrorKind::Config, message));
    }
    let absolute = |name: &str| set(name).filter(|folder| folder.is_absolute());
    if let Some(folders) = absolute("STATE_DIRECTORY") {
        // Several folders are joined by colons; the first is ours.
        let text = folders.to_string_lossy();
        return Ok(PathBuf::from(text.split(':').next().unwrap_or_default()));
    }
    if uid == 0 {
        return Ok("/var/lib/selx".into());
    }
    if let Some(folder) = absolute("XDG_STATE_HOME") {
        return Ok(folder.join("selx"));
    }
    absolute("HOME").or_else(|| home(uid, &passwd())).map(|home| home.join(".local/state/selx")).ok_or_else(|| {
        Error::new(ErrorKind::Missing, format!("no folder for the history: user {uid} has no home"))
            .advice("set `path` in `[history]` or `SELX_STATE_DIR` to a folder of that user")
    })
}

fn home(uid: u32, passwd: &str) -> Option<PathBuf> {
    let uid = uid.to_string();
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':').skip(2);
        if fields.next() != Some(&uid) {
            return None;
        }
        let home = PathBuf::from(fields.nth(2)?);
        // Users without a home are given one of these.
        let none = home == std::path::Path::new("/") || home.starts_with("/nonexistent");
        (home.is_absolute() && !none).then_some(home)
    })
}

/// Returns the identity of this machine; empty if it has none.
pub(super) fn machine(host: &Host) -> String {
    let text = std::fs::read_to_string(host.path("/etc/machine-id")).unwrap_or_default();
    text.trim().chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/nonexistent:/bin/false\n\
                          anna:x:1000:1000:Anna,,,:/home/anna:/bin/sh\nshort:x:1001\n";

    fn folder(uid: u32, env: &[(&str, &str)]) -> Result<String> {
        let find = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        state_dir(uid, find, || PASSWD.to_owned()).map(|path| path.display().to_string())
    }

    #[test]
    fn the_first_rule_that_fits() {
        for (uid, env, expected) in [
            (0, &[][..], "/var/lib/selx"),
            (0, &[("HOME", "/root"), ("XDG_STATE_HOME", "/x")], "/var/lib/selx"),
            (0, &[("STATE_DIRECTORY", "/var/lib/private/selx:/var/lib/b")], "/var/lib/private/selx"),
            (1000, &[("HOME", "/home/a"), ("XDG_STATE_HOME", "/x")], "/x/selx"),
            (1000, &[("HOME", "/home/a"), ("XDG_STATE_HOME", "x")], "/home/a/.local/state/selx"),
            (1000, &[("HOME", "/home/a"), ("XDG_STATE_HOME", "")], "/home/a/.local/state/selx"),
            (1000, &[], "/home/anna/.local/state/selx"),
            (1000, &[("SELX_STATE_DIR", "/s"), ("STATE_DIRECTORY", "/t")], "/s"),
        ] {
            assert_eq!(folder(uid, env).unwrap(), expected, "{uid} {env:?}");
        }
    }

    #[test]
    fn without_a_home_it_says_what_to_set() {
        for uid in [65534, 1001, 4242] {
            let error = folder(uid, &[]).unwrap_err();
            assert!(error.to_string().contains(&format!("user {uid} has no home")), "{error}");
            assert!(error.advice_text().unwrap().contains("SELX_STATE_DIR"));
        }
        assert_eq!(folder(0, &[("SELX_STATE_DIR", "here")]).unwrap_err().kind(), ErrorKind::Config);
    }
}
