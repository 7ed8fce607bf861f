//! Finding and reaching a peer over the network: names, addresses, connections.
//!
//! What a peer does wrong is data ([`Failure`]), so that it can be saved and judged again; what this host cannot do is
//! an [`Error`](selx_core::Error). No proxy is ever used, whatever the environment says.

mod connect;
mod failure;
mod resolve;
mod scope;
mod unbroken;

#[cfg(feature = "docker")]
pub(crate) use connect::open_unix;
pub use connect::{Attempt, Dialled, connect, connect_unix, dial};
pub use failure::{Failure, FailureKind, Phase, bounded, of_io};
pub use resolve::{MAX_ADDRESSES, Resolved, resolve};
pub use scope::{Scope, scope};
pub use unbroken::Unbroken;
