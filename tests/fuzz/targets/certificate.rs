//! Certificates and stapled answers: any bytes are read or refused, and what was read survives being saved.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selx_checks::tls;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(certificate) = tls::parse(bytes) {
        let _ = certificate.lifetime();
        let _ = certificate.title();
        let _ = certificate.weak_hash();
        let saved = serde_json::to_value(&certificate);
        assert!(saved.is_ok());
    }
    let _ = tls::read_staple(bytes, "01");
});
