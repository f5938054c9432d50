//! Control code of a run.

use xdna_runtime::formats::{
    TileAddress, Txn,
    txn::{DdrPatch, Header, Operation, Tokens, Version},
};

use super::{control, task};
use crate::{
    DesignError, Sequence,
    design::{Step, TOKEN_ID, Tile},
};

/// Bits of a channel's control register that name the packet of its tokens.
const CONTROLLER_ID: u32 = 0x1f00;

impl Sequence {
    /// The control code as a file.
    ///
    /// # Errors
    /// Something in it does not exist or does not fit.
    pub fn control_code(&self) -> Result<Vec<u8>, DesignError> {
        let mut operations = Vec::new();
        for step in &self.steps {
            put(&mut operations, step)?;
        }
        let header = Header {
            version: Version::Normal,
            generation: self.generation.number(),
            rows: TileAddress::ROWS,
            columns: self.columns,
            memory_rows: 1,
        };
        Ok(Txn::new(header, operations).write())
    }
}

fn put(out: &mut Vec<Operation>, step: &Step) -> Result<(), DesignError> {
    match step {
        Step::Transfer {
            column,
            channel,
            descriptor,
            argument,
            times,
            token,
        } => {
            let tile = Tile::shim(*column);
            let address = |offset: u32| u32::from(tile.at(offset));
            let register = descriptor.register(tile)?;
            let data = descriptor.words(tile)?;
            out.push(Operation::BlockWrite {
                address: address(register),
                data,
            });
            out.push(Operation::DdrPatch(DdrPatch {
                register: address(register + 4).into(),
                argument: (*argument).into(),
                offset: descriptor.address,
            }));
            let control = control(tile, *channel)?;
            if *token {
                out.push(Operation::MaskWrite {
                    address: address(control).into(),
                    value: u32::from(TOKEN_ID) << 8,
                    mask: CONTROLLER_ID,
                });
            }
            out.push(Operation::Write {
                address: address(control + 4).into(),
                value: task(tile, *channel, descriptor.id, *times, *token)?,
            });
        }
        Step::Write { tile, offset, words } => {
            if !offset.is_multiple_of(4) {
                let (tile, address) = (*tile, u64::from(*offset));
                return Err(DesignError::Unaligned { tile, address });
            }
            let address = u32::from(tile.at(*offset));
            out.push(match words[..] {
                [value] => Operation::Write {
                    address: address.into(),
                    value,
                },
                _ => Operation::BlockWrite {
                    address,
                    data: words.clone(),
                },
            });
        }
        Step::Wait { column, channel } => out.push(Operation::Wait(Tokens {
            direction: channel.direction_number(),
            row: 0,
            column: *column,
            rows: 1,
            columns: 1,
            channel: channel.number,
        })),
    }
    Ok(())
}
