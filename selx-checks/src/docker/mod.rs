//! The Docker engine, asked over its socket file. It can only read: the connection refuses every request but `GET`
//! before a byte is sent.

mod container;
mod engine;
mod logs;
mod place;
mod transport;
mod version;
mod volume;

pub use container::{Container, Health, Network, Port, State, Summary};
pub use engine::Engine;
pub use logs::LogTail;
pub use place::{DEFAULT_SOCKET, EngineAt};
