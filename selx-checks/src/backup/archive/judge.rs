//! What was seen of backups means. Pure.

use selx_core::{Finding, Judgement, Measure, Severity, Unit};

use super::config::Config;
use super::facts::{Archive, Damage, DamageKind, Facts, Form, Level, Listed, Series, TimeBy};
use super::identity;
use super::inspect::{SAME, is_named_wrongly};
use super::words::{
    ago, by_words, counted, describe, form_words, level_words, lying, moment, old, shortened, span, summary,
};

/// What clocks of two machines may differ by.
const SKEW: f64 = 300.0;
/// From how many earlier archives on a size can be called usual.
const USUAL_FROM: usize = 2;

pub(super) fn judge(facts: &Facts, config: &Config) -> Judgement {
    let mut judgement = Judgement::new(summary(facts));
    let path = config.path.as_str();
    for missing in &facts.missing {
        let is_marker = config.marker.as_ref().is_some_and(|marker| marker.as_str() == missing);
        judgement = judgement.with(if is_marker {
            Finding::critical(
                "not-mounted",
                path,
                format!("lies on a disk that is not mounted: `{missing}` is not there"),
            )
        } else {
            Finding::critical("missing-path", missing, "does not exist")
        });
    }
    for pattern in &facts.unmatched {
        judgement = judgement.with(Finding::critical("no-archive", pattern, "matches no archive"));
    }
    for (folder, reason) in &facts.unsearched {
        judgement = judgement.with(Finding::unknown("not-readable", folder, format!("may not be searched: {reason}")));
    }
    if facts.series.is_empty() && facts.missing.is_empty() && facts.unmatched.is_empty() {
        judgement = judgement.with(Finding::critical(
            "no-archive",
            path,
            format!("holds no archive: {}", lying(facts, &config.path)),
        ));
    }
    if facts.omitted > 0 {
        let are = if facts.omitted == 1 { "that was" } else { "that were" };
        let message = format!("holds {} more {are} not looked at", counted(facts.omitted, "file"));
        judgement = judgement.with(Finding::unknown("too-many-files", path, message));
    }
    for data in &facts.same_disk {
        let message = format!("lies on the same file system as `{data}`, and is lost with it");
        judgement = judgement.with(Finding::warning("same-disk", path, message));
    }
    for series in &facts.series {
        judgement = of_series(series, config, judgement);
    }
    judgement
}

fn of_series(series: &Series, config: &Config, mut judgement: Judgement) -> Judgement {
    let subject = &series.name;
    if series.read.is_empty() {
        let message = "has no finished archive".to_owned();
        judgement = judgement.with(Finding::critical("no-archive", subject, message));
    }
    for one in &series.unfinished {
        let message =
            format!("is not finished: {}; begun {}, last written to {}", one.reason, ago(one.since), ago(one.still));
        judgement = judgement.with(Finding::info("in-progress", &one.path, message));
    }
    if let Some(other) = &series.disagreeing {
        let by = by_words(other.by);
        let message = format!(
            "was written last ({}) and is of {} by {by}: it is not the newest",
            moment(other.written),
            moment(other.made)
        );
        judgement = judgement.with(Finding::warning("times-disagree", &other.path, message));
    }
    for proof in &series.proofs {
        judgement = judgement.evidence(
            "proof",
            format!("{}: {} at {} ({})", subject, level_words(proof.level), moment(proof.at), proof.archive),
        );
    }
    for (index, archive) in series.read.iter().enumerate() {
        judgement = judgement.evidence("archive", describe(archive));
        judgement.findings.extend(of_archive(archive));
        if index == 0 {
            judgement.findings.extend(of_newest(archive, config));
        }
    }
    judgement
}

