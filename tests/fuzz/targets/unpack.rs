//! Packed bytes: any of them unpack or are refused within the caps, the same in pieces of any size, and the end that is
//! proven uses every byte.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use selx_checks::unpack::{Broken, Caps, PIECE, Summary, Unpacker};

const CAPS: Caps = Caps { bytes: 4 << 20, ratio: 1000 };

/// Gives a few bytes at a time.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let most = to.len().min(self.1);
        self.0.read(to.get_mut(..most).unwrap_or_default())
    }
}

fn unpack(reader: impl Read) -> Result<(Vec<u8>, Summary), Broken> {
    let mut unpacker = Unpacker::new(reader, CAPS)?;
    let mut content = Vec::new();
    loop {
        let piece = unpacker.next()?;
        assert!(piece.len() <= PIECE);
        if piece.is_empty() {
            return Ok((content, unpacker.summary()));
        }
        content.extend_from_slice(piece);
        assert!(content.len() as u64 <= CAPS.bytes);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let whole = unpack(bytes);
    if let Ok((content, summary)) = &whole {
        assert_eq!((summary.encoded, summary.decoded), (bytes.len() as u64, content.len() as u64));
        assert!(summary.unchecked <= summary.members && summary.padding <= summary.encoded);
    }
    for size in [1, 7, 4096] {
        let pieces = unpack(Pieces(bytes, size));
        assert_eq!(whole.is_ok(), pieces.is_ok(), "{whole:?} and {pieces:?} in pieces of {size}");
        if let (Ok(whole), Ok(pieces)) = (&whole, pieces) {
            assert!(*whole == pieces, "in pieces of {size}");
        }
    }
});
