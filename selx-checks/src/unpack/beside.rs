//! gzip on two threads: one reads the symbols of what was deflated, which is most of the work; the other writes what they
//! stand for, proves it and goes on with it.

use std::io::{Error, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, Scope};

use super::gzip::{Members, Part, Proof};
use super::inflate::Output as _;
use super::source::Source;
use super::tokens::Tokens;
use super::window::Window;
use super::{Fault, Step, Summary};

/// How many steps one thread is ahead of the other, at most.
const AHEAD: usize = 4;

/// What one step of the reading thread came to.
struct Stepped {
    part: Result<Part, Fault>,
    tokens: Tokens,
    /// How many packed bytes were used by then.
    used: u64,
    summary: Summary,
}

/// What is proven while another thread reads.
pub(super) struct Beside {
    stepped: Receiver<Stepped>,
    /// Tokens that were written go back to be filled again; while there are none, the other thread waits.
    free: Sender<Tokens>,
    window: Window,
    written: usize,
    proof: Proof,
    used: u64,
}

impl Beside {
    /// Starts the reading thread, which ends when its work is done or nobody waits for it any more.
    pub(super) fn start<'scope, R: Read + Send + 'scope>(
        scope: &'scope Scope<'scope, '_>,
        mut source: Source<R>,
    ) -> Result<Self, Fault> {
        let (free, frees) = channel::<Tokens>();
        let (steps, stepped) = channel();
        let used = source.used();
        let read = move || {
            let mut members = Members::new(Tokens::new());
            let mut summary = Summary::default();
            while let Ok(mut tokens) = frees.recv() {
                let part = members.step(&mut source, &mut summary);
                let is_last = part.as_ref().map_or(true, |part| part.ended);
                members.swap(&mut tokens);
                let sent = steps.send(Stepped { part, tokens, used: source.used(), summary });
                if is_last || sent.is_err() {
                    break;
                }
            }
        };
        Builder::new().name("selx-inflate".to_owned()).spawn_scoped(scope, read).map_err(Fault::Read)?;
        for _ in 0..AHEAD {
            let _ = free.send(Tokens::new());
        }
        Ok(Self { stepped, free, window: Window::new(), written: 0, proof: Proof::default(), used })
    }

    /// Returns how many packed bytes were used for what was given until now.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// Returns what the last step gave.
    pub(super) fn piece(&self) -> &[u8] {
        self.window.output(self.written)
    }

    pub(super) fn step(&mut self, summary: &mut Summary) -> Result<Step, Fault> {
        loop {
            let stepped = self.stepped.recv();
            let stepped =
                stepped.map_err(|_| Fault::Read(Error::other("the thread that reads it ended before its work did")))?;
            self.used = stepped.used;
            *summary = Summary { decoded: summary.decoded, ..stepped.summary };
            let Part { written, says, ended } = stepped.part?;
            self.window.begin(self.written);
            self.window.replay(&stepped.tokens);
            self.written = written;
            // A thread that is done wants none.
            let _ = self.free.send(stepped.tokens);
            self.proof.add(self.window.output(written), says)?;
            if written > 0 || ended {
                return Ok(Step { produced: written, ended });
            }
        }
    }
}
