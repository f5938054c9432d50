//! `taconite-client XCLBIN INSTS RUNS`: what taconite says of the device, then runs of a kernel of two buffers that copies
//! the first to the second.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{Write, stdout};
use std::os::fd::AsFd;
use std::path::Path;

use taconite::direct::Session;

/// Words of a buffer.
const WORDS: usize = 4096;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, xclbin, insts, runs] = &args[..] else {
        return Err("usage: taconite-client XCLBIN INSTS RUNS".into());
    };
    let runs: u32 = runs.parse()?;
    let mut out = stdout();
    let session = Session::open(0)?;
    writeln!(
        out,
        "array {:?}, version {:?}",
        session.array(),
        session.aie_version()?
    )?;
    writeln!(out, "firmware {:?}", session.firmware_version()?)?;
    writeln!(out, "power mode {:?}", session.power_mode()?)?;

    let kernel = session.load_kernel(Path::new(xclbin), Path::new(insts), None, 0)?;
    let mut input = session.alloc_of::<u32>(WORDS)?;
    let output = session.alloc_of::<u32>(WORDS)?;
    for run in 0..runs {
        let words: Vec<u32> = (0..WORDS as u32)
            .map(|i| i.wrapping_mul(0x9E37_79B9) ^ run)
            .collect();
        input.write(&words)?;
        kernel.run(&[&input, &output])?;
        output.sync_from_device()?;
        if output.as_slice::<u32>() != words {
            return Err(format!("run {run}: the output is not the input").into());
        }
    }
    writeln!(out, "{runs} runs")?;
    match session.contexts() {
        Ok(contexts) => {
            let own = i64::from(std::process::id());
            for context in contexts.iter().filter(|c| c.pid == own) {
                writeln!(
                    out,
                    "context {}: {} submitted, {} completed",
                    context.context_id, context.submissions, context.completions
                )?;
            }
        }
        Err(e) => writeln!(out, "contexts: {e}")?,
    }

    let descriptor = output.export_dmabuf()?;
    let other = Session::open(0)?;
    let shared = other.import_dmabuf(descriptor.as_fd())?;
    let same = shared.as_slice::<u32>() == output.as_slice::<u32>();
    writeln!(out, "another session sees the same: {same}")?;
    Ok(())
}
