//! The look: which archives there are, the newest of each series read whole, and what is not finished left out.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use selx_core::{Context, Error, ErrorKind, Host, Result};
use tokio_util::sync::CancellationToken;

use super::config::{Config, NewestBy};
use super::facts::{Disagreeing, Facts, Level, Proof, Series, TimeBy, Unfinished};
use super::find::{Candidate, Found, find, utc};
use super::inspect::{Inspected, Record, SAME, Watch, inspect};

/// How many earlier sizes are compared with.
const EARLIER: usize = 10;
/// How many more archives are read than asked for, to find the newest one by what it holds.
const MORE: usize = 3;
/// How many archives of a series may be unfinished before it is given up to look for a finished one.
const MOST_UNFINISHED: usize = 20;
/// How many archives of a series are asked for the record of a drill.
const MOST_RECORDS: usize = 200;
/// From how many archives on a series is one that goes on.
const REGULAR: usize = 3;

/// Looks at the backups.
pub(super) async fn look(config: &Config, cx: &Context) -> Result<Facts> {
    let (config, host, now) = (config.clone(), cx.host().clone(), cx.clock().now());
    let extent = Arc::clone(cx.extent());
    let work = move |token: &CancellationToken| blocking(&config, &host, now, &Watch { token, extent: &extent });
    let mut facts = cx.blocking("reading the backups", work).await.map_err(|error| match error.kind() {
        ErrorKind::TimedOut => {
            error.advice("give it the time that reading takes: `timeout`, a second for each GB or so")
        }
        _ => error,
    })?;
    if let Some(previous) = cx.previous::<Facts>().await.seen() {
        remember(&mut facts, &previous.facts);
    }
    Ok(facts)
}

/// Takes what was proven earlier over, where nothing later is known.
fn remember(facts: &mut Facts, previous: &Facts) {
    for series in &mut facts.series {
        let Some(before) = previous.series.iter().find(|before| before.name == series.name) else { continue };
        for proof in &before.proofs {
            keep(&mut series.proofs, proof.clone());
        }
    }
}

/// Keeps the last proof of each level.
fn keep(proofs: &mut Vec<Proof>, proof: Proof) {
    match proofs.iter_mut().find(|kept| kept.level == proof.level) {
        Some(kept) if kept.at < proof.at => *kept = proof,
        Some(_) => {}
        None => proofs.push(proof),
    }
    proofs.sort_by_key(|proof| proof.level);
}

fn blocking(config: &Config, host: &Host, now: Timestamp, watch: &Watch<'_>) -> Result<Facts> {
    let mut facts = Facts::default();
    if let Some(marker) = &config.marker
        && !host.path(marker.as_str()).exists()
    {
        facts.missing.push(marker.as_str().to_owned());
        // What lies there is not what the settings are about.
        return Ok(facts);
    }
    let found = find(config, host, watch.token)?;
    if found.missing {
        facts.missing.push(config.path.as_str().to_owned());
    }
    same_disk(config, host, &found, &mut facts);
    let is_regular = found.series.values().any(|archives| archives.len() >= REGULAR);
    let is_explicit = !config.series.is_empty();
    (facts.others, facts.omitted) = (found.others, found.omitted);
    (facts.links, facts.folders) = (found.links, found.folders);
    (facts.unmatched, facts.unsearched) = (found.unmatched, found.unsearched);
    for (name, archives) in found.series {
        // What looks like others of which there are more is one of several things, and may be the one that died.
        let is_alone = found.alike.get(&name).is_none_or(|alike| *alike < REGULAR);
        let is_occasional = !is_explicit && is_regular && is_alone;
        let mut series = one(name, archives, config, now, watch)?;
        series.occasional = is_occasional;
        facts.series.push(series);
    }
    Ok(facts)
}

/// Finds out which data lie on the file system of the backups.
fn same_disk(config: &Config, host: &Host, found: &Found, facts: &mut Facts) {
    let device = |path: &Path| std::fs::metadata(path).ok().map(|meta| meta.dev());
    let of_archives = found.series.values().flatten().next().map(|archive| archive.device);
    let here = of_archives.or_else(|| device(&host.path(config.path.as_str())));
    for path in &config.apart_from {
        let path = path.as_str();
        match device(&host.path(path)) {
            None => facts.missing.push(path.to_owned()),
            there if there == here => facts.same_disk.push(path.to_owned()),
            Some(_) => {}
        }
    }
}

