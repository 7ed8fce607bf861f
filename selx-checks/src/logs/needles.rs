//! Texts one of which is in every line that can match: the search for them passes over all other lines at once.

use aho_corasick::{AhoCorasick, Input, packed};
use memchr::memmem::Finder;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::rare::{Hunt, Rare};

/// How many texts one part of a pattern may stand for. More would make the search slower than they save.
const MOST: usize = 16;
/// How much of a text the search looks at in its first step.
const PRINT: usize = 4;
/// Up to so many texts are searched for at once by comparing many bytes at a time (of more, only half as many bytes are
/// compared), and in so many searches.
const PACKED: usize = 32;
const SEARCHES: usize = 6;
/// Up to so many texts, one search for each of them is faster than one for all.
const FEW: usize = 3;

/// Finds the next place where one of the texts is.
#[derive(Debug)]
pub(super) enum Needles {
    /// Many bytes at a time.
    Packed {
        /// By bytes of the texts that are rare, where the log has such.
        rare: Option<Rare>,
        /// By the texts, in one search or several.
        searches: Vec<Search>,
    },
    /// Byte by byte, for lists that are very long.
    Automaton(AhoCorasick),
    /// Some pattern has no text that must be there: every line has to be looked at.
    EveryLine,
}

/// One of the searches that go over the same bytes.
#[derive(Debug)]
pub(super) enum Search {
    /// For one text, by its rarest two bytes.
    Text(Box<Finder<'static>>),
    /// For up to [`PACKED`] texts; several such searches still are faster than one of another sort.
    Texts(Box<packed::Searcher>),
}

impl Search {
    fn texts(texts: &[&[u8]]) -> Option<Self> {
        packed::Config::new().builder().extend(texts).build().map(|searcher| Self::Texts(Box::new(searcher)))
    }

    /// Returns where the next text begins.
    fn next(&self, bytes: &[u8], from: usize) -> Option<usize> {
        match self {
            Self::Text(finder) => bytes.get(from..).and_then(|rest| finder.find(rest)).map(|found| from + found),
            Self::Texts(searcher) => searcher.find_in(bytes, (from..bytes.len()).into()).map(|found| found.start()),
        }
    }
}

/// A search through one buffer, which goes on and never back.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    needles: &'a Needles,
    bytes: &'a [u8],
    /// The fastest search there is, as long as it is.
    hunt: Option<Hunt<'a>>,
    /// Where each search found its next text; `usize::MAX` if there is none any more.
    found: [usize; SEARCHES],
}

impl Needles {
    /// Makes a search for texts; `None` stands for a pattern that has none.
    pub(super) fn new(needed: impl IntoIterator<Item = Option<Vec<Vec<u8>>>>) -> Self {
        let mut all: Vec<Vec<u8>> = Vec::new();
        for needed in needed {
            match needed {
                Some(texts) => all.extend(texts),
                None => return Self::EveryLine,
            }
        }
        all.sort();
        all.dedup();
        // A text within which another one stands finds nothing that the other one would not.
        let mut texts: Vec<&[u8]> = all
            .iter()
            .map(Vec::as_slice)
            .filter(|text| !all.iter().any(|other| other.as_slice() != *text && contains(text, other)))
            .collect();
        if texts.is_empty() || texts.iter().any(|text| text.len() < 2) {
            return Self::EveryLine;
        }
        if texts.len() <= FEW {
            let finder = |text: &&[u8]| Search::Text(Box::new(Finder::new(*text).into_owned()));
            return Self::Packed { rare: Rare::new(&texts), searches: texts.iter().map(finder).collect() };
        }
        // A search looks at as many bytes at once as its shortest text has: short ones are kept apart.
        texts.sort_by_key(|text| std::cmp::Reverse(text.len().min(PRINT)));
        let searches = texts.len().div_ceil(PACKED);
        if searches <= SEARCHES {
            let each = texts.len().div_ceil(searches);
            if let Some(searches) = texts.chunks(each).map(Search::texts).collect() {
                return Self::Packed { rare: Rare::new(&texts), searches };
            }
        }
        AhoCorasick::new(&texts).map_or(Self::EveryLine, Self::Automaton)
    }

    /// Makes a search in records in which some bytes are escaped: for the longest part of each text without such bytes.
    pub(super) fn in_records(needed: impl IntoIterator<Item = Option<Vec<Vec<u8>>>>) -> Self {
        let is_kept = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&');
        let longest = |text: Vec<u8>| {
            text.split(|byte| !is_kept(byte)).max_by_key(|part| part.len()).unwrap_or_default().to_vec()
        };
        Self::new(needed.into_iter().map(|texts| Some(texts?.into_iter().map(longest).collect())))
    }

