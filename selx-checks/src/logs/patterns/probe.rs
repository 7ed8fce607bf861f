//! From the settings to a look.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use selx_core::{Context, Error, ErrorKind, Recalled, Result};

use super::config::{Config, PatternConfig, Window};
use super::facts::Facts;
use super::look::{Look, Source};
use super::preset::Preset;
use super::shapes;
use super::{containers, journal};
use crate::logs::files::Host;
use crate::logs::matcher::{self, Matcher, Pattern, Wanted};
use crate::logs::piece::{Dress, Span};
use crate::logs::tally::Wish;

/// Where logs are on a host of which nothing is said.
const USUAL: [&str; 3] = ["/var/log/syslog", "/var/log/messages", "/var/log/**/*.log"];
/// What a first look reads where there is none to go on from.
const FIRST: SignedDuration = SignedDuration::from_hours(24);
/// How far the clocks of programs may be ahead of this one.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

pub(super) async fn probe(config: &Config, cx: &Context) -> Result<Facts> {
    let now = cx.clock().now();
    let since_last = config.window == Window::SinceLast;
    // Only a look that goes on where the last one ended has to wait for it.
    let previous = if since_last { Some(cx.previous::<Facts>().await) } else { None };
    let last = match &previous {
        Some(Recalled::Seen(last)) => Some(&last.facts),
        _ => None,
    };
    let zone = config.zone.as_ref().map_or_else(TimeZone::system, |zone| zone.0.clone());
    let (names, patterns) = patterns(config)?;
    let span = span(&config.window, now, &zone, last)?;
    let mut sources = sources(config);
    if let Some(wanted) = &config.containers {
        sources.extend(containers::sources(wanted, cx).await?);
    }
    let journal = match &config.journal {
        Some(wanted) => {
            let time = |micros| Timestamp::from_microsecond(micros).map_err(out_of_calendar);
            // The journal knows when it got a record: what is new begins where the last look was.
            let from = last.map_or(time(span.from)?, |last| last.to);
            let text = journal::text(wanted, from, time(span.to)?.min(now), cx).await?;
            Some((text, Span { from: from.as_microsecond(), to: span.to.min(now.as_microsecond()), ..span }))
        }
        None => None,
    };
    let look = Look {
        host: Host::of(cx),
        sources,
        journal,
        exclude: config.exclude.clone(),
        rotated: config.rotated,
        most_files: usize::try_from(config.most_files).unwrap_or(usize::MAX),
        matcher: Matcher::new(patterns),
        names,
        wish: Wish { samples: config.samples.0, shapes: config.shapes },
        span,
        from: match last {
            Some(last) => last.to,
            None => Timestamp::from_microsecond(span.from).map_err(out_of_calendar)?,
        },
        looked: now,
        zone,
        marks: last.map(|last| last.marks.clone()),
        extent: Arc::clone(cx.extent()),
        marking: since_last,
    };
    let mut facts = cx.blocking("reading the logs", move |cancel| look.run(cancel)).await?;
    if config.shapes {
        let previous = match previous {
            Some(previous) => previous,
            None => cx.previous::<Facts>().await,
        };
        let previous = previous.seen();
        shapes::compare(&mut facts, previous.as_ref().map(|previous| &previous.facts));
    }
    Ok(facts)
}

fn sources(config: &Config) -> Vec<Source> {
    let source = |paths: Vec<String>, optional| Source { paths, title: None, dress: Dress::Bare, optional };
    let elsewhere = config.containers.is_some() || config.journal.is_some();
    if config.paths.is_empty() && elsewhere {
        return Vec::new();
    }
    if config.paths.is_empty() {
        return USUAL.iter().map(|path| source(vec![(*path).to_owned()], true)).collect();
    }
    vec![source(config.paths.iter().map(|path| path.as_str().to_owned()).collect(), false)]
}

/// Makes the patterns of presets and settings, in the order of their names.
fn patterns(config: &Config) -> Result<(Vec<String>, Vec<Pattern>)> {
    let wrong = |name: &str, error: regex::Error| {
        Error::new(ErrorKind::Config, format!("pattern `{name}` cannot be searched for"))
            .source_error(error)
            .advice("make it shorter, or two patterns")
    };
    let mut made = Vec::new();
    let default = if config.patterns.0.is_empty() { vec![Preset::Errors] } else { Vec::new() };
    for preset in config.presets.as_ref().map_or(&default, |presets| &presets.0) {
        for ready in preset.patterns() {
            // A pattern of the operator's own takes the place of one with its name.
            if config.patterns.0.contains_key(ready.name) || made.iter().any(|(name, _)| name == ready.name) {
                continue;
            }
            let pattern = Pattern::new(ready.any_of, ready.none_of, ready.ignore_case, ready.levels);
            made.push((ready.name.to_owned(), pattern.map_err(|error| wrong(ready.name, error))?));
        }
    }
    for (name, pattern) in &config.patterns.0 {
        made.push((name.clone(), own(pattern).map_err(|error| wrong(name, error))?));
    }
    made.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(made.into_iter().unzip())
}

fn own(config: &PatternConfig) -> Result<Pattern, regex::Error> {
    let join = |texts: &[super::config::Text], expressions: &[super::config::Expression]| {
        let texts = texts.iter().map(|text| Wanted::Text(&text.0));
        let wanted: Vec<Wanted<'_>> =
            texts.chain(expressions.iter().map(|expression| Wanted::Expression(&expression.0))).collect();
        matcher::join(&wanted)
    };
    let any_of = join(&config.text, &config.regex);
    let none_of = join(&config.not_text, &config.not_regex);
    let levels = config.level.map(|level| level..=crate::logs::level::Level::Emergency);
    Pattern::new(any_of.as_deref(), none_of.as_deref(), config.ignore_case, levels)
}

fn out_of_calendar(error: jiff::Error) -> Error {
    Error::new(ErrorKind::Config, "`window` begins before the calendar").source_error(error)
}

/// Returns which moments count.
fn span(window: &Window, now: Timestamp, zone: &TimeZone, last: Option<&Facts>) -> Result<Span> {
    let early =
        |error: jiff::Error| Error::new(ErrorKind::Config, "`window` begins before the calendar").source_error(error);
    let day = |back: i64| {
        let date = zone.to_datetime(now).date();
        let date = date.checked_sub(jiff::Span::new().days(back)).map_err(early)?;
        let midnight = date.to_datetime(jiff::civil::Time::midnight());
        zone.to_ambiguous_timestamp(midnight).compatible().map_err(early)
    };
    let ago = |length: SignedDuration| now.checked_sub(length).map_err(early);
    let ahead = now.checked_add(AHEAD).unwrap_or(now);
    let (from, to) = match (window, last) {
        (Window::Last(length), _) => {
            (ago(SignedDuration::try_from(length.get()).unwrap_or(SignedDuration::MAX))?, ahead)
        }
        (Window::Today, _) => (day(0)?, ahead),
        (Window::Yesterday, _) => (day(1)?, day(0)?),
        // What was not there counts, however late it was written.
        (Window::SinceLast, Some(_)) => (Timestamp::UNIX_EPOCH, ahead),
        (Window::SinceLast, None) => (ago(FIRST)?, ahead),
    };
    let micros = Timestamp::as_microsecond;
    Ok(Span { from: micros(from), to: micros(to), now: micros(ahead), all_new: last.is_some() })
}
