//! What dumps of `pg_dump` are written in: numbers with their signs, and texts with their lengths.

use super::stream::Bytes;
use crate::unpack::Broken;

/// The longest text of a table of contents that is kept.
const KEPT: u64 = 256;
/// The longest that a text may be: a function or a view of that size is a mistake.
const LONGEST: u64 = 256 << 20;

/// How reading ended before the end.
pub(super) enum Stop {
    /// What is around the dump is damaged.
    Packing(Broken),
    /// The dump is.
    Wrong(String),
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Self::Packing(broken)
    }
}

/// Ends the reading: the dump is wrong.
pub(super) fn wrong<T>(text: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Wrong(text.into()))
}

/// Bytes that are read field by field.
pub(super) struct Fields<'a> {
    bytes: &'a mut dyn Bytes,
    /// What is at hand. Data that are not packed come in pieces of one row: asking those below for each of their numbers
    /// takes longer than all the rest.
    hand: Vec<u8>,
    /// How much of it was read.
    from: usize,
    /// How many bytes were read.
    pub(super) at: u64,
    /// How many bytes a number has, beside its sign.
    pub(super) int: u8,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a mut dyn Bytes) -> Self {
        Self { bytes, hand: Vec::new(), from: 0, at: 0, int: 4 }
    }

    /// Passes over the pieces that are at hand whole and whose content is not looked at: there is one for each row.
    pub(super) fn pass(&mut self) {
        let from = self.from;
        // Of another size, numbers are read one by one.
        while let (4, Some(([0, length @ ..], rest))) = (self.int, self.left().split_first_chunk::<5>()) {
            let length = u32::from_le_bytes(*length) as usize;
            // The last one has no length.
            if length == 0 || length > rest.len() {
                break;
            }
            self.from += 5 + length;
        }
        self.at += (self.from - from) as u64;
    }

    fn left(&self) -> &[u8] {
        self.hand.get(self.from..).unwrap_or_default()
    }

    /// Ends the reading: there are too few bytes.
    pub(super) fn cut<T>(&self) -> Result<T, Stop> {
        wrong(format!("it is cut short at byte {}", self.at))
    }

    /// Takes what is at hand, at most this many bytes of it; nothing at the end.
    pub(super) fn piece(&mut self, most: u64) -> Result<&[u8], Stop> {
        if self.from == self.hand.len() {
            let more = self.bytes.piece(u64::MAX)?;
            self.hand.clear();
            self.hand.extend_from_slice(more);
            self.from = 0;
        }
        let from = self.from;
        self.from = self.hand.len().min(from.saturating_add(usize::try_from(most).unwrap_or(usize::MAX)));
        self.at += (self.from - from) as u64;
        Ok(self.hand.get(from..self.from).unwrap_or_default())
    }

    /// Fills a room.
    pub(super) fn exact(&mut self, room: &mut [u8]) -> Result<(), Stop> {
        let mut filled = 0;
        while let Some(free) = room.get_mut(filled..).filter(|free| !free.is_empty()) {
            let piece = self.piece(free.len() as u64)?;
            if piece.is_empty() {
                return self.cut();
            }
            filled += piece.len();
            if let Some(free) = free.get_mut(..piece.len()) {
                free.copy_from_slice(piece);
            }
        }
        Ok(())
    }

    pub(super) fn byte_or_end(&mut self) -> Result<Option<u8>, Stop> {
        Ok(self.piece(1)?.first().copied())
    }

    pub(super) fn byte(&mut self) -> Result<u8, Stop> {
        match self.byte_or_end()? {
            Some(byte) => Ok(byte),
            None => self.cut(),
        }
    }

    /// Reads a number: its sign, then its bytes, the lowest first.
    pub(super) fn number(&mut self) -> Result<i64, Stop> {
        let mut room = [0; 9];
        let length = usize::from(self.int) + 1;
        let filled = room.get_mut(..length).unwrap_or_default();
        match self.hand.get(self.from..self.from + length) {
            Some(bytes) => {
                filled.copy_from_slice(bytes);
                self.from += length;
                self.at += length as u64;
            }
            None => self.exact(filled)?,
        }
        let [sign, bytes @ ..] = room;
        let value = i64::try_from(u64::from_le_bytes(bytes)).unwrap_or(i64::MAX);
        Ok(if sign == 0 { value } else { -value })
    }

    fn length(&mut self) -> Result<Option<u64>, Stop> {
        let length = self.number()?;
        match u64::try_from(length) {
            Err(_) => Ok(None),
            Ok(length) if length <= LONGEST => Ok(Some(length)),
            Ok(length) => wrong(format!("a text at byte {} says that it has {length} bytes", self.at)),
        }
    }

    fn skip(&mut self, mut left: u64) -> Result<(), Stop> {
        while left > 0 {
            let piece = self.piece(left)?.len() as u64;
            if piece == 0 {
                return self.cut();
            }
            left -= piece;
        }
        Ok(())
    }

    /// Reads over a text; `false` if there is none.
    pub(super) fn skip_text(&mut self) -> Result<bool, Stop> {
        let Some(length) = self.length()? else {
            return Ok(false);
        };
        self.skip(length)?;
        Ok(true)
    }

    pub(super) fn skip_texts(&mut self, count: usize) -> Result<(), Stop> {
        (0..count).try_for_each(|_| self.skip_text().map(drop))
    }

    pub(super) fn text(&mut self) -> Result<Option<String>, Stop> {
        let Some(length) = self.length()? else {
            return Ok(None);
        };
        let mut text = vec![0; length.min(KEPT) as usize];
        self.exact(&mut text)?;
        self.skip(length - text.len() as u64)?;
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }
}
