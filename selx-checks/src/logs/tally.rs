//! What was counted in one piece of a log, and how pieces come together. Everything in it is bounded.

use std::collections::HashMap;

use super::origin;
use super::{secrets, shape};

/// How many different addresses, users or captured names are counted for one pattern.
const ORIGINS: usize = 10_000;
/// How many shapes are counted.
pub(super) const SHAPES: usize = 2_000;
/// How much of a line is kept as a sample.
const SAMPLE: usize = 1_000;

/// A line that was counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sample {
    /// When it was written, in microseconds since 1970; `None` comes before all times.
    pub(super) at: Option<i64>,
    /// Which log it is of.
    pub(super) log: usize,
    /// Where its line begins.
    pub(super) offset: u64,
    /// What it says, cut.
    pub(super) text: String,
}

/// What one pattern came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Count {
    /// Events in the window.
    pub(super) events: u64,
    /// Events without a time, of which nobody can tell whether they are in the window.
    pub(super) undated: u64,
    /// Events of which the clock showed the time twice, among `events`.
    pub(super) twice: u64,
    /// Events dated after now.
    pub(super) future: u64,
    /// The newest of them, the newest last.
    pub(super) samples: Vec<Sample>,
    /// How many came from where.
    pub(super) addresses: Origins,
    /// How many are about whom.
    pub(super) users: Origins,
}

/// How often names were seen; of names beyond a number it is only known how often all of them were.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    pub(super) counts: HashMap<String, u64>,
    pub(super) others: u64,
}

impl Origins {
    fn add(&mut self, name: String, times: u64) {
        if let Some(count) = self.counts.get_mut(&name) {
            *count += times;
        } else if self.counts.len() < ORIGINS {
            self.counts.insert(name, times);
        } else {
            self.others += times;
        }
    }

    fn merge(&mut self, other: Self) {
        self.others += other.others;
        for (name, times) in other.counts {
            self.add(name, times);
        }
    }

    /// Returns the names that were seen most, the most often first.
    pub(super) fn top(&self, most: usize) -> Vec<(String, u64)> {
        let mut all: Vec<(String, u64)> = self.counts.iter().map(|(name, times)| (name.clone(), *times)).collect();
        all.sort_by(|(one, ones), (other, others)| others.cmp(ones).then_with(|| one.cmp(other)));
        all.truncate(most);
        all
    }
}

/// One shape of messages.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) count: u64,
    pub(super) sample: Sample,
}

/// Which of the costlier things are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    /// How many samples of each pattern are kept.
    pub(super) samples: usize,
    /// Whether shapes are counted.
    pub(super) shapes: bool,
}

/// What was counted in a piece.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) counts: Vec<Count>,
    pub(super) shapes: HashMap<String, Seen>,
    /// Events of shapes beyond the number that is counted.
    pub(super) other_shapes: u64,
    /// Lines too long to be looked at in one piece.
    pub(super) long_lines: u64,
}

/// When an event happened, seen from the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// In it.
    Inside { at: Option<i64>, twice: bool },
    /// Nobody can tell.
    Undated,
    /// After now.
    Future,
}

impl Tally {
    pub(super) fn of(patterns: usize) -> Self {
        Self { counts: vec![Count::default(); patterns], ..Self::default() }
    }

    /// Counts an event for one pattern.
    pub(super) fn count(&mut self, pattern: usize, when: When, log: usize, offset: u64, line: &[u8], wish: Wish) {
        let Some(count) = self.counts.get_mut(pattern) else { return };
        let at = match when {
            When::Inside { at, twice } => {
                count.events += 1;
                count.twice += u64::from(twice);
                at
            }
            When::Undated => {
                count.undated += 1;
                None
            }
            When::Future => {
                count.future += 1;
                return;
            }
        };
        if let Some(address) = origin::address(line) {
            count.addresses.add(address, 1);
        }
        if let Some(user) = origin::user(line) {
            count.users.add(user, 1);
        }
        let newer =
            count.samples.first().is_none_or(|oldest| (oldest.at, oldest.log, oldest.offset) < (at, log, offset));
        if count.samples.len() < wish.samples || newer {
            keep_newest(&mut count.samples, sample(at, log, offset, &secrets::without(line)), wish.samples);
        }
    }

    /// Counts the shape of an event.
    pub(super) fn shape(&mut self, at: Option<i64>, log: usize, offset: u64, line: &[u8]) {
        let line = &*secrets::without(line);
        let shape = shape::shape(line);
        if let Some(seen) = self.shapes.get_mut(&shape) {
            seen.count += 1;
        } else if self.shapes.len() < SHAPES {
            self.shapes.insert(shape, Seen { count: 1, sample: sample(at, log, offset, line) });
        } else {
            self.other_shapes += 1;
        }
    }

    /// Adds what another piece came to.
    pub(super) fn merge(&mut self, other: Self, wish: Wish) {
        for (count, other) in self.counts.iter_mut().zip(other.counts) {
            count.events += other.events;
            count.undated += other.undated;
            count.twice += other.twice;
            count.future += other.future;
            count.addresses.merge(other.addresses);
            count.users.merge(other.users);
            for sample in other.samples {
                keep_newest(&mut count.samples, sample, wish.samples);
            }
        }
        for (shape, other) in other.shapes {
            if let Some(seen) = self.shapes.get_mut(&shape) {
                seen.count += other.count;
                // The first one: what is told of a shape does not depend on which piece was read first.
                if other.sample < seen.sample {
                    seen.sample = other.sample;
                }
            } else if self.shapes.len() < SHAPES {
                self.shapes.insert(shape, other);
            } else {
                self.other_shapes += other.count;
            }
        }
        self.other_shapes += other.other_shapes;
        self.long_lines += other.long_lines;
    }
}

fn sample(at: Option<i64>, log: usize, offset: u64, line: &[u8]) -> Sample {
    let text = String::from_utf8_lossy(line.get(..SAMPLE).unwrap_or(line)).into_owned();
    let cut = if line.len() > SAMPLE { "…" } else { "" };
    Sample { at, log, offset, text: text + cut }
}

/// Keeps the newest, in order; the list is short.
fn keep_newest(samples: &mut Vec<Sample>, sample: Sample, most: usize) {
    if most == 0 {
        return;
    }
    let place = samples.partition_point(|other| *other < sample);
    samples.insert(place, sample);
    if samples.len() > most {
        samples.remove(0);
    }
}
