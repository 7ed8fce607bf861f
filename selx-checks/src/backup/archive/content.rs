//! One pass over what an archive holds.

use super::facts::{Content, Damage, DamageKind, Form, Level};
use super::hazard::Names;
use super::header::{self, BLOCK, Kind};
use super::manifest::{self, Sums};
use super::scattered::Scattered;
use super::stream::{Bytes, Member, Peeked, is_stopped};
use super::tar::{Entry, Tar, Wrong};
use super::{custom, inside, name, plain};
use crate::setting::NamePattern;
use crate::unpack::{Broken, Caps, Fault};
use jiff::Timestamp;

/// How much of a content tells what it is.
pub(super) const START: usize = 1024;

/// What is asked of an archive.
pub(super) struct Wanted<'a> {
    pub(super) expect: &'a [NamePattern],
    pub(super) caps: Caps,
    pub(super) most_members: u64,
    /// The name of the file.
    pub(super) name: &'a str,
    /// What was written down of the members, where that is known before they are read.
    pub(super) sums: Option<Sums>,
    /// Members that were changed later than this say nothing of when the backup was made.
    pub(super) written: Timestamp,
}

/// What a pass saw.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) form: Form,
    pub(super) content: Content,
    pub(super) damage: Option<Damage>,
    pub(super) sums: Option<Sums>,
    /// When the newest of the dumps in it was made, and whether that is exact.
    pub(super) dumped: Option<(Timestamp, bool)>,
    /// When its manifest says that it was made.
    pub(super) created: Option<Timestamp>,
    /// When the newest of its members was changed.
    pub(super) newest: Option<Timestamp>,
    /// A manifest came behind files that would have to be compared with it: another pass is needed.
    pub(super) again: bool,
    /// It was told to stop.
    pub(super) stopped: bool,
    pub(super) unmatched: Vec<usize>,
    pub(super) names: Names,
    /// Files with the data of dumps.
    pub(super) scattered: Scattered,
}

impl Seen {
    fn damaged(&mut self, kind: DamageKind, text: impl Into<String>) {
        self.damage.get_or_insert(Damage { kind, text: text.into() });
    }

    fn broken(&mut self, broken: &Broken) {
        self.stopped |= is_stopped(broken);
        let kind = match &broken.fault {
            Fault::NotThisFormat => DamageKind::Unsupported,
            Fault::CutShort => DamageKind::CutShort,
            Fault::TrailingBytes => DamageKind::Trailing,
            Fault::TooLarge(crate::unpack::Cap::Memory(_)) => DamageKind::Limit,
            Fault::TooLarge(_) => DamageKind::TooLarge,
            Fault::Read(_) => DamageKind::Unreadable,
            Fault::BadChecksum(_) | Fault::BadLength(_) | Fault::BadData(_) => DamageKind::Damaged,
        };
        // Where the packing is damaged, whatever else looks wrong is so because of that.
        self.damage = Some(Damage { kind, text: broken.to_string() });
    }

    /// Says how far the content proves itself, a manifest left out.
    pub(super) fn level(&self) -> Level {
        let content = &self.content;
        let is_whole = self.damage.is_none()
            && (matches!(self.form, Form::Tar | Form::Dump | Form::DumpFolder)
                // What is not known is at least under the checksum that it was packed with.
                || (self.form == Form::Unknown && content.checksummed))
            && content.missing.is_empty()
            && content.empty.is_empty()
            && content.files > 0
            && content.dumps.iter().all(|dump| dump.wrong.is_none());
        if is_whole { Level::Decoded } else { Level::Exists }
    }
}

