//! Encryption on a connection.

use std::path::Path;

use selx_core::{Context, Error, ErrorKind, Result, TimeSpan};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::facts::Encryption;
use super::wire::Stream;
use crate::net::{Failure, FailureKind, Phase, bounded, of_io};
use crate::tls::error::explain;
use crate::tls::trust::Trust;

/// A connection that is encrypted now, and how.
type Secured = (Box<dyn Stream>, Encryption);

/// Agrees on encryption, verifying the certificate for a name.
///
/// # Errors
///
/// The inner error is what the server did; the outer one what this host could not do: roots that cannot be read, a
/// clock or random numbers that fail.
pub(super) async fn secure(
    ca_file: Option<&Path>,
    name: &str,
    stream: Box<dyn Stream>,
    cx: &Context,
) -> Result<Result<Secured, Failure>> {
    let (file, host) = (ca_file.map(Path::to_owned), cx.host().clone());
    let trust = cx.blocking("reading the trusted roots", move |_| Trust::load(file.as_deref(), &host)).await?;
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let server = ServerName::try_from(bare.to_owned()).map_err(|_| {
        Error::new(ErrorKind::Config, format!("`{bare}` is not a name that a certificate can be for"))
            .advice("set `server-name`")
    })?;
    let client = trust.client_config_at(&[b"http/1.1"], cx.clock().now())?;
    let handshake = TlsConnector::from(client).connect(server, stream);
    let error = match bounded(cx, cx.deadline(), handshake).await? {
        Some(Ok(stream)) => {
            let (_, session) = stream.get_ref();
            let encryption = Encryption {
                version: session.protocol_version().map(|version| format!("{version:?}")).unwrap_or_default(),
                cipher: session
                    .negotiated_cipher_suite()
                    .map(|suite| format!("{:?}", suite.suite()))
                    .unwrap_or_default(),
                trust: trust.source,
            };
            return Ok(Ok((Box::new(stream), encryption)));
        }
        Some(Err(error)) => error,
        None => {
            let limit = TimeSpan::from(cx.limit());
            let text = format!("the handshake did not end within {limit}");
            return Ok(Err(Failure::new(Phase::Tls, FailureKind::TimedOut, text)));
        }
    };
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        let (kind, text) = explain(error);
        return if kind.is_about_subject() {
            Ok(Err(Failure::new(Phase::Tls, FailureKind::Tls, text)))
        } else {
            Err(Error::new(kind, text).with("phase", Phase::Tls))
        };
    }
    let failure = of_io(Phase::Tls, "the server", &error)?;
    let text = format!("{} during the handshake", failure.text);
    Ok(Err(Failure { text, ..failure }))
}
