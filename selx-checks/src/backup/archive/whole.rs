//! One archive by its path, read as the check reads it: for actions, of which nothing counts before this was done.

use std::path::Path;

use jiff::Timestamp;
use selx_core::{Error, ErrorKind, Extent, Host, Result};
use tokio_util::sync::CancellationToken;

use super::config::Config;
use super::facts::{Archive, Level};
use super::find::Candidate;
use super::inspect::{Watch, inspect, open};
use super::manifest::{Json, LONGEST, is_manifest};
use super::stream::{Bytes as _, Unpacked};
use super::tar::{Tar, Wrong};
use crate::unpack::Caps;

/// Reads an archive to its end, and returns what can be said of it.
///
/// # Errors
///
/// It is not there; `Cancelled` when it was told to stop.
pub(crate) fn whole(
    path: &Path,
    host: &Host,
    now: Timestamp,
    token: &CancellationToken,
    extent: &Extent,
) -> Result<Archive> {
    let candidate =
        Candidate::of(path.to_owned(), host).map_err(|error| Error::from_io(error, format!("`{}`", path.display())))?;
    // What is of us need not be unpacked with caution: a table of zeros is a table.
    let settings = serde_json::json!({ "path": "/", "max-ratio": 1_000_000 });
    let config: Config = serde_json::from_value(settings)
        .map_err(|error| Error::new(ErrorKind::Bug, "settings of our own do not read").source_error(error))?;
    let inspected = inspect(&candidate, &config, now, &Watch { token, extent });
    if inspected.stopped || token.is_cancelled() {
        return Err(Error::new(ErrorKind::Cancelled, "reading the archive was stopped"));
    }
    let mut archive = inspected.archive;
    if let Some(why) = inspected.unfinished {
        archive.level = Level::Exists;
        archive.damage.get_or_insert(super::facts::Damage { kind: super::facts::DamageKind::CutShort, text: why });
    }
    Ok(archive)
}

/// Says why an archive is not proven to be what its manifest says; nothing if it is.
pub(crate) fn doubt(archive: &Archive) -> Option<String> {
    if archive.level >= Level::Manifest {
        return None;
    }
    let first = |listed: &super::facts::Listed, what: &str| {
        (!listed.is_empty()).then(|| format!("{} {what}, the first is `{}`", listed.count, listed.first.join("`, `")))
    };
    let content = &archive.content;
    let dump = content.dumps.iter().find_map(|dump| Some(format!("`{}`: {}", dump.member, dump.wrong.as_ref()?)));
    let manifest = archive.manifest.as_ref();
    let damage = archive.damage.as_ref().map(|damage| damage.text.clone());
    let empty = || (!content.empty.is_empty()).then(|| format!("`{}` has no content", content.empty.join("`, `")));
    let missing = || (!content.missing.is_empty()).then(|| format!("`{}` is not in it", content.missing.join("`, `")));
    let of_manifest = || {
        let Some(manifest) = manifest else { return Some("it has no manifest".to_owned()) };
        let wrong = manifest.wrong.as_ref().map(|wrong| format!("its manifest: {wrong}"));
        wrong
            .or_else(|| first(&manifest.different, "files are not as the manifest says"))
            .or_else(|| first(&manifest.absent, "files of the manifest are not there"))
            .or_else(|| first(&manifest.unlisted, "files are not in the manifest"))
    };
    let why = damage.or(dump).or_else(empty).or_else(missing).or_else(of_manifest);
    Some(why.unwrap_or_else(|| "it is not proven to be what its manifest says".to_owned()))
}

/// What goes through a member of an archive reads it in pieces of any size; the first error ends it.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> std::io::Result<()>;

/// The caps of an archive of ours.
const CAPS: Caps = Caps { bytes: 64 << 40, ratio: 1_000_000 };

/// Reads the manifest that an archive begins with; nothing if it begins otherwise.
///
/// # Errors
///
/// The file is not there, or cannot be read.
pub(crate) fn manifest(path: &Path) -> Result<Option<Json>> {
    let file = open(path).map_err(|error| Error::from_io(error, format!("`{}`", path.display())))?;
    let Ok(mut unpacked) = Unpacked::new(file, CAPS) else { return Ok(None) };
    let mut tar = Tar::new(&mut unpacked);
    let Ok(Some(entry)) = tar.next() else { return Ok(None) };
    if !is_manifest(&String::from_utf8_lossy(&entry.name)) || entry.size > LONGEST {
        return Ok(None);
    }
    let mut text = Vec::new();
    let mut content = tar.content(&entry, false);
    while let Ok(piece) = content.piece(u64::MAX) {
        if piece.is_empty() {
            break;
        }
        text.extend_from_slice(piece);
    }
    Ok(serde_json::from_slice(&text).ok())
}

/// Reads an archive up to the end of one member, whose content goes through `sink`. Returns its SHA-256.
///
/// # Errors
///
/// The archive is damaged before the end of the member, or does not have it; what `sink` said; `Cancelled`.
pub(crate) fn member(path: &Path, name: &str, token: &CancellationToken, sink: Sink<'_>) -> Result<String> {
    let shown = path.display();
    let failed = |what: String| Error::new(ErrorKind::Local, format!("`{shown}`: {what}"));
    let file = open(path).map_err(|error| Error::from_io(error, format!("`{shown}`")))?;
    let mut unpacked = Unpacked::new(file, CAPS).map_err(|broken| failed(broken.to_string()))?;
    let mut tar = Tar::new(&mut unpacked);
    loop {
        let entry = match tar.next() {
            Ok(Some(entry)) => entry,
            Ok(None) => return Err(failed(format!("it has no member `{name}`"))),
            Err(wrong) => return Err(failed(said(wrong))),
        };
        let is_it = entry.name == name.as_bytes();
        let mut content = tar.content(&entry, is_it);
        if is_it {
            loop {
                if token.is_cancelled() {
                    return Err(Error::new(ErrorKind::Cancelled, "reading the archive was stopped"));
                }
                let piece = content.piece(u64::MAX).map_err(|broken| failed(broken.to_string()))?;
                if piece.is_empty() {
                    break;
                }
                sink(piece).map_err(|error| failed(format!("`{name}` could not be handed on")).source_error(error))?;
            }
        }
        let (missing, hash) = content.finish().map_err(|broken| failed(broken.to_string()))?;
        tar.was_read(&entry, missing).map_err(|wrong| failed(said(wrong)))?;
        if let (true, Some(hash)) = (is_it, hash) {
            return Ok(hash);
        }
    }
}

fn said(wrong: Wrong) -> String {
    match wrong {
        Wrong::Packing(broken) => broken.to_string(),
        Wrong::Cut(text) | Wrong::Damaged(text) => text,
        Wrong::NoEnd => "the mark of its end is missing".to_owned(),
        Wrong::Trailing => "something stands behind its end".to_owned(),
    }
}
