//! Submitting commands.

use crate::command::Command;
use crate::context::HwContext;
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
    pub fn submit(&self, mut command: Command) -> Result<Submission, NotSubmitted> {
        match self.try_submit(&mut command) {
            Ok((seq, recovering)) => Ok(Submission::new(self.clone(), seq, recovering, command)),
            Err(reason) => Err(NotSubmitted {
                reason,
                command: Box::new(command),
            }),
        }
    }

    fn try_submit(&self, command: &mut Command) -> Result<(Seq, bool), Error> {
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
        match sys::npu::exec_cmd(dev.fd(), inner.id, command.memory.handle(), command.handles()) {
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
