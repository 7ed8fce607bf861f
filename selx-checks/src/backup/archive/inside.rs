//! What a file in an archive holds: a dump, a part of one, or something packed that may hold one.

use jiff::Timestamp;

use super::content::{START, Seen, Wanted, is_of_member};
use super::facts::{Dump, DumpForm};
use super::scattered::is_list;
use super::stream::{Bytes, Member, Peeked, Reading, Unpacked};
use super::tar::Entry;
use super::{custom, name, plain, strange};
use crate::unpack::{Broken, Caps, Format};

/// How many dumps of one archive are told of.
const MOST_DUMPS: usize = 50;

/// Looks into a file.
pub(super) fn file(
    content: &mut Member,
    entry: &Entry,
    name: &str,
    wanted: &Wanted,
    seen: &mut Seen,
) -> Result<(), Broken> {
    if entry.size == 0 {
        seen.scattered.saw(name, Format::Plain, Ok(0));
        return Ok(());
    }
    let is_restore_script = name.ends_with("/restore.sql") || name == "restore.sql";
    let mut peeked = Peeked::new(content, START)?;
    let files = seen.scattered.named.len();
    let format = Format::of(peeked.start());
    if !matches!(format, Format::Plain | Format::Bzip2) {
        let mut outside = None;
        let inner = nested(Reading::new(&mut peeked, &mut outside), wanted.caps, seen);
        if let Some(outside) = outside {
            return Err(outside);
        }
        seen.scattered.saw(name, format, inner.as_ref().map(|inner| inner.bytes));
        match inner {
            Ok(Nested { dump: Some(dump), .. }) => took(seen, dump, name, entry.modified),
            // Packed nothing is as good a dump as nothing.
            Ok(Nested { bytes: 0, .. }) if name::says_dump(name) => seen.content.empty.push(name.to_owned()),
            Ok(inner) => no_dump(&inner.start, inner.bytes, entry, name, wanted, seen),
            Err(broken) if name::says_dump(name) => {
                let dump = Dump { wrong: Some(broken.to_string()), ..Dump::default() };
                took(seen, dump, name, entry.modified);
            }
            Err(broken) => seen.content.broken.add(|| format!("{name}: {broken}")),
        }
    } else if is_list(name) {
        seen.scattered.list(name, &mut peeked)?;
    } else if !is_restore_script {
        seen.scattered.saw(name, format, Ok(entry.size));
        match dump(&mut peeked, seen)? {
            Some(dump) => took(seen, dump, name, entry.modified),
            None => {
                let start = peeked.start().to_vec();
                no_dump(&start, entry.size, entry, name, wanted, seen);
            }
        }
    }
    let folder = name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    for file in seen.scattered.named.iter_mut().skip(files) {
        file.insert_str(0, &folder);
    }
    Ok(())
}

/// Reads a dump, if it is one.
pub(super) fn dump(bytes: &mut Peeked, seen: &mut Seen) -> Result<Option<Dump>, Broken> {
    if bytes.start().starts_with(custom::MAGIC) {
        let (dump, files) = custom::read(bytes)?;
        seen.scattered.named.extend(files);
        return Ok(Some(dump));
    }
    plain::form_of(bytes.start()).map(|form| plain::read(bytes, form)).transpose()
}

/// Takes a dump into what was seen.
pub(super) fn took(seen: &mut Seen, mut dump: Dump, member: &str, changed: Option<Timestamp>) {
    // A time without a zone may be off by half a day.
    let exact = changed.is_some() || dump.form != DumpForm::PostgresCustom;
    if let Some(made) = changed.or(dump.made)
        && seen.dumped.is_none_or(|(newest, _)| made > newest)
    {
        seen.dumped = Some((made, exact));
    }
    member.clone_into(&mut dump.member);
    let dumps = &mut seen.content.dumps;
    if dumps.len() < MOST_DUMPS {
        dumps.push(dump);
    } else if dump.wrong.is_some()
        && let Some(whole) = dumps.iter_mut().find(|dump| dump.wrong.is_none())
    {
        // What is wrong is told before what is well.
        *whole = dump;
    }
}

/// Judges a file that does not begin as a dump does. One that is expected has to; a `.sql` of which nothing is said may be a
/// script, and other programs call what they write a dump too.
fn no_dump(start: &[u8], bytes: u64, entry: &Entry, name: &str, wanted: &Wanted, seen: &mut Seen) {
    if !name::says_dump(name) {
        return;
    }
    let is_expected = wanted.expect.iter().any(|pattern| is_of_member(pattern, name));
    let is_script = name::ending(name).is_some_and(|ending| ending.starts_with(".sql"));
    let why = match strange::failed(start, bytes) {
        _ if is_expected => "it does not begin as a dump does",
        _ if is_script => return,
        Some(why) => why,
        None => {
            seen.content.strange.add(|| name.to_owned());
            return;
        }
    };
    took(seen, Dump { wrong: Some(why.to_owned()), ..Dump::default() }, name, entry.modified);
}

/// What a packed member holds.
struct Nested {
    dump: Option<Dump>,
    bytes: u64,
    start: Vec<u8>,
}

/// Unpacks a packed member to its end.
fn nested(reading: Reading, caps: Caps, seen: &mut Seen) -> Result<Nested, Broken> {
    let mut inner = Unpacked::new(reading, caps)?;
    let (dump, start) = {
        let mut peeked = Peeked::new(&mut inner, START)?;
        let dump = dump(&mut peeked, seen)?;
        while !peeked.piece(u64::MAX)?.is_empty() {}
        (dump, peeked.start().to_vec())
    };
    Ok(Nested { dump, bytes: inner.summary().decoded, start })
}
