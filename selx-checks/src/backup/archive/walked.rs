//! The walk beside two others that read the same bytes: the tar crate, and GNU tar.

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use proptest::prelude::*;

use super::header::Kind;
use super::stream::{Bytes, Unpacked};
use super::tar::{Tar, Wrong};
use crate::unpack::Caps;

/// A member as every reader should see it: name, kind, content.
type Seen = (Vec<u8>, char, Vec<u8>);

#[derive(Clone, Debug)]
struct Member {
    name: String,
    kind: u8,
    content: Vec<u8>,
    link: String,
    modified: u64,
    pax: bool,
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    let name = prop_oneof![
        4 => "[a-z]{1,12}(/[a-z.]{1,20}x){0,4}",
        2 => "[a-z]{90,110}",
        1 => "([a-z]{1,40}/){4,8}[a-z]{1,60}",
        1 => "[a-zäß☃]{1,40}",
    ];
    let length = prop_oneof![Just(0), 0..40_usize, 500..530_usize, 0..3000_usize];
    let content = (length, any::<u8>()).prop_map(|(length, seed)| {
        let next = |state: &mut u8| {
            *state = state.wrapping_mul(5).wrapping_add(13);
            Some(*state)
        };
        std::iter::successors(Some(seed), |state| next(&mut state.clone())).take(length).collect::<Vec<u8>>()
    });
    let member = (name, 0..4_u8, content, "[a-z]{1,130}", 0..1_u64 << 34, any::<bool>())
        .prop_map(|(name, kind, content, link, modified, pax)| Member { name, kind, content, link, modified, pax });
    proptest::collection::vec(member, 0..8)
}

/// Writes an archive by the tar crate.
fn archive(members: &[Member]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for member in members {
        let mut header = if member.pax { ::tar::Header::new_ustar() } else { ::tar::Header::new_gnu() };
        header.set_mode(0o644);
        header.set_mtime(member.modified);
        header.set_size(0);
        if member.pax {
            let seconds = format!("{}.25", member.modified);
            builder.append_pax_extensions([("mtime", seconds.as_bytes()), ("path", member.name.as_bytes())]).unwrap();
        }
        // The name of PAX counts; that of the header is another one.
        let name = if member.pax { "short" } else { &*member.name };
        match member.kind {
            0 | 1 => {
                header.set_size(member.content.len() as u64);
                header.set_entry_type(::tar::EntryType::Regular);
                builder.append_data(&mut header, name, &*member.content).unwrap();
            }
            2 => {
                header.set_entry_type(::tar::EntryType::Directory);
                builder.append_data(&mut header, name, &[][..]).unwrap();
            }
            _ => {
                header.set_entry_type(::tar::EntryType::Symlink);
                builder.append_link(&mut header, name, &member.link).unwrap();
            }
        }
    }
    builder.into_inner().unwrap()
}

/// Reads an archive by the walk.
fn ours(bytes: &[u8]) -> Result<Vec<Seen>, Wrong> {
    let mut unpacked = Unpacked::new(bytes, Caps { bytes: 1 << 30, ratio: 10_000 }).unwrap();
    let mut tar = Tar::new(&mut unpacked);
    let mut seen = Vec::new();
    while let Some(entry) = tar.next()? {
        let mut member = tar.content(&entry, false);
        let mut content = Vec::new();
        loop {
            let piece = member.piece(100)?;
            if piece.is_empty() {
                break;
            }
            content.extend_from_slice(piece);
        }
        let (missing, _) = member.finish()?;
        tar.was_read(&entry, missing)?;
        seen.push((trimmed(&entry.name), letter(entry.kind), content));
    }
    Ok(seen)
}

fn letter(kind: Kind) -> char {
    match kind {
        Kind::File => 'f',
        Kind::Folder => 'd',
        Kind::SymbolicLink => 'l',
        Kind::HardLink => 'h',
        Kind::Device | Kind::Pipe | Kind::Note => 'o',
    }
}

fn trimmed(name: &[u8]) -> Vec<u8> {
    name.strip_suffix(b"/").unwrap_or(name).to_vec()
}

/// Reads an archive by the tar crate.
fn theirs(bytes: &[u8]) -> std::io::Result<Vec<Seen>> {
    let mut archive = ::tar::Archive::new(bytes);
    let mut seen = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        let kind = match kind {
            _ if kind.is_dir() => 'd',
            _ if kind.is_symlink() => 'l',
            _ if kind.is_hard_link() => 'h',
            _ if kind.is_file() || kind.is_contiguous() => 'f',
            _ => 'o',
        };
        let name = trimmed(&entry.path_bytes());
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        seen.push((name, kind, content));
    }
    Ok(seen)
}

/// Lists an archive by GNU tar.
#[expect(clippy::disallowed_methods, reason = "the test asks the program that everybody uses")]
fn listed(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut command = std::process::Command::new("tar");
    command.args(["-t", "-f", "-", "--quoting-style=literal"]).env("LC_ALL", "C.UTF-8");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The end of the blocks may be left unread.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(trimmed).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_walk_sees_what_others_see(members in members()) {
        let bytes = archive(&members);
        let seen = ours(&bytes).expect("a whole archive");
        prop_assert_eq!(&seen, &theirs(&bytes).unwrap());
        prop_assert_eq!(seen.len(), members.len());
        let names: Vec<Vec<u8>> = seen.into_iter().map(|(name, ..)| name).collect();
        prop_assert_eq!(names, listed(&bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_archives_are_refused_or_read_as_others_read_them(
        members in members(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = archive(&members);
        for (at, to) in flips {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        if let Ok(seen) = ours(&bytes) {
            match theirs(&bytes) {
                Ok(theirs) => prop_assert_eq!(seen, theirs),
                // The sum of a header may be that of signed bytes, which the crate refuses and GNU tar takes, as we do.
                Err(error) => {
                    prop_assert!(error.to_string().contains("checksum"), "{}", error);
                    prop_assert_eq!(seen.is_empty(), listed(&bytes).is_empty());
                }
            }
        }
    }
}
