//! What may be run again after a failure: only what still finds its inputs.

use crate::buffers::Buffer;
use crate::kernel::Prepared;

/// Bytes of a buffer object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    address: u64,
    len: u64,
}

/// What an operator reads and writes.
#[derive(Clone, Debug)]
pub(super) struct Access {
    reads: Vec<Extent>,
    writes: Vec<Extent>,
}

impl Extent {
    fn of(buffer: &Buffer) -> Self {
        Self {
            address: buffer.device_addr(),
            len: buffer.len() as u64,
        }
    }

    fn end(self) -> u64 {
        self.address + self.len
    }

    fn overlaps(self, other: Self) -> bool {
        self.address < other.end() && other.address < self.end()
    }

    fn covers(self, other: Self) -> bool {
        self.address <= other.address && other.end() <= self.end()
    }
}

impl Access {
    pub fn of(run: &Prepared) -> Self {
        Self {
            reads: run.inputs().map(Extent::of).collect(),
            writes: run.outputs().map(Extent::of).collect(),
        }
    }
}

/// The first of the operators that are to be run again, in order, that does not find what it read the first time: some
/// operator that has run (`ran`, all or in part) has written over it, and none that runs again before it restores it.
pub(super) fn spoiled(again: &[Access], ran: &[bool]) -> Option<usize> {
    let mut restored: Vec<Extent> = Vec::new();
    for (i, operator) in again.iter().enumerate() {
        let written = |input: Extent| {
            let later = again[i..].iter().zip(&ran[i..]).filter(|(_, ran)| **ran);
            let mut outputs = later.flat_map(|(other, _)| &other.writes);
            outputs.any(|output| output.overlaps(input))
        };
        let lost = |input: &Extent| written(*input) && !restored.iter().any(|r| r.covers(*input));
        if operator.reads.iter().any(lost) {
            return Some(i);
        }
        restored.extend(&operator.writes);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads some letters, writes others; each stands for a buffer.
    fn access(reads: &str, writes: &str) -> Access {
        let extents = |names: &str| {
            let extent = |name: u8| Extent {
                address: u64::from(name) << 12,
                len: 4096,
            };
            names.bytes().map(extent).collect()
        };
        Access {
            reads: extents(reads),
            writes: extents(writes),
        }
    }

    #[test]
    fn values_with_buffers_of_their_own_are_found_again() {
        let again = [access("a", "b"), access("b", "c"), access("c", "d")];
        assert_eq!(spoiled(&again, &[true, true, true]), None);
    }

    #[test]
    fn what_works_in_place_is_not_run_again() {
        assert_eq!(spoiled(&[access("a", "a")], &[true]), Some(0));
        assert_eq!(spoiled(&[access("a", "a")], &[false]), None);
        let behind = [access("x", "y"), access("a", "a")];
        assert_eq!(spoiled(&behind, &[true, true]), Some(1));
        assert_eq!(spoiled(&behind, &[true, false]), None);
    }

    #[test]
    fn a_buffer_used_again_too_soon_is_lost() {
        // The second writes what the first reads.
        let ring = [access("a", "b"), access("b", "a")];
        assert_eq!(spoiled(&ring, &[true, false]), None);
        assert_eq!(spoiled(&ring, &[true, true]), Some(0));
    }

    #[test]
    fn what_is_written_again_before_is_found() {
        // In place, but from a copy that is made again.
        let again = [access("a", "b"), access("b", "b")];
        assert_eq!(spoiled(&again, &[true, true]), None);
        let part = Access {
            writes: vec![Extent {
                address: u64::from(b'b') << 12,
                len: 100,
            }],
            ..access("a", "")
        };
        assert_eq!(spoiled(&[part, access("b", "b")], &[true, true]), Some(1));
    }
}
