//! The archives that a check of backups meets, beside what the line of the guide says of them.

use selx_checks::backup::archive::Level;
use selx_core::Status;

use crate::lab::{HOUR, Lab, guide, piped, sql};

/// One archive of the matrix.
struct Row {
    what: &'static str,
    bytes: Vec<u8>,
    /// What `tar -tzf` says: 0 accepts it.
    guide: i32,
    /// The code that names what is wrong; none for one that is right.
    code: Option<&'static str>,
}

/// The archives, made of one source.
fn rows(lab: &Lab) -> Vec<Row> {
    let tar = lab.tar(&[]);
    let good = piped("gzip -n", &tar);
    let pack = |bytes: &[u8]| piped("gzip -n", bytes);
    let end = good.len();
    let with = |at: usize, bits: u8| {
        let mut bytes = good.clone();
        bytes[at] ^= bits;
        bytes
    };
    let (first, second) = tar.split_at(tar.len() / 3);
    let two = [pack(first), pack(second)].concat();
    // The dump is the last member: its header, then its content.
    let (start, size) = member(&tar, "./shop.sql");
    let mut bad_header = tar.clone();
    bad_header[start + 1] ^= 1;
    let blank = Lab::new();
    blank.put("shop.sql", b"");
    let half = Lab::new();
    half.put("shop.sql", &sql(2000).as_bytes()[..size / 2]);
    let nothing = tar[..0].to_vec();
    let row = |what, bytes, guide, code| Row { what, bytes, guide, code };
    vec![
        row("good", good.clone(), 0, None),
        row("good, of pigz", piped("pigz -n", &tar), 0, None),
        row("two members", two.clone(), 0, None),
        row("zeros after the end", [&good[..], &[0; 5000]].concat(), 0, None),
        row("a flipped bit", with(end / 2, 16), 2, Some("damaged")),
        row("a bad CRC", with(end - 6, 1), 2, Some("damaged")),
        row("a bad length", with(end - 2, 1), 2, Some("damaged")),
        row("the last 8 bytes gone", good[..end - 8].to_vec(), 2, Some("cut-short")),
        row("a file of no bytes", nothing.clone(), 2, Some("empty")),
        row("a plain tar under this name", tar.clone(), 2, Some("not-what-it-says")),
        row("cut at half", good[..end / 2].to_vec(), 2, Some("cut-short")),
        row("the second member cut", two[..two.len() - 200].to_vec(), 2, Some("cut-short")),
        row("garbage after the end", [&good[..], b"garbage".as_slice()].concat(), 2, Some("trailing-bytes")),
        row("tar cut inside a file", pack(&tar[..start + 512 + size / 2]), 2, Some("cut-short")),
        row("the checksum of a header is bad", pack(&bad_header), 2, Some("damaged")),
        row("tar cut at the border of a member", pack(&tar[..start]), 0, Some("cut-short")),
        row("no mark of the end", pack(&tar[..start + 512 + size.next_multiple_of(512)]), 0, Some("cut-short")),
        row("an empty archive", pack(&[0; 10240]), 0, Some("empty")),
        row("gzip of nothing", pack(&nothing), 0, Some("empty")),
        row("an empty dump inside", blank.packed("gzip -n"), 0, Some("member-empty")),
        row("half a dump inside", half.packed("gzip -n"), 0, Some("dump-incomplete")),
    ]
}

/// Returns where the header of a member begins, and its size.
pub(crate) fn member(tar: &[u8], name: &str) -> (usize, usize) {
    let at = (0..tar.len()).step_by(512).find(|at| tar[*at..].starts_with(format!("{name}\0").as_bytes())).unwrap();
    let size = std::str::from_utf8(&tar[at + 124..at + 135]).unwrap();
    (at, usize::from_str_radix(size, 8).unwrap())
}

#[tokio::test]
async fn every_broken_archive_is_seen_and_no_whole_one_is_refused() {
    let lab = Lab::new();
    let (mut seen, mut passed_by_guide) = (0, 0);
    for row in rows(&lab) {
        let path = lab.lay("shop_20261126_0600.tar.gz", &row.bytes, 2 * HOUR);
        assert_eq!(guide(&path), row.guide, "the line of the guide, of {}", row.what);
        let looked = lab.look().await;
        let text = format!("{}:\n{}", row.what, looked.text());
        match row.code {
            None => {
                assert_eq!((looked.entry.status(), looked.newest().level), (Status::Ok, Level::Decoded), "{text}");
                assert!(looked.newest().content.checksummed, "{text}");
            }
            Some(code) => {
                assert_eq!((looked.entry.status(), looked.newest().level), (Status::Critical, Level::Exists), "{text}");
                assert_eq!(looked.codes(), [code], "{text}");
                seen += 1;
                passed_by_guide += usize::from(row.guide == 0);
            }
        }
    }
    // Six of the seventeen are fine for the line of the guide.
    assert_eq!((seen, passed_by_guide), (17, 6));
}

#[tokio::test]
async fn every_packer_and_every_form_of_tar_is_read_to_its_end() {
    let lab = Lab::new();
    let name = "a-long-name-of-a-folder-that-does-not-fit-into-the-field-of-a-header-of-tar/".repeat(3);
    std::fs::create_dir_all(lab.source().join(&name)).unwrap();
    lab.put(&format!("{name}file"), b"content");
    for (packer, ending) in [("cat", "tar"), ("gzip", "tar.gz"), ("zstd -q --check", "tar.zst"), ("xz", "tar.xz")] {
        for form in ["gnu", "posix"] {
            let bytes = piped(packer, &lab.tar(&["--format", form]));
            let path = lab.lay(&format!("shop_20261126_0600.{ending}"), &bytes, 2 * HOUR);
            let looked = lab.look_with(serde_json::json!({ "expect": ["*.sql", "config/*", "*/file"] })).await;
            looked.expect(Status::Ok, &[], &["level 1"]);
            assert_eq!(looked.newest().content.files, 4, "{form} {ending}");
            assert_eq!(looked.newest().content.checksummed, ending != "tar");
            std::fs::remove_file(path).unwrap();
        }
    }
}
