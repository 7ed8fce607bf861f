//! Opening a file of the configuration: who could have written it is judged before it is believed.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The most that one file may hold.
pub(super) const MAX_BYTES: u64 = 1 << 20;

/// Why a file is not read, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Refused {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}

/// What was read.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    /// Device and number: two paths of the same file are one file.
    pub(super) identity: (u64, u64),
}

/// Reads a file, judging what was opened and not what the path says a moment earlier or later.
pub(super) fn read(path: &Path) -> Result<Content, Refused> {
    let shown = path.display();
    let mut file = open(path)?;
    let meta =
        file.metadata().map_err(|error| Refused::new(format!("`{shown}`: {error}"), "look at its file system"))?;
    if !meta.is_file() {
        let hint = "a configuration is a plain file, or a link to one";
        return Err(Refused::new(format!("`{shown}` is {}", file_type(&meta)), hint));
    }
    let me = rustix::process::geteuid().as_raw();
    trusted(path, "", meta.uid(), meta.mode(), me)?;
    folders(path, &meta, me)?;
    if meta.len() > MAX_BYTES {
        return Err(too_big(path));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0) + 1);
    let read = file.by_ref().take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Refused::new(format!("`{shown}` cannot be read: {error}"), "look at its file system"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_big(path));
    }
    Ok(Content { bytes, identity: (meta.dev(), meta.ino()) })
}

fn open(path: &Path) -> Result<File, Refused> {
    let shown = path.display();
    // Without waiting: a FIFO in its place would hang the run before it began.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    opened.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Refused::new(format!("`{shown}` does not exist"), "is the path right?"),
        ErrorKind::PermissionDenied => Refused::new(
            format!("no right to read `{shown}`"),
            "run as its owner, or give this user the right to read it and to enter its folders",
        ),
        _ => Refused::new(format!("`{shown}` cannot be opened: {error}"), "a configuration is a plain file"),
    })
}

fn too_big(path: &Path) -> Refused {
    Refused::new(
        format!("`{}` is larger than 1 MiB", path.display()),
        "split it and name the parts in `include`; is it the right file?",
    )
}

fn file_type(meta: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = meta.file_type();
    if kind.is_dir() {
        "a folder, not a file"
    } else if kind.is_fifo() {
        "a pipe, not a file"
    } else if kind.is_socket() {
        "a socket, not a file"
    } else {
        "a device, not a file"
    }
}

/// Judges the folder that the path names and, behind links, the folder that the file is really in.
fn folders(path: &Path, opened: &Metadata, me: u32) -> Result<(), Refused> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let changed = || {
        Refused::new(
            format!("`{}` was replaced while it was read", path.display()),
            "try again; if it happens again, find out who writes there",
        )
    };
    let there = real.metadata().map_err(|_| changed())?;
    if (there.dev(), there.ino()) != (opened.dev(), opened.ino()) {
        return Err(changed());
    }
    let named = folder_of(path);
    let named = named.canonicalize().unwrap_or(named);
    let really = folder_of(&real);
    for folder in [Some(&named), (really != named).then_some(&really)].into_iter().flatten() {
        let meta = folder.metadata().map_err(|error| {
            Refused::new(
                format!("the folder `{}` cannot be looked at: {error}", folder.display()),
                "look at its rights",
            )
        })?;
        trusted(folder, "the folder ", meta.uid(), meta.mode(), me)?;
    }
    Ok(())
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Judges an owner and a mode: whoever can write here can make selx run what he wants.
fn trusted(path: &Path, what: &str, owner: u32, mode: u32, me: u32) -> Result<(), Refused> {
    let shown = path.display();
    let quoted = quote(path);
    if owner != 0 && owner != me {
        return Err(Refused::new(
            format!("{what}`{shown}` belongs to user {owner}, who could write there what selx then does"),
            format!("chown {me} {quoted}"),
        ));
    }
    let who = match (mode & 0o020 != 0, mode & 0o002 != 0) {
        (_, true) => "everybody",
        (true, false) => "its group",
        (false, false) => return Ok(()),
    };
    let fix = if what.is_empty() || mode & 0o1000 == 0 {
        format!("chmod go-w {quoted}")
    } else {
        format!(
            "move the file to a folder of its own; in a folder like this one others can put files. Or: chmod go-w {quoted}"
        )
    };
    Err(Refused::new(format!("{what}`{shown}` can be written by {who} (mode {:04o})", mode & 0o7777), fix))
}

