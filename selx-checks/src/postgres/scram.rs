//! SCRAM-SHA-256, RFC 5802 and 7677, as PostgreSQL speaks it.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

/// The most rounds that are computed. Servers ask for 4096; a hundred times as many are half a second.
pub(super) const MAX_ROUNDS: u32 = 600_000;

const HEADER: &str = "n,,";

/// The client's side of one exchange.
pub(super) struct Scram {
    nonce: String,
}

/// The client's last word, and what the server has to prove.
pub(super) struct Proof {
    pub(super) message: String,
    pub(super) signature: Vec<u8>,
}

impl Scram {
    pub(super) fn new(random: [u8; 18]) -> Self {
        Self { nonce: STANDARD.encode(random) }
    }

    fn bare(&self) -> String {
        // The server takes the name from the start of the session and wants none here.
        format!("n=,r={}", self.nonce)
    }

    /// Returns the first message.
    pub(super) fn first(&self) -> String {
        format!("{HEADER}{}", self.bare())
    }

    /// Answers the server's first message. It computes for long: not on a thread that others wait for.
    ///
    /// # Errors
    ///
    /// What is wrong with the message.
    pub(super) fn proof(&self, server_first: &str, password: &str) -> Result<Proof, String> {
        let mut parts = server_first.split(',');
        let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name));
        let (nonce, salt, rounds) = match (part("r="), part("s="), part("i=")) {
            (Some(nonce), Some(salt), Some(rounds)) => (nonce, salt, rounds),
            _ => return Err("sent no SCRAM challenge".to_owned()),
        };
        if !nonce.starts_with(&self.nonce) || nonce.len() <= self.nonce.len() {
            return Err("answered another SCRAM exchange than ours".to_owned());
        }
        let salt = STANDARD.decode(salt).map_err(|_| "sent a SCRAM salt that is not base64".to_owned())?;
        let rounds: u32 = rounds.parse().map_err(|_| "sent no number of SCRAM rounds".to_owned())?;
        if rounds > MAX_ROUNDS {
            return Err(format!("asks for {rounds} SCRAM rounds; at most {MAX_ROUNDS} are computed"));
        }
        let rounds = NonZeroU32::new(rounds).ok_or("asks for no SCRAM round at all")?;
        let mut salted = [0; digest::SHA256_OUTPUT_LEN];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &mut salted);
        let client_key = mac(&salted, b"Client Key");
        let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(HEADER));
        let signed = format!("{},{server_first},{without_proof}", self.bare());
        let signature = mac(stored_key.as_ref(), signed.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        let server_key = mac(&salted, b"Server Key");
        Ok(Proof {
            message: format!("{without_proof},p={}", STANDARD.encode(proof)),
            signature: mac(server_key.as_ref(), signed.as_bytes()).as_ref().to_vec(),
        })
    }
}

impl Proof {
    /// Tells whether the server's last word proves that it knows the password too.
    pub(super) fn is_answered_by(&self, server_final: &str) -> bool {
        let told = server_final.strip_prefix("v=").and_then(|text| STANDARD.decode(text).ok());
        told.is_some_and(|told| told == self.signature)
    }
}

fn mac(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exchange_of_the_standard() {
        // RFC 7677, section 3, apart from the name, which PostgreSQL wants empty: only the signature depends on it.
        let scram = Scram { nonce: "rOprNGfwEbeRWgbNEkqO".to_owned() };
        let first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let proof = scram.proof(first, "pencil").unwrap();
        assert!(proof.message.starts_with("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p="));
        assert!(proof.is_answered_by(&format!("v={}", STANDARD.encode(&proof.signature))));
        assert!(!proof.is_answered_by("v=AAAA") && !proof.is_answered_by("e=other-error"));
    }

    #[test]
    fn challenges_that_are_none() {
        let scram = Scram { nonce: "abc".to_owned() };
        for (challenge, words) in [
            ("", "no SCRAM challenge"),
            ("r=xyz,s=AAAA,i=1", "another SCRAM exchange"),
            ("r=abc,s=AAAA,i=1", "another SCRAM exchange"),
            ("r=abcd,s=?,i=1", "not base64"),
            ("r=abcd,s=AAAA,i=x", "no number"),
            ("r=abcd,s=AAAA,i=0", "no SCRAM round"),
            ("r=abcd,s=AAAA,i=4000000000", "at most"),
        ] {
            assert!(scram.proof(challenge, "x").err().unwrap().contains(words), "{challenge}");
        }
    }
}
