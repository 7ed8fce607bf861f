//! What the end and the output of a program mean. Pure.

use std::borrow::Cow;

use selx_core::{Evidence, Finding, Judgement, Measure, Severity, TimeSpan};

use super::{Exit, Facts, Format, input, plugin};

/// A message longer than this is cut: it is one line of a report.
const LONGEST_LINE: usize = 400;
/// More lines of evidence are of no use in a report.
const LONGEST_EVIDENCE: usize = 4_000;

pub(super) fn judge(format: Format, perfdata: bool, facts: &Facts) -> Judgement {
    let ended = &facts.ended;
    let mut judgement = match ended.exit {
        Exit::OutOfTime => {
            let limit = TimeSpan::from(facts.limit);
            Judgement::new("did not end in time").with(Finding::unknown(
                "did-not-end",
                subject(facts),
                format!("did not end within {limit} and was ended"),
            ))
        }
        Exit::Flooded => Judgement::new("wrote without an end").with(Finding::unknown(
            "flooded",
            subject(facts),
            format!(
                "wrote more than {} and was ended",
                selx_core::ByteSize(ended.stdout.bytes.max(ended.stderr.bytes))
            ),
        )),
        Exit::Signal(signal) => Judgement::new("was ended by a signal").with(Finding::unknown(
            "ended-by-signal",
            subject(facts),
            format!("was ended by {}", signal_name(signal)),
        )),
        Exit::Code(code) => match format {
            Format::Nagios => nagios(code, perfdata, facts),
            Format::Json => json(code, facts),
            Format::ExitCode => exit_code(code, facts),
        },
    };
    if ended.left_behind {
        judgement.findings.push(Finding::warning(
            "left-behind",
            subject(facts),
            "ended, but a process that it started still held its output open",
        ));
    }
    let errors = ended.stderr.text.trim();
    if !errors.is_empty() {
        judgement = judgement.evidence("standard error", tail(errors, LONGEST_EVIDENCE));
    }
    if !matches!(ended.exit, Exit::Code(_)) && !ended.stdout.text.trim().is_empty() {
        judgement = judgement.evidence("output", tail(ended.stdout.text.trim(), LONGEST_EVIDENCE));
    }
    judgement
}

