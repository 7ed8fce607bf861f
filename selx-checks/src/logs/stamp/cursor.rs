//! Reading on in the bytes of a line.

/// Months and days as times have them.
pub(in crate::logs) const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
pub(in crate::logs) const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];

/// What is left of a line. A method that returns `None` leaves it where it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// Returns the next byte without going on.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Goes on past one byte if it is the next.
    pub(super) fn eat(&mut self, byte: u8) -> Option<()> {
        self.eat_one(|next| next == byte).map(drop)
    }

    /// Goes on past the next byte if it is one of those.
    pub(super) fn eat_one(&mut self, wanted: impl Fn(u8) -> bool) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        if !wanted(*first) {
            return None;
        }
        self.rest = rest;
        Some(*first)
    }

    /// Goes on past all bytes that are wanted, and returns them.
    pub(super) fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.rest.iter().position(|byte| !wanted(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    /// Reads so many digits.
    pub(super) fn number(&mut self, digits: usize) -> Option<u32> {
        let (head, rest) = self.rest.split_at_checked(digits)?;
        let mut value = 0_u32;
        for byte in head {
            if !byte.is_ascii_digit() {
                return None;
            }
            value = value * 10 + u32::from(byte - b'0');
        }
        self.rest = rest;
        Some(value)
    }

    /// Reads one or two digits, the first of which may be a space: the day in `Nov  3`.
    pub(super) fn day(&mut self) -> Option<u32> {
        if self.peek() == Some(b' ') {
            self.eat(b' ')?;
            return self.number(1);
        }
        self.number(2).or_else(|| self.number(1))
    }

    /// Reads the three letters of a month.
    pub(super) fn month(&mut self) -> Option<u32> {
        let (name, rest) = self.rest.split_at_checked(3)?;
        let index = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
        self.rest = rest;
        u32::try_from(index + 1).ok()
    }
}
