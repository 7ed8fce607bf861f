//! Tables: in columns where they fit, row by row where they do not.

use unicode_width::UnicodeWidthStr as _;

use super::{Inline, Layout, shown_width, wrapped};

/// The narrowest that a last column may become before the rows are told one by one.
const NARROWEST_COLUMN: usize = 24;

/// Lays a table out.
pub(super) fn laid_out(lines: &[&str], layout: Layout) -> String {
    let rows: Vec<Vec<String>> =
        lines.iter().map(|line| cells(line)).filter(|row| !row.iter().all(|cell| is_rule(cell))).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| shown_width(cell, layout.colours)).max().unwrap_or(0)
        })
        .collect();
    let all_but_last: usize = widths.iter().take(columns.saturating_sub(1)).map(|width| width + 2).sum();
    let last = widths.last().copied().unwrap_or(0);
    let room = layout.width.saturating_sub(all_but_last);
    if last <= room || room >= NARROWEST_COLUMN {
        in_columns(&rows, &widths, layout)
    } else {
        row_by_row(&rows, layout)
    }
}

fn in_columns(rows: &[Vec<String>], widths: &[usize], layout: Layout) -> String {
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        let mut first = String::new();
        let mut indent = 0;
        let (last, others) = match row.split_last() {
            Some((last, others)) => (last.as_str(), others),
            None => ("", [].as_slice()),
        };
        for (cell, width) in others.iter().zip(widths) {
            let shown = styled(cell, index == 0, layout.colours);
            let gap = width.saturating_sub(shown_width(cell, layout.colours)) + 2;
            first.push_str(&shown);
            first.push_str(&" ".repeat(gap));
            indent += width + 2;
        }
        let hanging = " ".repeat(indent);
        // The marks of the cells before are styled already and take no room; the text is wrapped beside them.
        let last = if index == 0 && layout.colours { format!("**{last}**") } else { last.to_owned() };
        let wrapped = wrapped(&last, &hanging, &hanging, layout);
        out.push_str(first.trim_end_matches(' '));
        let rest = wrapped.get(indent..).unwrap_or_default();
        if !rest.trim().is_empty() {
            let gap = first.len() - first.trim_end_matches(' ').len();
            out.push_str(&" ".repeat(gap));
        }
        out.push_str(rest);
        if rest.is_empty() {
            out.push('\n');
        }
        if index == 0 && !layout.colours {
            let total: usize = widths.iter().map(|width| width + 2).sum();
            out.push_str(&"-".repeat(total.saturating_sub(2).min(layout.width)));
            out.push('\n');
        }
    }
    out
}

fn row_by_row(rows: &[Vec<String>], layout: Layout) -> String {
    let Some((head, rows)) = rows.split_first() else {
        return String::new();
    };
    let mut out = String::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            if index == 0 {
                out.push_str(&wrapped(&format!("**{cell}**"), "", "  ", layout));
            } else if !cell.is_empty() {
                let name = head.get(index).map_or("", String::as_str);
                let first = format!("  {name}: ");
                let hanging = " ".repeat(first.width().min(4));
                out.push_str(&wrapped(cell, &first, &hanging, layout));
            }
        }
        out.push('\n');
    }
    out
}

fn styled(cell: &str, head: bool, colours: bool) -> String {
    if head && colours {
        return format!("\u{1b}[1m{}\u{1b}[0m", cell.replace('`', ""));
    }
    let mut inline = Inline::default();
    let text = inline.styled(cell, colours);
    format!("{text}{}", inline.end(colours))
}

/// Takes a row apart; `\|` is a bar that belongs to a cell.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim();
    let inner = inner.strip_prefix('|').unwrap_or(inner);
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    inner.replace("\\|", "\u{0}").split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
}

fn is_rule(cell: &str) -> bool {
    !cell.is_empty() && cell.chars().all(|c| matches!(c, '-' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: [&str; 4] = [
        "| name | unit | meaning |",
        "|---|---|---|",
        "| `used` | bytes | space in use on the file system |",
        "| `free` | bytes | a \\| b |",
    ];

    #[test]
    fn columns_where_they_fit() {
        let text = laid_out(&TABLE, Layout { width: 80, colours: false });
        assert_eq!(
            text,
            "name    unit   meaning\n----------------------------------------------\n`used`  bytes  space in use on the file system\n`free`  bytes  a | b\n"
        );
    }

    #[test]
    fn rows_where_they_do_not() {
        let text = laid_out(&TABLE, Layout { width: 30, colours: false });
        assert_eq!(
            text,
            "`used`\n  unit: bytes\n  meaning: space in use on the\n    file system\n\n`free`\n  unit: bytes\n  meaning: a | b\n\n"
        );
    }
}
