//! Runs in order, bound and packed once.

use std::time::Instant;

use xdna_driver::{ChainBuilder, Command, Submission, Wait};

use super::chain::{failed_at, is_full};
use super::{Arg, Kernel};
use crate::contexts::{Lease, until};
use crate::error::Error;
use crate::overlay::Overlay;
use crate::runtime::Runtime;

/// Runs of kernels of one overlay, in order, packed into chains once, to be run again and again: no allocation, two calls of
/// the driver a chain.
#[derive(Debug)]
pub struct Sequence {
    runtime: Runtime,
    overlay: Overlay,
    links: Vec<Link>,
}

/// One chain.
#[derive(Debug)]
struct Link {
    /// None while the NPU may still have it: after a run that was late.
    command: Option<Command>,
    /// Place of its first operator.
    first: usize,
    kernels: Vec<Kernel>,
}

/// A chain under way.
struct Flight {
    link: usize,
    submission: Submission,
    begin: Instant,
}

impl Sequence {
    /// Binds runs of kernels of `overlay`.
    ///
    /// # Errors
    /// [`Error::Argument`], or no memory for the commands.
    ///
    /// # Panics
    /// If a kernel is of another overlay.
    pub fn new(runtime: &Runtime, overlay: &Overlay, runs: &[(&Kernel, &[Arg<'_>])]) -> Result<Self, Error> {
        let mut links = Vec::new();
        let mut open = ChainBuilder::new(runtime.device());
        let mut kernels: Vec<Kernel> = Vec::new();
        for (i, (kernel, args)) in runs.iter().enumerate() {
            assert_eq!(
                kernel.overlay().identity(),
                overlay.identity(),
                "a sequence runs in one context: kernels of one overlay"
            );
            let mut command = kernel.command(args)?;
            while let Err(refused) = open.push(command) {
                if open.is_empty() || !is_full(&refused.reason) {
                    return Err(refused.reason.into());
                }
                let full = std::mem::replace(&mut open, ChainBuilder::new(runtime.device()));
                let kernels = std::mem::take(&mut kernels);
                links.push(Link::new(full, i - kernels.len(), kernels)?);
                command = *refused.command;
            }
            kernels.push((*kernel).clone());
        }
        if !open.is_empty() {
            links.push(Link::new(open, runs.len() - kernels.len(), kernels)?);
        }
        Ok(Self {
            runtime: runtime.clone(),
            overlay: overlay.clone(),
            links,
        })
    }

    /// Chains it was packed into.
    pub fn chains(&self) -> usize {
        self.links.len()
    }

    /// Runs all of it and waits for its end; one chain is queued behind the one that runs.
    ///
    /// # Errors
    /// [`Error::Failed`] with the operator's place: those before it have run; those behind it in its chain have not, and what
    /// the next chain did is not to be used. [`Error::Late`], [`Error::ContextsTaken`], or what the driver answers.
    pub fn run(&mut self, deadline: Instant) -> Result<(), Error> {
        if self.links.is_empty() {
            return Ok(());
        }
        let contexts = self.runtime.contexts().clone();
        let lease = contexts.get(&self.overlay, deadline)?;
        let mut ahead: Option<Flight> = None;
        for link in 0..self.links.len() {
            let done = match self.submit(&lease, link) {
                Ok(flight) => ahead
                    .replace(flight)
                    .map_or(Ok(()), |before| self.land(&lease, before, deadline)),
                Err(e) => Err(e),
            };
            if let Err(e) = done {
                // The other one's command is wanted back, how it ended is not.
                if let Some(Err(other)) = ahead.map(|flight| self.land(&lease, flight, deadline)) {
                    log::debug!("behind a chain that failed: {other}");
                }
                contexts.abandon(&lease);
                return Err(e);
            }
        }
        let last = ahead.map_or(Ok(()), |flight| self.land(&lease, flight, deadline));
        if last.is_err() {
            contexts.abandon(&lease);
        }
        last
    }

    fn submit(&mut self, lease: &Lease, link: usize) -> Result<Flight, Error> {
        let slot = &mut self.links[link];
        let command = slot.command.take().ok_or_else(|| slot.late())?;
        let begin = Instant::now();
        match lease.context().submit(command) {
            Ok(submission) => Ok(Flight {
                link,
                submission,
                begin,
            }),
            Err(refused) => {
                slot.command = Some(*refused.command);
                Err(refused.reason.into())
            }
        }
    }

    fn land(&mut self, lease: &Lease, flight: Flight, deadline: Instant) -> Result<(), Error> {
        let link = &mut self.links[flight.link];
        match flight.submission.wait(until(deadline))? {
            Wait::Ended(finished) => {
                link.command = Some(finished.command);
                if finished.outcome.is_success() {
                    let each = flight.begin.elapsed() / link.kernels.len() as u32;
                    link.kernels
                        .iter()
                        .for_each(|kernel| kernel.inner().meter.completed(each));
                    return Ok(());
                }
                let at = failed_at(finished.outcome)
                    .map_or(0, |i| i as usize)
                    .min(link.kernels.len() - 1);
                link.kernels[at].inner().meter.failed(finished.outcome);
                Err(Error::Failed {
                    kernel: link.kernels[at].name().to_owned(),
                    operator: Some(link.first + at),
                    outcome: finished.outcome,
                })
            }
            Wait::Pending(submission) => {
                link.kernels.iter().for_each(|kernel| kernel.inner().meter.late());
                self.runtime.contexts().retire(lease, submission);
                Err(link.late())
            }
        }
    }
}

impl Link {
    fn new(chain: ChainBuilder<'_>, first: usize, kernels: Vec<Kernel>) -> Result<Self, Error> {
        Ok(Self {
            command: Some(chain.build()?),
            first,
            kernels,
        })
    }

    fn late(&self) -> Error {
        Error::Late {
            kernel: self.kernels[0].name().to_owned(),
            operator: Some(self.first),
        }
    }
}
