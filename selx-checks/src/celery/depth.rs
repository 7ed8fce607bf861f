//! How long queues are, and what stands at their heads.

use redis::{Cmd, cmd, from_redis_value};
use selx_core::{Context, Result};

use super::keys::Names;
use super::tasks::Head;
use crate::net::FailureKind;
use crate::redis::client::{Connection, RefusalKind, Server, Trouble, count};

/// The most bytes of one message that are read.
const MESSAGE: usize = 4 << 20;
/// How many messages are read at once.
const AT_ONCE: usize = 8;

/// How long the lists of a queue are, one for each step of priority.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Depth {
    pub(super) lists: Vec<u64>,
    /// Whether a key of its name is no list.
    pub(super) foreign: bool,
}

/// Asks for the lengths of queues, in one round trip with other questions, whose answers come behind.
pub(super) fn lengths(names: &Names, queues: &[Vec<u8>]) -> Vec<Cmd> {
    let lists = queues.iter().flat_map(|queue| names.lists(queue));
    lists.map(|list| cmd("LLEN").arg(list).clone()).collect()
}

type Answers = Vec<Result<redis::Value, crate::redis::client::Refusal>>;

/// Reads the answers to [`lengths`].
pub(super) fn read_lengths(
    names: &Names,
    queues: usize,
    answers: &mut std::vec::IntoIter<Result<redis::Value, crate::redis::client::Refusal>>,
) -> Result<Vec<Depth>, Trouble> {
    let mut depths = Vec::with_capacity(queues);
    for _ in 0..queues {
        let mut depth = Depth::default();
        for _ in &names.steps {
            match answers.next() {
                Some(Ok(value)) => match count(value) {
                    Some(length) => depth.lists.push(length),
                    None => return Err(super::pidbox::odd("LLEN is not answered with a number")),
                },
                Some(Err(refusal)) if refusal.kind == RefusalKind::WrongType => {
                    depth.foreign = true;
                    depth.lists.push(0);
                }
                Some(Err(refusal)) => return Err(Trouble::Refused(refusal)),
                None => return Err(super::pidbox::odd("fewer answers than questions")),
            }
        }
        depths.push(depth);
    }
    Ok(depths)
}

/// Reads the message that is taken next from each queue. Of one that is too large to be read, none is known, and the
/// connection is made anew.
pub(super) async fn heads(
    redis: &mut Connection,
    server: &Server,
    names: &Names,
    queues: &[(&[u8], &Depth)],
    cx: &Context,
) -> Result<Result<Vec<Option<Head>>, Trouble>> {
    redis.cap(MESSAGE);
    let mut heads = Vec::with_capacity(queues.len());
    for part in queues.chunks(AT_ONCE) {
        let commands: Vec<Cmd> = part.iter().map(|(queue, depth)| head(names, queue, depth)).collect();
        match redis.ask_all(&commands, cx).await? {
            Ok(answers) => heads.extend(read_heads(answers)),
            Err(failure) if failure.kind == FailureKind::TooLarge => {
                match server.connect(cx).await? {
                    Ok(again) => *redis = again,
                    Err(trouble) => return Ok(Err(trouble)),
                }
                redis.cap(MESSAGE);
                heads.extend(part.iter().map(|_| None));
            }
            Err(failure) => return Ok(Err(Trouble::Peer(failure))),
        }
    }
    Ok(Ok(heads))
}

fn read_heads(answers: Answers) -> impl Iterator<Item = Option<Head>> {
    answers.into_iter().map(|answer| {
        let message: Option<Vec<u8>> = from_redis_value(answer.ok()?).ok()?;
        Some(Head::read(&message?))
    })
}

/// Messages are pushed in front and taken from the end, from the first list that is not empty.
fn head(names: &Names, queue: &[u8], depth: &Depth) -> Cmd {
    let lists = names.lists(queue);
    let filled = lists.iter().zip(&depth.lists).find(|(_, length)| **length > 0);
    let list = filled.map(|(list, _)| list).or(lists.first());
    cmd("LINDEX").arg(list.map_or(&b""[..], Vec::as_slice)).arg(-1).clone()
}
