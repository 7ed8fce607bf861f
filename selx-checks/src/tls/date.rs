//! Dates of certificates: any year from 0 to 9999, always UTC.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A date of a certificate, in seconds since 1970. In facts it is `2026-11-23T02:30:00Z`.
///
/// It is not a `jiff::Timestamp` because certificates that never end carry 9999-12-31T23:59:59Z, which lies outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub i64);

const FORM: &str = "%Y-%m-%dT%H:%M:%SZ";

impl Date {
    /// Returns the seconds from a time to this date; negative if the date is past.
    pub fn seconds_after(self, now: jiff::Timestamp) -> i64 {
        self.0.saturating_sub(now.as_second())
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        match epoch.checked_add(SignedDuration::from_secs(self.0)) {
            Ok(date) => write!(f, "{}", date.strftime(FORM)),
            Err(_) => write!(f, "{} s after 1970", self.0),
        }
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let date = DateTime::strptime(FORM, &text).map_err(serde::de::Error::custom)?;
        let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        Ok(Self(date.duration_since(epoch).as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_all_centuries_come_back() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (2_147_483_648, "2038-01-19T03:14:08Z"),
            (2_524_608_000, "2050-01-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (-2_208_988_800, "1900-01-01T00:00:00Z"),
        ] {
            assert_eq!(Date(seconds).to_string(), text);
            let json = serde_json::to_string(&Date(seconds)).unwrap();
            assert_eq!(serde_json::from_str::<Date>(&json).unwrap().0, seconds, "{json}");
        }
        assert!(serde_json::from_str::<Date>("\"2023-02-29T00:00:00Z\"").is_err());
        assert!(Date(i64::MAX).to_string().contains("after 1970"));
    }
}
