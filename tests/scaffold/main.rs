//! `docs/ADD-A-CHECK.md` is executed: its files make a crate, and the crate passes the contract.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "this test starts cargo")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Takes the files out of a page: a line that is a path in back-ticks and a colon, then a fenced block.
fn files(page: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(path) = line.strip_prefix('`').and_then(|rest| rest.strip_suffix("`:")) else { continue };
        let opening = lines.find(|line| line.starts_with("```")).expect("a block follows the path");
        let fence: String = opening.chars().take_while(|c| *c == '`').collect();
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != fence).collect();
        files.push((PathBuf::from(path), body.join("\n") + "\n"));
    }
    files
}

fn cargo_test(folder: &Path, target: &Path) -> Output {
    Command::new(env!("CARGO"))
        .args(["test", "--offline", "--quiet"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        // What is built here is run once.
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .output()
        .expect("cargo starts")
}

#[test]
fn a_newcomer_adds_a_kind_from_the_page_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/ADD-A-CHECK.md")).expect("the page");
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let crate_folder = scratch.path().join("file-freshness");
    let made = files(&page);
    assert_eq!(made.len(), 8, "the page has the crate's eight files");
    for (path, text) in &made {
        let path = crate_folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    // Until the crates are published, their place is this repository.
    let manifest = crate_folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).expect("the manifest");
    let patch =
        format!("{text}\n[workspace]\n\n[patch.crates-io]\nselx-core = {{ path = {:?} }}\n", root.join("selx-core"));
    std::fs::write(&manifest, patch).expect("the manifest");
    std::fs::copy(root.join("Cargo.lock"), crate_folder.join("Cargo.lock")).expect("the lock");

    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scaffold-target");
    let output = cargo_test(&crate_folder, &target);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the crate of the page does not pass:\n{said}");

    // The contract that has just passed can fail.
    std::fs::remove_file(crate_folder.join("testcases/missing.json")).expect("the testcase");
    let output = cargo_test(&crate_folder, &target);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success(), "a code without a testcase is accepted");
    assert!(said.contains("the code `missing` is documented and occurs in no testcase"), "{said}");
}
