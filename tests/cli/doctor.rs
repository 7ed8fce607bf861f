//! `doctor` tells what is missing, and changes nothing.

use super::process::{Place, Ran, SUITE, as_nobody};

#[test]
fn doctor_only_reads() {
    let place = Place::with(SUITE);
    let ran = place.selx(&["doctor"]);
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:#?}");
    let ran =
        ran.says(&["configuration", "2 checks", "rights", "kinds", "history", "clock", "schedule", "will be made"]);
    assert_eq!(ran.code == Some(1), ran.out.contains("missing  "), "{ran:#?}");
    assert!(!place.path().join("state").exists());
}

#[test]
fn doctor_sees_what_is_wrong() {
    let place = Place::with(
        "[check.command.x]\nwith = { program = \"/usr/bin/true\", secret-env = { TOKEN = \"env:SELX_NO_SUCH\" } }\n",
    );
    std::fs::create_dir(place.path().join("state")).unwrap();
    std::fs::write(place.path().join("state/history.db"), "not a database ".repeat(100)).unwrap();
    let mut command = place.command(&["doctor"]);
    let ran = Ran::of(command.env("https_proxy", "http://secret-host:1")).code(1);
    let ran = ran.says(&[
        "the environment variable `SELX_NO_SUCH` is not set",
        "history.db",
        "https_proxy is set and has no effect",
    ]);
    assert!(!ran.out.contains("secret-host"), "{ran:#?}");
    let mut command = place.command(&["doctor", "--state-dir", "/root-only/selx"]);
    Ran::of(as_nobody(&mut command)).code(1).says(&["/root-only/selx", "cannot be written"]);
}
