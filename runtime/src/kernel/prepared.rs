//! A run that is bound: what the hot path touches.

use std::time::Instant;

use xdna_driver::{Command, Outcome, Wait};

use super::signature::Direction;
use super::{Arg, Kernel, Resend};
use crate::buffers::Buffer;
use crate::contexts::until;
use crate::error::Error;
use crate::runtime::is_late;

/// A kernel with its arguments, to be run again and again: no allocation, two calls of the driver a run.
///
/// It holds its buffers, not a context: the context may have been evicted and made anew in between.
#[derive(Debug)]
pub struct Prepared {
    kernel: Kernel,
    /// None while the NPU may still have it: after a run that was late, and while it is part of a chain.
    command: Option<Command>,
    /// Its buffers, and what it does to them.
    uses: Vec<(Buffer, Direction)>,
}

impl Prepared {
    pub(super) fn new(kernel: Kernel, command: Command, args: &[Arg<'_>]) -> Self {
        let uses = args.iter().filter_map(|arg| arg.buffer());
        Self {
            kernel,
            command: Some(command),
            uses: uses.map(|(buffer, how)| (buffer.clone(), how)).collect(),
        }
    }

    /// Buffers that it reads.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Buffer> {
        self.having(Direction::Out)
    }

    /// Buffers that it writes.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = &Buffer> {
        self.having(Direction::In)
    }

    fn having(&self, not: Direction) -> impl Iterator<Item = &Buffer> {
        self.uses
            .iter()
            .filter(move |(_, how)| *how != not)
            .map(|(buffer, _)| buffer)
    }

    /// Its command, to become part of a chain.
    ///
    /// # Errors
    /// [`Error::Late`] when an earlier run was.
    pub(crate) fn take(&mut self) -> Result<Command, Error> {
        self.command.take().ok_or_else(|| self.late())
    }

    fn late(&self) -> Error {
        Error::Late {
            kernel: self.kernel.name().to_owned(),
            operator: None,
        }
    }

    /// Its command, back from a chain.
    pub(crate) fn put(&mut self, command: Command) {
        self.command = Some(command);
    }

    /// The kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Runs it and waits for its end.
    ///
    /// A command that was lost while its context recovered from another's timeout is sent again, for about a second; every
    /// other failure is reported, and the context it happened in is not used again.
    ///
    /// # Errors
    /// [`Error::Failed`]; [`Error::Late`], also when an earlier run was late and has not been replaced;
    /// [`Error::ContextsTaken`], or what the driver answers.
    pub fn run(&mut self, deadline: Instant) -> Result<(), Error> {
        let kernel = self.kernel.clone();
        let inner = kernel.inner();
        let mut resend = Resend::default();
        loop {
            let lease = inner.runtime.contexts().get(&inner.overlay, deadline)?;
            let command = self.take()?;
            let begin = Instant::now();
            let submission = match lease.context().submit_by(command, until(deadline)) {
                Ok(submission) => submission,
                Err(refused) => {
                    self.command = Some(*refused.command);
                    if is_late(&refused.reason) {
                        inner.meter.late();
                        return Err(self.late());
                    }
                    let gone = matches!(refused.reason, xdna_driver::Error::ContextLost { .. });
                    if gone && resend.after_gone(deadline) {
                        log::warn!("{}", refused.reason);
                        inner.runtime.contexts().abandon(&lease);
                        continue;
                    }
                    return Err(refused.reason.into());
                }
            };
            let finished = match submission.wait(until(deadline))? {
                Wait::Ended(finished) => finished,
                Wait::Pending(submission) => {
                    // The pool keeps the command and its buffers until the driver ends it.
                    inner.runtime.contexts().retire(&lease, submission);
                    inner.meter.late();
                    lease.meter().late();
                    return Err(self.late());
                }
            };
            self.command = Some(finished.command);
            match finished.outcome {
                Outcome::Completed => {
                    let took = begin.elapsed();
                    inner.meter.completed(took);
                    lease.meter().completed(took);
                    return Ok(());
                }
                Outcome::Lost if resend.after_loss(deadline) => {
                    inner.meter.resent();
                    lease.meter().resent();
                }
                outcome => {
                    inner.meter.failed(outcome);
                    lease.meter().failed(outcome);
                    inner.runtime.contexts().abandon(&lease);
                    return Err(Error::Failed {
                        kernel: inner.name.clone(),
                        operator: None,
                        outcome,
                    });
                }
            }
        }
    }
}
