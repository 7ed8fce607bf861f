//! The ways in which programs write a time. Each reads from where the time begins.

use super::cursor::{Cursor, DAYS};
use super::zone::{Civil, Zones};

/// A time as it stands in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// A moment, in microseconds since 1970 in UTC: epoch numbers, and times with an offset.
    Moment(i64),
    /// What a clock on the wall of an unnamed place shows.
    Wall(Civil),
    /// The same without a year.
    WallOfSomeYear(Civil),
}

/// Reads a time that begins here, in any of the forms.
pub(super) fn any(bytes: &[u8], zones: &Zones) -> Option<Reading> {
    let first = *bytes.first()?;
    if first.is_ascii_digit() {
        return iso(bytes, zones).or_else(|| day_first(bytes, zones)).or_else(|| epoch(bytes));
    }
    if first.is_ascii_alphabetic() {
        return syslog(bytes, zones).or_else(|| ctime(bytes, zones)).or_else(|| glog(bytes));
    }
    None
}

/// `2026-11-20T10:00:00.123+01:00` and all that is like it: a slash between the parts, a space before the time, a comma
/// before the fraction, no zone.
pub(super) fn iso(bytes: &[u8], zones: &Zones) -> Option<Reading> {
    let mut at = Cursor::new(bytes);
    let year = at.number(4)?;
    let separator = at.eat_one(|byte| matches!(byte, b'-' | b'/' | b'.'))?;
    let month = at.number(2)?;
    at.eat(separator)?;
    let day = at.number(2)?;
    at.eat_one(|byte| matches!(byte, b'T' | b't' | b' ' | b'_'))?;
    timed(&mut at, (year, month, day), zones)
}

/// `20/Nov/2026:10:00:00 +0000` of web servers, and `20 Nov 2026 10:00:00.123` of Redis.
fn day_first(bytes: &[u8], zones: &Zones) -> Option<Reading> {
    let mut at = Cursor::new(bytes);
    let day = at.number(2).or_else(|| at.number(1))?;
    let separator = at.eat_one(|byte| matches!(byte, b'/' | b' ' | b'-'))?;
    let month = at.month()?;
    at.eat(separator)?;
    let year = at.number(4)?;
    at.eat_one(|byte| matches!(byte, b':' | b' '))?;
    timed(&mut at, (year, month, day), zones)
}

/// `Nov 20 10:00:00` of syslog; some systems put the year behind the day, or behind the time.
fn syslog(bytes: &[u8], zones: &Zones) -> Option<Reading> {
    let mut at = Cursor::new(bytes);
    let month = at.month()?;
    at.eat(b' ')?;
    let day = at.day()?;
    at.eat(b' ')?;
    let mut with_year = at;
    if let Some(year) = with_year.number(4)
        && with_year.eat(b' ').is_some()
    {
        return timed(&mut with_year, (year, month, day), zones);
    }
    let (hour, minute, second, micros) = clock(&mut at)?;
    let civil = |year| Civil::new(year, month, day, hour, minute, second, micros);
    let mut with_year = at;
    if with_year.eat(b' ').is_some()
        && let Some(year) = with_year.number(4)
        && !with_year.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'.' | b'-'))
    {
        return placed(&mut with_year, civil(year)?, zones);
    }
    // A leap year, so that the 29th of February reads; the year is put in later.
    Some(Reading::WallOfSomeYear(civil(2024)?))
}

/// `Fri Nov 20 10:00:00.123456 2026` of Apache and of C.
fn ctime(bytes: &[u8], zones: &Zones) -> Option<Reading> {
    let (name, rest) = bytes.split_at_checked(3)?;
    if !DAYS.contains(&name) {
        return None;
    }
    let mut at = Cursor::new(rest);
    let _ = at.eat(b',');
    at.eat(b' ')?;
    // `Fri, 20 Nov 2026 10:00:00 GMT` of mail and of HTTP.
    if at.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        return day_first(at.rest, zones);
    }
    syslog(at.rest, zones)
}

