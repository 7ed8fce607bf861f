//! Pages of Markdown, laid out for a terminal: the documentation of kinds is written once and read in two places.
//!
//! It knows what those pages use: headings, paragraphs, lists, fenced code, tables, and `code` and **strong** in lines.

mod table;

use unicode_width::UnicodeWidthStr as _;

/// How a page is laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// How many columns a line may take.
    pub(crate) width: usize,
    /// Whether there are colours.
    pub(crate) colours: bool,
}

/// The narrowest a text is laid out for; below that lines are left to the terminal.
const NARROWEST: usize = 20;

/// Lays a page out.
pub(crate) fn laid_out(markdown: &str, layout: Layout) -> String {
    let mut page = Page { layout: Layout { width: layout.width.max(NARROWEST), ..layout }, out: String::new() };
    let lines: Vec<&str> = markdown.lines().collect();
    let mut rest = lines.as_slice();
    while let [line, after @ ..] = rest {
        let taken = page.block(line, after);
        rest = after.get(taken..).unwrap_or_default();
    }
    let end = page.out.trim_end().len();
    page.out.truncate(end);
    page.out.push('\n');
    page.out
}

struct Page {
    layout: Layout,
    out: String,
}

impl Page {
    /// Lays out the block that begins with a line; returns how many of the lines after it belong to it.
    fn block(&mut self, line: &str, after: &[&str]) -> usize {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            self.blank();
            return 0;
        }
        if let Some(fence) = trimmed.strip_prefix("```") {
            let _ = fence;
            let end = after.iter().position(|line| line.trim_start().starts_with("```"));
            let code = after.get(..end.unwrap_or(after.len())).unwrap_or_default();
            self.code(code);
            return end.map_or(after.len(), |end| end + 1);
        }
        let level = trimmed.bytes().take_while(|byte| *byte == b'#').count();
        if level > 0
            && let Some(heading) = trimmed.get(level..).and_then(|rest| rest.strip_prefix(' '))
        {
            self.heading(level, heading);
            return 0;
        }
        if trimmed.starts_with('|') {
            let more = after.iter().take_while(|line| line.trim_start().starts_with('|')).count();
            let rows: Vec<&str> = std::iter::once(line).chain(after.iter().take(more).copied()).collect();
            self.out.push_str(&table::laid_out(&rows, self.layout));
            return more;
        }
        let indent = line.len() - line.trim_start().len();
        let marker = marker_of(trimmed);
        let more = after.iter().take_while(|line| continues(line.trim_start())).count();
        let mut text = trimmed.get(marker..).unwrap_or_default().to_owned();
        for line in after.iter().take(more) {
            text.push(' ');
            text.push_str(line.trim());
        }
        let first = format!("{}{}", " ".repeat(indent), trimmed.get(..marker).unwrap_or_default());
        let hanging = " ".repeat(first.width());
        self.out.push_str(&wrapped(&text, &first, &hanging, self.layout));
        more
    }

    fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn heading(&mut self, level: usize, text: &str) {
        self.blank();
        let plain = text.replace('`', "");
        if self.layout.colours {
            let style = if level == 1 { "1;4" } else { "1" };
            self.out.push_str(&format!("\u{1b}[{style}m{plain}\u{1b}[0m\n"));
        } else {
            let rule = if level == 1 { "=" } else { "-" };
            self.out.push_str(&format!("{plain}\n{}\n", rule.repeat(plain.width())));
        }
    }

    fn code(&mut self, lines: &[&str]) {
        for line in lines {
            // Code is never wrapped: it is there to be copied.
            match (self.layout.colours, line.trim_start().starts_with('#')) {
                _ if line.trim().is_empty() => self.out.push('\n'),
                (true, true) => self.out.push_str(&format!("    \u{1b}[2m{line}\u{1b}[0m\n")),
                _ => self.out.push_str(&format!("    {line}\n")),
            }
        }
    }
}

