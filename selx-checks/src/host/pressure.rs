//! Pressure stall information, `/proc/pressure/*`: the share of time in which tasks waited for something scarce.

use std::time::Duration;

use selx_core::Context;
use serde::{Deserialize, Serialize};

/// How much time the longest average speaks for.
pub const LONGEST: Duration = Duration::from_secs(300);

/// The shares of time in which tasks stood still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stall {
    /// Over the last ten seconds, from 0 to 1.
    pub avg10: f64,
    /// Over the last minute, from 0 to 1.
    pub avg60: f64,
    /// Over the last five minutes, from 0 to 1.
    pub avg300: f64,
    /// Microseconds since boot.
    pub total: u64,
}

/// What one file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pressure {
    /// At least one task stood still.
    pub some: Stall,
    /// All tasks that had work stood still at once; kernels before 5.13 do not say it of processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<Stall>,
}

/// Pressure, or why it is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// The kernel says.
    Known(Pressure),
    /// The kernel does not say: it is older than 4.20, was built without it, or was booted with `psi=0`.
    Absent(String),
}

impl Told {
    /// Returns the pressure, if it is known.
    pub fn known(&self) -> Option<&Pressure> {
        match self {
            Self::Known(pressure) => Some(pressure),
            Self::Absent(_) => None,
        }
    }
}

/// Reads the pressure on `cpu`, `memory` or `io`.
pub(super) fn read(cx: &Context, resource: &str) -> Told {
    let name = format!("pressure/{resource}");
    match cx.host().read_proc(&name) {
        Ok(text) => {
            parse(&text).map_or_else(|why| Told::Absent(format!("`/proc/{name}` does not read: {why}")), Told::Known)
        }
        Err(error) => Told::Absent(error.to_string()),
    }
}

/// Reads the text of one file. Pure; any text will do.
///
/// # Errors
///
/// What is wrong with it, as a phrase.
pub fn parse(text: &str) -> Result<Pressure, String> {
    let mut some = None;
    let mut full = None;
    for line in text.lines().take(16) {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        match name {
            "some" => some = Some(stall(rest)?),
            "full" => full = Some(stall(rest)?),
            // A later kernel may say more.
            _ => {}
        }
    }
    Ok(Pressure { some: some.ok_or("it has no line `some`")?, full })
}

fn stall(text: &str) -> Result<Stall, String> {
    let field = |name: &str| {
        text.split_whitespace()
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            .ok_or_else(|| format!("`{name}` is missing"))
    };
    let share = |name: &str| {
        let percent: f64 = field(name)?.parse().map_err(|_| format!("`{name}` is not a number"))?;
        if (0.0..=100.0).contains(&percent) {
            Ok(percent / 100.0)
        } else {
            Err(format!("`{name}` is not between 0 and 100"))
        }
    };
    Ok(Stall {
        avg10: share("avg10")?,
        avg60: share("avg60")?,
        avg300: share("avg300")?,
        total: field("total")?.parse().map_err(|_| "`total` is not a number".to_owned())?,
    })
}

/// Shows the three averages: `0.4% / 6.8% / 4.2% (10 s, 60 s, 300 s)`.
pub(super) fn show(stall: &Stall) -> String {
    let [a, b, c] =
        [stall.avg10, stall.avg60, stall.avg300].map(|share| selx_core::show::value(share, selx_core::Unit::Ratio));
    format!("{a} / {b} / {c} (10 s, 60 s, 300 s)")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_lines_are_read() {
        let pressure = parse(
            "some avg10=0.41 avg60=6.81 avg300=4.22 total=28777814\nfull avg10=0.00 avg60=0.00 avg300=100.00 total=0\n",
        )
        .unwrap();
        assert_eq!(pressure.some.total, 28_777_814);
        assert!((pressure.some.avg60 - 0.0681).abs() < 1e-9);
        assert_eq!(pressure.full.unwrap().avg300, 1.0);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, word) in [
            ("", "some"),
            ("full avg10=0 avg60=0 avg300=0 total=0", "some"),
            ("some avg10=0 avg60=0 total=0", "avg300"),
            ("some avg10=NaN avg60=0 avg300=0 total=0", "avg10"),
            ("some avg10=101 avg60=0 avg300=0 total=0", "avg10"),
            ("some avg10=0 avg60=x avg300=0 total=0", "avg60"),
            ("some avg10=0 avg60=0 avg300=0 total=99999999999999999999999", "total"),
            ("some avg10=0 avg60=0 avg300=0", "total"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(word), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(some|full|) ?(avg10=|avg60=)?.*\\n?.*") {
            if let Ok(pressure) = parse(&text) {
                prop_assert!((0.0..=1.0).contains(&pressure.some.avg300));
            }
        }
    }
}
