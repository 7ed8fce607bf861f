//! One look at one address of one endpoint.

use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription as Alert, Error as TlsError, InvalidMessage};
use selx_core::{Context, Result, TimeSpan};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use super::error;
use super::facts::{Asked, CHAIN_KEPT, Reason, Rejection, Seen, Trouble};
use super::handshake::{End, Shaken, shake};
use super::hello::{self, Answer};
use super::parse::{Certificate, Link};
use super::trust::{Trust, provider};
use super::{staple, verify};
use crate::net::{Failure, FailureKind, Phase, bounded, connect};

/// How long the second look at an old server may take.
const OLD: Duration = Duration::from_secs(3);

/// SSL 3 to TLS 1.1.
const OLD_VERSIONS: std::ops::Range<u16> = 0x0300..0x0303;

/// What is looked at.
pub(crate) struct Target<'a> {
    pub(crate) endpoint: String,
    pub(crate) address: SocketAddr,
    pub(crate) name: ServerName<'static>,
    pub(crate) trust: Option<&'a Trust>,
}

/// Looks at one address until a moment.
pub(crate) async fn look(target: Target<'_>, until: Instant, cx: &Context) -> Result<Seen> {
    let mut seen = Seen {
        endpoint: target.endpoint.clone(),
        address: Some(target.address.to_string()),
        server_name: target.name.to_str().into_owned(),
        ..Seen::default()
    };
    let began = Instant::now();
    let mut stream = match connect(target.address, until, cx).await? {
        Ok(stream) => stream,
        Err(failure) => {
            seen.trouble = Some(of_failure(failure));
            return Ok(seen);
        }
    };
    let shaken = shake(&mut stream, target.name.clone(), until, cx).await?;
    drop(stream);
    fill(&mut seen, &shaken, &target, cx);
    seen.client_certificate = shaken.client_certificate;
    let limit = TimeSpan::from(Duration::from_millis(
        u64::try_from(until.saturating_duration_since(began).as_millis()).unwrap_or(u64::MAX),
    ));
    seen.trouble = trouble(&shaken, &target, limit, until, cx).await?;
    Ok(seen)
}

/// Takes the certificates in and asks what clients say to them.
fn fill(seen: &mut Seen, shaken: &Shaken, target: &Target<'_>, cx: &Context) {
    let shown = &shaken.shown;
    seen.handshake = shaken.handshake.clone();
    seen.chain_total = shown.chain.len();
    let kept = shown.chain.get(..CHAIN_KEPT).unwrap_or(&shown.chain);
    seen.chain = kept.iter().map(|der| Link::of(der)).collect();
    let leaf = seen.chain.first().and_then(Link::certificate);
    if let (Some(leaf), false) = (leaf, shown.staple.is_empty()) {
        seen.staple = Some(staple::read(&shown.staple, &leaf.serial));
    }
    if let Some(Err(error)) = &shown.signature {
        seen.rejections.extend(unproved(error, leaf));
    }
    if let (Some(trust), false) = (target.trust, kept.is_empty()) {
        seen.verified = true;
        let now = cx.clock().now().as_second();
        seen.rejections.extend(verify::verify(kept, &seen.chain, &target.name, trust, now));
    }
}

/// Says what it means that the server's signature in the handshake could not be verified.
fn unproved(error: &TlsError, leaf: Option<&Certificate>) -> Option<Rejection> {
    let leaf = leaf?;
    let size = leaf.rsa_bits.unwrap_or(2048);
    // Short keys and old versions are told by themselves; the library refuses them here too.
    if size < 2048 || leaf.version < 3 {
        return None;
    }
    let wrong = matches!(error, TlsError::InvalidCertificate(rustls::CertificateError::BadSignature));
    if wrong && size <= 8192 {
        let text = "the server does not prove that it holds the key of its certificate";
        return Some(Rejection::new(Reason::BadSignature, text));
    }
    // A certificate that the library cannot take at all is told by the verification of the chain.
    let untaken = matches!(
        error,
        TlsError::InvalidCertificate(
            rustls::CertificateError::Other(_)
                | rustls::CertificateError::BadEncoding
                | rustls::CertificateError::UnhandledCriticalExtension
        )
    );
    if untaken {
        return None;
    }
    let text =
        format!("selx cannot verify signatures of a key of type {}, so the server's proof was not checked", leaf.key);
    Some(Rejection::new(Reason::NotVerified, text))
}

/// Maps a failure of name lookup and connection.
pub(crate) fn of_failure(failure: Failure) -> Trouble {
    let reason = match failure.kind {
        FailureKind::NotFound => Reason::NotFound,
        FailureKind::ServerFailure => Reason::NameServersFailed,
        FailureKind::Refused => Reason::Refused,
        FailureKind::Unreachable => Reason::NoRoute,
        FailureKind::TimedOut if failure.phase == Phase::Resolve => Reason::NameServersFailed,
        FailureKind::TimedOut => Reason::NoAnswer,
        FailureKind::Other if failure.phase == Phase::Resolve => Reason::NotFound,
        _ => Reason::HandshakeFailed,
    };
    Trouble { phase: failure.phase, reason, text: failure.text }
}

