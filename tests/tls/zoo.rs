//! Certificates with every fault, made at run time, and the servers that show them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

/// The time of every test, unless it says another: 2026-11-23T02:30:00Z.
pub(crate) const NOW: i64 = 1_795_401_000;
pub(crate) const DAY: i64 = 86_400;

/// An authority, root or not.
pub(crate) struct Authority {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) der: CertificateDer<'static>,
    pub(crate) pem: String,
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    params
}

/// Makes a root.
pub(crate) fn root(name: &str) -> Authority {
    let key = KeyPair::generate().unwrap();
    let params = authority_params(name);
    let certificate = params.self_signed(&key).unwrap();
    Authority { der: certificate.der().clone(), pem: certificate.pem(), issuer: Issuer::new(params, key) }
}

/// A certificate with its chain and key.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) pem: String,
    pub(crate) key_pem: String,
    pub(crate) staple: Option<Vec<u8>>,
}

impl Authority {
    pub(crate) fn intermediate(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = authority_params(name);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self { der: certificate.der().clone(), pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    /// Makes a certificate for names; its chain is itself alone.
    pub(crate) fn site(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Site {
        self.site_with(KeyPair::generate().unwrap(), names, change)
    }

    pub(crate) fn site_with(&self, key: KeyPair, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Site {
        let params = site_params(names, change);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Site {
            chain: vec![certificate.der().clone()],
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            staple: None,
        }
    }
}

pub(crate) fn site_params(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "the site");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2026, 10, 24) + Duration::from_secs(9_000);
    params.not_after = params.not_before + Duration::from_secs(90 * 86_400);
    change(&mut params);
    params
}

/// Sets the dates of a certificate, in seconds from now.
pub(crate) fn dates(from: i64, to: i64) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        let at = |seconds: i64| date_time_ymd(1970, 1, 1) + Duration::from_secs((NOW + seconds).unsigned_abs());
        params.not_before = at(from);
        params.not_after = at(to);
    }
}

impl Site {
    pub(crate) fn with(mut self, authority: &Authority) -> Self {
        self.chain.push(authority.der.clone());
        self.pem.push_str(&authority.pem);
        self
    }

    fn certified(&self) -> Arc<CertifiedKey> {
        let key: PrivateKeyDer<'static> =
            rustls::pki_types::pem::PemObject::from_pem_slice(self.key_pem.as_bytes()).unwrap();
        let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
        let mut certified = CertifiedKey::new(self.chain.clone(), key);
        certified.ocsp = self.staple.clone();
        Arc::new(certified)
    }
}

/// Chooses by the name that the client sends.
#[derive(Debug)]
struct ByName {
    sites: HashMap<String, Arc<CertifiedKey>>,
    otherwise: Arc<CertifiedKey>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.sites.get(name));
        Some(Arc::clone(named.unwrap_or(&self.otherwise)))
    }
}

/// A server in this process; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) async fn of(site: &Site) -> Self {
        Self::named(site, &[]).await
    }

    /// Serves some sites by name and one to everybody else.
    pub(crate) async fn named(otherwise: &Site, sites: &[(&str, &Site)]) -> Self {
        let resolver = ByName {
            sites: sites.iter().map(|(name, site)| ((*name).to_owned(), site.certified())).collect(),
            otherwise: otherwise.certified(),
        };
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        Self::configured(config).await
    }

    pub(crate) async fn configured(config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        let _ = stream.read(&mut [0; 64]).await;
                    }
                });
            }
        });
        Self { address }
    }

    /// Sends bytes to whoever connects, and reads until the other side has gone. Each piece is sent after a moment.
    pub(crate) async fn saying(pieces: Vec<Vec<u8>>, close: bool) -> Self {
        use tokio::io::AsyncWriteExt as _;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let pieces = pieces.clone();
                tokio::spawn(async move {
                    // Whoever answers before the client has spoken would reset the connection when closing.
                    let _ = stream.read(&mut [0; 4096]).await;
                    for piece in pieces {
                        let _ = stream.write_all(&piece).await;
                        let _ = stream.flush().await;
                    }
                    if !close {
                        while stream.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {}
                    }
                });
            }
        });
        Self { address }
    }
}

/// A folder with files of a test, and `openssl`.
pub(crate) struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs `openssl` in the folder. It is a package of every Debian; a test that needs it fails without it.
    pub(crate) fn openssl(&self, arguments: &str) {
        #[expect(clippy::disallowed_methods, reason = "a test tool, waited for")]
        let mut command = Command::new("openssl");
        let done = command
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("`openssl` is needed for these tests: `apt-get install openssl`");
        assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Makes a certificate of a private authority in this folder with `openssl`: files `ca.pem`, `NAME.pem`, `NAME.key`.
    pub(crate) fn made(&self, name: &str, key: &str, digest: &str, extensions: &str) {
        if !self.path("ca.pem").exists() {
            self.openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 9000 -subj /CN=OldCA -addext keyUsage=critical,keyCertSign,cRLSign");
        }
        self.write("extensions", extensions);
        self.openssl(&format!("req -new -newkey {key} -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        let extfile = if extensions.is_empty() { "" } else { "-extfile extensions" };
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3000 -{digest} {extfile} -out {name}.pem"
        ));
    }

    /// Starts `openssl s_server` and waits until it listens.
    pub(crate) fn s_server(&self, arguments: &str) -> OldServer {
        OldServer::start(self.folder.path(), arguments)
    }
}

/// A running `openssl s_server`.
pub(crate) struct OldServer {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl OldServer {
    fn start(folder: &Path, arguments: &str) -> Self {
        use std::io::BufRead as _;
        #[expect(clippy::disallowed_methods, reason = "a test tool, ended when it is dropped")]
        let mut command = Command::new("openssl");
        let mut child = command
            .args(["s_server", "-accept", "127.0.0.1:0"])
            .args(arguments.split_whitespace())
            .current_dir(folder)
            // An end of the input would end the server.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("`openssl` is needed for these tests: `apt-get install openssl`");
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("openssl s_server ended").unwrap();
            // "ACCEPT 127.0.0.1:40311"
            if let Some(address) = line.strip_prefix("ACCEPT ") {
                break address.trim().parse().unwrap();
            }
        };
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, address }
    }
}

impl Drop for OldServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
