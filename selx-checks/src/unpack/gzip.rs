//! gzip: members, each with a header, deflated bytes, their checksum and their length.

use std::io::Read;

use zlib_rs::crc32::crc32;

use super::inflate::{AT_HAND, Inflate, Wrong};
use super::source::Source;
use super::{Fault, Step, Summary};

/// The longest name or comment that a header may have.
const LONGEST_TEXT: usize = 32 << 10;

/// Where the decoder is.
enum Place {
    /// Before a member, or behind the last one.
    Between,
    /// In the deflated bytes of a member.
    Inside,
}

pub(super) struct Gzip {
    inflate: Inflate,
    place: Place,
    crc: u32,
    length: u64,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self { inflate: Inflate::new(), place: Place::Between, crc: 0, length: 0 }
    }

    /// Returns what the last step gave.
    pub(super) fn piece(&self) -> &[u8] {
        self.inflate.output()
    }

    pub(super) fn step<R: Read>(&mut self, source: &mut Source<R>, summary: &mut Summary) -> Result<Step, Fault> {
        loop {
            match self.place {
                Place::Between => {
                    self.inflate.reset();
                    if !begin(source, summary)? {
                        return Ok(Step { produced: 0, ended: true });
                    }
                    (self.crc, self.length, self.place) = (0, 0, Place::Inside);
                }
                Place::Inside => {
                    let produced = self.inflate(source)?;
                    if produced > 0 {
                        return Ok(Step { produced, ended: false });
                    }
                }
            }
        }
    }

    /// Inflates until the room is full, the member ends, or more has to be read.
    fn inflate<R: Read>(&mut self, source: &mut Source<R>) -> Result<usize, Fault> {
        let done = self.inflate.step(source.want(AT_HAND)?).map_err(|wrong| match wrong {
            Wrong::CutShort => Fault::CutShort,
            Wrong::Bad(text) => Fault::BadData(text.into()),
        })?;
        source.advance(done.used);
        let piece = self.inflate.output();
        self.crc = crc32(self.crc, piece);
        self.length += piece.len() as u64;
        if done.ended {
            self.end(source)?;
            self.place = Place::Between;
        }
        Ok(self.inflate.output().len())
    }

    /// Reads what a member says at its end about itself.
    fn end<R: Read>(&self, source: &mut Source<R>) -> Result<(), Fault> {
        let &[a, b, c, d, e, f, g, h, ..] = source.want(8)? else {
            return Err(Fault::CutShort);
        };
        let (crc, length) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        if crc != self.crc {
            let text = format!("the checksum says {crc:08x} and the content has {:08x}", self.crc);
            return Err(Fault::BadChecksum(text));
        }
        // The field holds the length modulo 2^32.
        if u64::from(length) != self.length & u64::from(u32::MAX) {
            let text = format!("the length says {length} (modulo 2^32) and the content has {} bytes", self.length);
            return Err(Fault::BadLength(text));
        }
        source.advance(8);
        Ok(())
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