/// What holds for the newest archive alone.
fn of_newest(archive: &Archive, config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    let path = &archive.path;
    if archive.age < -SKEW {
        let message = format!("is dated {} in the future, by {}", span(-archive.age), by_words(archive.by));
        found.push(Finding::critical("in-future", path, message));
    }
    let apart = |other: f64| (archive.age - other).abs() > SAME;
    let others = [(Some(archive.written), TimeBy::Written), (archive.named, TimeBy::Name)];
    if let Some((Some(other), by)) =
        others.into_iter().find(|(other, by)| *by != archive.by && other.is_some_and(apart))
    {
        let message =
            format!("is {} by {} and {} by {}", old(archive.age), by_words(archive.by), old(other), by_words(by));
        found.push(Finding::warning("times-disagree", path, message));
    }
    // Where something is wrong with it, that is told, and says more.
    let is_told = of_archive(archive).iter().any(|finding| finding.severity >= Severity::Unknown);
    if archive.level < config.min_level && !is_told {
        let message = format!(
            "is proven to level {} ({}), and level {} is asked for ({})",
            archive.level.number(),
            level_words(archive.level),
            config.min_level.number(),
            level_words(config.min_level)
        );
        found.push(Finding::critical("not-proven", path, message));
    }
    found.extend(identity::compare(archive, config));
    found
}

/// What holds for every archive that was read.
fn of_archive(archive: &Archive) -> Vec<Finding> {
    let mut found = Vec::new();
    let path = &archive.path;
    let content = &archive.content;
    if let Some(damage) = &archive.damage {
        found.push(damaged(path, damage));
    }
    let is_whole = archive.damage.is_none();
    match archive.form {
        Form::Empty if is_whole => found.push(Finding::critical("empty", path, "has no content")),
        Form::Tar if is_whole && content.files == 0 => {
            found.push(Finding::critical(
                "empty",
                path,
                format!("holds no file ({})", counted(content.members, "member")),
            ));
        }
        Form::Encrypted if is_whole => {
            found.push(Finding::unknown("encrypted", path, "is encrypted: whether it can be restored cannot be seen"));
        }
        Form::Unknown if is_whole && !is_named_wrongly(archive) => {
            found.push(Finding::warning(
                "unknown-content",
                path,
                "holds something that is neither a tar archive nor a known dump",
            ));
        }
        _ => {}
    }
    if is_whole && is_named_wrongly(archive) {
        let message = format!("is not what its name says: {}, {}", archive.packed, form_words(archive.form));
        found.push(Finding::critical("not-what-it-says", path, message));
    }
    for name in &content.missing {
        found.push(Finding::critical("member-missing", path, format!("holds no `{name}`")));
    }
    for name in &content.empty {
        found.push(Finding::critical("member-empty", path, format!("is not whole: `{name}` has no content")));
    }
    for dump in &content.dumps {
        let what = if dump.member.is_empty() { "the dump".to_owned() } else { format!("the dump `{}`", dump.member) };
        // In an archive that is damaged, the end of a dump is missing because of that.
        if let Some(wrong) = dump.wrong.as_ref().filter(|_| is_whole) {
            found.push(Finding::critical(
                "dump-incomplete",
                path,
                format!("is no whole backup: {what} is not whole: {wrong}"),
            ));
        }
        if let Some(message) = identity::older_program(dump) {
            found.push(Finding::warning("dumped-by-older", path, format!("may lack something: {what} {message}")));
        }
    }
    let mut listed = |severity, code, list: &Listed, one: &str, many: &str| {
        if !list.is_empty() {
            // The verb is the same, whatever the number.
            let verb = one.split(' ').next().unwrap_or_default();
            let words = if list.count == 1 { one.to_owned() } else { format!("{verb} {} {many}", list.count) };
            found.push(Finding::new(severity, code, path, format!("{words}: {}", shortened(list))));
        }
    };
    listed(
        Severity::Warning,
        "member-damaged",
        &content.broken,
        "holds a packed member that is damaged",
        "packed members that are damaged",
    );
    listed(
        Severity::Critical,
        "escapes",
        &content.escaping,
        "holds a member that leads out of the archive",
        "members that lead out of the archive",
    );
    listed(
        Severity::Warning,
        "unusual-members",
        &content.unusual,
        "holds a member that is more than a file",
        "members that are more than files",
    );
    listed(
        Severity::Warning,
        "twice",
        &content.twice,
        "holds a file that is there twice",
        "files that are there twice",
    );
    listed(
        Severity::Info,
        "unknown-content",
        &content.strange,
        "holds a member that is named as a dump and is none of a database that is known here",
        "members that are named as dumps and are none of a database that is known here",
    );
    if let Some(manifest) = &archive.manifest {
        let source = &manifest.source;
        listed(
            Severity::Critical,
            "not-as-made",
            &manifest.different,
            "holds a file that is not the one that was backed up",
            "files that are not those that were backed up",
        );
        listed(
            Severity::Critical,
            "member-missing",
            &manifest.absent,
            "lacks a file of the manifest",
            "files of the manifest",
        );
        listed(
            Severity::Warning,
            "not-in-manifest",
            &manifest.unlisted,
            "holds a file that is not in the manifest",
            "files that are not in the manifest",
        );
        if let Some(wrong) = &manifest.wrong {
            found.push(Finding::warning(
                "manifest-unreadable",
                path,
                format!("has a manifest that cannot be used, `{source}`: {wrong}"),
            ));
        }
    }
    if archive.mode & 0o007 != 0 {
        found.push(Finding::warning(
            "open-to-all",
            path,
            format!("may be read or changed by every user (mode {:04o})", archive.mode),
        ));
    }
    if is_whole
        && !content.checksummed
        && matches!(archive.form, Form::Tar | Form::Dump | Form::DumpFolder)
        && archive.level < Level::Manifest
    {
        let message = "carries no checksum of all its content: damage that leaves its structure whole is not seen";
        found.push(Finding::info("no-checksum", path, message));
    }
    found
}

