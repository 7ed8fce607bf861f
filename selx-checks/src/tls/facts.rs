//! What is seen of endpoints and files. Failures of a server are facts too, so that they can be judged again.

use serde::{Deserialize, Serialize};

use super::parse::Link;
use super::staple::Staple;
use crate::net::Phase;

/// How many certificates of one chain are kept; all are counted.
pub const CHAIN_KEPT: usize = 20;

/// What one look saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The store of roots that was used, if endpoints were looked at and there is one.
    pub trust: Option<String>,
    /// Why there is no store of roots, if endpoints were looked at and there is none.
    pub trust_trouble: Option<String>,
    /// Every address of every endpoint.
    pub endpoints: Vec<Seen>,
    /// The files with certificates.
    pub files: Vec<File>,
    /// The patterns that matched no file.
    pub unmatched: Vec<String>,
    /// How many files matched beyond the cap and were not read.
    pub files_omitted: usize,
    /// The files that endpoints are compared with.
    pub pairs: Vec<Pair>,
}

/// One address of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seen {
    /// The endpoint, `host:port`.
    pub endpoint: String,
    /// The address that was looked at; none if no address was found.
    pub address: Option<String>,
    /// The name that the server was asked for.
    pub server_name: String,
    /// Where it went wrong, if it did.
    pub trouble: Option<Trouble>,
    /// What was agreed on, if something was.
    pub handshake: Option<Handshake>,
    /// The first 20 certificates in the order in which they were served; the server's own is the first.
    pub chain: Vec<Link>,
    /// How many certificates were served.
    pub chain_total: usize,
    /// Whether the chain was verified against the store of roots; not if there is no store or no chain.
    pub verified: bool,
    /// Why clients do not accept the chain; empty if they do.
    pub rejections: Vec<Rejection>,
    /// The stapled answer about revocation.
    pub staple: Option<Staple>,
    /// What the server wants of the client's own certificate, if it asked for one.
    pub client_certificate: Option<Asked>,
}

/// What was agreed on in a handshake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handshake {
    /// The protocol: `TLS 1.2` or `TLS 1.3`.
    pub protocol: String,
    /// The cipher suite.
    pub cipher: String,
    /// How long it took from the first byte sent, in seconds.
    pub seconds: f64,
}

/// Whether a server insists on a client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// It goes on without one.
    Optional,
    /// It ends the connection without one.
    Required,
    /// It said neither within a second.
    Unclear,
}

/// A failure of a server, with the phase in which it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Where it happened.
    pub phase: Phase,
    /// What it is.
    pub reason: Reason,
    /// The same in words, a lower-case fragment.
    pub text: String,
}

/// One reason for which clients do not accept a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// What it is.
    pub reason: Reason,
    /// The same in words, a lower-case fragment.
    pub text: String,
}

impl Rejection {
    /// Makes one.
    pub(crate) fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into() }
    }
}

/// One file with certificates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct File {
    /// Its path on the host.
    pub path: String,
    /// Its certificates, at most 300.
    pub chain: Vec<Link>,
    /// How many certificates it holds.
    pub chain_total: usize,
    /// Why nothing was read, if nothing was.
    pub trouble: Option<FileTrouble>,
    /// The private key beside it, if it was asked for.
    pub key: Option<Key>,
}

/// Why a file tells nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTrouble {
    /// What it is.
    pub reason: Reason,
    /// The same in words, a lower-case fragment.
    pub text: String,
}

/// A private key. Nothing of the key itself is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Key {
    /// Its file.
    pub path: String,
    /// Whether every user of the machine can read it: its mode, and that of the folders above it.
    pub open_to_all: bool,
    /// Whether it belongs to the certificate; none if that could not be found out.
    pub fits: Option<bool>,
    /// Why it could not be looked at, a lower-case fragment.
    pub trouble: Option<String>,
}

/// An endpoint and the file it should serve.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pair {
    /// The endpoint, `host:port`.
    pub endpoint: String,
    /// The file.
    pub file: File,
}

/// Everything that can be wrong and is found out by looking rather than by judging.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// There is no such name, or no address behind it.
    NotFound,
    /// The name servers failed.
    NameServersFailed,
    /// The connection was refused.
    Refused,
    /// No way leads to the address.
    NoRoute,
    /// The server stopped answering.
    NoAnswer,
    /// What answers is not TLS.
    NotTls,
    /// Only versions below those that are wanted are offered.
    ProtocolTooOld,
    /// The handshake broke off.
    HandshakeFailed,
    /// More was sent than is read.
    ChainTooLarge,
    /// A client certificate is required.
    ClientCertificateRequired,
    /// A certificate has expired.
    Expired,
    /// A certificate is not valid yet.
    NotYetValid,
    /// The certificate is its own issuer.
    SelfSigned,
    /// The chain ends in a root that is not trusted.
    UnknownIssuer,
    /// A certificate between the server's and a root is missing.
    ChainIncomplete,
    /// The certificate is for other names.
    NameMismatch,
    /// A signature is made with a broken hash.
    WeakSignature,
    /// A certificate for signing certificates is used by a server.
    CaAsLeaf,
    /// The certificate is for another purpose.
    WrongPurpose,
    /// A critical extension is not known.
    CriticalExtension,
    /// An issuer may not sign for this name, or not in this place.
    NameConstraint,
    /// A certificate cannot be read.
    BadCertificate,
    /// A signature is wrong.
    BadSignature,
    /// A certificate of version 1 or 2.
    OldVersion,
    /// Refused for another reason.
    NotAccepted,
    /// A key or signature that selx cannot verify.
    NotVerified,
    /// A file that could not be read.
    UnreadableFile,
    /// A file without a certificate.
    NoCertificateInFile,
}

impl Reason {
    /// Returns the code of the finding.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::NameServersFailed => "name-servers-failed",
            Self::Refused => "refused",
            Self::NoRoute => "no-route",
            Self::NoAnswer => "no-answer",
            Self::NotTls => "not-tls",
            Self::ProtocolTooOld => "protocol-too-old",
            Self::HandshakeFailed => "handshake-failed",
            Self::ChainTooLarge => "chain-too-large",
            Self::ClientCertificateRequired => "client-certificate-required",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::SelfSigned => "self-signed",
            Self::UnknownIssuer => "unknown-issuer",
            Self::ChainIncomplete => "chain-incomplete",
            Self::NameMismatch => "name-mismatch",
            Self::WeakSignature => "weak-signature",
            Self::CaAsLeaf => "ca-as-leaf",
            Self::WrongPurpose => "wrong-purpose",
            Self::CriticalExtension => "critical-extension",
            Self::NameConstraint => "name-constraint",
            Self::BadCertificate => "bad-certificate",
            Self::BadSignature => "bad-signature",
            Self::OldVersion => "old-version",
            Self::NotAccepted => "not-accepted",
            Self::NotVerified => "not-verified",
            Self::UnreadableFile => "unreadable-file",
            Self::NoCertificateInFile => "no-certificate-in-file",
        }
    }

    /// Tells whether selx could not look, rather than that something is wrong with the subject.
    pub const fn is_unknown(self) -> bool {
        matches!(self, Self::NameServersFailed | Self::NotVerified | Self::UnreadableFile)
    }
}
