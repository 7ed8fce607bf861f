//! The names that kombu gives to keys and channels.

use std::fmt::Write as _;

/// What kombu joins parts of a name with, unless `sep` is set.
pub const SEPARATOR: &str = "\u{6}\u{16}";

/// How one application names its keys and channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// `global_keyprefix`: it stands before every key and every channel.
    pub prefix: String,
    /// `fanout_prefix`, the number of the database filled in: it stands before channels.
    pub fanout: String,
    /// `control_exchange`: the name that the remote control goes by.
    pub control: String,
    /// `sep`.
    pub separator: String,
    /// `priority_steps`.
    pub steps: Vec<u8>,
}

impl Names {
    /// The channel that workers listen on for remote control.
    pub fn channel(&self) -> String {
        format!("{}{}{}.pidbox", self.prefix, self.fanout, self.control)
    }

    /// The exchange that answers go through.
    pub fn reply_exchange(&self) -> String {
        format!("reply.{}.pidbox", self.control)
    }

    /// The queue of the answers to one asker, without prefix.
    pub fn reply_queue(&self, oid: &str) -> String {
        format!("{oid}.{}", self.reply_exchange())
    }

    /// A key as it stands in Redis.
    pub fn key(&self, name: &[u8]) -> Vec<u8> {
        [self.prefix.as_bytes(), name].concat()
    }

    /// The set of the queues that are bound to an exchange.
    pub fn bindings(&self, exchange: &str) -> Vec<u8> {
        self.key(format!("_kombu.binding.{exchange}").as_bytes())
    }

    /// What stands in such a set for one queue.
    pub fn binding(&self, routing_key: &str, queue: &str) -> String {
        let separator = &self.separator;
        format!("{routing_key}{separator}{separator}{queue}")
    }

    /// Takes the name of the queue out of what stands in such a set.
    pub fn bound_queue<'a>(&self, member: &'a [u8]) -> Option<&'a [u8]> {
        let separator = self.separator.as_bytes();
        let first = find(member, separator)? + separator.len();
        let second = find(member.get(first..)?, separator)?;
        member.get(first + second + separator.len()..)
    }

    /// The lists that a queue is made of, one for each step of priority, in the order in which workers take from them.
    pub fn lists(&self, queue: &[u8]) -> Vec<Vec<u8>> {
        let each = |step: &u8| match step {
            0 => self.key(queue),
            step => self.key(&[queue, self.separator.as_bytes(), step.to_string().as_bytes()].concat()),
        };
        self.steps.iter().map(each).collect()
    }

    /// Tells whether a queue is one of the transport's own: for remote control, answers or events.
    pub fn is_internal(&self, exchange: &[u8], queue: &[u8]) -> bool {
        exchange.ends_with(b".pidbox")
            || exchange == b"celeryev"
            || queue.ends_with(b".pidbox")
            || queue.starts_with(b"celeryev.")
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len().max(1)).position(|window| window == part)
}

/// Shows a name that may be any bytes; what is no text stands as `\xNN`.
pub(super) fn shown(name: &[u8]) -> String {
    const LONGEST: usize = 200;
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    if text.chars().count() > LONGEST {
        let begin: String = text.chars().take(LONGEST).collect();
        return format!("{begin}…");
    }
    text
}

#[cfg(test)]
pub(super) fn usual() -> Names {
    Names {
        prefix: String::new(),
        fanout: "/0.".into(),
        control: "celery".into(),
        separator: SEPARATOR.into(),
        steps: vec![0, 3, 6, 9],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_kombu() {
        let names = usual();
        assert_eq!(names.channel(), "/0.celery.pidbox");
        assert_eq!(names.bindings("reply.celery.pidbox"), b"_kombu.binding.reply.celery.pidbox");
        assert_eq!(names.binding("a", &names.reply_queue("a")), "a\u{6}\u{16}\u{6}\u{16}a.reply.celery.pidbox");
        assert_eq!(names.lists(b"q"), [&b"q"[..], b"q\x06\x163", b"q\x06\x166", b"q\x06\x169"]);
        let names = Names { prefix: "shop:".into(), fanout: String::new(), control: "mine".into(), ..usual() };
        assert_eq!(names.channel(), "shop:mine.pidbox");
        assert_eq!(names.reply_queue("a"), "a.reply.mine.pidbox");
        assert_eq!(names.bindings("reply.mine.pidbox"), b"shop:_kombu.binding.reply.mine.pidbox");
        assert_eq!(names.lists(b"q")[1], b"shop:q\x06\x163");
    }

    #[test]
    fn bindings_of_any_bytes_are_taken_apart() {
        let names = usual();
        assert_eq!(names.bound_queue(b"key\x06\x16\x06\x16queue"), Some(&b"queue"[..]));
        assert_eq!(names.bound_queue(b"key\x06\x16pat\x06\x16q\xff"), Some(&b"q\xff"[..]));
        assert_eq!(names.bound_queue(b"\x06\x16\x06\x16"), Some(&b""[..]));
        for wrong in [&b""[..], b"key", b"key\x06\x16queue", b"\x06\x16", b"\xff\xff"] {
            assert_eq!(names.bound_queue(wrong), None);
        }
        assert_eq!(shown(b"a\xffb\xc3"), "a\\xffb\\xc3");
        assert_eq!(shown(&b"x".repeat(1000)).chars().count(), 201);
    }
}