/// Returns how long the marker of a list item is, with its space; 0 if the line is none.
fn marker_of(line: &str) -> usize {
    if line.starts_with("- ") || line.starts_with("* ") || line.starts_with("> ") {
        return 2;
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && line.get(digits..).is_some_and(|rest| rest.starts_with(". ")) {
        return digits + 2;
    }
    0
}

/// Tells whether a line goes on with the paragraph before it.
fn continues(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(['#', '|']) && !line.starts_with("```") && marker_of(line) == 0
}

/// Breaks a plain text into lines of at most that width, each after the first behind the hanging indent.
pub(crate) fn broken(text: &str, first: String, hanging: &str, width: usize) -> String {
    let mut out = first;
    let mut column = out.width();
    for (index, word) in text.split_whitespace().enumerate() {
        if index > 0 && column + 1 + word.width() > width.max(NARROWEST) {
            out.push('\n');
            out.push_str(hanging);
            column = hanging.width();
        } else if index > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.width();
    }
    out.push('\n');
    out
}

/// Breaks a text into lines that are not wider than the layout, where a word allows it.
fn wrapped(text: &str, first: &str, hanging: &str, layout: Layout) -> String {
    let mut out = String::from(first);
    let mut column = first.width();
    let mut start = true;
    let mut inline = Inline::default();
    for word in text.split_whitespace() {
        let width = shown_width(word, layout.colours);
        if !start && column + 1 + width > layout.width {
            out.push('\n');
            out.push_str(hanging);
            column = hanging.width();
        } else if !start {
            out.push(' ');
            column += 1;
        }
        out.push_str(&inline.styled(word, layout.colours));
        column += width;
        start = false;
    }
    out.push_str(inline.end(layout.colours));
    out.push('\n');
    out
}

/// Returns the width of a word without the marks that are not shown.
fn shown_width(word: &str, colours: bool) -> usize {
    let code = if colours { word.matches('`').count() } else { 0 };
    word.replace("**", "").width() - code
}

/// Where in a line of Markdown we are.
#[derive(Default)]
struct Inline {
    code: bool,
    strong: bool,
}

impl Inline {
    /// Turns the marks of a piece of text into styles, or takes them out.
    fn styled(&mut self, text: &str, colours: bool) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (mark, length) = match c {
                '`' => (true, 1),
                '*' if !self.code && rest.starts_with("**") => (true, 2),
                c => (false, c.len_utf8()),
            };
            let (piece, after) = rest.split_at(length);
            rest = after;
            // Without colours the marks of code stay: `du -x` could not be told from the words around it.
            if !mark || (length == 1 && !colours) {
                out.push_str(piece);
                continue;
            }
            let on = if length == 1 {
                self.code = !self.code;
                self.code.then_some("\u{1b}[36m")
            } else {
                self.strong = !self.strong;
                self.strong.then_some("\u{1b}[1m")
            };
            if colours {
                out.push_str(on.unwrap_or("\u{1b}[0m"));
            }
        }
        out
    }

    /// Ends what was left open.
    fn end(&self, colours: bool) -> &'static str {
        if colours && (self.code || self.strong) { "\u{1b}[0m" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# `host-disk`\n\nA paragraph that is\nbroken **here** but flows `there`.\n\n## Rights\n\n- one \
                        item that is rather long and has to be wrapped\n- two\n\n```toml\n[check.a.b] # a very long line of code stays\n```\n";

    #[test]
    fn a_page_is_laid_out_for_its_width() {
        let layout = Layout { width: 30, colours: false };
        assert_eq!(
            laid_out(PAGE, layout),
            "host-disk\n=========\n\nA paragraph that is broken\nhere but flows `there`.\n\nRights\n------\n\n- one item that is rather long\n  and has to be wrapped\n- two\n\n    [check.a.b] # a very long line of code stays\n"
        );
    }

    #[test]
    fn colours_are_closed_on_every_line_they_begin() {
        let layout = Layout { width: 30, colours: true };
        let text = laid_out("some `code that is never closed\n\n**strong** end", layout);
        assert_eq!(text.matches("\u{1b}[0m").count(), 2, "what is opened is closed: {text:?}");
    }

    #[test]
    fn anything_is_a_page() {
        for text in ["", "```", "#", "|", "| a |\n|---|", "1.", "****", "`", "- "] {
            let layout = Layout { width: 0, colours: true };
            assert!(laid_out(text, layout).ends_with('\n'), "{text}");
        }
    }
}
