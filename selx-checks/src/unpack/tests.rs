use std::io::{self, Read};

use zlib_rs::crc32::crc32;
use zlib_rs::{Deflate, DeflateFlush};

use super::*;

const CAPS: Caps = Caps { bytes: 1 << 30, ratio: 2000 };

/// 300 times the letter a, packed by `xz -C crc32`.
const XZ: &[u8] = include_bytes!("testdata/letters.xz");

/// Text that packs into several blocks of matches and letters.
fn content(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let word = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *state >> 20
    };
    let mut text = Vec::new();
    while text.len() < length {
        text.extend_from_slice(format!("{:x} of {}\n", word(&mut state), word(&mut state) % 7).as_bytes());
    }
    text.truncate(length);
    text
}

/// A member of gzip, its header with everything that one may have.
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 1, 2, 3, 4, 0, 3];
    packed.extend_from_slice(&[3, 0, b'e', b'x', b't']);
    packed.extend_from_slice(b"name\0a comment\0");
    let crc = crc32(0, &packed) as u16;
    packed.extend_from_slice(&crc.to_le_bytes());
    let mut body = vec![0; content.len() + 1024];
    let mut deflate = Deflate::new(6, false, 15);
    deflate.compress(content, &mut body, DeflateFlush::Finish).unwrap();
    packed.extend_from_slice(&body[..deflate.total_out() as usize]);
    packed.extend_from_slice(&crc32(0, content).to_le_bytes());
    packed.extend_from_slice(&(content.len() as u32).to_le_bytes());
    packed
}

fn zstd(content: &[u8], checksum: bool) -> Vec<u8> {
    let mut context = zstd_safe::CCtx::create();
    context.set_parameter(zstd_safe::CParameter::ChecksumFlag(checksum)).unwrap();
    let mut packed = Vec::with_capacity(content.len() + 1024);
    context.compress2(&mut packed, content).unwrap();
    packed
}

/// Unpacks in one thread and in two, which come to the same.
fn unpack(packed: impl Read + Clone + Send, caps: Caps) -> Result<(Vec<u8>, Summary), Broken> {
    let alone = whole(Unpacker::new(packed.clone(), caps));
    let beside = std::thread::scope(|scope| whole(Unpacker::beside(packed, caps, scope)));
    match (&alone, &beside) {
        (Ok(alone), Ok(beside)) => assert!(alone == beside),
        (Err(alone), Err(beside)) => {
            let fault = |broken: &Broken| (std::mem::discriminant(&broken.fault), broken.format, broken.member);
            assert_eq!(fault(alone), fault(beside), "{alone} and {beside}");
        }
        _ => panic!("{alone:?} and {beside:?}"),
    }
    alone
}

fn whole<R: Read>(unpacker: Result<Unpacker<R>, Broken>) -> Result<(Vec<u8>, Summary), Broken> {
    let mut unpacker = unpacker?;
    let mut content = Vec::new();
    loop {
        let piece = unpacker.next()?;
        assert!(piece.len() <= PIECE);
        if piece.is_empty() {
            // The end stays the end.
            assert!(unpacker.next()?.is_empty());
            return Ok((content, unpacker.summary()));
        }
        content.extend_from_slice(piece);
    }
}

fn fault(packed: &[u8]) -> Fault {
    unpack(packed, CAPS).unwrap_err().fault
}

/// Gives its bytes one at a time.
#[derive(Clone)]
struct Slowly<'a>(&'a [u8]);

impl Read for Slowly<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.len().min(1);
        to[..bytes].copy_from_slice(&self.0[..bytes]);
        self.0 = &self.0[bytes..];
        Ok(bytes)
    }
}

#[test]
fn every_format_is_unpacked_to_its_end() {
    let text = content(700_000);
    let letters = vec![b'a'; 300];
    let cases: [(Vec<u8>, &[u8], u64); 5] = [
        (text.clone(), &text, 0),
        (gzip(&text), &text, 0),
        (zstd(&text, true), &text, 0),
        (zstd(&text, false), &text, 1),
        (XZ.to_vec(), &letters, 0),
    ];
    for (packed, content, unchecked) in cases {
        let (whole, summary) = unpack(&*packed, CAPS).unwrap();
        assert_eq!(whole, content);
        assert_eq!(summary.encoded, packed.len() as u64);
        assert_eq!(summary.decoded, content.len() as u64);
        assert_eq!((summary.unchecked, summary.padding), (unchecked, 0));
        assert_eq!(unpack(Slowly(&packed), CAPS).unwrap().0, content);
    }
}

