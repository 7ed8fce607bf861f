//! Redis: whether it serves, and how well.

pub mod client;
pub(crate) mod discover;
mod info;
pub mod ping;
pub mod stats;

pub use info::Info;

/// Reads a whole reply as every question does, then as the answer to `INFO`, and shows what was kept: the fuzzer's door.
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub fn fuzz_reply(reply: &[u8]) -> Option<Info> {
    let value = ::redis::parse_redis_value(reply).ok()?;
    match client::Refusal::of("INFO", value) {
        Ok(value) => {
            let info = Info::of(&value, &["role", "used_memory", "mem_fragmentation_ratio"])?;
            let _ = (info.number("mem_fragmentation_ratio"), info.missing(&["role"], &["used_memory"]));
            let _ = (info.databases().count(), info.replicas().count());
            Some(info)
        }
        Err(refusal) => {
            assert!(refusal.text.chars().count() <= 200, "{refusal}");
            let _ = client::Trouble::Refused(refusal).finding("a server");
            None
        }
    }
}
