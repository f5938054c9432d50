//! What selftest and bench do with the NPU: commands that do nothing, copies through maps, and bytes through the array.
//! Only what was measured in this run comes out.

mod copies;
mod hang;
mod loopback;
mod numbers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use xdna_driver::{
    Bo, ChainBuilder, Command, Cu, Deadline, Device, Error, Generation, HwContext, Outcome, Qos, Wait,
};
use xdna_kernels::loopback::Pattern;

use crate::nothing::{empty_pdi, empty_transaction};
use numbers::{nanos, numbers, percentiles};

/// No command of these takes longer, on hardware that works.
const PATIENCE: Duration = Duration::from_secs(10);
/// Columns of the context: what every generation has free at rest.
const COLUMNS: u16 = 4;
/// Commands in a chain: what every driver takes.
const CHAIN: usize = 24;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Commands one after another.
    pub(crate) commands: usize,
    /// Chains.
    pub(crate) chains: usize,
    /// Bytes of the buffer that is copied through.
    pub(crate) bytes: usize,
    /// Bytes of the longest run of a loopback overlay.
    pub(crate) loopback: usize,
    /// Copies, and runs of a loopback overlay.
    pub(crate) copies: usize,
    /// Contexts replaced while a command was in flight.
    pub(crate) recoveries: usize,
}

/// A step's numbers, by name; the name says the unit.
pub(crate) type Numbers = Map<String, Value>;

/// A context with one compute unit and an instruction stream that does nothing.
pub(crate) struct Rig {
    device: Device,
    context: HwContext,
    stream: Arc<Bo>,
    words: u32,
    data: Arc<Bo>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Allocate,
    Context,
    RoundTrip,
    Chain,
    WriteToDevice,
    ReadFromDevice,
    Map,
    Loopback(Pattern),
    Recovery,
    Hang,
}

impl Step {
    /// What disturbs nobody.
    pub(crate) const ALL: [Self; 12] = [
        Self::Allocate,
        Self::Context,
        Self::RoundTrip,
        Self::Chain,
        Self::WriteToDevice,
        Self::ReadFromDevice,
        Self::Map,
        Self::Loopback(Pattern::Shim),
        Self::Loopback(Pattern::Memory),
        Self::Loopback(Pattern::Transpose),
        Self::Loopback(Pattern::Pad),
        Self::Recovery,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allocate => "allocate",
            Self::Context => "context",
            Self::RoundTrip => "round-trip",
            Self::Chain => "chain",
            Self::WriteToDevice => "write-to-device",
            Self::ReadFromDevice => "read-from-device",
            Self::Map => "map",
            Self::Loopback(Pattern::Shim) => "shim-loopback",
            Self::Loopback(Pattern::Memory) => "memory-loopback",
            Self::Loopback(Pattern::Transpose) => "transposition",
            Self::Loopback(Pattern::Pad) => "padding",
            Self::Recovery => "recovery",
            Self::Hang => "hang",
        }
    }

    /// What it shows.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Allocate => "buffers of every kind hold what is written to them",
            Self::Context => "a hardware context is created, configured and destroyed",
            Self::RoundTrip => "commands that do nothing complete, one after another",
            Self::Chain => "chains of 24 commands complete",
            Self::WriteToDevice => "copies into a buffer, caches written back",
            Self::ReadFromDevice => "copies out of a buffer, caches invalidated",
            Self::Map => "a mapped buffer is filled and summed in place",
            Self::Loopback(Pattern::Shim) => "bytes go to the shim tiles of all columns and come back",
            Self::Loopback(Pattern::Memory) => "bytes go through the memory tiles of all columns",
            Self::Loopback(Pattern::Transpose) => "memory tiles exchange rows and columns of blocks",
            Self::Loopback(Pattern::Pad) => "memory tiles put zeros around blocks",
            Self::Recovery => "a context is replaced while a command is in flight, and works",
            Self::Hang => "the driver ends a command that never does, and a new context works",
        }
    }

    /// Why it cannot be done on a device.
    pub(crate) fn missing(self, device: &Device) -> Option<String> {
        match self {
            Self::Loopback(pattern) => loopback::missing(device, pattern),
            _ => None,
        }
    }

    /// Does it.
    pub(crate) fn run(self, device: &Device, effort: Effort) -> anyhow::Result<Numbers> {
        match self {
            Self::Allocate => allocate(device),
            Self::Context => context(device),
            Self::RoundTrip => round_trip(&Rig::new(device)?, effort),
            Self::Chain => chain(&Rig::new(device)?, effort),
            Self::WriteToDevice => copies::copy(device, effort, true),
            Self::ReadFromDevice => copies::copy(device, effort, false),
            Self::Map => copies::map(device, effort),
            Self::Loopback(pattern) => loopback::run(device, pattern, effort),
            Self::Recovery => recovery(device, effort),
            Self::Hang => hang::hang(device),
        }
    }
}

