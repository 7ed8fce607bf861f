//! What the counts mean. Pure.

use jiff::Timestamp;
use selx_core::{ByteSize, Finding, Judgement, Measure, TimeSpan, Unit};

use super::facts::{Facts, Part, PatternSeen, SampleSeen, ShapeSeen};
use super::shapes::Change;

/// How many files are told of each sort of trouble.
const TOLD: usize = 20;
/// How many shapes are told of each sort.
const SHAPES: usize = 10;
/// How much of a line is shown in a message.
const SHOWN: usize = 200;

pub(super) fn judge(facts: &Facts) -> Judgement {
    let mut judgement = Judgement::new(summary(facts));
    judgement.findings.extend(reading(facts));
    for pattern in &facts.patterns {
        judgement.findings.extend(dating(facts, pattern));
        for (log, events) in &pattern.logs {
            judgement = judgement.evidence("in", format!("{log}: {events} of {}", pattern.name));
        }
        if let Some(text) = origins(pattern) {
            judgement = judgement.evidence("from", format!("{}: {text}", pattern.name));
        }
        for sample in &pattern.samples {
            judgement = judgement.evidence("line", format!("{}: {}", pattern.name, line(sample)));
        }
    }
    judgement.findings.extend(shapes(facts));
    for file in facts.files.iter().filter(|file| file.part != Part::Older) {
        judgement = judgement.evidence("read", coverage(file));
    }
    if let Some(more) = facts.count.checked_sub(facts.files.len()).filter(|more| *more > 0) {
        judgement = judgement.evidence("read", format!("{more} more files, which are not told one by one"));
    }
    for (path, why) in &facts.passed_over {
        judgement = judgement.evidence("passed over", format!("{path} {why}"));
    }
    judgement
}

