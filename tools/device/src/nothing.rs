//! The smallest files an NPU takes: an array configuration and an instruction stream that do nothing. What selftest
//! and bench run.

use xdna_runtime::formats::txn::{Header, Operation, Tokens, Txn, Version};
use xdna_runtime::formats::{Cdo, Pdi, cdo::Command};

/// Rows of an array, the same on every known NPU.
const ROWS: u8 = 6;

/// A PDI whose configuration is three NOPs.
pub fn empty_pdi() -> Vec<u8> {
    let nop = Command::Nop { words: vec![0] };
    Pdi::new(Cdo::new(vec![nop; 3])).write()
}

/// A transaction of one no-operation for one column; `xdna1` says for which generation.
pub fn empty_transaction(xdna1: bool) -> Vec<u8> {
    let generation = if xdna1 { 3 } else { 4 };
    let mut bytes = vec![0, 1, generation, ROWS, 1, 1, 0, 0];
    // One operation, 20 bytes in all; then the operation.
    bytes.extend([1_u32, 20, 5].iter().flat_map(|w| w.to_le_bytes()));
    bytes
}

/// A transaction that waits for the end of a transfer that nobody starts: how a kernel that hangs looks to the firmware.
pub fn endless_transaction(xdna1: bool) -> Vec<u8> {
    let header = Header {
        version: Version::Normal,
        generation: if xdna1 { Header::NPU1 } else { Header::NPU4 },
        rows: ROWS,
        columns: 1,
        memory_rows: 1,
    };
    let wait = Operation::Wait(Tokens {
        direction: 0,
        row: 0,
        column: 0,
        rows: 1,
        columns: 1,
        channel: 0,
    });
    Txn::new(header, [wait]).write()
}