/// Says what went wrong in a handshake, if something did; old servers are asked a second time.
async fn trouble(
    shaken: &Shaken,
    target: &Target<'_>,
    limit: TimeSpan,
    until: Instant,
    cx: &Context,
) -> Result<Option<Trouble>> {
    let tls = |reason, text: String| Ok(Some(Trouble { phase: Phase::Tls, reason, text }));
    let insists = "the server requires a client certificate, and ends the connection without one";
    if shaken.client_certificate == Some(Asked::Required) {
        return tls(Reason::ClientCertificateRequired, insists.to_owned());
    }
    if matches!(shaken.end, End::Done) {
        return Ok(None);
    }
    match hello::read(&shaken.first) {
        Answer::Other(start) => {
            return tls(Reason::NotTls, format!("what answers is not TLS: it starts with {start}"));
        }
        Answer::Hello { version, .. } if OLD_VERSIONS.contains(&version) => {
            return tls(Reason::ProtocolTooOld, only(version));
        }
        _ => {}
    }
    let silent = shaken.first.is_empty();
    let (text, may_be_old) = match &shaken.end {
        End::TimedOut if silent => {
            let text = format!("accepted the connection and then sent nothing within {limit} (tls handshake)");
            return tls(Reason::NoAnswer, text);
        }
        End::TimedOut => {
            return tls(Reason::NoAnswer, format!("stopped in the middle of the tls handshake, within {limit}"));
        }
        End::Flood => {
            return tls(Reason::ChainTooLarge, "the server sent over 1 MiB in the handshake".to_owned());
        }
        End::Tls(TlsError::InvalidMessage(
            InvalidMessage::HandshakePayloadTooLarge | InvalidMessage::CertificatePayloadTooLarge,
        )) => {
            let text = "the server sends its certificates in a message over 64 KiB, which is more than selx reads and \
                        many clients take";
            return tls(Reason::ChainTooLarge, text.to_owned());
        }
        End::Tls(error) => {
            let alert = matches!(
                error,
                TlsError::AlertReceived(
                    Alert::ProtocolVersion
                        | Alert::HandshakeFailure
                        | Alert::InsufficientSecurity
                        | Alert::IllegalParameter
                        | Alert::InternalError
                        | Alert::CloseNotify
                )
            );
            (error::explain(error).1, alert || matches!(error, TlsError::PeerIncompatible(_)))
        }
        End::Closed if silent => ("the server closed the connection without a word".to_owned(), true),
        End::Closed => ("the server closed the connection in the middle of the handshake".to_owned(), false),
        End::Broken(error) if silent => (format!("the server broke the connection off: {error}"), true),
        End::Broken(error) => (format!("the server broke the handshake off: {error}"), false),
        End::Done => return Ok(None),
    };
    if !may_be_old || !shaken.shown.chain.is_empty() {
        return tls(Reason::HandshakeFailed, text);
    }
    match old(target, until, cx).await? {
        Answer::Hello { version, .. } if OLD_VERSIONS.contains(&version) => tls(Reason::ProtocolTooOld, only(version)),
        Answer::Hello { version, cipher } => {
            let version = hello::version_name(version);
            let text = format!(
                "{text}; it agrees on {version} with the old cipher {cipher:#06x}, which today's clients refuse"
            );
            tls(Reason::HandshakeFailed, text)
        }
        Answer::Other(start) => tls(Reason::NotTls, format!("what answers is not TLS: it starts with {start}")),
        Answer::Alert(_) | Answer::Nothing => tls(Reason::HandshakeFailed, text),
    }
}

fn only(version: u16) -> String {
    format!("the server offers only {}, which today's clients refuse", hello::version_name(version))
}

/// Greets a server as clients did twenty years ago and reads its first answer.
async fn old(target: &Target<'_>, until: Instant, cx: &Context) -> Result<Answer> {
    let until = until.min(Instant::now() + OLD);
    let Ok(mut stream) = connect(target.address, until, cx).await? else {
        return Ok(Answer::Nothing);
    };
    let mut random = [0; 32];
    // The greeting protects nothing; where no random numbers are to be had, zeros do.
    let _ = provider().secure_random.fill(&mut random);
    let greeting = hello::greeting(&target.name, random);
    if !matches!(bounded(cx, until, stream.write_all(&greeting)).await?, Some(Ok(()))) {
        return Ok(Answer::Nothing);
    }
    let mut first = Vec::new();
    let mut buffer = [0; 256];
    // A server hello up to its cipher is at most 79 bytes.
    while first.len() < 79 && !matches!(hello::read(&first), Answer::Alert(_)) {
        match bounded(cx, until, stream.read(&mut buffer)).await? {
            Some(Ok(count)) if count > 0 => first.extend(buffer.get(..count).unwrap_or_default()),
            _ => break,
        }
    }
    Ok(hello::read(&first))
}
