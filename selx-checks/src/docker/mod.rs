//! The Docker engine, asked over its socket; nothing here can change anything.
