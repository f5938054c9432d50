//! WAV files whose writer could not go back to fill in their sizes: pipes of ffmpeg, sox, arecord and GStreamer.

use std::io;

use super::source::{Patch, Source};

/// Chunks in front of the sound.
const CHUNKS: usize = 64;
/// Where a size counts as one that nobody measured: what writers put there is 0, `0x7fff_0000` (less some) to `u32::MAX`.
const UNMEASURED: u32 = 0x7fff_0000 - (1 << 16);

/// The sizes that `source` has where it states others that nobody measured; none where it is no such WAV file.
pub(super) fn sizes(source: &Source) -> io::Result<Vec<Patch>> {
    if source.array(0)? != Some(*b"RIFF") || source.array(8)? != Some(*b"WAVE") {
        return Ok(Vec::new());
    }
    let whole = source.len() - 8;
    let (Some(riff), Ok(whole_size)) = (source.array(4)?, u32::try_from(whole)) else {
        return Ok(Vec::new());
    };
    let riff = u32::from_le_bytes(riff);
    let open = riff != whole_size && !(64..UNMEASURED).contains(&riff);
    let mut patches = Vec::new();
    if open {
        patches.push(Patch::new(4, whole_size));
    }
    let mut at = 12;
    for _ in 0..CHUNKS {
        let (Some(name), Some(size)) = (source.array::<4>(at)?, source.array(at + 4)?) else {
            break;
        };
        let size = u32::from_le_bytes(size);
        if name != *b"data" {
            at += 8 + u64::from(size) + u64::from(size % 2);
            continue;
        }
        let rest = source.len() - (at + 8);
        let unmeasured = (size == 0 && open) || (size >= UNMEASURED && u64::from(size) > rest);
        if let (true, Ok(rest)) = (unmeasured, u32::try_from(rest)) {
            patches.push(Patch::new(at + 4, rest));
        }
        break;
    }
    Ok(patches)
}
