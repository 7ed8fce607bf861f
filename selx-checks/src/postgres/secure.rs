//! Encryption on a connection.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use selx_core::{Context, Error, ErrorKind, Result};
use tokio_rustls::TlsConnector;

use super::refusal::{Ended, Trouble};
use super::server::{Server, Tls};
use super::wire::Wire;
use crate::net::{Failure, FailureKind, Phase, bounded, of_io};
use crate::target::{Endpoint, Place};
use crate::tls::error::explain;
use crate::tls::trust::{Trust, provider};

/// The request to encrypt: its length and its number.
const REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Agrees on encryption as the settings want it. Returns how, if it is encrypted now.
pub(super) async fn secure(
    mut wire: Wire,
    server: &Server<'_>,
    endpoint: &Endpoint,
    cx: &Context,
) -> Result<(Wire, Option<String>), Ended> {
    let mode = server.tls();
    let host = match endpoint.place() {
        Place::Tcp { host, .. } if mode != Tls::Off => host,
        _ => return Ok((wire, None)),
    };
    wire.send(&REQUEST, Phase::Tls, cx).await?;
    match wire.answer_to_tls(cx).await? {
        b'S' => {}
        b'N' if mode == Tls::Prefer => return Ok((wire, None)),
        // Who asks for what is not told in the clear to learn more than the error that stands there.
        b'E' => return Err(wire.refusal(cx).await),
        _ => {
            let text = format!("{} does not encrypt, and `tls = \"{}\"` wants it to", wire.whom, name(mode));
            return Err(Failure::new(Phase::Tls, FailureKind::Tls, text).into());
        }
    }
    let config = config(server, mode, cx).await?;
    let bare = host.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(host);
    let peer = ServerName::try_from(bare.to_owned())
        .map_err(|_| Error::new(ErrorKind::Config, format!("`{bare}` is not a name that a certificate can be for")))?;
    let began = tokio::time::Instant::now();
    let whom = wire.whom.clone();
    match bounded(cx, cx.deadline(), TlsConnector::from(config).connect(peer, wire.stream)).await? {
        Some(Ok(stream)) => {
            let version = stream.get_ref().1.protocol_version().map(|version| format!("{version:?}"));
            let version = version.unwrap_or_default().replace("v1_", " 1.");
            let verified = if mode == Tls::Verify { "verified" } else { "certificate not looked at" };
            Ok((Wire::new(Box::new(stream), whom, began), Some(format!("{version}, {verified}"))))
        }
        Some(Err(error)) => Err(failed(&whom, &error)),
        None => {
            let text = format!("{whom} did not end the handshake in time");
            Err(Failure::new(Phase::Tls, FailureKind::TimedOut, text).into())
        }
    }
}

fn name(mode: Tls) -> &'static str {
    match mode {
        Tls::Off => "off",
        Tls::Prefer => "prefer",
        Tls::Require => "require",
        Tls::Verify => "verify",
    }
}

fn failed(whom: &str, error: &std::io::Error) -> Ended {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        let (kind, text) = explain(error);
        return if kind.is_about_subject() {
            Ended::Peer(Trouble::Broken(Failure::new(Phase::Tls, FailureKind::Tls, format!("{whom}: {text}"))))
        } else {
            Error::new(kind, text).with("phase", Phase::Tls).into()
        };
    }
    match of_io(Phase::Tls, whom, error) {
        Ok(failure) => Failure { text: format!("{} during the handshake", failure.text), ..failure }.into(),
        Err(error) => error.into(),
    }
}

async fn config(server: &Server<'_>, mode: Tls, cx: &Context) -> Result<Arc<ClientConfig>> {
    if mode == Tls::Verify {
        let (file, host) = (server.ca_file.map(std::path::Path::to_owned), cx.host().clone());
        let trust = cx.blocking("reading the trusted roots", move |_| Trust::load(file.as_deref(), &host)).await?;
        return trust.client_config_at(&[], cx.clock().now());
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Bug, "the TLS client cannot be set up").source_error(error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Unlooked))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Takes every certificate, as `prefer` and `require` say. What is worth a secret is not sent over it unguarded.
#[derive(Debug)]
struct Unlooked;

impl ServerCertVerifier for Unlooked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
