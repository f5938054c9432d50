//! Control code executes.

use xdna_runtime::formats::txn::{DdrPatch, Operation, Tokens};
use xdna_runtime::formats::{self, FormatError, Txn};

use super::dma::Direction;
use super::geometry::{Address, TileId};
use super::host::{APERTURE, Window};
use super::load::image_bytes;
use super::{Array, ChannelId, Stop};

/// Longest image that control code loads.
const IMAGE_MAX: usize = 128 << 20;
/// Number of the operation that convolution overlays have, and that is skipped.
const UNKNOWN: u8 = 134;
/// Arguments to whose addresses firmware adds the aperture; the others come with it.
const MOVED_BY_FIRMWARE: u64 = 5;

/// The buffers that control code names by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments<'a> {
    /// Host addresses, to which firmware adds the aperture where it does.
    Host(&'a [u64]),
    /// Addresses as the array sees them.
    Array(&'a [u64]),
    /// The host wrote all addresses into the code, as it does where that comes in an ELF file; operations that would
    /// write them again do nothing.
    Written,
}

impl Arguments<'_> {
    /// The address that goes into a descriptor.
    fn address(self, argument: u64, offset: u64) -> Option<u64> {
        let at = |list: &[u64]| list.get(usize::try_from(argument).ok()?).copied();
        let address = match self {
            Self::Host(list) if argument < MOVED_BY_FIRMWARE => at(list)?.wrapping_add(APERTURE),
            Self::Host(list) | Self::Array(list) => at(list)?,
            Self::Written => return None,
        };
        Some(address.wrapping_add(offset))
    }
}

/// Where and why control code ended before its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("operation {operation}: {stop}")]
pub struct Interrupted {
    /// Index of the operation.
    pub operation: u32,
    /// Why.
    #[source]
    pub stop: Stop,
}

impl Array {
    /// Executes control code, and lets what it started come to rest.
    ///
    /// Returns the cycles it took: an estimate, see [`Timing`](super::Timing).
    ///
    /// # Errors
    /// [`RunError::Damaged`] before anything has an effect, or [`Interrupted`].
    pub fn run(
        &mut self,
        code: &[u8],
        arguments: Arguments<'_>,
        host: &mut Window<'_>,
    ) -> Result<u64, RunError> {
        let code = Txn::read_prefix(code)?;
        let began = self.cycles();
        for (index, record) in (0..).zip(&code.records) {
            let done = self.operation(&record.operation, arguments, host);
            let done = done.and_then(|()| self.pass(self.timing.operation, host));
            done.map_err(|stop| Interrupted {
                operation: index,
                stop,
            })?;
        }
        let rest = self.settle(host).and_then(|()| Ok(host.flush()?));
        rest.map_err(|stop| Interrupted {
            operation: u32::MAX,
            stop,
        })?;
        Ok(self.cycles() - began)
    }

    fn operation(
        &mut self,
        operation: &Operation,
        arguments: Arguments<'_>,
        host: &mut Window<'_>,
    ) -> Result<(), Stop> {
        let at = Address(operation.address().unwrap_or_default() as u32);
        match operation {
            Operation::Write { value, .. } => self.write(at, *value)?,
            Operation::BlockWrite { data, .. } => self.write_words(at, data.iter().copied())?,
            Operation::MaskWrite { value, mask, .. } => self.write_masked(at, *mask, *value)?,
            Operation::MaskPoll { value, mask, .. } | Operation::MaskPollBusy { value, mask, .. } => {
                self.peek(at)?;
                let what = format!("a value of {value:#x} under {mask:#x} at {:#x}", at.0);
                self.run_until(host, &what, |array| {
                    array.read(at).is_ok_and(|now| now & mask == value & mask)
                })?;
            }
            Operation::Wait(tokens) => self.wait_tokens(*tokens, host)?,
            Operation::MergeSync { tokens, .. } => {
                let count = usize::from(*tokens);
                let what = format!("{count} tokens");
                self.run_until(host, &what, |array| array.tokens.len() >= count)?;
                self.tokens.drain(..count);
            }
            Operation::DdrPatch(_) if arguments == Arguments::Written => {}
            Operation::DdrPatch(patch) => self.patch(*patch, arguments)?,
            Operation::LoadPdi { address, size, .. } => {
                let image = image(*address, *size, host)?;
                self.reset();
                self.load(&image)?;
            }
            // What a convolution overlay's code has among others: nobody knows what it does.
            Operation::Custom { op: UNKNOWN, .. } => {}
            Operation::Noop | Operation::Preempt { .. } | Operation::RecordTimer { .. } => {}
            other => return Err(Stop::Control(format!("{} is not simulated", other.name()))),
        }
        Ok(())
    }

    fn patch(&mut self, patch: DdrPatch, arguments: Arguments<'_>) -> Result<(), Stop> {
        let address = arguments
            .address(patch.argument, patch.offset)
            .ok_or_else(|| Stop::Control(format!("argument {} is missing", patch.argument)))?;
        let register = Address(patch.register as u32);
        self.write(register, address as u32 & !3)?;
        self.write_masked(
            Address(register.0.wrapping_add(4)),
            0xffff,
            (address >> 32) as u32,
        )?;
        Ok(())
    }

    fn wait_tokens(&mut self, tokens: Tokens, host: &mut Window<'_>) -> Result<(), Stop> {
        let direction = if tokens.direction == 0 {
            Direction::S2mm
        } else {
            Direction::Mm2s
        };
        for column in 0..tokens.columns {
            for row in 0..tokens.rows {
                let id = ChannelId {
                    tile: TileId::new(tokens.column.wrapping_add(column), tokens.row.wrapping_add(row)),
                    direction,
                    number: tokens.channel,
                };
                self.run_until(host, &format!("the token of {id}"), |array| array.take_token(id))?;
            }
        }
        Ok(())
    }

    /// Lets time pass.
    fn pass(&mut self, cycles: u64, host: &mut Window<'_>) -> Result<(), Stop> {
        let end = self.cycles() + cycles;
        while self.cycles() < end && self.advance(host)? {}
        self.now = self.now.max(end);
        Ok(())
    }
}

/// The image at a host address; those of full ELF files come without a size, which their headers tell.
fn image(address: u64, size: u32, host: &mut Window<'_>) -> Result<Vec<u8>, Stop> {
    let mut size = size as usize;
    if size == 0 {
        let mut headers = [0; formats::Pdi::HEADER_BYTES];
        host.read_host(address, &mut headers)?;
        let known = image_bytes(&headers);
        size = known.ok_or_else(|| Stop::Control(format!("no image is at {address:#x}")))?;
    }
    if size > IMAGE_MAX {
        return Err(Stop::Control(format!("an image of {size} bytes")));
    }
    let mut image = vec![0; size];
    host.read_host(address, &mut image)?;
    Ok(image)
}

/// Why control code did not run to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// It is damaged; nothing had an effect.
    #[error("{0}")]
    Damaged(#[from] FormatError),
    /// It ended before its end.
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}
