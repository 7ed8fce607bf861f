//! From what a clock on the wall shows to a moment.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// What a clock on the wall shows, to the microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
    second: i8,
    micros: u32,
}

/// Abbreviations that mean the same everywhere, in seconds east of UTC. Those that several countries use for different
/// zones, such as CST and IST, are left out: where they are those of the configured zone, they are known from there.
const ABBREVIATIONS: &[(&[u8], i32)] = &[
    (b"UTC", 0),
    (b"GMT", 0),
    (b"UT", 0),
    (b"WET", 0),
    (b"WEST", 3600),
    (b"CET", 3600),
    (b"CEST", 7200),
    (b"EET", 7200),
    (b"EEST", 10_800),
    (b"MSK", 10_800),
    (b"JST", 32_400),
    (b"KST", 32_400),
    (b"AEST", 36_000),
    (b"AEDT", 39_600),
    (b"EST", -18_000),
    (b"EDT", -14_400),
    (b"CDT", -18_000),
    (b"MST", -25_200),
    (b"MDT", -21_600),
    (b"PST", -28_800),
    (b"PDT", -25_200),
];

impl Civil {
    /// Takes the parts if there is such a time. A leap second is the second before it.
    pub(super) fn new(
        year: u32,
        month: u32,
        day: u32,
        hour: u32,
        minute: u32,
        second: u32,
        micros: u32,
    ) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if !(1970..=2200).contains(&year) || day == 0 || day > days || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let small = |value: u32| i8::try_from(value).ok();
        Some(Self {
            year: i16::try_from(year).ok()?,
            month: small(month)?,
            day: small(day)?,
            hour: small(hour)?,
            minute: small(minute)?,
            second: small(second.min(59))?,
            micros,
        })
    }

    /// Returns the moment in microseconds since 1970, at so many seconds east of UTC.
    pub(super) fn at_offset(self, offset: i32) -> i64 {
        (self.seconds() - i64::from(offset)) * 1_000_000 + i64::from(self.micros)
    }

    /// Returns the seconds since 1970 as if it were UTC.
    fn seconds(self) -> i64 {
        // Days since 1970 in a calendar whose year begins in March, so that the leap day is its last.
        let (year, month) = (i64::from(self.year), i64::from(self.month));
        let year = if month <= 2 { year - 1 } else { year };
        let month = (month + 9) % 12;
        let days = 365 * year + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + i64::from(self.day) - 1;
        let days = days - 719_468;
        days * 86_400 + i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second)
    }

    fn with_year(self, year: i16) -> Self {
        // The 29th of February of a year without one is the day before.
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let day = if self.month == 2 && self.day == 29 && !leap { 28 } else { self.day };
        Self { year, day, ..self }
    }

    fn hour(self) -> (i16, i8, i8, i8) {
        (self.year, self.month, self.day, self.hour)
    }
}

/// The zone of times that name none, and what is needed to read the others.
#[derive(Clone, Debug)]
pub struct Zones {
    zone: TimeZone,
    /// Its abbreviations, with their offsets.
    own: Vec<(String, i32)>,
    /// The latest moment at which a line without a year can have been written, in microseconds.
    latest: i64,
    /// The last hour that was placed, and its offset: lines come in order.
    hour: Option<((i16, i8, i8, i8), i32)>,
}

/// A moment, in microseconds since 1970, and whether the wall clock showed it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The moment. Of a time that the clock showed twice, it is the first.
    pub at: i64,
    /// Whether the clock showed it twice, because it was set back in that hour and the line names no zone.
    pub twice: bool,
}

impl Zones {
    /// Takes the zone of times that name none, and the latest time at which a line can have been written.
    pub fn new(zone: TimeZone, latest: Timestamp) -> Self {
        let half_year = jiff::SignedDuration::from_hours(24 * 182);
        let own = [Some(latest), latest.checked_sub(half_year).ok()]
            .into_iter()
            .flatten()
            .map(|at| {
                let info = zone.to_offset_info(at);
                (info.abbreviation().to_owned(), info.offset().seconds())
            })
            .collect();
        Self { zone, own, latest: latest.as_microsecond(), hour: None }
    }

    /// Returns the seconds east of UTC that an abbreviation stands for.
    pub(super) fn abbreviated(&self, name: &[u8]) -> Option<i32> {
        if name.len() < 2 {
            return None;
        }
        let own = self.own.iter().find(|(own, _)| own.as_bytes() == name).map(|(_, offset)| *offset);
        own.or_else(|| ABBREVIATIONS.iter().find(|(known, _)| *known == name).map(|(_, offset)| *offset))
    }

    /// Places what the wall clock showed.
    pub(super) fn place(&mut self, civil: Civil) -> Stamp {
        let hour = civil.hour();
        if let Some((known, offset)) = self.hour
            && known == hour
        {
            return Stamp { at: civil.at_offset(offset), twice: false };
        }
        let local = |minute, second| DateTime::new(civil.year, civil.month, civil.day, civil.hour, minute, second, 0);
        let offset_at = |minute, second| match local(minute, second) {
            Ok(local) => self.zone.to_ambiguous_timestamp(local).offset(),
            Err(_) => AmbiguousOffset::Unambiguous { offset: jiff::tz::Offset::UTC },
        };
        match offset_at(civil.minute, civil.second) {
            AmbiguousOffset::Unambiguous { offset } => {
                let whole = [offset_at(0, 0), offset_at(59, 59)];
                if whole.iter().all(|other| *other == AmbiguousOffset::Unambiguous { offset }) {
                    self.hour = Some((hour, offset.seconds()));
                }
                Stamp { at: civil.at_offset(offset.seconds()), twice: false }
            }
            // A time that the clock jumped over: somebody's clock was not set. Where it would have been is the best guess.
            AmbiguousOffset::Gap { before, .. } => Stamp { at: civil.at_offset(before.seconds()), twice: false },
            AmbiguousOffset::Fold { before, .. } => Stamp { at: civil.at_offset(before.seconds()), twice: true },
        }
    }

    /// Places what the wall clock showed in the latest year in which the line can have been written.
    pub(super) fn place_in_some_year(&mut self, civil: Civil) -> Stamp {
        let year = Timestamp::from_microsecond(self.latest).map_or(2026, |latest| self.zone.to_datetime(latest).year());
        let this = self.place(civil.with_year(year));
        if this.at <= self.latest { this } else { self.place(civil.with_year(year - 1)) }
    }
}
