//! Dumps in the custom format of `pg_dump`, and the table of contents of its directory format: read to the end, block by
//! block, as PostgreSQL documents them in its source.

use std::collections::HashMap;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::facts::{Dump, DumpForm};
use super::fields::{Fields, Stop, wrong};
use super::stream::Bytes;
use crate::unpack::Broken;

/// What such a dump begins with.
pub(super) const MAGIC: &[u8] = b"PGDMP";
/// How many entries a table of contents may have.
const MOST_ENTRIES: u64 = 10_000_000;
/// The versions of the format whose layout is known: those of PostgreSQL 9.0 to 18.
const VERSIONS: std::ops::RangeInclusive<u8> = 12..=16;

/// Reads a dump, and returns the names of the files with its data, if they are others; if it is wrong, the rest of its
/// bytes is left.
pub(super) fn read(bytes: &mut dyn Bytes) -> Result<(Dump, Vec<String>), Broken> {
    let mut reader = Reader { fields: Fields::new(bytes), offset: 8, minor: 0, files: Vec::new() };
    let mut dump = Dump { form: DumpForm::PostgresCustom, ..Dump::default() };
    match reader.dump(&mut dump) {
        Ok(()) => {}
        Err(Stop::Wrong(text)) => dump.wrong = Some(text),
        Err(Stop::Packing(broken)) => return Err(broken),
    }
    dump.size = reader.fields.at;
    Ok((dump, reader.files))
}

/// One entry of the table of contents that has data, and where they are, if that was written down.
type Parts = HashMap<i64, Option<u64>>;

struct Reader<'a> {
    fields: Fields<'a>,
    /// How many bytes a place in the file has.
    offset: u8,
    /// The second part of the version of the format.
    minor: u8,
    /// The files of a dump that is a folder.
    files: Vec<String>,
}

/// How the data are packed.
#[derive(Clone, Copy, PartialEq)]
enum Packing {
    Deflate,
    /// Not at all, or in a way whose content is not looked at.
    Other,
}

