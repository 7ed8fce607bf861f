//! Celery on a Redis broker: its workers, its queues, and whether work gets done.
//!
//! Workers are asked over their remote control, spoken natively (`pidbox` in the source): a look is one connection to
//! Redis and ends with the last answer. Three kinds share it: `celery-workers`, `celery-queues`, `celery-progress`.

mod config;
mod depth;
mod discover;
mod keys;
mod pidbox;
pub mod progress;
pub mod queues;
mod reply;
mod request;
mod slot;
mod tasks;
mod who;
pub mod workers;

pub use config::{FanoutPrefix, PrioritySteps, Separator};
pub use keys::{Names, SEPARATOR};
pub use pidbox::{Answered, Roll};
pub use reply::Unread;
pub use request::Method;
