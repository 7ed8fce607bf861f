//! The Prometheus text format, read with a strict reader of its whole grammar.

use std::collections::{BTreeMap, HashSet};

use selx_core::format::Format;
use selx_core::limit::Level;
use selx_core::{Finding, Judgement, Measure, Unit};

use crate::data::{self, show};

#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Reads the text format 0.0.4: every family has its help and type once and before its samples, its samples stand
/// together, names and labels have their alphabet, label values their escapes, and no series occurs twice.
pub(crate) fn read(text: &str) -> Vec<Sample> {
    assert!(text.is_empty() || text.ends_with('\n'));
    let mut samples: Vec<Sample> = Vec::new();
    let mut helped = HashSet::new();
    let mut typed = HashSet::new();
    let mut series = HashSet::new();
    let mut current = String::new();
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        assert!(!line.chars().any(selx_core::escape::is_hidden), "{line:?}");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            is_name(name);
            unescape(help, false);
            assert!(helped.insert(name.to_owned()), "one help for {name}");
            current = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!((name, kind), (current.as_str(), "gauge"));
            assert!(typed.insert(name.to_owned()), "one type for {name}");
        } else {
            let sample = sample(line);
            assert_eq!(sample.name, current, "samples of a family stand together");
            assert!(typed.contains(&current));
            assert!(series.insert((sample.name.clone(), sample.labels.clone())), "twice: {line}");
            samples.push(sample);
        }
    }
    samples
}

fn is_name(name: &str) {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    assert!(!name.is_empty() && name.chars().all(good) && !name.starts_with(|c: char| c.is_ascii_digit()), "{name}");
    assert!(name.starts_with("selx_"), "{name}");
}

