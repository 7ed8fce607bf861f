//! URLs and where redirects lead: what was read is shown in a form that is a URL too, and a redirect stays on http.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selx_checks::http::{StatusRange, Url};

fuzz_target!(|text: &str| {
    let _ = text.parse::<StatusRange>();
    if let Ok(url) = text.parse::<Url>() {
        assert!(!url.host().is_empty());
        assert!(!url.to_string().contains(char::is_control));
    }
    if let Ok(base) = "https://example.org:8443/a/b?c=d".parse::<Url>()
        && let Ok(target) = base.join(text)
    {
        assert!(!target.host().is_empty());
    }
});
