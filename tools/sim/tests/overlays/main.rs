//! Overlays that others made, on the array: their images and control code, with closures for their core programs.
//!
//! What each computes is taken from its public sources; the closures do only that, so what is judged is that the right
//! bytes reach the cores and come back.
//!
//! Not here, of the reference files that have both an image and control code: `sliding_window` of npu1, whose image sends
//! the first of two output buffers again and again (descriptor 3 of its core follows itself), so that what its source
//! says cannot come out; `flash_attention`, whose twelve cores do parts that only their programs tell apart; files of
//! DPU words, which no current firmware takes; and the vendor's overlays, whose layouts are not published.

mod adds;
mod bench;
mod endings;
mod fifo;
mod loopback;
mod matrices;
mod one_core;
mod reciprocal;
mod reconfigured;
mod streams;
mod waits;

use std::path::PathBuf;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

/// A test: its name, the files it needs, what it does.
type Case = (&'static str, &'static [&'static str], fn() -> Result<(), Failed>);

const CASES: &[Case] = &[
    one_core::ADD_ONE,
    one_core::ADD_ONE_THROUGH_A_MEMORY_TILE,
    one_core::ADD_BLOCKWRITE,
    adds::SINGLE_ADD,
    adds::FUSED_ADD_ADD,
    loopback::SHIM,
    loopback::MEMORY,
    loopback::TRANSPOSE,
    loopback::PAD,
    matrices::MATRIX_BY_VECTOR,
    matrices::MATRIX_BY_MATRIX,
    matrices::MATRIX_BY_MATRIX_ON_ALL_CORES,
    reciprocal::RECIPROCAL,
    reconfigured::CONTROL_PACKETS,
    reconfigured::LOADED,
    reconfigured::LOADED_TWICE,
    streams::PASSTHROUGH,
    streams::OBJECT_FIFO,
    endings::TOO_EARLY,
    endings::ENDLESS,
    endings::LATENCIES,
    waits::CHAIN,
    waits::CORE,
    waits::MODES,
];

fn fixtures() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let data = std::env::var_os("XDNA_TESTDATA").map_or_else(|| PathBuf::from(default), PathBuf::from);
    data.join("fixtures/npu")
}

fn main() -> ExitCode {
    let trials = CASES
        .iter()
        .map(|&(name, files, test)| {
            let absent = files.iter().find(|f| !fixtures().join(f).exists());
            let name = match absent {
                Some(file) => format!("{name} (needs {file} of XDNA_TESTDATA)"),
                None => name.to_owned(),
            };
            Trial::test(name, test).with_ignored_flag(absent.is_some())
        })
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
