//! A log that is searched in pieces, which come a few bytes at a time: what the fuzzer and the tests hold to be the same as
//! the whole.

use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use super::colours;
use super::matcher::Matcher;
use super::piece::{Dress, Piece, Search, Source, Span};
use super::stamp::{Reader, Zones};
use super::sweep::{BACK, Sweep};
use super::tally::{Tally, Wish};

/// Gives a text in pieces of odd sizes.
struct Dribble<'a> {
    rest: &'a [u8],
    sizes: &'a [usize],
    turn: usize,
}

impl Source for Dribble<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        let size = self.sizes.get(self.turn % self.sizes.len().max(1)).copied().unwrap_or(usize::MAX);
        let size = size.max(1).min(into.len()).min(self.rest.len());
        let (now, later) = self.rest.split_at_checked(size).unwrap_or_default();
        into.get_mut(..size).unwrap_or_default().copy_from_slice(now);
        self.rest = later;
        Ok(size)
    }
}

/// Makes a reader of times in UTC, none of which is later than 2027.
pub(super) fn reader() -> Reader {
    let latest = Timestamp::from_second(1_800_000_000).unwrap_or(Timestamp::UNIX_EPOCH);
    Reader::new(Zones::new(TimeZone::UTC, latest))
}

/// Searches a text that is cut at these places and comes in pieces of these sizes. Returns what is counted for each
/// pattern: inside, undated, in the future.
pub(super) fn counted(
    text: &[u8],
    cuts: &[usize],
    sizes: &[usize],
    matcher: &Matcher,
    span: Span,
) -> Vec<(u64, u64, u64)> {
    let cancel = CancellationToken::new();
    let extent = selx_core::Extent::default();
    let wish = Wish { samples: 2, shapes: true };
    let search = Search { matcher, span, wish, cancel: &cancel, extent: &extent };
    let mut all = Tally::of(matcher.patterns.len());
    let (mut sweep, mut begin) = (Sweep::new(), 0_usize);
    for cut in cuts.iter().copied().chain([text.len()]) {
        let end = cut.clamp(begin, text.len());
        let base = begin.saturating_sub(BACK + 1);
        let mut source = Dribble { rest: text.get(base..).unwrap_or_default(), sizes, turn: 0 };
        let piece = Piece {
            log: 0,
            base: base as u64,
            begin: begin as u64,
            end: end as u64,
            to_the_last: true,
            dress: Dress::Bare,
            coloured: colours::are_in(text),
            goes_on: false,
            reader: Some(reader()),
        };
        let swept = sweep.run(piece, &mut source, search);
        assert!(swept.error.is_none(), "a text in memory does not fail");
        all.merge(swept.tally, wish);
        begin = end;
    }
    all.counts.iter().map(|count| (count.events, count.undated, count.future)).collect()
}
