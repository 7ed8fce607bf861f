//! The file system says no at every single call: an action tells the truth about what it came to, loses nothing, and the
//! next one does the rest.

use libc::{EIO, ENOSPC};
use selx_core::action::Outcome;

use super::blow::{Blow, Of, struck};
use super::subjects::{ALL, Subject, World};
use super::{folder, numbers};

/// Goes through it under a blow. Returns what it came to, and whether the blow fell.
fn under(subject: Subject, blow: Blow) -> (Option<Outcome>, Vec<String>) {
    let (_whole, folder) = folder();
    subject.lay(&folder);
    let before = World::of(&folder);
    let (came, fell) = struck(&folder, blow, || subject.act(&folder));
    let when = format!("under {blow:?} at {:?}: {came:?}", fell.first());
    let outcome = came.as_ref().ok().map(|report| report.outcome);
    match outcome {
        Some(Outcome::Done) => subject.is_finished(&folder, &when),
        Some(Outcome::Skips | Outcome::Leftover | Outcome::Unclear) => {}
        // Says that nothing is different, or was not even planned.
        _ => before.is_untouched(&folder, &when),
    }
    subject.holds(&folder, &before, &when);
    (outcome, fell)
}

/// Strikes at one call of so many, until there are no more. Returns how often.
fn everywhere(subject: Subject, one_of: u32, blow: impl Fn(u32) -> Blow) -> usize {
    numbers(one_of).map(|number| under(subject, blow(number)).1).take_while(|fell| !fell.is_empty()).count()
}

#[test]
fn l03_a_call_that_fails_anywhere_is_told_and_loses_nothing() {
    for subject in ALL {
        let times = everywhere(subject, 5, |number| Blow::Once(number, EIO));
        assert!(times > 20, "{subject:?}: {times}");
        println!("{}: {times} errors", subject.name());
    }
}

#[test]
fn l03_a_disk_that_dies_anywhere_loses_nothing_that_was_on_it() {
    for subject in ALL {
        let times = everywhere(subject, 9, |number| Blow::From(number, EIO, Of::All));
        assert!(times > 10, "{subject:?}: {times}");
    }
}

#[test]
fn l04_a_disk_that_is_full_from_any_call_on_stops_it_and_loses_nothing() {
    for subject in ALL {
        let times = everywhere(subject, 1, |number| Blow::From(number, ENOSPC, Of::Changes));
        assert!(times > 20, "{subject:?}: {times}");
    }
}

#[test]
fn l12_calls_that_are_interrupted_or_do_a_part_change_nothing() {
    for subject in ALL {
        for blow in [Blow::Interrupted, Blow::Short] {
            let (outcome, fell) = under(subject, blow);
            assert_eq!(outcome, Some(Outcome::Done), "{subject:?} {blow:?}: {fell:?}");
            assert!(fell.len() > 10, "{subject:?} {blow:?}: {fell:?}");
        }
    }
}