#[test]
fn members_follow_each_other() {
    let [a, b] = [content(1000), content(400_000)];
    let both = [a.clone(), b.clone()].concat();
    for packed in [[gzip(&a), gzip(&b)].concat(), [zstd(&a, true), zstd(&b, true)].concat()] {
        let (whole, summary) = unpack(&*packed, CAPS).unwrap();
        assert_eq!((whole, summary.members), (both.clone(), 2));
        // The second one cut is not the end.
        let cut = &packed[..packed.len() - 9];
        assert!(matches!(unpack(cut, CAPS).unwrap_err(), Broken { fault: Fault::CutShort, member: 2, .. }));
    }
    let (whole, summary) = unpack(&*[XZ, &[0; 8], XZ].concat(), CAPS).unwrap();
    assert_eq!((whole.len(), summary.members, summary.padding), (600, 2, 8));
    let skipped = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3], &*zstd(&a, true)].concat();
    assert_eq!(unpack(&*skipped, CAPS).unwrap().0, a);
}

#[test]
fn zeros_behind_gzip_are_padding_and_other_bytes_are_not() {
    let mut packed = gzip(b"text");
    packed.extend_from_slice(&[0; 1000]);
    assert_eq!(unpack(&*packed, CAPS).unwrap().1.padding, 1000);
    packed.push(1);
    assert!(matches!(fault(&packed), Fault::TrailingBytes));
    assert!(matches!(fault(&[gzip(b"text"), b"garbage".to_vec()].concat()), Fault::TrailingBytes));
    assert!(matches!(fault(&[zstd(b"text", true), vec![0; 16]].concat()), Fault::TrailingBytes));
    assert!(matches!(fault(&[XZ, b"garbage"].concat()), Fault::TrailingBytes));
    assert!(matches!(fault(&[XZ, &[0; 3]].concat()), Fault::TrailingBytes));
}

