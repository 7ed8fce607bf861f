//! The look itself: files are opened, what is to be read of them is decided, and all of it is searched. It runs on a
//! thread for work that does not yield.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use selx_core::{Error, ErrorKind, Extent, Result};
use tokio_util::sync::CancellationToken;

use super::facts::{Facts, FileSeen, Part, PatternSeen, SampleSeen, ShapeSeen, Trouble};
use super::opening::{MARKS, Opened};
use super::passed_over;
use crate::logs::files::{self, Findings, Host, shown};
use crate::logs::mark::Mark;
use crate::logs::matcher::Matcher;
use crate::logs::piece::{Dress, Search, Span};
use crate::logs::scan::{self, Scanned};
use crate::logs::stamp::{Reader, Zones};
use crate::logs::tally::{Tally, Wish};
use crate::setting::NamePattern;

/// What the journal is called in reports.
const JOURNAL: &str = "journal";
/// How many files are told one by one.
const TOLD: usize = 1_000;
/// For how many looks a file that is not there is still known.
const MISSED: u8 = 3;
/// How many logs of a pattern are told.
const LOGS: usize = 20;
/// How many addresses and users are told.
const ORIGINS: usize = 10;
/// How often a folder is read, at most, while rotation is at work in it.
const PASSES: u32 = 4;
/// How many files are open at once, and searched together.
const OPEN: usize = 256;

/// A place where logs are.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Paths and patterns.
    pub(super) paths: Vec<String>,
    /// What they are called in the report; their own path otherwise.
    pub(super) title: Option<String>,
    /// What the lines are dressed in.
    pub(super) dress: Dress,
    /// Whether it is no fault if nothing is there.
    pub(super) optional: bool,
}

/// Everything a look needs.
pub(super) struct Look {
    pub(super) host: Host,
    pub(super) sources: Vec<Source>,
    pub(super) exclude: Vec<NamePattern>,
    pub(super) rotated: bool,
    pub(super) most_files: usize,
    pub(super) matcher: Matcher,
    pub(super) names: Vec<String>,
    pub(super) wish: Wish,
    pub(super) zone: TimeZone,
    pub(super) span: Span,
    /// What the journal holds, and which of it counts.
    pub(super) journal: Option<(Vec<u8>, Span)>,
    /// Where what is told of begins.
    pub(super) from: Timestamp,
    /// When the look began.
    pub(super) looked: Timestamp,
    /// The marks of the last look, if only what is new is wanted and there was one.
    pub(super) marks: Option<Vec<Mark>>,
    /// Where is told how far it is.
    pub(super) extent: Arc<Extent>,
    /// Whether marks are to be made.
    pub(super) marking: bool,
}

/// A look under way.
pub(super) struct Looking<'a> {
    pub(super) look: &'a Look,
    pub(super) facts: Facts,
    tally: Tally,
    events: Vec<BTreeMap<String, u64>>,
    /// The file of every log that was searched, by the number that its samples carry.
    paths: Vec<String>,
    /// Which marks of the last look were found again.
    pub(super) claimed: HashSet<usize>,
    /// The files that are known by now.
    pub(super) inodes: HashMap<(u64, u64), String>,
    /// How those begin that are read, with the log they are a part of; and the size of those that are not packed.
    pub(super) heads: HashMap<(String, String), (String, Option<u64>)>,
    /// The logs of which a part turned up that was not known.
    pub(super) fresh: HashSet<String>,
    /// The files that this process writes to.
    pub(super) own: Vec<(u64, u64)>,
}

impl Look {
    pub(super) fn run(&self, cancel: &CancellationToken) -> Result<Facts> {
        let time = |micros| Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
        let facts = Facts {
            from: self.from,
            to: time(self.span.to).min(self.looked),
            zone: zone_name(&self.zone),
            since_last: self.marks.is_some(),
            files: Vec::new(),
            count: 0,
            bytes: 0,
            patterns: Vec::new(),
            shapes: Vec::new(),
            other_shapes: 0,
            compared: false,
            long_lines: 0,
            nothing: Vec::new(),
            unreadable: Vec::new(),
            unsearchable: Vec::new(),
            passed_over: Vec::new(),
            limit: None,
            gaps: Vec::new(),
            marks: Vec::new(),
        };
        let mut looking = Looking {
            look: self,
            facts,
            tally: Tally::of(self.names.len()),
            events: vec![BTreeMap::new(); self.names.len()],
            paths: Vec::new(),
            claimed: HashSet::new(),
            inodes: HashMap::new(),
            heads: HashMap::new(),
            fresh: HashSet::new(),
            own: passed_over::own_outputs(&self.host.0),
        };
        for source in &self.sources {
            looking.source(source, cancel);
        }
        if let Some((text, span)) = &self.journal {
            looking.journal(text, *span, cancel);
        }
        if cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the look at the logs was ended"));
        }
        Ok(looking.end())
    }
}

