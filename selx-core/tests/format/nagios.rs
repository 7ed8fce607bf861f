//! The plugin interface, read with a strict reader.

use selx_core::format::Format;
use selx_core::limit::Level;
use selx_core::{Judgement, Measure, Report, Unit};

use crate::data::{self, show};

#[test]
fn snapshots() {
    for (name, report) in [
        ("nagios-healthy", data::healthy()),
        ("nagios-mixed", data::mixed()),
        ("nagios-all-skipped", data::all_skipped()),
        ("nagios-empty", data::empty()),
        ("nagios-unknown", data::unknown()),
        ("nagios-retried", data::retried()),
        ("nagios-hostile", data::hostile_names()),
        ("nagios-one", data::report(vec![data::disk("root", 0.9, Level::Critical)])),
    ] {
        let text = show(&report, Format::Nagios);
        read(&text, &report);
        insta::assert_snapshot!(name, text);
    }
}

/// One value of performance data.
#[derive(Debug, PartialEq)]
pub(crate) struct Data {
    pub(crate) label: String,
    pub(crate) value: String,
    pub(crate) unit: String,
    pub(crate) rest: Vec<String>,
}

/// Reads what a plugin wrote the way a monitoring system does, and checks everything that the interface asks.
pub(crate) fn read(text: &str, report: &Report) -> Vec<Data> {
    assert!(text.len() <= 8 * 1024, "{} bytes", text.len());
    assert!(text.bytes().all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte)), "{text}");
    assert!(text.ends_with('\n'));
    assert!(!text.contains("\\n"), "some readers take it for a line end");
    let mut lines = text.lines();
    let first = lines.next().unwrap();
    let (head, data) = first.split_once(" | ").unwrap_or((first, ""));
    let status = report.status().as_str().to_uppercase();
    assert!(head.starts_with(&format!("SELX {status} - ")), "{head}");
    assert!(head.len() <= 200 && !head.contains('|'), "{head}");
    for line in lines {
        assert!(!line.contains('|'), "{line}");
        let marks = ["[OK] ", "[WARNING] ", "[UNKNOWN] ", "[CRITICAL] ", "[SKIPPED] ", "[INFO] ", "("];
        assert!(marks.iter().any(|mark| line.starts_with(mark)), "{line}");
    }
    let data = perfdata(data);
    let mut labels: Vec<&str> = data.iter().map(|data| data.label.as_str()).collect();
    labels.sort_unstable();
    let count = labels.len();
    labels.dedup();
    assert_eq!(labels.len(), count, "labels are unique");
    data
}

fn perfdata(mut rest: &str) -> Vec<Data> {
    let mut all = Vec::new();
    while !rest.is_empty() {
        rest = rest.strip_prefix('\'').expect("a quoted label");
        let mut label = String::new();
        loop {
            let (part, after) = rest.split_once('\'').expect("the quote ends");
            label.push_str(part);
            rest = after;
            let Some(after) = rest.strip_prefix('\'') else {
                break;
            };
            label.push('\'');
            rest = after;
        }
        assert!(!label.contains('='), "{label}");
        rest = rest.strip_prefix('=').expect("an equals sign after the label");
        let (value, after) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = after;
        let mut parts = value.split(';').map(str::to_owned);
        let value = parts.next().unwrap();
        let end = value.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-')).unwrap_or(value.len());
        let (value, unit) = value.split_at(end);
        assert!(["", "s", "B", "%", "U"].contains(&unit), "{unit}");
        assert!(unit == "U" || value.parse::<f64>().is_ok(), "{value}");
        let rest_parts: Vec<String> = parts.collect();
        assert!(rest_parts.len() <= 4);
        for (index, part) in rest_parts.iter().enumerate() {
            if index < 2 {
                range(part);
            } else {
                assert!(part.is_empty() || part.parse::<f64>().is_ok(), "{part}");
            }
        }
        all.push(Data { label, value: value.into(), unit: unit.into(), rest: rest_parts });
    }
    all
}

fn range(text: &str) {
    for end in text.trim_start_matches('@').split(':') {
        assert!(end.is_empty() || end == "~" || end.parse::<f64>().is_ok(), "{text}");
    }
}

#[test]
fn numbers_limits_and_units() {
    let mut entry = data::entry(data::DISK, "root", Judgement::new("fine"));
    for (measure, ranges) in [
        (Measure::new("used", 30.0 * data::GIB, Unit::Bytes).on("/").of(40.0 * data::GIB), ("32212254720", "")),
        (Measure::new("hit", 0.07, Unit::Ratio), ("0.9:", "@0.1:0.29")),
        (Measure::new("left", -1.5, Unit::Seconds), ("1814400:", "~:5")),
        (Measure::new("it's a=b", 3.0, Unit::Count), ("", "")),
        (Measure::new("rate", f64::NAN, Unit::PerSecond), ("1", "2")),
        (Measure::new("same", 1.0, Unit::Count), ("", "")),
        (Measure::new("same", 2.0, Unit::Count), ("", "")),
        (Measure::new("big", 9.0e18, Unit::Bytes), ("", "")),
        (Measure::new("none", -0.0, Unit::BytesPerSecond), ("", "")),
    ] {
        entry.measures.push(data::measured(measure, ranges, ("", ""), Level::Ok));
    }
    let report = data::report(vec![entry]);
    let text = show(&report, Format::Nagios);
    read(&text, &report);
    assert_eq!(
        text.lines().next().unwrap(),
        "SELX OK - fine | 'used /'=32212254720B;32212254720;;0;42949672960 'hit'=7%;90:;@10:29;0;100 \
         'left'=-1.5s;1814400:;~:5 'it''s a_b'=3 'rate'=U 'same'=1 'same #2'=2 'big'=9000000000000000000B 'none'=0"
    );
}

#[test]
fn much_is_cut_and_says_so() {
    let entries = (0..2_000).map(|number| data::disk(&format!("disk-{number}"), 0.9, Level::Critical));
    let report = data::report(entries.collect());
    let text = show(&report, Format::Nagios);
    let data = read(&text, &report);
    let note = text.lines().last().unwrap();
    assert!(note.contains(&format!("and {} values left out", 2_000 - data.len())), "{note}");
    let details = text.lines().count() - 2;
    assert!(details > 10, "details have room beside the numbers: {details}");
    assert!(note.starts_with(&format!("({} lines", 2_000 - details)), "{note}");
}

#[test]
fn a_loud_notice_is_on_the_first_line() {
    let mut report = data::healthy();
    report.notices.push(selx_core::Finding::warning("missed-run", "daily", "did not run yesterday"));
    let text = show(&report, Format::Nagios);
    assert!(text.starts_with("SELX WARNING - daily did not run yesterday; 3 ok |"), "{text}");
}