fn summary(facts: &Facts) -> String {
    let counts: Vec<String> = facts
        .patterns
        .iter()
        .map(|pattern| {
            let top = pattern.addresses.first().map(|(address, count)| format!(" (most from {address}: {count})"));
            format!("{} {}{}", pattern.events, pattern.name, top.unwrap_or_default())
        })
        .collect();
    let window = match facts.since_last {
        true => "since the last look".to_owned(),
        false => format!("from {} to {}", minute(facts.from), minute(facts.to)),
    };
    let files = if facts.count == 1 { "file" } else { "files" };
    let read = match facts.files.iter().filter(|file| file.read.is_some()).count() {
        // Of very many only the first are known one by one.
        _ if facts.files.len() < facts.count => String::new(),
        read => format!("{read} of "),
    };
    format!("{} {window}; {} read in {read}{} {files}", counts.join(", "), ByteSize(facts.bytes), facts.count)
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// What could not be read, and what was not there.
fn reading(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in &facts.nothing {
        findings.push(Finding::unknown("nothing-there", path, "has no file that belongs to it"));
    }
    for (path, why) in facts.unreadable.iter().take(TOLD) {
        findings.push(Finding::unknown("not-readable", path, format!("could not be read: {why}")));
    }
    if let Some(more) = facts.unreadable.len().checked_sub(TOLD).filter(|more| *more > 0) {
        findings.push(Finding::unknown("not-readable", "", format!("{more} more could not be read either")));
    }
    for (path, why) in facts.unsearchable.iter().take(TOLD) {
        findings.push(Finding::unknown("not-searchable", path, why));
    }
    if let Some(more) = facts.unsearchable.len().checked_sub(TOLD).filter(|more| *more > 0) {
        findings.push(Finding::unknown("not-searchable", "", format!("{more} more cannot be searched either")));
    }
    for file in facts.files.iter().filter(|file| file.shrank).take(TOLD) {
        let message = "became shorter while it was read; what stood behind that was not seen, unless a copy was kept";
        findings.push(Finding::warning("gap", &file.path, message));
    }
    for file in &facts.files {
        let Some(trouble) = &file.trouble else { continue };
        let place = format!("{} of what it holds was searched", ByteSize(trouble.at));
        findings.push(match trouble.packing {
            true => Finding::warning("broken", &file.path, format!("is damaged, {place}: {}", trouble.text)),
            false => {
                Finding::critical("read-error", &file.path, format!("could not be read on, {place}: {}", trouble.text))
            }
        });
    }
    for gap in facts.gaps.iter().take(TOLD) {
        findings.push(Finding::warning("gap", "", format!("{gap}; what was written to it since then was not seen")));
    }
    if let Some(limit) = &facts.limit {
        findings.push(Finding::unknown("limit", "", format!("not everything was looked at: {limit}")));
    }
    let looked = facts.bytes > 0
        || facts.files.iter().any(|file| file.read.is_some() || file.size == 0 || file.part == Part::New);
    let explained = !findings.is_empty();
    if facts.count == 0 && !explained {
        // A path that is named is told above if nothing belongs to it; pipes and links may.
        let what = match facts.passed_over.first() {
            Some((path, why)) => format!("there is no log among what was found: {path} {why}"),
            None => "there is no log in the usual places".to_owned(),
        };
        findings.push(Finding::unknown("nothing-there", "", what).advice("name some in `paths`"));
    } else if !looked && !explained {
        let newest = facts.files.iter().filter_map(|file| Some((file.written?, &file.path))).max();
        let last =
            newest.map(|(at, path)| format!("; the newest is {path}, written {}", minute(at))).unwrap_or_default();
        findings.push(Finding::warning("silent", "", format!("nothing was written in the window{last}")));
    }
    if facts.long_lines > 0 {
        let message =
            format!("{} lines are longer than 64 KiB and were searched in overlapping pieces", facts.long_lines);
        findings.push(Finding::info("long-lines", "", message));
    }
    findings
}

/// What is to be said of the times of events.
fn dating(facts: &Facts, pattern: &PatternSeen) -> Vec<Finding> {
    let mut findings = Vec::new();
    if pattern.undated > 0 {
        let message = format!(
            "has {} without a time that is known here, so nobody can tell whether the window has them",
            lines(pattern.undated)
        );
        let mut finding = Finding::unknown("undated", &pattern.name, message);
        if !facts.marks.is_empty() {
            finding = finding.advice("look again: what is new then counts whatever its time; this was the first look");
        }
        findings.push(finding);
    }
    if pattern.future > 0 {
        let message = format!(
            "has {} dated after now, in the zone `{}`; what is of the future was not counted",
            lines(pattern.future),
            facts.zone
        );
        findings.push(Finding::warning("in-future", &pattern.name, message));
    }
    if pattern.twice > 0 {
        let message = format!(
            "has {} of an hour that the clock showed twice, which count if either of both was in the window",
            lines(pattern.twice)
        );
        findings.push(Finding::info("clock-twice", &pattern.name, message));
    }
    findings
}

fn shapes(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !facts.compared {
        return findings;
    }
    for (change, code) in [(Change::New, "new-shape"), (Change::Grew, "grown-shape"), (Change::Vanished, "gone-shape")]
    {
        let of_sort: Vec<&ShapeSeen> = facts.shapes.iter().filter(|shape| shape.change() == change).collect();
        for shape in of_sort.iter().take(SHAPES) {
            let before = shape.before.unwrap_or(0.0).round();
            let message = match change {
                Change::New => format!("{} like this were never seen before: {}", shape.count, cut(&shape.shape)),
                Change::Grew => format!("{} like this, before {before}: {}", shape.count, cut(&shape.shape)),
                Change::Vanished | Change::Same => format!("none like this, before {before}: {}", cut(&shape.shape)),
            };
            findings.push(Finding::info(code, "", message).evidence("line", line(&shape.sample)));
        }
        if let Some(more) = of_sort.len().checked_sub(SHAPES).filter(|more| *more > 0) {
            findings.push(Finding::info(code, "", format!("{more} more shapes of this sort")));
        }
    }
    if facts.other_shapes > 0 {
        let message = format!(
            "{} events have shapes beyond those that are told apart; some of them may be new",
            facts.other_shapes
        );
        findings.push(Finding::info("many-shapes", "", message));
    }
    findings
}

fn lines(count: u64) -> String {
    if count == 1 { "1 line".to_owned() } else { format!("{count} lines") }
}

fn line(sample: &SampleSeen) -> String {
    let at = sample.at.map(|at| format!("{} ", at.strftime("%Y-%m-%dT%H:%M:%SZ"))).unwrap_or_default();
    format!("{at}{} at byte {}: {}", sample.file, sample.offset, cut(&sample.text))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

fn origins(pattern: &PatternSeen) -> Option<String> {
    let list = |names: &[(String, u64)]| -> Vec<String> {
        names.iter().map(|(name, count)| format!("{name} ({count})")).collect()
    };
    let all: Vec<String> = [list(&pattern.addresses), list(&pattern.users)].concat();
    let more = if pattern.more_origins { ", and more than are told apart" } else { "" };
    if all.is_empty() { None } else { Some(all.join(", ") + more) }
}

fn coverage(file: &super::facts::FileSeen) -> String {
    let why = match file.part {
        Part::Whole => "all of it",
        Part::Window => "the rest is outside the window",
        Part::New => "what is new",
        Part::Older => "older than the window",
        Part::Copy => "the same file again",
    };
    let part = match file.read {
        Some((from, u64::MAX)) => format!("from byte {from} on"),
        Some((from, to)) => format!("bytes {from} to {to}"),
        None => "nothing".to_owned(),
    };
    let times = if file.timed { "" } else { ", no times known" };
    format!("{} (inode {}, {}): {part}, {why}{times}", file.path, file.inode.1, ByteSize(file.size))
}

pub(super) fn measure(facts: &Facts) -> Vec<Measure> {
    let length = facts.to.duration_since(facts.from);
    let window = TimeSpan::from(length.unsigned_abs()).get();
    let mut measures: Vec<Measure> = facts
        .patterns
        .iter()
        .map(|pattern| Measure::new("events", pattern.events as f64, Unit::Count).on(&pattern.name).over(window))
        .collect();
    if facts.compared {
        let new = facts.shapes.iter().filter(|shape| shape.change() == Change::New).count();
        measures.push(Measure::new("new-shapes", new as f64, Unit::Count));
    }
    measures.push(Measure::new("read", facts.bytes as f64, Unit::Bytes));
    measures
}