/// Reads a content to its end, whatever it is.
pub(super) fn examine(bytes: &mut dyn Bytes, wanted: &Wanted) -> Seen {
    let mut seen = Seen { sums: wanted.sums.clone(), unmatched: (0..wanted.expect.len()).collect(), ..Seen::default() };
    if let Err(broken) = whole(bytes, wanted, &mut seen) {
        seen.broken(&broken);
    }
    if seen.damage.is_none() {
        match seen.form {
            Form::Tar => missing(wanted, &mut seen),
            Form::Dump | Form::Encrypted | Form::Unknown => {
                // What is no archive has one member: itself.
                let own = wanted
                    .name
                    .rsplit_once('.')
                    .filter(|_| name::says_packed(wanted.name).is_some_and(|how| how != "plain"));
                let own = own.map_or(wanted.name, |(own, _)| own);
                let others = wanted.expect.iter().filter(|pattern| !is_of_member(pattern, own));
                seen.content.missing.extend(others.map(ToString::to_string));
            }
            Form::Empty | Form::DumpFolder => {}
        }
    }
    seen
}

fn whole(bytes: &mut dyn Bytes, wanted: &Wanted, seen: &mut Seen) -> Result<(), Broken> {
    let mut bytes = Peeked::new(bytes, START)?;
    let start = bytes.start();
    seen.form = match form_of(start) {
        Form::Unknown if name::says_tar(wanted.name) && start.len() < BLOCK => {
            seen.damaged(DamageKind::CutShort, "it ends before the first header of tar does");
            Form::Tar
        }
        form => form,
    };
    match seen.form {
        Form::Tar => tar(&mut bytes, wanted, seen)?,
        Form::Dump => {
            let dump = inside::dump(&mut bytes, seen)?;
            seen.content.files = 1;
            if let Some(dump) = dump {
                inside::took(seen, dump, "", None);
            }
        }
        Form::Encrypted | Form::Unknown => seen.content.files = 1,
        Form::Empty | Form::DumpFolder => {}
    }
    // Behind what is damaged, the packing may tell why; another pass begins anew.
    while !seen.again && !bytes.piece(u64::MAX)?.is_empty() {}
    Ok(())
}

/// Tells what a content is by its first bytes.
fn form_of(start: &[u8]) -> Form {
    const ENCRYPTED: &[&[u8]] = &[
        b"age-encryption.org/v1",
        b"-----BEGIN AGE ENCRYPTED FILE-----",
        b"-----BEGIN PGP MESSAGE-----",
        b"Salted__",
        // A session key for somebody's public key, or for a password, as GnuPG begins.
        &[0x85, 0x01],
        &[0x85, 0x02],
        &[0x84],
        &[0x8c],
    ];
    if start.is_empty() {
        return Form::Empty;
    }
    if let Some(block) = start.first_chunk::<BLOCK>()
        && (header::is_header(block) || header::is_zero(block) || block.get(257..262) == Some(b"ustar"))
    {
        return Form::Tar;
    }
    if start.starts_with(custom::MAGIC) || plain::form_of(start).is_some() {
        return Form::Dump;
    }
    if ENCRYPTED.iter().any(|magic| start.starts_with(magic)) { Form::Encrypted } else { Form::Unknown }
}

fn tar(bytes: &mut dyn Bytes, wanted: &Wanted, seen: &mut Seen) -> Result<(), Broken> {
    let mut tar = Tar::new(bytes);
    loop {
        let wrong = match tar.next() {
            Ok(None) => return Ok(()),
            Ok(Some(_)) if seen.content.members >= wanted.most_members => {
                let text =
                    format!("it has more than {} members, and the others were not looked at", wanted.most_members);
                seen.damaged(DamageKind::Limit, text);
                return Ok(());
            }
            Ok(Some(entry)) => match member(&mut tar, &entry, wanted, seen) {
                Ok(()) if seen.again => return Ok(()),
                Ok(()) => continue,
                Err(wrong) => wrong,
            },
            Err(wrong) => wrong,
        };
        let at = tar.at();
        match wrong {
            Wrong::Packing(broken) => return Err(broken),
            Wrong::Cut(text) => seen.damaged(DamageKind::CutShort, text),
            Wrong::NoEnd => seen.damaged(
                DamageKind::CutShort,
                format!(
                    "the mark of the end is missing behind member {}: more may have followed",
                    seen.content.members
                ),
            ),
            Wrong::Damaged(text) => {
                seen.damaged(DamageKind::Damaged, format!("{text} (at byte {at} of the tar archive)"))
            }
            Wrong::Trailing => seen.damaged(
                DamageKind::Trailing,
                format!(
                    "something stands behind the end of the tar archive, from byte {at} on: `tar` does not read it"
                ),
            ),
        }
        return Ok(());
    }
}

