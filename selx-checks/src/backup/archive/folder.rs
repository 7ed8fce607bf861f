//! A dump in the directory format of `pg_dump`: a table of contents, and a file for the data of each table.

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::content::{Seen, Wanted};
use super::facts::{Damage, DamageKind, Form};
use super::find::{CONTENTS, Candidate};
use super::inspect::{Reading, Watch, open, refused};
use super::stream::{Bytes as _, Unpacked, is_stopped};
use super::{custom, name};
use crate::unpack::{Broken, Caps, Format};

/// How much of a list of large objects is read.
pub(super) const LONGEST_LIST: usize = 16 << 20;
/// Endings that the files with data may have, beside their name in the table of contents.
pub(super) const ENDINGS: &[&str] = &["", ".gz", ".zst", ".lz4"];

/// Reads the table of contents and every file that it names; returns the size of all and the mode of the folder.
pub(super) fn read(candidate: &Candidate, wanted: &Wanted, watch: &Watch<'_>) -> (Seen, u64, u32) {
    let mode = std::fs::symlink_metadata(&candidate.path).map_or(0, |meta| meta.mode() & 0o7777);
    let (mut seen, mut size) = (Seen { form: Form::DumpFolder, ..Seen::default() }, 0);
    if let Err(error) = whole(&candidate.path, wanted.caps, watch, &mut seen, &mut size) {
        seen = Seen { form: Form::DumpFolder, ..refused(&error) };
    }
    (seen, size, mode)
}

fn whole(folder: &Path, caps: Caps, watch: &Watch<'_>, seen: &mut Seen, size: &mut u64) -> io::Result<()> {
    let file = open(&folder.join(CONTENTS))?;
    *size += file.metadata()?.len();
    let contents =
        Unpacked::new(&mut Reading::new(file, watch, None)?, caps).and_then(|mut bytes| custom::read(&mut bytes));
    let (dump, files) = match contents {
        Ok(contents) => contents,
        Err(broken) => {
            damaged(seen, CONTENTS, &broken);
            return Ok(());
        }
    };
    seen.dumped = dump.made.map(|made| (made, false));
    seen.content.files = 1;
    seen.content.dumps.push(dump);
    let mut files = VecDeque::from(files);
    while let Some(name) = files.pop_front() {
        // A name with a folder in it is none that `pg_dump` gives.
        let is_inside = !name.contains('/') && name != "..";
        let found = ENDINGS.iter().map(|ending| format!("{name}{ending}")).find(|name| folder.join(name).is_file());
        let Some(name) = found.filter(|_| is_inside) else {
            if seen.content.missing.len() < 50 {
                seen.content.missing.push(name);
            }
            continue;
        };
        let file = open(&folder.join(&name))?;
        *size += file.metadata()?.len();
        seen.content.files += 1;
        let list = (name.starts_with("blobs") && name.ends_with(".toc")).then(Vec::new);
        let read = Unpacked::new(&mut Reading::new(file, watch, None)?, caps).and_then(|bytes| data(bytes, list));
        match read {
            Ok(data) => {
                seen.content.bytes += data.bytes;
                if let Some(text) = wrong(&name, data.format, data.bytes) {
                    let text = format!("{name}: {text}");
                    seen.damage.get_or_insert(Damage { kind: DamageKind::Damaged, text });
                }
                if data.omits {
                    let text = format!("{name}: it names more large objects than are looked for");
                    seen.damage.get_or_insert(Damage { kind: DamageKind::Limit, text });
                }
                files.extend(data.files);
            }
            Err(broken) => damaged(seen, &name, &broken),
        }
        if seen.stopped {
            break;
        }
    }
    seen.content.members = seen.content.files;
    Ok(())
}

/// What a file of data holds.
struct Data {
    format: Format,
    bytes: u64,
    /// The files that it names, where it is a list of large objects.
    files: Vec<String>,
    /// Whether it names more than are looked for.
    omits: bool,
}

/// Says what is wrong with a file of data of this name, as it was packed and with this many bytes.
pub(super) fn wrong(name: &str, format: Format, bytes: u64) -> Option<String> {
    if name::says_packed(name).is_some_and(|says| says != format.to_string()) {
        return Some("it is not packed as its name says".to_owned());
    }
    // The data of an empty table end in a line of their own; only a large object may be empty.
    let is_empty = bytes == 0 && !name.starts_with("blob_");
    is_empty.then(|| "it is empty, which not even the data of an empty table are".to_owned())
}

/// Returns the files that a list of large objects names.
pub(super) fn objects(list: &[u8]) -> Vec<String> {
    let list = String::from_utf8_lossy(list);
    // A number of the object, and the name of its file.
    let names = list.lines().filter_map(|line| line.split_once(' ')).map(|(_, name)| name.trim());
    names.filter(|name| name.starts_with("blob_")).map(str::to_owned).collect()
}

/// Reads a file of data to its end, into `list` if it names others.
fn data<R: io::Read>(mut bytes: Unpacked<R>, mut list: Option<Vec<u8>>) -> Result<Data, Broken> {
    let mut omits = false;
    loop {
        let piece = bytes.piece(u64::MAX)?;
        if piece.is_empty() {
            break;
        }
        match &mut list {
            Some(list) if list.len() < LONGEST_LIST => list.extend_from_slice(piece),
            Some(_) => omits = true,
            None => {}
        }
    }
    let files = objects(list.as_deref().unwrap_or_default());
    Ok(Data { format: bytes.format(), bytes: bytes.summary().decoded, files, omits })
}

fn damaged(seen: &mut Seen, name: &str, broken: &Broken) {
    seen.stopped |= is_stopped(broken);
    let damage = Damage { kind: DamageKind::Damaged, text: format!("{name}: {broken}") };
    seen.damage.get_or_insert(damage);
}
