//! The fuzzer's doors: a line of any bytes, and a log of any bytes that is searched whole and in pieces.

use super::cuts::{counted, reader};
use super::level::{Level, level};
use super::matcher::{Matcher, Pattern};
use super::piece::{Dress, Span};
use super::shape::shape;
use super::{container, origin};

/// Reads everything that is read of a line.
pub fn line(bytes: &[u8]) {
    let mut reader = reader();
    reader.learn(std::iter::once(bytes));
    let _ = reader.read(bytes);
    // The search passes over lines without a needle: none of them may have a level.
    if let Some(level) = level(bytes).filter(|level| *level >= Level::Error)
        && let Ok(pattern) = Pattern::new(None, None, false, Some(level..=level))
    {
        let matcher = Matcher::new(vec![pattern]);
        assert!(matcher.cursor(Dress::Bare, false, bytes).next(0).is_some(), "no needle for {level:?}");
    }
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
    let span = Span { from: i64::MIN, to: i64::MAX, now: i64::MAX, all_new: false };
    let whole = counted(text, &[], &[], &matcher, span);
    assert_eq!(whole, counted(text, &cuts, &[size], &matcher, span), "{cuts:?} {size}");
}
