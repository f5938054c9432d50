//! Chains: commands of one overlay, packed as tightly as the driver takes them.

use std::collections::VecDeque;
use std::time::Instant;

use xdna_driver::{ChainBuilder, Command, Outcome, Submission, Wait};

use super::{Arg, Kernel};
use crate::contexts::{Lease, until};
use crate::error::Error;
use crate::overlay::Overlay;
use crate::runtime::Runtime;

/// Chains under way: one that runs and one behind it.
const UNDER_WAY: usize = 2;

/// Kernels of one overlay that run in order, as few commands of the driver as possible.
///
/// A chain is closed and submitted when the next command would not fit, and by [`finish`](Self::finish). Dropped before
/// that, what was not submitted is not run.
#[derive(Debug)]
#[must_use = "the last chain runs when finish() is called"]
pub struct Chain<'r> {
    runtime: &'r Runtime,
    overlay: Overlay,
    deadline: Instant,
    open: ChainBuilder<'r>,
    /// Kernel of every operator of the open chain.
    kernels: Vec<Kernel>,
    /// Operators pushed so far.
    pushed: usize,
    lease: Option<Lease>,
    flying: VecDeque<Flight>,
    closed: usize,
}

/// A chain under way.
#[derive(Debug)]
struct Flight {
    submission: Submission,
    /// Place of its first operator.
    first: usize,
    kernels: Vec<Kernel>,
    begin: Instant,
}

impl<'r> Chain<'r> {
    /// A chain without commands; it must end before `deadline`.
    pub fn new(runtime: &'r Runtime, overlay: &Overlay, deadline: Instant) -> Self {
        Self {
            runtime,
            overlay: overlay.clone(),
            deadline,
            open: ChainBuilder::new(runtime.device()),
            kernels: Vec::new(),
            pushed: 0,
            lease: None,
            flying: VecDeque::new(),
            closed: 0,
        }
    }

    /// Appends a run, whose place among all is returned; submits the open chain first, if it is full.
    ///
    /// # Errors
    /// [`Error::Argument`]; the failure of an earlier operator, by its place.
    ///
    /// # Panics
    /// If the kernel is of another overlay.
    pub fn push(&mut self, kernel: &Kernel, args: &[Arg<'_>]) -> Result<usize, Error> {
        assert_eq!(
            kernel.overlay().identity(),
            self.overlay.identity(),
            "a chain runs in one context: kernels of one overlay"
        );
        let mut command = kernel.command(args)?;
        loop {
            match self.open.push(command) {
                Ok(()) => break,
                Err(full) if !self.open.is_empty() && is_full(&full.reason) => {
                    self.close()?;
                    command = *full.command;
                }
                Err(refused) => return Err(refused.reason.into()),
            }
        }
        self.kernels.push(kernel.clone());
        self.pushed += 1;
        Ok(self.pushed - 1)
    }

    /// Submits what is open and waits for the end of everything; the chains that were submitted are counted.
    ///
    /// # Errors
    /// [`Error::Failed`] with the operator's place: those before it have run; those behind it in its chain have not, and what
    /// the next chain did is not to be used.
    pub fn finish(mut self) -> Result<usize, Error> {
        if !self.open.is_empty() {
            self.close()?;
        }
        while !self.flying.is_empty() {
            self.land()?;
        }
        Ok(self.closed)
    }

    /// Submits the open chain behind the one that runs.
    fn close(&mut self) -> Result<(), Error> {
        while self.flying.len() >= UNDER_WAY {
            self.land()?;
        }
        let fresh = ChainBuilder::new(self.runtime.device());
        let command = std::mem::replace(&mut self.open, fresh).build()?;
        let kernels = std::mem::take(&mut self.kernels);
        let first = self.pushed - kernels.len();
        let begin = Instant::now();
        let submission = self.submit(command)?;
        self.closed += 1;
        self.flying.push_back(Flight {
            submission,
            first,
            kernels,
            begin,
        });
        Ok(())
    }

    fn submit(&mut self, command: Command) -> Result<Submission, Error> {
        let lease = match self.lease.take() {
            Some(lease) => lease,
            None => self.runtime.contexts().get(&self.overlay, self.deadline)?,
        };
        let submitted = lease.context().submit(command);
        if submitted.is_err() {
            self.runtime.contexts().abandon(&lease);
        }
        self.lease = Some(lease);
        submitted.map_err(|refused| refused.reason.into())
    }

    /// Waits for the oldest chain under way.
    fn land(&mut self) -> Result<(), Error> {
        let Some(flight) = self.flying.pop_front() else {
            return Ok(());
        };
        let Flight {
            submission,
            first,
            kernels,
            begin,
        } = flight;
        let name = |i: usize| kernels.get(i).map_or(String::new(), |k| k.name().to_owned());
        let error = match submission.wait(until(self.deadline))? {
            Wait::Ended(finished) if finished.outcome.is_success() => {
                let each = begin.elapsed() / kernels.len().max(1) as u32;
                kernels
                    .iter()
                    .for_each(|kernel| kernel.inner().meter.completed(each));
                return Ok(());
            }
            Wait::Ended(finished) => {
                let outcome = finished.outcome;
                let at = failed_at(outcome)
                    .map_or(0, |i| i as usize)
                    .min(kernels.len() - 1);
                kernels[at].inner().meter.failed(outcome);
                if let Some(lease) = self.lease.take() {
                    self.runtime.contexts().abandon(&lease);
                }
                Error::Failed {
                    kernel: name(at),
                    operator: Some(first + at),
                    outcome,
                }
            }
            Wait::Pending(submission) => {
                kernels.iter().for_each(|kernel| kernel.inner().meter.late());
                if let Some(lease) = self.lease.take() {
                    self.runtime.contexts().retire(&lease, submission);
                }
                Error::Late {
                    kernel: name(0),
                    operator: Some(first),
                }
            }
        };
        // What is behind it in the context ends on its own and does not count.
        self.flying.clear();
        Err(error)
    }
}

pub(super) fn is_full(e: &xdna_driver::Error) -> bool {
    use xdna_driver::Error::{MixedChain, TooLarge};
    matches!(e, TooLarge { .. } | MixedChain { .. })
}

pub(super) fn failed_at(outcome: Outcome) -> Option<u32> {
    match outcome {
        Outcome::Failed { failed_at }
        | Outcome::Aborted { failed_at }
        | Outcome::TimedOut { failed_at, .. }
        | Outcome::Unknown { failed_at, .. } => failed_at,
        _ => None,
    }
}
