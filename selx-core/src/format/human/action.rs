//! A plan, and what came of it. Whoever reads this was asleep a minute ago: what matters is at the end, where the eye is.

use std::collections::BTreeMap;

use super::page::{Page, Paint, Span, span};
use super::{Style, length};
use crate::action::{
    ActionReport, Applied, Outcome, Plan, PlanHash, Planned, Risk, SavedPlan, SpaceChange, StepReport, StepState, Undo,
};
use crate::finding::Severity;
use crate::quantity::{ByteSize, TimeSpan, show_bytes};

/// Where texts begin that have a word before them.
const TEXT: usize = 10;

pub(in crate::format) fn plan(saved: &SavedPlan, hash: &PlanHash, how: &str, style: &Style) -> String {
    let mut page = Page::new(style);
    let plan = &saved.plan;
    let made = saved.made.at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    page.row(&[(
        0,
        &[
            span(Paint::Strong, saved.action.as_str()),
            span(Paint::Dim, format!("planned on {}, {made}", saved.machine.name)),
        ],
    )]);
    if !plan.steps.is_empty() {
        page.gap();
    }
    let number = plan.steps.len().to_string().len() + 2;
    for (index, step) in plan.steps.iter().enumerate() {
        let paint = if step.risk == Risk::Destructive { Paint::Strong } else { Paint::Plain };
        let count = [span(Paint::Dim, (index + 1).to_string())];
        page.row(&[(2, &count), (number + 2, &[span(paint, step.what.as_str())])]);
        if style.verbosity > 0 {
            for lock in &step.locks {
                page.row(&[(number + 2, &[span(Paint::Dim, format!("locks {lock}"))])]);
            }
        }
    }
    stays(&mut page, plan);
    foreseen(&mut page, plan);
    end(&mut page, plan, hash, how);
    page.finish()
}

/// What is left alone, by the rule.
fn stays(page: &mut Page, plan: &Plan<serde_json::Value>) {
    if !plan.kept.is_empty() {
        page.gap();
    }
    for (index, kept) in plan.kept.iter().enumerate() {
        let word = [span(Paint::Dim, if index == 0 { "stays" } else { "" })];
        let size = kept.bytes.filter(|bytes| *bytes > 0).map(|bytes| format!(", {}", ByteSize(bytes)));
        let more = kept.count > kept.examples.len() as u64;
        let examples = format!("{}{}", kept.examples.join(", "), if more { ", …" } else { "" });
        let text = [
            span(Paint::Plain, format!("{}{}: {}", kept.count, size.unwrap_or_default(), kept.why)),
            span(Paint::Dim, if kept.examples.is_empty() { String::new() } else { format!("({examples})") }),
        ];
        page.row(&[(2, &word), (TEXT, &text)]);
    }
}

/// What cannot be undone, and what a plan cannot know; what is so of several steps is said once.
fn foreseen(page: &mut Page, plan: &Plan<serde_json::Value>) {
    let lasting = plan.steps.iter().filter_map(|step| match &step.undo {
        Undo::Impossible(why) => Some(why.as_str()),
        Undo::Possible(_) => None,
    });
    let groups = [
        ("for good", counted(lasting)),
        (
            "undo",
            counted(plan.steps.iter().filter_map(|step| match &step.undo {
                Undo::Possible(how) => Some(how.as_str()),
                Undo::Impossible(_) => None,
            })),
        ),
        ("locks", counted(plan.steps.iter().flat_map(|step| step.locks.iter().map(String::as_str)))),
        ("not seen", counted(plan.steps.iter().flat_map(|step| step.not_simulated.iter().map(String::as_str)))),
    ];
    if groups.iter().any(|(_, texts)| !texts.is_empty()) {
        page.gap();
    }
    for (word, texts) in groups {
        let most = 5;
        for (index, (text, count)) in texts.iter().take(most).enumerate() {
            let word = [span(Paint::Dim, if index == 0 { word } else { "" })];
            let times = if *count > 1 { format!("({count} steps)") } else { String::new() };
            page.row(&[(2, &word), (TEXT + 2, &[span(Paint::Plain, *text), span(Paint::Dim, times)])]);
        }
        if texts.len() > most {
            let more = format!("and {} more; --format json has all", texts.len() - most);
            page.row(&[(TEXT + 2, &[span(Paint::Dim, more)])]);
        }
    }
}

