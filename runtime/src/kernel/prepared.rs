//! A run that is bound: what the hot path touches.

use std::time::Instant;

use xdna_driver::{Command, Outcome, Wait};

use super::Kernel;
use crate::contexts::until;
use crate::error::Error;

/// A kernel with its arguments, to be run again and again: no allocation, two calls of the driver a run.
///
/// It holds its buffers, not a context: the context may have been evicted and made anew in between.
#[derive(Debug)]
pub struct Prepared {
    kernel: Kernel,
    /// None while the NPU may still have it: after a run that was late.
    command: Option<Command>,
}

impl Prepared {
    pub(super) fn new(kernel: Kernel, command: Command) -> Self {
        Self {
            kernel,
            command: Some(command),
        }
    }

    /// The kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Runs it and waits for its end.
    ///
    /// A command that was lost while its context recovered from another's timeout is sent again; every other failure
    /// is reported, and the context it happened in is not used again.
    ///
    /// # Errors
    /// [`Error::Failed`]; [`Error::Late`], also when an earlier run was late and has not been replaced;
    /// [`Error::ContextsTaken`], or what the driver answers.
    pub fn run(&mut self, deadline: Instant) -> Result<(), Error> {
        let inner = self.kernel.inner();
        let late = || Error::Late {
            kernel: inner.name.clone(),
            operator: None,
        };
        loop {
            let lease = inner.runtime.contexts().get(&inner.overlay, deadline)?;
            let command = self.command.take().ok_or_else(late)?;
            let begin = Instant::now();
            let submission = match lease.context().submit(command) {
                Ok(submission) => submission,
                Err(refused) => {
                    self.command = Some(*refused.command);
                    if matches!(refused.reason, xdna_driver::Error::ContextLost { .. }) {
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
                    return Err(late());
                }
            };
            self.command = Some(finished.command);
            match finished.outcome {
                Outcome::Completed => {
                    inner.meter.completed(begin.elapsed());
                    return Ok(());
                }
                Outcome::Lost if Instant::now() < deadline => inner.meter.resent(),
                outcome => {
                    inner.meter.failed(outcome);
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
