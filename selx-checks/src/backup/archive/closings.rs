//! Which dumps begin in a text of SQL, and whether each of them has its end: `(pg_dump a; pg_dump b) > all.sql` writes two
//! of them, and the end of the last one says nothing of the first.

use std::io::BufRead as _;

use super::facts::DumpForm;
use super::lines::{BLOCK, KEPT, Partial, dull, last};

/// Where the heading is by which the text was taken for a dump.
const TOP: u64 = 1024;
/// How many dumps inside each other, and in rows, are counted.
const MOST: usize = 1000;

/// Headings of PostgreSQL, each on a line of its own between two lines `--`.
const HEADINGS: &[(&[u8], DumpForm)] = &[
    (b"-- PostgreSQL database dump", DumpForm::PostgresPlain),
    (b"-- PostgreSQL database cluster dump", DumpForm::PostgresCluster),
];
/// Headings of MySQL and MariaDB, with the version behind them.
const HEADINGS_OF_MYSQL: &[&[u8]] = &[b"-- MySQL dump ", b"-- MariaDB dump "];

/// Returns the line that ends a dump.
pub(super) fn mark(form: DumpForm) -> &'static str {
    match form {
        DumpForm::PostgresCluster => "-- PostgreSQL database cluster dump complete",
        DumpForm::Mysql => "-- Dump completed",
        _ => "-- PostgreSQL database dump complete",
    }
}

/// A dump that begins or ends.
#[derive(Clone, Copy)]
enum Event {
    Begins(DumpForm, u64),
    Ends(DumpForm),
}

/// The line before the one that is looked at, as far as it may belong to a heading.
#[derive(Clone, Copy)]
enum Before {
    Other,
    /// It ends in `--`, be it that a dump was cut in the middle of a line.
    Dashes,
    /// The heading of a dump that begins at that byte.
    Heading(DumpForm, u64),
    /// The heading of MySQL, which stands at the very beginning.
    OfMysql(u64),
    OfMysqlDashes(u64),
}

/// Rows of a table between `COPY … FROM stdin;` and `\.`: they may hold the lines of a dump, and a dump that was cut inside
/// of them goes on with the next one.
#[derive(Default)]
struct Rows {
    events: Vec<Event>,
    /// Other rows begin in them.
    has_rows: bool,
    /// An end of rows is written in them as a row is.
    is_escaped: bool,
}

/// The count of dumps in a text.
pub(super) struct Closings {
    /// The line that is not whole yet.
    part: Partial,
    /// Where it begins.
    at: u64,
    before: Before,
    rows: Option<Rows>,
    /// The dumps that did not end yet, with their places.
    open: Vec<(DumpForm, u64)>,
    /// Those that did not end before something around them did.
    unclosed: Vec<(DumpForm, u64)>,
    begun: u64,
    /// The heading at the top was not met yet.
    is_at_top: bool,
}

impl Closings {
    /// Begins to read a text that was taken for a dump of this form.
    pub(super) fn new(form: DumpForm) -> Self {
        Self {
            part: Partial::default(),
            at: 0,
            before: Before::Other,
            rows: None,
            open: vec![(form, 0)],
            unclosed: Vec::new(),
            begun: 1,
            is_at_top: true,
        }
    }

    /// Reads the next piece of the text.
    pub(super) fn feed(&mut self, mut piece: &[u8]) {
        // How many bytes are looked at line by line, since something in them may say something.
        let mut told = 0;
        while !piece.is_empty() {
            if told == 0 && self.part.length == 0 && matches!(self.before, Before::Other) {
                let block = piece.get(..BLOCK).unwrap_or(piece);
                let dull = dull(block);
                self.at += dull as u64;
                piece = piece.get(dull..).unwrap_or_default();
                told = if dull == 0 { block.len() } else { 0 };
                continue;
            }
            let mut rest = piece;
            // Of slices, this is the fastest search for a byte that the standard library has.
            let length = rest.skip_until(b'\n').unwrap_or(piece.len());
            let Some((line, rest)) = piece.split_at_checked(length) else { return };
            piece = rest;
            told = told.saturating_sub(length);
            let Some(line) = line.strip_suffix(b"\n") else {
                self.part.add(line);
                return;
            };
            if self.part.length == 0 {
                self.line(line.get(..KEPT).unwrap_or(line), last(line), line.len() as u64);
            } else {
                self.part.add(line);
                self.kept();
            }
        }
    }

