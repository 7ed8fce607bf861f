//! Archives of backups: any bytes are read or refused in bounded time and space, the same in pieces of any size, and
//! nothing is proven of what is damaged or holds no file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selx_checks::backup::archive::{Level, fuzz_content};
use selx_checks::unpack::Format;

fuzz_target!(|bytes: &[u8]| {
    let (content, damage, level) = fuzz_content(bytes, usize::MAX);
    assert!(content.members <= 1000 && content.files <= content.members.max(1));
    assert!(content.missing.len() <= 52 && content.empty.len() <= 50 && content.dumps.len() <= 50);
    for listed in [&content.escaping, &content.unusual, &content.twice, &content.broken, &content.strange] {
        assert!(listed.first.len() <= 10 && listed.first.len() as u64 <= listed.count);
    }
    if level > Level::Exists {
        assert!(damage.is_none() && content.files > 0 && content.missing.is_empty());
        assert!(content.dumps.iter().all(|dump| dump.wrong.is_none()));
    }
    // How much of damaged packed bytes comes out before the damage is met is up to the pieces; that it is met is not.
    let is_unpacked_in_part = damage.is_some() && Format::of(bytes) != Format::Plain;
    for piece in [1, 511, 4096] {
        let mut other = fuzz_content(bytes, piece);
        for (dump, other) in content.dumps.iter().zip(&mut other.0.dumps) {
            // So is where it is met in a dump that is packed piece by piece.
            if dump.wrong.is_some() && other.wrong.is_some() {
                other.wrong.clone_from(&dump.wrong);
                other.size = dump.size;
            }
        }
        assert_eq!((other.1.is_some(), other.2), (damage.is_some(), level), "in pieces of {piece}: {other:?}");
        if !is_unpacked_in_part {
            assert_eq!((&other.0, &other.1), (&content, &damage), "in pieces of {piece}");
        }
    }
    let saved = serde_json::to_string(&content).unwrap_or_default();
    assert_eq!(serde_json::from_str::<selx_checks::backup::archive::Content>(&saved).ok(), Some(content));
});