fn unescape(text: &str, quotes: bool) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('"') if quotes => '"',
                other => panic!("no such escape: \\{other:?} in {text}"),
            },
            '"' if quotes => panic!("a bare quote in {text}"),
            c => c,
        });
    }
    out
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    is_name(name);
    let mut labels = BTreeMap::new();
    if let Some(mut inner) = rest.strip_prefix('{') {
        loop {
            let (label, after) = inner.split_once("=\"").unwrap();
            assert!(label.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !label.starts_with("__"), "{label}");
            let mut escaped = false;
            let end = after.find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            let (value, after) = after.split_at(end.unwrap());
            let value = unescape(value, true);
            assert!(value.chars().count() <= 200);
            assert!(labels.insert(label.to_owned(), value).is_none(), "label twice: {line}");
            let after = &after[1..];
            if let Some(after) = after.strip_prefix(',') {
                inner = after;
            } else {
                rest = after.strip_prefix('}').unwrap();
                break;
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap();
    assert!(!value.contains(' '), "no time stamps: {line}");
    Sample { name: name.into(), labels, value: value.parse().unwrap() }
}

#[test]
fn snapshots() {
    for (name, report) in [
        ("openmetrics-healthy", data::healthy()),
        ("openmetrics-mixed", data::mixed()),
        ("openmetrics-all-skipped", data::all_skipped()),
        ("openmetrics-empty", data::empty()),
        ("openmetrics-hostile", data::hostile_names()),
    ] {
        let text = show(&report, Format::Openmetrics);
        read(&text);
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn a_thousand_series_and_the_worst_among_them() {
    let mut entries: Vec<_> = (0..3_000).map(|number| data::http(&format!("site-{number}"))).collect();
    entries.push(data::disk("last", 0.9, Level::Critical));
    let samples = read(&show(&data::report(entries), Format::Openmetrics));
    assert_eq!(samples.len(), 1_000);
    let dropped = samples.iter().find(|sample| sample.name == "selx_series_dropped").unwrap();
    // Three of the run, four of each check; a critical run has no success.
    assert_eq!(dropped.value, f64::from(3 + 4 * 3_001 - 999));
    let worst = samples.iter().find(|sample| sample.name == "selx_check_status" && sample.value == 2.0);
    assert_eq!(worst.unwrap().labels["name"], "last");
}

#[test]
fn names_are_our_own_and_foreign_ones_are_labels() {
    let mut entry = data::disk("root", 0.5, Level::Ok);
    for (name, unit) in [
        ("/ %", Unit::Ratio),
        ("rta", Unit::Seconds),
        ("", Unit::Count),
        ("io", Unit::BytesPerSecond),
        ("q", Unit::PerSecond),
    ] {
        entry.measures.push(data::measured(Measure::new(name, 1.0, unit), ("", ""), ("", ""), Level::Ok));
    }
    let samples = read(&show(&data::report(vec![entry]), Format::Openmetrics));
    let names: Vec<&str> = samples.iter().map(|sample| sample.name.as_str()).collect();
    for name in [
        "selx_host_disk_used_bytes",
        "selx_measure_ratio",
        "selx_measure_seconds",
        "selx_measure_value",
        "selx_measure_bytes_per_second",
        "selx_measure_per_second",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let foreign = samples.iter().find(|sample| sample.name == "selx_measure_ratio").unwrap();
    assert_eq!(foreign.labels["measure"], "/ %");
}

#[test]
fn the_last_success_is_told_only_by_a_success() {
    let has = |report: &selx_core::Report| {
        let samples = read(&show(report, Format::Openmetrics));
        samples
            .into_iter()
            .find(|sample| sample.name == "selx_last_success_timestamp_seconds")
            .map(|sample| sample.value)
    };
    assert_eq!(has(&data::healthy()), Some(1_795_401_000.0));
    assert_eq!(has(&data::report(vec![data::disk("a", 0.8, Level::Warning)])), Some(1_795_401_000.0));
    for report in [data::mixed(), data::empty(), data::all_skipped(), data::unknown()] {
        assert_eq!(has(&report), None);
    }
}

#[test]
fn the_same_series_is_written_once_and_long_ones_stay_apart() {
    let mut entry = data::entry(data::DISK, "root", Judgement::new("fine"));
    let long = "d".repeat(250);
    for subject in ["/a", "/a", &format!("{long}1"), &format!("{long}2"), "\u{1}", "\\x01"] {
        let used = Measure::new("used", 1.0, Unit::Bytes).on(subject);
        entry.measures.push(data::measured(used, ("", ""), ("", ""), Level::Ok));
    }
    entry.judgement.findings.push(Finding::info("x", "", ""));
    let samples = read(&show(&data::report(vec![entry]), Format::Openmetrics));
    let used = samples.iter().filter(|sample| sample.name == "selx_host_disk_used_bytes").count();
    assert_eq!(used, 4, "one of /a, two long ones, and one of those that look the same");
}

#[test]
fn a_value_that_is_no_number_is_a_gap() {
    let mut report = data::healthy();
    report.entries[0].measures[0].measure.value = f64::NAN;
    assert!(!show(&report, Format::Openmetrics).contains("selx_host_disk_used_bytes"));
}

#[test]
fn the_reader_is_strict() {
    let head = "# HELP selx_x Help.\n# TYPE selx_x gauge\n";
    assert_eq!(read(&format!("{head}selx_x{{a=\"b\\\"\\\\\"}} 1\n")).len(), 1);
    for bad in [
        "selx_x 1\n",
        "# TYPE selx_x gauge\nselx_x 1\n",
        "# HELP selx_x H \\\" \n# TYPE selx_x gauge\n",
        &format!("{head}selx_x 1"),
        &format!("{head}selx_x 1 1795401000\n"),
        &format!("{head}selx_x{{a=\"b\"c\"}} 1\n"),
        &format!("{head}selx_x{{a=\"b\\x\"}} 1\n"),
        &format!("{head}selx_x{{a=\"b\",a=\"c\"}} 1\n"),
        &format!("{head}selx_x 1\nselx_x 2\n"),
        &format!("{head}selx_x one\n"),
        &format!("{head}selx-x 1\n"),
        &format!("{head}selx_x 1\n{head}"),
        &format!("{head}selx_x{{a=\"\r\"}} 1\n"),
    ] {
        assert!(std::panic::catch_unwind(|| read(bad)).is_err(), "{bad}");
    }
}
