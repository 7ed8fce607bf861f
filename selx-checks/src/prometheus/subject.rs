//! What series are called.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Series;

/// Names every series, each by another name: by the values of the labels that are asked for, or else by all labels in
/// which the series differ. A single series that nobody names has none.
pub(super) fn names(series: &[Series], labels: &[String]) -> Vec<String> {
    let differing = differing(series);
    let by_difference = |one: &Series| {
        let pairs = differing.iter().filter_map(|name| Some(format!("{name}={}", one.labels.get(*name)?)));
        pairs.collect::<Vec<_>>().join(",")
    };
    let by_labels = |one: &Series| {
        let values = labels.iter().map(|name| one.labels.get(name).map_or("", String::as_str));
        values.collect::<Vec<_>>().join("/")
    };
    let mut names: Vec<String> = if labels.is_empty() {
        series.iter().map(by_difference).collect()
    } else {
        series.iter().map(by_labels).collect()
    };
    // Where the labels that are asked for tell too little, the others are told too.
    let twice = doubles(&names);
    for (name, one) in names.iter_mut().zip(series) {
        if !labels.is_empty() && (twice.contains(name) || name.trim_matches('/').is_empty()) {
            *name = by_difference(one);
        }
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for name in &mut names {
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            *name = format!("{name}#{count}");
        }
    }
    names
}

fn doubles(names: &[String]) -> BTreeSet<String> {
    let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for name in names {
        if !seen.insert(name) {
            twice.insert(name.clone());
        }
    }
    twice
}

fn differing(series: &[Series]) -> BTreeSet<&str> {
    let Some((first, rest)) = series.split_first() else {
        return BTreeSet::new();
    };
    let all = series.iter().flat_map(|one| one.labels.keys().map(String::as_str));
    all.filter(|name| rest.iter().any(|one| one.labels.get(*name) != first.labels.get(*name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(labels: &[&[(&str, &str)]]) -> Vec<Series> {
        let one = |labels: &&[(&str, &str)]| Series {
            labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..Series::default()
        };
        labels.iter().map(one).collect()
    }

    #[test]
    fn names_are_short_and_differ() {
        let two = series(&[&[("job", "a"), ("instance", "x")], &[("job", "a"), ("instance", "y")]]);
        assert_eq!(names(&two, &[]), ["instance=x", "instance=y"]);
        assert_eq!(names(&two, &["job".into(), "instance".into()]), ["a/x", "a/y"]);
        assert_eq!(names(&two, &["job".into()]), ["instance=x", "instance=y"], "the label tells too little");
        assert_eq!(names(&two[..1], &[]), [""]);
        assert_eq!(names(&two[..1], &["none".into()]), [""]);
        assert_eq!(names(&two[..1], &["job".into()]), ["a"]);
        assert_eq!(names(&[], &[]), [""; 0]);
        let odd = series(&[&[("a", "1")], &[], &[]]);
        assert_eq!(names(&odd, &[]), ["a=1", "", "#2"]);
    }
}
