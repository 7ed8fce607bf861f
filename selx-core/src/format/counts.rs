//! How many checks came to what, in words.

use crate::error::ErrorKind;
use crate::report::{Entry, Failure, Outcome, Report, Status};

/// One entry with what every format asks of it again and again.
pub(super) struct Row<'a> {
    pub(super) entry: &'a Entry,
    pub(super) status: Status,
    pub(super) name: String,
}

/// Takes the entries in their order.
pub(super) fn rows(report: &Report) -> Vec<Row<'_>> {
    let row = |entry| Row { entry, status: Entry::status(entry), name: Entry::full_name(entry) };
    report.entries.iter().map(row).collect()
}

/// Orders statuses as they are shown, worst first; skipped stands behind what was looked at.
pub(super) const fn place(status: Status) -> u8 {
    match status {
        Status::Critical => 0,
        Status::Unknown => 1,
        Status::Warning => 2,
        Status::Ok => 3,
        Status::Skipped => 4,
    }
}

/// Counts the entries in words, worst first: `(Critical, "1 critical")`, `(Skipped, "2 not applicable")`.
pub(super) fn count(rows: &[Row<'_>]) -> Vec<(Status, String)> {
    let number = |status: Status| rows.iter().filter(|row| row.status == status).count();
    let waiting = rows.iter().filter(|row| row.status == Status::Skipped && waits(row.entry)).count();
    [
        (Status::Critical, number(Status::Critical), "critical"),
        (Status::Unknown, number(Status::Unknown), "unknown"),
        (Status::Warning, number(Status::Warning), "warning"),
        (Status::Ok, number(Status::Ok), "ok"),
        (Status::Skipped, number(Status::Skipped) - waiting, "not applicable"),
        (Status::Skipped, waiting, "waiting for data"),
    ]
    .into_iter()
    .filter(|(_, count, _)| *count > 0)
    .map(|(status, count, word)| (status, format!("{count} {word}")))
    .collect()
}

fn waits(entry: &Entry) -> bool {
    matches!(&entry.outcome, Outcome::Skipped(failure) if failure.kind == ErrorKind::NeedsData)
}

/// Says in words that nothing was looked at, if so: such a run is unknown.
pub(super) fn nothing_seen(rows: &[Row<'_>]) -> Option<&'static str> {
    if rows.is_empty() {
        Some("0 checks ran, no check belongs to this routine")
    } else if rows.iter().all(|row| row.status == Status::Skipped) {
        Some("nothing was looked at")
    } else {
        None
    }
}

/// Returns the first part that could not be seen, if the headline of the entry tells of something else.
pub(super) fn untold_fault(entry: &Entry) -> Option<&Failure> {
    let told = matches!(entry.outcome, Outcome::Seen) && entry.worst().is_none();
    entry.faults.get(usize::from(told))
}
