//! Control code: what a run does, for one overlay.

use std::borrow::Cow;

use xdna_driver::Generation;

use super::extent::{Extent, extents};
use crate::error::Error;
use crate::formats::txn;
use crate::formats::{ControlCode, ControlFile};

/// Control code that goes with a device and an overlay.
#[derive(Debug)]
pub(super) struct Code<'a> {
    /// What firmware is given.
    pub bytes: Cow<'a, [u8]>,
    /// Buffer arguments it puts into descriptors: those before the last are counted, too.
    pub buffers: u64,
    /// What it does with the first of them.
    pub extents: Vec<Extent>,
}

/// Buffers whose extents are of interest: no kernel's table has more.
const BUFFERS: u64 = 32;

impl<'a> Code<'a> {
    /// Reads control code, as bytes or as text.
    ///
    /// # Errors
    /// It is damaged, or was made for another generation or a wider overlay.
    pub fn read(file: &'a [u8], generation: Generation, columns: u16) -> Result<Self, Error> {
        let ControlFile { code, bytes } = ControlFile::read(file)?;
        let made_for = |made_for: Generation| {
            let device = generation;
            if made_for == device {
                Ok(())
            } else {
                Err(Error::OtherGeneration { made_for, device })
            }
        };
        let (buffers, extents) = match code {
            ControlCode::Txn(txn) => {
                made_for(match txn.header.generation {
                    txn::Header::NPU1 => Generation::Xdna1,
                    _ => Generation::Xdna2,
                })?;
                let needed = u16::from(txn.header.columns);
                if needed > columns {
                    return Err(Error::CodeTooWide { needed, columns });
                }
                let last = txn.patches().map(|patch| patch.argument).max();
                let buffers = last.map_or(0, |argument| argument.saturating_add(1));
                (buffers, extents(&txn, buffers.min(BUFFERS) as usize))
            }
            // Words of the first generation have no header; which arguments they name is left to the overlay.
            ControlCode::Dpu(_) => {
                made_for(Generation::Xdna1)?;
                (0, Vec::new())
            }
        };
        Ok(Self {
            bytes,
            buffers,
            extents,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::txn::{DdrPatch, Header, Operation, Txn, Version};

    fn code(generation: u8, columns: u8) -> Vec<u8> {
        let header = Header {
            version: Version::Normal,
            generation,
            rows: 6,
            columns,
            memory_rows: 1,
        };
        let patch = Operation::DdrPatch(DdrPatch {
            register: 0x1d004,
            argument: 2,
            offset: 0,
        });
        Txn::new(header, [patch]).write()
    }

    #[test]
    fn code_for_another_device_or_a_wider_overlay_is_refused() {
        assert!(Code::read(&code(4, 4), Generation::Xdna2, 4).is_ok());
        let refused = |made_for, device, columns| {
            let file = code(made_for, 4);
            Code::read(&file, device, columns).unwrap_err().to_string()
        };
        assert_eq!(
            refused(3, Generation::Xdna2, 4),
            "control code for XDNA1 (npu1), and this NPU is XDNA2 (npu4, npu5, npu6)"
        );
        assert_eq!(
            refused(3, Generation::Xdna1, 3),
            "control code for an overlay of 4 columns, and that of the xclbin has 3"
        );
        assert!(matches!(
            Code::read(&code(4, 4)[..20], Generation::Xdna2, 4),
            Err(Error::Format(_))
        ));
    }

    #[test]
    fn the_buffers_it_names_are_counted() {
        assert_eq!(Code::read(&code(4, 4), Generation::Xdna2, 4).unwrap().buffers, 3);
    }
}
