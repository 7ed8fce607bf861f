//! Where a reply of Redis ends, found with bounds on everything before a byte of it is interpreted.
//!
//! It is walked without recursion, each byte once, and nothing is made as large as a peer announces. Only replies that
//! passed here are handed to the parser of the library.

use selx_core::{Unit, show};

use crate::net::FailureKind;

/// How deep replies may nest.
pub(super) const DEPTH: usize = 32;
/// How many elements a reply may have, all levels together.
const ELEMENTS: u64 = 1 << 18;
/// How long a line may be: a status, an error, a number.
const LINE: usize = 64 << 10;

/// Why a reply is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: FailureKind,
    pub(super) text: String,
    /// Where that begins which is no reply of Redis, if it is worth showing.
    pub(super) begins: Option<usize>,
}

fn malformed(text: impl Into<String>) -> Fault {
    Fault { kind: FailureKind::Malformed, text: text.into(), begins: None }
}

fn too_large(text: impl Into<String>) -> Fault {
    Fault { kind: FailureKind::TooLarge, text: text.into(), begins: None }
}

/// A reply that is on its way.
#[derive(Debug)]
pub(super) struct Frame {
    /// Where the next element begins.
    at: usize,
    /// Up to where no end of a line was found.
    searched: usize,
    /// How many elements are to come, level by level.
    open: Vec<u64>,
    /// How many elements were announced.
    elements: u64,
    /// How many bytes the reply may have.
    cap: usize,
}

impl Frame {
    pub(super) fn new(cap: usize) -> Self {
        Self { at: 0, searched: 0, open: Vec::new(), elements: 0, cap }
    }

    /// Looks at what came so far, all of it from the beginning of the reply: its length once it is whole.
    ///
    /// # Errors
    ///
    /// What is against the protocol, or above a bound, as soon as it can be seen.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, Fault> {
        loop {
            let Some(&sort) = bytes.get(self.at) else {
                return self.unfinished(bytes);
            };
            if !b"+-:$*".contains(&sort) {
                let text = foreign(bytes.get(self.at..).unwrap_or_default());
                return Err(Fault { begins: Some(self.at), ..malformed(text) });
            }
            let Some(end) = self.line_end(bytes, sort)? else {
                return self.unfinished(bytes);
            };
            let line = bytes.get(self.at + 1..end).unwrap_or_default();
            let next = end + 2;
            match sort {
                b':' => {
                    number(line)?;
                    self.at = next;
                }
                b'$' => {
                    let Some(after) = self.bulk(bytes, line, next)? else {
                        return self.unfinished(bytes);
                    };
                    self.at = after;
                }
                b'*' => {
                    self.at = next;
                    self.searched = next;
                    if self.array(line)? {
                        continue;
                    }
                }
                _ => self.at = next,
            }
            self.searched = self.at;
            if self.close() {
                return if self.at > self.cap { Err(self.over()) } else { Ok(Some(self.at)) };
            }
        }
    }

    /// One more element is whole: tells whether the reply is.
    fn close(&mut self) -> bool {
        while let Some(left) = self.open.last_mut() {
            *left = left.saturating_sub(1);
            if *left > 0 {
                return false;
            }
            self.open.pop();
        }
        true
    }

    fn unfinished(&self, bytes: &[u8]) -> Result<Option<usize>, Fault> {
        if bytes.len() > self.cap { Err(self.over()) } else { Ok(None) }
    }

    fn over(&self) -> Fault {
        let cap = show::value(self.cap as f64, Unit::Bytes);
        too_large(format!("the answer is longer than the {cap} that are read"))
    }

    /// Finds the end of the line that begins here.
    fn line_end(&mut self, bytes: &[u8], sort: u8) -> Result<Option<usize>, Fault> {
        let from = self.searched.max(self.at + 1);
        let rest = bytes.get(from..).unwrap_or_default();
        let found = rest.windows(2).position(|pair| pair == b"\r\n").map(|found| from + found);
        if found.is_none() {
            // The last byte may be the first half of a line end.
            self.searched = bytes.len().saturating_sub(1).max(self.at + 1);
        }
        // A line that came whole is bounded as one that came byte by byte.
        let length = found.map_or(bytes.len(), |end| end + 1) - self.at;
        // Every number and length fits 20 digits.
        let bound = if matches!(sort, b'+' | b'-') { LINE } else { 32 };
        if length > bound {
            return Err(malformed("a line of the answer does not end"));
        }
        Ok(found)
    }

    /// Takes a text of announced length: where it ends, if all of it is here.
    fn bulk(&mut self, bytes: &[u8], line: &[u8], from: usize) -> Result<Option<usize>, Fault> {
        let length = number(line)?;
        if length == -1 {
            return Ok(Some(from));
        }
        let length = usize::try_from(length).map_err(|_| malformed(format!("a text of length {length}")))?;
        if length > self.cap {
            return Err(too_large(format!("a text of {length} bytes is announced")));
        }
        let end = from + length;
        match bytes.get(end..end + 2) {
            Some(b"\r\n") => Ok(Some(end + 2)),
            Some(_) => Err(malformed("a text does not end where its length says")),
            None => {
                // The length is read again with the next bytes, which costs a few of them.
                self.searched = self.at + 1;
                Ok(None)
            }
        }
    }

    /// Takes the head of an array: tells whether elements follow.
    fn array(&mut self, line: &[u8]) -> Result<bool, Fault> {
        let count = number(line)?;
        if count == -1 || count == 0 {
            return Ok(false);
        }
        let count = u64::try_from(count).map_err(|_| malformed(format!("an array of length {count}")))?;
        self.elements = self.elements.saturating_add(count);
        if self.elements > ELEMENTS {
            return Err(too_large(format!("an array of {count} elements is announced")));
        }
        if self.open.len() >= DEPTH {
            return Err(malformed(format!("the answer nests deeper than {DEPTH} levels")));
        }
        self.open.push(count);
        Ok(true)
    }
}

