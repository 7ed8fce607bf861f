//! xz: streams of blocks, each with a check, and an index.

use std::io::Read;

use lzma_rust2::{Action, CheckType, Status, XzStream};

use super::source::Source;
use super::{Cap, Fault, Step, Summary};

/// The most memory in KiB: four times what `xz -9` asks for.
const MEMORY: u32 = 256 << 10;

/// The decoder of the stream that is being read, if one is.
#[derive(Default)]
pub(super) struct Xz {
    stream: Option<Box<XzStream>>,
}

impl Xz {
    pub(super) fn step<R: Read>(
        &mut self,
        source: &mut Source<R>,
        piece: &mut [u8],
        summary: &mut Summary,
    ) -> Result<Step, Fault> {
        loop {
            let Some(stream) = &mut self.stream else {
                if !begin(source, summary)? {
                    return Ok(Step { produced: 0, ended: true });
                }
                self.stream = Some(Box::new(XzStream::new_mem_limit(false, MEMORY)));
                continue;
            };
            let bytes = source.some()?;
            let nothing_left = bytes.is_empty();
            let done = stream.process(bytes, piece, Action::Run).map_err(|error| wrong(&error))?;
            source.advance(done.bytes_consumed);
            let (produced, ended) = (done.bytes_produced, done.status == Status::StreamEnd);
            if ended {
                if matches!(stream.check_type(), Some(CheckType::None) | None) {
                    summary.unchecked += 1;
                }
                self.stream = None;
            } else if nothing_left && produced == 0 {
                return Err(Fault::CutShort);
            }
            if produced > 0 {
                return Ok(Step { produced, ended: false });
            }
        }
    }
}

/// Looks whether another stream begins; between streams and at the end stand zeros, in fours.
fn begin<R: Read>(source: &mut Source<R>, summary: &mut Summary) -> Result<bool, Fault> {
    loop {
        match source.want(6)? {
            [] => return Ok(false),
            [0, 0, 0, 0, ..] if summary.members > 0 => {
                source.advance(4);
                summary.padding += 4;
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
                summary.members += 1;
                return Ok(true);
            }
            [0xfd, rest @ ..] if b"7zXZ".starts_with(rest) => return Err(Fault::CutShort),
            _ => return Err(Fault::TrailingBytes),
        }
    }
}

fn wrong(error: &std::io::Error) -> Fault {
    match error.kind() {
        std::io::ErrorKind::OutOfMemory => Fault::TooLarge(Cap::Memory(u64::from(MEMORY) << 10)),
        std::io::ErrorKind::UnexpectedEof => Fault::CutShort,
        _ => {
            let text = error.to_string();
            let about_check = text.contains("checksum") || text.contains("CRC");
            if about_check { Fault::BadChecksum(text) } else { Fault::BadData(text) }
        }
    }
}