/// Writes a path as a shell takes it.
fn quote(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:,".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Finds the files that a pattern names, sorted. `*` and `?` may stand in the last part of the path.
pub(super) fn matching(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, Refused> {
    let path = folder.join(pattern);
    let is_glob = |text: &str| text.contains(['*', '?', '[']);
    let (parent, last) = match pattern.rsplit_once('/') {
        Some((parent, last)) => (parent, last),
        None => ("", pattern),
    };
    if pattern.is_empty() || last.is_empty() {
        return Err(Refused::new("`include` takes paths of files", "for example `conf.d/*.toml`"));
    }
    if is_glob(parent) || last.contains('[') {
        let hint = "`*` and `?` may stand in the last part only";
        return Err(Refused::new(format!("`{pattern}` is not a pattern that selx takes"), hint));
    }
    if !is_glob(last) {
        return Ok(vec![path]);
    }
    let inside = folder_of(&path);
    let listed = std::fs::read_dir(&inside).map_err(|error| {
        Refused::new(format!("the folder `{}` cannot be listed: {error}", inside.display()), "is the path right?")
    })?;
    let mut found = Vec::new();
    for entry in listed.take(10_000) {
        let entry = entry.map_err(|error| {
            Refused::new(format!("the folder `{}` cannot be listed: {error}", inside.display()), "try again")
        })?;
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.') && !last.starts_with('.');
        if !hidden && wildcard(last.as_bytes(), name.as_encoded_bytes()) {
            found.push(inside.join(name));
        }
    }
    if found.is_empty() {
        let hint = "a part of the configuration that is not there would be checks that are not made";
        return Err(Refused::new(format!("`{pattern}` matches no file in `{}`", inside.display()), hint));
    }
    found.sort();
    Ok(found)
}

/// Matches a name with a pattern of `*` and `?`, without going back more than to the last `*`.
fn wildcard(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(n) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                p += 1;
                n += 1;
            }
            _ => match &mut star {
                Some((at, from)) => {
                    *from += 1;
                    (p, n) = (*at + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_and_modes() {
        let judge = |what, owner, mode| trusted(Path::new("/etc/selx/selx.toml"), what, owner, mode, 1000);
        for (owner, mode) in [(0, 0o644), (1000, 0o600), (1000, 0o755), (0, 0o100_444)] {
            assert_eq!(judge("", owner, mode), Ok(()));
        }
        let told = |result: Result<(), Refused>| {
            let refused = result.unwrap_err();
            format!("{} | {}", refused.message, refused.hint.unwrap())
        };
        assert_eq!(
            told(judge("", 1001, 0o600)),
            "`/etc/selx/selx.toml` belongs to user 1001, who could write there what selx then does | chown 1000 /etc/selx/selx.toml"
        );
        assert_eq!(
            told(judge("", 0, 0o664)),
            "`/etc/selx/selx.toml` can be written by its group (mode 0664) | chmod go-w /etc/selx/selx.toml"
        );
        assert!(told(judge("the folder ", 0, 0o41_777)).contains("everybody (mode 1777) | move the file"));
        assert_eq!(quote(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }

    #[test]
    fn wildcards() {
        for (pattern, name, matches) in [
            ("*.toml", "a.toml", true),
            ("*.toml", "a.toml~", false),
            ("a*b*c", "aXbYbZc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("**", "x", true),
        ] {
            assert_eq!(wildcard(pattern.as_bytes(), name.as_bytes()), matches, "{pattern} {name}");
        }
        let hostile = "a*".repeat(50) + "b";
        assert!(!wildcard(hostile.as_bytes(), "a".repeat(5000).as_bytes()));
    }
}