    /// Returns why a dump is not whole, if one is not; the text ends here.
    pub(super) fn finish(mut self) -> Option<String> {
        if self.part.length > 0 {
            self.kept();
        }
        // A whole text does not end in rows: what looked like their beginning was none, or a dump was cut inside of them.
        if let Some(rows) = self.rows.take() {
            rows.events.into_iter().for_each(|event| self.take(event));
        }
        self.unclosed.append(&mut self.open);
        let (form, at) = *self.unclosed.iter().min_by_key(|(_, at)| *at)?;
        let mark = mark(form);
        Some(match (self.unclosed.len(), self.begun) {
            (_, 1) => format!("the line `{mark}` is not at its end"),
            (1, begun) => {
                format!("of {begun} dumps in it, the one from byte {at} on does not end in the line `{mark}`")
            }
            (count, begun) => {
                format!("{count} of {begun} dumps in it do not have their end, the first from byte {at} on: `{mark}`")
            }
        })
    }

    /// Looks at the line that was kept.
    fn kept(&mut self) {
        let line = std::mem::take(&mut self.part);
        self.line(&line.head, &line.tail, line.length);
    }

    /// Looks at a line by its beginning and its end, which are the same where it is short.
    fn line(&mut self, head: &[u8], tail: &[u8], length: u64) {
        let at = self.at;
        self.at += length + 1;
        let (head, tail) = (head.trim_ascii_end(), tail.trim_ascii_end());
        let before = std::mem::replace(&mut self.before, Before::Other);
        match head.first() {
            Some(b'\\') if self.rows.is_some() => self.end_of_rows(head),
            Some(b'C') if head.starts_with(b"COPY ") && tail.ends_with(b" FROM stdin;") => self.beginning_of_rows(),
            Some(b'-') if head.starts_with(b"-- ") => self.comment(head, before, at),
            _ => {}
        }
        if tail.ends_with(b"--") {
            let is_alone = head == b"--";
            match before {
                Before::Heading(form, begins) if is_alone => self.event(Event::Begins(form, begins)),
                _ => {}
            }
            self.before = match before {
                Before::OfMysql(begins) if is_alone => Before::OfMysqlDashes(begins),
                _ => Before::Dashes,
            };
        } else if tail.ends_with(b")")
            && let Some(back) = HEADINGS_OF_MYSQL.iter().find_map(|heading| behind(tail, heading))
        {
            // A dump that was cut in the middle of a line has the heading of the next one in that line.
            self.before = Before::OfMysql(at + length.saturating_sub(back as u64));
        }
    }

    /// Looks at a line that is a comment.
    fn comment(&mut self, head: &[u8], before: Before, at: u64) {
        let is_mark = |form: &DumpForm| head.starts_with(mark(*form).as_bytes());
        match before {
            Before::Dashes => {
                if let Some((_, form)) = HEADINGS.iter().find(|(heading, _)| head == *heading) {
                    self.before = Before::Heading(*form, at);
                } else if let Some((_, form)) = HEADINGS.iter().find(|(_, form)| is_mark(form)) {
                    self.event(Event::Ends(*form));
                }
            }
            Before::OfMysqlDashes(begins) if head.starts_with(b"-- Host: ") => {
                self.event(Event::Begins(DumpForm::Mysql, begins));
            }
            _ => {}
        }
        if is_mark(&DumpForm::Mysql) {
            self.event(Event::Ends(DumpForm::Mysql));
        }
    }

