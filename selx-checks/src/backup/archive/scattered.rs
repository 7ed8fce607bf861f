//! The data of a dump that lies in files of its own beside its table of contents, inside of an archive: as `pg_dump -Ft`
//! writes it, or as a dump in the directory format is packed.

use std::collections::{HashMap, VecDeque};

use super::facts::DamageKind;
use super::folder::{self, ENDINGS};
use super::manifest::plain;
use super::stream::Bytes;
use crate::unpack::{Broken, Format};

/// How many files that would be wrong as data are remembered, and how many lists of large objects.
const MOST: usize = 100_000;
/// The longest name that is remembered.
const LONGEST_NAME: usize = 4096;
/// How many missing files are told of.
const MOST_MISSING: usize = 50;

/// What was seen of such data. The table of contents that names them may come behind them.
#[derive(Default)]
pub(super) struct Scattered {
    /// The files that tables of contents name, with their folder.
    pub(super) named: Vec<String>,
    /// What is wrong with files, if they are named.
    wrong: HashMap<String, String>,
    /// Lists of large objects: the files that each of them names.
    lists: HashMap<String, Vec<String>>,
    /// How many bytes of lists are kept.
    listed: usize,
    /// Whether a list is too long to be kept whole.
    omits: bool,
}

impl Scattered {
    /// Takes note of a file that has these many bytes when it is unpacked, or why it does not unpack.
    pub(super) fn saw(&mut self, name: &str, format: Format, bytes: Result<u64, &Broken>) {
        let last = name.rsplit('/').next().unwrap_or_default();
        let is_data = ENDINGS.iter().any(|ending| last.strip_suffix(ending).is_some_and(|own| own.ends_with(".dat")));
        if !(is_data || is_list(name)) || self.wrong.len() >= MOST || name.len() > LONGEST_NAME {
            return;
        }
        let wrong = match bytes {
            Ok(bytes) => folder::wrong(last, format, bytes),
            Err(broken) => Some(broken.to_string()),
        };
        if let Some(wrong) = wrong {
            self.wrong.insert(plain(name), wrong);
        }
    }

    /// Reads a list of large objects.
    pub(super) fn list(&mut self, name: &str, content: &mut dyn Bytes) -> Result<(), Broken> {
        let mut text = Vec::new();
        loop {
            let piece = content.piece(u64::MAX)?;
            if piece.is_empty() {
                break;
            }
            if self.listed + text.len() + piece.len() > folder::LONGEST_LIST || self.lists.len() >= MOST {
                self.omits = true;
                continue;
            }
            text.extend_from_slice(piece);
        }
        self.listed += text.len();
        if self.lists.len() < MOST && name.len() <= LONGEST_NAME {
            self.lists.insert(plain(name), folder::objects(&text));
        }
        Ok(())
    }

    /// Says at the end what is missing of all that is named, and the first thing that is wrong with what is there.
    pub(super) fn judge(
        &mut self,
        is_there: impl Fn(&str) -> bool,
        missing: &mut Vec<String>,
    ) -> Option<(DamageKind, String)> {
        let mut wrong = None;
        let mut left = VecDeque::from(std::mem::take(&mut self.named));
        if !left.is_empty() && self.omits {
            let text = "its lists of large objects name more than are looked for".to_owned();
            wrong = Some((DamageKind::Limit, text));
        }
        while let Some(file) = left.pop_front() {
            let Some(found) = ENDINGS.iter().map(|ending| format!("{file}{ending}")).find(|name| is_there(name)) else {
                if missing.len() < MOST_MISSING {
                    missing.push(file);
                }
                continue;
            };
            let found = plain(&found);
            if let Some(text) = self.wrong.get(&found) {
                let is_worse = wrong.as_ref().is_none_or(|(kind, _)| *kind == DamageKind::Limit);
                if is_worse {
                    wrong = Some((DamageKind::Damaged, format!("{found}: {text}")));
                }
            }
            // Each list is followed once, whoever names it.
            let folder = found.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
            let objects = self.lists.remove(&found).unwrap_or_default();
            left.extend(objects.into_iter().map(|object| format!("{folder}{object}")));
        }
        wrong
    }
}

/// Tells whether a file is named as a list of large objects.
pub(super) fn is_list(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    last.starts_with("blobs") && last.ends_with(".toc")
}