/// `E1120 10:00:00.123456` of glog and Kubernetes.
fn glog(bytes: &[u8]) -> Option<Reading> {
    let mut at = Cursor::new(bytes);
    at.eat_one(|byte| matches!(byte, b'I' | b'W' | b'E' | b'F'))?;
    let month = at.number(2)?;
    let day = at.number(2)?;
    at.eat(b' ')?;
    let (hour, minute, second, micros) = clock(&mut at)?;
    Some(Reading::WallOfSomeYear(Civil::new(2024, month, day, hour, minute, second, micros)?))
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their digits; from 2001 to 2286.
pub(super) fn epoch(bytes: &[u8]) -> Option<Reading> {
    let mut at = Cursor::new(bytes);
    let digits = at.take_while(|byte| byte.is_ascii_digit());
    let value =
        digits.iter().try_fold(0_i64, |value, digit| value.checked_mul(10)?.checked_add(i64::from(digit - b'0')))?;
    let micros = match digits.len() {
        10 => {
            let fraction = if at.eat(b'.').is_some() { fraction(&mut at) } else { 0 };
            value.checked_mul(1_000_000)?.checked_add(i64::from(fraction))?
        }
        13 => value.checked_mul(1_000)?,
        16 => value,
        19 => value / 1_000,
        _ => return None,
    };
    let bare = !at.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/'));
    (bare && micros >= 1_000_000_000_000_000).then_some(Reading::Moment(micros))
}

/// Reads the time of a day whose date is known, and its zone.
fn timed(at: &mut Cursor<'_>, (year, month, day): (u32, u32, u32), zones: &Zones) -> Option<Reading> {
    let (hour, minute, second, micros) = clock(at)?;
    placed(at, Civil::new(year, month, day, hour, minute, second, micros)?, zones)
}

/// Reads a zone, if one follows.
fn placed(at: &mut Cursor<'_>, civil: Civil, zones: &Zones) -> Option<Reading> {
    Some(match offset(*at, zones) {
        Some(offset) => Reading::Moment(civil.at_offset(offset)),
        None => Reading::Wall(civil),
    })
}

fn clock(at: &mut Cursor<'_>) -> Option<(u32, u32, u32, u32)> {
    let hour = at.number(2)?;
    at.eat(b':')?;
    let minute = at.number(2)?;
    at.eat(b':')?;
    let second = at.number(2)?;
    let micros = match at.eat_one(|byte| matches!(byte, b'.' | b',')) {
        Some(_) => fraction(at),
        None => 0,
    };
    Some((half(at, hour), minute, second, micros))
}

/// Returns the hour of the day, where `AM` or `PM` follows.
fn half(at: &mut Cursor<'_>, hour: u32) -> u32 {
    let mut ahead = *at;
    if ahead.eat(b' ').is_none() || !(1..=12).contains(&hour) {
        return hour;
    }
    let later = match ahead.take_while(|byte| byte.is_ascii_alphabetic()) {
        b"AM" | b"am" => 0,
        b"PM" | b"pm" => 12,
        _ => return hour,
    };
    *at = ahead;
    hour % 12 + later
}

/// Reads digits behind a point as microseconds; finer ones are dropped.
fn fraction(at: &mut Cursor<'_>) -> u32 {
    let digits = at.take_while(|byte| byte.is_ascii_digit());
    let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    padded.fold(0, |value, digit| value * 10 + u32::from(digit - b'0'))
}

/// Reads `Z`, `+01:00`, `+0100`, `+01` or a known abbreviation, with or without a space before; seconds east of UTC.
fn offset(mut at: Cursor<'_>, zones: &Zones) -> Option<i32> {
    let spaced = at.eat(b' ').is_some();
    let sign = match at.peek()? {
        b'Z' if !spaced => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return zones.abbreviated(at.take_while(|byte| byte.is_ascii_uppercase())),
    };
    at.eat_one(|_| true)?;
    let hours = at.number(2)?;
    let colon = at.eat(b':').is_some();
    let minutes = match at.number(2) {
        Some(minutes) => minutes,
        None if colon => return None,
        None => 0,
    };
    if hours > 15 || minutes > 59 || at.peek().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    i32::try_from(hours * 3600 + minutes * 60).ok().map(|seconds| sign * seconds)
}
