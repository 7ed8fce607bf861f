//! Packed bytes: any of them unpack or are refused within the caps, the same in pieces of any size and on two threads, and
//! the end that is proven uses every byte.
#![no_main]

use std::fmt::Debug;
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

fn unpack<R: Read>(unpacker: Result<Unpacker<R>, Broken>) -> Result<(Vec<u8>, Summary), Broken> {
    let mut unpacker = unpacker?;
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
    let whole = unpack(Unpacker::new(bytes, CAPS));
    if let Ok((content, summary)) = &whole {
        assert_eq!((summary.encoded, summary.decoded), (bytes.len() as u64, content.len() as u64));
        assert!(summary.unchecked <= summary.members && summary.padding <= summary.encoded);
    }
    let same = |other: &Result<(Vec<u8>, Summary), Broken>, how: &dyn Debug| {
        assert_eq!(whole.is_ok(), other.is_ok(), "{whole:?} and {other:?}: {how:?}");
        if let (Ok(whole), Ok(other)) = (&whole, other) {
            assert!(whole == other, "{how:?}");
        }
    };
    for size in [1, 7, 4096] {
        same(&unpack(Unpacker::new(Pieces(bytes, size), CAPS)), &size);
    }
    // To start a thread takes longer than all of the above.
    if bytes.len().is_multiple_of(8) {
        same(&std::thread::scope(|scope| unpack(Unpacker::beside(bytes, CAPS, scope))), &"two threads");
    }
});
