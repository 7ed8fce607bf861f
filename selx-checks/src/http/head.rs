//! The head of an answer, read strictly: what two readers could take differently is refused.
//!
//! The client library is lenient where RFC 9112 allows it. A check that says "fine" must not rest on a guess about where
//! an answer ends, so the bytes pass through here first.

use crate::net::FailureKind;

/// The most bytes of all heads of one answer, interim ones included.
const MAX_BYTES: usize = 64 * 1024;
/// The most headers of one head.
const MAX_HEADERS: usize = 100;
/// The most interim answers (`100 Continue`, `103 Early Hints`).
const MAX_INTERIM: u32 = 8;

/// Why a head is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// `Malformed` or `TooLarge`.
    pub(super) kind: FailureKind,
    /// A lower-case fragment.
    pub(super) text: String,
}

fn malformed(text: impl Into<String>) -> Fault {
    Fault { kind: FailureKind::Malformed, text: text.into() }
}

fn too_large(text: impl Into<String>) -> Fault {
    Fault { kind: FailureKind::TooLarge, text: text.into() }
}

/// Reads heads byte by byte until the final one is whole.
#[derive(Debug, Default)]
pub(super) struct HeadGuard {
    line: Vec<u8>,
    bytes: usize,
    interim: u32,
    head: Head,
    done: bool,
}

#[derive(Debug, Default)]
struct Head {
    status: Option<u16>,
    old: bool,
    headers: usize,
    length: Option<u64>,
    chunked: bool,
}

impl HeadGuard {
    /// Tells whether the final head was read to its end.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Takes bytes as they come; what follows the final head is not looked at.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        for byte in bytes {
            if self.done {
                break;
            }
            self.byte(*byte)?;
        }
        Ok(())
    }

    fn byte(&mut self, byte: u8) -> Result<(), Fault> {
        self.bytes += 1;
        if self.bytes > MAX_BYTES {
            return Err(too_large("the headers are longer than 64 KiB"));
        }
        let after_return = self.line.last() == Some(&b'\r');
        match byte {
            b'\n' if after_return => {
                self.line.pop();
                let line = std::mem::take(&mut self.line);
                self.line(&line)
            }
            b'\n' => {
                self.line.push(byte);
                self.opening()?;
                Err(malformed("a line of the headers ends without a carriage return"))
            }
            _ if after_return => Err(malformed("a carriage return stands inside a line of the headers")),
            _ => {
                self.line.push(byte);
                self.opening()
            }
        }
    }

    /// Refuses what does not begin as HTTP/1 as soon as that can be seen: garbage may never end its line.
    fn opening(&self) -> Result<(), Fault> {
        const BEGIN: &[u8] = b"HTTP/1.";
        if self.head.status.is_some() || self.line.len() > BEGIN.len() || BEGIN.starts_with(&self.line) {
            return Ok(());
        }
        Err(malformed(match self.line.as_slice() {
            [0x15 | 0x16, ..] => "the answer is a TLS record: the port speaks https".to_owned(),
            [0, ..] => "the answer is not HTTP/1 but binary, such as a frame of HTTP/2".to_owned(),
            [b'H', b'T', b'T', b'P', b'/', ..] => "the answer is of another version than HTTP/1".to_owned(),
            _ => "the answer does not begin with `HTTP/1.`".to_owned(),
        }))
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        if self.head.status.is_none() {
            return self.head.status_line(line);
        }
        if !line.is_empty() {
            return self.head.header(line);
        }
        let head = std::mem::take(&mut self.head);
        match head.status {
            Some(101) => Err(malformed("the answer switches to another protocol, which was not asked for")),
            Some(100..200) => {
                self.interim += 1;
                if self.interim > MAX_INTERIM {
                    return Err(malformed(format!("more than {MAX_INTERIM} interim answers came")));
                }
                Ok(())
            }
            _ => {
                self.done = true;
                head.framing()
            }
        }
    }
}

impl Head {
    fn status_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let wrong = || malformed("the status line is not `HTTP/1.1 200 OK`");
        let rest = line.strip_prefix(b"HTTP/1.").ok_or_else(wrong)?;
        let (version, digits, reason) = match rest {
            [version @ (b'0' | b'1'), b' ', a, b, c] => (*version, [*a, *b, *c], &[][..]),
            [version @ (b'0' | b'1'), b' ', a, b, c, b' ', reason @ ..] => (*version, [*a, *b, *c], reason),
            _ => return Err(wrong()),
        };
        let code = std::str::from_utf8(&digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
        let status: u16 = code.and_then(|code| code.parse().ok()).ok_or_else(wrong)?;
        if !(100..600).contains(&status) {
            return Err(malformed(format!("the status {status:03} is not between 100 and 599")));
        }
        if reason.iter().any(|byte| is_control(*byte)) {
            return Err(malformed("a control character stands in the status line"));
        }
        self.status = Some(status);
        self.old = version == b'0';
        Ok(())
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.headers += 1;
        if self.headers > MAX_HEADERS {
            return Err(too_large(format!("there are more than {MAX_HEADERS} headers")));
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err(malformed("a header goes on in the next line, which was abolished"));
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let Some((name, value)) = colon.and_then(|at| line.split_at_checked(at)) else {
            return Err(malformed("a line of the headers has no colon"));
        };
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(malformed("the name of a header has characters that it may not have"));
        }
        if value.iter().any(|byte| is_control(*byte)) {
            return Err(malformed("a control character stands in the value of a header"));
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            self.length(value)
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(malformed("`transfer-encoding` is something else than one `chunked`"));
            }
            self.chunked = true;
            Ok(())
        } else {
            Ok(())
        }
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.length.is_some() {
            return Err(malformed("`content-length` stands there more than once"));
        }
        let digits = std::str::from_utf8(value).ok().filter(|_| value.iter().all(u8::is_ascii_digit));
        // The highest values have a meaning of their own in client libraries.
        let length = digits.and_then(|digits| digits.parse::<u64>().ok()).filter(|length| *length < 1 << 62);
        match length {
            Some(length) => {
                self.length = Some(length);
                Ok(())
            }
            None => Err(malformed("`content-length` is not a number that a body can have")),
        }
    }

    fn framing(&self) -> Result<(), Fault> {
        if self.chunked && self.length.is_some() {
            return Err(malformed("`content-length` and `transfer-encoding` contradict each other"));
        }
        if self.chunked && self.old {
            return Err(malformed("`transfer-encoding` stands in an answer of HTTP/1.0, which has none"));
        }
        Ok(())
    }
}

