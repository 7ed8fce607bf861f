//! Celery on a Redis broker: its workers, its queues, and whether work gets done.
//!
//! Workers are asked over their remote control, spoken natively (`pidbox` in the source): a look is one connection to
//! Redis and ends with the last answer. Three kinds share it: `celery-workers`, `celery-queues`, `celery-progress`.

mod config;
mod depth;
mod discover;
mod hear;
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

/// The ticket of an answer; the name of its worker and how many tasks were read of it, or why it was not read.
#[cfg(feature = "fuzz")]
type Answer = (String, Result<(String, usize), Unread>);

/// Reads an answer of a worker: its ticket, its name, what its method gave and the tasks in it. The fuzzer's door.
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub fn fuzz_answer(bytes: &[u8]) -> Option<Answer> {
    let reply = reply::read(bytes)?;
    let content = reply.content.map(|content| {
        let words = reply::error(&content.value).unwrap_or_default();
        assert!(words.chars().count() <= 200, "{words}");
        let tasks = tasks::tasks(&content.value, 5).map_or(0, |(tasks, all)| {
            assert!(tasks.len() as u64 <= all, "{tasks:?} of {all}");
            tasks.len()
        });
        (content.node, tasks)
    });
    Some((reply.ticket, content))
}

/// Reads a message of a queue and gives back what is kept of it, as facts are saved: the fuzzer's door.
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub fn fuzz_message(bytes: &[u8]) -> serde_json::Result<serde_json::Value> {
    let head = tasks::Head::read(bytes);
    let saved = serde_json::to_value(&head)?;
    assert_eq!(serde_json::from_str::<tasks::Head>(&saved.to_string())?, head);
    assert!(!head.named().is_empty());
    Ok(saved)
}
