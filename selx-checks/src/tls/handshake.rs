//! A handshake that goes through whatever the certificates are, and keeps what the server showed.
//!
//! Nothing of value is ever sent over such a connection, so nothing is lost by accepting everything here; what clients
//! would say to the certificates is found out afterwards, in [`verify`](super::verify).

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use selx_core::{Context, Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::facts::{Asked, Handshake};
use super::trust::provider;
use crate::net::{Unbroken, bounded};

/// The most bytes of a server that are read. The library itself takes no message over 64 KiB.
const READ_CAP: usize = 1 << 20;
/// How many of the first bytes are kept to tell what answers.
const FIRST: usize = 512;
/// How long a server that asked for a certificate may take to say whether it insists.
const VERDICT: Duration = Duration::from_secs(1);

/// What the server showed.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Its chain.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// The stapled answer; empty if there is none.
    pub(crate) staple: Vec<u8>,
    /// Whether it proved to hold the key of its certificate, once it came to that.
    pub(crate) signature: Option<Result<(), rustls::Error>>,
    /// Whether it asked for a client certificate.
    pub(crate) asked: bool,
}

/// How a handshake ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It was completed.
    Done,
    /// The library or an alert ended it.
    Tls(rustls::Error),
    /// The connection broke.
    Broken(io::Error),
    /// The server closed it.
    Closed,
    /// The time was up.
    TimedOut,
    /// More than the cap was sent.
    Flood,
}

/// What a handshake came to.
#[derive(Debug)]
pub(crate) struct Shaken {
    pub(crate) end: End,
    pub(crate) shown: Shown,
    pub(crate) handshake: Option<Handshake>,
    pub(crate) client_certificate: Option<Asked>,
    /// The first bytes that the server sent.
    pub(crate) first: Vec<u8>,
}

/// Keeps what the server shows and accepts it.
#[derive(Debug)]
struct Recorder(Arc<Mutex<Shown>>);

impl Recorder {
    fn note(&self, note: impl FnOnce(&mut Shown)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.note(|shown| {
            let chain = std::iter::once(end_entity).chain(intermediates);
            shown.chain = chain.map(|certificate| certificate.clone().into_owned()).collect();
            shown.staple = ocsp_response.to_vec();
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &provider().signature_verification_algorithms;
        let verdict = rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms);
        self.note(|shown| shown.signature = Some(verdict.map(|_| ())));
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &provider().signature_verification_algorithms;
        let verdict = rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms);
        self.note(|shown| shown.signature = Some(verdict.map(|_| ())));
        Ok(HandshakeSignatureValid::assertion())
    }

    /// Offers more than can be verified: a server is to show its certificate whatever its key is.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = provider().signature_verification_algorithms.supported_schemes();
        schemes.extend([
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED448,
            // RSA keys of the type RSA-PSS.
            SignatureScheme::Unknown(0x0809),
            SignatureScheme::Unknown(0x080a),
            SignatureScheme::Unknown(0x080b),
            SignatureScheme::RSA_PKCS1_SHA1,
            SignatureScheme::ECDSA_SHA1_Legacy,
        ]);
        schemes
    }
}

impl ResolvesClientCert for Recorder {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        self.note(|shown| shown.asked = true);
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn config(shown: &Arc<Mutex<Shown>>) -> Result<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Bug, "the TLS client cannot be set up").source_error(error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Recorder(Arc::clone(shown))))
        .with_client_cert_resolver(Arc::new(Recorder(Arc::clone(shown))));
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Shakes hands.
///
/// # Errors
///
/// `Cancelled`, and `Bug` if the client cannot be set up; what the server does is in the result.
pub(crate) async fn shake(
    stream: &mut Unbroken<TcpStream>,
    name: ServerName<'static>,
    until: Instant,
    cx: &Context,
) -> Result<Shaken> {
    let shown = Arc::new(Mutex::new(Shown::default()));
    let connection = ClientConnection::new(Arc::new(config(&shown)?), name)
        .map_err(|error| Error::new(ErrorKind::Bug, "the TLS client cannot be set up").source_error(error))?;
    let mut talk = Talk { stream, connection, until, cx, first: Vec::new(), read: 0 };
    let began = Instant::now();
    let end = talk.finish().await?;
    let seconds = began.elapsed().as_secs_f64();
    let handshake = agreed(&talk.connection, seconds);
    let asked = shown.lock().unwrap_or_else(PoisonError::into_inner).asked;
    let client_certificate = match (&end, asked) {
        (_, false) => None,
        (End::Done, true) => Some(talk.verdict().await?),
        (End::Tls(rustls::Error::AlertReceived(_)) | End::Closed | End::Broken(_), true) => Some(Asked::Required),
        _ => Some(Asked::Unclear),
    };
    if matches!(end, End::Done) {
        talk.connection.send_close_notify();
        // It is good manners, and nothing is lost if the server has gone.
        let _ = talk.flush().await?;
    }
    let first = std::mem::take(&mut talk.first);
    drop(talk);
    let shown = std::mem::take(&mut *shown.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Shaken { end, shown, handshake, client_certificate, first })
}

