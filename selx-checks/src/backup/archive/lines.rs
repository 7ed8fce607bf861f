//! Lines of a long text that comes in pieces, and a fast way past those that say nothing. Pure.

/// How much of the beginning and of the end of a line is looked at; the rest of a long one is rows.
pub(super) const KEPT: usize = 192;
/// How many bytes are looked at together.
pub(super) const BLOCK: usize = 4096;

/// A line of which the end did not come yet.
#[derive(Default)]
pub(super) struct Partial {
    pub(super) head: Vec<u8>,
    pub(super) tail: Vec<u8>,
    pub(super) length: u64,
}

impl Partial {
    /// Adds what came of it.
    pub(super) fn add(&mut self, part: &[u8]) {
        let room = KEPT - self.head.len();
        self.head.extend_from_slice(part.get(..room).unwrap_or(part));
        self.tail.extend_from_slice(last(part));
        let excess = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..excess);
        self.length += part.len() as u64;
    }
}

/// Returns how many bytes are whole lines that say nothing, as nearly all rows are, from the beginning of a line on; 0 if
/// one may say something.
pub(super) fn dull(block: &[u8]) -> usize {
    let begins = |byte: u8| (byte == b'\\') | (byte == b'C') | (byte == b'-');
    let ends = |byte: u8| {
        (byte == b'-') | (byte == b')') | (byte == b'\r') | (byte == b' ') | (byte == b'\t') | (byte == 0x0c)
    };
    let (Some((first, behind)), Some((_, before))) = (block.split_first(), block.split_last()) else { return 0 };
    // Without a branch, so that many bytes are compared at once.
    let is_told = before.iter().zip(behind).fold(begins(*first), |is_told, (byte, next)| {
        is_told | ((*byte == b'\n') & begins(*next)) | ((*next == b'\n') & ends(*byte))
    });
    if is_told { 0 } else { block.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) }
}

/// Returns the end of a line as far as it is looked at.
pub(super) fn last(line: &[u8]) -> &[u8] {
    line.get(line.len().saturating_sub(KEPT)..).unwrap_or(line)
}