impl Looking<'_> {
    /// Looks through a source until nothing new turns up: a file that rotation gave another name, after the folder was
    /// read and before the file was opened, is found under that.
    fn source(&mut self, source: &Source, cancel: &CancellationToken) {
        let look = self.look;
        let room = look.most_files.saturating_sub(self.facts.count);
        for pass in 0..PASSES {
            let found = files::find(&source.paths, &look.exclude, look.rotated, room, &look.host.0, cancel);
            let Findings { mut files, nothing, unreadable, links, limit, .. } = found;
            if pass == 0 {
                if !source.optional {
                    self.facts.nothing.extend(nothing);
                }
                self.facts.unreadable.extend(unreadable.into_iter().map(|(path, why)| (shown(&path), why)));
                let link = |path: std::path::PathBuf| (shown(&path), "is a link to a folder".to_owned());
                self.facts.passed_over.extend(links.into_iter().map(link));
                if self.facts.limit.is_none() {
                    self.facts.limit = limit;
                }
            } else {
                files.retain(|found| self.is_new(found));
            }
            if files.is_empty() {
                return;
            }
            for batch in files.chunks(OPEN) {
                if cancel.is_cancelled() {
                    return;
                }
                let opened: Vec<Opened> = batch.iter().filter_map(|found| self.open(found, source)).collect();
                self.search(opened, cancel);
            }
        }
    }

    /// Searches what the journal holds.
    fn journal(&mut self, text: &[u8], span: Span, cancel: &CancellationToken) {
        let search =
            Search { matcher: &self.look.matcher, span, wish: self.look.wish, cancel, extent: &self.look.extent };
        let reader = Reader::new(Zones::new(TimeZone::UTC, Timestamp::MAX));
        let tally = scan::scan_text(text, self.paths.len(), reader, search);
        self.paths.push(JOURNAL.to_owned());
        count(&mut self.events, JOURNAL, &tally);
        self.tally.merge(tally, self.look.wish);
        self.facts.bytes += text.len() as u64;
        self.facts.count += 1;
        let read = Some((0, text.len() as u64));
        let seen =
            FileSeen { path: JOURNAL.to_owned(), size: text.len() as u64, read, timed: true, ..FileSeen::default() };
        self.facts.files.push(FileSeen { part: Part::Window, ..seen });
    }

    fn search(&mut self, mut opened: Vec<Opened>, cancel: &CancellationToken) {
        let mut logs = Vec::new();
        let mut of_log = Vec::new();
        for (index, one) in opened.iter_mut().enumerate() {
            if let Some(log) = one.log.take() {
                logs.push(log);
                of_log.push(index);
            }
        }
        let first = self.paths.len();
        self.paths.extend(of_log.iter().filter_map(|index| opened.get(*index)).map(|one| one.seen.path.clone()));
        let titles: Vec<String> =
            of_log.iter().filter_map(|index| opened.get(*index)).map(|one| one.title.clone()).collect();
        let search = Search {
            matcher: &self.look.matcher,
            span: self.look.span,
            wish: self.look.wish,
            cancel,
            extent: &self.look.extent,
        };
        let (tally, events, wish) = (&mut self.tally, &mut self.events, self.look.wish);
        let scanned = scan::scan(&logs, first, search, &mut |log, piece| {
            if let Some(title) = titles.get(log) {
                count(events, title, &piece);
            }
            tally.merge(piece, wish);
        });
        for (index, scanned) in of_log.into_iter().zip(scanned) {
            if let Some(one) = opened.get_mut(index) {
                self.facts.bytes += scanned.bytes;
                one.take(scanned);
            }
        }
        for one in opened {
            self.facts.count += 1;
            if self.look.marking {
                self.mark(&one);
            }
            if self.facts.files.len() < TOLD || one.seen.trouble.is_some() {
                self.facts.files.push(one.seen);
            }
        }
    }

    fn end(mut self) -> Facts {
        let time = |micros: i64| Timestamp::from_microsecond(micros).ok();
        let paths = &self.paths;
        let sample = |sample: crate::logs::tally::Sample| SampleSeen {
            at: sample.at.and_then(time),
            file: paths.get(sample.log).cloned().unwrap_or_default(),
            offset: sample.offset,
            text: sample.text,
        };
        let (to, from) = (self.facts.to, self.facts.from);
        self.facts.long_lines = self.tally.long_lines;
        self.facts.other_shapes = self.tally.other_shapes;
        self.facts.shapes = std::mem::take(&mut self.tally.shapes)
            .into_iter()
            .map(|(shape, seen)| ShapeSeen {
                shape,
                count: seen.count,
                before: None,
                seen: to.max(from),
                sample: sample(seen.sample),
            })
            .collect();
        for ((name, count), events) in
            self.look.names.iter().zip(std::mem::take(&mut self.tally.counts)).zip(&self.events)
        {
            let mut logs: Vec<(String, u64)> = events.iter().map(|(log, count)| (log.clone(), *count)).collect();
            logs.sort_by(|(one, ones), (other, others)| others.cmp(ones).then_with(|| one.cmp(other)));
            logs.truncate(LOGS);
            self.facts.patterns.push(PatternSeen {
                name: name.clone(),
                events: count.events,
                undated: count.undated,
                twice: count.twice,
                future: count.future,
                logs,
                samples: count.samples.into_iter().map(&sample).collect(),
                addresses: count.addresses.top(ORIGINS),
                users: count.users.top(ORIGINS),
                more_origins: count.addresses.others + count.users.others > 0,
            });
        }
        bound(&mut self.facts.unreadable, "more files could not be read");
        bound(&mut self.facts.unsearchable, "more cannot be searched");
        bound(&mut self.facts.passed_over, "more were passed over");
        for (index, mark) in self.look.marks.iter().flatten().enumerate() {
            if self.claimed.contains(&index) {
                continue;
            }
            // A log whose last part is gone was written to after the last look, perhaps, and nobody will ever read that.
            // What was empty then may be any part that was not known.
            let is_elsewhere = match mark.file.head {
                0 => self.fresh.contains(&mark.log),
                _ => self.facts.marks.iter().any(|new| new.log == mark.log && new.file.digest == mark.file.digest),
            };
            if mark.missed == 0 && mark.path == mark.log && !is_elsewhere {
                let read = mark.read.unwrap_or(0);
                self.facts.gaps.push(format!("{}, of which {read} bytes had been read, is gone", mark.path));
            }
            // A file that could not be opened just now is not a new one at the next look.
            if mark.missed < MISSED && self.facts.marks.len() < MARKS {
                self.facts.marks.push(Mark { missed: mark.missed + 1, ..mark.clone() });
            }
        }
        self.facts
    }
}

