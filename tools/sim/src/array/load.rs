//! An image configures the array.

use xdna_runtime::formats::Pdi;
use xdna_runtime::formats::cdo::Command;

use super::geometry::Address;
use super::{Array, Stop};

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
