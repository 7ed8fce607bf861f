//! Programs that somebody else could change are not run (root is needed: files change their owner here).

use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use selx_core::{Entry, Status};
use serde_json::json;

use crate::{check, install};

struct Folder(tempfile::TempDir);

impl Folder {
    async fn new() -> Self {
        assert!(rustix::process::geteuid().is_root(), "this test gives files to another user, so it needs root");
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path("bin")).unwrap();
        mode(&folder.path("bin"), 0o755);
        install(&folder.path("bin/plugin"), "#!/bin/sh\necho OK - trusted\n", "0755").await;
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

async fn run(path: &Path) -> Entry {
    check(&json!({ "program": path })).await
}

async fn refused(path: &Path, named: &Path, fix: &str) {
    let entry = run(path).await;
    assert_eq!(entry.status(), Status::Unknown, "{}", entry.headline());
    assert!(entry.headline().contains("refused"), "{}", entry.headline());
    assert!(entry.headline().contains(&format!("`{}`", named.display())), "{}", entry.headline());
    let selx_core::report::Outcome::Failed(failure) = &entry.outcome else {
        panic!("{:?}", entry.outcome);
    };
    let advice = failure.advice.as_deref().unwrap();
    assert!(advice.contains(fix) && advice.contains(&named.display().to_string()), "{advice}");
}

#[tokio::test]
async fn a_program_of_root_runs_also_below_a_sticky_folder_and_through_links() {
    let folder = Folder::new().await;
    assert_eq!(run(&folder.path("bin/plugin")).await.headline(), "OK - trusted");
    symlink("bin/../bin/./plugin", folder.path("link")).unwrap();
    symlink("link", folder.path("link2")).unwrap();
    assert_eq!(run(&folder.path("link2")).await.headline(), "OK - trusted");
}

#[tokio::test]
async fn a_program_that_others_may_change_is_refused() {
    let folder = Folder::new().await;
    let plugin = folder.path("bin/plugin");
    for bad in [0o757, 0o775, 0o777] {
        mode(&plugin, bad);
        refused(&plugin, &plugin, "chmod go-w").await;
    }
    mode(&plugin, 0o755);
    mode(&folder.path("bin"), 0o775);
    refused(&plugin, &folder.path("bin"), "chmod go-w").await;
}

#[tokio::test]
async fn a_program_of_another_user_is_refused() {
    let folder = Folder::new().await;
    let plugin = folder.path("bin/plugin");
    chown(&plugin, Some(1000), Some(1000)).unwrap();
    refused(&plugin, &plugin, "chown root:root").await;
    chown(&plugin, Some(0), Some(0)).unwrap();
    chown(folder.path("bin"), Some(1000), None).unwrap();
    refused(&plugin, &folder.path("bin"), "chown root:root").await;
}

#[tokio::test]
async fn a_link_through_a_folder_of_another_user_is_refused() {
    let folder = Folder::new().await;
    std::fs::create_dir(folder.path("theirs")).unwrap();
    chown(folder.path("theirs"), Some(1000), None).unwrap();
    symlink(folder.path("bin/plugin"), folder.path("theirs/plugin")).unwrap();
    symlink(folder.path("theirs/plugin"), folder.path("link")).unwrap();
    refused(&folder.path("link"), &folder.path("theirs"), "chown root:root").await;
    // The link itself belongs to somebody else, in a folder where anybody may make one.
    symlink(folder.path("bin/plugin"), folder.path("planted")).unwrap();
    std::os::unix::fs::lchown(folder.path("planted"), Some(1000), None).unwrap();
    refused(&folder.path("planted"), &folder.path("planted"), "chown root:root").await;
}

#[tokio::test]
async fn links_in_a_circle_end() {
    let folder = Folder::new().await;
    symlink(folder.path("b"), folder.path("a")).unwrap();
    symlink(folder.path("a"), folder.path("b")).unwrap();
    let entry = run(&folder.path("a")).await;
    assert_eq!(entry.status(), Status::Unknown);
    assert!(entry.headline().contains("circle"), "{}", entry.headline());
}

#[test]
fn only_absolute_programs_are_settings() {
    for wrong in ["check_disk", "./docker", "bin/true", ""] {
        let error = serde_json::from_value::<selx_checks::command::Config>(json!({ "program": wrong })).unwrap_err();
        assert!(error.to_string().contains("not an absolute path"), "{error}");
    }
    for wrong in [
        json!({ "program": "/bin/true", "shell": true }),
        json!({ "program": "/bin/true", "env": { "A=B": "c" } }),
        json!({ "program": "/bin/true", "secret-env": { "A": "hunter2" } }),
        json!({ "program": "/bin/true", "output-limit": "1GiB" }),
        json!({ "program": "/bin/true", "args": ["a\u{0}b"] }),
        json!({ "program": "/bin/true", "working-directory": "here" }),
    ] {
        serde_json::from_value::<selx_checks::command::Config>(wrong.clone()).expect_err(&wrong.to_string());
    }
}