pub(super) fn measure(format: Format, perfdata: bool, facts: &Facts) -> Vec<Measure> {
    let Exit::Code(0..=3) = facts.ended.exit else {
        return Vec::new();
    };
    // A number at the seam of a cut may be half of one, and no number is better than that.
    if facts.ended.stdout.cut {
        return Vec::new();
    }
    match format {
        Format::Nagios if perfdata => {
            plugin::read(&facts.ended.stdout.text).perf.iter().map(plugin::Perf::to_measure).collect()
        }
        Format::Json => input::read(&facts.ended.stdout.text)
            .map(|input| input.measures.iter().map(input::Number::to_measure).collect())
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn nagios(code: i32, perfdata: bool, facts: &Facts) -> Judgement {
    let ended = &facts.ended;
    let printed = plugin::read(&ended.stdout.text);
    let line = short(&printed.line);
    let mut judgement = Judgement::new(if line.is_empty() { "printed no line" } else { &*line });
    let said = || {
        if line.is_empty() {
            format!("ended with exit code {code}{}", last_error(facts))
        } else {
            format!("says: {line}")
        }
    };
    let finding = match code {
        // Interpreters end with 1 when they fail; without a line it is not the plugin that speaks.
        0 | 1 | 3 if line.is_empty() => Some(Finding::unknown(
            "said-nothing",
            subject(facts),
            format!("ended with exit code {code} and printed no line{}", last_error(facts)),
        )),
        0 => None,
        1 => Some(Finding::warning("plugin-warning", subject(facts), said())),
        2 => Some(Finding::critical("plugin-critical", subject(facts), said())),
        3 => Some(Finding::unknown("plugin-unknown", subject(facts), said())),
        _ => Some(unexpected(code, facts)),
    };
    judgement.findings.extend(finding);
    if ended.stdout.cut || printed.left_out > 0 {
        let message = if ended.stdout.cut {
            format!("printed {}, and not all of it was kept", selx_core::ByteSize(ended.stdout.bytes))
        } else {
            format!("gave {} more measures than the {} that are taken", printed.left_out, plugin::MOST_MEASURES)
        };
        judgement.findings.push(Finding::unknown("output-cut", subject(facts), message));
    }
    if perfdata && let Some(first) = printed.unreadable.first() {
        let more = match printed.unreadable.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!("gave performance data that does not read: `{}`{more}", short(first));
        judgement.findings.push(Finding::unknown("perfdata-unreadable", subject(facts), message));
    }
    if !printed.more.is_empty() {
        judgement = judgement.evidence("output", head(&printed.more, LONGEST_EVIDENCE));
    }
    for perf in printed.perf.iter().filter(|perf| !perf.ranges.is_empty()) {
        judgement
            .evidence
            .push(Evidence { label: Cow::Owned(format!("ranges of {}", perf.label)), value: perf.ranges.clone() });
    }
    judgement
}

fn exit_code(code: i32, facts: &Facts) -> Judgement {
    let judgement = Judgement::new("ended with exit code 0");
    match code {
        0 => judgement,
        126 | 127 => judgement.with(unexpected(code, facts)),
        _ => judgement.with(Finding::critical(
            "command-failed",
            subject(facts),
            format!("ended with exit code {code}{}", last_error(facts)),
        )),
    }
}

fn json(code: i32, facts: &Facts) -> Judgement {
    let ended = &facts.ended;
    if !(0..=3).contains(&code) {
        return Judgement::new("ended in an unexpected way").with(unexpected(code, facts));
    }
    let unreadable = |code: &'static str, message: String| {
        Judgement::new("printed nothing that reads").with(Finding::unknown(code, subject(facts), message))
    };
    if ended.stdout.cut {
        let size = selx_core::ByteSize(ended.stdout.bytes);
        return unreadable("output-cut", format!("printed {size}, which is more than is kept, so it cannot be read"));
    }
    let input = match input::read(&ended.stdout.text) {
        Ok(input) => input,
        Err(error) => {
            return unreadable(
                "output-unreadable",
                format!("printed no JSON of the right shape: {}{}", short(&error), last_error(facts)),
            );
        }
    };
    let summary = if input.summary.trim().is_empty() { "gave no summary" } else { &input.summary };
    let mut judgement = Judgement::new(&*short(summary));
    for said in input.findings {
        let mut finding = Finding::new(said.severity, "reported", said.subject, &*short(&said.message));
        finding.advice = said.advice;
        if !said.code.is_empty() {
            finding = finding.evidence("code", said.code);
        }
        finding
            .evidence
            .extend(said.evidence.into_iter().map(|(label, value)| Evidence { label: Cow::Owned(label), value }));
        judgement.findings.push(finding);
    }
    let worst = match judgement.findings.iter().map(|finding| finding.severity).max() {
        None | Some(Severity::Info) => 0,
        Some(Severity::Warning) => 1,
        Some(Severity::Critical) => 2,
        Some(Severity::Unknown) => 3,
    };
    // A program that dies after it printed must not pass for one that is content.
    if code != 0 && code != worst {
        judgement.findings.push(Finding::unknown(
            "exit-unexpected",
            subject(facts),
            format!("ended with exit code {code}, which its findings do not explain{}", last_error(facts)),
        ));
    }
    judgement
}

fn unexpected(code: i32, facts: &Facts) -> Finding {
    let why = match code {
        126 => " (a shell was not allowed to run a program)",
        127 => " (a shell did not find a program)",
        129..=192 => " (a shell reports so that a signal ended a program)",
        _ => ", which the format does not know",
    };
    Finding::unknown(
        "exit-unexpected",
        subject(facts),
        format!("ended with exit code {code}{why}{}", last_error(facts)),
    )
}

/// The program's name is the subject: the reader of a report has several of them.
fn subject(facts: &Facts) -> String {
    facts.program.clone()
}

/// Returns the last line of standard error, after a colon.
fn last_error(facts: &Facts) -> String {
    let last = facts.ended.stderr.text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    last.map(|line| format!(": {}", short(line))).unwrap_or_default()
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "HUP",
        2 => "INT",
        3 => "QUIT",
        4 => "ILL",
        6 => "ABRT",
        7 => "BUS",
        8 => "FPE",
        9 => "KILL",
        11 => "SEGV",
        13 => "PIPE",
        14 => "ALRM",
        15 => "TERM",
        24 => "XCPU",
        25 => "XFSZ",
        31 => "SYS",
        _ => return format!("signal {signal}"),
    };
    format!("signal {signal} ({name})")
}

/// Cuts a line that is too long for a report.
fn short(line: &str) -> Cow<'_, str> {
    match line.char_indices().nth(LONGEST_LINE) {
        None => Cow::Borrowed(line),
        Some((end, _)) => Cow::Owned(format!("{}…", line.get(..end).unwrap_or_default())),
    }
}

fn head(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}\n[the rest is left out]", text.get(..end).unwrap_or_default()),
    }
}

fn tail(text: &str, most: usize) -> String {
    match text.char_indices().rev().nth(most) {
        None => text.to_owned(),
        Some((begin, _)) => format!("[the beginning is left out]\n{}", text.get(begin..).unwrap_or_default()),
    }
}