#[test]
fn every_cut_is_seen() {
    for packed in [gzip(&content(3000)), zstd(&content(3000), true), XZ.to_vec()] {
        for length in 0..packed.len() {
            let cut = &packed[..length];
            match unpack(cut, CAPS) {
                // Too short to be known as what it was.
                Ok((content, _)) => {
                    assert!(Format::of(cut) == Format::Plain && length < 6 && content == cut, "{length}");
                }
                Err(broken) => assert!(matches!(broken.fault, Fault::CutShort), "{length}: {broken}"),
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_seen_or_harmless() {
    let text = content(2000);
    let letters = vec![b'a'; 300];
    for (packed, content) in [(gzip(&text), &text), (zstd(&text, true), &text), (XZ.to_vec(), &letters)] {
        for bit in 0..packed.len() * 8 {
            let mut flipped = packed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if Format::of(&flipped) == Format::of(&packed)
                && let Ok((whole, summary)) = unpack(&*flipped, CAPS)
            {
                // What the flag of the checksum was lost with is told as unchecked.
                assert!(whole == *content && summary.unchecked == 0, "bit {bit} of {}", Format::of(&packed));
            }
        }
    }
}

#[test]
fn what_a_member_says_of_itself_is_held_to_be_true() {
    let packed = gzip(b"text");
    let end = packed.len();
    let damaged = |at: usize| {
        let mut damaged = packed.clone();
        damaged[at] ^= 1;
        fault(&damaged)
    };
    assert!(matches!(damaged(end - 8), Fault::BadChecksum(_)));
    assert!(matches!(damaged(end - 1), Fault::BadLength(_)));
    // The time in the header, whose checksum then is another one.
    assert!(matches!(damaged(5), Fault::BadChecksum(_)));
    assert!(matches!(fault(&[&[0x1f, 0x8b, 8, 0x20], &[0; 20][..]].concat()), Fault::BadData(_)));
}

#[test]
fn bombs_end_at_the_caps() {
    let zeros = vec![0; 40 << 20];
    for packed in [gzip(&zeros), zstd(&zeros, true)] {
        let broken = unpack(&*packed, Caps { bytes: 1 << 20, ratio: u64::MAX }).unwrap_err();
        assert!(matches!(broken.fault, Fault::TooLarge(Cap::Bytes(_))) && broken.decoded <= 1 << 20, "{broken}");
        let broken = unpack(&*packed, Caps { bytes: u64::MAX, ratio: 100 }).unwrap_err();
        assert!(matches!(broken.fault, Fault::TooLarge(Cap::Ratio(100))) && broken.decoded < 18 << 20, "{broken}");
    }
}

#[test]
fn a_failing_reader_is_told_with_its_place() {
    #[derive(Clone)]
    struct Failing(usize);
    impl Read for Failing {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            if self.0 > 1 {
                return Err(io::Error::other("input/output error"));
            }
            to[..4].copy_from_slice(&[0x1f, 0x8b, 8, 0]);
            Ok(4)
        }
    }
    let error = unpack(Failing(0), CAPS).unwrap_err();
    assert!(matches!(error.fault, Fault::Read(_)) && error.to_string().contains("input/output error"), "{error}");
}

#[test]
fn bzip2_is_known_and_refused() {
    let error = unpack(&b"BZh91AY&SY"[..], CAPS).unwrap_err();
    assert!(matches!(error.fault, Fault::NotThisFormat) && error.to_string().contains("bzip2"), "{error}");
}

/// Inflates a whole stream in pieces of input of one size.
fn inflated(packed: &[u8], step: usize) -> Result<Vec<u8>, inflate::Wrong> {
    let mut inflate = inflate::Inflate::new(window::Window::new());
    let (mut content, mut at) = (Vec::new(), 0);
    loop {
        let rest = &packed[at..];
        let at_hand = rest.len().min(step.max(inflate::AT_HAND));
        let done = inflate.step(&rest[..at_hand])?;
        at += done.used;
        content.extend_from_slice(inflate.output().output(done.written));
        if done.ended {
            return Ok(content);
        }
    }
}

/// The same by zlib-rs.
fn reference(packed: &[u8], room: usize) -> Result<Vec<u8>, bool> {
    let mut content = vec![0; room];
    let mut inflate = zlib_rs::Inflate::new(false, 15);
    match inflate.decompress(packed, &mut content, zlib_rs::InflateFlush::Finish) {
        Ok(zlib_rs::Status::StreamEnd) => {
            content.truncate(inflate.total_out() as usize);
            Ok(content)
        }
        Ok(_) => Err(true),
        Err(_) => Err(false),
    }
}

fn deflated(content: &[u8], level: i32) -> Vec<u8> {
    let mut body = vec![0; content.len() + content.len() / 8 + 4096];
    let mut deflate = Deflate::new(level, false, 15);
    deflate.compress(content, &mut body, DeflateFlush::Finish).unwrap();
    body.truncate(deflate.total_out() as usize);
    body
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_was_deflated_is_inflated_to_the_same(
        parts in proptest::collection::vec((0..4_u8, 0..60_000_usize, proptest::prelude::any::<u64>()), 1..5),
        level in 0..10_i32,
    ) {
        let mut text = Vec::new();
        for (kind, length, mut seed) in parts {
            let alphabet = [1, 3, 40, 256][usize::from(kind)];
            for _ in 0..length {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // A few letters come much more often than the others, so that codes are long and short.
                let letter = (seed >> 33) % alphabet;
                text.push(if seed >> 62 == 0 { letter as u8 } else { (letter % 5) as u8 });
            }
        }
        let packed = deflated(&text, level);
        for step in [1, 5000, usize::MAX] {
            proptest::prop_assert!(inflated(&packed, step).unwrap() == text);
        }
        let tail = [crc32(0, &text).to_le_bytes(), (text.len() as u32).to_le_bytes()].concat();
        let member = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], &*packed, &*tail].concat();
        proptest::prop_assert!(unpack(&*member, CAPS).unwrap().0 == text);
        for cut in [0, 1, packed.len() / 3, packed.len() - 1] {
            proptest::prop_assert_eq!(inflated(&packed[..cut], usize::MAX), Err(inflate::Wrong::CutShort));
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 2500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn damaged_streams_are_inflated_or_refused_as_by_the_reference(
        length in 1..3000_usize,
        level in 0..10_i32,
        flips in proptest::collection::vec((0..400_usize, 0..8_u8), 0..6),
        noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        is_noise in proptest::prelude::any::<bool>(),
    ) {
        let mut packed = if is_noise { noise } else { deflated(&content(length), level) };
        for (at, bit) in flips {
            let at = at % packed.len().max(1);
            if let Some(byte) = packed.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        let (ours, theirs) = (inflated(&packed, usize::MAX), reference(&packed, 1 << 20));
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => proptest::prop_assert!(ours == theirs),
            (Err(_), Err(_)) => {}
            _ => proptest::prop_assert!(false, "{ours:?} and {theirs:?} of {packed:?}"),
        }
    }
}
