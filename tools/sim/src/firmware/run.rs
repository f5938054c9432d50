//! A command in the hands of firmware: it takes its time, and others get theirs in between.

use super::execute::End;
use super::{DeviceMemory, Firmware, INVALID_COMMAND, Pdi, Verdict};
use crate::fault::CommandFault;
use crate::kmd::{Given, Kmd, Work};

/// A command as firmware sees it.
#[derive(Clone, Debug)]
pub struct Command {
    /// The commands: one, or those of a chain.
    pub works: Vec<Work>,
    /// Configured compute units.
    pub cus: Vec<Pdi>,
    /// The configuration was refused.
    pub broken: bool,
    /// Firmware's number of the context.
    pub context: usize,
    /// The context's columns.
    pub columns: Given,
}

/// A command under way.
#[derive(Debug)]
pub struct Run {
    command: Command,
    fault: Option<CommandFault>,
    /// Index of the command of a chain that runs.
    index: usize,
    cycles: Option<u64>,
}

impl Run {
    /// Nothing was done yet; `fault` is what the script has for it.
    pub fn new(command: Command, fault: Option<CommandFault>) -> Self {
        Self {
            command,
            fault,
            index: 0,
            cycles: None,
        }
    }

    /// What runs.
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// Cycles of the array that its control code took, if any ran: an estimate.
    pub fn cycles(&self) -> Option<u64> {
        self.cycles
    }
}

impl Firmware {
    /// Goes on with a command; how it ends, if that is known before `steps` cycles of the array were used up.
    pub fn proceed(&self, run: &mut Run, memory: &dyn DeviceMemory, steps: &mut u64) -> Option<Verdict> {
        let hang = |index, health| Some(Verdict::Hang { health, index });
        // Those of a chain before the one that fails are executed.
        let fault = run.fault;
        let falls = |at: usize| match fault {
            Some(CommandFault::Error { index, status }) if at >= index as usize => {
                Some(Verdict::Failed { index, status })
            }
            Some(CommandFault::Hang { index, health }) if at >= index as usize => {
                hang(index, health.then(|| Kmd::health(u32::MAX)))
            }
            _ => None,
        };
        while let Some(work) = run.command.works.get(run.index) {
            if let Some(verdict) = falls(run.index) {
                return Some(verdict);
            }
            let index = run.index as u32;
            match self.step(&run.command, work, memory, steps) {
                Ok(None) => return None,
                Ok(Some(cycles)) => {
                    run.index += 1;
                    if cycles > 0 {
                        *run.cycles.get_or_insert(0) += cycles;
                    }
                }
                Err(End::Endless(operation)) => return hang(index, Some(Kmd::health(operation))),
                Err(End::Failed(status)) => return Some(Verdict::Failed { index, status }),
            }
        }
        Some(match run.fault {
            Some(CommandFault::Error { index, status }) => Verdict::Failed { index, status },
            Some(CommandFault::Hang { .. }) => return falls(usize::MAX),
            Some(CommandFault::Lost) => Verdict::Lost,
            Some(CommandFault::Slow(ns)) => Verdict::Done(ns),
            _ => Verdict::Done(0),
        })
    }

    fn step(
        &self,
        command: &Command,
        work: &Work,
        memory: &dyn DeviceMemory,
        steps: &mut u64,
    ) -> Result<Option<u64>, End> {
        let pdi = match work.cu {
            None => None,
            Some(cu) => {
                let configured = command.cus.get(cu as usize).filter(|_| !command.broken);
                Some(configured.ok_or(End::Failed(INVALID_COMMAND))?)
            }
        };
        let partition = self.partition(command.context, command.columns);
        let mut partition = partition.ok_or(End::Failed(INVALID_COMMAND))?;
        self.last.set(command.context);
        partition.proceed(work, pdi, memory, steps)
    }
}
