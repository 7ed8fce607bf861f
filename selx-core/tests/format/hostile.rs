//! Texts that others wrote cannot steer what reads a report (O6, O9, O10, O12), and nothing seen is never fine (Q7).

use proptest::prelude::*;
use selx_core::escape::is_hidden;
use selx_core::format::{Format, Style, render};
use selx_core::report::v1;
use selx_core::{Report, Secrets, Status};

use crate::data::{self, hostile_report, show};
use crate::human::without_color;

const CORPUS: &[&str] = &[
    "",
    " ",
    "\0",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\u{7}",
    "\u{8}\u{8}\u{8}ok",
    "\u{b}\u{c}",
    "\u{1b}",
    "\u{1b}[2J\u{1b}[H",
    "\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]8;;http://evil.example\u{1b}\\click\u{1b}]8;;\u{1b}\\",
    "\u{1b}]52;c;cm0gLXJmIC8=\u{7}",
    "\u{1b}P+q544e\u{1b}\\",
    "\u{9b}31m",
    "\u{9d}0;title\u{9c}",
    "\u{85}next line",
    "\u{2028}line\u{2029}paragraph",
    "\u{7f}",
    "\u{ad}soft",
    "\u{202e}gpj.exe",
    "\u{2066}isolate\u{2069}",
    "\u{200e}\u{200f}\u{61c}",
    "ze\u{200b}ro\u{200c}wi\u{200d}dth\u{feff}",
    "\u{e0041}\u{e0042}tags",
    "\u{fe0f}\u{e0100}",
    "\nok  host-disk.root  all is fine",
    "fine\n[OK] host-disk.root: all is fine",
    "fine\\n[OK] forged",
    "x | used=1;;;; | y",
    "a=b 'c'=d;e",
    "'",
    "''''",
    "\"} 1\nselx_check_status{name=\"x\"} 0",
    "\\",
    "\\\"",
    "\\n\\",
    "# HELP selx_x y",
    "{a=\"b\"}",
    "<script>alert(1)</script>",
    "{{7*7}} ${x} $(id) `id` %s %n",
    "../../etc/passwd",
    "größe 漢字 한국어 ไทย عربى עברית",
    "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪",
    "Z̷̨͓̘͑a̴̧l̵͔̈́g̶o̸",
    "\u{fffd}\u{ffff}\u{10ffff}",
    "→ · … – ≥ “quoted” ‘single’ \u{a0}nbsp",
    "selx_check_status{kind=\"a\"} 0 1234",
    "ok",
    "NaN",
];

fn widths() -> [Option<usize>; 4] {
    [Some(1), Some(60), Some(100), None]
}

/// Checks everything that may be asked of the outputs of any report.
fn holds(report: &Report) {
    for width in widths() {
        for verbosity in 0..3 {
            for (unicode, color) in [(true, false), (false, false), (true, true), (false, true)] {
                let style = Style { width, verbosity, unicode, color };
                let text = render(report, Format::Human, &style, &Secrets::default());
                let plain = without_color(&text);
                assert!(color || plain == text);
                for line in plain.split('\n') {
                    assert!(!line.chars().any(is_hidden), "{line:?}");
                    assert!(unicode || line.is_ascii(), "{line:?}");
                    let (least, wide) = (40, unicode_width::UnicodeWidthStr::width(line));
                    assert!(width.is_none_or(|width| wide <= width.max(least)), "{width:?} {line:?}");
                }
                if width.is_none() && verbosity == 0 {
                    forged(&plain, report);
                }
            }
        }
    }
    let json = show(report, Format::Json);
    assert_eq!(json.matches('\n').count(), 1);
    assert!(!json.trim_end_matches('\n').chars().any(is_hidden));
    let read: v1::Report = serde_json::from_str(&json).unwrap();
    assert_eq!(read, v1::Report::from(report), "every text comes back as it was");
    let nagios = show(report, Format::Nagios);
    crate::nagios::read(&nagios, report);
    // The first line, one for each check and notice, and a note; none of these reports has a check that is fine.
    assert!(nagios.lines().count() <= report.entries.len() + report.notices.len() + 2);
    assert!(!nagios.lines().any(|line| line.starts_with("[OK]") || line.starts_with("SELX OK")), "{nagios}");
    crate::openmetrics::read(&show(report, Format::Openmetrics));
}

/// A line that begins with a mark is one of a check or a notice: no text can make one.
fn forged(plain: &str, report: &Report) {
    let marks = ["✗ ", "? ", "! ", "✓ ", "– ", "i ", "x ", "+ ", "- "];
    let lines = plain.lines().filter(|line| marks.iter().any(|mark| line.starts_with(mark))).count();
    assert_eq!(lines, report.entries.len() + report.notices.len(), "{plain}");
}

#[test]
fn every_hostile_text_in_every_field() {
    assert!(CORPUS.len() >= 40);
    for text in CORPUS {
        holds(&hostile_report(text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_in_every_field(text in any::<String>()) {
        holds(&hostile_report(&text));
    }

    #[test]
    fn hostile_texts_put_together(parts in prop::collection::vec(prop::sample::select(CORPUS), 1..6)) {
        holds(&hostile_report(&parts.concat()));
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn long_texts(text in "[a-z \\n\u{1b}漢]{200,900}") {
        holds(&hostile_report(&text));
    }
}

#[test]
fn nothing_seen_is_unknown_everywhere() {
    for report in [data::empty(), data::all_skipped()] {
        assert_eq!(report.status(), Status::Unknown);
        assert_eq!(report.status().exit_code(), 3);
        let text = data::human(&report, None, 0);
        assert!(text.contains(": unknown ·"), "{text}");
        let json: v1::Report = serde_json::from_str(&show(&report, Format::Json)).unwrap();
        assert_eq!(json.status, v1::Status::Unknown);
        assert!(show(&report, Format::Nagios).starts_with("SELX UNKNOWN - "));
        let samples = crate::openmetrics::read(&show(&report, Format::Openmetrics));
        let status = samples.iter().find(|sample| sample.name == "selx_run_status").unwrap();
        assert_eq!(status.value, 3.0);
    }
    assert!(
        data::human(&data::empty(), None, 0).starts_with("0 checks ran, no check belongs to this routine: unknown")
    );
}
