//! The kind `tls-certificate`, and what every encrypted connection needs: whom to trust, and what an error means.

mod config;
mod date;
mod der;
mod discover;
mod endpoint;
pub mod error;
mod facts;
mod files;
mod grade;
mod handshake;
mod hello;
mod judge;
mod look;
mod parse;
mod probe;
mod staple;
mod summary;
pub mod trust;
mod verify;

use selx_core::{Area, Check, Code, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta};
use selx_core::{Result, Unit};

pub use config::{Addresses, Compared, Config, MinProtocol, Settings};
pub use date::Date;
pub use endpoint::{Address, Endpoint, Name};
pub use facts::{Asked, CHAIN_KEPT, Facts, File, FileTrouble, Handshake, Key, Pair, Reason, Rejection, Seen, Trouble};
pub use files::FILES_CAP;
pub use parse::{Certificate, Link, NAMES_KEPT, fingerprint, parse};
pub use staple::{Staple, read as read_staple};

/// Certificates of servers and on disk: how long they last, and whether clients accept them.
pub struct TlsCertificate(Settings);

impl Check for TlsCertificate {
    type Config = Config;
    type Facts = Facts;

    const META: Meta = Meta::new(
        "tls-certificate",
        Area::Tls,
        "certificates of servers and on disk: days left, accepted by clients or why not, renewed but not loaded",
    )
    .readme(include_str!("README.md"))
    .sample(include_str!("sample.toml"))
    .codes(CODES)
    .passing(&["handshake-failed", "no-answer", "refused", "no-route", "not-found", "name-servers-failed"])
    .measures(MEASURES)
    .routines(&["daily", "weekly"])
    .needs("to read certificate files where `files`, `compare` or `keys` are set");

    fn new(config: Config) -> Self {
        Self(config.0)
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::probe(&self.0, cx).await
    }

    fn judge(&self, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
        judge::judge(&self.0, facts, cx.now.at)
    }

    fn measure(&self, facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
        summary::measures(facts, cx.now.at)
    }

    fn limits(&self) -> Limits {
        // Under 21 days or a third of the lifetime, whichever is less: both have to be breached.
        let limit = || Limit::new(Unit::Seconds, "21d: and 33.3%:", "7d: and 10%:");
        Limits::default().set("remaining", limit()).set("issuer-remaining", limit())
    }

    async fn discover(cx: &Context) -> Discovery {
        discover::discover(cx)
    }
}

const MEASURES: &[MeasureDoc] = &[
    MeasureDoc::new(
        "remaining",
        Unit::Seconds,
        "time until the certificate expires, as a part of its whole lifetime",
        "Renew it, and find out why it was not renewed by itself: the timer, the challenge, the hook.",
    )
    .called("certificate valid for"),
    MeasureDoc::new(
        "issuer-remaining",
        Unit::Seconds,
        "time until the first of the certificates above it expires, the root left out",
        "Get the chain of the authority anew: issue the certificate again, or replace the chain file.",
    )
    .called("issuers valid for"),
    MeasureDoc::new(
        "handshake",
        Unit::Seconds,
        "time of the TLS handshake, after the connection is open",
        "Look at the load of the server, and at the way to it.",
    )
    .called("handshake time"),
    MeasureDoc::new(
        "chain-length",
        Unit::Count,
        "number of certificates that the server sends",
        "Send the server's own certificate and those between it and the root.",
    )
    .called("chain length"),
];

