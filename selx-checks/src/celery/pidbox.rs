//! Asking every worker, over Redis alone: what `celery inspect` does, without Python and without its fixed wait.
//!
//! A question is published; Redis says how many heard it, so that a look ends with the last answer instead of waiting
//! out a time. Workers push their answers to a list whose name stands in a set of bindings for as long as the look takes.
//!
//! What a look that is killed leaves behind is bounded. The list is made before the question, with a mark at its end and
//! a time to live: answers are pushed in front of the mark, so that the list never is a new one without that time. It is
//! read by its ends and not emptied, which is why it is asked for again and again instead of waited for: a list that one
//! waits for is an empty one, and an answer after the death of who waits would make it anew, for ever. The binding has
//! no time of its own, but one of few fixed names (see [`Slot`]), which the next look takes over.

use std::time::Duration;

use redis::{Cmd, Value, cmd, from_redis_value};
use selx_core::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::keys::Names;
use super::reply::{self, Unread};
use super::request::{self, Method};
use super::slot::Slot;
use crate::net::{Failure, FailureKind, Phase};
use crate::redis::client::{Connection, Refusal, RefusalKind, Server, Trouble, count};

/// What stands at the end of a list of answers.
const MARK: &str = "selx";
/// How long a list of answers lives that nobody clears: longer than most tasks that keep a worker from answering.
const LIVES: u32 = 3600;
/// How many answers are read at once.
const WINDOW: i64 = 16;
/// The most bytes that are read at once; an answer has a few KiB.
const CAP: usize = 16 << 20;
/// The most bytes of all answers.
const BYTES: usize = 64 << 20;
/// The most answers to one question, and the most that are none.
const ANSWERS: usize = 2000;
/// The pauses between two looks at the list: the shortest, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(25));
/// What part of the time that was waited so far the next pause is: an answer is seen that much later than it came, at most.
const SHARE: u32 = 8;
/// What of the time of a check is kept for clearing up and for what is asked after the workers.
const KEPT: Duration = Duration::from_millis(500);

/// What came of one question.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// How many listened when it was asked.
    pub(super) subscribers: u64,
    /// The answers, in the order in which they came.
    pub(super) answers: Vec<Answer>,
    /// Answers to it that were not read.
    pub(super) unread: Vec<Unread>,
    /// Messages in the list that answer nothing that was asked.
    pub(super) strays: u64,
    /// Whether there were more answers than are read.
    pub(super) cut: bool,
    /// How long was waited, in seconds.
    pub(super) waited: f64,
}

/// One answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) node: String,
    pub(super) seconds: f64,
    pub(super) value: serde_json::Value,
}

impl Heard {
    fn came(&self) -> usize {
        self.answers.len() + self.unread.len()
    }

    /// Tells whether everybody answered who listened.
    pub(super) fn is_complete(&self) -> bool {
        self.came() as u64 >= self.subscribers
    }

    /// Says who answered, for facts.
    pub(super) fn roll(&self) -> Roll {
        let answered = |answer: &Answer| Answered {
            node: answer.node.clone(),
            seconds: answer.seconds,
            error: reply::error(&answer.value),
        };
        Roll {
            subscribers: self.subscribers,
            answered: self.answers.iter().map(answered).collect(),
            unread: self.unread.clone(),
            strays: self.strays,
            cut: self.cut,
            waited: self.waited,
        }
    }
}

/// Who answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Roll {
    /// How many listened when the question was asked.
    pub subscribers: u64,
    /// The answers, in the order in which they came.
    pub answered: Vec<Answered>,
    /// Answers that were not read.
    #[serde(default)]
    pub unread: Vec<Unread>,
    /// Messages that answer nothing that was asked, such as late ones.
    #[serde(default)]
    pub strays: u64,
    /// Whether there were more answers than are read.
    #[serde(default)]
    pub cut: bool,
    /// How long was waited, in seconds.
    pub waited: f64,
}

/// The answer of a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Answered {
    /// Its name, such as `celery@web1`.
    pub node: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The error that it answered with.
    #[serde(default)]
    pub error: Option<String>,
}

impl Roll {
    /// How many listened and did not answer. Messages are counted and not names: two workers may have one.
    pub fn silent(&self) -> u64 {
        let came = self.answered.len().saturating_add(self.unread.len());
        self.subscribers.saturating_sub(u64::try_from(came).unwrap_or(u64::MAX))
    }

    /// The names that answered, each once, in order.
    pub fn nodes(&self) -> std::collections::BTreeSet<&str> {
        self.answered.iter().map(|answer| answer.node.as_str()).collect()
    }
}

