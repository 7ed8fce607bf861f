//! Reports to render.

use std::borrow::Cow;
use std::time::Duration;

use selx_core::format::{Format, Style, render};
use selx_core::limit::Level;
use selx_core::report::{Attempt, Failure, Measured, Outcome};
use selx_core::{
    Area, Code, Entry, Error, ErrorKind, Evidence, Finding, Judgement, ManualClock, Measure, MeasureDoc, Meta, Moment,
    Report, Secrets, Status, Unit,
};
use serde_json::Value;

pub(crate) const DISK: Meta = Meta::new("host-disk", Area::Host, "Space on file systems.")
    .measures(&[MeasureDoc::new(
        "used",
        Unit::Bytes,
        "space in use on the file system",
        "remove what is not needed any more, or grow the file system",
    )])
    .codes(&[Code::new(
        "read-only",
        "The file system was remounted read-only.",
        "look for disk errors in the kernel log",
    )]);
pub(crate) const HTTP: Meta = Meta::new("http", Area::Http, "Web endpoints.").measures(&[MeasureDoc::new(
    "total",
    Unit::Seconds,
    "time of the whole request",
    "look at the slow phase",
)]);
pub(crate) const POSTGRES: Meta = Meta::new("postgres-activity", Area::Database, "Sessions.")
    .measures(&[MeasureDoc::new("hit-ratio", Unit::Ratio, "share of reads from memory", "raise shared_buffers")]);
pub(crate) const REDIS: Meta = Meta::new("redis-memory", Area::Database, "Memory of Redis.");

pub(crate) const GIB: f64 = 1_073_741_824.0;

pub(crate) fn now() -> Moment {
    Moment::of(&ManualClock::at("2026-11-23T02:30:00Z".parse().unwrap()))
}

pub(crate) fn entry(meta: Meta, name: &str, judgement: Judgement) -> Entry {
    Entry {
        meta,
        name: name.into(),
        started: now(),
        took: Duration::from_millis(12),
        attempts: Vec::new(),
        outcome: Outcome::Seen,
        judgement,
        measures: Vec::new(),
        faults: Vec::new(),
        caused_by: None,
        facts: None,
        previous: None,
        remembered: Vec::new(),
        memory_unavailable: false,
        with: Value::Null,
    }
}

pub(crate) fn failed(meta: Meta, name: &str, error: Error) -> Entry {
    let mut entry = entry(meta, name, Judgement::default());
    let failure = Failure::from(error);
    entry.outcome = if failure.kind.is_skip() { Outcome::Skipped(failure) } else { Outcome::Failed(failure) };
    entry
}

pub(crate) fn report(entries: Vec<Entry>) -> Report {
    Report {
        run: "20261123T023000Z-5e1f0042".into(),
        routine: None,
        host: "web-1".into(),
        started: now(),
        took: Duration::from_millis(410),
        entries,
        notices: Vec::new(),
    }
}

pub(crate) fn measured(measure: Measure, ranges: (&str, &str), limits: (&str, &str), level: Level) -> Measured {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Measured {
        measure,
        level: Some(level),
        warning: text(limits.0),
        critical: text(limits.1),
        ranges: (text(ranges.0), text(ranges.1)),
        state: None,
    }
}

pub(crate) fn disk(name: &str, share: f64, level: Level) -> Entry {
    let used = Measure::new("used", share * 40.0 * GIB, Unit::Bytes).on("/var").of(40.0 * GIB);
    let judgement = Judgement::new(format!("3 file systems, fullest /var at {:.0}%", share * 100.0))
        .evidence("file systems", "/, /boot, /var");
    let mut entry = entry(DISK, name, judgement);
    if level != Level::Ok {
        let word = if level == Level::Warning { "warning limit of 75%" } else { "critical limit of 85%" };
        let message = format!("used {}, outside the {word}", selx_core::show::measure(&used));
        let mut finding = Finding::warning("x", "/var", message);
        finding.code = Cow::Borrowed("limit-used");
        if level == Level::Critical {
            finding.severity = selx_core::Severity::Critical;
        }
        entry.judgement.findings.push(finding);
    }
    let ranges = ("32212254720", "36507222016");
    entry.measures.push(measured(used, ranges, ("75%", "85%"), level));
    entry
}

pub(crate) fn http(name: &str) -> Entry {
    let mut entry = entry(HTTP, name, Judgement::new("200 in 120ms over TLS 1.3"));
    let total = Measure::new("total", 0.12, Unit::Seconds);
    entry.measures.push(measured(total, ("1", "2"), ("1s", "2s"), Level::Ok));
    entry
}

pub(crate) fn healthy() -> Report {
    let mut report = report(vec![disk("root", 0.41, Level::Ok), http("api"), http("website")]);
    report.routine = Some("daily".into());
    report
}

pub(crate) fn refused() -> Error {
    Error::new(ErrorKind::Unreachable, "connection refused")
        .with("address", "127.0.0.1:5432")
        .advice("start the server, or look at `listen_addresses` and `port` in postgresql.conf")
}

