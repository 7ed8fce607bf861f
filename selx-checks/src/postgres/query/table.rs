//! Rows as lines, aligned.

use super::{Answer, Sort};

/// The most rows that are shown.
const ROWS: usize = 40;
/// The most characters of one value that are shown.
const WIDTH: usize = 40;

/// Returns the names of the columns and the rows, each as one line.
pub(super) fn lines(answer: &Answer) -> Vec<String> {
    let head: Vec<String> = answer.columns.iter().map(|column| cell(Some(&column.name))).collect();
    let rows = answer.rows.iter().take(ROWS);
    let rows: Vec<Vec<String>> = rows.map(|row| row.iter().map(|value| cell(value.as_deref())).collect()).collect();
    let width = |index: usize| {
        let cells = std::iter::once(&head).chain(&rows).filter_map(|row| row.get(index));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).zip(&answer.columns).map(|((cell, width), column)| {
            let space = "\u{a0}".repeat(width.saturating_sub(cell.chars().count()));
            if column.sort == Sort::Number { format!("{space}{cell}") } else { format!("{cell}{space}") }
        });
        cells.collect::<Vec<_>>().join(" | ").trim_end_matches(['\u{a0}', ' ']).to_owned()
    };
    let mut lines: Vec<String> = std::iter::once(&head).chain(&rows).map(line).collect();
    if answer.rows.len() > ROWS {
        lines.push(format!("… {} more rows", answer.rows.len() - ROWS));
    }
    lines
}

/// Shows one value in its place. A space that does not break keeps columns where they are.
fn cell(value: Option<&str>) -> String {
    let Some(value) = value else { return "NULL".to_owned() };
    let shown = selx_core::escape::visible(value).replace(' ', "\u{a0}");
    if shown.chars().count() > WIDTH { shown.chars().take(WIDTH - 1).chain(['…']).collect() } else { shown }
}

/// Returns the line of a text that a place is in, counted in characters from 1, and a line with a caret under it.
pub(super) fn place(text: &str, position: u32) -> Option<(usize, String, String)> {
    let mut left = usize::try_from(position).ok()?.checked_sub(1)?;
    for (number, line) in text.split('\n').enumerate() {
        let length = line.chars().count();
        if left <= length {
            // What is far from the place is left out, so that both lines fit.
            let from = left.saturating_sub(40);
            let shown: String = line.chars().skip(from).take(80).collect();
            let shown = shown.replace(['\t', ' ', '\r'], "\u{a0}");
            let dots = if from > 0 { "…" } else { "" };
            let caret = format!("{}^", "\u{a0}".repeat(left - from + dots.chars().count()));
            return Some((number + 1, format!("{dots}{shown}"), caret));
        }
        left -= length + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::Column;
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let column = |name: &str, sort| Column { name: name.to_owned(), sort };
        let row = |a: Option<&str>, b: &str| vec![a.map(str::to_owned), Some(b.to_owned())];
        let answer = Answer {
            columns: vec![column("day", Sort::Text), column("n", Sort::Number)],
            rows: vec![row(Some("a b\n"), "1"), row(None, "1000")],
            ..Answer::default()
        };
        let plain: Vec<String> = lines(&answer).iter().map(|line| line.replace('\u{a0}', "_")).collect();
        assert_eq!(plain, ["day__ | ___n", "a_b\\n | ___1", "NULL_ | 1000"]);
    }

    #[test]
    fn the_place_is_under_its_letter() {
        let (line, text, caret) = place("SELECT 1\nFROM nowhere", 15).unwrap();
        assert_eq!((line, text.as_str(), caret.chars().count()), (2, "FROM\u{a0}nowhere", 6));
        assert_eq!(place("x", 0), None);
        assert_eq!(place("x", 9), None);
        let (_, text, caret) = place(&"é".repeat(200), 100).unwrap();
        assert_eq!(text.chars().nth(caret.chars().count() - 1), Some('é'));
    }
}
