//! Replies of Redis: their end is the same whole and in pieces, the library reads what passed to its end, and what is kept
//! of it survives being saved.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selx_checks::redis::client::fuzz_frame;
use selx_checks::redis::{Info, fuzz_reply};

/// Small, so that inputs of a fuzzer come above it.
const CAP: usize = 512;

fuzz_target!(|bytes: &[u8]| {
    let whole = fuzz_frame(CAP, std::iter::once(bytes));
    let single = fuzz_frame(CAP, bytes.chunks(1));
    // Byte by byte a reply ends before what follows it is seen; what is wrong is seen either way.
    assert_eq!(whole.as_ref().ok(), single.as_ref().ok(), "{whole:?} and {single:?}");
    let cut = bytes.first().map_or(0, |first| usize::from(*first) % (bytes.len() + 1));
    if let Some((begin, rest)) = bytes.split_at_checked(cut) {
        let pieces = fuzz_frame(CAP, [begin, rest]);
        assert_eq!(whole.as_ref().ok(), pieces.as_ref().ok(), "{whole:?} and {pieces:?}");
    }
    if let Ok(Some(length)) = whole {
        assert!(length <= bytes.len() && length <= CAP);
        let reply = bytes.get(..length).unwrap_or_default();
        assert_eq!(fuzz_frame(CAP, std::iter::once(reply)), Ok(Some(length)));
        if let Some(info) = fuzz_reply(reply) {
            let saved = serde_json::to_string(&info).unwrap_or_default();
            assert!(serde_json::from_str::<Info>(&saved).is_ok_and(|again| again == info), "{saved}");
        }
    }
    // The same as the text of an answer, whose form is not in the way.
    let mut text = format!("${}\r\n", bytes.len()).into_bytes();
    text.extend_from_slice(bytes);
    text.extend_from_slice(b"\r\n");
    assert_eq!(fuzz_frame(text.len(), std::iter::once(text.as_slice())), Ok(Some(text.len())));
    assert!(fuzz_reply(&text).is_some());
});