/// Asks every worker one or more questions at once.
///
/// # Errors
///
/// The inner error is what Redis did or answered, the outer one what this host could not do.
pub(super) async fn ask<const N: usize>(
    redis: &mut Connection,
    server: &Server,
    names: &Names,
    methods: [Method; N],
    patience: Duration,
    cx: &Context,
) -> Result<Result<[Heard; N], Trouble>> {
    let slot = Slot::take(cx).await?;
    let queue = names.key(names.reply_queue(&slot.oid).as_bytes());
    let bindings = names.bindings(&names.reply_exchange());
    let member = names.binding(&slot.oid, &names.reply_queue(&slot.oid));
    redis.cap(CAP);
    let asked = question(redis, names, methods, &slot.oid, &queue, &bindings, &member, cx).await?;
    let (tickets, mut heard) = match asked {
        Ok(asked) => asked,
        Err(trouble) => {
            // Part of it may have been done where one command was refused as it ran.
            if matches!(trouble, Trouble::Refused(_)) {
                let _ = clear(redis, names, slot, cx).await?;
            }
            return Ok(Err(trouble));
        }
    };
    let until = (Instant::now() + patience).min(cx.deadline() - KEPT.min(cx.remaining() / 4));
    match wait(redis, &queue, &tickets, &mut heard, until, cx).await? {
        Ok(()) => {}
        // The connection is lost, but what was put into Redis is not to be left there.
        Err(failure) if failure.kind == FailureKind::TooLarge => {
            heard.iter_mut().for_each(|heard| heard.cut = true);
            match server.connect(cx).await? {
                Ok(again) => *redis = again,
                Err(trouble) => return Ok(Err(trouble)),
            }
        }
        Err(failure) => return Ok(Err(Trouble::Peer(failure))),
    }
    let cleared = clear(redis, names, slot, cx).await?;
    Ok(cleared.map(|()| heard).map_err(Trouble::Peer))
}

/// Takes away what was put into Redis, and what looks that were killed have left, in one round trip.
async fn clear(redis: &mut Connection, names: &Names, own: Slot, cx: &Context) -> Result<Result<(), Failure>> {
    let mut slots = Slot::free(cx);
    slots.push(own);
    let (mut unbind, mut delete) = (cmd("SREM"), cmd("DEL"));
    unbind.arg(names.bindings(&names.reply_exchange()));
    for slot in &slots {
        let queue = names.reply_queue(&slot.oid);
        unbind.arg(names.binding(&slot.oid, &queue));
        delete.arg(names.key(queue.as_bytes()));
    }
    Ok(redis.ask_all(&[unbind, delete], cx).await?.map(drop))
}

