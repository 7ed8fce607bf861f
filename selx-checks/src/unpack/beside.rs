//! Unpacking on two threads: one works ahead, the other goes on with what came out.
//!
//! Of gzip, the first reads the symbols of what was deflated, which is most of the work; the other writes what they stand
//! for and proves it. Of other formats the first does all of it, so that the other has its time for what it wants of the
//! bytes.

use std::io::{Error, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, Scope};

use super::gzip::{Members, Part, Proof};
use super::inflate::Output as _;
use super::source::Source;
use super::tokens::Tokens;
use super::window::Window;
use super::{Decoder, Fault, PIECE, Step, Summary};

/// How many steps one thread is ahead of the other, at most.
const AHEAD: usize = 4;

/// What one step of the thread that works ahead came to, and the room that holds it.
struct Stepped<T, P> {
    part: Result<P, Fault>,
    room: T,
    /// How many packed bytes were used by then.
    used: u64,
    summary: Summary,
}

/// A thread that works ahead.
pub(super) struct Ahead<T, P> {
    stepped: Receiver<Stepped<T, P>>,
    /// Rooms that are done with go back to be filled again; while there are none, the thread waits.
    free: Sender<T>,
    used: u64,
}

impl<T: Send, P: Send> Ahead<T, P> {
    /// Starts the thread, which ends when its work is done or nobody waits for it any more.
    fn start<'scope, R: Read + Send + 'scope>(
        scope: &'scope Scope<'scope, '_>,
        mut source: Source<R>,
        room: impl Fn() -> T,
        mut step: impl FnMut(&mut Source<R>, &mut T, &mut Summary) -> Result<P, Fault> + Send + 'scope,
        is_last: fn(&P) -> bool,
    ) -> Result<Self, Fault>
    where
        T: 'scope,
        P: 'scope,
    {
        let (free, frees) = channel::<T>();
        let (steps, stepped) = channel();
        let used = source.used();
        let read = move || {
            let mut summary = Summary::default();
            while let Ok(mut room) = frees.recv() {
                let part = step(&mut source, &mut room, &mut summary);
                let is_done = part.as_ref().map_or(true, is_last);
                let sent = steps.send(Stepped { part, room, used: source.used(), summary });
                if is_done || sent.is_err() {
                    break;
                }
            }
        };
        Builder::new().name("selx-unpack".to_owned()).spawn_scoped(scope, read).map_err(Fault::Read)?;
        for _ in 0..AHEAD {
            let _ = free.send(room());
        }
        Ok(Self { stepped, free, used })
    }

    /// Waits for what comes next, and says what is unpacked by then.
    fn next(&mut self, summary: &mut Summary) -> Result<(P, T), Fault> {
        let stepped = self.stepped.recv();
        let stepped =
            stepped.map_err(|_| Fault::Read(Error::other("the thread that reads it ended before its work did")))?;
        self.used = stepped.used;
        *summary = Summary { decoded: summary.decoded, ..stepped.summary };
        Ok((stepped.part?, stepped.room))
    }

    fn give_back(&self, room: T) {
        // A thread that is done wants none.
        let _ = self.free.send(room);
    }
}

/// What is unpacked with a thread that works ahead.
pub(super) enum Beside {
    /// Symbols come from it.
    Gzip { ahead: Ahead<Tokens, Part>, window: Window, written: usize, proof: Proof },
    /// Bytes come from it, of which these are the last.
    Whole { ahead: Ahead<Vec<u8>, Step>, piece: Vec<u8> },
}

impl Beside {
    /// Starts the thread for gzip.
    pub(super) fn gzip<'scope, R: Read + Send + 'scope>(
        scope: &'scope Scope<'scope, '_>,
        source: Source<R>,
    ) -> Result<Self, Fault> {
        let mut members = Members::new(Tokens::new());
        let step = move |source: &mut Source<R>, tokens: &mut Tokens, summary: &mut Summary| {
            let part = members.step(source, summary);
            members.swap(tokens);
            part
        };
        let ahead = Ahead::start(scope, source, Tokens::new, step, |part| part.ended)?;
        Ok(Self::Gzip { ahead, window: Window::new(), written: 0, proof: Proof::default() })
    }

    /// Starts the thread for a decoder that gives bytes.
    pub(super) fn whole<'scope, R: Read + Send + 'scope>(
        scope: &'scope Scope<'scope, '_>,
        source: Source<R>,
        mut decoder: Decoder,
    ) -> Result<Self, Fault> {
        let step = move |source: &mut Source<R>, piece: &mut Vec<u8>, summary: &mut Summary| {
            decoder.step(source, piece, summary)
        };
        let ahead = Ahead::start(scope, source, || vec![0; PIECE], step, |step| step.ended)?;
        Ok(Self::Whole { ahead, piece: Vec::new() })
    }

    /// Returns how many packed bytes were used for what was given until now.
    pub(super) fn used(&self) -> u64 {
        match self {
            Self::Gzip { ahead, .. } => ahead.used,
            Self::Whole { ahead, .. } => ahead.used,
        }
    }

    /// Returns the room of what the last step gave.
    pub(super) fn piece(&self) -> &[u8] {
        match self {
            Self::Gzip { window, written, .. } => window.output(*written),
            Self::Whole { piece, .. } => piece,
        }
    }

    pub(super) fn step(&mut self, summary: &mut Summary) -> Result<Step, Fault> {
        match self {
            Self::Gzip { ahead, window, written, proof } => loop {
                let (part, tokens) = ahead.next(summary)?;
                window.begin(*written);
                window.replay(&tokens);
                *written = part.written;
                ahead.give_back(tokens);
                proof.add(window.output(part.written), part.says)?;
                if part.written > 0 || part.ended {
                    return Ok(Step { produced: part.written, ended: part.ended });
                }
            },
            Self::Whole { ahead, piece } => {
                let (step, room) = ahead.next(summary)?;
                let done = std::mem::replace(piece, room);
                if !done.is_empty() {
                    ahead.give_back(done);
                }
                Ok(step)
            }
        }
    }
}
