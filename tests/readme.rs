//! The README says what is there: its code is that of an example, its kinds are those of the registry, its links lead
//! somewhere, and its configuration parses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use selx_core::action::Outcome;
use selx_core::{Registry, TimeSpan, config, exit_codes};

const README: &str = include_str!("../README.md");

fn registry() -> Registry {
    let mut registry = Registry::new();
    selx_checks::register(&mut registry).unwrap();
    registry
}

/// The text of the first block of a language.
fn block(language: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_rust_is_that_of_the_example() {
    let example = include_str!("../examples/embed.rs");
    let lines: Vec<&str> = example.lines().map(str::trim_start).collect();
    let shown: Vec<&str> = block("rust").lines().map(str::trim_start).collect();
    assert!(shown.len() > 5);
    assert!(lines.windows(shown.len()).any(|window| window == shown), "{shown:#?}");
}

#[test]
fn the_configuration_parses() {
    let suite = config::parse(&registry(), "README.md", block("toml"));
    let suite = suite.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(suite.instances.len(), 2);
}

/// What the page says of the file is what the program reads: no setting is left out, and each default is the program's.
#[test]
fn the_page_of_the_configuration_names_every_setting_and_default() {
    let page = include_str!("../docs/CONFIGURATION.md");
    let (_, example) = page.split_once("```toml\n").unwrap();
    let (_, example) = example.split_once("include = [\"conf.d/*.toml\"]\n").unwrap();
    let suite = config::parse(&registry(), "CONFIGURATION.md", example.split_once("```").unwrap().0);
    assert_eq!(suite.unwrap_or_else(|errors| panic!("{errors}")).instances.len(), 2);

    let schema = serde_json::to_value(config::schema(&registry())).unwrap();
    let of = |name: &str| -> Vec<String> {
        let table = schema.pointer(name).unwrap_or_else(|| panic!("{name}"));
        table["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let mut missing = Vec::new();
    for (heading, table) in [
        ("## A check", "/properties/check/properties/http/additionalProperties"),
        ("## `[action.KIND.NAME]`", "/properties/action/properties/logs-clean/additionalProperties"),
        ("## `[action.KIND.NAME]`", "/$defs/PermitTable"),
        ("## Limits", "/$defs/Limit/oneOf/1"),
        ("## `[runner]`", "/$defs/RunnerTable"),
        ("## `[history]`", "/$defs/HistoryTable"),
        ("## `[routine.NAME]`", "/$defs/RoutineTable"),
    ] {
        let (_, part) = page.split_once(heading).unwrap();
        let part = part.split("\n## ").next().unwrap();
        let keys = of(table);
        assert!(!keys.is_empty());
        missing.extend(keys.into_iter().filter(|key| !part.contains(&format!("`{key}`"))));
    }
    assert!(missing.is_empty(), "{missing:?}");
    let defaults = config::parse(&registry(), "nothing", "").unwrap().settings;
    for said in [
        format!("1 to 1024. | `{}` |", defaults.concurrency),
        format!("attempt of a check may take. | `\"{}\"` |", TimeSpan::from(defaults.timeout)),
        format!("`\"{}\"` |\n| `retries`", TimeSpan::from(defaults.deadline)),
        format!("0 to 20. | `{}` |", defaults.retries),
        format!("`\"{}\"` |\n| `action-timeout`", TimeSpan::from(defaults.retry_delay)),
        format!("`\"{}\"` |\n\n## `[history]`", TimeSpan::from(defaults.action_timeout)),
        format!("are kept. | `\"{}\"` |", TimeSpan::from(defaults.retention)),
    ] {
        assert!(page.contains(&said), "{said}");
    }
}

#[test]
fn the_table_of_kinds_is_the_registry() {
    let (_, table) = README.split_once("| kind | tells |\n|---|---|\n").unwrap();
    let shown: Vec<&str> =
        table.lines().take_while(|line| line.starts_with('|')).filter_map(|line| line.split('`').nth(1)).collect();
    assert_eq!(shown, registry().names().collect::<Vec<_>>());
    let (_, table) = README.split_once("| kind | does |\n|---|---|\n").unwrap();
    let shown: Vec<&str> =
        table.lines().take_while(|line| line.starts_with('|')).filter_map(|line| line.split('`').nth(1)).collect();
    assert_eq!(shown, registry().action_names().collect::<Vec<_>>());
}

/// The codes of changing are told as the program has them.
#[test]
fn the_page_of_exit_codes_has_every_outcome() {
    let page = include_str!("../docs/EXIT-CODES.md");
    for outcome in Outcome::ALL {
        let row = format!("| {} | {} |", outcome.exit_code(), outcome.as_str());
        assert!(page.contains(&row), "{row}");
    }
    for code in [exit_codes::USAGE, exit_codes::BUG, exit_codes::CONFIG] {
        assert!(page.contains(&format!("| {code} | |")), "{code}");
    }
}

#[test]
fn the_commands_are_where_they_are_said_to_be() {
    assert_eq!(block("sh"), "cargo run --release -p selx-cli -- run daily\n");
    assert!(README.contains("```sh\nbash tests/all\n```"));
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all").is_file());
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<_> =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(|page| root.join(page)).into();
    let docs = std::fs::read_dir(root.join("docs")).unwrap();
    pages
        .extend(docs.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "md")));
    let mut dead = Vec::new();
    let mut seen = 0;
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            seen += 1;
            if !path.exists() || (!anchor.is_empty() && !has_heading(&path, anchor)) {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(seen > 10, "{seen}");
    assert!(dead.is_empty(), "{dead:#?}");
}

/// Tells whether a page has a heading of this anchor, as it is made of the heading's words.
fn has_heading(page: &Path, anchor: &str) -> bool {
    let text = std::fs::read_to_string(page).unwrap_or_default();
    text.lines().filter(|line| line.starts_with('#')).any(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect::<String>() == anchor
    })
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/THREAT-MODEL.md")).unwrap();
    let named: Vec<(&str, &str)> =
        page.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::")).collect();
    let missing: Vec<String> = named
        .iter()
        .filter(|(file, test)| {
            let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            !text.contains(&format!("fn {test}(")) && !text.contains(&format!("def {test}("))
        })
        .map(|(file, test)| format!("{file}::{test}"))
        .collect();
    // `file::test` in the introduction is the pattern itself.
    assert_eq!(missing, ["file::test"]);
    assert!(named.len() > 30, "{}", named.len());
    let guarantees = page.split("\n## ").find(|part| part.starts_with("Guarantees")).unwrap();
    for guarantee in guarantees.split("\n### ").skip(1) {
        assert!(guarantee.contains("Backed by `"), "{guarantee}");
    }
}

/// A file that was left at the top would be the configuration of the first command, or a part of the project that nobody
/// decided on.
#[test]
fn the_top_level_is_what_was_decided() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut there: Vec<String> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect();
    there.sort();
    let decided = [
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "SECURITY.md",
        "benches",
        "clippy.toml",
        "deny.toml",
        "docs",
        "examples",
        "rustfmt.toml",
        "selx-checks",
        "selx-cli",
        "selx-core",
        "selx-py",
        "tests",
    ];
    assert_eq!(there, decided);
}
