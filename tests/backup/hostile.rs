//! Archives that are made to hurt, disks that fail, and looks that are called off.

use std::time::{Duration, Instant};

use selx_core::Status;
use serde_json::json;

use crate::lab::{HOUR, Lab, look, piped};
use crate::matrix::member;

/// One block of tar with its checksum.
fn header(name: &str, kind: u8, size: &[u8; 12], link: &str, mode: &str) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..100 + mode.len()].copy_from_slice(mode.as_bytes());
    block[124..136].copy_from_slice(size);
    block[136..147].copy_from_slice(b"15101414000");
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    signed(block)
}

fn signed(mut block: Vec<u8>) -> Vec<u8> {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

const EMPTY: &[u8; 12] = b"00000000000\0";
const ONE: &[u8; 12] = b"00000000001\0";

/// A member of one byte.
fn file(name: &str) -> Vec<u8> {
    [header(name, b'0', ONE, "", "0000644"), [&b"x"[..], &[0; 511]].concat()].concat()
}

fn link(name: &str, kind: u8, to: &str) -> Vec<u8> {
    header(name, kind, EMPTY, to, "0000777")
}

/// Records for the next member, in the manner of PAX.
fn records(text: &str) -> Vec<u8> {
    let size: [u8; 12] = format!("{:011o}\0", text.len()).into_bytes().try_into().unwrap();
    let mut content = text.as_bytes().to_vec();
    content.resize(text.len().next_multiple_of(512), 0);
    [header("pax", b'x', &size, "", "0000644"), content].concat()
}

/// A name for the next member that is too long for its field, in the manner of GNU.
fn long_name(text: &str) -> Vec<u8> {
    let size: [u8; 12] = format!("{:011o}\0", text.len() + 1).into_bytes().try_into().unwrap();
    let mut content = text.as_bytes().to_vec();
    content.resize((text.len() + 1).next_multiple_of(512), 0);
    [header("././@LongLink", b'L', &size, "", "0000644"), content].concat()
}

/// An archive of some members, with its end.
fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

async fn of(lab: &Lab, tar: &[u8]) -> crate::lab::Looked {
    lab.lay("x.tar.gz", &piped("gzip -n", tar), HOUR);
    lab.look_with(json!({ "newest-by": "written" })).await
}

#[tokio::test]
async fn j7_bombs_end_at_the_limits() {
    let lab = Lab::new();
    let zeros = vec![0; 64 << 20];
    for (packer, name) in [("gzip -n", "a.tar.gz"), ("zstd -q --check", "b.tar.zst"), ("xz -0", "c.tar.xz")] {
        let packed = piped(packer, &zeros);
        let path = lab.lay(name, &packed, HOUR);
        let looked = lab.look().await;
        looked.expect(Status::Critical, &["too-large"], &["more than 250 bytes unpacked for each packed one"]);
        assert!(looked.newest().content.bytes <= 17 << 20, "{}", looked.newest().content.bytes);
        let with = json!({ "max-ratio": 1_000_000, "max-bytes": "20MiB" });
        lab.look_with(with).await.expect(Status::Critical, &["too-large"], &["more than 20 MiB unpacked"]);
        std::fs::remove_file(path).unwrap();
    }
    // Inside of an archive that is harmless by itself.
    lab.put("logs/bomb.gz", &piped("gzip -n", &zeros));
    lab.lay("d.tar.gz", &lab.packed("gzip -n"), HOUR);
    lab.look().await.expect(Status::Warning, &["member-damaged"], &["./logs/bomb.gz", "more than 250"]);
    let with = json!({ "max-members": 3 });
    lab.look_with(with).await.expect(Status::Unknown, &["limit-reached"], &["more than 3 members"]);
}

#[tokio::test]
async fn j8_sizes_that_lie_end_where_the_bytes_do() {
    let lab = Lab::new();
    let huge = |first: u8| {
        let mut size = [0xff; 12];
        size[0] = first;
        size[1..4].fill(if first == 0x80 { 0 } else { 0xff });
        size
    };
    // 2^63 and more, a negative one, one of 8 EiB less one byte, and one of 64 GiB in octal digits.
    let mut almost = [0_u8; 12];
    almost[0] = 0x80;
    almost[4..].copy_from_slice(&(i64::MAX as u64).to_be_bytes());
    for (size, code, words) in [
        (huge(0x80), "damaged", "beyond what a file can have"),
        (huge(0xff), "damaged", "negative"),
        (almost, "cut-short", "a size that no file has"),
        (*b"777777777777", "cut-short", "bytes are missing"),
        (*b"00000000009\0", "damaged", "no number"),
    ] {
        let tar = [header("a", b'0', &size, "", "0000644"), vec![0; 4096]].concat();
        let looked = of(&lab, &tar).await;
        looked.expect(Status::Critical, &[code], &[words]);
    }
}

#[tokio::test]
async fn j8_headers_that_programs_would_read_differently_are_refused() {
    let lab = Lab::new();
    let ten = *b"00000000012\0";
    let of_ten = [header("a", b'0', &ten, "", "0000644"), vec![b'x'; 10], vec![0; 502]].concat();
    for (tar, words) in [
        (archive(&[records("13 size=1024\n"), of_ten.clone()]), "would read different members"),
        (archive(&[records("99 path=a\n"), file("a")]), "the length that it says"),
        (archive(&[records("12 size=-1x\n"), file("a")]), "no number"),
        (archive(&[records("12 path=a/b\n")]), "a member that does not follow"),
        (archive(&[records("12 path=a\0b\n"), file("a")]), "would read different names"),
        (archive(&[long_name("a\0b"), file("a")]), "would read different names"),
        (archive(&[records("12 path=a/b\n").repeat(9), file("a")]), "headers in a row"),
        (archive(&[header("a", b'?', EMPTY, "", "0000644")]), "is unknown"),
        (archive(&[header("a", b'M', ONE, "", "0000644")]), "another volume"),
        (archive(&[file("a"), vec![0; 512], file("b")]), "one block of zeros"),
    ] {
        let looked = of(&lab, &tar).await;
        looked.expect(Status::Critical, &["damaged"], &[words]);
    }
    let looked = of(&lab, &[archive(&[file("a")]), file("b")].concat()).await;
    looked.expect(Status::Critical, &["trailing-bytes"], &["behind the end of the tar archive"]);
    of(&lab, &archive(&[long_name("a/b"), file("a")])).await.expect(Status::Ok, &[], &[]);
    // The other way round: a size that PAX gives where the field has no room.
    let of_pax = [records("11 size=10\n"), header("a", b'0', EMPTY, "", "0000644"), vec![b'x'; 10], vec![0; 502]];
    of(&lab, &archive(&of_pax)).await.expect(Status::Ok, &[], &[]);
}

#[tokio::test]
async fn j8_what_would_leave_the_folder_is_told_and_nothing_is_written() {
    let lab = Lab::new();
    for (members, code, words) in [
        (vec![file("../../etc/cron.d/x")], "escapes", "its name leads out"),
        (vec![file("a/../../x")], "escapes", "its name leads out"),
        (vec![link("a", b'2', "/etc"), file("a/cron.d/x")], "escapes", "through a link"),
        (vec![link("a/b", b'2', "../../etc"), file("a/b/x")], "escapes", "through a link"),
        (vec![file("a"), link("b", b'1', "../../etc/shadow")], "escapes", "a hard link to"),
        // Step by step, each of which stays inside by itself.
        (vec![link("d/l1", b'2', ".."), link("l2", b'2', "d/l1/.."), file("l2/x")], "escapes", "l2/x (through a link"),
        (vec![link("d/l", b'2', "../../etc"), link("m", b'2', "d/l"), file("m/x")], "escapes", "m/x (through a link"),
        (vec![link("d/e/l", b'2', "../.."), link("h", b'1', "d/e/l"), file("h/x")], "escapes", "h/x (through a link"),
        (vec![file("a"), link("l", b'2', "/etc"), link("b", b'1', "l/shadow")], "escapes", "a hard link to l/shadow"),
        (vec![link("a", b'2', "b"), link("b", b'2', "a"), file("a/x")], "escapes", "a/x (through a link"),
        (vec![file("/etc/cron.d/x")], "unusual-members", "begins with a slash"),
        (vec![file("a"), header("dev", b'4', EMPTY, "", "0000644")], "unusual-members", "a device"),
        (vec![header("su", b'0', ONE, "", "0004755"), vec![0; 512]], "unusual-members", "4755"),
        (vec![file("a"), file("b"), file("./a")], "twice", "there twice"),
    ] {
        let looked = of(&lab, &archive(&members)).await;
        let status = if code == "escapes" { Status::Critical } else { Status::Warning };
        looked.expect(status, &[code], &[words]);
    }
    // What is written through a link that stays inside is well.
    let inside = [link("d/up", b'2', ".."), link("bin", b'2', "d/up/usr/bin"), file("bin/x"), link("l", b'2', "/etc")];
    of(&lab, &archive(&inside)).await.expect(Status::Ok, &[], &[]);
    // Links that lead out are what a backup of a system is full of, and so are names of `.`.
    let usual =
        [link("etc/localtime", b'2', "/usr/share/zoneinfo/UTC"), header("./", b'5', EMPTY, "", "0000755"), file("a")];
    of(&lab, &archive(&usual)).await.expect(Status::Ok, &[], &[]);
    assert_eq!(std::fs::read_dir(lab.backups()).unwrap().count(), 1);
}

#[tokio::test]
async fn j8_maps_of_holes_have_to_fit() {
    let lab = Lab::new();
    let sparse = |offset: &[u8], length: &[u8], real: &[u8]| {
        let mut block = header("holes", b'S', ONE, "", "0000644");
        block[386..386 + offset.len()].copy_from_slice(offset);
        block[398..398 + length.len()].copy_from_slice(length);
        block[483..483 + real.len()].copy_from_slice(real);
        archive(&[signed(block), vec![0; 512]])
    };
    of(&lab, &sparse(b"00000001000", b"00000000001", b"00000002000")).await.expect(Status::Ok, &[], &[]);
    for (offset, length, real) in [
        (&b"00000002000"[..], &b"00000000001"[..], &b"00000002000"[..]),
        (b"00000000000", b"00000000002", b"00000002000"),
        (&[0xff; 12], b"00000000001", b"00000002000"),
    ] {
        let looked = of(&lab, &sparse(offset, length, real)).await;
        looked.expect(Status::Critical, &["damaged"], &["the map of a file with holes"]);
    }
}

#[tokio::test]
async fn j3_what_is_no_archive_is_critical_whatever_its_name_says() {
    let lab = Lab::new();
    for name in ["x.tar.gz", "x.tgz", "x.tar.zst", "x.tar", "x.sql", "x.sql.gz", "x.dump"] {
        let path = lab.lay(name, b"", HOUR);
        lab.look().await.expect(Status::Critical, &["empty"], &["has no content"]);
        lab.lay(name, b"disk is full!\n", HOUR);
        let looked = lab.look().await;
        assert_eq!(looked.entry.status(), Status::Critical, "{name}: {}", looked.text());
        std::fs::remove_file(path).unwrap();
    }
    lab.lay("x.sql.gz", &piped("gzip -n", b"pg_dump: error: connection refused\n"), HOUR);
    lab.look().await.expect(Status::Critical, &["not-what-it-says"], &["not what its name says"]);
}

#[tokio::test]
async fn j5_archives_in_a_row_are_not_one_archive() {
    let lab = Lab::new();
    let tar = lab.tar(&[]);
    // Each packed for itself: gzip joins them, and `tar` reads the first alone.
    let packed = piped("gzip -n", &tar);
    lab.lay("x.tar.gz", &[&packed[..], &packed].concat(), HOUR);
    lab.look().await.expect(Status::Critical, &["trailing-bytes"], &["behind the end of the tar archive"]);
}

#[tokio::test]
async fn what_cannot_be_seen_is_not_called_fine() {
    let lab = Lab::new();
    for (bytes, code) in [
        (&b"age-encryption.org/v1\n-> X25519 abc\n"[..], "encrypted"),
        (b"-----BEGIN PGP MESSAGE-----\n", "encrypted"),
        (b"Salted__01234567", "encrypted"),
        (&piped("bzip2", b"text"), "not-supported"),
    ] {
        lab.lay("x.tar.gz", bytes, HOUR);
        lab.look().await.expect(Status::Unknown, &[code], &[]);
    }
    std::fs::remove_file(lab.path("x.tar.gz")).unwrap();
    // A pipe and a link under the name of an archive are not opened.
    rustix::fs::mknodat(
        rustix::fs::CWD,
        lab.path("pipe.tar.gz"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    std::os::unix::fs::symlink("/etc/passwd", lab.path("link.tar.gz")).unwrap();
    lab.look().await.expect(Status::Critical, &["no-archive"], &["holds no archive"]);
}

#[tokio::test]
async fn j19_a_disk_that_fails_under_one_backup_takes_nothing_from_the_others() {
    let lab = Lab::new();
    let packed = lab.packed("gzip -n");
    for day in 23..=26 {
        lab.lay(&format!("shop_202611{day}.tar.gz"), &packed, 6 * HOUR + (26 - day) * crate::lab::DAY);
    }
    // The memory of a process is a file whose first bytes cannot be read.
    let target = lab.path("shop_20261124.tar.gz");
    rustix::mount::mount_bind(format!("/proc/{}/mem", std::process::id()), &target).expect("the right to mount (root)");
    let looked = lab.look_with(json!({ "read": 4, "newest-by": "name" })).await;
    rustix::mount::unmount(&target, rustix::mount::UnmountFlags::DETACH).unwrap();
    let text = looked.text();
    assert_eq!(looked.entry.status(), Status::Critical, "{text}");
    assert!(looked.codes().contains(&"read-error") && text.contains("Input/output error"), "{text}");
    let read = &looked.facts.series[0].read;
    assert_eq!((read.len(), read.iter().filter(|archive| archive.damage.is_none()).count()), (4, 3), "{text}");
}

#[tokio::test]
async fn a_look_that_is_out_of_time_ends_at_once_and_says_what_to_do() {
    let lab = Lab::new();
    // Letters of no order do not pack, and so take their time.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 59) as u8
    })
    .take(200 << 20)
    .collect();
    lab.lay("x.sql.gz", &piped("pigz -n -1", &noise), HOUR);
    let begun = Instant::now();
    let looked = look(json!({ "path": lab.backups() }), Duration::from_millis(200)).await;
    assert!(begun.elapsed() < Duration::from_millis(1200), "{:?}", begun.elapsed());
    looked.expect(Status::Unknown, &[], &["did not finish within 200ms"]);
}

#[tokio::test]
async fn the_place_of_damage_is_told() {
    let lab = Lab::new();
    let mut tar = lab.tar(&[]);
    let (at, _) = member(&tar, "./shop.sql");
    tar[at + 3] ^= 1;
    let looked = of(&lab, &tar).await;
    looked.expect(Status::Critical, &["damaged"], &[&format!("at byte {} of the tar archive", at + 512)]);
}
