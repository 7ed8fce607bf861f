//! What people see.

use std::time::{Duration, Instant};

use selx_core::format::{Format, Style, render};
use selx_core::limit::Level;
use selx_core::{Error, ErrorKind, Secrets};
use unicode_width::UnicodeWidthStr as _;

use crate::data::{self, human};

#[test]
fn a_healthy_run() {
    insta::assert_snapshot!("healthy-100", human(&data::healthy(), Some(100), 0));
    insta::assert_snapshot!("healthy-60", human(&data::healthy(), Some(60), 0));
    insta::assert_snapshot!("healthy-v", human(&data::healthy(), Some(100), 1));
}

#[test]
fn the_worst_first_with_followers_folded() {
    let report = data::mixed();
    insta::assert_snapshot!("mixed-60", human(&report, Some(60), 0));
    insta::assert_snapshot!("mixed-100", human(&report, Some(100), 0));
    insta::assert_snapshot!("mixed-200", human(&report, Some(200), 0));
    insta::assert_snapshot!("mixed-unwrapped", human(&report, None, 0));
    insta::assert_snapshot!("mixed-v", human(&report, Some(100), 1));
    insta::assert_snapshot!("mixed-vv", human(&report, Some(100), 2));
    let color = Style { width: Some(100), color: true, ..Style::default() };
    let text = render(&report, Format::Human, &color, &Secrets::default());
    insta::assert_snapshot!("mixed-color", text.replace('\x1b', "ESC"));
    let ascii = Style { width: Some(100), unicode: false, verbosity: 1, ..Style::default() };
    insta::assert_snapshot!("mixed-ascii", render(&report, Format::Human, &ascii, &Secrets::default()));
}

#[test]
fn odd_runs() {
    insta::assert_snapshot!("all-skipped", human(&data::all_skipped(), Some(100), 0));
    insta::assert_snapshot!("empty", human(&data::empty(), Some(100), 0));
    insta::assert_snapshot!("unknown", human(&data::unknown(), Some(100), 0));
    insta::assert_snapshot!("unknown-v", human(&data::unknown(), Some(100), 1));
    insta::assert_snapshot!("retried", human(&data::retried(), Some(100), 0));
    insta::assert_snapshot!("retried-v", human(&data::retried(), Some(100), 1));
    insta::assert_snapshot!("hostile-60", human(&data::hostile_names(), Some(60), 0));
    insta::assert_snapshot!("hostile-v", human(&data::hostile_names(), Some(100), 2));
}

#[test]
fn a_notice_that_is_worse_than_the_checks_is_in_the_summary() {
    let mut report = data::healthy();
    assert!(!human(&report, None, 0).contains("the run itself"));
    report.notices = data::mixed().notices;
    assert!(human(&report, None, 0).contains("3 checks: 3 ok - the run itself: warning ·"));
}

#[test]
fn the_advice_is_for_what_the_headline_says() {
    let mut report = data::healthy();
    let findings = ["first", "second"]
        .map(|name| selx_core::Finding::critical("down", name, "is down").advice(format!("look at the {name}")));
    report.entries.first_mut().expect("an entry").judgement.findings = findings.to_vec();
    let text = human(&report, None, 0);
    assert!(text.contains("first is down (and 1 more)"), "{text}");
    assert!(text.contains("look at the first") && !text.contains("look at the second"), "{text}");
}

#[test]
fn colours_change_nothing_but_colours() {
    for report in [data::healthy(), data::mixed(), data::unknown(), data::hostile_names()] {
        for width in [Some(60), Some(100), None] {
            let plain = Style { width, verbosity: 2, ..Style::default() };
            let color = Style { color: true, ..plain };
            let plain = render(&report, Format::Human, &plain, &Secrets::default());
            let color = render(&report, Format::Human, &color, &Secrets::default());
            assert!(color.contains("\x1b["));
            for line in color.lines() {
                assert!(!line.contains("\x1b[") || line.contains("\x1b[0m"), "a colour ends with its line: {line:?}");
            }
            assert_eq!(without_color(&color), plain);
        }
    }
}