/// Keeps so many of a list that a report can tell of them, and how many more there are.
fn bound(list: &mut Vec<(String, String)>, words: &str) {
    if let Some(more) = list.len().checked_sub(TOLD).filter(|more| *more > 0) {
        list.truncate(TOLD);
        list.push((format!("{more} others"), words.to_owned()));
    }
}

/// Notes of which log the events of a piece are.
fn count(events: &mut [BTreeMap<String, u64>], title: &str, piece: &Tally) {
    for (events, count) in events.iter_mut().zip(&piece.counts) {
        let all = count.events + count.undated;
        if all > 0 {
            *events.entry(title.to_owned()).or_default() += all;
        }
    }
}

impl Opened {
    /// Takes over what came of the search.
    fn take(&mut self, scanned: Scanned) {
        if let Some((from, to)) = self.seen.read {
            // Where a file ends that others write to, or that is packed, is known only afterwards.
            self.seen.read =
                Some((from, if scanned.error.is_some() || scanned.done < to { scanned.done.max(from) } else { to }));
        }
        self.seen.trouble = scanned.error.map(|(at, text)| Trouble { at, text, packing: scanned.broken });
        // Who truncates a file that is read takes the rest away.
        let size = self.file.as_ref().and_then(|file| file.metadata().ok()).map(|metadata| metadata.len());
        self.seen.shrank = !self.packed && size.is_some_and(|size| size < self.seen.size);
    }
}

fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().map_or_else(|| "the zone of this host".to_owned(), str::to_owned)
}
