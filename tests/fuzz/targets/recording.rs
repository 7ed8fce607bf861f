//! A recorded run: whatever the facts of whichever kind are, judging them again gives a report that can be written.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use selx_core::format::{Format, Style, render};
use selx_core::recording::Recording;
use selx_core::{Registry, Secrets};

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = Registry::new();
    let registered = selx_checks::register(&mut registry);
    assert!(registered.is_ok());
    registry
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(recording) = serde_json::from_slice::<Recording>(bytes) {
        let report = recording.replay(&REGISTRY, None);
        for format in Format::ALL {
            assert!(!render(&report, format, &Style::default(), &Secrets::default()).is_empty());
        }
    }
});
