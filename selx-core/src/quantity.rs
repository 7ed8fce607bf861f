//! Quantities as an operator writes them: durations, sizes and shares, always with their unit.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time: `500ms`, `5s`, `2m30s`, `24h`, `21d`, `2w`.
///
/// ```
/// use std::time::Duration;
/// use selx_core::TimeSpan;
/// assert_eq!("1m30s".parse::<TimeSpan>()?.get(), Duration::from_secs(90));
/// assert_eq!(TimeSpan::from(Duration::from_secs(90)).to_string(), "1m30s");
/// assert!("5".parse::<TimeSpan>().is_err(), "a unit is asked for");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan(Duration);

const TIME_UNITS: &[(&str, f64)] =
    &[("w", 604_800.0), ("d", 86_400.0), ("h", 3_600.0), ("m", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6)];

impl TimeSpan {
    /// Takes whole seconds.
    pub const fn secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Returns the length.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl From<Duration> for TimeSpan {
    fn from(length: Duration) -> Self {
        Self(length)
    }
}

impl FromStr for TimeSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rest = text.trim();
        let mut seconds = 0.0;
        if rest.is_empty() {
            return Err("an empty text is not a duration; write `5s`, `2m`, `24h` or `21d`".into());
        }
        while !rest.is_empty() {
            let (number, after) = split_number(rest);
            let number: f64 = number.parse().map_err(|_| bad_time(text))?;
            let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let (unit, tail) = after.split_at(letters);
            let (_, factor) = TIME_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| bad_time(text))?;
            seconds += number * factor;
            rest = tail.trim_start();
        }
        // A century is more than any limit of an operator; it keeps sums of two from overflowing.
        if !(0.0..=3.2e9).contains(&seconds) {
            return Err(format!("`{text}` is not between zero and a hundred years"));
        }
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|error| error.to_string())
    }
}

fn bad_time(text: &str) -> String {
    format!("`{text}` is not a duration; write a number with a unit: `500ms`, `5s`, `2m30s`, `24h`, `21d`")
}

/// Splits the number off the front of a text.
pub(crate) fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    text.split_at(end)
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.0.as_secs();
        if total == 0 {
            let micros = self.0.as_micros();
            return match micros {
                0 => f.pad("0s"),
                1..1000 => f.pad(&format!("{micros}us")),
                _ => f.pad(&format!("{}ms", trim(self.0.as_secs_f64() * 1e3))),
            };
        }
        if total < 60 {
            return f.pad(&format!("{}s", trim(self.0.as_secs_f64())));
        }
        let mut text = String::new();
        let mut rest = total;
        for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
            let count = rest / size;
            rest %= size;
            if count > 0 {
                text.push_str(&format!("{count}{unit}"));
            }
        }
        f.pad(&text)
    }
}

/// Writes a number with at most three significant digits behind the point and no trailing zeros.
pub(crate) fn trim(value: f64) -> String {
    let digits = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A number of bytes: `512`, `64KiB`, `10GiB`, `1.5GB`. Binary and decimal units are both understood.
///
/// ```
/// use selx_core::ByteSize;
/// assert_eq!("64KiB".parse::<ByteSize>()?.get(), 65_536);
/// assert_eq!(ByteSize(1_610_612_736).to_string(), "1.5 GiB");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const SIZE_UNITS: &[(&str, f64)] = &[
    ("", 1.0),
    ("B", 1.0),
    ("K", 1024.0),
    ("KiB", 1024.0),
    ("M", 1_048_576.0),
    ("MiB", 1_048_576.0),
    ("G", 1_073_741_824.0),
    ("GiB", 1_073_741_824.0),
    ("T", 1_099_511_627_776.0),
    ("TiB", 1_099_511_627_776.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
];

impl ByteSize {
    /// Returns the number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Reads the factor of a size unit.
pub(crate) fn size_factor(unit: &str) -> Option<f64> {
    SIZE_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor)
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a size; write bytes or a unit: `512`, `64KiB`, `10GiB`, `1.5GB`");
        let (number, unit) = split_number(text.trim());
        let number: f64 = number.parse().map_err(|_| bad())?;
        let bytes = number * size_factor(unit.trim()).ok_or_else(bad)?;
        if bytes > 9e18 {
            return Err(format!("`{text}` is more than any disk holds"));
        }
        Ok(Self(bytes as u64))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&show_bytes(self.0 as f64))
    }
}

/// Shows bytes with a binary unit and at most three digits: `1.5 GiB`.
pub(crate) fn show_bytes(bytes: f64) -> String {
    let mut value = bytes;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if value.abs() < 1000.0 || unit == "TiB" {
            return format!("{} {unit}", trim(value));
        }
        value /= 1024.0;
    }
    format!("{} PiB", trim(value))
}

/// A share of a whole, written in percent: `85%`. It is between 0 % and 100 %.
///
/// ```
/// use selx_core::Share;
/// assert_eq!("85%".parse::<Share>()?.get(), 0.85);
/// assert!("0.85".parse::<Share>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// Returns the share, between 0 and 1.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a share; write percent: `85%`");
        let number: f64 = text.trim().strip_suffix('%').ok_or_else(bad)?.trim().parse().map_err(|_| bad())?;
        if !(0.0..=100.0).contains(&number) {
            return Err(format!("`{text}` is not between 0% and 100%"));
        }
        Ok(Self(number / 100.0))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}%", trim(self.0 * 100.0)))
    }
}

/// Gives a quantity its text form in files: read with `FromStr`, written with the pattern in the schema.
macro_rules! text_form {
    ($type:ident, $pattern:literal, $example:literal, $write:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a text with a unit, such as `", $example, "`"))
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let write: fn(&$type) -> String = $write;
                serializer.serialize_str(&write(self))
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "examples": [$example] })
            }
        }
    };
}

text_form!(TimeSpan, r"^([0-9.]+(us|ms|s|m|h|d|w) ?)+$", "5s", |span| { span.to_string() });
text_form!(ByteSize, r"^[0-9.]+ ?([KMGT]i?B?|[kKMGT]B|B)?$", "10GiB", |size| size.0.to_string());
text_form!(Share, r"^[0-9.]+ ?%$", "85%", |share| share.to_string());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_back_as_they_are_shown() {
        for text in ["1us", "500ms", "1.5s", "5s", "1m30s", "2h", "21d", "1d2h3m4s"] {
            let span: TimeSpan = text.parse().unwrap();
            assert_eq!(span.to_string(), text);
        }
        assert_eq!("2w".parse::<TimeSpan>().unwrap().to_string(), "14d");
        for text in ["", "5", "s", "5x", "-5s", "1e9s", "99999999w", "5s5", "NaNs"] {
            assert!(text.parse::<TimeSpan>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_shares() {
        assert_eq!("1.5GB".parse::<ByteSize>().unwrap().0, 1_500_000_000);
        assert_eq!("10 GiB".parse::<ByteSize>().unwrap().0, 10 << 30);
        assert_eq!(ByteSize(0).to_string(), "0 B");
        assert_eq!(ByteSize(1023).to_string(), "1 KiB");
        assert_eq!(ByteSize(u64::MAX).to_string(), "16777216 TiB");
        for text in ["", "GiB", "5 apples", "-1", "99999999999TiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        assert_eq!("12.5%".parse::<Share>().unwrap().get(), 0.125);
        assert!("101%".parse::<Share>().is_err());
    }
}