const CODES: &[Code] = &[
    Code::new(
        "expired",
        "A certificate has expired.",
        "Renew it and reload the server; then find out why it was not renewed by itself.",
    ),
    Code::new(
        "not-yet-valid",
        "A certificate is not valid yet.",
        "Compare the clocks of this machine, the server and the authority; else issue it again.",
    ),
    Code::new(
        "self-signed",
        "The server's certificate is signed by itself.",
        "Get one from an authority, or name it as `ca-file` if it is meant to be trusted.",
    ),
    Code::new(
        "unknown-issuer",
        "The chain ends in a root that is not trusted.",
        "Install a certificate of a public authority, or name the private root as `ca-file`.",
    ),
    Code::new(
        "chain-incomplete",
        "The server does not send the certificates between its own and a root.",
        "Serve the full chain: `fullchain.pem`, not `cert.pem`. That a browser shows the page proves nothing.",
    ),
    Code::new(
        "name-mismatch",
        "The certificate is for other names than the one that was asked for.",
        "Issue one that has the name, or set `server-name`; look whether the request reaches the right site.",
    ),
    Code::new("weak-signature", "A certificate is signed with SHA-1 or MD5.", "Issue it again with SHA-256."),
    Code::new(
        "weak-key",
        "A certificate has an RSA key under 2048 bits.",
        "Make a new key, and issue the certificate again.",
    ),
    Code::new(
        "ca-as-leaf",
        "A certificate for signing certificates is used by a server.",
        "Issue a certificate for the server with it, and keep its key off the server.",
    ),
    Code::new(
        "wrong-purpose",
        "The certificate is not meant for servers.",
        "Issue it with the extended key usage `serverAuth`.",
    ),
    Code::new(
        "critical-extension",
        "A certificate has a critical extension that clients do not know.",
        "Issue it without the extension, or with it not critical.",
    ),
    Code::new(
        "name-constraint",
        "An issuer of the chain may not sign for this name, or not in this place.",
        "Issue it from an authority that may sign for the name.",
    ),
    Code::new(
        "bad-certificate",
        "A certificate cannot be read, or contradicts itself.",
        "Replace it; `openssl x509 -text` shows where it breaks.",
    ),
    Code::new(
        "bad-signature",
        "A signature of the chain or of the handshake is wrong.",
        "Look whether certificate, key and chain on the server belong together.",
    ),
    Code::new(
        "old-version",
        "A certificate has the X.509 version 1 or 2.",
        "Issue it again as version 3, as all tools of today do.",
    ),
    Code::new(
        "not-accepted",
        "Clients refuse the chain for another reason.",
        "Read the reason; issue the certificate again if it is not clear.",
    ),
    Code::new(
        "not-verified",
        "Something could not be verified by selx: no store of roots, or a key of a type that it does not know.",
        "Install `ca-certificates` or set `ca-file`; for the key, test with a client that knows its type.",
    ),
    Code::new(
        "chain-too-large",
        "More certificates or bytes than are read.",
        "Send the server's own certificate and those between it and the root; split certificates with very many names.",
    ),
    Code::new(
        "chain-order",
        "The certificates are sent in an unusual order.",
        "Put the server's own first, then each one's issuer.",
    ),
    Code::new(
        "extra-certificate",
        "The server sends certificates that are no part of its chain.",
        "Leave them out of the chain file; they cost every client time.",
    ),
    Code::new(
        "protocol-too-old",
        "The server agrees only on a protocol older than is wanted.",
        "Enable TLS 1.2 and 1.3 on the server.",
    ),
    Code::new(
        "handshake-failed",
        "The handshake broke off.",
        "Read the log of the server at that moment; `openssl s_client` shows its side.",
    ),
    Code::new(
        "client-certificate-required",
        "The server refuses clients without a certificate of their own.",
        "Accept this code if that is meant; the certificate of the server was judged all the same.",
    ),
    Code::new("client-certificate-asked", "The server asks for a client certificate.", "Nothing, if that is meant."),
    Code::new(
        "not-tls",
        "Something answers, but not TLS.",
        "Look at the port, and whether the server has encryption enabled on it.",
    ),
    Code::new(
        "no-answer",
        "The server did not answer in time.",
        "Look whether it is overloaded, or whether a firewall drops packets.",
    ),
    Code::new("refused", "The connection was refused.", "Start the server, or correct the port."),
    Code::new(
        "no-route",
        "No way leads to the address.",
        "Look at the routes; set `addresses = \"ipv4\"` on a machine without IPv6.",
    ),
    Code::new(
        "not-found",
        "The name does not exist or has no address.",
        "Look at the name servers of the domain, and at the spelling.",
    ),
    Code::new(
        "name-servers-failed",
        "The name could not be looked up.",
        "Look at `/etc/resolv.conf` and the name servers.",
    ),
    Code::new(
        "revoked",
        "The authority has revoked the certificate.",
        "Replace it now, with a new key if the old one may have been stolen.",
    ),
    Code::new(
        "staple-missing",
        "The certificate demands a stapled answer about revocation, which the server does not send.",
        "Enable OCSP stapling, or issue the certificate without that demand.",
    ),
    Code::new(
        "staple-useless",
        "The stapled answer says nothing about this certificate.",
        "Look at the stapling cache of the server.",
    ),
    Code::new(
        "not-reloaded",
        "The server serves another certificate than the file holds.",
        "Reload the server, and add the reload to the hook of the renewal.",
    ),
    Code::new(
        "nothing-matched",
        "A pattern matches no file.",
        "Correct the pattern, or find out where the certificates went.",
    ),
    Code::new(
        "unreadable-file",
        "A file or folder could not be read.",
        "Run selx as a user who may read it, or give the right.",
    ),
    Code::new(
        "no-certificate-in-file",
        "A file holds no certificate, or is not there.",
        "Correct the path; a private key alone is no certificate.",
    ),
    Code::new("too-many-files", "More files match than are read.", "Split the check, or make the patterns narrower."),
    Code::new(
        "key-readable",
        "Every user of the machine can read a private key.",
        "Set its mode to 0600 or 0640, and replace the key: it may have been copied.",
    ),
    Code::new(
        "key-mismatch",
        "A private key does not belong to the certificate beside it.",
        "Put the pair that was made together in place before the server is restarted.",
    ),
    Code::new(
        "key-unread",
        "A private key could not be compared with its certificate.",
        "Run selx as a user who may read it, or set `keys = false`.",
    ),
];

#[cfg(test)]
mod tests {
    #[test]
    fn contract() {
        selx_core::contract::check::<super::TlsCertificate>(concat!(env!("CARGO_MANIFEST_DIR"), "/src/tls"));
    }
}
