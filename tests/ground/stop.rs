//! The file that stops all actions.

use selx_core::action::{Ground as _, Stopped};

use super::State;

#[test]
fn who_stops_actions_is_named_until_somebody_starts_them() {
    let state = State::new();
    let ground = state.ground();
    assert_eq!(ground.stopped().unwrap(), None);
    assert_eq!(ground.start().unwrap(), None);
    let stopped = Stopped { by: "anna".into(), reason: "moving the disk".into(), at: "2026-11-23 03:00 UTC".into() };
    ground.stop(&stopped).unwrap();
    assert_eq!(state.ground().stopped().unwrap(), Some(stopped.clone()));
    assert_eq!(ground.start().unwrap(), Some(stopped));
    assert_eq!(ground.stopped().unwrap(), None);
}

#[test]
fn whatever_has_its_name_stops_them() {
    let state = State::new();
    std::fs::create_dir(&state.path).unwrap();
    type Make = fn(&std::path::Path);
    let makes: [(&str, Make); 4] = [
        ("empty", |at| std::fs::write(at, "").unwrap()),
        ("text", |at| std::fs::write(at, "no work on sundays\n").unwrap()),
        ("a link to nothing", |at| std::os::unix::fs::symlink("/nowhere", at).unwrap()),
        ("a pipe", |at| rustix::fs::mkfifoat(rustix::fs::CWD, at, rustix::fs::Mode::RUSR).unwrap()),
    ];
    for (what, make) in makes {
        let path = state.path.join("STOP");
        make(&path);
        let stopped = state.ground().stopped().unwrap().unwrap_or_else(|| panic!("{what}"));
        assert_eq!(stopped.by, "somebody");
        assert_eq!(stopped.reason, if what == "text" { "no work on sundays" } else { "" });
        state.ground().start().unwrap();
        assert!(path.symlink_metadata().is_err(), "{what}");
    }
}

#[test]
fn a_state_that_a_link_leads_to_is_stopped_and_started() {
    let state = State::new();
    std::fs::create_dir(&state.path).unwrap();
    let link = state.path.with_file_name("link");
    std::os::unix::fs::symlink(&state.path, &link).unwrap();
    std::fs::write(state.path.join("STOP"), "").unwrap();
    let ground = selx_checks::ground::HostGround::new(link, selx_core::Host::default());
    assert!(ground.stopped().unwrap().is_some());
    ground.start().unwrap();
    assert!(!state.path.join("STOP").exists());
}
