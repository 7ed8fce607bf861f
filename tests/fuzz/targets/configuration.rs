//! The configuration file: any text gives checks or errors, and every error has a place and can be shown.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use selx_core::{Registry, config};

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = Registry::new();
    let registered = selx_checks::register(&mut registry);
    assert!(registered.is_ok());
    registry
});

fuzz_target!(|text: &str| {
    match config::parse(&REGISTRY, "fuzz", text) {
        Ok(suite) => {
            for instance in &suite.instances {
                assert!(suite.select(&[instance.full_name()]).is_ok());
            }
        }
        Err(errors) => {
            assert!(!errors.errors.is_empty());
            for error in &errors.errors {
                assert!(!error.message.is_empty());
                assert!(error.line <= text.lines().count() + 1, "{}:{}", error.line, error.column);
                assert!(!error.source.contains(['\u{1b}', '\n', '\r']));
            }
            assert!(!errors.to_string().is_empty());
        }
    }
});
