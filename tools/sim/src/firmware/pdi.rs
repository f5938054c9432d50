//! PDI images: what a compute unit configures.

use std::rc::Rc;

use xdna_runtime::formats::cdo::Command;
use xdna_runtime::formats::{self, FormatError};

use crate::array::image_bytes;

/// Why firmware refuses an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PdiError {
    /// It is none.
    #[error("{0}")]
    Format(#[from] FormatError),
    /// The stream holds a command that the firmware does not know.
    #[error("CDO command {0:#x}")]
    Command(u16),
}

/// An image that was read: the commands that configure the array.
#[derive(Clone, Debug)]
pub struct Pdi {
    /// In their order; two images are the same loading if they share this.
    pub commands: Rc<[Command]>,
}

/// Without what lies behind it in its buffer. Of a split image nobody knows the length, and its reader does not care.
fn trim(bytes: &[u8]) -> &[u8] {
    let end = image_bytes(bytes).and_then(|end| bytes.get(..end));
    end.unwrap_or(bytes)
}

/// Reads an image; checksums are not looked at, as release firmware does not.
///
/// # Errors
/// What is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Pdi, PdiError> {
    let pdi = formats::Pdi::read(trim(bytes))?;
    let unknown = pdi.cdo.commands.iter().find_map(|c| match c {
        Command::Other { op, .. } => Some(*op),
        _ => None,
    });
    match unknown {
        Some(op) => Err(PdiError::Command(op)),
        None => Ok(Pdi {
            commands: pdi.cdo.commands.into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xdna_runtime::formats::Cdo;

    fn image(commands: Vec<Command>) -> Vec<u8> {
        formats::Pdi::new(Cdo::new(commands)).write()
    }

    const WRITE: Command = Command::Write { address: 8, value: 1 };

    #[test]
    fn images_are_read_from_larger_buffers() {
        let mut bytes = image(vec![WRITE]);
        assert_eq!(parse(&bytes).unwrap().commands[..], [WRITE]);
        bytes.resize(4096, 0xee);
        assert_eq!(parse(&bytes).unwrap().commands[..], [WRITE]);
    }

    #[test]
    fn damaged_images_are_refused() {
        let good = image(vec![WRITE]);
        for len in 0..good.len() {
            assert!(parse(&good[..len]).is_err(), "{len}");
        }
        let delay = Command::Other {
            op: 0x104,
            words: vec![1],
        };
        assert_eq!(parse(&image(vec![delay])).unwrap_err(), PdiError::Command(0x104));
        assert!(parse(&vec![0; 4096]).is_err() && parse(&vec![0xff; 4096]).is_err());
    }
}
