//! A piece of a log: where its bytes come from, what is looked for in it, and what came of that.

use std::io;

use selx_core::Extent;
use tokio_util::sync::CancellationToken;

use super::matcher::Matcher;
use super::stamp::Reader;
use super::tally::{Tally, Wish};

/// Where bytes come from, in order.
pub(super) trait Source {
    /// Reads on into the buffer; 0 is the end.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;
}

/// What the lines of a log are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Dress {
    /// What the program wrote.
    #[default]
    Bare,
    /// Records of a container engine, each with a line of the program in it.
    Container,
}

/// Which events count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// The first moment that counts, in microseconds since 1970.
    pub(super) from: i64,
    /// The first that does not any more.
    pub(super) to: i64,
    /// What is dated after this lies in the future.
    pub(super) now: i64,
    /// Whether everything that is read is new, so that an event without a time counts too.
    pub(super) all_new: bool,
}

/// What a piece of a log is searched with.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) matcher: &'a Matcher,
    pub(super) span: Span,
    pub(super) wish: Wish,
    pub(super) cancel: &'a CancellationToken,
    /// Where is told how far it is.
    pub(super) extent: &'a Extent,
}

/// A piece of a log: the lines that begin from `begin` on and before `end`.
pub(super) struct Piece {
    pub(super) log: usize,
    /// Where the source begins: at `begin`, or a little before.
    pub(super) base: u64,
    pub(super) begin: u64,
    pub(super) end: u64,
    /// Whether the last line counts even if it has no end.
    pub(super) to_the_last: bool,
    pub(super) dress: Dress,
    /// Whether there are colours in the lines, which may cut a text that is searched for.
    pub(super) coloured: bool,
    /// Whether it begins where an earlier look ended, be it within a line.
    pub(super) goes_on: bool,
    /// Reads times; `None` if the lines of the log have none.
    pub(super) reader: Option<Reader>,
}

/// What came of a piece.
pub(super) struct Swept {
    pub(super) tally: Tally,
    /// Where the last line that was looked at ends.
    pub(super) done: u64,
    /// Why it ended before its end.
    pub(super) error: Option<io::Error>,
}
