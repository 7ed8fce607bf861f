//! Certificates on disk, and the private keys beside them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use selx_core::{Host, Result};
use tokio_util::sync::CancellationToken;

use super::facts::{File, FileTrouble, Key, Reason};
use super::parse::{Link, fingerprint, parse};
use super::trust::located;

/// How many files one check reads.
pub const FILES_CAP: usize = 1000;
/// How many paths behind one pattern are looked at.
const PATHS_CAP: usize = 10_000;
/// A file with certificates is a few KiB; a bundle of all roots is a quarter of a MiB.
const SIZE_CAP: u64 = 4 << 20;
/// How many certificates of one file are looked at: enough for a bundle of all public roots.
const KEPT: usize = 300;
/// How many certificates of one file are counted.
const COUNT_CAP: usize = 1000;

/// What the patterns led to.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) files: Vec<File>,
    pub(crate) unmatched: Vec<String>,
    pub(crate) omitted: usize,
}

/// Reads every file that the patterns match.
pub(crate) fn find(patterns: &[String], keys: bool, host: &Host, token: &CancellationToken) -> Result<Found> {
    let mut found = Found::default();
    let mut seen: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        let mut matched = false;
        for path in matches(pattern, host, &mut found.files) {
            matched = true;
            if token.is_cancelled() {
                break;
            }
            if seen.contains(&path) {
                continue;
            }
            if seen.len() >= FILES_CAP {
                found.omitted += 1;
                continue;
            }
            found.files.push(read(&path, keys, host));
            seen.push(path);
        }
        // A folder that may not be read has been reported by then, and is not "nothing".
        let refused =
            found.files.iter().any(|file| file.trouble.is_some() && Path::new(&file.path) == Path::new(pattern));
        if !matched && !refused {
            found.unmatched.push(pattern.clone());
        }
    }
    Ok(found)
}

/// Returns the paths of a pattern; folders on the way that may not be read become files with trouble.
fn matches(pattern: &str, host: &Host, unreadable: &mut Vec<File>) -> Vec<PathBuf> {
    let path = located(Path::new(pattern), host);
    if !pattern.contains(['*', '?', '[']) {
        // A path without a pattern is opened, so that "not allowed to look" is not mistaken for "not there".
        return match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            _ => vec![path],
        };
    }
    // What stands for `/` is no part of the pattern.
    let whole = match pattern.strip_prefix('/') {
        Some(rest) if host.root != Path::new("/") => {
            format!("{}/{rest}", glob::Pattern::escape(&host.root.to_string_lossy()))
        }
        _ => pattern.to_owned(),
    };
    let Ok(paths) = glob::glob(&whole) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (index, path) in paths.enumerate() {
        match path {
            _ if index >= PATHS_CAP => {
                unreadable.push(File {
                    path: pattern.to_owned(),
                    trouble: Some(FileTrouble {
                        reason: Reason::UnreadableFile,
                        text: format!("leads to more than {PATHS_CAP} paths; the others were not looked at"),
                    }),
                    ..File::default()
                });
                break;
            }
            Ok(path) if path.is_dir() => {}
            Ok(path) => found.push(path),
            Err(error) => unreadable.push(File {
                path: pattern.to_owned(),
                trouble: Some(FileTrouble {
                    reason: Reason::UnreadableFile,
                    text: format!("`{}` may not be searched: {}", shown(error.path(), host), error.error()),
                }),
                ..File::default()
            }),
        }
    }
    found
}

/// Returns a path as the host itself calls it.
fn shown(path: &Path, host: &Host) -> String {
    let inner = if host.root == Path::new("/") { None } else { path.strip_prefix(&host.root).ok() };
    match inner {
        Some(inner) => format!("/{}", inner.display()),
        None => path.display().to_string(),
    }
}

/// Reads one file of the configuration, absolute paths being those of the host.
pub(crate) fn read_named(path: &Path, host: &Host) -> File {
    read(&located(path, host), false, host)
}

