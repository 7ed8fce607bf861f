//! One archive, read whole: from the file to what can be said of it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use jiff::Timestamp;
use ring::digest;
use rustix::fs::Advice;
use selx_core::Extent;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::config::{Config, NewestBy};
use super::content::{Seen, Wanted, examine};
use super::facts::{Archive, Damage, DamageKind, Form, Level, Manifest, TimeBy};
use super::find::{Candidate, utc};
use super::folder;
use super::manifest::{LONGEST, Sums};
use super::name;
use super::stream::{Unpacked, hex};
use crate::regular;
use crate::unpack::{Broken, Caps, Fault, Format};

/// From how many bytes on a second thread is worth its start.
const LONG: u64 = 1 << 20;

/// How far times may lie apart and still be the same: a day, and what zones and clocks differ by.
pub(super) const SAME: f64 = 26.0 * 3600.0;

/// An archive with what decides whether it is finished.
pub(super) struct Inspected {
    pub(super) archive: Archive,
    /// When it was made, by what it says and holds.
    pub(super) made: Timestamp,
    /// Why it is not finished, if it is not.
    pub(super) unfinished: Option<String>,
    /// It was told to stop.
    pub(super) stopped: bool,
}

/// What a drill writes beside an archive that it restored: `NAME.proof.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Record {
    /// How far it came.
    pub(super) level: Level,
    /// When.
    pub(super) at: Timestamp,
    /// The SHA-256 of the archive that was restored.
    pub(super) sha256: String,
    /// Its size.
    pub(super) bytes: u64,
}

impl Record {
    /// Reads the record beside an archive, if there is one that reads.
    pub(super) fn beside(path: &Path) -> Option<Self> {
        let text = beside(path, ".proof.json", 1 << 20)?.ok()?;
        serde_json::from_slice(&text).ok().filter(|record: &Self| record.level >= Level::Restored)
    }
}

/// What everything that reads much looks at, and tells: whether it is to end, and how far it is.
pub(super) struct Watch<'a> {
    pub(super) token: &'a CancellationToken,
    pub(super) extent: &'a Extent,
}

/// A file that is hashed while it is read, if somebody wants that, and whose reading ends when it is to end.
pub(super) struct Reading<'a> {
    file: File,
    /// How much of it there was when it was opened: one that grows faster than it is read would have no end.
    left: u64,
    watch: &'a Watch<'a>,
    hash: Option<digest::Context>,
}

impl<'a> Reading<'a> {
    /// Begins to read, and says how much there is to be read.
    pub(super) fn new(file: File, watch: &'a Watch<'a>, hash: Option<digest::Context>) -> io::Result<Self> {
        // Files of the kernel say that they have no size, and are read all the same.
        let left = match file.metadata()?.len() {
            0 => 1 << 20,
            length => length,
        };
        watch.extent.expect(left);
        Ok(Self { file, left, watch, hash })
    }
}

impl Read for &mut Reading<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.watch.token.is_cancelled() {
            return Err(io::Error::from(io::ErrorKind::TimedOut));
        }
        let most = to.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read(to.get_mut(..most).unwrap_or_default())?;
        self.left -= read as u64;
        self.watch.extent.did(read as u64);
        if let (Some(hash), Some(bytes)) = (&mut self.hash, to.get(..read)) {
            hash.update(bytes);
        }
        Ok(read)
    }
}

/// Opens a file, to be read from its begin to its end.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let file = regular::open(path, false)?;
    let _ = rustix::fs::fadvise(&file, 0, None, Advice::Sequential);
    Ok(file)
}

/// Reads a small file beside an archive, if there is one; the text says why it cannot be read.
fn beside(path: &Path, ending: &str, most: u64) -> Option<Result<Vec<u8>, String>> {
    let mut whole = path.as_os_str().to_owned();
    whole.push(ending);
    small(Path::new(&whole), most)
}

