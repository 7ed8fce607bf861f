//! How what was seen of backups is said. Pure.

use selx_core::{ByteSize, Unit, show};

use super::facts::{Archive, Facts, Form, Level, Listed, TimeBy};
use crate::setting::PathPattern;

pub(super) fn shortened(list: &Listed) -> String {
    let shown: Vec<String> = list.first.iter().take(3).map(|name| name.chars().take(200).collect()).collect();
    let more = list.count.saturating_sub(shown.len() as u64);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", shown.join(", "))
}

/// Says how long something takes or took.
pub(super) fn span(seconds: f64) -> String {
    show::value(seconds.max(0.0), Unit::Seconds)
}

/// Says when something was, to the second.
pub(super) fn moment(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Says when something was, by how long ago that is; what is dated ahead of the clock is no age.
pub(super) fn ago(seconds: f64) -> String {
    if seconds > -1.0 { format!("{} ago", span(seconds)) } else { format!("{} in the future", span(-seconds)) }
}

/// Says how old something is.
pub(super) fn old(seconds: f64) -> String {
    if seconds > -1.0 { format!("{} old", span(seconds)) } else { format!("dated {} in the future", span(-seconds)) }
}

/// Says when something was made.
fn made(seconds: f64) -> String {
    if seconds > -1.0 {
        format!("made {} ago", span(seconds))
    } else {
        format!("dated {} in the future", span(-seconds))
    }
}

/// Says how many there are of something that takes an `s`.
pub(super) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Says what lies where archives are looked for, if none of it is one, and what to do about it.
pub(super) fn lying(facts: &Facts, path: &PathPattern) -> String {
    let mut there = Vec::new();
    match facts.others {
        0 => {}
        1 => there.push("1 file lies there, which is no archive by its name".to_owned()),
        count => there.push(format!("{count} files lie there, none of them an archive by its name")),
    }
    match facts.links {
        0 => {}
        1 => there.push("1 link lies there, which is not followed: let `path` name what it leads to".to_owned()),
        count => {
            there.push(format!("{count} links lie there, which are not followed: let `path` name what they lead to"))
        }
    }
    let deeper = if path.is_pattern() { "*" } else { "*/*" };
    let pattern = format!("{}/{deeper}", path.as_str().trim_end_matches('/'));
    match facts.folders {
        0 => {}
        1 => there.push(format!("1 folder lies there, which is not searched: let `path` name it, or be `{pattern}`")),
        count => there.push(format!("{count} folders lie there, which are not searched: let `path` be `{pattern}`")),
    }
    if there.is_empty() { "nothing lies there".to_owned() } else { there.join("; ") }
}

pub(super) fn by_words(by: TimeBy) -> &'static str {
    match by {
        TimeBy::Manifest => "its manifest",
        TimeBy::Content => "its content",
        TimeBy::Name => "its name",
        TimeBy::Written => "the time of the file",
    }
}

pub(super) fn form_words(form: Form) -> &'static str {
    match form {
        Form::Empty => "without content",
        Form::Tar => "a tar archive",
        Form::Dump => "a dump",
        Form::DumpFolder => "a dump as a folder",
        Form::Encrypted => "encrypted",
        Form::Unknown => "and nothing that is known",
    }
}

pub(super) fn level_words(level: Level) -> &'static str {
    match level {
        Level::Exists => "it is there",
        Level::Decoded => "read to its end",
        Level::Manifest => "equal to its manifest",
        Level::Restored => "restored",
        Level::Started => "restored and started",
    }
}

pub(super) fn describe(archive: &Archive) -> String {
    let content = &archive.content;
    format!(
        "{}: {}, {} by {}, {} {} of {} unpacked, {}, level {} ({})",
        archive.path,
        ByteSize(archive.size),
        old(archive.age),
        by_words(archive.by),
        archive.packed,
        form_words(archive.form),
        ByteSize(content.bytes),
        counted(content.members, "member"),
        archive.level.number(),
        level_words(archive.level)
    )
}

pub(super) fn summary(facts: &Facts) -> String {
    let newest = facts.series.iter().filter_map(|series| series.read.first());
    let Some(oldest) = newest.clone().max_by(|a, b| a.age.total_cmp(&b.age)) else {
        return "no archive".to_owned();
    };
    let level = newest.clone().map(|archive| archive.level).min().unwrap_or_default();
    let level = format!("level {} ({})", level.number(), level_words(level));
    match facts.series.len() {
        1 => {
            let name = oldest.path.rsplit('/').next().unwrap_or_default();
            let last = last_restored(facts);
            format!("{name}: {}, {}, {level}{last}", ByteSize(oldest.size), made(oldest.age))
        }
        count => format!("{count} series, the oldest newest archive {}, the least proven to {level}", made(oldest.age)),
    }
}

/// Tells of the last proof of a higher level.
fn last_restored(facts: &Facts) -> String {
    let series = facts.series.first();
    let reached = series.and_then(|series| series.read.first()).map(|archive| archive.level).unwrap_or_default();
    let higher = series.and_then(|series| series.proofs.iter().rfind(|proof| proof.level > reached));
    higher.map_or(String::new(), |proof| format!("; {} last on {}", level_words(proof.level), proof.at.strftime("%F")))
}