/// Counts equal texts, in the order in which they come first.
fn counted<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut all: Vec<(&str, usize)> = Vec::new();
    for text in texts {
        match places.get(text).and_then(|place| all.get_mut(*place)) {
            Some((_, count)) => *count += 1,
            None => {
                places.insert(text, all.len());
                all.push((text, 1));
            }
        }
    }
    all
}

/// The last lines: what it comes to, and how it is confirmed.
fn end(page: &mut Page, plan: &Plan<serde_json::Value>, hash: &PlanHash, how: &str) {
    page.gap();
    for refused in &plan.refused {
        page.row(&[(0, &[span(Paint::Critical, "refused:"), span(Paint::Strong, refused.why.as_str())])]);
        advice(page, 2, &refused.advice);
    }
    if !plan.refused.is_empty() {
        return;
    }
    if plan.steps.is_empty() {
        page.row(&[(0, &[span(Paint::Ok, "nothing to do")])]);
        return;
    }
    page.row(&[(0, &sum(plan))]);
    let after = [
        span(Paint::Plain, "Nothing has been changed. Plan"),
        span(Paint::Strong, format!("{hash},")),
        span(Paint::Plain, format!("to be done by `{how}`")),
    ];
    page.row(&[(0, &after)]);
}

fn sum(plan: &Plan<serde_json::Value>) -> Vec<Span<'static>> {
    let steps = match plan.steps.len() {
        1 => "1 step".to_owned(),
        count => format!("{count} steps"),
    };
    let whole = if plan.whole { ", all or none" } else { "" };
    let mut parts = vec![span(Paint::Strong, format!("{steps}{whole},"))];
    let (paint, risk) = match plan.risk() {
        Some(Risk::Destructive) => (Paint::Warning, "destructive: something is gone afterwards"),
        Some(Risk::Disruptive) => (Paint::Warning, "disruptive: users may notice while it lasts"),
        _ => (Paint::Ok, "safe: nobody notices"),
    };
    parts.push(span(paint, risk));
    let bytes = plan.bytes();
    if bytes != 0 {
        let verb = if bytes > 0 { "frees" } else { "takes" };
        parts.push(span(Paint::Plain, format!("- {verb} {}", show_bytes(bytes.unsigned_abs() as f64))));
    }
    let seconds: f64 = plan.steps.iter().filter_map(|step: &Planned<_>| step.seconds).sum();
    if let Ok(time) = std::time::Duration::try_from_secs_f64(seconds.round())
        && !time.is_zero()
    {
        parts.push(span(Paint::Plain, format!("- about {}", TimeSpan::from(time))));
    }
    parts
}

fn advice(page: &mut Page, column: usize, text: &str) {
    let arrow = page.glyph("→", "->");
    let after = column + page.measure(arrow) + 1;
    page.row(&[(column, &[span(Paint::Dim, arrow)]), (after, &[span(Paint::Plain, text)])]);
}

pub(in crate::format) fn report(report: &ActionReport, style: &Style) -> String {
    let mut page = Page::new(style);
    for step in &report.steps {
        let (paint, mark, said) = state(&page, &step.state);
        let good = matches!(step.state, StepState::Applied(Applied::Changed(_) | Applied::AlreadyDone));
        let quiet = good || step.state == StepState::NotBegun;
        if quiet && style.verbosity == 0 && report.steps.len() > 20 {
            continue;
        }
        let text = [span(Paint::Plain, line(step)), span(if good { Paint::Dim } else { Paint::Strong }, said)];
        page.row(&[(2, &[span(paint, mark)]), (4, &text)]);
    }
    for finding in report.findings.iter().filter(|finding| finding.severity > Severity::Info || style.verbosity > 0) {
        let paint = if finding.severity > Severity::Info { Paint::Critical } else { Paint::Dim };
        let text = [span(Paint::Strong, finding.subject.as_str()), span(Paint::Plain, finding.message.as_str())];
        page.row(&[(2, &[span(paint, "!")]), (4, &text)]);
    }
    if !(report.steps.is_empty() && report.findings.is_empty()) {
        page.gap();
    }
    let (paint, mark) = match report.outcome {
        Outcome::Done | Outcome::Skips => (Paint::Ok, page.glyph("✓", "+")),
        Outcome::Leftover | Outcome::Unclear | Outcome::Unfinished => (Paint::Critical, page.glyph("✗", "x")),
        _ => (Paint::Warning, "!"),
    };
    let tail = format!("({})", length(report.took));
    let head = [
        span(paint, mark),
        span(Paint::Strong, report.action.as_str()),
        span(paint, format!("{}:", report.outcome.as_str())),
        span(Paint::Plain, meaning(report)),
        span(Paint::Dim, tail),
    ];
    page.row(&[(0, &head)]);
    for why in &report.why {
        page.row(&[(2, &[span(Paint::Plain, why.as_str())])]);
    }
    if let Some(text) = &report.advice {
        advice(&mut page, 2, text);
    }
    for space in &report.space {
        page.row(&[(2, &[span(Paint::Plain, room(space))])]);
    }
    if report.waiting > 0 {
        let waits = format!("{} more came after the plan, and wait for the next one", report.waiting);
        page.row(&[(2, &[span(Paint::Dim, waits)])]);
    }
    if let Some(run) = &report.run {
        page.row(&[(2, &[span(Paint::Dim, format!("run {run}"))])]);
    }
    page.finish()
}

