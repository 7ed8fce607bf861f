//! The connection that kinds which ask Redis share.
//!
//! ```text
//! let server = Server { target, user, password, database, ca_file };       // from the settings of a kind
//! let mut redis = match server.connect(cx).await? {                        // Err: this host could not look
//!     Ok(redis) => redis,
//!     Err(trouble) => return Ok(Facts { trouble: Some(trouble), .. }),     // a fact: judged by `trouble.finding(..)`
//! };
//! let length = redis.ask(redis::cmd("LLEN").arg("celery"), cx).await?;     // Result<Result<Value, Trouble>>
//! let many = redis.ask_all(&[..], cx).await?;                              // one round trip, an answer or refusal each
//! ```
//!
//! `Trouble` is data: what the peer did, by phase, or the error reply, typed. [`codes`] makes the table of codes of a
//! kind from its own and the shared ones, [`PASSING`] names those that may pass. Values are those of the `redis` crate,
//! converted by its `from_redis_value`. Every reply is bounded before it is parsed ([`Connection::cap`]); after a
//! failure a connection answers nothing any more.

mod connection;
mod frame;
mod open;
mod password;
mod refusal;
mod trouble;

use std::path::PathBuf;

use selx_core::SecretRef;

pub use connection::{Connection, Reached};
#[cfg(feature = "fuzz")]
pub use frame::fuzz_frame;
pub use refusal::{Refusal, RefusalKind};
pub use trouble::{PASSING, SHARED, Trouble, codes, right};

use crate::target::{Service, Target};

/// What Redis says about its addresses.
#[derive(Debug)]
pub struct Redis;

impl Service for Redis {
    const NAME: &'static str = "Redis";
    const SCHEMES: &'static [(&'static str, bool)] = &[("redis", false), ("rediss", true)];
    const PORT: u16 = 6379;
}

/// Reads an answer that counts something: nothing of one that is no number, is negative, or is more than can be there.
/// The library makes a very large number of a negative one.
pub fn count(answer: redis::Value) -> Option<u64> {
    redis::from_redis_value::<i64>(answer).ok().filter(|count| *count < 1 << 53).and_then(|count| count.try_into().ok())
}

/// Where a Redis is and how it is entered. Every kind has these settings as fields of its own, by these names.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where it is (`target`).
    pub target: Target<Redis>,
    /// The user of its access list (`user`); without one, that of the URL, else the default user.
    pub user: Option<String>,
    /// The password (`password`); without one, that of the container of a compose service.
    pub password: Option<SecretRef>,
    /// The number of the database (`database`); without one, that of the URL, else 0.
    pub database: Option<u32>,
    /// The roots that its certificate is verified against (`ca-file`); a connection is encrypted if there is one, or if
    /// the URL asks for it.
    pub ca_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::*;

    #[test]
    fn what_counts_nothing_is_no_number() {
        assert_eq!(count(Value::Int(7)), Some(7));
        assert_eq!(count(Value::BulkString(b"7".to_vec())), Some(7));
        for odd in [Value::Int(-1), Value::Int(i64::MAX), Value::Okay, Value::Nil, Value::Array(Vec::new())] {
            assert_eq!(count(odd), None);
        }
    }
}
