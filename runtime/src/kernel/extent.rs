//! What control code does with the buffers it is given: read off the descriptors that it writes and queues.

use std::collections::HashMap;

use super::builder::ARRAY_SEES;
use crate::formats::TileAddress;
use crate::formats::txn::{DdrPatch, Operation, Txn};

/// What is known about a buffer argument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Bytes from its start on that are touched at least.
    pub bytes: u64,
    /// Whether a queued descriptor reads it.
    pub read: bool,
    /// Whether one writes it.
    pub written: bool,
}

/// Buffer descriptors of a shim tile: 16 of 8 words.
const DESCRIPTORS: u32 = 0x1d000;
const DESCRIPTOR: u32 = 0x20;
const DESCRIPTORS_END: u32 = DESCRIPTORS + 16 * DESCRIPTOR;
/// Task queues of its channels: two that write memory, two that read it.
const QUEUES: [(u32, bool); 4] = [
    (0x1d204, true),
    (0x1d20c, true),
    (0x1d214, false),
    (0x1d21c, false),
];

/// A descriptor as the code has left it: its words, and the argument that its address was patched with.
#[derive(Clone, Copy, Debug, Default)]
struct Descriptor {
    words: [u32; 8],
    patch: Option<(u64, u64)>,
}

impl Descriptor {
    /// Words from its address to the end of the furthest that it touches when it is executed `times` times.
    fn span(&self, times: u64) -> u64 {
        let [words, _, _, d0, d1, d2, iteration, _] = self.words.map(u64::from);
        let step = |word: u64| (word & 0xf_ffff) + 1;
        let wrap = |word: u64| match word >> 20 & 0x3ff {
            0 => u64::MAX,
            wrap => wrap,
        };
        if words == 0 {
            return 0;
        }
        // How many values an index takes until the words are used up.
        let outer = words.div_ceil(wrap(d0));
        let extents = [
            (words.min(wrap(d0)), step(d0)),
            (outer.min(wrap(d1)), step(d1)),
            (outer.div_ceil(wrap(d1)), step(d2)),
            (times.min((iteration >> 20 & 0x3f) + 1), step(iteration)),
        ];
        let last = |(count, step): &(u64, u64)| count.saturating_sub(1).saturating_mul(*step);
        extents.iter().map(last).fold(1, u64::saturating_add)
    }

    /// The one that follows it, by its number.
    fn next(&self) -> Option<u32> {
        let word = self.words[7];
        (word >> 26 & 1 == 1).then_some(word >> 27 & 0xf)
    }
}

/// What the shim tiles have been told so far.
#[derive(Default)]
struct Shims {
    /// By column and number.
    descriptors: HashMap<(u8, u32), Descriptor>,
    /// By argument.
    extents: Vec<Extent>,
}

impl Shims {
    fn write(&mut self, address: u32, value: u32, mask: u32) {
        let TileAddress { column, row, offset } = TileAddress::from(address);
        if row != 0 {
            return;
        }
        if let Some((id, word)) = place(offset) {
            let descriptor = self.descriptors.entry((column, id)).or_default();
            let old = &mut descriptor.words[word];
            *old = *old & !mask | value & mask;
            if word == 1 || word == 2 {
                descriptor.patch = None;
            }
        }
        if let Some((_, writes)) = QUEUES.iter().find(|(queue, _)| *queue == offset) {
            self.queue(column, value, *writes);
        }
    }

    fn patch(&mut self, patch: &DdrPatch) {
        let TileAddress { column, row, offset } = TileAddress::from(patch.register as u32);
        if let (0, Some((id, 1))) = (row, place(offset)) {
            let descriptor = self.descriptors.entry((column, id)).or_default();
            descriptor.patch = Some((patch.argument, patch.offset));
        }
    }

    /// A descriptor is executed, and those that follow it.
    fn queue(&mut self, column: u8, value: u32, writes: bool) {
        let times = u64::from(value >> 16 & 0xff) + 1;
        let mut next = Some(value & 0xf);
        // A chain of descriptors has at most as many as there are.
        for _ in 0..16 {
            let Some(descriptor) = next.and_then(|id| self.descriptors.get(&(column, id))) else {
                return;
            };
            if let Some((argument, offset)) = descriptor.patch
                && let Some(extent) = self.extents.get_mut(argument as usize)
            {
                // Code for more than five arguments adds where the array sees memory.
                let offset = offset & !ARRAY_SEES;
                let end = descriptor.span(times).saturating_mul(4).saturating_add(offset);
                extent.bytes = extent.bytes.max(end);
                extent.written |= writes;
                extent.read |= !writes;
            }
            next = descriptor.next();
        }
    }
}

