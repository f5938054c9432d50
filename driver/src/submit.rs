//! Submitting commands.

use crate::command::Command;
use crate::context::HwContext;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::ids::Seq;
use crate::submission::Submission;
use crate::sys;

/// A command that was not submitted, returned unchanged.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct NotSubmitted {
    /// Why.
    #[source]
    pub reason: Error,
    /// The command.
    pub command: Box<Command>,
}

impl From<NotSubmitted> for Error {
    fn from(refused: NotSubmitted) -> Self {
        refused.reason
    }
}

impl HwContext {
    /// Submits a command: one ioctl, no allocation. Waits for a place while four are in flight.
    ///
    /// Level 0 and 1 drivers cut long packets silently and execute nothing before the compute units are
    /// configured, so both is checked here.
    ///
    /// # Errors
    /// Returns the command with the reason:
    /// - [`Error::TooLarge`]: more argument words than a single command may have: make it a chain of one.
    /// - [`Error::Unsupported`]: it holds no buffer, which the first kernels refuse, and 6.17 can't be told from
    ///   them.
    /// - [`Error::NotConfigured`], [`Error::Viewed`], [`Error::OtherDevice`], [`Error::OtherProcess`].
    /// - [`Error::ContextLost`]: the kernel does not know the context any more.
    /// - `ETIME`: a buffer's pages could not be made resident within a second.
    /// - [`Error::DeviceGone`], [`Error::FirmwareDead`], or the errno of a failed resume.
    pub fn submit(&self, command: Command) -> Result<Submission, NotSubmitted> {
        self.submit_or_give_up(command, None)
    }

    /// As [`submit`](Self::submit), but gives up when a signal interrupts the wait for a place after `deadline`.
    ///
    /// The kernel takes no deadline for this call: without a signal it waits until a command in flight ends, which
    /// its time limit bounds.
    ///
    /// # Errors
    /// As [`submit`](Self::submit), and `EINTR`: nothing was submitted.
    pub fn submit_by(&self, command: Command, deadline: Deadline) -> Result<Submission, NotSubmitted> {
        self.submit_or_give_up(command, Some(deadline))
    }

    fn submit_or_give_up(
        &self,
        mut command: Command,
        deadline: Option<Deadline>,
    ) -> Result<Submission, NotSubmitted> {
        match self.try_submit(&mut command, deadline) {
            Ok((seq, recovering)) => Ok(Submission::new(self.clone(), seq, recovering, command)),
            Err(reason) => Err(NotSubmitted {
                reason,
                command: Box::new(command),
            }),
        }
    }

    fn try_submit(&self, command: &mut Command, deadline: Option<Deadline>) -> Result<(Seq, bool), Error> {
        let (inner, dev) = (&*self.0, self.0.device_inner());
        dev.check_process()?;
        if !inner.device.is(command.memory.device()) {
            return Err(Error::OtherDevice { what: "the command" });
        }
        if dev.version.level() < 6 && !inner.is_configured() {
            return Err(Error::NotConfigured(inner.id));
        }
        if dev.version.level() == 0 && command.handles().is_empty() {
            return Err(Error::Unsupported {
                what: "a command that holds no buffer",
                needs: "Linux 6.16",
            });
        }
        let operation = command.operation();
        let (words, limit) = (
            command.argument_words(),
            operation.max_arguments(dev.version, false),
        );
        if words > limit {
            return Err(Error::TooLarge {
                what: "argument words of a command",
                len: words,
                limit,
            });
        }
        command.enter()?;
        command.prepare();
        let recovering = inner.is_recovering();
        let (handle, args) = (command.memory.handle(), command.handles());
        match sys::npu::exec_cmd(dev.fd(), inner.id, handle, args, deadline) {
            Ok(seq) => {
                inner.count_submission();
                Ok((seq, recovering))
            }
            Err(e) => {
                command.leave();
                Err(match dev.explain(e) {
                    // All arguments are right, and the context was.
                    e if e.errno() == Some(libc::EINVAL) => Error::ContextLost {
                        context: inner.id,
                        minor: dev.version.minor,
                    },
                    e => e,
                })
            }
        }
    }
}