fn number(line: &[u8]) -> Result<i64, Fault> {
    let digits = line.strip_prefix(b"-").unwrap_or(line);
    let number = std::str::from_utf8(line).ok().and_then(|text| text.parse().ok());
    match number {
        Some(number) if digits.iter().all(u8::is_ascii_digit) => Ok(number),
        _ => Err(malformed(format!("`{}` where a number should be", begin(line)))),
    }
}

/// Says what it is that does not speak this protocol.
fn foreign(bytes: &[u8]) -> &'static str {
    match bytes {
        [b'H', b'T', ..] | [b'<', ..] => "it is a web server, by its answer",
        [b'S', b'S', b'H', ..] => "it is an SSH server",
        [0x15 | 0x16, 0x03, ..] => "it is a server that wants encryption; `rediss://` asks for it",
        [b'2' | b'5', b'0'..=b'9', b'0'..=b'9', ..] => "it is a mail or file server, by its greeting",
        [b'E', b'R', b'R', b'O', b'R', ..] => "it is memcached, by its answer",
        [b'>' | b'%' | b'~' | b'|' | b'_' | b'#' | b',' | b'(' | b'!' | b'=', ..] => {
            "that belongs to a newer protocol, which was not asked for"
        }
        _ => "it is something else than Redis",
    }
}

/// The beginning of what came, for people.
fn begin(bytes: &[u8]) -> String {
    let shown = bytes.get(..bytes.len().min(40)).unwrap_or_default();
    String::from_utf8_lossy(shown).escape_debug().to_string()
}

