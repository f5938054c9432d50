//! Control code executes.

use super::dma::Direction;
use super::geometry::{Address, ROWS, TileId};
use super::host::{APERTURE, Window};
use super::transaction::{self, ControlError, Operation, Tokens};
use super::{Array, ChannelId, Stop};

/// Longest image that control code loads.
const IMAGE_MAX: u32 = 128 << 20;
/// Arguments to whose addresses firmware adds the aperture; the others come with it.
const MOVED_BY_FIRMWARE: u64 = 5;

/// The buffers that control code names by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments<'a> {
    /// Host addresses, to which firmware adds the aperture where it does.
    Host(&'a [u64]),
    /// Addresses as the array sees them.
    Array(&'a [u64]),
}

impl Arguments<'_> {
    /// The address that goes into a descriptor.
    fn address(self, argument: u64, offset: u64) -> Option<u64> {
        let at = |list: &[u64]| list.get(usize::try_from(argument).ok()?).copied();
        let address = match self {
            Self::Host(list) if argument < MOVED_BY_FIRMWARE => at(list)?.wrapping_add(APERTURE),
            Self::Host(list) | Self::Array(list) => at(list)?,
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
    /// [`ControlError`] before anything has an effect, or [`Interrupted`].
    pub fn run(
        &mut self,
        code: &[u8],
        arguments: Arguments<'_>,
        host: &mut Window<'_>,
    ) -> Result<u64, RunError> {
        let operations = transaction::read(code, ROWS)?;
        let began = self.cycles();
        for (index, operation) in (0..).zip(operations) {
            let done = self.operation(operation, arguments, host);
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
        operation: Operation,
        arguments: Arguments<'_>,
        host: &mut Window<'_>,
    ) -> Result<(), Stop> {
        match operation {
            Operation::Write(address, words) => self.write_words(Address(address), words)?,
            Operation::MaskWrite { address, mask, value } => {
                self.write_masked(Address(address), mask, value)?;
            }
            Operation::MaskPoll { address, mask, value } => {
                let at = Address(address);
                self.peek(at)?;
                let what = format!("a value of {value:#x} under {mask:#x} at {address:#x}");
                self.run_until(host, &what, |array| {
                    array.read(at).is_ok_and(|now| now & mask == value & mask)
                })?;
            }
            Operation::WaitTokens(tokens) => self.wait_tokens(tokens, host)?,
            Operation::MergeTokens(count) => {
                let count = usize::from(count);
                let what = format!("{count} tokens");
                self.run_until(host, &what, |array| array.tokens.len() >= count)?;
                self.tokens.drain(..count);
            }
            Operation::Patch {
                register,
                argument,
                offset,
            } => {
                let address = arguments
                    .address(argument, offset)
                    .ok_or_else(|| Stop::Control(format!("argument {argument} is missing")))?;
                self.write(Address(register), address as u32 & !3)?;
                let high = (address >> 32) as u32;
                self.write_masked(Address(register.wrapping_add(4)), 0xffff, high)?;
            }
            Operation::LoadPdi { address, size } => {
                if size > IMAGE_MAX {
                    return Err(Stop::Control(format!("an image of {size} bytes")));
                }
                let mut image = vec![0; size as usize];
                host.read_host(address, &mut image)?;
                self.reset();
                self.load(&image)?;
            }
            Operation::Nothing => {}
            Operation::Unknown(op) => {
                return Err(Stop::Control(format!("operation {op} is not simulated")));
            }
        }
        Ok(())
    }

    fn wait_tokens(&mut self, tokens: Tokens, host: &mut Window<'_>) -> Result<(), Stop> {
        let direction = if tokens.sends {
            Direction::Mm2s
        } else {
            Direction::S2mm
        };
        for column in 0..tokens.count.1 {
            for row in 0..tokens.count.0 {
                let id = ChannelId {
                    tile: TileId::new(
                        tokens.first.1.wrapping_add(column),
                        tokens.first.0.wrapping_add(row),
                    ),
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

/// Why control code did not run to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// It is damaged; nothing had an effect.
    #[error("{0}")]
    Damaged(#[from] ControlError),
    /// It ended before its end.
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}
