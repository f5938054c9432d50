//! Which events are errors, and of which kind: the driver's own table. What the bits of status registers say: the register
//! reference.

use xdna_driver::query::CoreStatus;

/// The names of the bits that are set.
fn bits(register: u32, names: &[(u32, &'static str)]) -> Vec<&'static str> {
    let set = names.iter().filter(|(bit, _)| register & 1 << bit != 0);
    set.map(|(_, name)| *name).collect()
}

/// What a DMA channel waits for, by its status register.
pub(super) fn stalls(register: u32) -> Vec<&'static str> {
    bits(
        register,
        &[
            (2, "lock acquire"),
            (3, "lock release"),
            (4, "stream"),
            (5, "token FIFO"),
        ],
    )
}

/// What went wrong in a DMA channel, by its status register.
pub(super) fn dma_errors(register: u32) -> Vec<&'static str> {
    bits(
        register,
        &[
            (8, "lock"),
            (9, "memory"),
            (10, "descriptor unavailable"),
            (11, "descriptor invalid"),
            (12, "finish on TLAST (12)"),
            (13, "finish on TLAST (13)"),
            (16, "AXI decode"),
            (17, "AXI slave"),
            (18, "queue overflow"),
        ],
    )
}

/// What a core waits for, or died of, by its status register.
fn core_waits(register: u32) -> Vec<&'static str> {
    bits(
        register,
        &[
            (2, "memory south"),
            (3, "memory west"),
            (4, "memory north"),
            (5, "memory east"),
            (6, "lock south"),
            (7, "lock west"),
            (8, "lock north"),
            (9, "lock east"),
            (10, "stream in"),
            (12, "stream out"),
            (14, "cascade (14)"),
            (15, "cascade (15)"),
            (16, "halted by a debugger"),
            (17, "ECC (17)"),
            (18, "ECC (18)"),
            (19, "halted by an error"),
            (21, "bus"),
        ],
    )
}

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

/// What a core does.
pub(super) fn core_state(status: CoreStatus) -> String {
    match status {
        s if s.is_in_reset() => "in reset".into(),
        s if s.is_done() => "done".into(),
        s if !s.is_enabled() => "disabled".into(),
        CoreStatus(1) => "running".into(),
        CoreStatus(bits) => match core_waits(bits) {
            waits if waits.is_empty() => format!("not known ({bits:#x})"),
            waits => format!("stalled: {}", waits.join(", ")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_reset_before_it_is_anything_else() {
        let states = [0, 1, 2, 3, 1 << 20, 0x41, 0x241, 1 << 19 | 1, 1 << 30 | 1]
            .map(|bits| core_state(CoreStatus(bits)));
        assert_eq!(
            states,
            [
                "disabled",
                "running",
                "in reset",
                "in reset",
                "done",
                "stalled: lock south",
                "stalled: lock south, lock east",
                "stalled: halted by an error",
                "not known (0x40000001)"
            ]
        );
    }
}
