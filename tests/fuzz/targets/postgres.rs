//! What a server of PostgreSQL says: any bytes are a conversation or trouble, the same whole and byte by byte, and any
//! text is a value or none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selx_checks::postgres::fuzz::{talk, texts};

fuzz_target!(|bytes: &[u8]| {
    let whole = talk(bytes, 8192);
    let single = talk(bytes, 1);
    assert_eq!(whole, single);
    if let Ok(text) = std::str::from_utf8(bytes) {
        texts(text);
    }
});
