//! `xdna run`: any xclbin, with files as buffers.

mod arg;
mod counted;
mod described;
mod done;
mod files;
mod times;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use xdna_runtime::manifest::Manifest;
use xdna_runtime::{Arg, Buffer, KernelBuilder, Runtime, SelfTest, Trust};
use xdna_terminal::exit::usage;
use xdna_terminal::{Exit, Out};

use crate::Common;
use crate::show;
use crate::target::{Target, is_simulated};
use arg::Spec;
use counted::Counted;
use described::Described;
use done::{Done, Output};
use files::read;
use times::Times;

/// What outputs hold before the first run: a kernel that writes nothing is noticed.
const POISON: u8 = 0xa5;

#[derive(Args, Debug)]
#[command(after_help = "\
Arguments are given in the order of the kernel's table, without those that describe the control
code; what the control code names must be there, as large as it says. Where XCLBIN has a manifest
beside it (the same name with .toml), that is checked, too, and a kernel whose reference is known is
compared with it before. Numbers are decimal, or hexadecimal behind 0x. Buffers of --arg out hold
0xa5 before the first run. The files of outputs are written after the last run; none is written if a
run fails.

Exit code: 0 done, 1 a run failed or a file cannot be read or written, 2 usage, 3 no device, 4 an
output of --arg out holds nothing but 0xa5.

Example:
  xdna run add_one.xclbin insts.bin --arg in:a.bin --arg in:b.bin --arg out:4096:c.bin")]
pub struct Run {
    /// File with the array's configuration and the kernel's table
    #[arg(value_name = "XCLBIN")]
    xclbin: PathBuf,
    /// Control code for it: bytes, or text of hexadecimal words
    #[arg(value_name = "INSTS")]
    code: PathBuf,
    /// Kernel of the xclbin, or KERNEL:INSTANCE [default: the only one]
    #[arg(long, value_name = "NAME")]
    kernel: Option<String>,
    /// Argument: in:FILE, out:BYTES:FILE, inout:FILE:FILE, u32:NUMBER or u64:NUMBER; may be given again
    #[arg(long = "arg", value_name = "ARG")]
    args: Vec<Spec>,
    /// Runs, one after another
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    repeat: u32,
    /// Say how long the runs took
    #[arg(long)]
    time: bool,
    /// Say what the runtime counted: commands and how they ended, contexts, buffers
    #[arg(long)]
    stats: bool,
    /// Seconds until a run counts as failed
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    #[command(flatten)]
    common: Common,
}

/// A buffer argument, and its file if it is an output.
struct Bound {
    buffer: Option<Buffer>,
    output: Option<PathBuf>,
}

