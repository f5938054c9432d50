//! Control code: what a run does, for one overlay.

use std::borrow::Cow;

use xdna_driver::Generation;

use crate::error::Error;
use crate::formats::txn;
use crate::formats::{ControlCode, ControlFile};

/// Control code that goes with a device and an overlay.
#[derive(Debug)]
pub(super) struct Code<'a> {
    /// What firmware is given.
    pub bytes: Cow<'a, [u8]>,
    /// Buffer arguments it puts into descriptors: those before the last are counted, too.
    pub buffers: usize,
}

impl<'a> Code<'a> {
    /// Reads control code, as bytes or as text.
    ///
    /// # Errors
    /// It is damaged, or was made for another generation or a wider overlay.
    pub fn read(file: &'a [u8], generation: Generation, columns: u16) -> Result<Self, Error> {
        let ControlFile { code, bytes } = ControlFile::read(file)?;
        let expected = match generation {
            Generation::Xdna1 => txn::Header::NPU1,
            _ => txn::Header::NPU4,
        };
        let wrong = |what, found: u64, expected: u64| {
            Err(Error::ControlCode {
                what,
                found,
                expected,
            })
        };
        let buffers = match code {
            ControlCode::Txn(txn) => {
                let (made_for, wide) = (txn.header.generation, txn.header.columns);
                if made_for != expected {
                    let what = "the generation it was made for (3: XDNA1, 4: XDNA2)";
                    return wrong(what, made_for.into(), expected.into());
                }
                if u16::from(wide) > columns {
                    return wrong("the number of columns it needs", wide.into(), columns.into());
                }
                let last = txn.patches().map(|patch| patch.argument).max();
                last.map_or(0, |argument| argument as usize + 1)
            }
            // Words of the first generation have no header; which arguments they name is left to the overlay.
            _ if generation == Generation::Xdna1 => 0,
            _ => {
                return wrong(
                    "the generation it was made for (3: XDNA1, 4: XDNA2)",
                    3,
                    expected.into(),
                );
            }
        };
        Ok(Self { bytes, buffers })
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
        for (generation, device, columns) in [(3, Generation::Xdna2, 4), (3, Generation::Xdna1, 3)] {
            let file = code(generation, 4);
            let refused = Code::read(&file, device, columns);
            assert!(matches!(refused, Err(Error::ControlCode { .. })), "{refused:?}");
        }
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
