//! Files that are wrong, dangerous or hostile.

use super::process::{Place, SUITE, mode};

/// N5: a file that others may change is not read.
#[test]
fn a_file_that_others_may_change_is_refused() {
    let place = Place::with(SUITE);
    let file = place.path().join("selx.toml");
    for bits in [0o666, 0o664, 0o646] {
        mode(&file, bits);
        place.selx(&["run", "daily"]).code(3).complains(&["selx.toml", "chmod"]);
        place.selx(&["validate"]).code(3).complains(&["selx.toml", "chmod"]);
        place.selx(&["doctor"]).code(1).says(&["missing", "selx.toml does not load"]);
    }
    mode(&file, 0o600);
    place.selx(&["run", "daily"]).code(0);
}

/// N6: every error at once, with place and nearest word.
#[test]
fn every_error_is_told_at_once() {
    let place = Place::with(
        "[runner]\ntimeuot = \"5s\"\n\n[check.host-disc.root]\n\n[check.host-disk.a]\nlimits = { used = { warnign = \"80%\" } }\nwith = { path = [\"/\"] }\n",
    );
    let ran = place.selx(&["validate"]).code(3).complains(&[
        "selx.toml:2:1",
        "timeuot",
        "timeout",
        "host-disc",
        "host-disk",
        "warnign",
        "warning",
        "`path`",
        "paths",
        "^",
    ]);
    assert_eq!(ran.out, "");
    place.selx(&["run", "daily"]).code(3).complains(&["timeuot", "host-disc"]);
    let told = place.selx(&["validate", "--format", "json"]).code(3);
    let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(told["valid"], false);
    assert!(told["errors"].as_array().unwrap().len() >= 4, "{told}");
}

/// N7: bombs are refused quickly.
#[test]
fn bombs_are_refused() {
    let deep = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let many: String = (0..200_000).map(|n| format!("k{n} = 1\n")).collect();
    for text in [
        deep,
        many,
        "x".repeat(3 << 20),
        "[runner]\nconcurrency = 99999999999999999999999\n".into(),
        "[runner]\ntimeout = nan\n".into(),
        "\0\0\0".into(),
    ] {
        let place = Place::with(&text);
        let began = std::time::Instant::now();
        let ran = place.selx(&["validate"]).code(3);
        // A machine under load is slow; what must not happen is minutes.
        assert!(began.elapsed() < std::time::Duration::from_secs(120));
        assert!(ran.err.len() < 64 * 1024, "{} bytes of errors", ran.err.len());
    }
}

#[test]
fn the_file_is_the_one_that_is_named() {
    let place = Place::with(SUITE);
    place.put("other.toml", "[check.command.other]\nwith = { program = \"/usr/bin/true\", format = \"exit-code\" }\n");
    place.selx(&["list", "--checks", "--config", "other.toml"]).code(0).says(&["command.other"]);
    let mut command = place.command(&["list", "--checks"]);
    let ran = super::process::Ran::of(command.env("SELX_CONFIG", place.path().join("other.toml")));
    ran.code(0).says(&["command.other"]);
    place.selx(&["list", "--checks"]).code(0).says(&["command.fine"]);
}
