use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

fn reader(zone: &str, latest: &str) -> Reader {
    Reader::new(Zones::new(TimeZone::get(zone).unwrap(), latest.parse().unwrap()))
}

fn read(line: &str) -> Option<String> {
    let mut reader = reader("Europe/Berlin", "2026-11-25T12:00:00Z");
    reader.learn(std::iter::once(line.as_bytes()));
    reader.read(line.as_bytes()).map(|stamp| Timestamp::from_microsecond(stamp.at).unwrap().to_string())
}

#[test]
fn every_form_is_read() {
    let utc = "2026-11-20T10:00:00Z";
    for line in [
        "2026-11-20T10:00:00Z started",
        "2026-11-20T11:00:00+01:00 started",
        "2026-11-20 11:00:00 [INFO] api.views: started",
        "2026-11-20 11:00:00,000 - root - INFO - started",
        "[2026-11-20 11:00:00,000: INFO/MainProcess] celery ready",
        "2026-11-20 10:00:00.000 UTC [123] LOG:  database system is ready",
        "2026-11-20 11:00:00.000 CET [123] LOG:  database system is ready",
        "2026-11-20 11:00:00.000 +01 [123] LOG:  database system is ready",
        "2026-11-20 05:00:00 EST [1] LOG: x",
        "2026/11/20 11:00:00 [error] 7#7: *1 connect() failed",
        "192.0.2.1 - - [20/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 5",
        "2001:db8::1 - bob [20/Nov/2026:11:00:00 +0100] \"GET / HTTP/1.1\" 200 5",
        "Nov 20 11:00:00 host sshd[12]: Failed password for root",
        "<34>Nov 20 11:00:00 host sshd[12]: Failed password",
        "<34>1 2026-11-20T10:00:00.000Z host app - - - text",
        "Nov 20 2026 11:00:00 host app: text",
        "[Fri Nov 20 11:00:00.000000 2026] [core:error] [pid 5] text",
        "Fri, 20 Nov 2026 10:00:00 GMT text",
        "1:M 20 Nov 2026 11:00:00.000 * Ready to accept connections",
        "E1120 11:00:00.000000  7 file.go:12] text",
        "1795168800 text",
        "1795168800.000123 text",
        "{\"level\":\"info\",\"ts\":1795168800.0001,\"msg\":\"x\"}",
        "{\"time\": 1795168800000, \"msg\": \"x\"}",
        "{\"log\":\"x\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-20T10:00:00.000000001Z\"}",
        "{\"msg\":\"the \\\"time\\\" is 2020-01-01 00:00:00\",\"@timestamp\":\"2026-11-20T10:00:00Z\"}",
        "level=info ts=2026-11-20T10:00:00Z msg=x",
        "time=\"2026-11-20T10:00:00Z\" level=info",
        "api_1  | 2026-11-20 11:00:00,000 INFO x",
        "INFO 2026-11-20 11:00:00,000 views started",
        "2026-11-20 11:00:00 AM INFO started",
        "2026/11/20 11:00:00.000 am started",
        "[INFO] 2026-11-20 11:00:00 started",
    ] {
        let seconds = read(line).map(|text| text.get(..19).unwrap().to_owned());
        assert_eq!(seconds.as_deref(), utc.get(..19), "{line}");
    }
}

#[test]
fn twelve_hours_are_told_from_the_twelve_before() {
    for (line, time) in [
        ("2026-11-20 01:07:23 PM x", "2026-11-20T12:07:23Z"),
        ("2026-11-20 12:07:23 AM x", "2026-11-19T23:07:23Z"),
        ("2026-11-20 12:07:23 pm x", "2026-11-20T11:07:23Z"),
        ("2026-11-20 13:07:23 PM x", "2026-11-20T12:07:23Z"),
        ("2026-11-20 01:07:23 PMX x", "2026-11-20T00:07:23Z"),
    ] {
        assert_eq!(read(line).as_deref(), Some(time), "{line}");
    }
}