/// Makes room for the answers and publishes the questions, in one round trip: all of it is done, or nothing.
#[expect(clippy::too_many_arguments, reason = "the names of what is put into Redis, which the caller clears up again")]
async fn question<const N: usize>(
    redis: &mut Connection,
    names: &Names,
    methods: [Method; N],
    oid: &str,
    queue: &[u8],
    bindings: &[u8],
    member: &str,
    cx: &Context,
) -> Result<Result<([String; N], [Heard; N]), Trouble>> {
    let tickets = methods.map(|_| request::ticket());
    let mut commands = vec![
        cmd("MULTI"),
        cmd("DEL").arg(queue).clone(),
        cmd("RPUSH").arg(queue).arg(MARK).clone(),
        cmd("EXPIRE").arg(queue).arg(LIVES).clone(),
        cmd("SADD").arg(bindings).arg(member).clone(),
    ];
    let channel = names.channel();
    let publish = |(method, ticket): (Method, &String)| {
        cmd("PUBLISH").arg(&channel).arg(request::message(names, method, oid, ticket)).clone()
    };
    commands.extend(methods.into_iter().zip(&tickets).map(publish));
    commands.push(cmd("EXEC"));
    let results = match transaction(redis, &commands, cx).await? {
        Ok(results) => results,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let mut heard = [(); N].map(|()| Heard::default());
    // The first four results are those of the room.
    for (heard, result) in heard.iter_mut().zip(results.into_iter().skip(4)) {
        match count(result) {
            Some(subscribers) => heard.subscribers = subscribers,
            None => return Ok(Err(odd("PUBLISH is not answered with a number"))),
        }
    }
    Ok(Ok((tickets, heard)))
}

/// Sends what stands between `MULTI` and `EXEC`; gives the results of what is between.
async fn transaction(redis: &mut Connection, commands: &[Cmd], cx: &Context) -> Result<Result<Vec<Value>, Trouble>> {
    let answers = match redis.ask_all(commands, cx).await? {
        Ok(answers) => answers,
        Err(failure) => return Ok(Err(Trouble::Peer(failure))),
    };
    let mut last = Value::Nil;
    for answer in answers {
        match answer {
            Ok(value) => last = value,
            // The first refusal is the reason; that of EXEC follows from it.
            Err(refusal) => return Ok(Err(Trouble::Refused(refusal))),
        }
    }
    let Value::Array(results) = last else {
        return Ok(Err(odd("EXEC is not answered with a list")));
    };
    let named = commands.iter().skip(1).map(|command| {
        let word = command.args_iter().next();
        match word {
            Some(redis::Arg::Simple(word)) => String::from_utf8_lossy(word).into_owned(),
            _ => String::new(),
        }
    });
    let mut values = Vec::with_capacity(results.len());
    for (result, command) in results.into_iter().zip(named) {
        match result {
            Value::ServerError(error) => {
                let text = error.to_string().chars().take(200).collect();
                return Ok(Err(Trouble::Refused(Refusal { command, kind: RefusalKind::Other, text })));
            }
            value => values.push(value),
        }
    }
    if values.len() + 2 < commands.len() {
        return Ok(Err(odd("EXEC gives fewer results than were asked for")));
    }
    Ok(Ok(values))
}

pub(super) fn odd(text: &str) -> Trouble {
    Trouble::Peer(Failure::new(Phase::Body, FailureKind::Malformed, text))
}

/// Reads answers until all are there or the time is up.
async fn wait<const N: usize>(
    redis: &mut Connection,
    queue: &[u8],
    tickets: &[String; N],
    heard: &mut [Heard; N],
    until: Instant,
    cx: &Context,
) -> Result<Result<(), Failure>> {
    let began = Instant::now();
    let (mut seen, mut bytes) = (0_i64, 0_usize);
    while !heard.iter().all(Heard::is_complete) && !heard.iter().any(|heard| heard.cut) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let pause = (began.elapsed() / SHARE).clamp(PAUSE.0, PAUSE.1);
        cx.within("answers of the workers", tokio::time::sleep(pause.min(left))).await?;
        loop {
            // In front of the mark and of those that were read; the newest stands first.
            let (from, to) = (-(seen + 1 + WINDOW), -(seen + 2));
            let range = cmd("LRANGE").arg(queue).arg(from).arg(to).clone();
            let answers = match redis.ask(&range, cx).await? {
                Ok(answers) => answers,
                Err(Trouble::Peer(failure)) => return Ok(Err(failure)),
                Err(Trouble::Refused(refusal)) => {
                    return Ok(Err(Failure::new(Phase::Body, FailureKind::Other, refusal.to_string())));
                }
            };
            let Ok(messages) = from_redis_value::<Vec<Vec<u8>>>(answers) else {
                return Ok(Err(Failure::new(Phase::Body, FailureKind::Malformed, "LRANGE gives no list of texts")));
            };
            let came = messages.len();
            let seconds = began.elapsed().as_secs_f64();
            for message in messages.iter().rev() {
                bytes = bytes.saturating_add(message.len());
                sort(message, tickets, heard, seconds);
            }
            seen = seen.saturating_add(i64::try_from(came).unwrap_or(i64::MAX));
            if bytes > BYTES {
                heard.iter_mut().for_each(|heard| heard.cut = true);
            }
            let full = i64::try_from(came).unwrap_or(i64::MAX) >= WINDOW;
            if !full || heard.iter().any(|heard| heard.cut) || Instant::now() >= until {
                break;
            }
        }
    }
    let waited = began.elapsed().as_secs_f64();
    heard.iter_mut().for_each(|heard| heard.waited = waited);
    Ok(Ok(()))
}

/// Puts a message where it belongs.
fn sort<const N: usize>(message: &[u8], tickets: &[String; N], heard: &mut [Heard; N], seconds: f64) {
    let reply = reply::read(message);
    let of = |reply: &reply::Reply| tickets.iter().position(|ticket| *ticket == reply.ticket);
    let index = reply.as_ref().and_then(of);
    // What answers nothing is counted with the first question.
    let Some(heard) = heard.get_mut(index.unwrap_or_default()) else { return };
    match (index, reply) {
        (Some(_), Some(reply)) => match reply.content {
            Ok(content) => heard.answers.push(Answer { node: content.node, seconds, value: content.value }),
            Err(unread) => heard.unread.push(unread),
        },
        _ => heard.strays += 1,
    }
    let enough = ANSWERS as u64;
    heard.cut |= heard.came() as u64 >= enough && !heard.is_complete() || heard.strays >= enough;
}