    fn beginning_of_rows(&mut self) {
        match &mut self.rows {
            Some(rows) => rows.has_rows |= !rows.events.is_empty(),
            None => self.rows = Some(Rows::default()),
        }
    }

    fn end_of_rows(&mut self, line: &[u8]) {
        if let Some(rows) = &mut self.rows {
            rows.is_escaped |= line == b"\\\\.";
        }
        // Where rows begin inside of rows and end as none are written in rows, a dump was cut and another one followed.
        if line == b"\\."
            && let Some(rows) = self.rows.take()
            && rows.has_rows
            && !rows.is_escaped
        {
            rows.events.into_iter().for_each(|event| self.take(event));
        }
    }

    fn event(&mut self, event: Event) {
        match &mut self.rows {
            Some(rows) if rows.events.len() < MOST => rows.events.push(event),
            Some(_) => {}
            None => self.take(event),
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Begins(form, at)
                if self.is_at_top && at < TOP && self.open.first().is_some_and(|top| top.0 == form) =>
            {
                self.is_at_top = false;
            }
            Event::Begins(form, at) => {
                self.begun += 1;
                if self.open.len() < MOST {
                    self.open.push((form, at));
                }
            }
            Event::Ends(form) => {
                // What ends without a beginning is text of somebody else.
                if let Some(index) = self.open.iter().rposition(|(open, _)| *open == form) {
                    let inner = self.open.drain(index + 1..);
                    self.unclosed.extend(inner.take(MOST));
                    self.unclosed.truncate(MOST);
                    self.open.truncate(index);
                }
            }
        }
    }
}

