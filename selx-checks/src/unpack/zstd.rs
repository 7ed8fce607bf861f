//! zstd: frames, each with an optional checksum, and frames to be skipped.

use std::io::Read;

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective};

use super::source::Source;
use super::{Cap, Fault, Step, Summary};

/// The largest window, as a power of two: 128 MiB, what `zstd` itself takes without being told to.
const WINDOW: u32 = 27;

/// Where the decoder is.
enum Place {
    /// Before a frame, or behind the last one.
    Between,
    /// In a frame to be skipped, with this many bytes to go.
    Skipping(u64),
    /// In a frame.
    Inside,
}

pub(super) struct Zstd {
    context: DCtx<'static>,
    place: Place,
}

impl Zstd {
    pub(super) fn new() -> Result<Self, Fault> {
        let no_memory = || Fault::TooLarge(Cap::Memory(0));
        let mut context = DCtx::try_create().ok_or_else(no_memory)?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW)).map_err(wrong)?;
        Ok(Self { context, place: Place::Between })
    }

    pub(super) fn step<R: Read>(
        &mut self,
        source: &mut Source<R>,
        piece: &mut [u8],
        summary: &mut Summary,
    ) -> Result<Step, Fault> {
        loop {
            match self.place {
                Place::Between => {
                    let Some(place) = begin(source, summary)? else {
                        return Ok(Step { produced: 0, ended: true });
                    };
                    self.place = place;
                    self.context.reset(ResetDirective::SessionOnly).map_err(wrong)?;
                }
                Place::Skipping(0) => self.place = Place::Between,
                Place::Skipping(left) => {
                    let bytes = source.some()?.len();
                    if bytes == 0 {
                        return Err(Fault::CutShort);
                    }
                    let skipped = left.min(bytes as u64);
                    source.advance(skipped as usize);
                    self.place = Place::Skipping(left - skipped);
                }
                Place::Inside => {
                    let (produced, ended) = self.inside(source, piece)?;
                    if ended {
                        self.place = Place::Between;
                    }
                    if produced > 0 {
                        return Ok(Step { produced, ended: false });
                    }
                }
            }
        }
    }

    fn inside<R: Read>(&mut self, source: &mut Source<R>, piece: &mut [u8]) -> Result<(usize, bool), Fault> {
        let bytes = source.some()?;
        let nothing_left = bytes.is_empty();
        let mut input = InBuffer::around(bytes);
        let mut output = OutBuffer::around(piece);
        let hint = self.context.decompress_stream(&mut output, &mut input);
        let (used, produced) = (input.pos(), output.pos());
        source.advance(used);
        let ended = hint.map_err(wrong)? == 0;
        if nothing_left && !ended && produced == 0 {
            return Err(Fault::CutShort);
        }
        Ok((produced, ended))
    }
}

/// Looks at the beginning of a frame; `None` if there is none left and that is right.
fn begin<R: Read>(source: &mut Source<R>, summary: &mut Summary) -> Result<Option<Place>, Fault> {
    let first = summary.members == 0;
    match source.want(8)? {
        [] => Ok(None),
        &[0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, ..] => {
            source.advance(8);
            Ok(Some(Place::Skipping(u64::from(u32::from_le_bytes([a, b, c, d])))))
        }
        &[0x28, 0xb5, 0x2f, 0xfd, descriptor, ..] => {
            summary.members += 1;
            if descriptor & 4 == 0 {
                summary.unchecked += 1;
            }
            Ok(Some(Place::Inside))
        }
        [0x28 | 0x50..=0x5f] | [0x28, 0xb5] | [0x28, 0xb5, 0x2f] | [0x28, 0xb5, 0x2f, 0xfd] => Err(Fault::CutShort),
        [0x50..=0x5f, 0x2a] | [0x50..=0x5f, 0x2a, 0x4d, ..] => Err(Fault::CutShort),
        _ if first => Err(Fault::BadData("no frame begins there".into())),
        _ => Err(Fault::TrailingBytes),
    }
}

fn wrong(code: usize) -> Fault {
    let name = zstd_safe::get_error_name(code);
    let lower = name.to_ascii_lowercase();
    // The library names its errors in words alone; those two are what others of ours are called.
    if lower.contains("checksum") {
        Fault::BadChecksum("the checksum is not that of the content".into())
    } else if lower.contains("memory") {
        Fault::TooLarge(Cap::Memory(1 << WINDOW))
    } else {
        Fault::BadData(lower)
    }
}