fn read(path: &Path, keys: bool, host: &Host) -> File {
    let mut file = File { path: shown(path, host), ..File::default() };
    let bytes = match content(path) {
        Ok(bytes) => bytes,
        Err((reason, text)) => {
            file.trouble = Some(FileTrouble { reason, text });
            return file;
        }
    };
    let mut leaf = None;
    for block in blocks(&bytes) {
        file.chain_total += 1;
        let link = match &block {
            Ok(der) => Link::of(der),
            Err(text) => Link::Unreadable { text: text.clone(), fingerprint: fingerprint(&bytes) },
        };
        if let (1, Ok(der)) = (file.chain_total, block) {
            leaf = Some(der);
        }
        if file.chain.len() < KEPT {
            file.chain.push(link);
        }
    }
    if file.chain.is_empty() {
        let text = "holds no certificate, neither in PEM nor in DER form".to_owned();
        file.trouble = Some(FileTrouble { reason: Reason::NoCertificateInFile, text });
    }
    if keys && let Some(leaf) = leaf {
        file.key = Some(key(path, &bytes, &leaf, host));
    }
    file
}

fn content(path: &Path) -> Result<Vec<u8>, (Reason, String)> {
    use std::io::ErrorKind as Io;
    let failed = |error: std::io::Error| match error.kind() {
        Io::PermissionDenied => (Reason::UnreadableFile, "may not be read by this user".to_owned()),
        Io::NotFound => (Reason::NoCertificateInFile, "does not exist".to_owned()),
        _ => (Reason::UnreadableFile, format!("cannot be read: {error}")),
    };
    let about = std::fs::metadata(path).map_err(failed)?;
    // Opening a pipe would wait for somebody to write into it.
    if !about.is_file() {
        return Err((Reason::NoCertificateInFile, "is not a file".to_owned()));
    }
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(SIZE_CAP + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > SIZE_CAP {
        return Err((Reason::UnreadableFile, "is larger than the 4 MiB that are read of a file".to_owned()));
    }
    Ok(bytes)
}

/// Returns the certificates of a file, in PEM or DER form.
fn blocks(bytes: &[u8]) -> Vec<Result<CertificateDer<'static>, String>> {
    let is_pem = bytes.windows(11).any(|part| part == b"-----BEGIN ");
    if is_pem {
        return CertificateDer::pem_slice_iter(bytes)
            .take(COUNT_CAP)
            .map(|block| block.map_err(|error| format!("has a damaged PEM block: {error}")))
            .collect();
    }
    match bytes.first() {
        Some(0x30) => vec![Ok(CertificateDer::from(bytes.to_vec()))],
        _ => Vec::new(),
    }
}

/// Looks for the private key of a certificate: in the same file, as `privkey.pem` beside it, or with the ending `.key`.
fn key(path: &Path, bytes: &[u8], leaf: &CertificateDer<'_>, host: &Host) -> Key {
    let within = bytes.windows(12).any(|part| part == b"PRIVATE KEY-");
    let beside = [path.with_file_name("privkey.pem"), path.with_extension("key")];
    let place = if within {
        path.to_owned()
    } else {
        // A key that may not be looked at is not a key that is not there.
        let there = |path: &&PathBuf| {
            std::fs::metadata(path).map_or_else(|error| error.kind() != std::io::ErrorKind::NotFound, |_| true)
        };
        match beside.iter().find(there) {
            Some(path) => path.clone(),
            None => {
                return Key {
                    path: shown(&path.with_file_name("privkey.pem"), host),
                    trouble: Some("does not exist, nor does a file with the ending `.key`".to_owned()),
                    ..Key::default()
                };
            }
        }
    };
    let mut key = Key { path: shown(&place, host), open_to_all: open_to_all(&place), ..Key::default() };
    match fits(&place, leaf) {
        Ok(fits) => key.fits = Some(fits),
        Err(text) => key.trouble = Some(text),
    }
    key
}

fn fits(place: &Path, leaf: &CertificateDer<'_>) -> Result<bool, String> {
    let bytes = content(place).map_err(|(_, text)| text)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_| "holds no private key in PEM form that can be read without a passphrase".to_owned())?;
    let signer = rustls::crypto::ring::sign::any_supported_type(&key)
        .map_err(|_| "holds a key of a type that selx cannot compare".to_owned())?;
    let public = signer.public_key().ok_or_else(|| "holds a key whose public half cannot be made".to_owned())?;
    Ok(fingerprint(&public) == parse(leaf)?.key_fingerprint)
}

/// Tells whether every user can read a file: its own mode, and a way through every folder above it.
fn open_to_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(real) = path.canonicalize() else {
        return false;
    };
    let mode = |path: &Path| std::fs::metadata(path).map_or(0, |about| about.permissions().mode());
    mode(&real) & 0o004 != 0 && real.ancestors().skip(1).all(|folder| mode(folder) & 0o001 != 0)
}
