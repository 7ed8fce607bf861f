//! `init` writes a file that is right at once.

use std::os::unix::fs::PermissionsExt as _;

use super::process::{Place, Ran};

#[test]
fn the_file_is_valid_and_only_its_owners() {
    let place = Place::empty();
    for mask in ["0", "077"] {
        let name = format!("mask{mask}.toml");
        let ran = Ran::of(&mut place.shell(&format!("umask {mask}; exec \"$@\""), &["init", &name])).code(0);
        let ran = ran.says(&["host-disk", "is written", "selx validate"]);
        assert!(ran.out.contains("command") && ran.out.contains("only you can say"), "{ran:#?}");
        let mode = place.path().join(&name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        place.selx(&["validate", &name]).code(0).says(&["is valid"]);
        let text = std::fs::read_to_string(place.path().join(&name)).unwrap();
        // Limits stand there as comments: those of the kinds, and none is raised to look well.
        assert!(text.contains("# limits.used = { warning = \"75%\", critical = \"85%\" }"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("limits")), "{text}");
        let ran = place.selx(&["run", "daily", "--config", &name]);
        assert!(matches!(ran.code, Some(0..=2)), "everything that was found can be looked at: {ran:#?}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let place = Place::with("# mine\n");
    place.selx(&["init"]).code(3).complains(&["`selx.toml` exists", "selx init -"]);
    assert_eq!(std::fs::read_to_string(place.path().join("selx.toml")).unwrap(), "# mine\n");
    std::os::unix::fs::symlink("/nonexistent/target", place.path().join("link.toml")).unwrap();
    place.selx(&["init", "link.toml"]).code(3).complains(&["exists"]);
    place.selx(&["init", "no/such/folder.toml"]).code(3).complains(&["cannot be written"]);
}

#[test]
fn standard_output_has_the_file_and_nothing_else() {
    let place = Place::empty();
    let ran = place.selx(&["init", "-"]).code(0).complains(&["host-disk"]);
    place.put("printed.toml", &ran.out);
    place.selx(&["validate", "printed.toml"]).code(0);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
}