#[cfg(test)]
mod tests {
    use super::super::custom;
    use super::*;

    /// Lends bytes as they are.
    struct Lent<'a>(&'a [u8]);

    impl Bytes for Lent<'_> {
        fn piece(&mut self, most: u64) -> Result<&[u8], Broken> {
            let (piece, rest) = self.0.split_at(self.0.len().min(usize::try_from(most).unwrap_or(usize::MAX)));
            self.0 = rest;
            Ok(piece)
        }
    }

    /// The table of contents of a dump in the format tar with large objects, as this version of the format has it.
    fn contents(minor: u8) -> Vec<u8> {
        let number = |value: i32| [&[u8::from(value < 0)][..], &value.unsigned_abs().to_le_bytes()].concat();
        let text = |text: &str| [number(text.len() as i32), text.as_bytes().to_vec()].concat();
        let mut bytes = [&b"PGDMP\x01"[..], &[minor, 0, 4, 8, 3]].concat();
        // Not packed; made at a time that is none, of a database, by two versions.
        bytes.extend(if minor >= 15 { vec![0] } else { number(0) });
        (0..7).for_each(|_| bytes.extend(number(1)));
        ["shop", "17.2", "17.2"].iter().for_each(|word| bytes.extend(text(word)));
        // One entry with data.
        [1, 7, 1].iter().for_each(|value| bytes.extend(number(*value)));
        ["0", "0", "BLOBS", "BLOBS"].iter().for_each(|word| bytes.extend(text(word)));
        bytes.extend(number(3));
        (0..if minor >= 14 { 6 } else { 5 }).for_each(|_| bytes.extend(text("")));
        bytes.extend(if minor >= 16 { number(0) } else { Vec::new() });
        ["", "false"].iter().for_each(|word| bytes.extend(text(word)));
        bytes.extend(number(-1));
        bytes.extend(text("7.dat"));
        bytes
    }

    #[test]
    fn lists_of_large_objects_are_followed_under_the_names_that_each_version_gives() {
        for (minor, list) in [(14, "blobs.toc"), (16, "blobs_7.toc")] {
            let (dump, files) = custom::read(&mut Lent(&contents(minor))).unwrap();
            assert_eq!((dump.wrong, &*files), (None, &[list.to_owned()][..]), "{minor}");
            let judged = |there: &[&str], list_of: &str| {
                let mut scattered = Scattered { named: vec![format!("x/{list}")], ..Scattered::default() };
                scattered.list(&format!("./x/{list}"), &mut Lent(list_of.as_bytes())).unwrap();
                let mut missing = Vec::new();
                let wrong = scattered.judge(|name| there.contains(&name), &mut missing);
                (wrong, missing)
            };
            let (list, object) = (format!("x/{list}"), "16 blob_16.dat\n");
            assert_eq!(judged(&[&list, "x/blob_16.dat"], object), (None, vec![]));
            assert_eq!(judged(&[&list], object), (None, vec!["x/blob_16.dat".to_owned()]));
            assert_eq!(judged(&[], object), (None, vec![list.clone()]));
        }
    }

    #[test]
    fn what_is_wrong_is_told_only_of_what_is_named() {
        let judged = |named: &[&str]| {
            let mut scattered =
                Scattered { named: named.iter().map(ToString::to_string).collect(), ..Scattered::default() };
            scattered.saw("./a/1.dat.gz", Format::Gzip, Ok(0));
            scattered.saw("a/2.dat.gz", Format::Plain, Ok(9));
            scattered.saw("a/3.dat", Format::Plain, Ok(3));
            scattered.saw("a/blob_4.dat", Format::Plain, Ok(0));
            scattered.judge(|_| true, &mut Vec::new()).map(|(_, text)| text)
        };
        // Everything is there under each name, so that the plain one is found first.
        assert_eq!(
            judged(&["a/1.dat.gz"]).unwrap(),
            "a/1.dat.gz: it is empty, which not even the data of an empty table are"
        );
        assert_eq!(judged(&["a/2.dat.gz"]).unwrap(), "a/2.dat.gz: it is not packed as its name says");
        assert_eq!(judged(&["a/3.dat", "a/blob_4.dat", "b/1.dat.gz"]), None);
    }
}