fn small(path: &Path, most: u64) -> Option<Result<Vec<u8>, String>> {
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => return Some(Err(error.to_string())),
    };
    let mut text = Vec::new();
    Some(match file.take(most + 1).read_to_end(&mut text) {
        Ok(_) if text.len() as u64 > most => Err(format!("it is longer than {most} bytes")),
        Ok(_) => Ok(text),
        Err(error) => Err(error.to_string()),
    })
}

/// Reads an archive to its end.
pub(super) fn inspect(candidate: &Candidate, config: &Config, now: Timestamp, watch: &Watch<'_>) -> Inspected {
    let seconds = |time: Timestamp| now.duration_since(time).as_secs_f64();
    let mut archive = Archive {
        path: candidate.shown.clone(),
        size: candidate.size,
        written: seconds(candidate.written),
        named: candidate.named.and_then(utc).map(seconds),
        ..Archive::default()
    };
    let caps = Caps { bytes: config.max_bytes.get(), ratio: config.max_ratio.get() };
    let mut wanted = Wanted {
        expect: &config.expect,
        caps,
        most_members: config.max_members.get(),
        name: &candidate.name,
        sums: None,
        written: candidate.written,
    };
    let (seen, grew) = if candidate.is_folder {
        let (seen, size, mode) = folder::read(candidate, &wanted, watch);
        (archive.size, archive.mode) = (size, mode);
        "plain".clone_into(&mut archive.packed);
        (seen, false)
    } else {
        file(candidate, &mut wanted, &mut archive, watch)
    };
    let stopped = seen.stopped;
    let (made, by) = made(candidate, &seen, config.newest_by);
    archive.held = seen.dumped.map(|(time, _)| time).or(seen.newest).map(seconds);
    (archive.age, archive.by) = (seconds(made), by);
    archive.form = seen.form;
    archive.level = archive.level.max(level(&seen, &archive));
    if let Some(damage) = seen.damage {
        archive.damage = Some(damage);
    }
    archive.content = seen.content;
    if archive.damage.is_some() || is_named_wrongly(&archive) {
        archive.level = Level::Exists;
    }
    let unfinished = unfinished(candidate, &archive, config, grew);
    Inspected { archive, made, unfinished, stopped }
}

/// Says how far an archive is proven: by itself, and by what was written down of it.
fn level(seen: &Seen, archive: &Archive) -> Level {
    let own = seen.level();
    let is_equal = |manifest: &Manifest| {
        manifest.wrong.is_none()
            && manifest.same > 0
            && manifest.different.is_empty()
            && manifest.absent.is_empty()
            && manifest.unlisted.is_empty()
    };
    if own == Level::Decoded && archive.manifest.as_ref().is_some_and(is_equal) { Level::Manifest } else { own }
}

