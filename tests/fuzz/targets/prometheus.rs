//! Queries and answers of Prometheus: a selector that was found in a query is found in itself, what is kept of an answer
//! agrees with itself and survives being saved.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selx_checks::prometheus::{Last, Outcome, Sort, fuzz_reply, fuzz_selectors};

/// How many series are kept.
const KEEP: usize = 3;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(query) = std::str::from_utf8(bytes) {
        for (selector, range) in fuzz_selectors(query) {
            assert!(selector.len() <= query.len());
            assert_eq!(fuzz_selectors(&selector), [(selector.clone(), None)], "in `{query}`");
            assert!(range.is_none_or(|range| query.contains(&range)));
        }
    }
    look(bytes);
    // The same as a result in an answer, whose form is not in the way.
    for sort in ["vector", "matrix", "scalar"] {
        let mut body = format!(r#"{{"status":"success","data":{{"resultType":"{sort}","result":["#).into_bytes();
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"]}}");
        look(&body);
    }
});

fn look(body: &[u8]) {
    let Ok(Some(outcome)) = fuzz_reply(body, KEEP, Some(0.95)) else { return };
    assert!(outcome.series.len() <= KEEP.min(outcome.total));
    assert!(outcome.series.len() == KEEP.min(outcome.total) || outcome.sort == Sort::String);
    for series in &outcome.series {
        let points = &series.points;
        assert!(points.count > 0 && points.first_at <= points.last_at);
        let odd = points.nan + points.infinite + points.histograms;
        assert!(odd <= points.count);
        assert_eq!(odd == points.count, points.avg.is_none());
        if let Last::Number(last) = points.last {
            assert!(last.is_finite());
        }
        if let (Some(min), Some(avg), Some(max)) = (points.min, points.avg, points.max) {
            assert!(min <= avg && avg <= max && min.is_finite() && max.is_finite());
            assert!(points.quantile.is_some_and(|(_, value)| value.is_finite()));
        }
    }
    let saved = serde_json::to_string(&outcome).unwrap_or_default();
    let again = serde_json::from_str::<Outcome>(&saved);
    assert!(
        again.is_ok_and(|again| again.total == outcome.total && again.series.len() == outcome.series.len()),
        "{saved}"
    );
}