/// Everything at once: a cause with followers, a limit that was left, a skip, a slow check, a notice.
pub(crate) fn mixed() -> Report {
    let mut entries = vec![http("website"), disk("root", 0.41, Level::Ok)];
    entries.push(failed(REDIS, "cache", Error::new(ErrorKind::NotApplicable, "no Redis answers on this host")));
    let mut slow = http("search");
    slow.took = Duration::from_millis(2_340);
    entries.push(slow);
    let mut follower = failed(HTTP, "api", Error::new(ErrorKind::Rejected, "503 Service Unavailable, expected 200"));
    follower.caused_by = Some("postgres-activity.main".into());
    entries.push(follower);
    let mut other = failed(POSTGRES, "replica", refused());
    other.caused_by = Some("postgres-activity.main".into());
    entries.push(other);
    entries.push(failed(POSTGRES, "main", refused()));
    entries.push(disk("data", 0.78, Level::Warning));
    let read_only =
        Finding::critical("read-only", "/srv", "was remounted read-only").evidence("options", "ro,relatime");
    let mut odd = disk("srv", 0.5, Level::Ok);
    odd.judgement.findings.push(read_only);
    odd.judgement.findings.push(Finding::info("slow-mount", "/mnt", "took 1.2s to answer").evidence("type", "nfs4"));
    entries.push(odd);
    let mut report = report(entries);
    report.notices.push(
        Finding::warning("missed-run", "daily", "did not run on 2026-11-22")
            .advice("look at the log of cron; `selx doctor` shows what it needs"),
    );
    report
}

pub(crate) fn all_skipped() -> Report {
    report(vec![
        failed(REDIS, "cache", Error::new(ErrorKind::NotApplicable, "no Redis answers on this host")),
        failed(HTTP, "rate", Error::new(ErrorKind::NeedsData, "a rate needs another look; the first was now")),
    ])
}

pub(crate) fn unknown() -> Report {
    let mut partly = disk("root", 0.78, Level::Warning);
    partly.faults.push(Failure::from(
        Error::new(ErrorKind::Denied, "no right to read /proc/4711/io")
            .advice("run it as root, or grant CAP_SYS_PTRACE"),
    ));
    partly.faults.push(Failure::from(Error::new(ErrorKind::Limit, "stopped after 10000 entries of /srv")));
    let mut blind = http("api");
    blind.faults.push(Failure::from(Error::new(ErrorKind::Missing, "/etc/ssl/certs does not exist")));
    report(vec![partly, blind, failed(POSTGRES, "main", Error::new(ErrorKind::TimedOut, "did not end within 5s"))])
}

pub(crate) fn retried() -> Report {
    let mut entry = http("api");
    entry.took = Duration::from_millis(5_210);
    entry.attempts.push(Attempt {
        status: Status::Critical,
        reason: "connection reset by peer".into(),
        took: Duration::from_millis(180),
    });
    entry.judgement.findings.push(Finding::info(
        "passed-on-retry",
        "",
        "passed on the second attempt; before: connection reset by peer",
    ));
    report(vec![entry])
}

pub(crate) fn empty() -> Report {
    report(Vec::new())
}

pub(crate) fn hostile_names() -> Report {
    hostile_report("\u{1b}[2J\u{1b}]8;;http://evil\u{7}ok\r\n[OK] all is fine | a=1;;;; \u{202e}gpj.exe")
}

/// The text in every field that is a text.
pub(crate) fn hostile_report(text: &str) -> Report {
    let leak: Cow<'static, str> = Cow::Owned(text.to_owned());
    let failure = || Failure {
        kind: ErrorKind::Denied,
        message: text.into(),
        advice: Some(text.into()),
        retry: selx_core::Retry::Never,
    };
    let evidence = || vec![Evidence { label: leak.clone(), value: text.into() }];
    let finding = |severity| Finding {
        code: leak.clone(),
        severity,
        subject: text.into(),
        message: text.into(),
        advice: Some(text.into()),
        evidence: evidence(),
        fix: Some(leak.clone()),
    };
    let measure = |unit| Measured {
        measure: Measure {
            name: leak.clone(),
            subject: text.into(),
            value: 0.5,
            unit,
            whole: None,
            window: Some(Duration::from_secs(60)),
        },
        level: Some(Level::Ok),
        warning: Some(text.into()),
        critical: Some(text.into()),
        ranges: (Some("@0.1:0.5".into()), Some("~:0.9".into())),
        state: None,
    };
    let mut entries = Vec::new();
    for outcome in [Outcome::Seen, Outcome::Skipped(failure()), Outcome::Failed(failure())] {
        for severity in [selx_core::Severity::Info, selx_core::Severity::Critical] {
            entries.push(Entry {
                meta: DISK,
                name: format!("{text}{}", entries.len()),
                started: now(),
                took: Duration::from_secs(3),
                attempts: vec![Attempt { status: Status::Unknown, reason: text.into(), took: Duration::ZERO }],
                outcome: outcome.clone(),
                judgement: Judgement { summary: text.into(), findings: vec![finding(severity)], evidence: evidence() },
                measures: vec![measure(Unit::Ratio), measure(Unit::Bytes), measure(Unit::Count)],
                faults: vec![failure(), failure()],
                caused_by: (entries.len() == 3).then(|| format!("host-disk.{text}0")),
                facts: Some(Value::String(text.into())),
                previous: None,
                remembered: Vec::new(),
                memory_unavailable: false,
                with: Value::String(text.into()),
            });
        }
    }
    Report {
        run: text.into(),
        routine: Some(text.into()),
        host: text.into(),
        started: now(),
        took: Duration::from_secs(1),
        entries,
        notices: vec![finding(selx_core::Severity::Warning)],
    }
}

pub(crate) fn show(report: &Report, format: Format) -> String {
    render(report, format, &Style::default(), &Secrets::default())
}

pub(crate) fn human(report: &Report, width: Option<usize>, verbosity: u8) -> String {
    let style = Style { width, verbosity, ..Style::default() };
    render(report, Format::Human, &style, &Secrets::default())
}
