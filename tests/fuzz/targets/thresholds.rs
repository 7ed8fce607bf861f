//! Limits as an operator writes them, in every unit: reading never panics, and what was read is shown and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selx_core::Unit;
use selx_core::limit::Threshold;

const UNITS: [Unit; 6] = [Unit::Bytes, Unit::Seconds, Unit::Ratio, Unit::Count, Unit::PerSecond, Unit::BytesPerSecond];

fuzz_target!(|text: &str| {
    for unit in UNITS {
        if let Ok(threshold) = Threshold::parse(text, unit) {
            let shown = threshold.to_string();
            assert!(Threshold::parse(&shown, unit).is_ok(), "`{shown}` does not read again as {unit:?}");
        }
    }
});
