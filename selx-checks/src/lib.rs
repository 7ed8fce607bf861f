//! The checks of selx, one folder a kind, and the embedded history.

#[cfg(feature = "command")]
pub mod command;
#[cfg(feature = "history")]
pub mod history;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "http")]
pub mod http;
#[cfg(any(feature = "http", feature = "tls"))]
pub mod net;
#[cfg(feature = "tls")]
pub mod tls;

use selx_core::{Duplicate, Registry};

/// Registers every kind of this crate: the one list, in the order of the names.
///
/// # Errors
///
/// If a name is taken.
pub fn register(registry: &mut Registry) -> Result<(), Duplicate> {
    #[cfg(feature = "command")]
    registry.check::<command::Command>()?;
    #[cfg(feature = "host")]
    registry.check::<host::cpu::HostCpu>()?;
    #[cfg(feature = "host")]
    registry.check::<host::disk::HostDisk>()?;
    #[cfg(feature = "host")]
    registry.check::<host::memory::HostMemory>()?;
    #[cfg(feature = "http")]
    registry.check::<http::Http>()?;
    #[cfg(feature = "tls")]
    registry.check::<tls::TlsCertificate>()?;
    let _ = &registry;
    Ok(())
}