impl Reader<'_> {
    fn dump(&mut self, dump: &mut Dump) -> Result<(), Stop> {
        let mut head = [0; 11];
        self.fields.exact(&mut head)?;
        let [b'P', b'G', b'D', b'M', b'P', major, minor, _, int, offset, format] = head else {
            return wrong("it does not begin as a dump in the custom format");
        };
        if major != 1 || !VERSIONS.contains(&minor) {
            return wrong(format!("version {major}.{minor} of the format is not known here"));
        }
        if !(1..=8).contains(&int) || !(1..=8).contains(&offset) {
            return wrong("the header gives its numbers a size that none has");
        }
        (self.fields.int, self.offset, self.minor) = (int, offset, minor);
        let is_folder = match format {
            1 => false,
            3 | 5 => true,
            other => return wrong(format!("the header says format {other}, which is none that has this header")),
        };
        let packing = self.packing()?;
        let mut time = [0; 7];
        for part in &mut time {
            *part = self.fields.number()?;
        }
        dump.made = moment(&time);
        dump.database = self.fields.text()?;
        dump.server = self.fields.text()?;
        dump.by = self.fields.text()?;
        let parts = self.contents(is_folder)?;
        dump.parts = Some(parts.len() as u64);
        if is_folder {
            dump.form = DumpForm::PostgresFolder;
            return self.nothing_left();
        }
        self.blocks(packing, parts)
    }

    fn packing(&mut self) -> Result<Packing, Stop> {
        if self.minor >= 15 {
            return match self.fields.byte()? {
                1 => Ok(Packing::Deflate),
                0 | 2 | 3 => Ok(Packing::Other),
                other => wrong(format!("the data are packed by method {other}, which is unknown")),
            };
        }
        Ok(if self.fields.number()? == 0 { Packing::Other } else { Packing::Deflate })
    }

    /// Reads the table of contents and returns the entries that have data.
    fn contents(&mut self, is_folder: bool) -> Result<Parts, Stop> {
        let count = self.fields.number()?;
        let Some(count) = u64::try_from(count).ok().filter(|count| *count <= MOST_ENTRIES) else {
            return wrong(format!("the table of contents has {count} entries, which cannot be"));
        };
        let mut parts = Parts::new();
        for _ in 0..count {
            let id = self.fields.number()?;
            let has_data = self.fields.number()? != 0;
            // Two numbers as texts, and its name.
            self.fields.skip_texts(3)?;
            let is_of_objects = self.fields.text()?.is_some_and(|sort| sort.starts_with("BLOBS"));
            self.fields.number()?;
            // How to make, to remove and to fill it; its schema and its tablespace.
            self.fields.skip_texts(5)?;
            if self.minor >= 14 {
                self.fields.skip_texts(1)?;
            }
            if self.minor >= 16 {
                self.fields.number()?;
            }
            // Its owner, and whether it has row numbers of old.
            self.fields.skip_texts(2)?;
            while self.fields.skip_text()? {}
            if is_folder {
                // The file with its data; a dump without one has an empty name.
                if let Some(file) = self.fields.text()?.filter(|file| !file.is_empty()) {
                    parts.insert(id, None);
                    // Large objects have a table of their own; the tar format names a file that it does not write.
                    let is_own = is_of_objects && !file.starts_with("blobs");
                    self.files.push(match (is_own, self.minor) {
                        (false, _) => file,
                        (true, ..=15) => "blobs.toc".to_owned(),
                        // From PostgreSQL 17 on there are several.
                        (true, _) => format!("blobs_{id}.toc"),
                    });
                }
                continue;
            }
            let state = self.fields.byte()?;
            let mut place = 0_u64;
            for index in 0..self.offset {
                place |= u64::from(self.fields.byte()?).checked_shl(u32::from(index) * 8).unwrap_or_default();
            }
            match state {
                1 if has_data => drop(parts.insert(id, None)),
                2 if has_data => drop(parts.insert(id, Some(place))),
                1..=3 => {}
                other => return wrong(format!("an entry of the table of contents has the state {other}")),
            }
        }
        Ok(parts)
    }

    /// Reads the blocks of data; each entry that has some has to be there, in its place.
    fn blocks(&mut self, packing: Packing, mut parts: Parts) -> Result<(), Stop> {
        loop {
            let start = self.fields.at;
            let Some(kind) = self.fields.byte_or_end()? else {
                break;
            };
            let id = self.fields.number()?;
            match parts.remove(&id) {
                Some(Some(place)) if place != start => {
                    return wrong(format!("the data of entry {id} are at byte {start} and not at {place}"));
                }
                Some(_) => {}
                None => {
                    return wrong(format!("data of entry {id} are there, which the table of contents does not have"));
                }
            }
            match kind {
                1 => self.data(packing)?,
                // Large objects, each with a number, the last one 0.
                3 => {
                    while self.fields.number()? != 0 {
                        self.data(packing)?;
                    }
                }
                other => return wrong(format!("a block at byte {start} is of the kind {other}, which is unknown")),
            }
        }
        match parts.len() {
            0 => Ok(()),
            1 => wrong("the data of 1 entry of the table of contents are missing"),
            count => wrong(format!("the data of {count} entries of the table of contents are missing")),
        }
    }

    /// Reads pieces with their lengths until one of no length, and unpacks them.
    fn data(&mut self, packing: Packing) -> Result<(), Stop> {
        let mut deflated = (packing == Packing::Deflate).then(Deflated::new);
        loop {
            if deflated.is_none() {
                self.fields.pass();
            }
            let length = self.fields.number()?;
            let Some(mut left) = u64::try_from(length).ok() else {
                return wrong(format!("a piece of data at byte {} says that it has {length} bytes", self.fields.at));
            };
            if left == 0 {
                break;
            }
            while left > 0 {
                let piece = self.fields.piece(left)?;
                if piece.is_empty() {
                    return self.fields.cut();
                }
                left -= piece.len() as u64;
                if let Some(deflated) = &mut deflated
                    && let Err(text) = deflated.feed(piece)
                {
                    return wrong(format!("data before byte {} do not unpack: {text}", self.fields.at));
                }
            }
        }
        match deflated {
            Some(deflated) if deflated.fed && !deflated.ended => {
                wrong(format!("packed data before byte {} have no end", self.fields.at))
            }
            _ => Ok(()),
        }
    }

    fn nothing_left(&mut self) -> Result<(), Stop> {
        match self.fields.byte_or_end()? {
            None => Ok(()),
            Some(_) => wrong("something stands behind the table of contents"),
        }
    }
}

/// Packed data of one entry, unpacked for their own checksum alone.
struct Deflated {
    inflate: Inflate,
    room: Vec<u8>,
    fed: bool,
    ended: bool,
}

impl Deflated {
    fn new() -> Self {
        Self { inflate: Inflate::new(true, 15), room: vec![0; 64 << 10], fed: false, ended: false }
    }

    fn feed(&mut self, mut piece: &[u8]) -> Result<(), String> {
        self.fed = true;
        loop {
            if self.ended {
                return if piece.is_empty() { Ok(()) } else { Err("more data stand behind their end".into()) };
            }
            let (read, made) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(piece, &mut self.room, InflateFlush::NoFlush);
            let used = (self.inflate.total_in() - read) as usize;
            piece = piece.get(used..).unwrap_or_default();
            let status = status.map_err(|error| self.inflate.error_message().unwrap_or(error.as_str()).to_owned())?;
            self.ended = status == Status::StreamEnd;
            let filled = self.inflate.total_out() - made == self.room.len() as u64;
            if piece.is_empty() && !filled && !self.ended {
                return Ok(());
            }
            if used == 0 && !filled && !self.ended {
                return Err("they make no progress".into());
            }
        }
    }
}

/// Returns the time of the header. It has no zone; whoever uses it knows that it may be off by half a day.
fn moment(parts: &[i64; 7]) -> Option<jiff::Timestamp> {
    let [second, minute, hour, day, month, year, _] = *parts;
    let small = |value: i64| i8::try_from(value).ok();
    let year = i16::try_from(year.checked_add(1900)?).ok()?;
    let date = jiff::civil::Date::new(year, small(month.checked_add(1)?)?, small(day)?).ok()?;
    let time = jiff::civil::Time::new(small(hour)?, small(minute)?, small(second.min(59))?, 0).ok()?;
    jiff::tz::Offset::UTC.to_timestamp(date.to_datetime(time)).ok()
}
