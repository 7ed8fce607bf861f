//! What the sizes mean. Pure.

use selx_core::{ByteSize, Finding, Judgement, Judging, Measure, Unit};

use super::{Facts, FileSeen, FolderSeen};

pub(super) fn judge(facts: &Facts, cx: &Judging<Facts>) -> Judgement {
    let mut judgement = Judgement::new(summary(facts));
    for path in &facts.missing {
        judgement = judgement.with(Finding::critical("missing-path", path, "does not exist"));
    }
    for (path, why) in &facts.unreadable {
        judgement =
            judgement.with(Finding::unknown("not-readable", path, format!("could not be looked through: {why}")));
    }
    if let Some(limit) = &facts.limit {
        judgement = judgement.with(Finding::unknown("limit", "", format!("not everything was looked at: {limit}")));
    }
    if facts.folders.is_empty() && facts.missing.is_empty() && facts.unreadable.is_empty() {
        let finding = Finding::unknown("missing-path", "", "none of the usual folders of logs is there");
        judgement = judgement.with(finding.advice("name some in `paths`"));
    }
    for file in &facts.removed {
        let message = format!("was removed and still takes {}, written by {}", ByteSize(file.bytes), writers(file));
        judgement = judgement.with(Finding::warning("removed", &file.path, message));
    }
    if cx.since_previous().is_none() && !facts.folders.is_empty() {
        judgement = judgement.evidence("growth", "is told from the next look on, if a history is kept");
    }
    for folder in &facts.folders {
        let inside = folder.inside.as_ref().map(|around| format!(", counted in {around} too")).unwrap_or_default();
        let text = format!("{}: {} in {} files{inside}", folder.path, ByteSize(folder.bytes), folder.files);
        judgement = judgement.evidence("folder", text);
    }
    for file in &facts.largest {
        judgement = judgement.evidence("file", describe(file, cx));
    }
    if facts.closed_processes > 0 {
        let message = format!(
            "{} processes of other users did not show what they write to: files that they removed are not seen",
            facts.closed_processes
        );
        judgement = judgement.with(Finding::info("hidden-writers", "", message));
    }
    judgement
}

fn summary(facts: &Facts) -> String {
    let apart = || facts.folders.iter().filter(|folder| folder.inside.is_none());
    let total = apart().map(|folder| folder.bytes).fold(0, u64::saturating_add);
    let files = apart().map(|folder| folder.files).fold(0, u64::saturating_add);
    match facts.largest.first() {
        Some(file) => {
            format!("{} in {files} files, the largest {} with {}", ByteSize(total), file.path, ByteSize(file.bytes))
        }
        None => format!("{} in {files} files", ByteSize(total)),
    }
}

fn describe(file: &FileSeen, cx: &Judging<Facts>) -> String {
    let mut text = format!("{}: {}", file.path, ByteSize(file.bytes));
    if file.length > file.bytes.saturating_mul(2) && file.length > 1 << 20 {
        text.push_str(&format!(" on the disk, {} long", ByteSize(file.length)));
    }
    let before = cx.previous.as_ref().and_then(|previous| {
        let same = |old: &&FileSeen| old.path == file.path && old.inode == file.inode;
        previous.facts.largest.iter().find(same).map(|old| old.bytes)
    });
    match before {
        Some(before) if before < file.bytes => {
            text.push_str(&format!(", {} more than at the last look", ByteSize(file.bytes - before)))
        }
        Some(before) if before > file.bytes => {
            text.push_str(&format!(", {} less than at the last look", ByteSize(before - file.bytes)))
        }
        _ => {}
    }
    if !file.writers.is_empty() {
        text.push_str(&format!(", written by {}", writers(file)));
    }
    text
}

fn writers(file: &FileSeen) -> String {
    if file.writers.is_empty() {
        return "a process that cannot be seen".to_owned();
    }
    let named: Vec<String> = file.writers.iter().map(|(pid, name)| format!("{name} ({pid})")).collect();
    named.join(", ")
}

pub(super) fn measure(facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
    let mut measures: Vec<Measure> = facts
        .folders
        .iter()
        .map(|folder| Measure::new("total", folder.bytes as f64, Unit::Bytes).on(&folder.path))
        .collect();
    if let (Some(previous), Some(since)) = (&cx.previous, cx.since_previous()) {
        for folder in &facts.folders {
            let same = |old: &&FolderSeen| old.path == folder.path;
            if let Some(old) = previous.facts.folders.iter().find(same)
                && !since.is_zero()
            {
                let grown = (folder.bytes as f64 - old.bytes as f64) / since.as_secs_f64();
                measures.push(Measure::new("growth", grown, Unit::BytesPerSecond).on(&folder.path).over(since));
            }
        }
    }
    if let Some(file) = facts.largest.first() {
        measures.push(Measure::new("largest", file.bytes as f64, Unit::Bytes));
    }
    measures
}
