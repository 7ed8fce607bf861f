//! Certificates read whatever is wrong with them: pure, bounded, and without panics for any bytes.
//!
//! This reading is for telling, not for trusting: what is trusted is decided by the verifier, on the same bytes.

use rustls::crypto::hash::Hash;
use serde::{Deserialize, Serialize};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::nom::Err;
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::FromDer as _;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Name};

use super::date::Date;

/// How many names of a certificate are kept; all are counted.
pub const NAMES_KEPT: usize = 20;
/// How many characters of one name are kept.
const NAME_LENGTH: usize = 256;

/// One certificate of a chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// It could be read.
    Certificate(Box<Certificate>),
    /// It could not be read.
    Unreadable {
        /// What is wrong, a lower-case fragment.
        text: String,
        /// Its SHA-256 fingerprint, so that it can be found.
        fingerprint: String,
    },
}

impl Link {
    /// Reads a certificate.
    pub fn of(der: &[u8]) -> Self {
        match parse(der) {
            Ok(certificate) => Self::Certificate(Box::new(certificate)),
            Err(text) => Self::Unreadable { text, fingerprint: fingerprint(der) },
        }
    }

    /// Returns the certificate, if it could be read.
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Certificate(certificate) => Some(certificate),
            Self::Unreadable { .. } => None,
        }
    }
}

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its subject; empty if it has none, as is allowed beside alternative names.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The first 20 alternative names: host names and addresses as they are, others with their type.
    pub names: Vec<String>,
    /// How many alternative names there are.
    pub names_total: usize,
    /// Its serial number in hexadecimal digits.
    pub serial: String,
    /// Its first moment.
    pub not_before: Date,
    /// Its last moment.
    pub not_after: Date,
    /// Its key: `RSA 2048`, `EC P-256`, `Ed25519`.
    pub key: String,
    /// The bits of an RSA key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rsa_bits: Option<usize>,
    /// How it was signed: `RSA with SHA-256`.
    pub signature: String,
    /// Its SHA-256 fingerprint, in hexadecimal digits.
    pub fingerprint: String,
    /// The fingerprint of its key alone, which a renewal may keep.
    pub key_fingerprint: String,
    /// Whether it may sign certificates.
    pub is_ca: bool,
    /// Whether its subject is its issuer, as that of a root.
    pub self_issued: bool,
    /// Its version: 3 for all that are made today.
    pub version: u32,
    /// Whether it demands a stapled answer about its revocation.
    #[serde(default)]
    pub must_staple: bool,
}

impl Certificate {
    /// Returns how long it is valid from its first to its last moment, in seconds; at least one.
    pub fn lifetime(&self) -> i64 {
        self.not_after.0.saturating_sub(self.not_before.0).max(1)
    }

    /// Returns the broken hash it is signed with, if it is.
    pub fn weak_hash(&self) -> Option<&'static str> {
        ["SHA-1", "MD5", "MD4", "MD2"].into_iter().find(|hash| self.signature.ends_with(hash))
    }

    /// Returns what to call it: the subject, or the first name if there is none.
    pub fn title(&self) -> &str {
        if self.subject.is_empty() { self.names.first().map_or("(no subject)", String::as_str) } else { &self.subject }
    }
}

