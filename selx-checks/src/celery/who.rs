//! Who the silent ones are: names that are registered, and connections that listen.

use redis::{Value, cmd, from_redis_value};
use selx_core::{Context, Result};
use serde::{Deserialize, Serialize};

use super::keys::{Names, shown};
use crate::redis::client::{Connection, Trouble};

/// The most names and connections that are read.
const MOST: usize = 1000;

/// What Redis knows of workers that do not answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Known {
    /// The names that workers registered, sorted. Those of workers that were killed stay for ever.
    pub registered: Vec<String>,
    /// The addresses of connections that listen to patterns, as workers do; nothing where the user may not list them.
    #[serde(default)]
    pub listening: Option<Vec<String>>,
}

/// Asks for them, in one round trip.
pub(super) async fn look(redis: &mut Connection, names: &Names, cx: &Context) -> Result<Result<Known, Trouble>> {
    let exchange = format!("{}.pidbox", names.control);
    let commands = [
        cmd("SRANDMEMBER").arg(names.bindings(&exchange)).arg(MOST).clone(),
        cmd("CLIENT").arg("LIST").arg("TYPE").arg("pubsub").clone(),
    ];
    let answers = match redis.ask_all(&commands, cx).await? {
        Ok(answers) => answers,
        Err(failure) => return Ok(Err(Trouble::Peer(failure))),
    };
    let mut answers = answers.into_iter();
    let members = answers.next().and_then(std::result::Result::ok).unwrap_or(Value::Nil);
    let members: Vec<Vec<u8>> = from_redis_value(members).unwrap_or_default();
    let ending = format!(".{exchange}");
    let mut registered: Vec<String> = members
        .iter()
        .filter_map(|member| names.bound_queue(member))
        .filter_map(|queue| shown(queue).strip_suffix(ending.as_str()).map(str::to_owned))
        .collect();
    registered.sort();
    registered.dedup();
    let list = answers.next().and_then(std::result::Result::ok);
    let listening = list.and_then(|list| from_redis_value::<Vec<u8>>(list).ok()).map(|list| {
        let list = String::from_utf8_lossy(&list).into_owned();
        list.lines().filter_map(listener).take(MOST).map(str::to_owned).collect()
    });
    Ok(Ok(Known { registered, listening }))
}

/// Takes the address out of a line of `CLIENT LIST`, if the connection listens to a pattern.
fn listener(line: &str) -> Option<&str> {
    let field = |name: &str| line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    let patterns: u64 = field("psub")?.parse().ok()?;
    field("addr").filter(|_| patterns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_told_from_others() {
        let line = "id=7 addr=172.18.0.4:40312 laddr=172.18.0.2:6379 fd=9 name= age=3 idle=0 db=0 sub=0 psub=1 ssub=0";
        assert_eq!(listener(line), Some("172.18.0.4:40312"));
        assert_eq!(listener(&line.replace("psub=1", "psub=0")), None);
        assert_eq!(listener(""), None);
        assert_eq!(listener("psub=x addr="), None);
    }
}
