//! Report version 1, as another program reads it: what was read is written and reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selx_core::report::v1::Report;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(report) = serde_json::from_slice::<Report>(bytes) {
        let text = serde_json::to_string(&report).unwrap_or_default();
        let again = serde_json::from_str::<Report>(&text);
        assert!(again.is_ok_and(|again| again == report), "{text}");
    }
});
