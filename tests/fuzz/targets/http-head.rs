//! The head of an answer: any bytes are read or refused, the same way whole and byte by byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selx_checks::http::fuzz_head;

fuzz_target!(|bytes: &[u8]| {
    let whole = fuzz_head(std::iter::once(bytes));
    let single = fuzz_head(bytes.chunks(1));
    assert_eq!(whole, single);
});