    /// Begins a search in a buffer.
    pub(super) fn cursor<'a>(&'a self, bytes: &'a [u8]) -> Cursor<'a> {
        let hunt = match self {
            Self::Packed { rare: Some(rare), .. } => rare.hunt(bytes),
            _ => None,
        };
        Cursor { needles: self, bytes, hunt, found: [0; SEARCHES] }
    }
}

impl Cursor<'_> {
    /// Returns where a text begins in the next line that has one, at or behind `from`, which never goes back; at once
    /// `from` where every line has to be looked at.
    pub(super) fn next(&mut self, from: usize) -> Option<usize> {
        let bytes = self.bytes;
        if from >= bytes.len() {
            return None;
        }
        match self.hunt.as_mut().map(|hunt| hunt.next(bytes, from)) {
            Some(Ok(found)) => return found,
            Some(Err(())) => self.hunt = None,
            None => {}
        }
        match self.needles {
            Needles::Packed { searches, .. } => {
                for (searcher, found) in searches.iter().zip(&mut self.found) {
                    // What was found further on is still there.
                    if *found < from || *found == 0 {
                        *found = searcher.next(bytes, from).unwrap_or(usize::MAX);
                    }
                }
                self.found.iter().take(searches.len()).copied().min().filter(|found| *found != usize::MAX)
            }
            Needles::Automaton(automaton) => automaton.find(Input::new(bytes).range(from..)).map(|found| found.start()),
            Needles::EveryLine => Some(from),
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

/// Returns texts one of which is in everything that a regular expression matches, if there are such.
pub(super) fn needed(pattern: &str, ignore_case: bool) -> Option<Vec<Vec<u8>>> {
    let hir =
        ParserBuilder::new().utf8(false).unicode(false).case_insensitive(ignore_case).build().parse(pattern).ok()?;
    let part = look(&hir);
    let best = better(part.exact.filter(|texts| shortest(texts) > 0), part.best)?;
    Some(best.into_iter().map(from_rarest).collect())
}

/// What is known of a part of an expression.
#[derive(Default)]
struct Part {
    /// It matches exactly these texts.
    exact: Option<Vec<Vec<u8>>>,
    /// Whatever it matches has one of these in it.
    best: Option<Vec<Vec<u8>>>,
}

impl Part {
    fn exactly(texts: Vec<Vec<u8>>) -> Self {
        Self { exact: Some(texts), best: None }
    }

    fn has(self) -> Option<Vec<Vec<u8>>> {
        better(self.exact.filter(|texts| shortest(texts) > 0), self.best)
    }
}

fn look(hir: &Hir) -> Part {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Part::exactly(vec![Vec::new()]),
        HirKind::Literal(literal) => Part::exactly(vec![literal.0.to_vec()]),
        HirKind::Class(class) => letters(class).map_or_else(Part::default, Part::exactly),
        HirKind::Repetition(repetition) if repetition.min == 0 => Part::default(),
        HirKind::Repetition(repetition) => {
            let part = look(&repetition.sub);
            if repetition.min == 1 && repetition.max == Some(1) { part } else { Part { exact: None, best: part.has() } }
        }
        HirKind::Capture(capture) => look(&capture.sub),
        HirKind::Concat(parts) => concat(parts),
        HirKind::Alternation(parts) => alternation(parts),
    }
}

/// Returns the bytes of a small class: the two cases of a letter, as a rule.
fn letters(class: &Class) -> Option<Vec<Vec<u8>>> {
    let Class::Bytes(class) = class else { return None };
    let count: usize = class.ranges().iter().map(|range| usize::from(range.end() - range.start()) + 1).sum();
    if count > 3 {
        return None;
    }
    Some(class.ranges().iter().flat_map(|range| range.start()..=range.end()).map(|byte| vec![byte]).collect())
}

fn concat(parts: &[Hir]) -> Part {
    let mut whole = true;
    let mut best = None;
    let mut run: Vec<Vec<u8>> = vec![Vec::new()];
    for part in parts {
        let part = look(part);
        match part.exact {
            Some(texts) if texts.len() * run.len() <= MOST => {
                run = run.iter().flat_map(|begin| texts.iter().map(move |end| [&**begin, &**end].concat())).collect();
            }
            exact => {
                whole = false;
                let ended = std::mem::replace(&mut run, vec![Vec::new()]);
                best = better(best, Some(ended).filter(|texts| shortest(texts) > 0));
                best = better(best, part.best);
                if let Some(texts) = exact.filter(|texts| texts.len() <= MOST) {
                    run = texts;
                }
            }
        }
    }
    if whole {
        return Part::exactly(run);
    }
    Part { exact: None, best: better(best, Some(run).filter(|texts| shortest(texts) > 0)) }
}

fn alternation(parts: &[Hir]) -> Part {
    let parts: Vec<Part> = parts.iter().map(look).collect();
    if parts.iter().all(|part| part.exact.is_some()) {
        let texts: Vec<Vec<u8>> = parts.iter().filter_map(|part| part.exact.clone()).flatten().collect();
        if texts.len() <= MOST || shortest(&texts) >= PRINT {
            return Part::exactly(texts);
        }
    }
    let mut all = Vec::new();
    for part in parts {
        match part.has() {
            Some(texts) => all.extend(texts),
            None => return Part::default(),
        }
    }
    Part { exact: None, best: Some(all) }
}

fn shortest(texts: &[Vec<u8>]) -> usize {
    texts.iter().map(Vec::len).min().unwrap_or(0)
}

/// Returns the list that fewer lines have a text of: the one of longer, then of rarer, then of fewer texts.
fn better(one: Option<Vec<Vec<u8>>>, other: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    let score = |texts: &[Vec<u8>]| {
        let rarity = texts.iter().map(|text| rarest(text).1).min().unwrap_or(0);
        (shortest(texts).min(PRINT), rarity, std::cmp::Reverse(texts.len()))
    };
    match (one, other) {
        (Some(one), Some(other)) => Some(if score(&other) > score(&one) { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// Cuts a text to begin where its rarest bytes are: the search looks at the first ones.
fn from_rarest(text: Vec<u8>) -> Vec<u8> {
    let (at, _) = rarest(&text);
    text.get(at..).map(<[u8]>::to_vec).unwrap_or(text)
}

fn rarest(text: &[u8]) -> (usize, u32) {
    let windows = text.windows(PRINT.min(text.len()).max(1)).enumerate();
    let scored = windows.map(|(at, window)| (at, window.iter().map(|byte| rarity(*byte)).sum::<u32>()));
    // The first of equals: `max_by_key` would take the last.
    scored.fold((0, 0), |best, next| if next.1 > best.1 { next } else { best })
}

/// How rare a byte is in logs, roughly: they are made of lower-case words, digits and spaces.
fn rarity(byte: u8) -> u32 {
    match byte {
        b' ' | b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 1,
        b'.' | b':' | b'-' => 1,
        b'0'..=b'9' | b'l' | b'c' | b'd' | b'u' | b'p' | b'm' => 2,
        b'a'..=b'z' | b'/' | b'=' | b'"' => 3,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::bytes::RegexBuilder;

    use super::*;

    fn texts(pattern: &str, ignore_case: bool) -> Option<Vec<String>> {
        let mut texts: Vec<String> =
            needed(pattern, ignore_case)?.into_iter().map(|text| String::from_utf8(text).unwrap()).collect();
        texts.sort();
        Some(texts)
    }

    #[test]
    fn the_rarest_needed_text_is_found() {
        assert_eq!(texts("CRITICAL|FATAL", false), Some(vec!["CRITICAL".into(), "FATAL".into()]));
        assert_eq!(texts(r"task [0-9a-f]+ raised TimeoutError", false), Some(vec!["ed TimeoutError".into()]));
        assert_eq!(texts(r"(?:^|\s)password (?:is )?wrong$", false), Some(vec!["word ".into()]));
        assert_eq!(texts(r"\d+ \d+", false), Some(vec![" ".into()]));
        assert_eq!(texts("x*", false), None);
        let variants = texts("login failed", true).unwrap();
        assert!(variants.len() <= MOST, "{variants:?}");
        assert!(matches!(Needles::new([needed("[0-9]", false)]), Needles::EveryLine));
    }

    proptest! {
        #[test]
        fn whatever_matches_has_one_of_the_texts(
            pattern in "(a|b|ab|AB|\\[ab\\]|\\(a\\|bc\\)|\\.|a\\+|b\\?|c\\{2\\}|\\^|x){1,8}",
            text in "[abcABCx ]{0,24}",
            ignore_case in any::<bool>(),
        ) {
            let Ok(regex) = RegexBuilder::new(&pattern).unicode(false).case_insensitive(ignore_case).build() else {
                return Ok(());
            };
            let needles = Needles::new([needed(&pattern, ignore_case)]);
            if regex.is_match(text.as_bytes()) && !text.is_empty() {
                prop_assert!(needles.cursor(text.as_bytes()).next(0).is_some(), "{} in {:?}", pattern, text);
            }
        }
    }
}
