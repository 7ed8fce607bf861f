//! The frozen form as JSON, one document on one line, so that reports can be appended to a log.

use std::fmt::Write as _;

use crate::escape::is_hidden;
use crate::report::{Report, v1};

pub(super) fn render(report: &Report) -> String {
    // Writing text, numbers and lists into memory cannot fail; should it, the reader must not take it for a report.
    let text = serde_json::to_string(&v1::Report::from(report)).unwrap_or_default();
    line(text)
}

/// Makes one line of a document.
pub(super) fn line(text: String) -> String {
    let mut out = show(text);
    out.push('\n');
    out
}

/// Writes hidden characters as JSON escapes. The standard asks that of control characters only, but JSON is looked at
/// on terminals too. They can only stand inside of texts there, so that each may be replaced where it stands.
fn show(text: String) -> String {
    // Most reports are plain ASCII, and bytes are searched much faster than characters.
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) || !text.chars().any(is_hidden) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}
