//! Whatever stands in a file: no panic, no overflow, no hang, and every error inside the file.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use selx_core::config::{ConfigErrors, from_arguments, parse};

use crate::kinds::registry;

/// Reads a text and holds what every answer must hold.
fn read(text: &str) -> Option<ConfigErrors> {
    let errors = parse(&registry(), "selx.toml", text).err()?;
    assert!(!errors.errors.is_empty());
    let lines: Vec<&str> = text.split('\n').collect();
    for error in &errors.errors {
        assert!((1..=lines.len()).contains(&error.line), "{error:?}");
        assert!((1..=lines[error.line - 1].chars().count() + 1).contains(&error.column), "{error:?}");
        assert!(error.width >= 1 && error.source.chars().count() <= 110, "{error:?}");
        let told = format!("{}{}{:?}", error.message, error.source, error.hint);
        assert!(!told.chars().any(|c| c.is_control() && c != '\n'), "{error:?}");
    }
    let _ = errors.to_string();
    Some(errors)
}

/// Lines that nearly are a configuration.
fn lines() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "check", "web", "disk", "a", "with", "limits", "used", "url", "expect", "status", "headers", "servers",
        "needs", "routine", "runner", "password", "\"\"", "\"ä b\"", "include", "login", "history",
    ]);
    let value = prop_oneof![
        Just("1".to_owned()),
        Just("\"x\"".to_owned()),
        Just("nan".to_owned()),
        Just("[1, \"x\"]".to_owned()),
        Just("{ a = 1 }".to_owned()),
        Just("{ status = \"x\", body = 1 }".to_owned()),
        Just("[[{]".to_owned()),
        Just("1979-05-27T07:32:00Z".to_owned()),
        Just("\"\"\"\nmore\n\"\"\"".to_owned()),
        "[ -~]{0,12}",
    ];
    let path = prop::collection::vec(word, 1..6).prop_map(|words| words.join("."));
    let line = prop_oneof![
        path.clone().prop_map(|path| format!("[{path}]")),
        path.clone().prop_map(|path| format!("[[{path}]]")),
        (path, value).prop_map(|(path, value)| format!("{path} = {value}")),
        "\\PC{0,20}",
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn nearly_a_configuration(text in lines()) {
        read(&text);
    }

    #[test]
    fn a_configuration_with_a_piece_put_in(at in 0..220_usize, piece in "\\PC{0,4}") {
        let mut text = "[check.web.a]\ntimeout = \"5s\"\nneeds = [\"b\"]\nlimits = { time = { warning = \"1s\" } }\n\
            with = { url = \"x\", expect = { status = 200, also = [1] }, headers = { a = \"b\" }, login = \"env:X\" }\n\
            [check.disk.b]\n".to_owned();
        let at = at.min(text.len());
        text.insert_str(at, &piece);
        read(&text);
    }

    #[test]
    fn a_secret_is_never_told(secret in "[a-zA-Z0-9]{12}", key in "(password|api-token|Authorization|my_secret)", rest in "\\PC{0,12}") {
        for text in [
            format!("[check.web.a.with]\n{key} = \"{secret}\"\n{rest}"),
            format!("[check.web.a]\nwith = {{ {key} = \"{secret}\", {rest}"),
            format!("[check.web.a]\nwith = {{ {key} = {secret}, x = {rest} }}"),
            format!("[check.web.a.with.headers]\n{key} = [\"{secret}\"] {rest}"),
            format!("[check.web.a.with]\n{key} = \"\"\"\n{secret}{rest}"),
            format!("[check.web.a.with]\nlogin = \"{secret}\"\nport = 1.5\n"),
            format!("{key} = '{secret}' {rest}"),
        ] {
            if let Some(errors) = read(&text) {
                prop_assert!(!errors.to_string().contains(&secret), "{text}\n---\n{errors}");
            }
        }
    }

    #[test]
    fn arbitrary_arguments(key in "\\PC{0,8}(\\.\\PC{0,4}){0,3}", value in any::<String>()) {
        let settings = [("url".to_owned(), "x".to_owned()), (key.clone(), value.clone())];
        let limits = [(key, "warning".to_owned(), value.clone())];
        let _ = from_arguments(&registry(), "web", "x", &settings, &[], None);
        let _ = from_arguments(&registry(), "web", "x", &settings, &limits, Some(&value));
    }
}

#[test]
fn nesting_ends_before_the_stack_does() {
    let many = 1_000_000 / 4;
    let hostile = [
        format!("a = {}", "[".repeat(many * 4 - 10)),
        format!("a = {}{}", "[".repeat(many), "]".repeat(many)),
        format!("a = {}1{}", "{a=".repeat(many), "}".repeat(many)),
        format!("{}a = 1", "a.".repeat(many)),
        format!("[{}a]", "a.".repeat(many)),
        format!("[[{}a]]", "\"a\" . ".repeat(many / 2)),
        format!("a = {{ {}a = 1 }}", "a.".repeat(many)),
        "[check.disk.x.with.".to_owned() + &"a.".repeat(5) + "a]\na = " + &"[".repeat(32) + &"]".repeat(32),
        "a = { ".repeat(31),
        "[".repeat(many),
        "{".repeat(many),
        "\"".repeat(many),
        "a = \"\"\"".to_owned() + &"\"".repeat(many),
        "=\n".repeat(many),
        "a = 1\n".repeat(many / 2),
        "password=1\n".repeat(90_000),
        format!("a = [{}", "{ key = 1, x }, ".repeat(60_000)),
        "[a]\n".repeat(many / 2),
        "[[a]]\n".repeat(many / 2),
    ];
    // A stack smaller than any that selx runs on.
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let done = small.spawn(move || {
        for text in &hostile {
            let began = Instant::now();
            assert!(read(text).is_some(), "{}", &text[..40.min(text.len())]);
            let took = began.elapsed();
            assert!(took < Duration::from_secs(20), "{took:?} for {}", &text[..40.min(text.len())]);
        }
    });
    done.unwrap().join().unwrap();
}

#[test]
fn errors_are_shown_up_to_a_number() {
    let text: String = (0..250).map(|number| format!("[check.none{number}.x]\n")).collect();
    let errors = read(&text).unwrap();
    assert_eq!((errors.errors.len(), errors.more), (100, 150));
    assert!(errors.to_string().ends_with("\nand 150 more"));
}

#[test]
fn a_thousand_checks_are_read_fast() {
    let mut text = String::new();
    for number in 0..1000 {
        text.push_str(&format!(
            "[check.web.n{number}]\ntimeout = \"5s\"\nneeds = [\"disk.root\"]\nlimits = {{ time = {{ warning = \"1s\" }} }}\n\
             with = {{ url = \"https://example.org/{number}\", expect = {{ status = 200 }} }}\n"
        ));
    }
    text.push_str("[check.disk.root]\n");
    let registry = registry();
    let best = (0..5).map(|_| {
        let began = Instant::now();
        assert_eq!(parse(&registry, "selx.toml", &text).unwrap().instances.len(), 1001);
        began.elapsed()
    });
    let best = best.min().unwrap();
    println!("1000 checks: {best:?}");
    // Ten times what an unoptimized build takes on a busy machine; a schema for each check would be past it.
    assert!(best < Duration::from_secs(2), "{best:?}");
}
