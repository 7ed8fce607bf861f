//! The kind `tls-certificate` against real servers and real certificates.

mod endpoints;
mod files;
mod old;
mod peers;
mod run;
mod zoo;
