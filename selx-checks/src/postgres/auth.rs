//! Proving who asks.

use md5::{Digest as _, Md5};
use ring::rand::{SecureRandom as _, SystemRandom};
use selx_core::{Context, Error, ErrorKind, Secret};

use super::refusal::{Ended, Trouble};
use super::scram::Scram;
use super::wire::{LOGIN_CAP, MESSAGES, Message, Wire, frame};
use crate::net::{Failure, FailureKind, Phase};

/// How a server wants to know who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// It does not want to know more.
    Trust,
    /// The password as it is.
    Cleartext,
    /// The password as MD5, with this salt.
    Md5([u8; 4]),
    /// SCRAM-SHA-256.
    Scram,
    /// Something else.
    Other(String),
}

impl Method {
    /// Reads what a server asks for; nothing if it is not a request.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let (number, rest) = body.split_first_chunk::<4>()?;
        let named = |name: &str| Some(Self::Other(name.to_owned()));
        match u32::from_be_bytes(*number) {
            0 => Some(Self::Trust),
            2 => named("Kerberos 5"),
            3 => Some(Self::Cleartext),
            5 => Some(Self::Md5(*rest.first_chunk()?)),
            6 => named("SCM credentials"),
            7 => named("GSSAPI"),
            9 => named("SSPI"),
            10 => {
                let offered: Vec<String> = rest
                    .split(|byte| *byte == 0)
                    .take_while(|name| !name.is_empty())
                    .take(8)
                    .map(|name| name.escape_ascii().to_string())
                    .collect();
                if offered.iter().any(|name| name == "SCRAM-SHA-256") {
                    return Some(Self::Scram);
                }
                Some(Self::Other(format!("SASL with {}", offered.join(", "))))
            }
            number => Some(Self::Other(format!("method number {number}"))),
        }
    }

    /// Names it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Trust => "trust",
            Self::Cleartext => "the password in the clear",
            Self::Md5(_) => "the password as MD5",
            Self::Scram => "SCRAM-SHA-256",
            Self::Other(name) => name,
        }
    }
}

/// Proves who asks; `Ok` means that the server has said all it wants to hear.
pub(super) async fn prove(
    wire: &mut Wire,
    method: &Method,
    user: &str,
    password: &Secret,
    guarded: bool,
    cx: &Context,
) -> Result<(), Ended> {
    match method {
        Method::Trust => Ok(()),
        Method::Other(name) => Err(Ended::Peer(Trouble::UnknownMethod(name.clone()))),
        Method::Cleartext | Method::Md5(_) if !guarded => {
            Err(Ended::Peer(Trouble::WeakMethod(method.name().to_owned())))
        }
        Method::Cleartext => send_text(wire, password.expose(), cx).await,
        Method::Md5(salt) => {
            let inner = hex(&Md5::digest(format!("{}{user}", password.expose())));
            let outer = Md5::digest([inner.as_bytes(), salt].concat());
            send_text(wire, &format!("md5{}", hex(&outer)), cx).await
        }
        Method::Scram => scram(wire, password, cx).await,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn send_text(wire: &mut Wire, text: &str, cx: &Context) -> Result<(), Ended> {
    wire.send(&frame(b'p', &[text.as_bytes(), &[0]].concat()), Phase::Login, cx).await
}

async fn scram(wire: &mut Wire, password: &Secret, cx: &Context) -> Result<(), Ended> {
    let mut random = [0; 18];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| Error::new(ErrorKind::Local, "this host gives no random numbers"))?;
    let exchange = Scram::new(random);
    let first = exchange.first();
    let length = u32::try_from(first.len()).unwrap_or_default().to_be_bytes();
    let body = [&b"SCRAM-SHA-256\0"[..], &length, first.as_bytes()].concat();
    wire.send(&frame(b'p', &body), Phase::Login, cx).await?;
    let challenge = sasl(wire, 11, cx).await?;
    let secret = password.clone();
    let proof = cx.blocking("computing the login", move |_| Ok(exchange.proof(&challenge, secret.expose()))).await?;
    let proof = proof.map_err(|said| malformed(wire, &said))?;
    wire.send(&frame(b'p', proof.message.as_bytes()), Phase::Login, cx).await?;
    let verdict = sasl(wire, 12, cx).await?;
    if proof.is_answered_by(&verdict) {
        Ok(())
    } else {
        Err(malformed(wire, "did not prove that it knows the password: it may not be the server that it seems to be"))
    }
}

fn malformed(wire: &Wire, said: &str) -> Ended {
    Failure::new(Phase::Login, FailureKind::Malformed, format!("{} {said}", wire.whom)).into()
}

/// Reads one message of the exchange.
async fn sasl(wire: &mut Wire, wanted: u32, cx: &Context) -> Result<String, Ended> {
    for _ in 0..MESSAGES {
        let Message { tag, body } = wire.message(b"REN", LOGIN_CAP, Phase::Login, cx).await?;
        match tag {
            b'E' => return Err(super::refusal::ServerError::read(&body).into()),
            b'N' => {}
            _ => {
                let text = body.split_first_chunk::<4>().filter(|(number, _)| u32::from_be_bytes(**number) == wanted);
                let text = text.and_then(|(_, text)| std::str::from_utf8(text).ok());
                return text.map(str::to_owned).ok_or_else(|| malformed(wire, "left the SCRAM exchange"));
            }
        }
    }
    Err(wire.endless())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers for a password as a server would, and returns what it was sent.
    async fn sent(method: Method, guarded: bool) -> (Result<(), Ended>, Vec<u8>) {
        use tokio::io::AsyncReadExt as _;
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let cx = Context::new(std::time::Duration::from_secs(5));
        let mut wire = Wire::new(Box::new(ours), "peer".to_owned(), tokio::time::Instant::now());
        let password = cx.secrets().learn("hunter2-hunter2");
        let proved = prove(&mut wire, &method, "ann", &password, guarded, &cx).await;
        drop(wire);
        let mut bytes = Vec::new();
        theirs.read_to_end(&mut bytes).await.unwrap();
        (proved, bytes)
    }

    #[tokio::test]
    async fn d4_a_password_goes_over_no_line_that_others_read() {
        for method in [Method::Cleartext, Method::Md5(*b"salt")] {
            let (refused, bytes) = sent(method.clone(), false).await;
            assert!(matches!(refused, Err(Ended::Peer(Trouble::WeakMethod(_)))) && bytes.is_empty());
            let (proved, bytes) = sent(method, true).await;
            assert!(proved.is_ok() && bytes.first() == Some(&b'p'));
        }
        let (refused, bytes) = sent(Method::Other("GSSAPI".to_owned()), true).await;
        assert!(matches!(refused, Err(Ended::Peer(Trouble::UnknownMethod(_)))) && bytes.is_empty());
    }

    #[test]
    fn methods_are_named() {
        let read = |number: u32, rest: &[u8]| Method::read(&[&number.to_be_bytes(), rest].concat());
        assert_eq!(read(0, b""), Some(Method::Trust));
        assert_eq!(read(5, b"salt"), Some(Method::Md5(*b"salt")));
        assert_eq!(read(5, b"sa"), None);
        assert_eq!(read(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"), Some(Method::Scram));
        assert_eq!(read(10, b"OAUTHBEARER\0\0").unwrap().name(), "SASL with OAUTHBEARER");
        assert_eq!(read(7, b"").unwrap().name(), "GSSAPI");
        assert_eq!(read(99, b"").unwrap().name(), "method number 99");
        assert_eq!(Method::read(b"\0\0"), None);
    }
}
