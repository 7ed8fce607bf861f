//! No secret leaves in any format, in any form, in any field (O3, O4), and short ones do not ruin a report (O5).

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use selx_core::format::{Format, Style, render};
use selx_core::{SecretRef, Secrets};

use crate::data;

/// Hands out secrets the way a check gets them.
pub(crate) fn secrets(values: &[&str]) -> Secrets {
    let folder = tempfile::tempdir().unwrap();
    let secrets = Secrets::default();
    for (number, value) in values.iter().enumerate() {
        let path = folder.path().join(number.to_string());
        std::fs::write(&path, format!("{value}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        secrets.get(&SecretRef::File(path)).unwrap();
    }
    secrets
}

fn everywhere() -> Vec<(Format, Style)> {
    let mut all: Vec<(Format, Style)> = Format::ALL.map(|format| (format, Style::default())).to_vec();
    for width in [Some(40), Some(100), None] {
        for verbosity in 0..3 {
            for (unicode, color) in [(true, false), (false, true)] {
                all.push((Format::Human, Style { width, verbosity, unicode, color }));
            }
        }
    }
    all
}

#[test]
fn canaries_in_every_field_and_form() {
    for canary in ["canary-7f3a9c", "p\"ss\\w|rd =;'x", "s3cr3t%/+&wörd", "tab\there\u{1b}[31m", "a b c d e f g"] {
        let secrets = secrets(&[canary]);
        let json = serde_json::to_string(canary).unwrap();
        let encoded = percent_encoding::utf8_percent_encode(canary, percent_encoding::NON_ALPHANUMERIC).to_string();
        let base64 = base64::engine::general_purpose::STANDARD.encode(canary);
        let forms = [canary.to_owned(), json.trim_matches('"').to_owned(), encoded, base64];
        let all = forms.join("@db/main ");
        // Long texts before it, so that wrapping and cutting meet it at every place.
        for before in ["", "postgres://app:", &"x".repeat(595), &"word ".repeat(36)] {
            let report = data::hostile_report(&format!("{before}{all}"));
            for (format, style) in everywhere() {
                let text = render(&report, format, &style, &secrets);
                for form in &forms {
                    assert!(!holds(&text, form), "{format} {style:?}: {form} in\n{text}");
                }
            }
        }
    }
}

/// Searches a text for what is left of a form when it was wrapped, escaped or made ASCII.
fn holds(text: &str, form: &str) -> bool {
    let dense = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect() };
    let (text, plain) = (dense(text), dense(form));
    [&*plain, &*selx_core::escape::visible(&plain), &*selx_core::escape::ascii(&plain)]
        .iter()
        .any(|form| text.contains(*form))
}

#[test]
fn a_url_with_a_password_in_the_error_of_a_library() {
    let secrets = secrets(&["hunter2-and-more"]);
    let library = std::io::Error::other("error connecting to postgres://app:hunter2-and-more@db:5432/main");
    let error = selx_core::Error::new(selx_core::ErrorKind::Local, "the pool failed").source_error(library);
    let report = data::report(vec![data::failed(data::POSTGRES, "main", error)]);
    for (format, style) in everywhere() {
        let text = render(&report, format, &style, &secrets);
        assert!(!holds(&text, "hunter2"), "{text}");
    }
    let text = render(&report, Format::Human, &Style::default(), &secrets);
    assert!(text.contains("postgres://app:[secret]@db:5432/main"), "{text}");
}

#[test]
fn short_secrets_leave_the_report_readable() {
    let secrets = secrets(&["1", "ok", "-", "e", "http"]);
    for report in [data::mixed(), data::healthy()] {
        for (format, style) in everywhere() {
            let plain = render(&report, format, &style, &Secrets::default());
            assert_eq!(render(&report, format, &style, &secrets), plain);
        }
    }
}

#[test]
fn a_secret_that_is_a_word_of_the_form_does_not_tear_it() {
    let secrets = secrets(&["status", "critical", "entries", "selx_check", "host-disk"]);
    let report = data::mixed();
    let text = render(&report, Format::Json, &Style::default(), &secrets);
    let read: selx_core::report::v1::Report = serde_json::from_str(&text).unwrap();
    assert_eq!(read.counts.critical, 4);
    let text = render(&report, Format::Openmetrics, &Style::default(), &secrets);
    crate::openmetrics::read(&text);
    let text = render(&report, Format::Nagios, &Style::default(), &secrets);
    crate::nagios::read(&text, &report);
}
