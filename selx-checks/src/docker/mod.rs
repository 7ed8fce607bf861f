//! The Docker engine, asked over its socket file. Checks and plans can only read: the connection refuses every request but
//! `GET` before a byte is sent. A step of an action is one removal by id, and no other request leaves over its connection.

mod container;
mod engine;
mod logs;
mod place;
pub mod prune;
mod removal;
mod transport;
mod version;
mod volume;
mod words;

pub use container::{Container, Health, Network, Port, State, Summary};
pub use engine::Engine;
pub use logs::LogTail;
pub use place::{DEFAULT_SOCKET, EngineAt};
pub(crate) use removal::{BY_ID, Removal, Told};