fn damaged(path: &str, damage: &Damage) -> Finding {
    let text = &damage.text;
    match damage.kind {
        DamageKind::CutShort => Finding::critical("cut-short", path, format!("is cut short: {text}")),
        DamageKind::Damaged => Finding::critical("damaged", path, format!("is damaged: {text}")),
        DamageKind::Trailing => Finding::critical("trailing-bytes", path, format!("goes on behind its end: {text}")),
        DamageKind::TooLarge => Finding::critical("too-large", path, format!("is not read on: {text}")),
        DamageKind::Limit => Finding::unknown("limit-reached", path, format!("was not read whole: {text}")),
        DamageKind::Unreadable => Finding::critical("read-error", path, format!("cannot be read: {text}")),
        DamageKind::Denied => Finding::unknown("not-readable", path, format!("may not be read: {text}")),
        DamageKind::Unsupported => Finding::unknown("not-supported", path, format!("cannot be looked into: {text}")),
    }
}

pub(super) fn measure(facts: &Facts, now: jiff::Timestamp) -> Vec<Measure> {
    let mut measures = Vec::new();
    for series in &facts.series {
        let on = |name, value, unit| Measure::new(name, value, unit).on(&series.name);
        if let Some(newest) = series.read.first() {
            if !series.occasional {
                measures.push(on("age", newest.age.max(0.0), Unit::Seconds));
            }
            measures.push(on("size", newest.size as f64, Unit::Bytes));
            if let Some(usual) = usual(&series.earlier) {
                measures.push(on("size-share", newest.size as f64 / usual, Unit::Ratio));
            }
            measures.push(on("level", f64::from(newest.level.number()), Unit::Count));
        }
        measures.push(on("archives", series.archives as f64, Unit::Count));
        let longest = series.unfinished.iter().map(|one| one.since).fold(0.0, f64::max);
        measures.push(on("in-progress", longest, Unit::Seconds));
        let restored = series.proofs.iter().filter(|proof| proof.level >= Level::Restored).map(|proof| proof.at).max();
        if let Some(restored) = restored {
            measures.push(on("since-restored", now.duration_since(restored).as_secs_f64().max(0.0), Unit::Seconds));
        }
    }
    measures
}

/// Returns the median of earlier sizes.
fn usual(earlier: &[u64]) -> Option<f64> {
    let mut sizes = earlier.to_vec();
    sizes.sort_unstable();
    let upper = *sizes.get(sizes.len() / 2)? as f64;
    let lower = *sizes.get((sizes.len() - 1) / 2)? as f64;
    let median = f64::midpoint(lower, upper);
    (sizes.len() >= USUAL_FROM && median > 0.0).then_some(median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_size_is_the_median() {
        assert_eq!(usual(&[]), None);
        assert_eq!(usual(&[5]), None);
        assert_eq!(usual(&[0, 0]), None);
        assert_eq!(usual(&[1, 3]), Some(2.0));
        assert_eq!(usual(&[100, 1, 3]), Some(3.0));
    }
}