fn agreed(connection: &ClientConnection, seconds: f64) -> Option<Handshake> {
    let protocol = match connection.protocol_version()? {
        rustls::ProtocolVersion::TLSv1_2 => "TLS 1.2".to_owned(),
        rustls::ProtocolVersion::TLSv1_3 => "TLS 1.3".to_owned(),
        other => format!("{other:?}"),
    };
    let cipher = connection.negotiated_cipher_suite()?.suite();
    let cipher = cipher.as_str().map_or_else(|| format!("{cipher:?}"), str::to_owned);
    Some(Handshake { protocol, cipher, seconds })
}

/// One conversation.
struct Talk<'a> {
    stream: &'a mut Unbroken<TcpStream>,
    connection: ClientConnection,
    until: Instant,
    cx: &'a Context,
    first: Vec<u8>,
    read: usize,
}

impl Talk<'_> {
    /// Goes on until the handshake is complete or cannot be.
    async fn finish(&mut self) -> Result<End> {
        loop {
            if let Some(end) = self.flush().await? {
                // A server that says why it ends and closes at once is heard all the same.
                let heard = if matches!(end, End::Broken(_)) { self.hear().await? } else { None };
                return Ok(heard.unwrap_or(end));
            }
            if !self.connection.is_handshaking() {
                return Ok(End::Done);
            }
            if let Some(end) = self.hear().await? {
                return Ok(end);
            }
        }
    }

    /// Sends what is to be sent.
    async fn flush(&mut self) -> Result<Option<End>> {
        while self.connection.wants_write() {
            let mut bytes = Vec::new();
            if let Err(error) = self.connection.write_tls(&mut bytes) {
                return Ok(Some(End::Broken(error)));
            }
            match bounded(self.cx, self.until, self.stream.write_all(&bytes)).await? {
                Some(Ok(())) => {}
                Some(Err(error)) => return Ok(Some(End::Broken(error))),
                None => return Ok(Some(End::TimedOut)),
            }
        }
        Ok(None)
    }

    /// Reads once and takes it in.
    async fn hear(&mut self) -> Result<Option<End>> {
        let mut buffer = [0_u8; 16 << 10];
        let count = match bounded(self.cx, self.until, self.stream.read(&mut buffer)).await? {
            None => return Ok(Some(End::TimedOut)),
            Some(Err(error)) => return Ok(Some(End::Broken(error))),
            Some(Ok(0)) => return Ok(Some(End::Closed)),
            Some(Ok(count)) => count,
        };
        self.read += count;
        if self.read > READ_CAP {
            return Ok(Some(End::Flood));
        }
        let mut bytes = buffer.get(..count).unwrap_or_default();
        let room = FIRST.saturating_sub(self.first.len()).min(bytes.len());
        self.first.extend(bytes.get(..room).unwrap_or_default());
        while !bytes.is_empty() {
            if let Err(error) = self.connection.read_tls(&mut bytes) {
                return Ok(Some(End::Broken(error)));
            }
            if let Err(error) = self.connection.process_new_packets() {
                // The alert that tells the server why is sent if it still listens.
                let _ = self.flush().await?;
                return Ok(Some(End::Tls(error)));
            }
        }
        Ok(None)
    }

    /// Waits for what a server says to a client that has no certificate. In TLS 1.3 it says so after the handshake.
    async fn verdict(&mut self) -> Result<Asked> {
        if self.connection.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_2) {
            return Ok(Asked::Optional);
        }
        self.until = self.until.min(Instant::now() + VERDICT);
        Ok(match self.hear().await? {
            // A ticket for the next session: it is content.
            None => Asked::Optional,
            Some(End::TimedOut) => Asked::Unclear,
            Some(_) => Asked::Required,
        })
    }
}