/// Reads a certificate in DER form.
///
/// # Errors
///
/// A lower-case fragment that says which part is wrong.
pub fn parse(der: &[u8]) -> Result<Certificate, String> {
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|error| match error {
        Err::Error(reason) | Err::Failure(reason) => format!("is not a certificate: {reason}"),
        Err::Incomplete(_) => "is not a certificate: it ends too early".to_owned(),
    })?;
    if !rest.is_empty() {
        return Err(format!("has {} bytes behind its end", rest.len()));
    }
    let body = &certificate.tbs_certificate;
    let mut found = Certificate {
        subject: name(&body.subject),
        issuer: name(&body.issuer),
        names: Vec::new(),
        names_total: 0,
        serial: serial(body.raw_serial()),
        not_before: Date(body.validity.not_before.timestamp()),
        not_after: Date(body.validity.not_after.timestamp()),
        key: String::new(),
        rsa_bits: None,
        signature: signature(&certificate.signature_algorithm),
        fingerprint: fingerprint(der),
        key_fingerprint: fingerprint(body.subject_pki.raw),
        is_ca: false,
        self_issued: body.subject.as_raw() == body.issuer.as_raw(),
        version: body.version.0.saturating_add(1),
        must_staple: false,
    };
    (found.key, found.rsa_bits) = key(&body.subject_pki);
    for extension in body.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(constraints) => found.is_ca = constraints.ca,
            ParsedExtension::SubjectAlternativeName(names) => {
                found.names_total = names.general_names.len();
                let kept = names.general_names.iter().take(NAMES_KEPT);
                found.names = kept.map(alternative_name).collect();
            }
            // TLS feature (RFC 7633): a sequence of numbers, 5 is `status_request`.
            ParsedExtension::UnsupportedExtension { oid } if oid.to_id_string() == "1.3.6.1.5.5.7.1.24" => {
                found.must_staple = extension.value.windows(3).any(|part| part == [2, 1, 5]);
            }
            // A certificate whose names cannot be read is for nobody; without the reason nobody would know why.
            ParsedExtension::ParseError { error } => {
                return Err(format!(
                    "has an extension that cannot be read ({}: {error})",
                    extension.oid.to_id_string()
                ));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Returns the SHA-256 of bytes in hexadecimal digits.
pub fn fingerprint(bytes: &[u8]) -> String {
    static SHA256: std::sync::OnceLock<Option<&'static dyn Hash>> = std::sync::OnceLock::new();
    // The hash comes with the cipher suites, so that no second implementation is needed.
    let hash = SHA256.get_or_init(|| match rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256 {
        rustls::SupportedCipherSuite::Tls13(suite) => Some(suite.common.hash_provider),
        rustls::SupportedCipherSuite::Tls12(_) => None,
    });
    hash.map(|hash| hex(hash.hash(bytes).as_ref())).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Writes a serial number as `openssl x509 -serial` does, without the sign byte.
pub(crate) fn serial(bytes: &[u8]) -> String {
    let digits = match bytes {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    hex(digits.get(..64).unwrap_or(digits)).to_uppercase()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(NAME_LENGTH) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn name(name: &X509Name<'_>) -> String {
    cut(&name.to_string())
}

fn alternative_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => cut(name),
        GeneralName::IPAddress(bytes) => match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
            (Ok(four), _) => std::net::Ipv4Addr::from(four).to_string(),
            (_, Ok(sixteen)) => std::net::Ipv6Addr::from(sixteen).to_string(),
            _ => format!("address of {} bytes", bytes.len()),
        },
        GeneralName::URI(uri) => cut(&format!("URI:{uri}")),
        GeneralName::RFC822Name(mail) => cut(&format!("email:{mail}")),
        GeneralName::DirectoryName(name) => cut(&format!("directory:{name}")),
        GeneralName::Invalid(..) => "a name that cannot be read".to_owned(),
        _ => "a name of another type".to_owned(),
    }
}

/// Returns the name of a key and, for RSA, its bits.
fn key(info: &SubjectPublicKeyInfo<'_>) -> (String, Option<usize>) {
    let algorithm = info.algorithm.algorithm.to_id_string();
    match algorithm.as_str() {
        "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => {
            let kind = if algorithm.ends_with(".10") { "RSA-PSS" } else { "RSA" };
            match modulus_bits(&info.subject_public_key.data) {
                Some(bits) => (format!("{kind} {bits}"), Some(bits)),
                None => (format!("{kind} of unreadable size"), None),
            }
        }
        "1.2.840.10045.2.1" => {
            let curve = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
            (format!("EC {}", curve.map_or_else(|| "of an unnamed curve".to_owned(), |oid| curve_name(&oid))), None)
        }
        "1.3.101.112" => ("Ed25519".to_owned(), None),
        "1.3.101.113" => ("Ed448".to_owned(), None),
        "1.2.840.10040.4.1" => ("DSA".to_owned(), None),
        "2.16.840.1.101.3.4.3.17" => ("ML-DSA-44".to_owned(), None),
        "2.16.840.1.101.3.4.3.18" => ("ML-DSA-65".to_owned(), None),
        "2.16.840.1.101.3.4.3.19" => ("ML-DSA-87".to_owned(), None),
        other => (format!("key of type {other}"), None),
    }
}

