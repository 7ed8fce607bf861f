//! Metrics for the textfile collector of the node exporter.
//!
//! The collector reads the Prometheus text format 0.0.4: no time stamps, no end mark. It refuses a file, and with it
//! the whole folder, if a series occurs twice, in another file too; therefore series of a routine carry its name.
//!
//! A documented measure has a name of its own (`selx_host_disk_used_bytes`). Others, such as those of foreign plugins,
//! share a name by unit (`selx_measure_bytes{measure="…"}`), so that a stranger cannot make names without end.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::counts::{self, Row};
use crate::escape::visible;
use crate::measure::Unit;
use crate::meta::Meta;
use crate::report::{Measured, Report, Status};

/// The most series that one file may have; what is more is dropped and counted.
const MOST_SERIES: usize = 1_000;
/// The most characters of a label's value.
const MOST_LABEL: usize = 200;

const STATUS: &str = "selx_check_status";
const DURATION: &str = "selx_check_duration_seconds";
const ATTEMPTS: &str = "selx_check_attempts";
/// Beginnings of names that are not those of a kind's measures.
const OURS: [&str; 5] = ["selx_check_", "selx_run_", "selx_last_", "selx_series_", "selx_measure_"];

pub(super) fn render(report: &Report) -> String {
    let mut page = Page::new(report.routine.as_deref());
    let begun = report.started.at.as_millisecond();
    // One place is kept for the number of those that found none.
    page.room = MOST_SERIES - 1;
    let status = report.status();
    page.add(
        "selx_run_status",
        "Status of the run: 0 ok, 1 warning, 2 critical, 3 unknown.",
        &[],
        f64::from(status.exit_code()),
    );
    page.add("selx_run_timestamp_seconds", "When the run began, in seconds since 1970.", &[], millis(begun));
    page.add("selx_run_duration_seconds", "How long the run took.", &[], report.took.as_secs_f64());
    if status <= Status::Warning {
        page.add(
            "selx_last_success_timestamp_seconds",
            "When the last run began that was ok or a warning, in seconds since 1970; absent if this one was not.",
            &[],
            millis(begun),
        );
    }
    // The worst come first, so that it is never they that are dropped.
    let mut rows = counts::rows(report);
    rows.sort_by_key(|row| counts::place(row.status));
    for row in &rows {
        page.add(
            STATUS,
            "Status of the check: 0 ok, 1 warning, 2 critical, 3 unknown, 4 skipped.",
            &check(row),
            code(row.status),
        );
    }
    for row in &rows {
        let took = row.entry.took.as_secs_f64();
        page.add(DURATION, "How long the check took, all attempts together.", &check(row), took);
    }
    for row in &rows {
        for measured in &row.entry.measures {
            measure(&mut page, row, measured);
        }
    }
    for row in &rows {
        let attempts = row.entry.attempts.len() + 1;
        page.add(
            ATTEMPTS,
            "How many attempts the check took.",
            &check(row),
            f64::from(u32::try_from(attempts).unwrap_or(u32::MAX)),
        );
    }
    page.room = 1;
    let dropped = f64::from(u32::try_from(page.dropped).unwrap_or(u32::MAX));
    page.add("selx_series_dropped", "How many series found no room in this file.", &[], dropped);
    page.finish()
}

fn millis(millis: i64) -> f64 {
    // Exact for every year that a time stamp can name.
    millis as f64 / 1e3
}

const fn code(status: Status) -> f64 {
    match status {
        Status::Ok => 0.0,
        Status::Warning => 1.0,
        Status::Critical => 2.0,
        Status::Unknown => 3.0,
        Status::Skipped => 4.0,
    }
}

fn check<'a>(row: &'a Row<'_>) -> [(&'static str, &'a str); 2] {
    [("kind", row.entry.meta.id.as_str()), ("name", &row.entry.name)]
}

