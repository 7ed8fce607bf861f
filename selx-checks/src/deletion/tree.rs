//! Removing a folder of our own, with all that is in it.

use std::ffi::OsString;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, unlinkat};
use rustix::io::{Errno, retry_on_intr};
use selx_core::Result;

use super::refused;
use super::root::{Root, bare_stat, open_below};
use super::walk::DEPTH;

impl Root {
    /// Removes a folder that an action made for itself in the root, with all that is in it: no link is followed, and what is
    /// mounted in it stops it. Nobody else makes one of that name there.
    ///
    /// # Errors
    ///
    /// `Local` or `Denied`, naming the folder. That it is not there is none.
    pub(crate) fn remove_own_folder(&self, name: &Path) -> Result<()> {
        let removed = match open_below(self.folder(), name) {
            Ok(folder) => empty(folder.as_fd(), 0).and_then(|()| unlinkat(self.folder(), name, AtFlags::REMOVEDIR)),
            Err(errno) => Err(errno),
        };
        match removed {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => {
                let shown = self.path().join(name);
                Err(refused(errno, format!("`{}` could not be removed", shown.display())))
            }
        }
    }
}

/// Removes everything in a folder.
fn empty(folder: BorrowedFd<'_>, depth: usize) -> Result<(), Errno> {
    if depth > DEPTH {
        return Err(Errno::LOOP);
    }
    // All names first: a list that is read while entries go may leave some out.
    let mut names: Vec<OsString> = Vec::new();
    for entry in retry_on_intr(|| Dir::read_from(folder))? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    for name in names {
        let stat = match bare_stat(folder, &name) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(errno),
        };
        let flags = match FileType::from_raw_mode(u32::from(stat.stx_mode)) {
            FileType::Directory => {
                let inner = open_below(folder, Path::new(std::ffi::OsStr::from_bytes(name.as_bytes())))?;
                empty(inner.as_fd(), depth + 1)?;
                AtFlags::REMOVEDIR
            }
            _ => AtFlags::empty(),
        };
        match unlinkat(folder, &name, flags) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_all_in_it_and_no_link_is_followed() {
        let whole = tempfile::tempdir().unwrap();
        let path = whole.path().canonicalize().unwrap().join("root");
        let outside = path.with_file_name("outside");
        std::fs::create_dir_all(path.join("own/a/b/c")).unwrap();
        std::fs::create_dir_all(&outside).unwrap();
        std::fs::write(outside.join("kept"), "1").unwrap();
        std::fs::write(path.join("own/a/b/file"), "1").unwrap();
        std::fs::write(path.join("beside"), "1").unwrap();
        std::os::unix::fs::symlink(&outside, path.join("own/a/link")).unwrap();
        let root = Root::open(&path).unwrap();
        root.remove_own_folder(Path::new("own")).unwrap();
        root.remove_own_folder(Path::new("own")).unwrap();
        assert!(!path.join("own").exists() && path.join("beside").exists() && outside.join("kept").exists());
        std::os::unix::fs::symlink(&outside, path.join("own")).unwrap();
        assert!(root.remove_own_folder(Path::new("own")).is_err());
        assert!(outside.join("kept").exists());
    }
}
