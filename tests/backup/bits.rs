//! Every single flipped bit and every cut of a small archive: what is accepted holds the same.

use selx_checks::backup::archive::Level;
use serde_json::json;

use crate::lab::{HOUR, Lab, look, piped};

/// An archive of one small dump.
fn small() -> Lab {
    let lab = Lab::new();
    for file in ["config/app.toml", "logs/app.log"] {
        std::fs::remove_file(lab.source().join(file)).unwrap();
    }
    lab.put("shop.sql", crate::lab::sql(12).as_bytes());
    lab
}

/// Looks at some bytes as the one archive there is, and returns how far they are proven.
async fn level(lab: &Lab, name: &str, bytes: &[u8]) -> Level {
    let path = lab.lay(name, bytes, 2 * HOUR);
    let looked = look(json!({ "path": path }), std::time::Duration::from_secs(10)).await;
    looked.facts.series.first().map(|series| series.read[0].level).unwrap_or_default()
}

/// Alters the archive in every way, and compares what is accepted with what it was.
async fn nothing_harmful_is_accepted(lab: &Lab, name: &str, packed: &[u8], unpack: &str) -> usize {
    let content = piped(unpack, packed);
    assert_eq!(level(lab, name, packed).await, Level::Decoded);
    let mut harmless = 0;
    for bit in 0..packed.len() * 8 {
        let mut flipped = packed.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if level(lab, name, &flipped).await >= Level::Decoded {
            assert!(piped(unpack, &flipped) == content, "the flipped bit {bit} of {name} changes the content");
            harmless += 1;
        }
    }
    for length in 0..packed.len() {
        assert_eq!(level(lab, name, &packed[..length]).await, Level::Exists, "{name} cut after {length} bytes");
    }
    harmless
}

#[tokio::test]
async fn j1_j2_every_flip_and_every_cut_of_gzip_is_seen_or_harmless() {
    let lab = small();
    let packed = lab.packed("gzip -n");
    assert!(packed.len() < 1500, "{}", packed.len());
    let harmless = nothing_harmful_is_accepted(&lab, "shop.tar.gz", &packed, "gzip -dc").await;
    // The time, the hints of the packer, the name of the system, the flag of a text and the bits that fill the last byte
    // mean nothing, and some codes of the packing stand for nothing.
    assert!((49..100).contains(&harmless), "{harmless}");
}

#[tokio::test]
async fn j1_j2_every_flip_and_every_cut_of_zstd_is_seen_or_harmless() {
    let lab = small();
    let packed = lab.packed("zstd -q --check");
    let harmless = nothing_harmful_is_accepted(&lab, "shop.tar.zst", &packed, "zstd -dcq").await;
    assert!(harmless <= 40, "{harmless}");
}

#[tokio::test]
async fn j1_flips_before_any_checksum_are_found_by_the_one_beside() {
    let lab = small();
    let tar = lab.tar(&[]);
    let path = lab.lay("shop.tar", &tar, 2 * HOUR);
    let sum = piped("sha256sum", &tar);
    let sum = String::from_utf8(sum).unwrap().replace(" -", &format!(" {}", "shop.tar"));
    std::fs::write(path.with_file_name("shop.tar.sha256"), sum).unwrap();
    assert_eq!(level(&lab, "shop.tar", &tar).await, Level::Manifest);
    for bit in (0..tar.len() * 8).step_by(61) {
        let mut flipped = tar.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(level(&lab, "shop.tar", &flipped).await, Level::Exists, "bit {bit}");
    }
}