/// Takes out the sequences that we write, and no others.
pub(crate) fn without_color(text: &str) -> String {
    let mut text = text.to_owned();
    for code in ["0", "1", "2", "32", "1;31", "1;33", "1;35"] {
        text = text.replace(&format!("\x1b[{code}m"), "");
    }
    text
}

#[test]
fn a_cause_that_is_not_there_hides_nobody() {
    let mut lost = data::failed(data::HTTP, "lost", data::refused());
    lost.caused_by = Some("http.gone".into());
    let mut own = data::failed(data::HTTP, "own", data::refused());
    own.caused_by = Some("http.own".into());
    let mut left = data::failed(data::HTTP, "left", data::refused());
    left.caused_by = Some("http.right".into());
    let mut right = data::failed(data::HTTP, "right", data::refused());
    right.caused_by = Some("http.left".into());
    let text = human(&data::report(vec![lost, own, left, right]), Some(100), 0);
    for name in ["http.lost", "http.own", "http.left", "http.right"] {
        assert_eq!(text.matches(name).count(), 1, "{text}");
    }
}

#[test]
fn a_group_stands_where_its_worst_member_belongs() {
    let cause = data::failed(data::POSTGRES, "main", Error::new(ErrorKind::Denied, "no right"));
    let mut follower = data::failed(data::HTTP, "api", data::refused());
    follower.caused_by = Some("postgres-activity.main".into());
    let text = human(&data::report(vec![data::disk("a", 0.8, Level::Warning), cause, follower]), Some(100), 0);
    let at = |name: &str| text.find(name).unwrap();
    assert!(at("postgres-activity.main") < at("http.api") && at("http.api") < at("host-disk.a"), "{text}");
}

#[test]
fn every_line_fits() {
    let long = "x".repeat(300);
    for report in
        [data::mixed(), data::unknown(), data::hostile_report(&long), data::hostile_report("漢字 ".repeat(50).as_str())]
    {
        for width in [40, 60, 72, 80, 100, 200] {
            for verbosity in 0..3 {
                for unicode in [true, false] {
                    let style = Style { width: Some(width), verbosity, unicode, color: false };
                    for line in render(&report, Format::Human, &style, &Secrets::default()).lines() {
                        assert!(line.width() <= width, "{width}: {line}");
                        assert_eq!(line, line.trim_end(), "no spaces at the end");
                    }
                }
            }
        }
    }
}

#[test]
fn a_flood_is_cut_and_says_so() {
    let text = human(&data::hostile_report(&"flood ".repeat(10_000)), Some(100), 0);
    assert!(text.contains("more characters)"));
    assert!(text.len() < 60_000, "{}", text.len());
}

#[test]
fn ten_thousand_checks_are_no_work() {
    let entries = (0..10_000).map(|number| {
        let mut entry = data::disk(&format!("disk-{number}"), 0.8, Level::Warning);
        if number > 0 {
            entry.caused_by = Some("host-disk.disk-0".into());
        }
        entry
    });
    let report = data::report(entries.collect());
    let style = Style { width: Some(100), ..Style::default() };
    let (none, absent, everywhere) =
        (Secrets::default(), crate::secrets::secrets(&["hunter2-canary"]), crate::secrets::secrets(&["file systems"]));
    for format in Format::ALL {
        for secrets in [&none, &absent, &everywhere] {
            let begin = Instant::now();
            assert!(!render(&report, format, &style, secrets).is_empty());
            // Far above what it takes, and far below what anything quadratic would.
            assert!(begin.elapsed() < Duration::from_secs(10), "{format}: {:?}", begin.elapsed());
            println!("{format}: {:?}", begin.elapsed());
        }
    }
}