fn measure(page: &mut Page, row: &Row<'_>, measured: &Measured) {
    let measure = &measured.measure;
    // A gap in a graph tells the truth; the check itself is unknown then.
    if !measure.value.is_finite() {
        return;
    }
    let [kind, name] = check(row);
    let subject = ("subject", measure.subject.as_str());
    let own = own_name(&row.entry.meta, &measure.name, measure.unit);
    match own {
        Some((family, help)) => page.add(&family, &help, &[kind, name, subject], measure.value),
        None => {
            let labels = [kind, name, ("measure", &*measure.name), subject];
            let family = with_unit("selx_measure", measure.unit);
            page.add(&family, "A measure of a plugin.", &labels, measure.value);
        }
    }
}

/// Returns the name and the help of a documented measure.
fn own_name(meta: &Meta, name: &str, unit: Unit) -> Option<(String, String)> {
    let doc = meta.measure(name)?;
    let base = format!("selx_{}_{}", meta.id, doc.name).replace('-', "_");
    if OURS.iter().any(|ours| base.starts_with(ours)) {
        return None;
    }
    let mut help = doc.meaning.to_owned();
    if let Some(first) = help.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if !help.ends_with('.') {
        help.push('.');
    }
    Some((with_unit(&base, unit), help))
}

fn with_unit(base: &str, unit: Unit) -> String {
    let suffix = match unit {
        Unit::Bytes => "_bytes",
        Unit::Seconds => "_seconds",
        Unit::Ratio => "_ratio",
        Unit::PerSecond => "_per_second",
        Unit::BytesPerSecond => "_bytes_per_second",
        Unit::Count if base == "selx_measure" => "_value",
        Unit::Count => "",
    };
    let stem = base.strip_suffix(suffix).unwrap_or(base);
    format!("{stem}{suffix}")
}

/// The families in the order of their first series.
struct Page {
    families: Vec<(String, String)>,
    places: HashMap<String, usize>,
    seen: HashSet<String>,
    routine: Option<String>,
    room: usize,
    dropped: usize,
}

impl Page {
    fn new(routine: Option<&str>) -> Self {
        Self {
            families: Vec::new(),
            places: HashMap::new(),
            seen: HashSet::new(),
            routine: routine.map(str::to_owned),
            room: 0,
            dropped: 0,
        }
    }

    /// Adds a series, unless it is there already or there is no room.
    fn add(&mut self, family: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        if self.room == 0 {
            self.dropped += 1;
            return;
        }
        let mut series = family.to_owned();
        let routine = self.routine.as_deref().map(|routine| ("routine", routine));
        let all = labels.iter().copied().chain(routine);
        // A label without a value is the same as none.
        for (index, (label, text)) in all.filter(|(_, text)| !text.is_empty()).enumerate() {
            let begin = if index == 0 { '{' } else { ',' };
            let _ = write!(series, "{begin}{label}=\"{}\"", escape(&short(text)));
        }
        if series.len() > family.len() {
            series.push('}');
        }
        if self.seen.contains(&series) {
            return;
        }
        self.room -= 1;
        let place = *self.places.entry(family.to_owned()).or_insert_with(|| {
            // A quote is not escaped in a help text; readers refuse that.
            let help = visible(help).replace('\\', "\\\\");
            let head = format!("# HELP {family} {help}\n# TYPE {family} gauge\n");
            self.families.push((family.to_owned(), head));
            self.families.len() - 1
        });
        if let Some((_, text)) = self.families.get_mut(place) {
            let _ = writeln!(text, "{series} {value}");
        }
        self.seen.insert(series);
    }

    fn finish(self) -> String {
        self.families.into_iter().map(|(_, text)| text).collect()
    }
}

/// Shortens a label's value; the end of a long one becomes a number, so that two long ones stay two.
fn short(text: &str) -> Cow<'_, str> {
    let text = visible(text);
    if text.chars().nth(MOST_LABEL).is_none() {
        return text;
    }
    let head: String = text.chars().take(MOST_LABEL - 9).collect();
    Cow::Owned(format!("{head}~{:08x}", hash(&text)))
}

/// FNV-1a, folded: it must be the same on every machine and in every version.
fn hash(text: &str) -> u32 {
    let long = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (long ^ (long >> 32)) as u32
}

/// Escapes a label's value. Line ends are visible before they come here.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
