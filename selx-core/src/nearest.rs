//! The nearest right word.

/// Returns the candidate that a misspelt word most likely means, or `None` if none is near.
///
/// ```
/// assert_eq!(selx_core::nearest("warnign", ["warning", "critical"]), Some("warning"));
/// assert_eq!(selx_core::nearest("colour", ["warning", "critical"]), None);
/// assert_eq!(selx_core::nearest("host", ["http", "host-disk"]), Some("host-disk"));
/// ```
pub fn nearest<S: AsRef<str>>(word: &str, candidates: impl IntoIterator<Item = S>) -> Option<S> {
    let near = |candidate: &str| {
        // The first word of a name, such as `compose` of `compose-services`, is a slip of one.
        if candidate.strip_prefix(word).is_some_and(|rest| rest.starts_with('-')) {
            return 1;
        }
        // A word that begins or contains the other is as good as a small slip of the fingers.
        let contains = word.len() >= 4 && (candidate.contains(word) || word.contains(candidate));
        strsim::damerau_levenshtein(word, candidate).saturating_sub(if contains { 3 } else { 0 })
    };
    // Nobody slips on the way to a word that long, and to compare it takes its time.
    if word.len() > 128 {
        return None;
    }
    let most = 1 + word.chars().count() / 3;
    candidates
        .into_iter()
        .map(|candidate| (near(candidate.as_ref()), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
