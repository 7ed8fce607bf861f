//! Which roots are trusted: those of this host, or those of one file.
//!
//! The variables `SSL_CERT_FILE` and `SSL_CERT_DIR` are not followed: a check that runs from cron, from a shell and from
//! inside another program trusts the same roots in all three. Every report names the store that was used.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use selx_core::{Error, ErrorKind, Host, Result};

/// Where distributions keep all roots in one file, in the order in which they are tried.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
    "/etc/pki/tls/cacert.pem",
];

/// A bundle of roots is a few hundred KiB; whatever is larger than this is something else.
const BUNDLE_CAP: u64 = 16 << 20;

/// The roots that certificates are verified against. A clone shares them.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Which store it is, for reports: "/etc/ssl/certs/ca-certificates.crt (142 roots)".
    pub source: String,
    roots: Arc<RootCertStore>,
}

/// One file that was read, so that a process reads it once as long as it does not change.
struct Cached {
    path: PathBuf,
    changed: Option<SystemTime>,
    length: u64,
    trust: Trust,
}

static CACHE: Mutex<Vec<Cached>> = Mutex::new(Vec::new());

impl Trust {
    /// Reads the roots of `ca_file` if there is one, and only those; otherwise those of the host.
    ///
    /// What was read is kept for the life of the process and read again when the file changes.
    ///
    /// # Errors
    ///
    /// `Missing` if the host has no store or the file does not exist, `Denied` if it may not be read, `Config` if the
    /// file holds no certificate that can be a root.
    pub fn load(ca_file: Option<&Path>, host: &Host) -> Result<Self> {
        if let Some(path) = ca_file {
            return Self::of_file(&located(path, host));
        }
        for bundle in BUNDLES {
            let path = host.path(bundle);
            if path.is_file() {
                return Self::of_file(&path);
            }
        }
        if host.root == Path::new("/") { Self::of_platform() } else { Err(no_store()) }
    }

    /// Makes the settings of a client that verifies against these roots at the time of this machine, and offers these
    /// application protocols.
    ///
    /// # Errors
    ///
    /// `Bug` if the cryptographic provider supports none of the protocol versions.
    pub fn client_config(&self, alpn: &[&[u8]]) -> Result<Arc<ClientConfig>> {
        self.configured(alpn, Arc::new(rustls::time_provider::DefaultTimeProvider))
    }

    /// Makes the same settings, verifying at a given time: that of [`selx_core::Clock::now`].
    ///
    /// # Errors
    ///
    /// `Bug` if the cryptographic provider supports none of the protocol versions.
    pub fn client_config_at(&self, alpn: &[&[u8]], now: Timestamp) -> Result<Arc<ClientConfig>> {
        self.configured(alpn, Arc::new(Fixed(unix_time(now.as_second()))))
    }

