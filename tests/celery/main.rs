//! The kinds of Celery against real workers of two versions, healthy and sick, and against forged answers. It needs
//! redis-server, setpriv and strace, and Python with its package index or two environments (see `harness.rs`).

#![expect(clippy::disallowed_methods, reason = "workers and brokers are started as any program is, and waited for")]
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod hostile;
mod killed;
mod naming;
mod progress;
mod queues;
mod together;
mod workers;

mod harness;