impl Rig {
    fn new(device: &Device) -> Result<Self, Error> {
        Self::running(
            device,
            &empty_transaction(device.generation() == Generation::Xdna1),
        )
    }

    /// One whose commands run this control code.
    fn running(device: &Device, code: &[u8]) -> Result<Self, Error> {
        let columns = COLUMNS.min(device.columns());
        let context = device.context(columns).qos(Qos::default()).build()?;
        let image = empty_pdi();
        let pdi = device.create_dev_bo(image.len())?;
        pdi.write(0, &image)?;
        context.configure(&[Cu {
            pdi: &pdi,
            function: 0,
        }])?;
        let stream = device.create_dev_bo(code.len())?;
        stream.write(0, code)?;
        Ok(Self {
            words: code.len() as u32 / 4,
            data: device.create_bo(4096)?,
            device: device.clone(),
            context,
            stream,
        })
    }

    fn command(&self) -> anyhow::Result<Command> {
        let cu = self
            .context
            .cu(0)
            .ok_or_else(|| anyhow::anyhow!("the context has no compute unit"))?;
        let command = Command::start_cu(&self.device, cu)
            .u64(3)
            .addr(&self.stream)
            .u32(self.words)
            .addr(&self.data);
        Ok(command.build()?)
    }

    /// Runs a command to its end and gives it back.
    fn run(&self, command: Command) -> anyhow::Result<Command> {
        let submission = self.context.submit(command).map_err(Error::from)?;
        match submission.wait(Deadline::after(PATIENCE))? {
            Wait::Ended(finished) if finished.outcome == Outcome::Completed => Ok(finished.command),
            Wait::Ended(finished) => anyhow::bail!("the command ended otherwise: {}", finished.outcome),
            Wait::Pending(_) => anyhow::bail!("no end within {} s", PATIENCE.as_secs()),
        }
    }
}

fn allocate(device: &Device) -> anyhow::Result<Numbers> {
    let begin = Instant::now();
    for (kind, bo) in [
        ("SHARE", device.create_bo(1 << 20)?),
        ("DEV", device.create_dev_bo(1 << 16)?),
    ] {
        let bytes: Vec<u8> = (0..bo.size()).map(|i| (i % 251) as u8).collect();
        bo.write(0, &bytes)?;
        let mut back = vec![0; bytes.len()];
        bo.read(0, &mut back)?;
        anyhow::ensure!(
            back == bytes,
            "a {kind} buffer did not keep what was written to it"
        );
    }
    Ok(numbers([("elapsed_ns", nanos(begin.elapsed()))]))
}

fn context(device: &Device) -> anyhow::Result<Numbers> {
    let begin = Instant::now();
    let rig = Rig::new(device)?;
    let created = begin.elapsed();
    let begin = Instant::now();
    let columns = rig.context.columns();
    drop(rig);
    Ok(numbers([
        ("columns", columns.into()),
        ("create_ns", nanos(created)),
        ("destroy_ns", nanos(begin.elapsed())),
    ]))
}

fn round_trip(rig: &Rig, effort: Effort) -> anyhow::Result<Numbers> {
    // The first one loads the array's configuration.
    let mut command = rig.run(rig.command()?)?;
    let mut times = Vec::with_capacity(effort.commands);
    for _ in 0..effort.commands {
        let begin = Instant::now();
        command = rig.run(command)?;
        times.push(begin.elapsed());
    }
    Ok(percentiles(times))
}

fn chain(rig: &Rig, effort: Effort) -> anyhow::Result<Numbers> {
    let mut chain = ChainBuilder::new(&rig.device);
    for _ in 0..CHAIN {
        chain.push(rig.command()?).map_err(|refused| refused.reason)?;
    }
    let mut command = rig.run(chain.build()?)?;
    let mut times = Vec::with_capacity(effort.chains);
    for _ in 0..effort.chains {
        let begin = Instant::now();
        command = rig.run(command)?;
        times.push(begin.elapsed());
    }
    let mut numbers = percentiles(times);
    numbers.insert("commands_per_chain".into(), CHAIN.into());
    Ok(numbers)
}

fn recovery(device: &Device, effort: Effort) -> anyhow::Result<Numbers> {
    let mut times = Vec::with_capacity(effort.recoveries);
    for _ in 0..effort.recoveries {
        let old = Rig::new(device)?;
        let _in_flight = old.context.submit(old.command()?).map_err(Error::from)?;
        let begin = Instant::now();
        drop(_in_flight);
        drop(old);
        let new = Rig::new(device)?;
        new.run(new.command()?)?;
        times.push(begin.elapsed());
    }
    Ok(percentiles(times))
}
