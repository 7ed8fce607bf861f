//! The bits of packed bytes, 64 of them at hand.

/// The next bits of what is at hand.
pub(super) struct Bits<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) bits: u64,
    pub(super) count: u32,
}

impl Bits<'_> {
    /// Fills up to at least 56 bits; behind the end of the bytes there are zeros.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let word = match self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => 0,
        };
        self.bits |= word << (self.count & 63);
        self.at = self.at.wrapping_add(((63 - self.count) >> 3) as usize);
        self.count |= 56;
    }

    #[inline(always)]
    pub(super) fn take(&mut self, bits: u32) {
        self.bits >>= bits & 63;
        self.count = self.count.wrapping_sub(bits);
    }

    /// Returns some of the next bits and takes them.
    #[inline(always)]
    pub(super) fn get(&mut self, bits: u32) -> usize {
        let value = self.bits & ((1_u64 << (bits & 63)) - 1);
        self.take(bits);
        value as usize
    }

    /// Gives back whole bytes that were read and not used.
    pub(super) fn settle(&mut self) {
        self.at = self.at.wrapping_sub((self.count >> 3) as usize);
        self.count &= 7;
        self.bits &= (1 << self.count) - 1;
    }
}