/// Number of the descriptor, and the word of it, at a byte offset of a shim tile.
fn place(offset: u32) -> Option<(u32, usize)> {
    let within = (DESCRIPTORS..DESCRIPTORS_END).contains(&offset);
    within.then(|| {
        let word = offset % DESCRIPTOR / 4;
        ((offset - DESCRIPTORS) / DESCRIPTOR, word as usize)
    })
}

/// What `code` does with each of the first `arguments` buffers.
///
/// Descriptors that something else writes (control packets, cores) are not seen: more may be touched.
pub(super) fn extents(code: &Txn, arguments: usize) -> Vec<Extent> {
    let mut shims = Shims {
        extents: vec![Extent::default(); arguments],
        ..Shims::default()
    };
    for operation in code.operations() {
        match operation {
            Operation::Write { address, value } => shims.write(*address as u32, *value, u32::MAX),
            Operation::MaskWrite { address, value, mask } => shims.write(*address as u32, *value, *mask),
            Operation::BlockWrite { address, data } => {
                for (i, value) in data.iter().enumerate() {
                    shims.write(address.wrapping_add(4 * i as u32), *value, u32::MAX);
                }
            }
            Operation::DdrPatch(patch) => shims.patch(patch),
            _ => {}
        }
    }
    shims.extents
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::txn::{Header, Version};

    /// Code that queues descriptors of column 1: their words 0, 3, 4 and 6, their argument and offset, the queue and what is
    /// written to it.
    fn code(runs: &[([u32; 4], u64, u64, u32, u32)]) -> Txn {
        let header = Header {
            version: Version::Normal,
            generation: 4,
            rows: 6,
            columns: 4,
            memory_rows: 1,
        };
        let column = 1 << 25;
        let operations =
            runs.iter()
                .flat_map(|([length, d0, d1, iteration], argument, offset, queue, value)| {
                    let id = value & 0xf;
                    let base = column | (DESCRIPTORS + DESCRIPTOR * id);
                    [
                        Operation::BlockWrite {
                            address: base,
                            data: vec![*length, 0, 0, *d0, *d1, 0, *iteration, 1 << 25],
                        },
                        Operation::DdrPatch(DdrPatch {
                            register: u64::from(base + 4),
                            argument: *argument,
                            offset: *offset,
                        }),
                        Operation::Write {
                            address: u64::from(column | *queue),
                            value: *value,
                        },
                    ]
                });
        Txn::new(header, operations)
    }

    fn extent(bytes: u64, read: bool, written: bool) -> Extent {
        Extent { bytes, read, written }
    }

    #[test]
    fn lengths_offsets_and_queues_say_what_is_touched() {
        let code = code(&[
            ([16, 0, 0, 0], 0, 64, 0x1d214, 0),
            ([16, 0, 0, 0], 1, 0, 0x1d204, 1 | 1 << 31),
            // The same descriptor again, elsewhere.
            ([4, 0, 0, 0], 1, 8192, 0x1d20c, 1),
        ]);
        let expected = [
            extent(128, true, false),
            extent(8208, false, true),
            extent(0, false, false),
        ];
        assert_eq!(extents(&code, 3), expected);
    }

    #[test]
    fn dimensions_and_repetitions_reach_further() {
        // Rows of 8 words, 100 words apart, 4 of them: the last begins at word 300.
        let rows = [32, 8 << 20, 4 << 20 | 99, 0];
        assert_eq!(
            extents(&code(&[(rows, 0, 0, 0x1d214, 0)]), 1),
            [extent(4 * 308, true, false)]
        );
        // Executed 3 times, each 1000 words on.
        let again = [16, 0, 0, 7 << 20 | 999];
        let queue = [(again, 0, 0, 0x1d204, 2 << 16)];
        assert_eq!(extents(&code(&queue), 1), [extent(4 * 2016, false, true)]);
    }
}
