//! Durations, sizes and shares: whatever is accepted is shown in a form that is accepted again and means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selx_core::{ByteSize, Share, TimeSpan};

fuzz_target!(|text: &str| {
    if let Ok(span) = text.parse::<TimeSpan>() {
        let again = span.to_string().parse::<TimeSpan>();
        assert!(again.is_ok(), "`{span}` does not read again");
    }
    if let Ok(size) = text.parse::<ByteSize>() {
        let again = size.to_string().parse::<ByteSize>();
        assert!(again.is_ok(), "`{size}` does not read again");
    }
    if let Ok(share) = text.parse::<Share>() {
        let again = share.to_string().parse::<Share>();
        assert!(again.is_ok(), "`{share}` does not read again");
    }
});
