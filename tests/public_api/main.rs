//! The public items of the libraries, held by a list: what another program can see does not change by accident.
//!
//! `SELX_UPDATE=1 cargo test -p selx --test public_api` writes the lists anew. What a change of them asks of the version stands in
//! CONTRIBUTING.md.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod items;

use std::path::Path;

/// Compares the items of a library with its list.
fn hold(name: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let now = items::of(&root.join(name).join("src"));
    let list = root.join("tests/public_api").join(format!("{name}.txt"));
    if std::env::var_os("SELX_UPDATE").is_some() {
        std::fs::write(&list, &now).expect("the list is written");
    }
    let known = std::fs::read_to_string(&list).unwrap_or_default();
    let missing: Vec<&str> = known.lines().filter(|line| !now.lines().any(|other| other == *line)).collect();
    let new: Vec<&str> = now.lines().filter(|line| !known.lines().any(|other| other == *line)).collect();
    assert!(
        now == known,
        "the public items of `{name}` are not those of `{}`; gone or changed:\n{}\nnew:\n{}\nIf that is meant, \
         `SELX_UPDATE=1 cargo test -p selx --test public_api` writes the list anew, and the changelog says it.",
        list.display(),
        missing.join("\n"),
        new.join("\n"),
    );
}

#[test]
fn of_selx_core() {
    hold("selx-core");
}

#[test]
fn of_selx_checks() {
    hold("selx-checks");
}

#[test]
fn of_selx_cli() {
    hold("selx-cli");
}

#[test]
fn what_is_not_public_is_not_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = "
        pub mod inner;
        mod hidden;
        pub use hidden::Shown;
        #[cfg(test)] pub fn of_tests() {}
        pub(crate) fn ours() {}
        fn private() {}
        /// Its words are not part of it.
        pub fn shown<T: Clone>(one: &T) -> Option<T> { None }
        pub struct Both { pub seen: u8, unseen: u8 }
        pub struct Tuple(pub u8, u16);
        impl Both { pub fn method(&self) {} fn unseen(&self) {} }
        impl Default for Both { fn default() -> Self { todo!() } }
        pub trait Given { const NUMBER: u8 = 3; fn asked(&self) -> u8 { 3 } }
    ";
    std::fs::write(folder.path().join("lib.rs"), source).expect("a file");
    std::fs::write(folder.path().join("inner.rs"), "pub const ONE: u8 = 1;").expect("a file");
    std::fs::write(folder.path().join("hidden.rs"), "pub enum Shown { A, B(u8) } struct Not;").expect("a file");
    let said = items::of(folder.path());
    for seen in [
        "pub mod inner",
        "pub use hidden::Shown",
        "pub fn shown<T: Clone>(one: &T) -> Option<T>",
        "pub seen: u8",
        "pub fn method(&self)",
        "impl Default for Both",
        "const NUMBER: u8",
        "fn asked(&self) -> u8",
        "ONE: u8",
        "B(u8)",
        "pub struct Tuple(pub u8, ..)",
    ] {
        assert!(said.contains(seen), "{seen} is not in\n{said}");
    }
    for unseen in ["of_tests", "ours", "private", "unseen", "words", "Not", "u16", "todo", "= 3"] {
        assert!(!said.contains(unseen), "{unseen} is in\n{said}");
    }
}
