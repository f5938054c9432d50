//! Runs that were packed into one command, submitted and waited for as one.

use std::time::Instant;

use xdna_driver::{Command, Outcome, Submission, Wait};

use super::Kernel;
use crate::contexts::{Contexts, Lease, until};
use crate::error::Error;
use crate::runtime::is_late;

/// A command that is a chain of runs, or a single one.
#[derive(Debug)]
pub(crate) struct Link {
    /// None while the NPU may still have it: under way, and after a run that was late.
    command: Option<Command>,
    /// Place of its first operator.
    first: usize,
    kernels: Vec<Kernel>,
}

/// A command under way.
#[derive(Debug)]
pub(crate) struct Underway {
    submission: Submission,
    begin: Instant,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landing {
    /// All its runs have completed.
    Done,
    /// Those before run `at` have completed; those behind it have not run, if the firmware failed it.
    Failed { at: usize, outcome: Outcome },
    /// Nothing was begun, since the context recovered: it can be sent again.
    Lost,
    /// Not before the deadline: the pool has command and context.
    Late,
}

impl Link {
    /// A command with a run of each of `kernels`, the first of them operator `first`.
    pub fn new(command: Command, first: usize, kernels: Vec<Kernel>) -> Self {
        Self {
            command: Some(command),
            first,
            kernels,
        }
    }

    /// Submits it.
    ///
    /// # Errors
    /// What the driver answers; [`Error::Late`] if an earlier run was, or there was no room before `deadline`.
    pub fn submit(&mut self, lease: &Lease, deadline: Instant) -> Result<Underway, Error> {
        let command = self.command.take().ok_or_else(|| self.late())?;
        let begin = Instant::now();
        match lease.context().submit_by(command, until(deadline)) {
            Ok(submission) => Ok(Underway { submission, begin }),
            Err(refused) => {
                self.command = Some(*refused.command);
                Err(if is_late(&refused.reason) {
                    self.late()
                } else {
                    refused.reason.into()
                })
            }
        }
    }

    /// Waits for its end, and counts it.
    ///
    /// # Errors
    /// What the driver answers.
    pub fn land(
        &mut self,
        contexts: &Contexts,
        lease: &Lease,
        flight: Underway,
        deadline: Instant,
    ) -> Result<Landing, Error> {
        match flight.submission.wait(until(deadline))? {
            Wait::Ended(finished) => {
                self.command = Some(finished.command);
                let outcome = finished.outcome;
                let took = flight.begin.elapsed();
                if outcome.is_success() {
                    lease.meter().completed(took);
                    let each = took / self.kernels.len().max(1) as u32;
                    self.kernels
                        .iter()
                        .for_each(|kernel| kernel.inner().meter.completed(each));
                    return Ok(Landing::Done);
                }
                if outcome == Outcome::Lost {
                    lease.meter().resent();
                    self.kernels
                        .iter()
                        .for_each(|kernel| kernel.inner().meter.resent());
                    return Ok(Landing::Lost);
                }
                lease.meter().failed(outcome);
                let at = failed_at(outcome).map_or(0, |i| i as usize);
                let at = at.min(self.kernels.len().saturating_sub(1));
                if let Some(kernel) = self.kernels.get(at) {
                    kernel.inner().meter.failed(outcome);
                }
                Ok(Landing::Failed { at, outcome })
            }
            Wait::Pending(submission) => {
                lease.meter().late();
                self.kernels.iter().for_each(|kernel| kernel.inner().meter.late());
                contexts.retire(lease, submission);
                Ok(Landing::Late)
            }
        }
    }

    /// Its command, if the NPU does not have it.
    pub fn into_command(self) -> Option<Command> {
        self.command
    }

    /// What to say of a landing that is none of a success.
    pub fn result(&self, landing: Landing) -> Result<(), Error> {
        match landing {
            Landing::Done => Ok(()),
            Landing::Late => Err(self.late()),
            Landing::Lost => Err(self.failed(0, None, Outcome::Lost)),
            Landing::Failed { at, outcome } => {
                let known = failed_at(outcome).is_some() || self.kernels.len() == 1;
                Err(self.failed(at, known.then_some(self.first + at), outcome))
            }
        }
    }

    fn failed(&self, at: usize, operator: Option<usize>, outcome: Outcome) -> Error {
        Error::Failed {
            kernel: self.name(at),
            operator,
            outcome,
        }
    }

    fn late(&self) -> Error {
        Error::Late {
            kernel: self.name(0),
            operator: Some(self.first),
        }
    }

    fn name(&self, at: usize) -> String {
        self.kernels
            .get(at)
            .map_or(String::new(), |k| k.name().to_owned())
    }
}

pub(crate) fn is_full(e: &xdna_driver::Error) -> bool {
    use xdna_driver::Error::{MixedChain, TooLarge};
    matches!(e, TooLarge { .. } | MixedChain { .. })
}

fn failed_at(outcome: Outcome) -> Option<u32> {
    match outcome {
        Outcome::Failed { failed_at }
        | Outcome::Aborted { failed_at }
        | Outcome::TimedOut { failed_at, .. }
        | Outcome::Unknown { failed_at, .. } => failed_at,
        _ => None,
    }
}