/// Runs a kernel.
pub(crate) fn run(args: &Run, out: &mut Out) -> anyhow::Result<Exit> {
    let (xclbin, code) = (read(&args.xclbin)?, read(&args.code)?);
    files::check(&args.args, &[&args.xclbin, &args.code])?;
    let target = Target::open(args.common)?;
    let runtime = Runtime::new(target.device);
    let overlay = runtime
        .overlay(&xclbin)
        .with_context(|| args.xclbin.display().to_string())?;
    let described = Described::beside(&args.xclbin, &xclbin, &code)?;
    let reference = described.as_ref().and_then(Described::reference);
    let test = reference.as_ref().map(|reference| SelfTest::new(reference));
    let mut builder = KernelBuilder::new(&overlay, &code);
    if let Some((manifest, run)) = described.as_ref().and_then(Described::run) {
        builder = builder.manifest(manifest, run);
    }
    if let Some(test) = &test {
        builder = builder.tested_by(test);
    }
    if let Some(name) = &args.kernel {
        builder = builder.name(name);
    }
    let kernel = builder.build(&runtime).map_err(|e| match e {
        e @ xdna_runtime::Error::NoKernel { .. } => usage(e.to_string()),
        xdna_runtime::Error::Manifest(e) => {
            let file = Manifest::beside(&args.xclbin);
            usage(format!("{}: {e}", file.display()))
        }
        e => anyhow::Error::from(e).context(args.code.display().to_string()),
    })?;
    let bound: Vec<Bound> = args
        .args
        .iter()
        .map(|spec| bind(&runtime, spec))
        .collect::<Result<_, _>>()?;
    let list: Vec<Arg<'_>> = args
        .args
        .iter()
        .zip(&bound)
        .filter_map(|(spec, bound)| argument(spec, bound))
        .collect();
    let mut prepared = kernel.prepare(&list).map_err(|e| match e {
        e @ xdna_runtime::Error::Argument { .. } => usage(e.to_string()),
        e => e.into(),
    })?;
    let mut times = Vec::new();
    for run in 1..=args.repeat {
        let begin = Instant::now();
        prepared
            .run(begin + Duration::from_secs(args.timeout))
            .map_err(|e| explained(e, run, args.repeat))?;
        if args.time {
            times.push(begin.elapsed());
        }
    }
    let mut outputs = Vec::new();
    for (i, (spec, bound)) in args.args.iter().zip(bound).enumerate() {
        let (Some(buffer), Some(file)) = (bound.buffer, bound.output) else {
            continue;
        };
        let mut bytes = vec![0; buffer.len()];
        buffer.read(0, &mut bytes)?;
        files::write(&file, &bytes)?;
        outputs.push(Output {
            argument: kernel.parameters()[i].name.clone(),
            file,
            bytes: bytes.len(),
            written: !matches!(spec, Spec::Out(..)) || bytes.iter().any(|b| *b != POISON),
        });
    }
    let done = Done {
        kernel: kernel.name().to_owned(),
        columns: overlay.columns(),
        chip: runtime.device().chip().name,
        simulated: is_simulated(),
        manifest: described.map(|d| d.used(kernel.trust() == Trust::Tested)),
        runs: args.repeat,
        outputs,
        time: Times::of(times),
        stats: args.stats.then(|| Counted::of(&kernel, &runtime.snapshot())),
    };
    show::print(&done, args.common.json, out)?;
    let silent = done.outputs.iter().any(|output| !output.written);
    Ok(if silent { Exit::Degraded } else { Exit::Done })
}

/// A failure, and where to look for its reason: a packet says no more than that it failed.
fn explained(error: xdna_runtime::Error, run: u32, runs: u32) -> anyhow::Error {
    let place = match error {
        xdna_runtime::Error::Failed { .. } | xdna_runtime::Error::Late { .. } if is_simulated() => {
            "the simulated NPU says why in a warning of xdna_sim"
        }
        xdna_runtime::Error::Failed { .. } | xdna_runtime::Error::Late { .. } => {
            "`xdna errors` and the kernel log may say why"
        }
        _ => return error.into(),
    };
    let which = if runs == 1 {
        String::new()
    } else {
        format!("run {run} of {runs}: ")
    };
    anyhow::anyhow!("{which}{error} ({place})")
}

fn bind(runtime: &Runtime, spec: &Spec) -> anyhow::Result<Bound> {
    let (buffer, output) = match spec {
        Spec::In(file) => (Some(filled(runtime, file)?), None),
        Spec::InOut(from, to) => (Some(filled(runtime, from)?), Some(to.clone())),
        Spec::Out(bytes, file) => {
            let buffer = runtime.buffers().get(*bytes)?;
            buffer.view_mut::<u8>()?.fill(POISON);
            (Some(buffer), Some(file.clone()))
        }
        Spec::U32(_) | Spec::U64(_) => (None, None),
    };
    Ok(Bound { buffer, output })
}

/// A buffer with what a file holds.
fn filled(runtime: &Runtime, file: &std::path::Path) -> anyhow::Result<Buffer> {
    let bytes = read(file)?;
    anyhow::ensure!(
        !bytes.is_empty(),
        "{} is empty: a buffer has at least one byte",
        file.display()
    );
    let buffer = runtime.buffers().get(bytes.len())?;
    buffer.write(0, &bytes)?;
    Ok(buffer)
}

fn argument<'a>(spec: &Spec, bound: &'a Bound) -> Option<Arg<'a>> {
    Some(match spec {
        Spec::In(_) => Arg::In(bound.buffer.as_ref()?),
        Spec::Out(..) => Arg::Out(bound.buffer.as_ref()?),
        Spec::InOut(..) => Arg::InOut(bound.buffer.as_ref()?),
        Spec::U32(value) => Arg::U32(*value),
        Spec::U64(value) => Arg::U64(*value),
    })
}
