//! The kind `tls-certificate`, and what every encrypted connection needs: whom to trust, and what an error means.

pub mod error;
pub mod trust;
