//! What the operations of control code do.

use xdna_runtime::formats;
use xdna_runtime::formats::txn::{DdrPatch, Operation, Tokens};

use super::dma::Direction;
use super::execution::Wait;
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

impl Array {
    /// Does an operation; what it returns must happen before the next.
    pub(super) fn operation(
        &mut self,
        operation: &Operation,
        arguments: Arguments<'_>,
        host: &mut Window<'_>,
    ) -> Result<Option<Wait>, Stop> {
        let at = Address(operation.address().unwrap_or_default() as u32);
        match operation {
            Operation::Write { value, .. } => self.write(at, *value)?,
            Operation::BlockWrite { data, .. } => self.write_words(at, data.iter().copied())?,
            Operation::MaskWrite { value, mask, .. } => self.write_masked(at, *mask, *value)?,
            Operation::MaskPoll { value, mask, .. } | Operation::MaskPollBusy { value, mask, .. } => {
                self.peek(at)?;
                let (mask, value) = (*mask, *value);
                return Ok(Some(Wait::Poll { at, mask, value }));
            }
            Operation::Wait(tokens) => return Ok(Some(Wait::Tokens(channels(*tokens).collect()))),
            Operation::MergeSync { tokens, .. } => return Ok(Some(Wait::Any(usize::from(*tokens)))),
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
        Ok(None)
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
}

/// The channels whose tokens an operation waits for.
fn channels(tokens: Tokens) -> impl Iterator<Item = ChannelId> {
    let direction = if tokens.direction == 0 {
        Direction::S2mm
    } else {
        Direction::Mm2s
    };
    let tiles = (0..tokens.columns).flat_map(move |c| (0..tokens.rows).map(move |r| (c, r)));
    tiles.map(move |(column, row)| ChannelId {
        tile: TileId::new(tokens.column.wrapping_add(column), tokens.row.wrapping_add(row)),
        direction,
        number: tokens.channel,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firmware_moves_the_first_five_arguments() {
        let list = [0x1000; 6];
        assert_eq!(Arguments::Host(&list).address(4, 8), Some(APERTURE + 0x1008));
        assert_eq!(Arguments::Host(&list).address(5, 8), Some(0x1008));
        assert_eq!(Arguments::Array(&list).address(0, 8), Some(0x1008));
        assert_eq!(Arguments::Host(&list).address(6, 0), None);
        assert_eq!(Arguments::Written.address(0, 0), None);
    }
}