/// Looks for the end of a reply as its pieces come, within a cap, and tells where it is: the fuzzer's door.
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub fn fuzz_frame<'a>(cap: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<usize>, String> {
    let (mut frame, mut bytes) = (Frame::new(cap), Vec::new());
    for piece in pieces {
        bytes.extend_from_slice(piece);
        if let Some(length) = frame.scan(&bytes).map_err(|fault| fault.text)? {
            return Ok(Some(length));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Result<Option<usize>, FailureKind> {
        Frame::new(1 << 20).scan(bytes).map_err(|fault| fault.kind)
    }

    #[test]
    fn replies_end_where_they_end_at_any_split() {
        let replies: [&[u8]; 10] = [
            b"+PONG\r\n",
            b"-ERR no\r\n",
            b":-12\r\n",
            b"$0\r\n\r\n",
            b"$-1\r\n",
            b"$7\r\na\r\nb\r\n!\r\n",
            b"*0\r\n",
            b"*-1\r\n",
            b"*2\r\n*2\r\n:1\r\n$1\r\nx\r\n*0\r\n",
            b"*3\r\n*1\r\n*1\r\n*0\r\n+a\r\r\n$-1\r\n",
        ];
        for reply in replies {
            let mut followed = reply.to_vec();
            followed.extend(b"+more");
            assert_eq!(whole(&followed), Ok(Some(reply.len())), "{:?}", begin(reply));
            for cut in 0..reply.len() {
                let mut frame = Frame::new(1 << 20);
                assert_eq!(frame.scan(&reply[..cut]).unwrap(), None, "{:?} at {cut}", begin(reply));
                assert_eq!(frame.scan(&followed).unwrap(), Some(reply.len()), "{:?} at {cut}", begin(reply));
            }
            // Byte for byte, and then the parser of the library takes it.
            let mut frame = Frame::new(1 << 20);
            let steps: Vec<_> = (0..=reply.len()).map(|cut| frame.scan(&reply[..cut]).unwrap()).collect();
            assert_eq!(steps.iter().flatten().count(), 1);
            redis::parse_redis_value(reply).unwrap();
        }
    }

    #[test]
    fn what_is_against_the_protocol_is_refused_at_once() {
        use FailureKind::{Malformed, TooLarge};
        for (bytes, kind) in [
            (&b"$-5\r\n"[..], Malformed),
            (b"$9223372036854775807\r\n", TooLarge),
            (b"$9223372036854775808\r\n", Malformed),
            (b"*1000000000\r\n", TooLarge),
            (b"*-2\r\n", Malformed),
            (b":12a\r\n", Malformed),
            (b":+1\r\n", Malformed),
            (b":\r\n", Malformed),
            (b"$2\r\nabcd", Malformed),
            (b"HTTP/1.1 400 Bad Request\r\n", Malformed),
            (b">2\r\n", Malformed),
            (b"\0", Malformed),
        ] {
            assert_eq!(whole(bytes), Err(kind), "{}", begin(bytes));
        }
        assert_eq!(whole(&b"*1\r\n".repeat(1_000_000)), Err(Malformed));
        assert_eq!(whole(&b"*9\r\n".repeat(DEPTH)), Ok(None));
        assert_eq!(whole(&[b"+".as_slice(), &[b'a'; LINE]].concat()), Err(Malformed));
        assert_eq!(whole(&[b":".as_slice(), &[b'1'; 40]].concat()), Err(Malformed));
        // Whole or in pieces: the bound of a line is the same.
        assert_eq!(whole(&[b":".as_slice(), &[b'0'; 40], b"\r\n"].concat()), Err(Malformed));
        assert_eq!(whole(&[b"+".as_slice(), &[b'a'; LINE], b"\r\n"].concat()), Err(Malformed));
        assert_eq!(whole(&[b"*200000\r\n".as_slice(), &b"$9\r\n123456789\r\n".repeat(90_000)].concat()), Err(TooLarge));
        assert_eq!(whole(&b"*200000\r\n".repeat(2)), Err(TooLarge));
    }

    #[test]
    fn the_deepest_that_passes_is_parsed() {
        let deep = [b"*1\r\n".repeat(DEPTH), b":1\r\n".to_vec()].concat();
        assert_eq!(whole(&deep), Ok(Some(deep.len())));
        redis::parse_redis_value(&deep).unwrap();
    }
}
