//! How numbers are shown to people.

use crate::measure::{Measure, Unit};
use crate::quantity::{TimeSpan, show_bytes, trim};

/// Shows a value in its unit: `1.5 GiB`, `85%`, `2m30s`.
pub fn value(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => show_bytes(value),
        Unit::BytesPerSecond => format!("{}/s", show_bytes(value)),
        Unit::Ratio => format!("{}%", trim(value * 100.0)),
        Unit::Count => trim(value),
        Unit::PerSecond => format!("{}/s", trim(value)),
        Unit::Seconds => seconds(value),
    }
}

/// Shows a measure, with its share where it is part of a whole: `29.1 GiB of 40 GiB (72.8%)`.
pub fn measure(measure: &Measure) -> String {
    let shown = value(measure.value, measure.unit);
    match (measure.whole, measure.share()) {
        (Some(whole), Some(share)) => {
            format!("{shown} of {} ({}%)", value(whole, measure.unit), trim(share * 100.0))
        }
        _ => shown,
    }
}

/// Shows seconds so that the two greatest units stand: `89d3h`, `2m30s`, `12.3ms`.
fn seconds(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    let length = value.abs();
    let rounded = match length {
        length if length >= 2.0 * 86_400.0 => (length / 3_600.0).floor() * 3_600.0,
        length if length >= 7_200.0 => (length / 60.0).floor() * 60.0,
        length if length >= 60.0 => length.floor(),
        length => length,
    };
    match std::time::Duration::try_from_secs_f64(rounded) {
        Ok(span) => format!("{sign}{}", TimeSpan::from(span)),
        Err(_) => format!("{value} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_well() {
        assert_eq!(value(0.8549, Unit::Ratio), "85.5%");
        assert_eq!(value(0.0123, Unit::Seconds), "12.3ms");
        assert_eq!(value(-3.0 * 86_400.0 - 3_700.0, Unit::Seconds), "-3d1h");
        assert_eq!(value(1e12, Unit::Seconds), "11574074d1h");
        assert_eq!(value(f64::NAN, Unit::Seconds), "NaN s");
        let used = Measure::new("used", 30.0 * 1_073_741_824.0, Unit::Bytes).of(40.0 * 1_073_741_824.0);
        assert_eq!(measure(&used), "30 GiB of 40 GiB (75%)");
    }
}
