//! The search beside a slow and obvious one: all lines, one after the other, in one piece.

use jiff::Timestamp;
use proptest::prelude::*;

use super::cuts::{counted, reader};
use super::matcher::{Matcher, Pattern};
use super::piece::Span;
use super::sweep::BACK;

fn matcher() -> Matcher {
    Matcher::new(vec![
        Pattern::new(Some("FATAL|CRITICAL"), Some("non-FATAL"), false, None).unwrap(),
        Pattern::new(Some("needle [0-9]"), None, true, None).unwrap(),
    ])
}

const FROM: &str = "2026-11-20T10:00:00Z";
const TO: &str = "2026-11-20T11:00:00Z";

fn span() -> Span {
    let micros = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
    Span { from: micros(FROM), to: micros(TO), now: micros("2026-11-20T12:00:00Z"), all_new: false }
}

/// What is counted for each pattern: inside, undated, in the future.
type Counts = Vec<(u64, u64, u64)>;

/// Goes through the lines one by one.
fn slowly(text: &[u8], matcher: &Matcher, span: Span) -> Counts {
    let mut reader = reader();
    let mut counts = vec![(0, 0, 0); matcher.patterns.len()];
    let mut head: Option<(usize, i64)> = None;
    let mut counted: Vec<Option<usize>> = vec![None; matcher.patterns.len()];
    let mut begin = 0;
    for raw in text.split_inclusive(|byte| *byte == b'\n') {
        let line = raw.strip_suffix(b"\n").unwrap_or(raw);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(stamp) = reader.read(line) {
            head = Some((begin, stamp.at));
        }
        let near = head.filter(|(at, _)| begin - at <= BACK);
        let (event, at) = near.map_or((begin, None), |(event, at)| (event, Some(at)));
        for (index, pattern) in matcher.patterns.iter().enumerate() {
            if pattern.matches(line) && counted[index] != Some(event) {
                counted[index] = Some(event);
                match at {
                    None => counts[index].1 += 1,
                    Some(at) if at > span.now => counts[index].2 += 1,
                    Some(at) if (span.from..span.to).contains(&at) => counts[index].0 += 1,
                    Some(_) => {}
                }
            }
        }
        begin += raw.len();
    }
    counts
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let stamp = (9_u32..13, 0_u32..60).prop_map(|(hour, minute)| format!("2026-11-20 {hour:02}:{minute:02}:00 "));
    let word = prop_oneof![
        Just("FATAL".to_owned()),
        Just("non-FATAL".to_owned()),
        Just("a CRITICAL thing".to_owned()),
        Just("Needle 7".to_owned()),
        Just("needle".to_owned()),
        Just("\0\0".to_owned()),
        Just("nothing at all".to_owned()),
        Just(String::new()),
    ];
    let end = prop_oneof![8 => Just("\n"), 1 => Just("\r\n")];
    let filler = prop_oneof![20 => 0_usize..40, 3 => 100_usize..5_000, 1 => 60_000_usize..67_000];
    (prop::option::weighted(0.4, stamp), prop::collection::vec(word, 0..3), filler, end).prop_map(
        |(stamp, words, filler, end)| {
            format!("{}{} {}{end}", stamp.unwrap_or_default(), words.join(" "), "x".repeat(filler)).into_bytes()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
    #[test]
    fn both_count_the_same(
        lines in prop::collection::vec(line(), 0..60),
        last in "[A-Z ]{0,8}",
        cuts in prop::collection::vec(0.0_f64..1.0, 0..6),
        sizes in prop::collection::vec(1_usize..70_000, 1..4),
    ) {
        let mut text: Vec<u8> = lines.concat();
        text.extend_from_slice(last.as_bytes());
        let mut cuts: Vec<usize> = cuts.iter().map(|part| (part * text.len() as f64) as usize).collect();
        cuts.sort_unstable();
        let matcher = matcher();
        prop_assert_eq!(counted(&text, &cuts, &sizes, &matcher, span()), slowly(&text, &matcher, span()));
    }
}

#[test]
fn a_traceback_is_one_event_wherever_it_is_cut() {
    let text = b"2026-11-20 10:00:00 start\n2026-11-20 10:05:00 FATAL one\n  FATAL again\n\n  needle 5\n2026-11-20 11:30:00 FATAL late\n";
    let matcher = matcher();
    for cut in 0..text.len() {
        assert_eq!(counted(text, &[cut], &[7], &matcher, span()), [(1, 0, 0), (1, 0, 0)], "cut at {cut}");
    }
}

#[test]
fn a_line_of_megabytes_counts_once_and_is_found_in_all_its_parts() {
    let matcher = matcher();
    let mut text = b"2026-11-20 10:30:00 begin ".to_vec();
    text.resize(3 << 20, b'x');
    text.extend_from_slice(b" needle 4 ");
    text.resize(5 << 20, b'y');
    text.extend_from_slice(b" needle 5 \n2026-11-20 10:31:00 needle 6\n");
    for cut in [0, 1 << 20, 4 << 20, text.len() - 10] {
        assert_eq!(counted(&text, &[cut], &[100_000], &matcher, span()), [(0, 0, 0), (2, 0, 0)], "cut at {cut}");
    }
}
