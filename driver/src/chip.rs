//! The device table: which PCI ids are NPUs, and what they are.

use std::fmt;

/// AMD's PCI vendor id.
pub const VENDOR_AMD: u16 = 0x1022;
/// Core tiles of one column, the same on every known NPU.
pub const CORE_ROWS: u16 = 4;

/// Generation of an NPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Generation {
    /// XDNA1: AIE2 tiles (Phoenix, Hawk Point).
    Xdna1,
    /// XDNA2: AIE2P tiles (Strix, Krackan).
    Xdna2,
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Generation::Xdna1 => "XDNA1",
            Generation::Xdna2 => "XDNA2",
        })
    }
}

/// What a PCI id and revision stand for.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chip {
    /// The driver's internal name.
    pub name: &'static str,
    /// The products it is part of.
    pub products: &'static str,
    /// The generation.
    pub generation: Generation,
    /// PCI device id.
    pub device: u16,
    /// PCI revision.
    pub revision: u8,
    /// Columns of the array.
    pub columns: u16,
    /// First column a context of less than all columns can use.
    pub first_column: u16,
    /// Hardware contexts, of all processes together.
    pub contexts: u32,
    /// Largest device heap in bytes, where the driver can grow it.
    pub heap_max: u64,
    /// Operations per cycle of one column.
    pub ops_per_cycle: u32,
}

const XDNA2: Chip = Chip {
    name: "",
    products: "",
    generation: Generation::Xdna2,
    device: 0x17f0,
    revision: 0,
    columns: 8,
    first_column: 0,
    contexts: 16,
    heap_max: 512 << 20,
    ops_per_cycle: 4096,
};

/// Every NPU this crate drives.
pub const CHIPS: [Chip; 5] = [
    Chip {
        name: "npu1",
        products: "Phoenix, Hawk Point (Ryzen 7040, 8040)",
        generation: Generation::Xdna1,
        device: 0x1502,
        revision: 0,
        columns: 5,
        first_column: 1,
        contexts: 6,
        heap_max: 64 << 20,
        ops_per_cycle: 2048,
    },
    Chip {
        name: "npu2",
        products: "early Strix silicon",
        revision: 0x00,
        ..XDNA2
    },
    Chip {
        name: "npu4",
        products: "Strix Point (Ryzen AI 300), Gorgon Point",
        revision: 0x10,
        ..XDNA2
    },
    Chip {
        name: "npu5",
        products: "Strix Halo (Ryzen AI Max)",
        revision: 0x11,
        ..XDNA2
    },
    Chip {
        name: "npu6",
        products: "Krackan Point",
        revision: 0x20,
        ..XDNA2
    },
];

impl Chip {
    /// The chip of a PCI device id and revision of AMD's, if it is an NPU this crate drives.
    pub fn identify(device: u16, revision: u8) -> Option<&'static Chip> {
        const TABLE: &[Chip] = &CHIPS;
        TABLE
            .iter()
            .find(|chip| chip.device == device && chip.revision == revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_device_table_are_found() {
        let names = [
            (0x1502, 0),
            (0x17f0, 0),
            (0x17f0, 0x10),
            (0x17f0, 0x11),
            (0x17f0, 0x20),
        ]
        .map(|(d, r)| Chip::identify(d, r).unwrap().name);
        assert_eq!(names, ["npu1", "npu2", "npu4", "npu5", "npu6"]);
    }

    #[test]
    fn other_ids_are_not_ours() {
        for (device, revision) in [
            (0x17f1, 0x10),
            (0x1b0a, 0x10),
            (0x17f0, 0x30),
            (0x1502, 1),
            (0, 0),
        ] {
            assert_eq!(Chip::identify(device, revision), None);
        }
    }

    #[test]
    fn xdna1_has_five_columns_six_contexts_and_a_heap_that_does_not_grow() {
        let npu1 = Chip::identify(0x1502, 0).unwrap();
        assert_eq!((npu1.columns, npu1.contexts, npu1.heap_max), (5, 6, 64 << 20));
        assert_eq!((npu1.generation, npu1.first_column), (Generation::Xdna1, 1));
    }
}
