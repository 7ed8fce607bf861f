//! The `authorization` header.

use base64::Engine as _;
use hyper::header::HeaderValue;
use selx_core::{Context, Error, ErrorKind, Result};

use super::config::Authorization;

/// Makes the value of the `authorization` header.
///
/// # Errors
///
/// The secret cannot be read, or holds what a header may not.
pub(crate) fn credentials(how: &Authorization, cx: &Context) -> Result<HeaderValue> {
    let text = match how {
        Authorization::Bearer(token) => format!("Bearer {}", cx.secrets().get(token)?.expose()),
        Authorization::Basic(basic) => {
            let password = cx.secrets().get(&basic.password)?;
            let pair = format!("{}:{}", basic.user, password.expose());
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        }
    };
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| Error::new(ErrorKind::Config, "the token holds a character that a header may not have"))?;
    value.set_sensitive(true);
    Ok(value)
}