/// Reads the newest archives of a series.
fn one(
    name: String,
    mut archives: Vec<Candidate>,
    config: &Config,
    now: Timestamp,
    watch: &Watch<'_>,
) -> Result<Series> {
    let mut series = Series { name, ..Series::default() };
    let unfinished = |candidate: &Candidate, reason: String| Unfinished {
        path: candidate.shown.clone(),
        since: now.duration_since(candidate.begun.min(candidate.written)).as_secs_f64(),
        still: now.duration_since(candidate.written).as_secs_f64(),
        reason,
    };
    archives.retain(|candidate| {
        if candidate.unfinished && series.unfinished.len() < MOST_UNFINISHED {
            series.unfinished.push(unfinished(candidate, "its name says so".into()));
        }
        !candidate.unfinished
    });
    archives.sort_by_key(|candidate| std::cmp::Reverse((candidate.claims(config.newest_by), candidate.written)));
    let mut read: Vec<(usize, Inspected)> = Vec::new();
    let mut growing = Vec::new();
    for (index, candidate) in archives.iter().enumerate() {
        let wanted = config.read.get() as usize;
        let is_enough = read.len() >= wanted && !is_newer(candidate, &read, config.newest_by, wanted);
        if is_enough || growing.len() >= MOST_UNFINISHED {
            break;
        }
        let inspected = inspect(candidate, config, now, watch);
        if inspected.stopped || watch.token.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the run was cancelled"));
        }
        match inspected.unfinished {
            Some(reason) => {
                series.unfinished.push(unfinished(candidate, reason));
                growing.push(index);
            }
            None => read.push((index, inspected)),
        }
    }
    read.sort_by_key(|(_, inspected)| std::cmp::Reverse(inspected.made));
    let newest = read.first().map(|(index, _)| *index);
    let finished = || archives.iter().enumerate().filter(|(index, _)| !growing.contains(index));
    series.archives = finished().count() as u64;
    let size = |index: usize, candidate: &Candidate| {
        // A dump that is a folder has the size of its files, which is known of those that were read.
        let of_read = read.iter().find(|(at, _)| *at == index).map(|(_, inspected)| inspected.archive.size);
        of_read.unwrap_or(candidate.size)
    };
    series.earlier = finished()
        .filter(|(index, candidate)| {
            Some(*index) != newest && !(candidate.is_folder && read.iter().all(|(at, _)| at != index))
        })
        .map(|(index, candidate)| size(index, candidate))
        .take(EARLIER)
        .collect();
    series.disagreeing = disagreeing(&archives, &growing, &read);
    for (index, candidate) in finished().take(MOST_RECORDS) {
        // Of an archive that was read, the record was compared with its checksum; another one has not changed since.
        let counts = |record: &Record| match read.iter().find(|(at, _)| *at == index) {
            Some((_, inspected)) => inspected.archive.level >= Level::Restored,
            None => record.bytes == candidate.size && record.at >= candidate.written,
        };
        if let Some(record) = Record::beside(&candidate.path).filter(|record| record.at <= now && counts(record)) {
            keep(&mut series.proofs, Proof { level: record.level, at: record.at, archive: candidate.name.clone() });
        }
    }
    for (_, inspected) in read {
        let archive = inspected.archive;
        // What a record says was proven when the drill was, and not now.
        if matches!(archive.level, Level::Decoded | Level::Manifest) {
            let name = archive.path.rsplit('/').next().unwrap_or_default().to_owned();
            keep(&mut series.proofs, Proof { level: archive.level, at: now, archive: name });
        }
        series.read.push(archive);
    }
    Ok(series)
}

/// Tells whether the next archive may be newer than those that were read, which hold less than they said.
fn is_newer(next: &Candidate, read: &[(usize, Inspected)], by: NewestBy, wanted: usize) -> bool {
    let newest = read.iter().map(|(_, inspected)| inspected.made).max();
    by == NewestBy::Content
        && read.len() < wanted + MORE
        && newest.is_some_and(|newest| next.claims(by).duration_since(newest).as_secs_f64() > SAME)
}

/// Finds the archive that was written last, if it is much older by what it says or holds than by that.
fn disagreeing(archives: &[Candidate], growing: &[usize], read: &[(usize, Inspected)]) -> Option<Disagreeing> {
    let newest = read.first().map(|(index, _)| *index)?;
    let finished = archives.iter().enumerate().filter(|(index, _)| !growing.contains(index));
    let (index, last) = finished.max_by_key(|(_, candidate)| candidate.written)?;
    let newest_written = archives.get(newest)?.written;
    if index == newest || last.written.duration_since(newest_written).as_secs_f64() < 60.0 {
        return None;
    }
    let of_read = read.iter().find(|(at, _)| *at == index).map(|(_, found)| (found.made, found.archive.by));
    let (made, by) = of_read.or_else(|| last.named.and_then(utc).map(|named| (named, TimeBy::Name)))?;
    let is_apart = last.written.duration_since(made).as_secs_f64() > SAME;
    is_apart.then(|| Disagreeing { path: last.shown.clone(), written: last.written, made, by })
}