/// Tells whether a byte may not stand in a value: controls except the tabulator.
fn is_control(byte: u8) -> bool {
    byte != b'\t' && byte.is_ascii_control()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Result<bool, Fault> {
        let mut guard = HeadGuard::default();
        guard.push(text)?;
        Ok(guard.is_done())
    }

    #[test]
    fn heads_that_are_right() {
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
            "HTTP/1.1 200 \r\n\r\n",
            "HTTP/1.0 404\r\nServer: x\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx:\ty \r\nempty:\r\n\r\n\n\n\n",
        ] {
            assert_eq!(read(text.as_bytes()), Ok(true), "{text}");
            // Whatever the pieces are.
            for at in 0..text.len() {
                let (before, after) = text.as_bytes().split_at(at);
                let mut guard = HeadGuard::default();
                guard.push(before).unwrap();
                guard.push(after).unwrap();
                assert!(guard.is_done(), "{text} at {at}");
            }
        }
    }

    #[test]
    fn heads_that_are_wrong() {
        for (text, words) in [
            ("\x15\x03\x01\0\x02", "speaks https"),
            ("\0\0\x12\x04\0\0\0\0\0", "HTTP/2"),
            ("HTTP/2 200\r\n", "another version"),
            ("<html>", "does not begin"),
            ("h", "does not begin"),
            ("\r\n", "does not begin"),
            ("HTTP/1.1 20 OK\r\n", "status line"),
            ("HTTP/1.1 2000 OK\r\n", "status line"),
            ("HTTP/1.1  200 OK\r\n", "status line"),
            ("HTTP/1.9 200 OK\r\n", "status line"),
            ("HTTP/1.1 +20 OK\r\n", "status line"),
            ("HTTP/1.1 099 x\r\n", "between 100 and 599"),
            ("HTTP/1.1 999 x\r\n", "between 100 and 599"),
            ("HTTP/1.1 200 O\0K\r\n", "control character"),
            ("HTTP/1.1 200 OK\n", "without a carriage return"),
            ("HTTP/1.1 200 OK\r\na: b\n", "without a carriage return"),
            ("HTTP/1.1 200 OK\r\na: b\rc", "inside a line"),
            ("HTTP/1.1 200 OK\r\na: b\r\n c\r\n", "next line"),
            ("HTTP/1.1 200 OK\r\nab\r\n", "no colon"),
            ("HTTP/1.1 200 OK\r\na : b\r\n", "characters that it may not"),
            ("HTTP/1.1 200 OK\r\n: b\r\n", "characters that it may not"),
            ("HTTP/1.1 200 OK\r\na: \x1b[2J\r\n", "control character"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\ncontent-length: 1\r\n", "more than once"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n", "not a number"),
            ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n", "not a number"),
            ("HTTP/1.1 200 OK\r\ncontent-length: +1\r\n", "not a number"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0x5\r\n", "not a number"),
            ("HTTP/1.1 200 OK\r\ncontent-length:\r\n", "not a number"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n", "not a number"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", "contradict"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n", "something else"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", "something else"),
            ("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "HTTP/1.0"),
            ("HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n", "switches"),
        ] {
            let fault = read(text.as_bytes()).unwrap_err();
            assert_eq!(fault.kind, FailureKind::Malformed, "{text:?}");
            assert!(fault.text.contains(words), "{text:?}: {}", fault.text);
        }
        let flood = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(9);
        assert!(read(flood.as_bytes()).unwrap_err().text.contains("8 interim"));
    }

    #[test]
    fn heads_that_are_too_large() {
        let many = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(101));
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(70_000));
        for text in [many, long] {
            assert_eq!(read(text.as_bytes()).unwrap_err().kind, FailureKind::TooLarge);
        }
        let just = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(100));
        assert_eq!(read(just.as_bytes()), Ok(true));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = read(&[b"HTTP/1.1 200 OK\r\n".as_slice(), &bytes].concat());
        }
    }
}
