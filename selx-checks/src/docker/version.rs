//! Versions of the engine's API: which are known, and what to try when one is refused.

use bollard::errors::Error as ClientError;
use selx_core::escape;

/// The version to try where nothing is answered without one: the oldest that every current engine speaks.
pub(super) const CURRENT: usize = 44;
/// The newest and the oldest whose answers are known.
pub(super) const NEWEST: usize = 53;
pub(super) const OLDEST: usize = 25;

/// Tells what to do if an engine refuses the version: the minor number to try, or what it speaks if there is none.
pub(super) fn other_version(
    error: &ClientError,
    speaks: Option<&str>,
    asked: Option<usize>,
) -> Option<Result<usize, String>> {
    let ClientError::DockerResponseServerError { status_code: 400, message } = error else { return None };
    let old = message.contains("too old");
    if !old && !message.contains("too new") {
        return None;
    }
    // "Maximum supported API version is 1.41", "Minimum supported API version is 1.44, please upgrade …"
    let told = message.split("version is ").nth(1).and_then(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        rest.get(..end).map(|text| text.trim_end_matches('.').to_owned())
    });
    let wanted = if old { told.or(speaks.map(str::to_owned)) } else { speaks.map(str::to_owned).or(told) };
    Some(match wanted.as_deref().and_then(minor_of) {
        Some(minor) if (OLDEST..=NEWEST).contains(&minor) && Some(minor) != asked => Ok(minor),
        _ => Err(wanted.map_or_else(|| "unknown".to_owned(), |text| escape::visible(&text).into_owned())),
    })
}

/// Reads the minor number of a version of the API.
pub(super) fn minor_of(text: &str) -> Option<usize> {
    text.trim().strip_prefix("1.")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_version_says_what_to_try() {
        let refused =
            |message: &str| ClientError::DockerResponseServerError { status_code: 400, message: message.to_owned() };
        let new = refused("client version 1.44 is too new. Maximum supported API version is 1.41");
        assert_eq!(other_version(&new, None, Some(44)), Some(Ok(41)));
        assert_eq!(other_version(&new, Some("1.40"), Some(44)), Some(Ok(40)));
        let old = refused("client version 1.44 is too old. Minimum supported API version is 1.99, please upgrade");
        assert_eq!(other_version(&old, Some("1.120"), Some(44)), Some(Err("1.99".to_owned())));
        assert_eq!(other_version(&refused("bad parameter"), None, None), None);
    }
}
