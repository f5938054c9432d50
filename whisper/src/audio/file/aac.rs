//! AAC profiles: only Low Complexity is decoded, and the others do not always say so where a decoder looks.

use crate::audio::Fault;

/// Reads bits from the most significant on.
struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.position / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.position % 8) & 1);
            self.position += 1;
        }
        Some(value)
    }

    /// `GetAudioObjectType()` of ISO/IEC 14496-3, 1.6.2.1.
    fn object_type(&mut self) -> Option<u32> {
        match self.take(5)? {
            31 => Some(32 + self.take(6)?),
            short => Some(short),
        }
    }

    /// A sampling frequency: an index, or 24 bits of Hz.
    fn frequency(&mut self) -> Option<u32> {
        match self.take(4)? {
            15 => self.take(24),
            index => Some(index),
        }
    }
}

/// Audio object types of ISO/IEC 14496-3, table 1.17, that sound files are seen with.
const LC: u32 = 2;
const SBR: u32 = 5;
const PS: u32 = 29;

fn refuse(object_type: u32) -> Fault {
    let name = match object_type {
        1 => "AAC Main",
        3 => "AAC SSR (scalable sample rate)",
        4 => "AAC LTP (long term prediction)",
        SBR => "HE-AAC (AAC with SBR)",
        6 | 20 => "AAC Scalable",
        17 => "ER AAC LC",
        19 => "ER AAC LTP",
        22 => "ER BSAC",
        23 => "AAC-LD (low delay)",
        PS => "HE-AAC v2 (AAC with SBR and parametric stereo)",
        34 => "MPEG-4 layer 3",
        36 => "MPEG-4 ALS",
        39 => "AAC-ELD (enhanced low delay)",
        42 => "xHE-AAC (USAC)",
        _ => return Fault::Codec(format!("MPEG-4 audio object type {object_type}")),
    };
    Fault::Codec(name.to_owned())
}

/// Refuses what an `AudioSpecificConfig` says is not AAC-LC.
pub(super) fn check_config(config: &[u8]) -> Result<(), Fault> {
    let mut bits = Bits {
        bytes: config,
        position: 0,
    };
    let parse = |bits: &mut Bits<'_>| {
        let object_type = bits.object_type()?;
        bits.frequency()?;
        bits.take(4)?;
        Some(object_type)
    };
    match parse(&mut bits) {
        None => return Err(Fault::Container("its AAC configuration is too short".to_owned())),
        Some(LC) => {}
        Some(other) => return Err(refuse(other)),
    }
    // GASpecificConfig of AAC-LC: frame length, core coder and its delay, extension.
    let skip = |bits: &mut Bits<'_>| {
        bits.take(1)?;
        if bits.take(1)? == 1 {
            bits.take(14)?;
        }
        bits.take(1)
    };
    // A decoder that knows SBR finds it announced behind what the others read (1.6.6.1).
    if skip(&mut bits).is_some()
        && bits.take(11) == Some(0x2b7)
        && bits.object_type() == Some(SBR)
        && bits.take(1) == Some(1)
    {
        bits.frequency();
        let ps = bits.take(11) == Some(0x548) && bits.take(1) == Some(1);
        return Err(refuse(if ps { PS } else { SBR }));
    }
    Ok(())
}

/// Refuses an ADTS stream whose first frame, somewhere in `head`, is not AAC-LC.
pub(super) fn check_adts(head: &[u8]) -> Result<(), Fault> {
    for frame in head.windows(7).filter(|f| f[0] == 0xff && f[1] & 0xf6 == 0xf0) {
        let len = usize::from(frame[3] & 3) << 11 | usize::from(frame[4]) << 3 | usize::from(frame[5] >> 5);
        let at = frame.as_ptr().addr() - head.as_ptr().addr();
        // A sync word that leads to another is no accident.
        let next = head.get(at + len..).and_then(|rest| rest.first_chunk::<2>());
        if len < 7 || next.is_some_and(|f| f[0] != 0xff || f[1] & 0xf6 != 0xf0) {
            continue;
        }
        let object_type = u32::from(frame[2] >> 6) + 1;
        return if object_type == LC {
            Ok(())
        } else {
            Err(refuse(object_type))
        };
    }
    Ok(())
}