/// Returns how many bytes before the end a text has a word.
fn behind(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word).map(|at| text.len() - at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(body: &str) -> String {
        format!(
            "--\n-- PostgreSQL database dump\n--\n\nSET a = 1;\n\n{body}\n\n--\n-- PostgreSQL database dump complete\n--\n\n"
        )
    }

    fn rows(lines: &str) -> String {
        format!("COPY public.a (b, c) FROM stdin;\n{lines}\\.\n")
    }

    fn mysql(body: &str) -> String {
        format!(
            "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n-- Host: localhost    Database: shop\n\
             -- ------------------------------------------------------\n{body}\n-- Dump completed on 2026-11-26  2:00:01\n"
        )
    }

    /// Says what is wrong with a text, the same in pieces of every size.
    fn wrong(form: DumpForm, text: &str) -> Option<String> {
        let in_pieces = |size: usize| {
            let mut closings = Closings::new(form);
            text.as_bytes().chunks(size).for_each(|piece| closings.feed(piece));
            closings.finish()
        };
        let whole = in_pieces(usize::MAX);
        for size in [1, 2, 3, 7, 100, 191, 192, 193, 1000] {
            assert_eq!(in_pieces(size), whole, "in pieces of {size}: {text}");
        }
        whole
    }

    #[test]
    fn every_dump_that_begins_has_to_end() {
        let (a, b) = (plain(&rows("1\t2\n3\t4\n")), plain(&rows("5\t6\n")));
        assert_eq!(wrong(DumpForm::PostgresPlain, &a), None);
        assert_eq!(wrong(DumpForm::PostgresPlain, &format!("{a}{b}{a}")), None);
        assert_eq!(wrong(DumpForm::PostgresPlain, &format!("{a}{b}").replace('\n', "\r\n")), None);
        let end = a.find("-- PostgreSQL database dump complete").unwrap();
        // Cut at every byte, with the next dump right behind; what is cut before its heading is whole is none.
        let begins = "--\n-- PostgreSQL database dump\n--\n".len();
        for cut in begins..end {
            for next in [&b, &plain("CREATE TABLE a (b int);")] {
                let said = wrong(DumpForm::PostgresPlain, &format!("{}{next}", &a[..cut]));
                let said = said.unwrap_or_else(|| panic!("cut at {cut}: {}", &a[..cut]));
                assert!(said.starts_with("of 2 dumps in it, the one from byte 0 on"), "{cut}: {said}");
                let middle = wrong(DumpForm::PostgresPlain, &format!("{b}{}{next}", &a[..cut])).unwrap();
                assert!(middle.starts_with("of 3 dumps in it, the one from byte"), "{cut}: {middle}");
            }
        }
        let cut = &a[..end];
        assert!(wrong(DumpForm::PostgresPlain, &format!("{cut}{cut}{b}")).unwrap().starts_with("2 of 3 dumps"));
        assert!(wrong(DumpForm::PostgresPlain, cut).unwrap().starts_with("the line `"));
    }

    #[test]
    fn a_dump_of_a_cluster_holds_others() {
        let cluster = |inner: &str| {
            format!(
                "--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE a;\n\n--\n-- Databases\n--\n\n{inner}\
                 --\n-- PostgreSQL database cluster dump complete\n--\n\n"
            )
        };
        let (a, b) = (plain(&rows("1\t2\n")), plain(""));
        assert_eq!(wrong(DumpForm::PostgresCluster, &cluster(&format!("{a}{b}"))), None);
        // The roles of a server, and then its databases one by one.
        assert_eq!(wrong(DumpForm::PostgresCluster, &format!("{}{a}{b}", cluster(""))), None);
        let cut = &a[..a.len() - 80];
        assert!(wrong(DumpForm::PostgresCluster, &cluster(&format!("{cut}{b}"))).unwrap().starts_with("of 3 dumps"));
        let whole = cluster(&a);
        let cut = &whole[..whole.len() - 60];
        assert!(wrong(DumpForm::PostgresCluster, &format!("{cut}{b}")).unwrap().contains("cluster dump complete"));
    }

    #[test]
    fn lines_in_rows_and_texts_are_no_dumps() {
        let (whole, heading) = (plain("x"), "--\n-- PostgreSQL database dump\n--\n\n");
        let lines = whole.replace('\\', "\\\\");
        let other = plain(&rows("1\t2\n")).replace('\\', "\\\\");
        for body in [
            rows(heading),
            rows(&lines),
            rows(&other),
            rows("--\n-- PostgreSQL database dump complete\n--\n"),
            format!("COMMENT ON TABLE a IS 'as in -- PostgreSQL database dump';\n{}", rows("1\t2\n")),
            "CREATE FUNCTION a() AS $$\n-- PostgreSQL database dump\n$$;".to_owned(),
            "-- MySQL dump of old\n-- Dump completed\n".to_owned(),
            // A text that looks like the beginning of rows, and is none.
            "CREATE FUNCTION a() AS $$\nCOPY a FROM stdin;\n$$;".to_owned(),
        ] {
            assert_eq!(wrong(DumpForm::PostgresPlain, &plain(&body)), None, "{body}");
        }
    }

    #[test]
    fn dumps_of_mysql_are_counted_too() {
        let (a, b) = (mysql("INSERT INTO a VALUES (1,'x');"), mysql(""));
        assert_eq!(wrong(DumpForm::Mysql, &format!("{a}{b}")), None);
        let end = a.find("-- Dump completed").unwrap();
        let begins = a.find("-- Host: ").unwrap() + "-- Host: ".len();
        for cut in begins..end {
            let said = wrong(DumpForm::Mysql, &format!("{}{b}", &a[..cut]));
            assert!(said.unwrap_or_else(|| panic!("cut at {cut}")).starts_with("of 2 dumps"), "{cut}");
        }
        let newer = format!("/*M!999999\\- enable the sandbox mode */ \n{}", a.replace("MySQL", "MariaDB"));
        assert_eq!(wrong(DumpForm::Mysql, &format!("{newer}{newer}")), None);
        assert!(wrong(DumpForm::Mysql, &format!("{}{newer}", &newer[..newer.len() - 50])).is_some());
    }
}
