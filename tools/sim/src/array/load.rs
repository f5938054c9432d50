//! An image configures the array.

use xdna_runtime::formats::Pdi;
use xdna_runtime::formats::cdo::Command;

use super::geometry::Address;
use super::tiles::word_at;
use super::{Array, Stop};

/// Where headers say how long an image is, in bytes (npu-formats, section 5).
const FIRST_PARTITION: usize = 0x20;
const TOTAL_WORDS: usize = 0x8;
const DATA_WORDS: usize = 0x20;
const TRANSFORM: usize = 0x70;

/// Bytes of an image by its headers; `None` if they say nothing, as those of split images do.
pub fn image_bytes(headers: &[u8]) -> Option<usize> {
    let word = |at: usize| word_at(headers, at).map(|w| w as usize);
    let header = word(FIRST_PARTITION)?.checked_mul(4)?;
    let words = word(header.checked_add(DATA_WORDS)?)?.checked_add(word(header + TOTAL_WORDS)?)?;
    let plain = word(header.checked_add(TRANSFORM)?)? == 0;
    words.checked_mul(4).filter(|_| plain)
}

impl Array {
    /// As power-on left it; stand-ins stay.
    pub fn reset(&mut self) {
        let programs: Vec<_> = self.cores.iter_mut().map(|slot| slot.program.take()).collect();
        let now = self.now;
        *self = Self::new(self.shape, self.timing);
        self.now = now;
        for (slot, program) in self.cores.iter_mut().zip(programs) {
            slot.program = program;
        }
    }

    /// Executes the command stream of an image.
    ///
    /// # Errors
    /// [`Stop::Control`] for what is no image, [`Stop::Access`] for what is outside the partition.
    pub fn load(&mut self, image: &[u8]) -> Result<(), Stop> {
        let pdi = Pdi::read(image).map_err(|e| Stop::Control(e.to_string()))?;
        if pdi.borrowed > 0 {
            log::info!("the image is {} bytes short: taken as zeros", pdi.borrowed);
        }
        self.configure(&pdi.cdo.commands)
    }

    /// Executes commands.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn configure(&mut self, commands: &[Command]) -> Result<(), Stop> {
        for command in commands {
            let address = Address(command.address().unwrap_or_default() as u32);
            match command {
                Command::Write { value, .. } | Command::Write64 { value, .. } => {
                    self.write(address, *value)?
                }
                Command::DmaWrite { data, .. } => self.write_words(address, data.iter().copied())?,
                Command::MaskWrite { mask, value, .. } | Command::MaskWrite64 { mask, value, .. } => {
                    self.write_masked(address, *mask, *value)?;
                }
                Command::Nop { .. } => {}
                other => return Err(Stop::Control(format!("{other:x?} is no command of firmware's"))),
            }
        }
        Ok(())
    }
}