/// Reads a file, twice if its manifest comes late, and returns what was seen and whether it grew meanwhile.
fn file(candidate: &Candidate, wanted: &mut Wanted, archive: &mut Archive, watch: &Watch<'_>) -> (Seen, bool) {
    let (whole_sum, no_sum) = match sum_beside(candidate) {
        Some((source, Ok(sum))) => (Some((source, sum)), None),
        Some((source, Err(why))) => (None, Some((source, why))),
        None => (None, None),
    };
    let record = Record::beside(&candidate.path);
    if let Some(text) = beside(&candidate.path, ".manifest.json", LONGEST) {
        let source = format!("{}.manifest.json", candidate.name);
        wanted.sums = Some(match text {
            Ok(text) => Sums::read(&source, "", &text),
            Err(why) => Sums::unreadable(source, why),
        });
    }
    let wants_hash = whole_sum.is_some() || record.is_some();
    let (mut seen, mut hash) = match once(candidate, wanted, archive, wants_hash, watch) {
        Ok(read) => read,
        Err(error) => return (refused(&error), false),
    };
    if seen.again && !seen.stopped {
        wanted.sums = seen.sums.take();
        (seen, hash) = match once(candidate, wanted, archive, wants_hash, watch) {
            Ok(read) => read,
            Err(error) => return (refused(&error), false),
        };
    }
    archive.manifest = seen.sums.take().map(Sums::finish);
    seen.created = archive.manifest.as_ref().and_then(|manifest| manifest.created);
    if let Some((source, why)) = no_sum {
        let manifest = archive.manifest.get_or_insert_with(Manifest::default);
        if manifest.wrong.is_none() && manifest.different.count == 0 {
            (manifest.source, manifest.wrong) = (source, Some(why));
        }
    }
    if let (Some((source, sum)), Some(hash)) = (whole_sum, &hash) {
        if *hash == sum {
            archive.manifest.get_or_insert(Manifest { source, same: 1, ..Manifest::default() });
        } else {
            let text = format!("it is not the file that `{source}` has the checksum of");
            seen.damage.get_or_insert(Damage { kind: DamageKind::Damaged, text });
        }
    }
    // A record counts for these very bytes, and only where they are still whole.
    if let (Some(record), Some(hash)) = (record, hash)
        && record.sha256.eq_ignore_ascii_case(&hash)
        && seen.level() == Level::Decoded
    {
        archive.level = record.level;
    }
    let after = std::fs::symlink_metadata(&candidate.path).ok();
    let grew = after.is_some_and(|after| {
        after.len() != archive.size
            || after.modified().ok().and_then(|time| Timestamp::try_from(time).ok()) != Some(candidate.written)
    });
    (seen, grew)
}

/// Reads a file once.
fn once(
    candidate: &Candidate,
    wanted: &Wanted,
    archive: &mut Archive,
    wants_hash: bool,
    watch: &Watch<'_>,
) -> io::Result<(Seen, Option<String>)> {
    let file = open(&candidate.path)?;
    let meta = file.metadata()?;
    archive.mode = meta.mode() & 0o7777;
    let hash = wants_hash.then(|| digest::Context::new(&digest::SHA256));
    let mut reading = Reading::new(file, watch, hash)?;
    let is_long = reading.left > LONG;
    let seen = std::thread::scope(|scope| {
        let unpacked = if is_long {
            Unpacked::beside(&mut reading, wanted.caps, scope)
        } else {
            Unpacked::new(&mut reading, wanted.caps)
        };
        match unpacked {
            Ok(mut unpacked) => {
                archive.packed = unpacked.format().to_string();
                let mut seen = examine(&mut unpacked, wanted);
                let summary = unpacked.summary();
                seen.content.bytes = summary.decoded;
                seen.content.checksummed =
                    unpacked.format() != Format::Plain && summary.unchecked == 0 && seen.damage.is_none();
                seen
            }
            Err(broken) => {
                archive.packed = broken.format.to_string();
                unread(&broken)
            }
        }
    });
    let is_whole = seen.damage.is_none() && !seen.again;
    Ok((seen, reading.hash.filter(|_| is_whole).map(|hash| hex(hash.finish().as_ref()))))
}

/// What is seen of a file that could not be begun.
fn unread(broken: &Broken) -> Seen {
    let kind = match broken.fault {
        Fault::NotThisFormat => DamageKind::Unsupported,
        Fault::TooLarge(_) => DamageKind::Limit,
        _ => DamageKind::Unreadable,
    };
    let stopped = super::stream::is_stopped(broken);
    Seen { damage: Some(Damage { kind, text: broken.to_string() }), stopped, ..Seen::default() }
}

/// What is seen of a file that could not be opened.
pub(super) fn refused(error: &io::Error) -> Seen {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => DamageKind::Denied,
        _ => DamageKind::Unreadable,
    };
    Seen { damage: Some(Damage { kind, text: error.to_string() }), ..Seen::default() }
}

