//! The frozen form.

use selx_core::format::Format;
use selx_core::report::v1;
use serde_json::Value;

use crate::data::{self, show};

#[test]
fn the_schema_does_not_change_unseen() {
    insta::assert_snapshot!("v1-schema", serde_json::to_string_pretty(&v1::schema()).unwrap());
}

#[test]
fn the_form_does_not_change_unseen() {
    for (name, report) in [("v1-mixed", data::mixed()), ("v1-retried", data::retried()), ("v1-empty", data::empty())] {
        let mut json: Value = serde_json::from_str(&show(&report, Format::Json)).unwrap();
        // Whose report it is is told; the form does not change with every version of the program.
        assert_eq!(json["selx"], env!("CARGO_PKG_VERSION"));
        json["selx"] = Value::from("0.0.0");
        insta::assert_snapshot!(name, serde_json::to_string_pretty(&json).unwrap());
    }
}

#[test]
fn what_is_written_reads_back() {
    for report in [
        data::healthy(),
        data::mixed(),
        data::all_skipped(),
        data::unknown(),
        data::retried(),
        data::empty(),
        data::hostile_names(),
    ] {
        let text = show(&report, Format::Json);
        let read: v1::Report = serde_json::from_str(&text).unwrap();
        assert_eq!(read, v1::Report::from(&report));
        assert_eq!(read.version, 1);
    }
}

#[test]
fn numbers_that_are_none_are_null() {
    let mut report = data::healthy();
    report.entries[0].measures[0].measure.value = f64::NAN;
    report.entries[0].measures[0].measure.whole = Some(f64::INFINITY);
    let read: v1::Report = serde_json::from_str(&show(&report, Format::Json)).unwrap();
    assert_eq!(read.entries[0].measures[0].value, None);
    assert_eq!(read.entries[0].measures[0].whole, None);
}

#[test]
fn readers_accept_what_later_versions_add() {
    let mut json: Value = serde_json::from_str(&show(&data::mixed(), Format::Json)).unwrap();
    json["later"] = Value::from(1);
    json["entries"][0]["later"] = Value::from("x");
    serde_json::from_value::<v1::Report>(json).unwrap();
}

#[test]
fn one_report_is_one_line() {
    let text = show(&data::hostile_names(), Format::Json);
    assert_eq!(text.matches('\n').count(), 1);
    assert!(text.ends_with("}\n"));
}