    /// Returns the verifier of these roots, as every client of this library uses it.
    ///
    /// # Errors
    ///
    /// `Bug` if there are no roots, which [`Trust::load`] does not let happen.
    pub fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>> {
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.roots), provider());
        let verifier = builder
            .build()
            .map_err(|error| Error::new(ErrorKind::Bug, "the verifier cannot be made").source_error(error))?;
        Ok(verifier)
    }

    /// Returns the roots.
    pub fn roots(&self) -> &RootCertStore {
        &self.roots
    }

    fn configured(&self, alpn: &[&[u8]], time: Arc<dyn TimeProvider>) -> Result<Arc<ClientConfig>> {
        let mut config = ClientConfig::builder_with_details(provider(), time)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new(ErrorKind::Bug, "the TLS client cannot be set up").source_error(error))?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        // A check is to see the certificate of now, not the session of a minute ago.
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }

    fn of_file(path: &Path) -> Result<Self> {
        let shown = format!("`{}`", path.display());
        let about = std::fs::metadata(path).map_err(|error| Error::from_io(error, &shown))?;
        // Opening a pipe would wait for somebody to write into it, and a device has no end.
        if !about.is_file() {
            return Err(Error::new(ErrorKind::Config, format!("{shown} is not a plain file")));
        }
        let (changed, length) = (about.modified().ok(), about.len());
        let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) =
            cache.iter().find(|cached| cached.path == path && cached.changed == changed && cached.length == length)
        {
            return Ok(known.trust.clone());
        }
        if length > BUNDLE_CAP {
            return Err(Error::new(
                ErrorKind::Limit,
                format!("{shown} is larger than the 16 MiB that are read of a file of roots"),
            ));
        }
        let text = std::fs::read(path).map_err(|error| Error::from_io(error, &shown))?;
        let mut roots = RootCertStore::empty();
        let mut refused = 0_usize;
        for certificate in CertificateDer::pem_slice_iter(&text) {
            // One root of a bundle that nobody can use does not take the others away.
            let added = certificate.is_ok_and(|certificate| roots.add(certificate).is_ok());
            refused += usize::from(!added);
        }
        let trust = Self::of_roots(roots, &path.display().to_string(), refused).ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("{shown} holds no certificate that can be a root, in PEM form"))
                .advice("name a file with `-----BEGIN CERTIFICATE-----` blocks of the root certificates")
        })?;
        cache.retain(|cached| cached.path != path);
        cache.push(Cached { path: path.to_owned(), changed, length, trust: trust.clone() });
        Ok(trust)
    }

    /// Reads the store of a platform that keeps no bundle at a usual place.
    fn of_platform() -> Result<Self> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (_, refused) = roots.add_parsable_certificates(found.certs);
        // The library follows these two; then the report says so.
        let variable = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().find(|name| std::env::var_os(name).is_some());
        let name = match variable {
            Some(variable) => format!("the store named by {variable}"),
            None => "the store of this platform".to_owned(),
        };
        Self::of_roots(roots, &name, refused).ok_or_else(no_store)
    }

    fn of_roots(roots: RootCertStore, name: &str, refused: usize) -> Option<Self> {
        if roots.is_empty() {
            return None;
        }
        let unusable = match refused {
            0 => String::new(),
            refused => format!(", {refused} not usable"),
        };
        let ending = if roots.len() == 1 { "" } else { "s" };
        Some(Self { source: format!("{name} ({} root{ending}{unusable})", roots.len()), roots: Arc::new(roots) })
    }
}

/// Finds a file of the configuration: absolute paths are those of the host that is looked at.
pub(crate) fn located(path: &Path, host: &Host) -> PathBuf {
    if path.is_absolute() { host.path(path) } else { path.to_owned() }
}

fn no_store() -> Error {
    let places = BUNDLES.join("`, `");
    Error::new(ErrorKind::Missing, format!("this host has no store of trusted roots (looked for `{places}`)"))
        .advice("`apt-get install ca-certificates`, or set `ca-file`")
}

/// Returns the cryptography that is used; the default of the process is left to whoever embeds this library.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

/// Returns a time in the form that verification takes; times before 1970 are 1970.
pub(crate) fn unix_time(seconds: i64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// A clock that stands.
#[derive(Debug)]
struct Fixed(UnixTime);

impl TimeProvider for Fixed {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(name: &str) -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn a_host_without_a_store_is_told_the_package() {
        let folder = tempfile::tempdir().unwrap();
        let error = Trust::load(None, &Host::below(folder.path())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing);
        assert!(error.advice_text().unwrap().contains("apt-get install ca-certificates"));
    }

    #[test]
    fn the_store_of_the_host_is_named_and_read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::below(folder.path());
        let path = host.path("/etc/pki/tls/certs/ca-bundle.crt");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, root("one")).unwrap();
        let trust = Trust::load(None, &host).unwrap();
        assert!(trust.source.ends_with("ca-bundle.crt (1 root)"), "{}", trust.source);
        std::fs::write(&path, format!("{}{}", root("one"), root("two"))).unwrap();
        let trust = Trust::load(None, &host).unwrap();
        assert!(trust.source.ends_with("(2 roots)"), "{}", trust.source);
        let again = Trust::load(None, &host).unwrap();
        assert!(Arc::ptr_eq(&trust.roots, &again.roots), "read twice");
    }

    #[test]
    fn a_file_without_roots_is_a_wrong_setting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roots.pem");
        let host = Host::default();
        let error = Trust::load(Some(&path), &host).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing);
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for endless in [pipe.as_path(), Path::new("/dev/zero")] {
            let error = Trust::load(Some(endless), &host).unwrap_err();
            assert!(error.to_string().contains("is not a plain file"), "{error}");
        }
        std::fs::write(&path, "nothing").unwrap();
        let error = Trust::load(Some(&path), &host).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        // A damaged block beside a good one is counted, not passed over in silence.
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&path, format!("{damaged}{}", root("good"))).unwrap();
        let trust = Trust::load(Some(&path), &host).unwrap();
        assert!(trust.source.ends_with("(1 root, 1 not usable)"));
        assert!(trust.client_config(&[b"http/1.1"]).is_ok());
    }
}