/// Returns the checksum of the file that stands beside it, with the name of where it stands; or why it cannot be used.
fn sum_beside(candidate: &Candidate) -> Option<(String, Result<String, String>)> {
    for ending in [".sha256", ".sha256sum"] {
        if let Some(text) = beside(&candidate.path, ending, 1 << 20) {
            let sum = text.and_then(|text| {
                let bare = String::from_utf8_lossy(&text).trim().to_ascii_lowercase();
                if bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Ok(bare);
                }
                sum_in(&text, &candidate.name)?.ok_or_else(|| "it has no checksum of this file".to_owned())
            });
            return Some((format!("{}{ending}", candidate.name), sum));
        }
    }
    // The list of a whole folder need not have every archive.
    let text = small(&candidate.path.parent()?.join("SHA256SUMS"), 16 << 20)?;
    let sum = text.and_then(|text| sum_in(&text, &candidate.name)).transpose()?;
    Some(("SHA256SUMS".to_owned(), sum))
}

/// Finds the checksum of a file in a list.
fn sum_in(text: &[u8], name: &str) -> Result<Option<String>, String> {
    let mut sums = Sums::read("", "", text);
    match sums.facts.wrong.take() {
        Some(wrong) => Err(wrong),
        None => Ok(sums.of_archive(name)),
    }
}

/// Says when a backup was made: by its manifest, its dumps, its name, its newest member, or the time of the file.
fn made(candidate: &Candidate, seen: &Seen, by: NewestBy) -> (Timestamp, TimeBy) {
    let written = candidate.written;
    // A time that is not exact counts only where it says something else than the time of the file.
    let roughly = |time: Timestamp| {
        let apart = time.duration_since(written).as_secs_f64().abs();
        if apart < SAME { written } else { time }
    };
    let named = candidate.named.and_then(utc).map(|time| (roughly(time), TimeBy::Name));
    let by_file = (written, TimeBy::Written);
    match by {
        NewestBy::Written => return by_file,
        NewestBy::Name => return named.unwrap_or(by_file),
        NewestBy::Content => {}
    }
    let dumped = seen.dumped.map(|(time, exact)| (if exact { time } else { roughly(time) }, TimeBy::Content));
    seen.created
        .map(|time| (time, TimeBy::Manifest))
        .or(dumped)
        .or(named)
        .or(seen.newest.map(|time| (time, TimeBy::Content)))
        .unwrap_or(by_file)
}

/// Says why an archive is not finished, if it is not.
fn unfinished(candidate: &Candidate, archive: &Archive, config: &Config, grew: bool) -> Option<String> {
    if let Some(suffix) = &config.complete_suffix {
        let mut mark = candidate.path.as_os_str().to_owned();
        mark.push(suffix);
        if !Path::new(&mark).exists() {
            return Some(format!("`{}{suffix}` is not there", candidate.name));
        }
    }
    if grew {
        return Some("it changed while it was read".into());
    }
    let is_short = match archive.damage.as_ref().map(|damage| damage.kind) {
        Some(kind) => kind == DamageKind::CutShort,
        None => archive.form == Form::Empty || archive.content.dumps.iter().any(|dump| dump.wrong.is_some()),
    };
    let is_fresh = (0.0..config.quiet.get().as_secs_f64()).contains(&archive.written);
    (is_short && is_fresh).then(|| "it is cut short, and was written to a moment ago".into())
}

/// Tells whether the name of a file says another thing than its first bytes.
pub(super) fn is_named_wrongly(archive: &Archive) -> bool {
    let name = archive.path.rsplit('/').next().unwrap_or_default();
    let is_packed_wrongly = name::says_packed(name).is_some_and(|says| says != archive.packed);
    // The text of an error is short; what is longer may be a dump of a database that is not known here.
    let is_no_dump = name::says_dump(name) && archive.form == Form::Unknown && archive.content.bytes < 4096;
    archive.form != Form::Empty
        && archive.form != Form::Encrypted
        && !archive.packed.is_empty()
        && (is_packed_wrongly || is_no_dump || (name::says_tar(name) && archive.form != Form::Tar))
}
