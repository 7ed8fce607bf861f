//! Peers that hang, lie, flood and break off, and the kinds that must not take them for fine.

mod drive;
mod http_content;
mod http_peer;
mod http_wire;
mod peer;
