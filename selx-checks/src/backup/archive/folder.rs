//! A dump in the directory format of `pg_dump`: a table of contents, and a file for the data of each table.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::content::{Seen, Wanted};
use super::custom;
use super::facts::{Damage, DamageKind, Form};
use super::find::{CONTENTS, Candidate};
use super::inspect::{Reading, Watch, open, refused};
use super::stream::{Bytes as _, Unpacked, is_stopped};
use crate::unpack::{Broken, Caps};

/// Endings that the files with data may have, beside their name in the table of contents.
const ENDINGS: &[&str] = &["", ".gz", ".zst", ".lz4"];

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
    for name in files {
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
        let read = Unpacked::new(&mut Reading::new(file, watch, None)?, caps).and_then(|mut bytes| {
            while !bytes.piece(u64::MAX)?.is_empty() {}
            Ok(bytes.summary().decoded)
        });
        match read {
            Ok(bytes) => seen.content.bytes += bytes,
            Err(broken) => damaged(seen, &name, &broken),
        }
        if seen.stopped {
            break;
        }
    }
    seen.content.members = seen.content.files;
    Ok(())
}

fn damaged(seen: &mut Seen, name: &str, broken: &Broken) {
    seen.stopped |= is_stopped(broken);
    let damage = Damage { kind: DamageKind::Damaged, text: format!("{name}: {broken}") };
    seen.damage.get_or_insert(damage);
}