#[test]
fn what_is_no_time_of_the_line_is_not_read() {
    for line in [
        "",
        "  File \"x.py\", line 3, in f  2026-11-20 10:00:00",
        "Traceback (most recent call last):",
        "ValueError: time data '2026-11-20 10:00:00' does not match",
        "2026-13-20 10:00:00 no such month",
        "2026-02-29 10:00:00 no such day",
        "2026-11-20 25:00:00 no such hour",
        "12345 678",
        "17951688001234 fourteen digits",
        "1795168800abc",
        "Mayor 12 10:00:00",
        "{\"msg\":\"time\"}",
        "x=1 y=2",
    ] {
        assert_eq!(read(line), None, "{line}");
    }
}

#[test]
fn a_time_behind_words_counts_where_it_is_the_habit() {
    let mut reader = reader("UTC", "2026-11-25T12:00:00Z");
    let habit = ["2026-11-20 10:00:00 INFO start"; 20];
    let stray = "KeyError: 2026-01-01 00:00:00";
    assert_eq!(reader.learn(habit.iter().copied().chain([stray]).map(str::as_bytes)), 20);
    assert_eq!(reader.read(stray.as_bytes()), None);
}

#[test]
fn a_line_without_a_year_is_of_the_latest_year_it_can_be_of() {
    let mut new_year = reader("UTC", "2027-01-01T00:10:00Z");
    let at = |reader: &mut Reader, line: &str| {
        Timestamp::from_microsecond(reader.read(line.as_bytes()).unwrap().at).unwrap().to_string()
    };
    assert_eq!(at(&mut new_year, "Dec 31 23:59:59 host x: y"), "2026-12-31T23:59:59Z");
    assert_eq!(at(&mut new_year, "Jan  1 00:05:00 host x: y"), "2027-01-01T00:05:00Z");
    let mut leap = reader("UTC", "2028-03-01T00:00:00Z");
    assert_eq!(at(&mut leap, "Feb 29 12:00:00 host x: y"), "2028-02-29T12:00:00Z");
}

#[test]
fn the_hour_that_comes_twice_is_told() {
    // In Berlin the clock goes from 03:00 back to 02:00 on the 25th of October 2026.
    let mut reader = reader("Europe/Berlin", "2026-11-25T12:00:00Z");
    let first = reader.read(b"2026-10-25 02:30:00 x").unwrap();
    assert!(first.twice);
    assert_eq!(Timestamp::from_microsecond(first.at).unwrap().to_string(), "2026-10-25T00:30:00Z");
    assert!(!reader.read(b"2026-10-25 02:30:00+01:00 x").unwrap().twice);
    assert!(!reader.read(b"2026-10-25 02:30:00 CET x").unwrap().twice);
    assert!(!reader.read(b"2026-10-25 03:30:00 x").unwrap().twice);
    // And in March from 02:00 to 03:00.
    let jumped = reader.read(b"2026-03-29 02:30:00 x").unwrap();
    assert_eq!(Timestamp::from_microsecond(jumped.at).unwrap().to_string(), "2026-03-29T01:30:00Z");
}

proptest! {
    #[test]
    fn the_calendar_is_that_of_the_library(second in 0_i64..7_258_000_000, zone in 0_usize..4) {
        let name = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"][zone];
        let tz = TimeZone::get(name).unwrap();
        let at = Timestamp::from_second(second).unwrap();
        let mut reader = Reader::new(Zones::new(tz.clone(), Timestamp::from_second(7_258_100_000).unwrap()));
        let wall = tz.to_datetime(at);
        let line = wall.strftime("%Y-%m-%d %H:%M:%S x").to_string();
        let stamp = reader.read(line.as_bytes()).unwrap();
        // What the clock showed twice is the first of both.
        let expected = tz.to_ambiguous_timestamp(wall).compatible().unwrap();
        prop_assert_eq!(stamp.at, expected.as_microsecond());
        let zoned = format!("{}{} x", wall.strftime("%Y-%m-%dT%H:%M:%S"), offset(&tz, at));
        prop_assert_eq!(reader.read(zoned.as_bytes()).unwrap().at, at.as_microsecond());
    }

    #[test]
    fn no_line_is_too_odd(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = reader("Europe/Berlin", "2026-11-25T12:00:00Z");
        reader.learn(std::iter::once(&*line));
        let _ = reader.read(&line);
    }
}

fn offset(tz: &TimeZone, at: Timestamp) -> String {
    let seconds = tz.to_offset(at).seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", seconds.abs() / 3600, seconds.abs() / 60 % 60)
}
