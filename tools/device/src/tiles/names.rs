//! Which events are errors, and of which kind: the driver's own table.

/// Events of a core module.
pub(super) fn core(event: u32) -> Option<&'static str> {
    Some(match event {
        55 | 60 | 65 | 66 => "access",
        56 | 57 | 71 => "stream",
        58 | 72 => "bus",
        59 | 70 => "instruction",
        62 | 64 => "ECC",
        67 => "lock",
        _ => return None,
    })
}

/// Events of a core tile's memory module.
pub(super) fn memory(event: u32) -> Option<&'static str> {
    Some(match event {
        88 | 90 => "ECC",
        91..=96 => "memory parity",
        97..=100 => "DMA",
        101 => "lock",
        _ => return None,
    })
}

/// Events of a memory tile.
pub(super) fn mem_tile(event: u32) -> Option<&'static str> {
    Some(match event {
        130 | 132 => "ECC",
        133 | 134 => "DMA",
        135..=137 => "stream",
        138 => "bus",
        139 => "lock",
        _ => return None,
    })
}

/// Events of an interface tile.
pub(super) fn shim(event: u32) -> Option<&'static str> {
    Some(match event {
        64 | 67..=71 => "bus",
        65 | 66 => "stream",
        72 | 73 => "DMA",
        74 => "lock",
        _ => return None,
    })
}
