//! gzip: members, each with a header, deflated bytes, their checksum and their length.

use std::io::Read;

use zlib_rs::crc32::crc32;

use super::inflate::{AT_HAND, Inflate, Output, Wrong};
use super::source::Source;
use super::window::Window;
use super::{Fault, Step, Summary};

/// The longest name or comment that a header may have.
const LONGEST_TEXT: usize = 32 << 10;

/// Where the decoder is.
enum Place {
    /// Before a member, or behind the last one.
    Between,
    /// In the deflated bytes of a member.
    Inside,
    /// Before what a member says at its end.
    End,
}

/// What a member says at its end about itself.
pub(super) struct Says {
    crc: u32,
    length: u32,
}

/// A part of what the members hold.
pub(super) struct Part {
    /// How many bytes of it were written.
    pub(super) written: usize,
    /// What the member says, where this is its last part.
    pub(super) says: Option<Says>,
    /// Whether nothing follows.
    pub(super) ended: bool,
}

/// Reads members and believes them; what they say is to be compared by [`Proof`].
pub(super) struct Members<O> {
    inflate: Inflate<O>,
    place: Place,
}

impl<O: Output> Members<O> {
    pub(super) fn new(output: O) -> Self {
        Self { inflate: Inflate::new(output), place: Place::Between }
    }

    pub(super) fn output(&self) -> &O {
        self.inflate.output()
    }

    /// Gives what was written away, for room for more.
    pub(super) fn swap(&mut self, output: &mut O) {
        self.inflate.swap(output);
    }

    /// Reads until the room is full, the member ends, or more has to be read.
    pub(super) fn step<R: Read>(&mut self, source: &mut Source<R>, summary: &mut Summary) -> Result<Part, Fault> {
        if let Place::End = self.place {
            source.advance(8);
            self.place = Place::Between;
        }
        if let Place::Between = self.place {
            self.inflate.reset();
            if !begin(source, summary)? {
                return Ok(Part { written: 0, says: None, ended: true });
            }
            self.place = Place::Inside;
        }
        let done = self.inflate.step(source.want(AT_HAND)?).map_err(|wrong| match wrong {
            Wrong::CutShort => Fault::CutShort,
            Wrong::Bad(text) => Fault::BadData(text.into()),
        })?;
        source.advance(done.used);
        let mut says = None;
        if done.ended {
            let &[a, b, c, d, e, f, g, h, ..] = source.want(8)? else {
                return Err(Fault::CutShort);
            };
            says = Some(Says { crc: u32::from_le_bytes([a, b, c, d]), length: u32::from_le_bytes([e, f, g, h]) });
            self.place = Place::End;
        }
        Ok(Part { written: done.written, says, ended: false })
    }
}

/// What the bytes of a member come to.
#[derive(Default)]
pub(super) struct Proof {
    crc: u32,
    length: u64,
}

impl Proof {
    /// Adds a part; at the end of a member what it says is compared.
    pub(super) fn add(&mut self, bytes: &[u8], says: Option<Says>) -> Result<(), Fault> {
        self.crc = crc32(self.crc, bytes);
        self.length += bytes.len() as u64;
        let Some(says) = says else { return Ok(()) };
        let Self { crc, length } = std::mem::take(self);
        if says.crc != crc {
            let text = format!("the checksum says {:08x} and the content has {crc:08x}", says.crc);
            return Err(Fault::BadChecksum(text));
        }
        // The field holds the length modulo 2^32.
        if u64::from(says.length) != length & u64::from(u32::MAX) {
            let text = format!("the length says {} (modulo 2^32) and the content has {length} bytes", says.length);
            return Err(Fault::BadLength(text));
        }
        Ok(())
    }
}

/// Members that are read and proven in one thread.
pub(super) struct Gzip {
    members: Members<Window>,
    proof: Proof,
    written: usize,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self { members: Members::new(Window::new()), proof: Proof::default(), written: 0 }
    }

    /// Returns what the last step gave.
    pub(super) fn piece(&self) -> &[u8] {
        self.members.output().output(self.written)
    }

    pub(super) fn step<R: Read>(&mut self, source: &mut Source<R>, summary: &mut Summary) -> Result<Step, Fault> {
        loop {
            let Part { written, says, ended } = self.members.step(source, summary)?;
            self.written = written;
            self.proof.add(self.members.output().output(written), says)?;
            if written > 0 || ended {
                return Ok(Step { produced: written, ended });
            }
        }
    }
}

/// Reads the header of a member; `false` if there is none left and that is right.
fn begin<R: Read>(source: &mut Source<R>, summary: &mut Summary) -> Result<bool, Fault> {
    let first = summary.members == 0;
    match source.want(10)? {
        [] if !first => return Ok(false),
        [0, ..] if !first => return padding(source, summary),
        [0x1f] | [0x1f, 0x8b, ..] => {}
        _ if first => return Err(Fault::BadData("it does not begin as gzip".into())),
        _ => return Err(Fault::TrailingBytes),
    }
    summary.members += 1;
    header(source)?;
    Ok(true)
}

/// Reads zeros to the end.
fn padding<R: Read>(source: &mut Source<R>, summary: &mut Summary) -> Result<bool, Fault> {
    loop {
        let bytes = source.some()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let (all, none) = (zeros == bytes.len(), bytes.is_empty());
        summary.padding += zeros as u64;
        source.advance(zeros);
        match (none, all) {
            (true, _) => return Ok(false),
            (_, false) => return Err(Fault::TrailingBytes),
            (_, true) => {}
        }
    }
}

/// Reads a header and its own checksum, if it has one.
fn header<R: Read>(source: &mut Source<R>) -> Result<(), Fault> {
    let &[_, _, method, flags, ..] = source.want(10)? else {
        return Err(Fault::CutShort);
    };
    if method != 8 {
        return Err(Fault::BadData(format!("method {method} is none of gzip's")));
    }
    if flags & 0xe0 != 0 {
        return Err(Fault::BadData(format!("the header has flags that are reserved ({flags:02x})")));
    }
    let mut crc = 0;
    take(source, 10, &mut crc)?;
    if flags & 4 != 0 {
        let &[low, high, ..] = source.want(2)? else {
            return Err(Fault::CutShort);
        };
        take(source, 2, &mut crc)?;
        take(source, usize::from(u16::from_le_bytes([low, high])), &mut crc)?;
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            let bytes = source.want(LONGEST_TEXT)?;
            let text = bytes.iter().take(LONGEST_TEXT).position(|byte| *byte == 0);
            let Some(end) = text else {
                let cut = bytes.len() < LONGEST_TEXT;
                return Err(if cut {
                    Fault::CutShort
                } else {
                    Fault::BadData(format!("the name or comment in the header is longer than {LONGEST_TEXT} bytes"))
                });
            };
            take(source, end + 1, &mut crc)?;
        }
    }
    if flags & 2 != 0 {
        let &[low, high, ..] = source.want(2)? else {
            return Err(Fault::CutShort);
        };
        let says = u16::from_le_bytes([low, high]);
        let has = (crc & 0xffff) as u16;
        if says != has {
            return Err(Fault::BadChecksum(format!("the checksum of the header says {says:04x} and it has {has:04x}")));
        }
        source.advance(2);
    }
    Ok(())
}

/// Uses bytes of the header and adds them to its checksum.
fn take<R: Read>(source: &mut Source<R>, bytes: usize, crc: &mut u32) -> Result<(), Fault> {
    let Some(taken) = source.want(bytes)?.get(..bytes) else {
        return Err(Fault::CutShort);
    };
    *crc = crc32(*crc, taken);
    source.advance(bytes);
    Ok(())
}
