//! Applications on this host: compose projects with a Redis and with workers.

use selx_core::{Context, Discovery};

/// Proposes to expect as many workers as run now.
pub(super) async fn workers(_cx: &Context) -> Discovery {
    Discovery::Manual
}

/// Proposes the queues.
pub(super) async fn queues(_cx: &Context) -> Discovery {
    Discovery::Manual
}

/// Proposes the work.
pub(super) async fn progress(_cx: &Context) -> Discovery {
    Discovery::Manual
}
