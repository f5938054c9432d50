//! PDI images: is one well formed, and does it start cores?
//!
//! One image with one partition whose content is a CDO command stream (npu-formats, sections 5 to 7).

/// Words before the image header table.
const BUS_WIDTH: [u32; 4] = [0xdd, 0x1122_3344, 0x5566_7788, 0x99aa_bbcc];
/// Byte offsets of headers and of the stream.
const TABLE: usize = 0x10;
const PARTITION: usize = 0xd0;
const STREAM: usize = 0x150;
/// "IDPP" in the image header table.
const SIGNATURE: u32 = 0x5050_4449;
const CDO: [u32; 2] = [0x004f_4443, 0x584c_4e58];
const TRANSFORM_PLAIN: u32 = 0;
const TRANSFORM_SPLIT: u32 = 1;
/// Core_Control of a core tile, and the first row that has one.
const CORE_CONTROL: u32 = 0x3_2000;
const FIRST_CORE_ROW: u32 = 2;

/// What is wrong with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PdiError {
    /// It ends before it should.
    #[error("the image ends at byte {0:#x}")]
    Short(usize),
    /// A field has none of the values it may have.
    #[error("{name} is {value:#x}")]
    Field {
        /// The field.
        name: &'static str,
        /// Its value.
        value: u32,
    },
    /// The stream holds a command that the firmware does not know.
    #[error("CDO command {0:#x} at word {1}")]
    Command(u32, usize),
}

/// What an image does, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pdi {
    /// Cores that are enabled at the end.
    pub cores: usize,
}

fn word(bytes: &[u8], at: usize) -> Result<u32, PdiError> {
    let word = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    word.map(u32::from_le_bytes).ok_or(PdiError::Short(bytes.len()))
}

fn expect(name: &'static str, value: u32, allowed: &[u32]) -> Result<u32, PdiError> {
    if allowed.contains(&value) {
        Ok(value)
    } else {
        Err(PdiError::Field { name, value })
    }
}

/// Reads an image; checksums are not looked at, as release firmware does not.
///
/// # Errors
/// What is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Pdi, PdiError> {
    for (i, &want) in BUS_WIDTH.iter().enumerate() {
        expect("bus width word", word(bytes, 4 * i)?, &[want])?;
    }
    expect("signature", word(bytes, TABLE + 0x28)?, &[SIGNATURE])?;
    expect("number of images", word(bytes, TABLE + 4)?, &[1])?;
    expect("number of partitions", word(bytes, TABLE + 12)?, &[1])?;
    expect(
        "data offset",
        word(bytes, PARTITION + 0x20)?,
        &[STREAM as u32 / 4],
    )?;
    let total = word(bytes, PARTITION + 8)? as usize;
    let transform = expect(
        "transform type",
        word(bytes, PARTITION + 0x70)?,
        &[TRANSFORM_PLAIN, TRANSFORM_SPLIT],
    )?;
    expect("CDO identification", word(bytes, STREAM + 4)?, &CDO)?;
    expect("CDO header length", word(bytes, STREAM)?, &[4])?;
    if transform == TRANSFORM_SPLIT {
        // Its groups say the same in another order; whether cores run cannot be told without the data zone.
        return Ok(Pdi::default());
    }
    let length = word(bytes, STREAM + 12)? as usize;
    if length.checked_add(5).is_none_or(|all| all > total) {
        return Err(PdiError::Field {
            name: "CDO length",
            value: length as u32,
        });
    }
    stream(bytes, STREAM + 20, length)
}

/// The commands of a plain stream.
fn stream(bytes: &[u8], start: usize, words: usize) -> Result<Pdi, PdiError> {
    let mut enabled = std::collections::BTreeSet::new();
    let mut at = 0;
    while at < words {
        let at_word = |i: usize| word(bytes, start + 4 * i);
        let command = at_word(at)?;
        let (mut count, mut payload) = ((command >> 16 & 0xff) as usize, at + 1);
        if count == 0xff {
            (count, payload) = (at_word(payload)? as usize, payload + 1);
        }
        let next = payload
            .checked_add(count)
            .filter(|&n| n <= words)
            .ok_or(PdiError::Short(bytes.len()))?;
        let (address, mask, value, needed) = match command & 0xffff {
            0x111 => (0, 0, 0, 0),
            0x102 if count >= 3 => (at_word(payload)?, at_word(payload + 1)?, at_word(payload + 2)?, 3),
            0x103 if count >= 2 => (at_word(payload)?, u32::MAX, at_word(payload + 1)?, 2),
            0x105 if count >= 2 => (0, 0, 0, 2),
            0x107 if count >= 4 => (
                at_word(payload + 1)?,
                at_word(payload + 2)?,
                at_word(payload + 3)?,
                4,
            ),
            0x108 if count >= 3 => (at_word(payload + 1)?, u32::MAX, at_word(payload + 2)?, 3),
            other => return Err(PdiError::Command(other, at)),
        };
        let core = address & 0xf_ffff == CORE_CONTROL && address >> 20 & 0x1f >= FIRST_CORE_ROW;
        if needed > 0 && core && mask & 1 != 0 {
            if value & 1 != 0 {
                enabled.insert(address)
            } else {
                enabled.remove(&address)
            };
        }
        at = next;
    }
    Ok(Pdi { cores: enabled.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image around a stream of commands.
    fn image(commands: &[u32]) -> Vec<u8> {
        let mut words = vec![0u32; STREAM / 4];
        words[..4].copy_from_slice(&BUS_WIDTH);
        (words[5], words[7], words[0x38 / 4]) = (1, 1, SIGNATURE);
        let total = commands.len() as u32 + 5;
        (words[PARTITION / 4 + 2], words[PARTITION / 4 + 8]) = (total, STREAM as u32 / 4);
        words.extend([4, CDO[0], 0x200, commands.len() as u32, 0]);
        words.extend(commands);
        words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }

    #[test]
    fn well_formed_images_are_read() {
        assert_eq!(parse(&image(&[0x111; 3])), Ok(Pdi { cores: 0 }));
        let control = 1 << 25 | 2 << 20 | CORE_CONTROL;
        let on = [0x3_0102, control, 1, 1];
        let off = [0x2_0103, control, 0];
        assert_eq!(parse(&image(&on)), Ok(Pdi { cores: 1 }));
        assert_eq!(parse(&image(&[&on[..], &off[..]].concat())), Ok(Pdi { cores: 0 }));
    }

    #[test]
    fn damaged_images_are_refused() {
        assert_eq!(parse(&[]), Err(PdiError::Short(0)));
        let good = image(&[0x2_0103, 8, 1]);
        for len in 0..good.len() {
            assert!(parse(&good[..len]).is_err(), "{len}");
        }
        assert_eq!(parse(&image(&[0x104])), Err(PdiError::Command(0x104, 0)));
        assert!(parse(&image(&[0xff_0111, 9])).is_err());
        assert!(parse(&vec![0; 4096]).is_err());
    }
}
