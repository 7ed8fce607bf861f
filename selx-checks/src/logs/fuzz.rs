//! The fuzzer's doors: a line of any bytes, and a log of any bytes that is searched whole and in pieces.

use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use super::level::level;
use super::matcher::{Matcher, Pattern};
use super::piece::{Dress, Piece, Search, Source, Span};
use super::shape::shape;
use super::stamp::{Reader, Zones};
use super::sweep::{BACK, Sweep};
use super::tally::{Tally, Wish};
use super::{container, origin};

/// A text in memory, a few bytes at a time.
struct Few<'a> {
    rest: &'a [u8],
    size: usize,
}

impl Source for Few<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = self.size.min(into.len()).min(self.rest.len());
        let (now, later) = self.rest.split_at_checked(size).unwrap_or_default();
        into.get_mut(..size).unwrap_or_default().copy_from_slice(now);
        self.rest = later;
        Ok(size)
    }
}

fn reader() -> Reader {
    Reader::new(Zones::new(TimeZone::UTC, Timestamp::UNIX_EPOCH))
}

/// Reads everything that is read of a line.
pub fn line(bytes: &[u8]) {
    let mut reader = reader();
    reader.learn(std::iter::once(bytes));
    let _ = reader.read(bytes);
    let _ = level(bytes);
    let text = shape(bytes);
    assert!(text.chars().count() <= 161 && !text.contains('\n'), "{text}");
    let _ = (origin::address(bytes), origin::user(bytes), container::received(bytes));
    let _ = container::message(bytes, &mut Vec::new());
}

/// Searches a log whole and in pieces, the places of which are in its first bytes, and holds both to the same counts.
pub fn cuts(bytes: &[u8]) {
    let Some((places, text)) = bytes.split_first_chunk::<4>() else { return };
    let pattern = Pattern::new(Some("E+R"), Some("no"), false, None).ok();
    let Some(pattern) = pattern else { return };
    let matcher = Matcher::new(vec![pattern]);
    let mut cuts: Vec<usize> = places.iter().take(3).map(|place| usize::from(*place) * text.len() / 256).collect();
    cuts.sort_unstable();
    let size = usize::from(places.last().copied().unwrap_or(1)).max(1);
    assert_eq!(count(text, &[], usize::MAX, &matcher), count(text, &cuts, size, &matcher), "{cuts:?} {size}");
}

fn count(text: &[u8], cuts: &[usize], size: usize, matcher: &Matcher) -> Vec<(u64, u64)> {
    let cancel = CancellationToken::new();
    let extent = selx_core::Extent::default();
    let wish = Wish { samples: 1, shapes: true };
    let span = Span { from: i64::MIN, to: i64::MAX, now: i64::MAX, all_new: false };
    let search = Search { matcher, span, wish, cancel: &cancel, extent: &extent };
    let mut all = Tally::of(matcher.patterns.len());
    let (mut sweep, mut begin) = (Sweep::new(), 0_usize);
    for end in cuts.iter().copied().chain([text.len()]) {
        let base = begin.saturating_sub(BACK + 1);
        let piece = Piece {
            log: 0,
            base: base as u64,
            begin: begin as u64,
            end: end as u64,
            to_the_last: true,
            dress: Dress::Bare,
            reader: Some(reader()),
        };
        let rest = text.get(base..).unwrap_or_default();
        all.merge(sweep.run(piece, &mut Few { rest, size }, search).tally, wish);
        begin = end;
    }
    all.counts.iter().map(|count| (count.events, count.undated)).collect()
}
