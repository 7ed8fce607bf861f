//! What the sizes mean. Pure.

use std::cmp::Ordering;

use selx_core::{ByteSize, Finding, Judgement, Measure, Unit, show};

use super::{Answer, Facts, FailureKind, FileSystem, ReadOnly, Size};

impl Size {
    /// The bytes in use, reserved ones not among them, as `df` counts.
    fn used(&self) -> u64 {
        self.bytes.saturating_sub(self.free)
    }

    /// The bytes that users can use at all: what is used and what is available.
    fn usable(&self) -> u64 {
        self.used().saturating_add(self.available)
    }

    /// The bytes that only root may still use.
    fn reserved(&self) -> u64 {
        self.free.saturating_sub(self.available)
    }

    fn inodes_used(&self) -> u64 {
        self.inodes.saturating_sub(self.inodes_free)
    }

    fn inodes_usable(&self) -> u64 {
        self.inodes_used().saturating_add(self.inodes_available)
    }

    fn share(&self) -> f64 {
        part(self.used(), self.usable())
    }

    fn inode_share(&self) -> f64 {
        part(self.inodes_used(), self.inodes_usable())
    }
}

fn part(value: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { value as f64 / whole as f64 }
}

pub(super) fn judge(facts: &Facts, previous: Option<&Facts>, read_only: ReadOnly) -> Judgement {
    let mut judgement = Judgement::new(summary(facts));
    for path in &facts.missing {
        judgement = judgement.with(Finding::critical("missing-path", path, "does not exist"));
    }
    for path in &facts.not_mounted {
        judgement = judgement.with(Finding::critical("not-mounted", path, "nothing is mounted there"));
    }
    for (path, failure) in &facts.unresolved {
        judgement = judgement.with(failed(path, failure));
    }
    for one in &facts.file_systems {
        match &one.answer {
            Answer::Size(size) => judgement = judgement.evidence("file system", describe(one, size)),
            Answer::None => {
                let message = format!("lies on a file system without a size ({})", one.kind);
                judgement = judgement.with(Finding::unknown("no-size", &one.point, message));
            }
            Answer::Failed(failure) => {
                let finding = failed(&one.point, failure).evidence("type", &one.kind).evidence("source", &one.source);
                judgement = judgement.with(finding);
            }
        }
        judgement.findings.extend(writable(one, previous, read_only));
    }
    let nothing = facts.file_systems.is_empty() && facts.missing.is_empty() && facts.unresolved.is_empty();
    if nothing {
        let message = format!("no file system is left to be looked at, of {} mounts", facts.mounts);
        judgement = judgement.with(Finding::unknown("nothing-selected", "", message));
    }
    judgement
}

fn failed(subject: &str, failure: &super::Failure) -> Finding {
    match failure.kind {
        FailureKind::NoAnswer => Finding::unknown("no-answer", subject, &failure.text),
        FailureKind::Broken => {
            Finding::critical("file-system-error", subject, format!("answered with an error: {failure}"))
        }
        FailureKind::NotReadable => {
            Finding::unknown("not-readable", subject, format!("could not be looked at: {failure}"))
        }
    }
}

fn writable(one: &FileSystem, previous: Option<&Facts>, read_only: ReadOnly) -> Option<Finding> {
    if !one.read_only {
        return None;
    }
    let was_writable =
        previous.and_then(|facts| facts.file_systems.iter().find(|old| old.point == one.point)).is_some_and(|old| {
            // Another disk on the same point is another story.
            !old.read_only && old.source == one.source
        });
    let message = match read_only {
        ReadOnly::Ignore => return None,
        _ if one.by_kernel => "cannot be written to: the kernel made it read-only after an error",
        _ if was_writable => "cannot be written to: it is read-only now and was not at the last look",
        ReadOnly::Always => "cannot be written to",
        ReadOnly::IfChanged => return None,
    };
    Some(
        Finding::critical("read-only", &one.point, message)
            .evidence("source", &one.source)
            .evidence("options", &one.options),
    )
}

fn describe(one: &FileSystem, size: &Size) -> String {
    let mut text = format!(
        "{} ({} on {}): {} of {} used, {} available",
        one.point,
        one.kind,
        one.source,
        ByteSize(size.used()),
        ByteSize(size.usable()),
        ByteSize(size.available),
    );
    if size.reserved() > 0 {
        text.push_str(&format!(", {} reserved for root", ByteSize(size.reserved())));
    }
    if size.inodes > 0 {
        text.push_str(&format!(", {} of {} inodes", size.inodes_used(), size.inodes_usable()));
    }
    if one.read_only {
        text.push_str(", read-only");
    }
    text
}

fn summary(facts: &Facts) -> String {
    let sizes = || {
        facts.file_systems.iter().filter_map(|one| match &one.answer {
            Answer::Size(size) => Some((one.point.as_str(), size)),
            _ => None,
        })
    };
    let by = |share: fn(&Size) -> f64| {
        sizes()
            .map(|(point, size)| (point, share(size)))
            .max_by(|(_, a), (_, b)| a.partial_cmp(b).unwrap_or(Ordering::Equal))
    };
    let count = match facts.file_systems.len() {
        1 => "1 file system".to_owned(),
        count => format!("{count} file systems"),
    };
    let percent = |share| show::value(share, Unit::Ratio);
    match (by(Size::share), by(Size::inode_share)) {
        (Some((point, share)), Some((other, inodes))) if inodes > share => {
            format!("{count}, fullest {point} at {}, inodes of {other} at {}", percent(share), percent(inodes))
        }
        (Some((point, share)), _) => format!("{count}, fullest {point} at {}", percent(share)),
        (None, _) => count,
    }
}

pub(super) fn measure(facts: &Facts) -> Vec<Measure> {
    let mut measures = Vec::new();
    for one in &facts.file_systems {
        let Answer::Size(size) = &one.answer else {
            continue;
        };
        let whole = size.usable() as f64;
        measures.push(Measure::new("used", size.used() as f64, Unit::Bytes).of(whole).on(&one.point));
        measures.push(Measure::new("available", size.available as f64, Unit::Bytes).of(whole).on(&one.point));
        if size.inodes > 0 {
            let whole = size.inodes_usable() as f64;
            measures.push(Measure::new("inodes", size.inodes_used() as f64, Unit::Count).of(whole).on(&one.point));
        }
    }
    measures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_that_of_df() {
        // 100 blocks, 20 free, 5 of them reserved: df says 80 / (80 + 15).
        let size = Size { bytes: 100, free: 20, available: 15, ..Size::default() };
        assert_eq!((size.used(), size.usable(), size.reserved()), (80, 95, 5));
        assert!((size.share() - 80.0 / 95.0).abs() < 1e-12);
    }

    #[test]
    fn numbers_that_contradict_each_other_do_not_panic() {
        let size =
            Size { bytes: 1, free: u64::MAX, available: u64::MAX, inodes: 1, inodes_available: 0, inodes_free: 9 };
        assert_eq!((size.used(), size.reserved(), size.inodes_used()), (0, 0, 0));
        assert_eq!(size.inode_share(), 0.0);
        let facts = Facts {
            file_systems: vec![FileSystem {
                point: "/".into(),
                kind: "x".into(),
                source: "y".into(),
                read_only: false,
                by_kernel: false,
                options: String::new(),
                answer: Answer::Size(size),
            }],
            ..Facts::default()
        };
        assert!(judge(&facts, None, ReadOnly::IfChanged).findings.is_empty());
        assert!(measure(&facts).iter().all(|measure| measure.value.is_finite()));
    }
}
