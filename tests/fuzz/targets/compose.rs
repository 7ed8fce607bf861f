//! Compose files and files of variables: any text is read or refused in bounded time and space, texts without a variable
//! stay as they are, and a project is always called something that compose would call one.
//!
//! What stands before the first line `---` is the file of variables.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selx_checks::compose::file::{fuzz_interpolate, fuzz_model, fuzz_variables, fuzz_yaml};

fuzz_target!(|text: &str| {
    let (variables, file) = text.split_once("---\n").unwrap_or(("", text));
    if let Ok((nodes, levels)) = fuzz_yaml(file) {
        // A scalar lies one level below the deepest list or mapping.
        assert!(nodes <= 100_000 && levels <= 66, "{nodes} nodes, {levels} levels");
    }
    let known = fuzz_variables(variables);
    assert!(known.keys().all(|name| !name.is_empty()));
    assert!(known.values().map(String::len).sum::<usize>() <= variables.len() + (4 << 20));
    // Every dollar doubled, nothing is put in.
    let escaped = file.replace('$', "$$");
    assert!(fuzz_interpolate(&escaped, &known).is_ok_and(|(same, missing)| same == file && missing.is_empty()));
    if let Ok((filled, missing)) = fuzz_interpolate(file, &known) {
        assert!(missing.iter().all(|name| !name.is_empty() && file.contains(name.as_str())), "{missing:?}");
        assert!(file.contains('$') || filled == file);
    }
    match fuzz_model(variables, file) {
        Ok(model) => {
            let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter);
            assert!(model.project.chars().all(fits), "{}", model.project);
            assert!(model.services.len() <= 1000);
            for service in model.services.values() {
                assert!(!service.networks.is_empty() || service.network_mode.is_some());
                let _ = service.is_active(&model.profiles);
            }
        }
        Err(why) => assert!(!why.is_empty()),
    }
});
