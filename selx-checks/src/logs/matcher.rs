//! What is looked for in a line, ready to be used.

use std::ops::RangeInclusive;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::level::{self, Level};
use super::needles::{self, Cursor, Needles};
use super::piece::Dress;

/// How much memory one expression may take when it is made, and when it is used.
const EXPRESSION_CAP: usize = 2 << 20;
/// From so many patterns on, all of them are tried at once.
const MANY: usize = 8;
/// How much memory all of them together may take.
const SET_CAP: usize = 64 << 20;

/// One pattern: what a line has to have, and must not have.
#[derive(Debug)]
pub(super) struct Pattern {
    /// What a line has to match; without it the level alone decides.
    any_of: Option<Regex>,
    /// What must not match.
    none_of: Option<Regex>,
    /// The levels that a line has to be of.
    levels: Option<RangeInclusive<Level>>,
    /// The first of them, for all patterns at once.
    expression: String,
    needed: Option<Vec<Vec<u8>>>,
}

/// A text that lines are to have, as the configuration gives it.
#[derive(Clone, Debug)]
pub(super) enum Wanted<'a> {
    /// The text itself.
    Text(&'a str),
    /// A regular expression.
    Expression(&'a str),
}

impl Wanted<'_> {
    fn expression(&self) -> String {
        match self {
            Self::Text(text) => regex::escape(text),
            Self::Expression(expression) => format!("(?:{expression})"),
        }
    }
}

/// Joins texts and expressions to one expression; none of none.
pub(super) fn join(wanted: &[Wanted<'_>]) -> Option<String> {
    let parts: Vec<String> = wanted.iter().map(Wanted::expression).collect();
    if parts.is_empty() { None } else { Some(parts.join("|")) }
}

/// Makes an expression. It matches bytes: classes such as `\w` are those of ASCII, and no line is too broken.
pub(super) fn compile(expression: &str, ignore_case: bool) -> Result<Regex, regex::Error> {
    RegexBuilder::new(expression)
        .unicode(false)
        .case_insensitive(ignore_case)
        .size_limit(EXPRESSION_CAP)
        .dfa_size_limit(EXPRESSION_CAP)
        .build()
}

impl Pattern {
    /// Makes a pattern.
    pub(super) fn new(
        any_of: Option<&str>,
        none_of: Option<&str>,
        ignore_case: bool,
        levels: Option<RangeInclusive<Level>>,
    ) -> Result<Self, regex::Error> {
        let needed = match (any_of, &levels) {
            (Some(expression), _) => needles::needed(expression, ignore_case),
            (None, Some(levels)) => Some(Level::needles(levels)),
            (None, None) => None,
        };
        Ok(Self {
            expression: match any_of {
                Some(expression) if ignore_case => format!("(?i:{expression})"),
                Some(expression) => format!("(?:{expression})"),
                None => String::new(),
            },
            any_of: any_of.map(|expression| compile(expression, ignore_case)).transpose()?,
            none_of: none_of.map(|expression| compile(expression, ignore_case)).transpose()?,
            levels,
            needed,
        })
    }

    /// Tells whether a line is one of those that are looked for.
    pub(super) fn matches(&self, line: &[u8]) -> bool {
        self.any_of.as_ref().is_none_or(|wanted| wanted.is_match(line)) && self.allows(line)
    }

    /// Tells whether a line that matches counts, by its level and by what it must not have.
    fn allows(&self, line: &[u8]) -> bool {
        self.levels.as_ref().is_none_or(|levels| level::level(line).is_some_and(|level| levels.contains(&level)))
            && !self.none_of.as_ref().is_some_and(|unwanted| unwanted.is_match(line))
    }
}

/// All patterns of a check.
#[derive(Debug)]
pub(super) struct Matcher {
    pub(super) patterns: Vec<Pattern>,
    needles: Needles,
    in_records: Needles,
    /// The expressions of all patterns, if there are many.
    set: Option<RegexSet>,
}

impl Matcher {
    pub(super) fn new(patterns: Vec<Pattern>) -> Self {
        let needed = || patterns.iter().map(|pattern| pattern.needed.clone());
        let (needles, in_records) = (Needles::new(needed()), Needles::in_records(needed()));
        let set = (patterns.len() > MANY).then(|| {
            let expressions = patterns.iter().map(|pattern| &pattern.expression);
            RegexSetBuilder::new(expressions).unicode(false).size_limit(SET_CAP).dfa_size_limit(SET_CAP).build().ok()
        });
        Self { patterns, needles, in_records, set: set.flatten() }
    }

    /// Finds the patterns that a line matches, in order.
    pub(super) fn matching(&self, line: &[u8], into: &mut Vec<usize>) {
        into.clear();
        match &self.set {
            Some(set) => {
                let candidates = set.matches(line).into_iter();
                into.extend(
                    candidates.filter(|index| self.patterns.get(*index).is_some_and(|pattern| pattern.allows(line))),
                );
            }
            None => into.extend(
                self.patterns.iter().enumerate().filter(|(_, pattern)| pattern.matches(line)).map(|(index, _)| index),
            ),
        }
    }

    #[cfg(test)]
    pub(super) fn searches_many_bytes_at_a_time(&self) -> bool {
        matches!((&self.needles, &self.in_records), (Needles::Packed { .. }, Needles::Packed { .. }))
    }

    /// Begins a search for lines that one of the patterns may match.
    pub(super) fn cursor<'a>(&'a self, dress: Dress, coloured: bool, bytes: &'a [u8]) -> Cursor<'a> {
        match dress {
            _ if coloured => Needles::EveryLine.cursor(bytes),
            Dress::Bare => self.needles.cursor(bytes),
            Dress::Container => self.in_records.cursor(bytes),
        }
    }
}
