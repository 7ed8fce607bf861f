//! The page of faults is held true: every test it names is there, every case is in it once, and its counts are right.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const PAGE: &str = include_str!("../docs/FAULTS.md");

/// How many cases the groups have that the page is to hold whole.
const GROUPS: &[(char, usize)] = &[
    ('A', 13),
    ('B', 9),
    ('C', 22),
    ('D', 16),
    ('E', 7),
    ('F', 15),
    ('G', 5),
    ('H', 15),
    ('I', 19),
    ('J', 24),
    ('K', 11),
    ('L', 18),
    ('M', 15),
    ('N', 14),
    ('O', 12),
    ('R', 8),
];

/// One case, with what the last column says.
struct Case {
    id: &'static str,
    fault: &'static str,
    says: &'static str,
    proof: &'static str,
}

enum State {
    Tested,
    Open,
    Later,
}

impl Case {
    fn state(&self) -> State {
        let reason = |rest: &str| assert!(rest.trim().len() > 20, "{}: no reason is given", self.id);
        if let Some(rest) = self.proof.strip_prefix("open:") {
            reason(rest);
            State::Open
        } else if let Some(rest) = self.proof.strip_prefix("not here yet:") {
            reason(rest);
            State::Later
        } else {
            State::Tested
        }
    }

    /// Returns the file and the function of every test that it names.
    fn tests(&self) -> Vec<(&'static str, &'static str)> {
        self.proof
            .split(", ")
            .map(|name| {
                let name = name.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
                name.and_then(|name| name.split_once("::"))
                    .unwrap_or_else(|| panic!("{}: not `file::test`: {}", self.id, self.proof))
            })
            .collect()
    }
}

/// Reads the rows that begin with the id of a case: `| A1 |`.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for line in PAGE.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let is_case =
            |id: &str| id.starts_with(|c: char| c.is_ascii_uppercase()) && id.ends_with(|c: char| c.is_ascii_digit());
        if let [id, rest @ ..] = &*cells
            && is_case(id)
        {
            let [fault, says, proof] = rest else { panic!("{id} has {} columns", cells.len()) };
            cases.push(Case { id, fault, says, proof });
        }
    }
    cases
}

#[test]
fn every_case_of_the_groups_is_there_once() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        assert!(seen.insert(case.id), "{} is there twice", case.id);
        let cells = [case.fault, case.says, case.proof];
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{} has an empty cell", case.id);
    }
    for (group, count) in GROUPS {
        let of_group = seen.iter().filter(|id| id.starts_with(*group)).count();
        assert_eq!(of_group, *count, "cases of group {group}");
        for number in 1..=*count {
            assert!(seen.contains(&*format!("{group}{number}")), "{group}{number} is missing");
        }
    }
}

#[test]
fn the_counts_are_those_of_the_table() {
    let counted = |what: &str| -> usize {
        let row = PAGE.lines().find_map(|line| line.strip_prefix(&format!("| {what} | "))).unwrap();
        row.trim_end_matches([' ', '|']).parse().unwrap()
    };
    let cases = cases();
    let (mut tested, mut open, mut later) = (0, 0, 0);
    for case in &cases {
        *match case.state() {
            State::Tested => &mut tested,
            State::Open => &mut open,
            State::Later => &mut later,
        } += 1;
    }
    let stated = (counted("in the tables"), counted("tested"), counted("open"), counted("not here yet"));
    assert_eq!(stated, (cases.len(), tested, open, later));
    assert!(open * 20 <= tested + open, "{open} of {} are open", tested + open);
}

#[test]
fn every_test_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut named = 0;
    for case in cases().iter().filter(|case| matches!(case.state(), State::Tested)) {
        let mut own = BTreeSet::new();
        for (file, test) in case.tests() {
            named += 1;
            let text =
                texts.entry(file).or_insert_with(|| std::fs::read_to_string(root.join(file)).unwrap_or_default());
            if !is_test(text, test) || !own.insert((file, test)) {
                wrong.push(format!("{}: {file}::{test}", case.id));
            }
        }
    }
    assert!(wrong.is_empty(), "not there, not run, or named twice: {wrong:#?}");
    assert!(named > 100, "{named}");
}

/// Tells whether a function is there and runs with the other tests.
fn is_test(text: &str, name: &str) -> bool {
    let Some((before, _)) = text.split_once(&format!("fn {name}(")) else {
        return false;
    };
    // Its attributes stand right above it.
    let above = before.rsplit_once('\n').map_or("", |(above, _)| above);
    let lines = above.lines().rev().map(str::trim);
    let attributes: Vec<&str> = lines.take_while(|line| line.starts_with("#[")).collect();
    let is = |attribute: &str| attributes.iter().any(|line| line.starts_with(attribute));
    (is("#[test]") || is("#[tokio::test")) && !is("#[ignore")
}