/// Whether a raw AAC frame ends in a fill element with SBR data: how HE-AAC is told from AAC-LC in streams whose
/// headers do not say (implicit signalling, the rule in ADTS).
///
/// What comes before takes a decoder to skip, so this looks from the end: a fill element (ISO/IEC 14496-3, 4.4.2.7)
/// that reaches exactly to the end mark. One frame in fifty looks like that by accident; a whole stream does not.
pub(super) fn ends_with_sbr(frame: &[u8]) -> bool {
    let bits = |position: usize, count: usize| {
        Bits {
            bytes: frame,
            position,
        }
        .take(count)
    };
    // The end mark, 111, with up to 7 zeros behind it.
    let Some(last) = frame.last().filter(|b| **b != 0) else {
        return false;
    };
    let Some(end) = (frame.len() * 8).checked_sub(last.trailing_zeros() as usize + 3) else {
        return false;
    };
    if bits(end, 3) != Some(7) {
        return false;
    }
    (1..=269usize).any(|bytes| {
        let head = if bytes < 15 { 7 } else { 15 };
        let Some(start) = end.checked_sub(8 * bytes + head) else {
            return false;
        };
        let counted = if bytes < 15 {
            bits(start + 3, 4) == Some(bytes as u32)
        } else {
            bits(start + 3, 4) == Some(15) && bits(start + 7, 8) == Some(bytes as u32 - 14)
        };
        counted && bits(start, 3) == Some(6) && matches!(bits(start + head, 4), Some(0xd | 0xe))
    })
}

/// The refusal of a stream whose frames [`ends_with_sbr`].
pub(super) fn sbr_fault() -> Fault {
    refuse(SBR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(config: &[u8]) -> String {
        match check_config(config) {
            Err(Fault::Codec(name)) => name,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn low_complexity_is_taken() {
        assert_eq!(check_config(&[0x12, 0x10]), Ok(()));
        assert_eq!(check_config(&[0x14, 0x08]), Ok(()));
        // SBR announced as absent.
        assert_eq!(check_config(&[0x12, 0x08, 0x56, 0xe5, 0x00]), Ok(()));
    }

    #[test]
    fn the_others_are_called_by_their_names() {
        assert_eq!(codec(&[0x0a, 0x10]), "AAC Main");
        assert!(codec(&[0x22, 0x10]).contains("LTP"));
        assert!(codec(&[0x2b, 0x92, 0x08, 0x00]).starts_with("HE-AAC (")); // explicit, hierarchical
        assert!(codec(&[0x13, 0x88, 0x56, 0xe5, 0xa5, 0x48, 0x80]).starts_with("HE-AAC v2")); // backward compatible
        assert!(codec(&[0x13, 0x90, 0x56, 0xe5, 0xa0]).starts_with("HE-AAC ("));
        assert!(codec(&[0xeb, 0x8a, 0x08, 0x00]).starts_with("HE-AAC v2"));
        assert!(codec(&[0xf8, 0xe8, 0x50, 0x00]).contains("ELD"));
        assert!(matches!(check_config(&[0x12]), Err(Fault::Container(_))));
    }

    #[test]
    fn adts_headers_tell_the_profile() {
        let frame = |profile: u8| [0xff, 0xf1, profile << 6 | 0x10, 0x40, 0x01, 0x00, 0xfc, 0];
        for (profile, taken) in [(0, false), (1, true), (2, false), (3, false)] {
            let stream = [[0; 8], frame(profile), frame(profile)].concat();
            assert_eq!(check_adts(&stream).is_ok(), taken, "{profile}");
        }
        assert_eq!(check_adts(&[]), Ok(()));
    }

    #[test]
    fn sbr_is_found_at_the_end_of_a_frame() {
        // FIL (110), 2 bytes (0010), EXT_SBR_DATA (1101) and 12 bits, END (111), padding.
        let bits = ["00000", "110", "0010", "1101", "010101010101", "111", "0"].concat();
        let frame: Vec<u8> = bits
            .as_bytes()
            .chunks(8)
            .map(|b| b.iter().fold(0, |v, c| v << 1 | (c - b'0')))
            .collect();
        assert!(ends_with_sbr(&frame));
        assert!(!ends_with_sbr(&frame[1..]));
        assert!(!ends_with_sbr(&[]));
        assert!(!ends_with_sbr(&[7]));
    }
}
