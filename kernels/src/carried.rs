//! The loopback overlays as parts of a program: the files of `prebuilt/`, byte for byte.

use xdna_runtime::formats::Generation;

use crate::loopback::Pattern;

/// Control code that moves so many blocks in every column.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Blocks in each column.
    pub blocks: u32,
    /// The control code.
    pub control: &'static [u8],
}

/// An overlay and its control codes.
#[derive(Clone, Copy, Debug)]
pub struct Loopback {
    /// Generation of the array it was made for.
    pub generation: Generation,
    /// Columns it takes: one, or as many as the generation has.
    pub columns: u8,
    /// What it does with the words.
    pub pattern: Pattern,
    /// The xclbin.
    pub xclbin: &'static [u8],
    /// A control code of one block, and one of many.
    pub runs: [Run; 2],
}

impl Loopback {
    /// Bytes that a run takes from buffer 0, and bytes that it puts into buffer 1.
    pub fn bytes(&self, run: Run) -> (usize, usize) {
        let (words_in, words_out) = self.pattern.block();
        let all = |words: u32| words as usize * 4 * run.blocks as usize * usize::from(self.columns);
        (all(words_in), all(words_out))
    }
}

macro_rules! file {
    ($device:literal, $pattern:literal, $columns:literal, $end:literal) => {
        include_bytes!(concat!(
            "../prebuilt/",
            $device,
            "/loopback_",
            $pattern,
            "_",
            $columns,
            $end
        ))
    };
}

macro_rules! loopback {
    ($generation:ident $device:literal, $pattern:ident $name:literal, $columns:literal) => {
        Loopback {
            generation: Generation::$generation,
            columns: $columns,
            pattern: Pattern::$pattern,
            xclbin: file!($device, $name, $columns, ".xclbin"),
            runs: [
                Run {
                    blocks: 1,
                    control: file!($device, $name, $columns, ".1.txn.bin"),
                },
                Run {
                    blocks: 64,
                    control: file!($device, $name, $columns, ".64.txn.bin"),
                },
            ],
        }
    };
}

/// All of them.
pub const LOOPBACKS: [Loopback; 16] = [
    loopback!(Npu1 "npu1", Shim "shim", 1),
    loopback!(Npu1 "npu1", Shim "shim", 4),
    loopback!(Npu1 "npu1", Memory "memory", 1),
    loopback!(Npu1 "npu1", Memory "memory", 4),
    loopback!(Npu1 "npu1", Transpose "transpose", 1),
    loopback!(Npu1 "npu1", Transpose "transpose", 4),
    loopback!(Npu1 "npu1", Pad "pad", 1),
    loopback!(Npu1 "npu1", Pad "pad", 4),
    loopback!(Npu4 "npu4", Shim "shim", 1),
    loopback!(Npu4 "npu4", Shim "shim", 8),
    loopback!(Npu4 "npu4", Memory "memory", 1),
    loopback!(Npu4 "npu4", Memory "memory", 8),
    loopback!(Npu4 "npu4", Transpose "transpose", 1),
    loopback!(Npu4 "npu4", Transpose "transpose", 8),
    loopback!(Npu4 "npu4", Pad "pad", 1),
    loopback!(Npu4 "npu4", Pad "pad", 8),
];
