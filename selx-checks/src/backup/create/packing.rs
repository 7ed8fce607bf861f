//! The archive as it is written: a manifest for which room is left, dumps of which the size comes last, files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};

use ring::digest::{Context as Hash, SHA256};
use selx_core::{Error, ErrorKind, Result};
use tokio_util::sync::CancellationToken;

use super::files::{Item, Sort};
use super::frames::{Bounds, Frames, Room};
use super::tar::{BLOCK, Head, padding};
use crate::regular;

/// The name of the manifest.
pub(super) const MANIFEST: &str = "manifest.json";
/// How much is read at once.
const PIECE: usize = 256 << 10;

/// The archive.
pub(super) struct Packing {
    frames: Frames,
    manifest: (Room, usize, i64),
    pub(super) sums: BTreeMap<String, String>,
    pub(super) sizes: BTreeMap<String, u64>,
    pub(super) changed: Vec<String>,
    pub(super) gone: Vec<String>,
}

impl Packing {
    /// Begins with room for a manifest of at most so many bytes.
    pub(super) fn begin(file: File, level: u8, workers: u32, bounds: Bounds, most: usize, now: i64) -> Result<Self> {
        let begun = || -> io::Result<_> {
            let mut frames = Frames::new(file, level, workers, bounds)?;
            let room = frames.leave(BLOCK + most + padding(most as u64))?;
            Ok((frames, room))
        };
        let (frames, room) = begun().map_err(unwritten)?;
        Ok(Self {
            frames,
            manifest: (room, most, now),
            sums: BTreeMap::new(),
            sizes: BTreeMap::new(),
            changed: Vec::new(),
            gone: Vec::new(),
        })
    }

    /// Returns how many bytes the archive has so far.
    pub(super) fn written(&self) -> u64 {
        self.frames.written()
    }

    /// Packs what comes out of a pipe until its end.
    pub(super) fn dump(
        &mut self,
        member: &str,
        mut from: io::PipeReader,
        now: i64,
        token: &CancellationToken,
    ) -> Result<()> {
        let room = self.frames.leave(BLOCK).map_err(unwritten)?;
        let mut hash = Hash::new(&SHA256);
        let mut size = 0_u64;
        let mut piece = vec![0; PIECE];
        loop {
            if token.is_cancelled() {
                return Err(Error::new(ErrorKind::Cancelled, "the run was stopped"));
            }
            let count = match from.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::from_io(error, "the output of `pg_dump`")),
            };
            let bytes = piece.get(..count).unwrap_or_default();
            hash.update(bytes);
            size += count as u64;
            self.frames.write(bytes).map_err(unwritten)?;
        }
        self.frames.write(&vec![0; padding(size)]).map_err(unwritten)?;
        self.frames.fill(&room, &Head::of_ours(member, size, now).block()).map_err(unwritten)?;
        self.note(member.to_owned(), hash, size);
        Ok(())
    }

    /// Packs a file, a folder or a link of the host. A file that changes meanwhile keeps the size of its header, and is told.
    pub(super) fn item(&mut self, item: &Item, token: &CancellationToken) -> Result<()> {
        if item.sort != Sort::File {
            return self.frames.write(&Head::of_item(item, 0).bytes()).map_err(unwritten);
        }
        let mut file = match regular::open(&item.path, false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.gone.push(format!("{}: it was gone when its turn came", item.shown));
                return Ok(());
            }
            Err(error) => return Err(Error::from_io(error, format!("`{}`", item.shown))),
        };
        let look = |file: &File| file.metadata().and_then(|meta| Ok((meta.len(), meta.modified()?)));
        let failed = |error| Error::from_io(error, format!("`{}`", item.shown));
        let before = look(&file).map_err(failed)?;
        self.frames.write(&Head::of_item(item, before.0).bytes()).map_err(unwritten)?;
        let mut hash = Hash::new(&SHA256);
        let mut left = before.0;
        let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE).max(1))];
        let mut is_short = false;
        while left > 0 {
            if token.is_cancelled() {
                return Err(Error::new(ErrorKind::Cancelled, "the run was stopped"));
            }
            let most = usize::try_from(left).unwrap_or(PIECE).min(piece.len());
            let room = piece.get_mut(..most).unwrap_or_default();
            let count = if is_short { 0 } else { file.read(room).map_err(failed)? };
            // What was cut off while it was read is made up with zeros: its header is written.
            is_short |= count == 0;
            let count = if is_short {
                room.fill(0);
                most
            } else {
                count
            };
            let bytes = piece.get(..count).unwrap_or_default();
            hash.update(bytes);
            self.frames.write(bytes).map_err(unwritten)?;
            left -= count as u64;
        }
        self.frames.write(&vec![0; padding(before.0)]).map_err(unwritten)?;
        if is_short || look(&file).map_err(failed)? != before {
            self.changed.push(item.shown.clone());
        }
        self.note(String::from_utf8_lossy(&item.member).into_owned(), hash, before.0);
        Ok(())
    }

    /// Ends the archive with the manifest, and returns when all of it is on the disk.
    pub(super) fn finish(mut self, manifest: &[u8]) -> Result<()> {
        let (room, most, now) = &self.manifest;
        if manifest.len() > *most {
            let message = format!("the manifest has {} bytes, and there is room for {most}", manifest.len());
            return Err(Error::new(ErrorKind::Bug, message));
        }
        // Spaces behind it are no part of what it says.
        let mut bytes = Head::of_ours(MANIFEST, *most as u64, *now).block().to_vec();
        bytes.extend(manifest);
        bytes.resize(BLOCK + *most, b' ');
        bytes.resize(BLOCK + *most + padding(*most as u64), 0);
        let finished = || -> io::Result<()> {
            self.frames.write(&[0; 2 * BLOCK])?;
            self.frames.fill(room, &bytes)?;
            let file = self.frames.finish()?;
            file.sync_all()?;
            // What is looked at next is to come from the disk.
            let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
            Ok(())
        };
        finished().map_err(unwritten)
    }

    fn note(&mut self, member: String, hash: Hash, size: u64) {
        use std::fmt::Write as _;
        let sum = hash.finish().as_ref().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        self.sums.insert(member.clone(), sum);
        self.sizes.insert(member, size);
    }
}

/// Says that the archive could not be written, and why.
fn unwritten(error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::QuotaExceeded | io::ErrorKind::StorageFull => ErrorKind::Limit,
        _ => ErrorKind::Local,
    };
    let advice = match error.kind() {
        io::ErrorKind::QuotaExceeded => "raise `max-bytes` if it is right that it is so large",
        io::ErrorKind::StorageFull => "make room on that disk, or write to another one",
        _ => "look at the disk of the folder, and at the kernel log",
    };
    Error::new(kind, "the archive could not be written").advice(advice).source_error(error)
}