fn member(tar: &mut Tar, entry: &Entry, wanted: &Wanted, seen: &mut Seen) -> Result<(), Wrong> {
    seen.content.members += 1;
    seen.names.look(entry, &mut seen.content);
    let name = String::from_utf8_lossy(&entry.name).into_owned();
    if entry.kind != Kind::Note {
        expected(&name, entry, wanted, seen);
    }
    if let Some(changed) = entry.modified
        && entry.kind == Kind::File
        && changed <= wanted.written
        && seen.newest.is_none_or(|newest| changed > newest)
    {
        seen.newest = Some(changed);
    }
    let mut content = tar.content(entry, seen.sums.is_some() && entry.kind == Kind::File);
    let mut is_manifest = false;
    if entry.kind == Kind::File {
        let before = seen.content.files;
        seen.content.files += 1;
        is_manifest = seen.sums.is_none() && entry.size <= manifest::LONGEST && manifest::is_manifest(&name);
        if is_manifest {
            seen.sums = Some(sums(&mut content, &name)?);
            seen.again = before > 0;
        } else {
            inside::file(&mut content, entry, &name, wanted, seen)?;
        }
    }
    let (missing, hash) = content.finish()?;
    if let (Some(sums), Some(hash), 0) = (&mut seen.sums, hash, missing)
        && !is_manifest
        && !manifest::is_manifest(&name)
    {
        sums.compare(&name, &hash);
    }
    tar.was_read(entry, missing)
}

/// Reads a manifest in the archive.
fn sums(content: &mut Member, name: &str) -> Result<Sums, Broken> {
    let mut text = Vec::new();
    loop {
        let piece = content.piece(u64::MAX)?;
        if piece.is_empty() {
            break;
        }
        text.extend_from_slice(piece);
    }
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    Ok(Sums::read(name, folder, &text))
}

/// Tells whether a member matches: its whole path, or its last part where the pattern has no slash.
pub(super) fn is_of_member(pattern: &NamePattern, path: &str) -> bool {
    let path = path.trim_start_matches("./").trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let text = pattern.as_str();
    // As `tar -t` shows a name.
    let (before, behind) = (if text.starts_with("./") { "./" } else { "" }, if text.ends_with('/') { "/" } else { "" });
    let as_shown = || pattern.matches(&format!("{before}{path}{behind}"));
    pattern.matches(path)
        || (!text.contains('/') && pattern.matches(last))
        || (before.len() + behind.len() > 0 && as_shown())
}

/// Compares a member with what is expected.
fn expected(name: &str, entry: &Entry, wanted: &Wanted, seen: &mut Seen) {
    let matching = |index: &usize| wanted.expect.get(*index).is_some_and(|pattern| is_of_member(pattern, name));
    let is_expected = wanted.expect.iter().any(|pattern| is_of_member(pattern, name));
    seen.unmatched.retain(|index| !matching(index));
    let is_file = entry.kind == Kind::File;
    if is_file && entry.real_size == 0 && (is_expected || name::says_dump(name)) && seen.content.empty.len() < 50 {
        seen.content.empty.push(name.to_owned());
    }
}

/// Writes down what is not there at the end.
fn missing(wanted: &Wanted, seen: &mut Seen) {
    let patterns = seen.unmatched.iter().filter_map(|index| wanted.expect.get(*index));
    seen.content.missing.extend(patterns.map(ToString::to_string));
    let names = &seen.names;
    let is_there = |name: &str| names.has(name.as_bytes());
    if let Some((kind, text)) = seen.scattered.judge(is_there, &mut seen.content.missing) {
        seen.damaged(kind, text);
    }
}
