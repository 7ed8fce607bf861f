//! Columns, wrapping and colours. Everything that is written passes through here and is made safe here.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::escape::{ascii, visible};
use crate::format::Style;

/// What a text is, which decides its colour where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Strong,
    Dim,
    Critical,
    Unknown,
    Warning,
    Ok,
}

impl Paint {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Critical => "\x1b[1;31m",
            Self::Unknown => "\x1b[1;35m",
            Self::Warning => "\x1b[1;33m",
            Self::Ok => "\x1b[32m",
        }
    }
}

/// A text that is painted one way.
pub(super) type Span<'a> = (Paint, Cow<'a, str>);

/// Makes a span.
pub(super) fn span<'a>(paint: Paint, text: impl Into<Cow<'a, str>>) -> Span<'a> {
    (paint, text.into())
}

/// A page being written.
pub(super) struct Page {
    out: String,
    width: usize,
    color: bool,
    unicode: bool,
    /// How many characters of one text are shown.
    most: usize,
    /// The column of the next character.
    column: usize,
    /// The paint that is on.
    paint: Paint,
}

/// Fewer columns than this are not worth wrapping for.
const LEAST: usize = 40;

impl Page {
    pub(super) fn new(style: &Style) -> Self {
        Self {
            out: String::new(),
            width: style.width.map_or(usize::MAX, |width| width.max(LEAST)),
            color: style.color,
            unicode: style.unicode,
            most: if style.verbosity == 0 { 600 } else { 16_000 },
            column: 0,
            paint: Paint::Plain,
        }
    }

    /// Returns how many columns there are; `usize::MAX` if lines do not end.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Returns the columns that a text takes once it is safe.
    pub(super) fn measure(&self, text: &str) -> usize {
        self.safe(text).width()
    }

    /// Chooses between a character of ours and its stand-in.
    pub(super) fn glyph(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    /// Writes one row: each cell begins at its column, and its text is wrapped under that column. A cell whose column is
    /// taken already begins on a line of its own.
    pub(super) fn row(&mut self, cells: &[(usize, &[Span<'_>])]) {
        for (column, spans) in cells {
            if spans.iter().all(|(_, text)| text.is_empty()) {
                continue;
            }
            if self.column > 0 && self.column + 1 > *column {
                self.end_line();
            }
            let mut fresh = true;
            for (paint, text) in *spans {
                self.flow(*column, *paint, text, &mut fresh);
            }
        }
        self.end_line();
    }

    /// Writes an empty line.
    pub(super) fn gap(&mut self) {
        self.out.push('\n');
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    fn safe<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.unicode { visible(text) } else { ascii(text) }
    }

    /// Cuts a text that would push everything else off the screen, and says so.
    fn clip<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match text.char_indices().nth(self.most) {
            Some((at, _)) if text.len() > self.most => {
                let (head, tail) = text.split_at(at);
                let rest = tail.chars().count();
                Cow::Owned(format!("{head}… ({rest} more characters)"))
            }
            _ => Cow::Borrowed(text),
        }
    }

    fn flow(&mut self, indent: usize, paint: Paint, text: &str, fresh: &mut bool) {
        let text = self.clip(text);
        let text = self.safe(&text);
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let wide = word.width();
            let gap = usize::from(!*fresh);
            if !*fresh && self.column + gap + wide > self.width {
                self.end_line();
                *fresh = true;
            }
            if *fresh {
                self.pad(indent);
            } else {
                self.space(paint);
            }
            if self.column + wide <= self.width {
                self.put(word, wide, paint);
            } else {
                self.put_broken(word, indent, paint);
            }
            *fresh = false;
        }
    }

    /// Writes a word that is longer than a line.
    fn put_broken(&mut self, word: &str, indent: usize, paint: Paint) {
        let mut begin = 0;
        let mut wide = 0;
        for (at, c) in word.char_indices() {
            let more = c.width().unwrap_or(0);
            if self.column + wide + more > self.width && at > begin {
                self.put(word.get(begin..at).unwrap_or_default(), wide, paint);
                self.end_line();
                self.pad(indent);
                begin = at;
                wide = 0;
            }
            wide += more;
        }
        self.put(word.get(begin..).unwrap_or_default(), wide, paint);
    }

    fn put(&mut self, text: &str, wide: usize, paint: Paint) {
        self.switch(paint);
        self.out.push_str(text);
        self.column += wide;
    }

    fn space(&mut self, paint: Paint) {
        if self.paint != paint {
            self.switch(Paint::Plain);
        }
        self.out.push(' ');
        self.column += 1;
    }

    fn pad(&mut self, column: usize) {
        self.switch(Paint::Plain);
        let missing = column.saturating_sub(self.column);
        self.out.extend(std::iter::repeat_n(' ', missing));
        self.column += missing;
    }

    fn end_line(&mut self) {
        self.switch(Paint::Plain);
        self.out.push('\n');
        self.column = 0;
    }

    fn switch(&mut self, paint: Paint) {
        if !self.color || self.paint == paint {
            return;
        }
        if self.paint != Paint::Plain {
            self.out.push_str("\x1b[0m");
        }
        self.out.push_str(paint.code());
        self.paint = paint;
    }
}
