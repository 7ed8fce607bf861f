//! The folder of the history: where it is, whether it can be written, how much room there is, whether the file is sound.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};
use selx_checks::history::{default_state_dir, examine};
use selx_core::{ByteSize, Host};

use super::Item;
use crate::answer::Refusal;
use crate::command::small_runtime;

const TOPIC: &str = "history";

/// The room that a history wants: its limit, and as much again while it is written.
const ROOM: u64 = 128 << 20;

/// Looks at the folder without making it.
pub(super) fn items(host: &Host, asked: Option<PathBuf>) -> Result<Vec<Item>, Refusal> {
    let folder = match asked.map_or_else(|| default_state_dir(host), Ok) {
        Ok(folder) => folder,
        Err(error) => {
            let advice = error.advice_text().unwrap_or("name a folder with `--state-dir`").to_owned();
            return Ok(vec![Item::missing(TOPIC, error.to_string(), advice)]);
        }
    };
    let mut items = place(&folder);
    let runtime = small_runtime()?;
    let examined = runtime.block_on(examine(&folder));
    runtime.shutdown_background();
    items.push(match examined {
        Ok(Some(size)) => Item::ok(TOPIC, format!("the history is sound, {size}")),
        Ok(None) => {
            Item::note(TOPIC, "there is no history yet; rates and lasting breaches are known from the second run on")
        }
        Err(error) => {
            let advice = error.advice_text().unwrap_or("move it away; the next run begins a new one").to_owned();
            Item::missing(TOPIC, error.to_string(), advice)
        }
    });
    Ok(items)
}

fn place(folder: &Path) -> Vec<Item> {
    let shown = folder.display();
    // The folder may still have to be made: then the nearest one above it decides.
    let Some(nearest) = folder.ancestors().find(|path| path.exists()) else {
        return vec![Item::missing(TOPIC, format!("`{shown}` cannot be made"), "name a folder with `--state-dir`")];
    };
    let mut items = Vec::new();
    let writable = nearest.is_dir() && access(nearest, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    items.push(match (writable, nearest == folder) {
        (true, true) => Item::ok(TOPIC, format!("`{shown}` can be written")),
        (true, false) => Item::ok(TOPIC, format!("`{shown}` will be made by the first run")),
        (false, _) => Item::missing(
            TOPIC,
            format!("`{shown}` cannot be written: no right in `{}`", nearest.display()),
            "make it for this user, or name another folder with `--state-dir`; checks run without it, rates do not",
        ),
    });
    match statvfs(nearest) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let text = format!("{} free for `{shown}`", ByteSize(free));
            items.push(if free >= ROOM {
                Item::ok(TOPIC, text)
            } else {
                Item::missing(TOPIC, text, format!("make room: a history takes up to {}", ByteSize(ROOM)))
            });
        }
        Err(error) => items.push(Item::missing(
            TOPIC,
            format!("free space of `{}` cannot be read: {error}", nearest.display()),
            "look at its file system",
        )),
    }
    items
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_folder_that_is_to_be_made_is_fine_and_stays_unmade() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/b");
        let items = items(&Host::default(), Some(state.clone())).unwrap();
        assert!(items.iter().any(|item| item.state == State::Ok && item.text.contains("will be made")), "{items:?}");
        assert!(items.iter().any(|item| item.text.contains("no history yet")), "{items:?}");
        assert!(!folder.path().join("a").exists(), "doctor only reads");
    }

    #[test]
    fn a_damaged_history_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history.db");
        std::fs::write(&file, "this is no database at all, and long enough to be read as one: ".repeat(40)).unwrap();
        let before = std::fs::read(&file).unwrap();
        let items = items(&Host::default(), Some(folder.path().into())).unwrap();
        let damaged = items.iter().find(|item| item.state == State::Missing).expect("it is told");
        assert!(damaged.text.contains("history.db") && damaged.advice.is_some(), "{damaged:?}");
        assert_eq!(std::fs::read(&file).unwrap(), before);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
