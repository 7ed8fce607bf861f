//! Shapes of today beside those of earlier looks. Pure.

use jiff::SignedDuration;

use super::facts::{Facts, ShapeSeen};

/// How long a shape that does not come any more is known.
const KNOWN: SignedDuration = SignedDuration::from_hours(24 * 30);
/// How many shapes are known.
const MOST: usize = 500;

/// Puts what is known of earlier looks to the shapes of this one.
pub(super) fn compare(facts: &mut Facts, previous: Option<&Facts>) {
    if let Some(previous) = previous {
        facts.compared = true;
        let length = |facts: &Facts| facts.to.duration_since(facts.from).as_secs_f64().max(1.0);
        let scale = length(facts) / length(previous);
        for old in &previous.shapes {
            match facts.shapes.iter_mut().find(|new| new.shape == old.shape) {
                Some(new) => new.before = Some(old.count as f64 * scale),
                None if facts.to.duration_since(old.seen) <= KNOWN => {
                    facts.shapes.push(ShapeSeen { count: 0, before: Some(old.count as f64 * scale), ..old.clone() });
                }
                None => {}
            }
        }
    }
    facts.shapes.sort_by(|one, other| (other.count, other.seen, &one.shape).cmp(&(one.count, one.seen, &other.shape)));
    if facts.shapes.len() > MOST {
        facts.other_shapes += facts.shapes.iter().skip(MOST).map(|shape| shape.count).sum::<u64>();
        facts.shapes.truncate(MOST);
    }
}

/// What became of a shape since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It was not there before.
    New,
    /// There are several times as many.
    Grew,
    /// There were many, and are none.
    Vanished,
    /// It is as it was.
    Same,
}

/// From how many times as many, and how many more, a shape is told to have grown.
const GREW_BY: f64 = 3.0;
const GREW_FROM: f64 = 10.0;

impl ShapeSeen {
    pub(super) fn change(&self) -> Change {
        let count = self.count as f64;
        match self.before {
            None => Change::New,
            Some(before) if self.count == 0 && before >= GREW_FROM => Change::Vanished,
            Some(before) if count >= before * GREW_BY && count >= before + GREW_FROM => Change::Grew,
            Some(_) => Change::Same,
        }
    }
}
