//! Dumps as SQL text: what they say at their beginning, and whether they have their end.

use super::closings::{Closings, mark};
use super::facts::{Dump, DumpForm};
use super::stream::Bytes;
use crate::unpack::Broken;

/// How much of the beginning is looked at.
const START: usize = 8 << 10;
/// How much of the end is kept: the closing lines, and the ones that may stand behind them.
const END: usize = 4 << 10;

/// Tells what kind of a dump begins like that.
pub(super) fn form_of(start: &[u8]) -> Option<DumpForm> {
    let start = start.get(..start.len().min(1024)).unwrap_or_default();
    let has = |text: &str| find(start, text.as_bytes()).is_some();
    if has("-- PostgreSQL database cluster dump") {
        Some(DumpForm::PostgresCluster)
    } else if has("-- PostgreSQL database dump") {
        Some(DumpForm::PostgresPlain)
    } else if start.starts_with(b"-- MySQL dump") || has("-- MariaDB dump") {
        Some(DumpForm::Mysql)
    } else {
        None
    }
}

/// Reads a dump to its end.
pub(super) fn read(bytes: &mut dyn Bytes, form: DumpForm) -> Result<Dump, Broken> {
    let (mut start, mut end, mut size) = (Vec::with_capacity(START), Vec::with_capacity(2 * END), 0_u64);
    let mut closings = Closings::new(form);
    loop {
        let piece = bytes.piece(u64::MAX)?;
        if piece.is_empty() {
            break;
        }
        size += piece.len() as u64;
        closings.feed(piece);
        let room = START - start.len();
        start.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        let kept = piece.get(piece.len().saturating_sub(END)..).unwrap_or_default();
        if kept.len() < END {
            let excess = (end.len() + kept.len()).saturating_sub(END).min(end.len());
            end.drain(..excess);
        } else {
            end.clear();
        }
        end.extend_from_slice(kept);
    }
    let start = String::from_utf8_lossy(&start);
    let says = |what: &str| {
        let line = start.lines().find_map(|line| line.strip_prefix(what))?;
        Some(line.trim().chars().take(80).collect::<String>())
    };
    let wrong = why_unfinished(form, &end).or_else(|| closings.finish());
    Ok(Dump {
        form,
        size,
        wrong,
        database: says("\\connect ").map(|name| name.trim_matches('"').to_owned()),
        server: says("-- Dumped from database version "),
        by: says("-- Dumped by pg_dump version ").or_else(|| says("-- Dumped by pg_dumpall version ")),
        made: says("-- Started on ").and_then(|text| started(&text)),
        ..Dump::default()
    })
}

/// Says what is missing at the end of a text, if something is: whatever dump is the last one in it, its closing line.
fn why_unfinished(form: DumpForm, end: &[u8]) -> Option<String> {
    let marks = [DumpForm::PostgresPlain, DumpForm::PostgresCluster, DumpForm::Mysql].map(mark);
    let text = String::from_utf8_lossy(end);
    let last = text.lines().rev().find(|line| !is_closing(line)).unwrap_or_default();
    let has_end = marks.iter().any(|mark| last.starts_with(mark));
    (!has_end).then(|| format!("the line `{}` is not at its end", mark(form)))
}

/// Tells whether a line may stand behind the one that says that the dump is complete.
fn is_closing(line: &str) -> bool {
    let line = line.trim();
    let is_comment = line.strip_prefix("--").is_some_and(|rest| rest.is_empty() || rest.starts_with(" Completed on "));
    line.is_empty() || is_comment || line.starts_with("\\unrestrict ")
}

/// Reads `2026-11-26 02:00:01 UTC`; other zones are names that mean too many places.
fn started(text: &str) -> Option<jiff::Timestamp> {
    let (time, zone) = text.rsplit_once(' ')?;
    if !matches!(zone, "UTC" | "GMT") {
        return None;
    }
    let time: jiff::civil::DateTime = time.parse().ok()?;
    jiff::tz::Offset::UTC.to_timestamp(time).ok()
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a text in pieces of one size.
    struct Pieces<'a>(&'a [u8], usize);

    impl Bytes for Pieces<'_> {
        fn piece(&mut self, most: u64) -> Result<&[u8], Broken> {
            let (piece, rest) = self.0.split_at(self.0.len().min(self.1).min(most as usize));
            self.0 = rest;
            Ok(piece)
        }
    }

    const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n\
        -- Dumped from database version 15.14 (Debian 15.14-0+deb12u1)\n-- Dumped by pg_dump version 15.14\n\n\
        -- Started on 2026-11-26 02:00:01 UTC\n\nCREATE TABLE a (b int);\n\n-- Completed on 2026-11-26 02:00:02 UTC\n\n\
        --\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n";

    #[test]
    fn a_dump_is_complete_only_with_its_last_line_whatever_the_pieces() {
        assert_eq!(form_of(DUMP.as_bytes()), Some(DumpForm::PostgresPlain));
        let long = DUMP.replace("CREATE", &"INSERT INTO a VALUES (1);\n".repeat(2000));
        for text in [DUMP, &long] {
            for size in [1, 7, 4095, 4096, 4097, 1 << 20] {
                let dump = read(&mut Pieces(text.as_bytes(), size), DumpForm::PostgresPlain).unwrap();
                assert_eq!((dump.wrong, dump.size), (None, text.len() as u64), "{size}");
                assert_eq!(dump.made.unwrap().to_string(), "2026-11-26T02:00:01Z");
                assert!(dump.server.unwrap().starts_with("15.14") && dump.by.as_deref() == Some("15.14"));
            }
        }
        let mark = DUMP.find("-- PostgreSQL database dump complete").unwrap();
        for cut in 0..mark + "-- PostgreSQL database dump complete".len() {
            let dump = read(&mut Pieces(&DUMP.as_bytes()[..cut], 100), DumpForm::PostgresPlain).unwrap();
            assert!(dump.wrong.is_some(), "{cut}");
        }
        let more = format!("{DUMP}ERROR:  out of memory\n");
        assert!(read(&mut Pieces(more.as_bytes(), 100), DumpForm::PostgresPlain).unwrap().wrong.is_some());
        // A dump of a cluster holds complete ones of its databases, and is not complete with them.
        assert!(read(&mut Pieces(DUMP.as_bytes(), 100), DumpForm::PostgresCluster).unwrap().wrong.is_some());
    }
}
