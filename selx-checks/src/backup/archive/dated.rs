//! Dates and times in the name of a file, in the many ways in which people and programs write them. Pure.

/// Days and months as they stand in names; in a longer word they are none.
const DAYS: &[&str] = &[
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Words before the number of a week, where no year has to stand before them.
const WEEKS: &[&str] = &["week", "wk", "kw"];
/// What stands between the parts of a date.
const SEPARATORS: &[&str] = &["-", "_", ".", ":", " ", "--", "_-_"];

/// Returns how many of the tokens that begin here are a date, with its time: 0 if none begins here. Tokens are runs of
/// digits, of letters, and of what is neither.
pub(super) fn length(tokens: &[&str], at: usize) -> usize {
    let Some(rest) = tokens.get(at..) else { return 0 };
    let is_in_word = at.checked_sub(1).and_then(|before| tokens.get(before)).is_some_and(|token| is_letters(token));
    let Some((taken, is_day)) = day(rest, is_in_word) else { return 0 };
    // `2026_11_26_16.11.10` has a version behind its date, as GitLab writes it.
    let has_dots = !(taken > 1 && rest.get(1) == Some(&"_"));
    if is_day { taken + time(rest.get(taken..).unwrap_or_default(), has_dots) } else { taken }
}

/// Tells whether a text is a day or a month.
pub(super) fn is_word(text: &str) -> bool {
    is_one_of(text, DAYS) || is_one_of(text, MONTHS)
}

fn is_one_of(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

pub(super) fn is_letters(token: &str) -> bool {
    token.starts_with(char::is_alphabetic)
}

pub(super) fn is_digits(token: &str) -> bool {
    token.starts_with(|first: char| first.is_ascii_digit())
}

/// Returns how many tokens are a date, and whether it is that of one day, behind which a time may stand.
fn day(rest: &[&str], is_in_word: bool) -> Option<(usize, bool)> {
    let (first, more) = rest.split_first()?;
    if is_letters(first) {
        return word(first, more);
    }
    if !is_digits(first) {
        return None;
    }
    match first.len() {
        4 if number(first, 1990..=2099).is_some() => of_year(more).map(|(taken, is_day)| (taken + 1, is_day)),
        1 | 2 => of_day(first, more).map(|taken| (taken + 1, true)),
        // A number of six digits in a word, such as `srv100203`, is more likely a number.
        6 if !is_in_word && (is_month(first) || is_short_day(first)) => Some((1, is_short_day(first))),
        8 if is_whole_day(first) => Some((1, true)),
        length => is_moment(first, length).then_some((1, true)),
    }
}

/// A date that begins with a word.
fn word(first: &str, more: &[&str]) -> Option<(usize, bool)> {
    if is_one_of(first, DAYS) {
        return Some((1, false));
    }
    let gap = gap(more);
    let next = more.get(gap).copied().unwrap_or_default();
    if is_one_of(first, WEEKS) {
        return number(next, 1..=53).filter(|_| next.len() <= 2).map(|_| (gap + 2, false));
    }
    if !is_one_of(first, MONTHS) {
        return None;
    }
    if next.len() == 4 && number(next, 1990..=2099).is_some() {
        return Some((gap + 2, false));
    }
    if next.len() > 2 || number(next, 1..=31).is_none() {
        return Some((1, false));
    }
    let behind = more.get(gap + 1..).unwrap_or_default();
    let second = self::gap(behind);
    let has_year = behind.get(second).is_some_and(|year| year.len() == 4 && number(year, 1990..=2099).is_some());
    Some((gap + 2 + if has_year { second + 1 } else { 0 }, has_year))
}

/// What follows a year: a month and its day, a month, or a week or a quarter.
fn of_year(more: &[&str]) -> Option<(usize, bool)> {
    let gap = gap(more);
    let next = more.get(gap).copied()?;
    let behind = more.get(gap + 1..).unwrap_or_default();
    let second = self::gap(behind);
    let of_month = behind.get(second).copied().unwrap_or_default();
    let has_day = of_month.len() <= 2 && number(of_month, 1..=31).is_some();
    if is_one_of(next, MONTHS) {
        return Some(if has_day { (gap + 1 + second + 1, true) } else { (gap + 1, false) });
    }
    if next.eq_ignore_ascii_case("w") || next.eq_ignore_ascii_case("q") || is_one_of(next, WEEKS) {
        return (second == 0 && of_month.len() <= 2 && number(of_month, 1..=53).is_some()).then_some((gap + 2, false));
    }
    // Two numbers without anything between them are one.
    if gap == 0 || next.len() > 2 || number(next, 1..=12).is_none() {
        return None;
    }
    if has_day && second > 0 {
        Some((gap + 1 + second + 1, true))
    } else {
        (next.len() == 2).then_some((gap + 1, false))
    }
}

/// What follows a day: a month as a word, or a month and a year.
fn of_day(day: &str, more: &[&str]) -> Option<usize> {
    number(day, 1..=31)?;
    let gap = gap(more);
    let next = more.get(gap).copied()?;
    let behind = more.get(gap + 1..).unwrap_or_default();
    let second = self::gap(behind);
    let year = behind.get(second).copied().unwrap_or_default();
    let has_year = year.len() == 4 && number(year, 1990..=2099).is_some();
    if is_one_of(next, MONTHS) {
        let is_short = year.len() == 2 && number(year, 10..=49).is_some();
        return Some(if has_year || is_short { gap + 1 + second + 1 } else { gap + 1 });
    }
    // The month may stand first, as in the United States.
    let is_pair = number(next, 1..=12).is_some() || (number(day, 1..=12).is_some() && number(next, 1..=31).is_some());
    (gap > 0 && second > 0 && next.len() <= 2 && is_pair && has_year).then_some(gap + 1 + second + 1)
}

/// Returns how many tokens behind a date are its time, with its zone; whether there may be dots in it.
fn time(rest: &[&str], has_dots: bool) -> usize {
    let Some(begins) = rest.first().filter(|token| is_gap(token) || token.eq_ignore_ascii_case("t")) else { return 0 };
    let digits = rest.get(1).copied().unwrap_or_default();
    let taken = match digits.len() {
        4 | 6 | 9 if is_clock(digits) => 2,
        2 if number(digits, 0..=23).is_some() => 2 + minutes(rest.get(2..).unwrap_or_default(), has_dots),
        _ => return 0,
    };
    let behind = rest.get(taken..).unwrap_or_default();
    // `20261126_16.5.1` is a date and a version.
    let is_version = behind.first() == Some(&".") && behind.get(1).is_some_and(|next| is_digits(next));
    if digits.len() == 2 && (is_version || *begins == ":") {
        return 0;
    }
    taken + zone(behind)
}

/// Returns how many tokens behind an hour are its minutes, seconds and their parts.
fn minutes(rest: &[&str], has_dots: bool) -> usize {
    let mut taken = 0;
    for _ in 0..2 {
        let separator = rest.get(taken).copied().unwrap_or_default();
        let part = rest.get(taken + 1).copied().unwrap_or_default();
        let is_between = matches!(separator, ":" | "-" | "_" | "h" | "H" | "m" | "M") || (separator == "." && has_dots);
        if !is_between || part.len() != 2 || number(part, 0..=59).is_none() {
            break;
        }
        taken += 2;
    }
    let unit = rest.get(taken).copied().unwrap_or_default();
    if matches!(unit, "h" | "H" | "m" | "M" | "s" | "S") {
        return taken + 1;
    }
    let parts = rest.get(taken + 1).copied().unwrap_or_default();
    if taken == 4 && unit == "." && matches!(parts.len(), 3 | 6 | 9) && is_digits(parts) { taken + 2 } else { taken }
}

/// Returns how many tokens are the distance of a zone from UTC, which summer time changes.
fn zone(rest: &[&str]) -> usize {
    let is_quarter = |minutes: &str| matches!(minutes, "00" | "15" | "30" | "45");
    match rest {
        ["+", hours, ":", minutes, ..] if number(hours, 0..=14).is_some() && is_quarter(minutes) => 4,
        ["+" | "-", both, ..] if both.len() == 4 => {
            let is_zone = both
                .split_at_checked(2)
                .is_some_and(|(hours, minutes)| number(hours, 0..=14).is_some() && is_quarter(minutes));
            if is_zone { 2 } else { 0 }
        }
        ["+", hours, ..] if hours.len() == 2 && number(hours, 0..=14).is_some() => 2,
        _ => 0,
    }
}

/// Returns how many tokens stand between two parts of a date: one or none.
fn gap(rest: &[&str]) -> usize {
    usize::from(rest.first().is_some_and(|token| is_gap(token)))
}

pub(super) fn is_gap(token: &str) -> bool {
    SEPARATORS.contains(&token)
}

fn number(digits: &str, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
    let number = digits.parse().ok().filter(|_| is_digits(digits))?;
    range.contains(&number).then_some(number)
}

fn is_month(digits: &str) -> bool {
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    number(part(0, 4), 1990..=2099).is_some() && number(part(4, 6), 1..=12).is_some()
}

/// `20261126`, `26112026` or `11262026`.
fn is_whole_day(digits: &str) -> bool {
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let is_day = |year: &str, month: &str, day: &str| {
        let parsed = (year.parse().ok(), month.parse().ok(), day.parse().ok());
        let (Some(year), Some(month), Some(day)) = parsed else { return false };
        (1990..2100).contains(&year) && jiff::civil::Date::new(year, month, day).is_ok()
    };
    is_day(part(0, 4), part(4, 6), part(6, 8))
        || is_day(part(4, 8), part(2, 4), part(0, 2))
        || is_day(part(4, 8), part(0, 2), part(2, 4))
}

/// `261126`, of the years 2010 to 2049: other numbers of six digits are more likely no dates.
fn is_short_day(digits: &str) -> bool {
    digits.len() == 6
        && number(digits.get(..2).unwrap_or_default(), 10..=49).is_some()
        && is_whole_day(&format!("20{digits}"))
}

/// `0200`, `020001` or `020001123`.
fn is_clock(digits: &str) -> bool {
    let part = |at: usize, most: u32| digits.get(at..at + 2).is_none_or(|part| number(part, 0..=most).is_some());
    part(0, 23) && part(2, 59) && part(4, 59)
}

/// A date with its time in one number, or seconds since 1970 and parts of them.
fn is_moment(digits: &str, length: usize) -> bool {
    let is_day_and_time = |day: usize| {
        digits.split_at_checked(day).is_some_and(|(day, time)| {
            (if day.len() == 8 { is_whole_day(day) } else { is_short_day(day) }) && is_clock(time)
        })
    };
    let is_since_1970 =
        || digits.get(..10).is_some_and(|seconds| number(seconds, 978_307_200..=4_102_444_799).is_some());
    match length {
        10 => is_day_and_time(8) || is_since_1970(),
        12 => is_day_and_time(8) || is_day_and_time(6),
        13 | 16 | 19 => is_since_1970() || (length > 13 && is_day_and_time(8)),
        14 | 15 | 17 | 18 | 20 => is_day_and_time(8),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::archive::name::parts;

    #[test]
    fn a_date_is_taken_whole_and_nothing_else_is() {
        for text in [
            "20261126",
            "26112026",
            "11262026",
            "261126",
            "202611",
            "2026-11",
            "2026-11-26",
            "2026_1_5",
            "26.11.2026",
            "11-26-2026",
            "26-Nov-2026",
            "26Nov2026",
            "Nov-26-2026",
            "nov-2026",
            "2026-Nov-26",
            "2026-W48",
            "2026w48",
            "2026-Q4",
            "week48",
            "KW_48",
            "monday",
            "20261126_0200",
            "20261126T020001",
            "20261126-02",
            "2026-11-26_02h00",
            "2026-11-26_02h00m01s",
            "2026-11-26T02:00:01",
            "2026-11-26T02:00:01.123456",
            "2026-11-26T02:00:01+01:00",
            "2026-11-26_02-00-01-0500",
            "20261126020001",
            "202611260200",
            "2026112602",
            "261126020001",
            "20261126020001123",
            "1795401000",
            "1795401000123",
        ] {
            let tokens = parts(text);
            assert_eq!(length(&tokens, 0), tokens.len(), "{text}");
        }
        for text in ["15", "2019", "12345678", "20261399", "500203", "9", "v2", "w1", "q3", "day1", "money"] {
            assert_eq!(length(&parts(text), 0), 0, "{text}");
        }
        // What follows a date and is no time.
        for (text, taken) in [
            ("2026_11_26_16.11.10", 5),
            ("20261126_16.10.0", 1),
            ("20261126_1", 1),
            ("20261126_77", 1),
            ("20261126_0961", 1),
        ] {
            assert_eq!(length(&parts(text), 0), taken, "{text}");
        }
        assert_eq!(length(&["srv", "100203"], 1), 0);
    }
}
