//! Where the configuration is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where a configuration was looked for, and where it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The places that were looked at, in order.
    pub looked: Vec<PathBuf>,
    /// The file to load, if there is one. One that was asked for by name is loaded whether it is there or not.
    pub found: Option<PathBuf>,
}

/// Looks for the configuration: what `--config` says, `$SELX_CONFIG`, `./selx.toml`, `selx/selx.toml` in
/// `$XDG_CONFIG_HOME` or `~/.config`, `/etc/selx/selx.toml`. The first one is taken; nothing is merged.
///
/// `root` says that the process runs as root. Then the user's folder is passed over: `sudo` may leave `$HOME` at the
/// caller's, and what root runs is the system's. A place that cannot be looked into counts as found, so that loading it
/// says why; silently taking the next one would run other checks than the ones that were meant.
pub fn search(explicit: Option<&Path>, env: impl Fn(&str) -> Option<OsString>, root: bool) -> Search {
    let variable = |name| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = explicit.map(Path::to_owned).or_else(|| variable("SELX_CONFIG")) {
        return Search { looked: vec![path.clone()], found: Some(path) };
    }
    let mut places = vec![PathBuf::from("./selx.toml")];
    if !root {
        let absolute = |path: &PathBuf| path.is_absolute();
        let home = variable("HOME").filter(absolute).map(|home| home.join(".config"));
        let folder = variable("XDG_CONFIG_HOME").filter(absolute).or(home);
        places.extend(folder.map(|folder| folder.join("selx/selx.toml")));
    }
    places.push(PathBuf::from("/etc/selx/selx.toml"));
    first(places)
}

fn first(places: Vec<PathBuf>) -> Search {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let there = |path: &Path| match path.symlink_metadata() {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), NotFound | NotADirectory),
    };
    let mut search = Search::default();
    for place in places {
        let found = there(&place);
        search.looked.push(place.clone());
        if found {
            search.found = Some(place);
            break;
        }
    }
    search
}