fn curve_name(oid: &Oid<'_>) -> String {
    match oid.to_id_string().as_str() {
        "1.2.840.10045.3.1.7" => "P-256".to_owned(),
        "1.3.132.0.34" => "P-384".to_owned(),
        "1.3.132.0.35" => "P-521".to_owned(),
        "1.3.132.0.10" => "secp256k1".to_owned(),
        "1.2.840.10045.3.1.1" => "P-192".to_owned(),
        "1.3.132.0.33" => "P-224".to_owned(),
        other => format!("curve {other}"),
    }
}

/// Counts the bits of the modulus in an RSA public key.
fn modulus_bits(key: &[u8]) -> Option<usize> {
    let (body, _) = super::der::element(key, 0x30)?;
    let (modulus, _) = super::der::element(body, 0x02)?;
    let first = modulus.iter().position(|byte| *byte != 0)?;
    let digits = modulus.get(first..)?;
    let leading = usize::try_from(digits.first()?.leading_zeros()).ok()?;
    Some(digits.len() * 8 - leading)
}

fn signature(algorithm: &AlgorithmIdentifier<'_>) -> String {
    let oid = algorithm.algorithm.to_id_string();
    let known = match oid.as_str() {
        "1.2.840.113549.1.1.2" => "RSA with MD2",
        "1.2.840.113549.1.1.3" => "RSA with MD4",
        "1.2.840.113549.1.1.4" => "RSA with MD5",
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => "RSA with SHA-1",
        "1.2.840.113549.1.1.11" => "RSA with SHA-256",
        "1.2.840.113549.1.1.12" => "RSA with SHA-384",
        "1.2.840.113549.1.1.13" => "RSA with SHA-512",
        "1.2.840.113549.1.1.14" => "RSA with SHA-224",
        "1.2.840.10045.4.1" => "ECDSA with SHA-1",
        "1.2.840.10045.4.3.1" => "ECDSA with SHA-224",
        "1.2.840.10045.4.3.2" => "ECDSA with SHA-256",
        "1.2.840.10045.4.3.3" => "ECDSA with SHA-384",
        "1.2.840.10045.4.3.4" => "ECDSA with SHA-512",
        "1.2.840.10040.4.3" => "DSA with SHA-1",
        "2.16.840.1.101.3.4.3.2" => "DSA with SHA-256",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        "1.2.840.113549.1.1.10" => {
            let parameters = algorithm.parameters.as_ref();
            let hash = parameters
                .and_then(|any| RsaSsaPssParams::try_from(any).ok())
                .map(|parameters| parameters.hash_algorithm_oid().to_id_string());
            match hash.as_deref() {
                Some("2.16.840.1.101.3.4.2.1") => "RSA-PSS with SHA-256",
                Some("2.16.840.1.101.3.4.2.2") => "RSA-PSS with SHA-384",
                Some("2.16.840.1.101.3.4.2.3") => "RSA-PSS with SHA-512",
                // Without parameters the standard means SHA-1.
                Some("1.3.14.3.2.26") | None => "RSA-PSS with SHA-1",
                Some(_) => "RSA-PSS with another hash",
            }
        }
        _ => return format!("algorithm {oid}"),
    };
    known.to_owned()
}