fn line(step: &StepReport) -> String {
    format!("{}:", step.what)
}

/// Says what an outcome means to whoever has never met it.
fn meaning(report: &ActionReport) -> String {
    let changed = report.count(|state| matches!(state, StepState::Applied(Applied::Changed(_))));
    let left = report.steps.len() - changed;
    let steps = |count: usize| if count == 1 { "1 step".to_owned() } else { format!("{count} steps") };
    match report.outcome {
        Outcome::Done if changed == 0 => "nothing was to be done".to_owned(),
        Outcome::Done => format!("{} done", steps(changed)),
        Outcome::Skips => {
            let waiting = report.count(|state| matches!(state, StepState::NotBegun | StepState::Failed(_)));
            let alone = match left.saturating_sub(waiting) {
                0 => String::new(),
                alone => format!(", {alone} left alone by a rule"),
            };
            let later = if waiting > 0 { format!(", {waiting} wait for the next plan") } else { String::new() };
            format!("{} done{alone}{later}", steps(changed))
        }
        Outcome::Pending => "nothing changed yet".to_owned(),
        Outcome::Locked => "another run is at work, nothing changed".to_owned(),
        Outcome::Refused => "nothing changed".to_owned(),
        Outcome::Unconfirmed => "this plan is not allowed here and now, nothing changed".to_owned(),
        Outcome::Unfinished => "an earlier run is not over, nothing changed".to_owned(),
        Outcome::Stale => "the world is not as planned any more, nothing changed".to_owned(),
        Outcome::Failed => "nothing changed".to_owned(),
        Outcome::Undone => "it failed, and what was done was taken back".to_owned(),
        Outcome::Leftover => format!("did not come to its end; {} done, see above", steps(changed)),
        Outcome::Unclear => "it could not be found out what it came to".to_owned(),
    }
}

/// Returns how the state of a step is marked, and what is said of it.
fn state(page: &Page, state: &StepState) -> (Paint, &'static str, String) {
    let said = |text: &str| text.to_owned();
    match state {
        StepState::Applied(Applied::Changed(what)) => (Paint::Ok, page.glyph("✓", "+"), said(what)),
        StepState::Applied(Applied::AlreadyDone) => (Paint::Ok, page.glyph("✓", "+"), said("it already was so")),
        StepState::Applied(Applied::Skipped(why)) => (Paint::Warning, "!", format!("left alone: {why}")),
        StepState::NotAsConfirmed(why) => (Paint::Warning, "!", format!("left alone: {why}")),
        StepState::NotBegun => (Paint::Dim, page.glyph("–", "-"), said("not begun")),
        StepState::Failed(why) => (Paint::Critical, page.glyph("✗", "x"), format!("failed: {why}")),
        StepState::Remains(why) => (Paint::Critical, page.glyph("✗", "x"), format!("something of it is there: {why}")),
        StepState::Undone => (Paint::Warning, page.glyph("↶", "<"), said("undone")),
        StepState::Unclear(why) => (Paint::Unknown, "?", format!("cannot be told: {why}")),
    }
}

fn room(space: &SpaceChange) -> String {
    let (before, after) = (space.before.free, space.after.free);
    let change = match before.cmp(&after) {
        std::cmp::Ordering::Less => format!("{} more", ByteSize(after - before)),
        std::cmp::Ordering::Greater => format!("{} less", ByteSize(before - after)),
        std::cmp::Ordering::Equal => "no change".to_owned(),
    };
    format!(
        "{}: {} free before, {} after ({change}), of {}",
        space.place.display(),
        ByteSize(before),
        ByteSize(after),
        ByteSize(space.after.size)
    )
}
