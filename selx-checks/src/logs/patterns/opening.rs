//! One file after the other is opened, and it is decided what of it is to be read.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::facts::{FileSeen, Part, Trouble};
use super::look::{Look, Looking, Source};
use super::passed_over::{self, Whose};
use crate::logs::colours;
use crate::logs::files::{self, Found, NotOpened, shown};
use crate::logs::mark::{self, Begin, Identity, Known, Mark};
use crate::logs::scan::{self, Log};
use crate::logs::stamp::{Reader, Zones};
use crate::logs::window;

/// How many files can be known again at the next look.
pub(super) const MARKS: usize = 2_000;
/// How long a file was not written to if nobody is in the middle of a line.
const AT_REST: SignedDuration = SignedDuration::from_mins(1);
/// How far a compressed file may have been written before the window and still hold lines of it.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A file with what is known of it before it is searched.
pub(super) struct Opened {
    pub(super) title: String,
    pub(super) seen: FileSeen,
    pub(super) log: Option<Log>,
    log_name: String,
    identity: Option<Identity>,
    /// How far it had been read before, if it is known.
    known: Option<u64>,
    /// The file, for the digest of its last bytes, and for its size afterwards.
    pub(super) file: Option<Arc<File>>,
    pub(super) packed: bool,
}

impl Looking<'_> {
    /// Tells whether a file is one that was not opened yet.
    pub(super) fn is_new(&self, found: &Found) -> bool {
        let metadata = std::fs::symlink_metadata(self.look.host.0.path(&found.path));
        metadata
            .is_ok_and(|metadata| metadata.is_file() && !self.inodes.contains_key(&(metadata.dev(), metadata.ino())))
    }

    /// Opens a file and decides what of it is to be read.
    pub(super) fn open(&mut self, found: &Found, source: &Source) -> Option<Opened> {
        let path = shown(&found.path);
        // What was named itself has to be looked at.
        let is_wanted = found.named && !source.optional;
        let file = match files::open(found, &self.look.host) {
            Ok(file) => file,
            Err(NotOpened::Gone) if is_wanted && self.look.host.0.path(&found.path).is_symlink() => {
                self.facts.unreadable.push((path, "it is a link to a file that is not there".to_owned()));
                return None;
            }
            // Removed, or given another name, under which it is found when the folder is read again.
            Err(NotOpened::Gone) => return None,
            Err(NotOpened::NotAFile(what)) if is_wanted => {
                self.facts.unreadable.push((path, format!("it is {what}")));
                return None;
            }
            Err(NotOpened::NotAFile(what)) => {
                self.facts.passed_over.push((path, format!("is {what}")));
                return None;
            }
            Err(NotOpened::Failed(error)) => {
                self.facts.unreadable.push((path, error.to_string()));
                return None;
            }
        };
        match self.decide(found, source, &path, file) {
            Ok(opened) => opened,
            Err(error) => {
                self.facts.unreadable.push((path, error.to_string()));
                None
            }
        }
    }

    fn decide(&mut self, found: &Found, source: &Source, path: &str, file: File) -> std::io::Result<Option<Opened>> {
        let metadata = file.metadata()?;
        let inode = (metadata.dev(), metadata.ino());
        if let Some(other) = self.inodes.insert(inode, path.to_owned()) {
            self.facts.passed_over.push((path.to_owned(), format!("is the same file as {other}")));
            return Ok(None);
        }
        let (size, file) = (metadata.len(), Arc::new(file));
        let mut seen = FileSeen {
            path: path.to_owned(),
            inode,
            size,
            written: metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok()),
            ..FileSeen::default()
        };
        let begin = match mark::begin(&file) {
            Ok(begin) => begin,
            Err(error) => {
                // What the system says is a number; what a decoder says has none.
                let trouble = Trouble { at: 0, text: error.to_string(), packing: error.raw_os_error().is_none() };
                let seen = FileSeen { trouble: Some(trouble), ..seen };
                return Ok(Some(self.look.opened(found, source, seen, None, None, None, true)));
            }
        };
        if let Some(packing) = passed_over::other_packing(&begin.bytes).filter(|_| !begin.packed) {
            if seen.written.is_some_and(|at| at < self.look.from - HOUR) {
                seen.part = Part::Older;
                return Ok(Some(self.look.opened(found, source, seen, None, None, None, true)));
            }
            let why = format!("is packed by {packing}, which is not unpacked here");
            self.facts.unsearchable.push((path.to_owned(), why));
            return Ok(None);
        }
        if let Some(why) = passed_over::not_text(&begin.bytes) {
            self.facts.unsearchable.push((path.to_owned(), why.to_owned()));
            return Ok(None);
        }
        let latest = seen
            .written
            .unwrap_or(Timestamp::MAX)
            .min(Timestamp::from_microsecond(self.look.span.now).unwrap_or(Timestamp::MAX));
        // A clock that is a little off writes a line a little later than its file.
        let latest = latest.checked_add(SignedDuration::from_hours(24)).unwrap_or(latest);
        let mut reader = Reader::new(Zones::new(self.look.zone.clone(), latest));
        match passed_over::whose(&file, inode, &begin, &self.own, &reader)? {
            Whose::Others => {}
            Whose::Ours(why) => {
                self.facts.passed_over.push((path.to_owned(), why.to_owned()));
                return Ok(None);
            }
            Whose::Both => {
                let why = "holds reports of selx, which repeat lines of logs, beside lines of other programs";
                self.facts.unsearchable.push((path.to_owned(), why.to_owned()));
                return Ok(None);
            }
        }
        let identity = Identity::of(&metadata, &begin);
        let is_dated = reader.learn(begin.bytes.split(|byte| *byte == b'\n')) > 0;
        let copied = self.copied(found, &identity, (!begin.packed).then_some(size)).filter(|_| is_dated);
        // A copy that was made while the original went on has less than that: the original is read from where it ends.
        let shared = copied.as_ref().and_then(|(_, other)| *other).filter(|other| !begin.packed && size > *other);
        if let (Some((other, _)), Some(_)) = (&copied, shared) {
            self.facts
                .passed_over
                .push((path.to_owned(), format!("begins as {other} does: what both have is read there")));
        }
        if let Some((other, _)) = copied.filter(|_| shared.is_none()) {
            // Compressed or copied right now: both are there for a moment, and hold the same.
            seen.part = Part::Copy;
            self.facts.passed_over.push((path.to_owned(), format!("begins as {other} does, and is a copy of it")));
            self.known(&file, size, inode, &begin, &reader);
            return Ok(Some(self.look.opened(found, source, seen, Some(identity), None, Some(file), begin.packed)));
        }
        let known = match self.grown(found, inode, &begin, is_dated) {
            Some(read) => Known::Up(read),
            None => self.known(&file, size, inode, &begin, &reader),
        };
        let (from, new) = match known {
            Known::Up(read) => (read.max(shared.unwrap_or(0)), true),
            Known::Copy | Known::Not if shared.is_some() => (shared.unwrap_or(0), self.look.marks.is_some()),
            Known::Whole => {
                seen.part = Part::New;
                seen.read = None;
                return Ok(Some(self.look.opened(found, source, seen, Some(identity), None, Some(file), begin.packed)));
            }
            Known::Copy => {
                seen.part = Part::Copy;
                return Ok(Some(self.look.opened(found, source, seen, Some(identity), None, Some(file), begin.packed)));
            }
            Known::Not => {
                if found.path != found.log {
                    self.fresh.insert(shown(&found.log));
                }
                (0, false)
            }
        };
        let mut behind_hole = false;
        let mut coloured = colours::are_in(&begin.bytes);
        let ranges = if begin.packed {
            seen.timed = is_dated;
            let written = seen.written.map_or(i64::MAX, Timestamp::as_microsecond);
            if !new && written < self.look.span.from.saturating_sub(HOUR.as_micros() as i64) {
                seen.part = Part::Older;
                Vec::new()
            } else {
                seen.part = if new { Part::New } else { Part::Whole };
                vec![(from, u64::MAX)]
            }
        } else {
            let habits = window::learn(&file, size, &mut reader);
            (seen.timed, coloured) = (habits.timed, coloured || habits.coloured);
            let part =
                if new { window::Part::Some(from, size) } else { self.part(&file, size, &mut reader, seen.timed) };
            let range = match part {
                window::Part::Whole => (from, size),
                window::Part::Some(begin, end) => (begin.max(from), end),
                window::Part::Older => (0, 0),
            };
            seen.part = match part {
                _ if new => Part::New,
                window::Part::Whole if from > 0 => Part::Window,
                window::Part::Whole => Part::Whole,
                window::Part::Some(0, to) if to == size => Part::Whole,
                window::Part::Some(..) => Part::Window,
                window::Part::Older => Part::Older,
            };
            let ranges = if range.0 < range.1 { scan::without_holes(&file, &metadata, range) } else { Vec::new() };
            // Behind a hole there is no rest of a line that began before.
            behind_hole = ranges.first().is_some_and(|first| first.0 > range.0);
            ranges
        };
        seen.read = ranges.first().zip(ranges.last()).map(|(first, last)| (first.0, last.1));
        let log = if ranges.is_empty() {
            None
        } else {
            let reader = seen.timed.then_some(reader);
            let file = Arc::clone(&file);
            // What is still being written may have half a line at its end, which the next look sees whole.
            let is_at_rest = seen.written.is_some_and(|written| written < self.look.looked - AT_REST);
            let to_the_last = !self.look.marking || begin.packed || is_at_rest || found.path != found.log;
            let (packed, dress) = (begin.packed, source.dress);
            let goes_on = new || shared.is_some() || behind_hole;
            Some(Log { file, ranges, packed, dress, coloured, goes_on, reader, to_the_last })
        };
        let opened = self.look.opened(found, source, seen, Some(identity), log, Some(file), begin.packed);
        Ok(Some(Opened { known: new.then_some(from), ..opened }))
    }

    fn part(&self, file: &File, size: u64, reader: &mut Reader, timed: bool) -> window::Part {
        if timed {
            window::part(file, size, reader, self.look.span.from, self.look.span.to)
        } else {
            window::Part::Whole
        }
    }

    /// Returns the part of the same log that begins with the same bytes, if there is one, and its size where it is not
    /// packed. Where lines have times, two that begin alike for so long are the same; a head without one may be that of
    /// every part.
    fn copied(&mut self, found: &Found, identity: &Identity, size: Option<u64>) -> Option<(String, Option<u64>)> {
        if identity.head < mark::HEAD {
            return None;
        }
        let key = (shown(&found.log), identity.digest.clone());
        let first = self.heads.entry(key).or_insert_with(|| (shown(&found.path), size));
        (first.0 != shown(&found.path)).then(|| first.clone())
    }

    /// Tells how far this very look has read a log that was short then and is met again as a packed part: rotation was
    /// faster. What is known of the part takes the place of what was known of the log.
    fn grown(&mut self, found: &Found, inode: (u64, u64), begin: &Begin, is_dated: bool) -> Option<u64> {
        if !begin.packed || !is_dated {
            return None;
        }
        let log = shown(&found.log);
        let is_short = |mark: &Mark| (1..mark::HEAD).contains(&mark.file.head) && mark.log == log;
        let index = self.facts.marks.iter().position(|mark| is_short(mark) && mark.file.begins(inode, begin))?;
        self.facts.marks.remove(index).read
    }

    /// Finds the mark of the last look that is of this file, the one of the same inode first.
    fn known(&mut self, file: &File, size: u64, inode: (u64, u64), begin: &Begin, reader: &Reader) -> Known {
        let Some(marks) = &self.look.marks else { return Known::Not };
        let mut order: Vec<usize> = (0..marks.len()).collect();
        // A file that was empty is known by its inode alone, which may be another file's by now: what bytes tell goes first.
        order.sort_by_key(|index| {
            let mark = marks.get(*index).map(|mark| &mark.file);
            let was_empty = mark.is_some_and(|file| file.head == 0);
            (was_empty, self.claimed.contains(index), mark.is_none_or(|file| file.inode != inode))
        });
        for index in order {
            let Some(mark) = marks.get(index) else { continue };
            let known = mark.knows(file, size, inode, begin);
            // A few bytes without a time, such as a title, may stand at the head of every part of a log.
            let tells = || {
                let head = begin.bytes.get(..mark.file.head).unwrap_or_default();
                head.len() == mark::HEAD || reader.clone().learn(head.split(|byte| *byte == b'\n')) > 0
            };
            if known != Known::Not && (mark.file.inode == inode || tells()) {
                // Copied, and not truncated yet: the original was read to its end.
                return if self.claimed.insert(index) { known } else { Known::Copy };
            }
        }
        Known::Not
    }

    /// Notes where the next look goes on.
    pub(super) fn mark(&mut self, one: &Opened) {
        let (Some(identity), Some(file)) = (&one.identity, &one.file) else { return };
        if self.facts.marks.len() >= MARKS {
            let message = format!("more than {MARKS} files: where the others were read to cannot be kept");
            self.facts.limit.get_or_insert(message);
            return;
        }
        let read = match (one.seen.part, one.seen.read) {
            (_, Some((_, to))) => Some(to),
            // Nothing is new: the old place stands.
            (Part::New, None) => one.known,
            // As far as the original was read: the copy may have been made later, and hold more.
            (Part::Copy, None) => {
                let original = |mark: &&Mark| mark.log == one.log_name && mark.file.digest == identity.digest;
                let read = self.facts.marks.iter().find(original).and_then(|mark| mark.read);
                read.map(|read| if one.packed { read } else { read.min(one.seen.size) })
            }
            (Part::Older, None) if !one.packed => Some(one.seen.size),
            (Part::Older, None) => None,
            (_, None) => Some(0),
        };
        let tail = match read {
            Some(read) if !one.packed => mark::tail(file, read).unwrap_or_default(),
            _ => String::new(),
        };
        let (log, path) = (one.log_name.clone(), one.seen.path.clone());
        self.facts.marks.push(Mark { log, path, file: identity.clone(), read, tail, missed: 0 });
    }
}

impl Look {
    #[expect(clippy::too_many_arguments, reason = "it only puts them in their places")]
    fn opened(
        &self,
        found: &Found,
        source: &Source,
        seen: FileSeen,
        identity: Option<Identity>,
        log: Option<Log>,
        file: Option<Arc<File>>,
        packed: bool,
    ) -> Opened {
        let log_name = shown(&found.log);
        let title = source.title.clone().unwrap_or_else(|| log_name.clone());
        Opened { title, log_name, seen, identity, known: None, log, file, packed }
    }
}
