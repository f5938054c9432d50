//! `rlx-client [XCLBIN INSTS]`: the report of rlx-xdna on the device, then a run of a kernel of three buffers that copies the
//! first to the third.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{Write, stdout};

use rlx_xdna::direct::{Gemm, Npu, probe};

/// Rows, inner dimension and columns: as many bytes go in as come out.
const SHAPE: (usize, usize, usize) = (128, 128, 32);

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let mut out = stdout();
    writeln!(out, "{}", probe()?)?;
    let npu = Npu::open("")?;
    writeln!(
        out,
        "version {:?}, array {:?}",
        npu.aie_version()?,
        npu.aie_metadata()?
    )?;
    drop(npu);
    let [_, xclbin, insts] = &args[..] else {
        return Ok(());
    };
    let insts: Vec<u32> = std::fs::read(insts)?
        .chunks_exact(4)
        .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]))
        .collect();
    let (m, k, n) = SHAPE;
    let gemm = Gemm::open(&std::fs::read(xclbin)?, &insts, m, k, n)?;
    writeln!(out, "contexts:\n{}", gemm.hwctx_report()?)?;
    let a: Vec<i8> = (0..m * k).map(|i| (i * 7) as i8).collect();
    let c = gemm.run(&a, &vec![0; k * n])?;
    let sent = a
        .chunks_exact(4)
        .map(|w| i32::from_le_bytes([w[0] as u8, w[1] as u8, w[2] as u8, w[3] as u8]));
    let word = if sent.eq(c.iter().copied()) {
        "what was sent"
    } else if c.iter().all(|word| *word == 0) {
        "zeros"
    } else {
        "something else"
    };
    writeln!(out, "success, and the output is {word}")?;
    Ok(())
}
