//! The servers that are looked at: a thousand addresses of the loopback network, with a certificate of a root of its own.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::scratch::Scratch;

pub(crate) const ENDPOINTS: u16 = 1000;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\nconnection: close\r\n\r\nok\n";
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) struct Server {
    pub(crate) scratch: Scratch,
    pub(crate) port: u16,
    /// The PEM file of the root.
    pub(crate) root: String,
    _runtime: tokio::runtime::Runtime,
}

pub(crate) fn address(index: u16) -> Ipv4Addr {
    let [high, low] = (index + 257).to_be_bytes();
    Ipv4Addr::new(127, 0, high, low)
}

impl Server {
    pub(crate) fn start() -> Self {
        raise_descriptors();
        let root_key = rcgen::KeyPair::generate().expect("a key");
        let mut root = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        root.distinguished_name.push(rcgen::DnType::CommonName, "figures root");
        let root_certificate = root.self_signed(&root_key).expect("a root");
        let issuer = rcgen::Issuer::new(root, root_key);

        let names: Vec<String> = (0..ENDPOINTS).map(|index| address(index).to_string()).collect();
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut leaf = rcgen::CertificateParams::new(names).expect("parameters");
        leaf.extended_key_usages.push(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
        leaf.use_authority_key_identifier_extension = true;
        let now = SystemTime::now();
        leaf.not_before = (now - DAY).into();
        leaf.not_after = (now + 80 * DAY).into();
        let leaf = leaf.signed_by(&key, &issuer).expect("a certificate");

        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .expect("a certificate with its key");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
        let port = runtime.block_on(async {
            let first = TcpListener::bind((address(0), 0)).await.expect("a port of the loopback network");
            let port = first.local_addr().expect("an address").port();
            let mut listeners = vec![first];
            for index in 1..ENDPOINTS {
                let listener = TcpListener::bind((address(index), port)).await;
                listeners.push(listener.expect("the same port of another address of the loopback network"));
            }
            for listener in listeners {
                tokio::spawn(serve(listener, acceptor.clone()));
            }
            port
        });
        let scratch = Scratch::new("server");
        let root = scratch.write("root.pem", &root_certificate.pem());
        Self { scratch, port, root, _runtime: runtime }
    }

    pub(crate) fn endpoint(&self, index: u16) -> String {
        format!("{}:{}", address(index), self.port)
    }
}

/// Every address is a descriptor, and the usual limit is 1,024.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).expect("the limit rises");
    let enough = limit.maximum.is_none_or(|most| most >= u64::from(ENDPOINTS) + 200);
    assert!(enough, "{ENDPOINTS} servers need more open files than this user may have: `ulimit -Hn`");
}

async fn serve(listener: TcpListener, acceptor: tokio_rustls::TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            // Whoever asks gets an answer; whoever only looked at the certificate closes.
            if stream.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {
                let _ = stream.write_all(ANSWER).await;
                let _ = stream.shutdown().await;
            }
        });
    }
}
