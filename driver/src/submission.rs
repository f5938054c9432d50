//! Commands in flight: waiting, and finding out how they ended.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};
use xdna_uapi::ert::state;

use crate::command::Command;
use crate::context::HwContext;
use crate::deadline::Deadline;
use crate::error::{Call, Error};
use crate::ids::Seq;
use crate::outcome::{Ended, Outcome};
use crate::packet::Operation;
use crate::sys;

/// Level from which the driver writes the firmware's report into a packet (driver-abi, section 8.4).
const REPORTS: i32 = 8;
/// How long a wait for the first command of a context goes on before it looks at the packet, if later commands
/// are in flight: its fence point, 0, means the latest fence.
const FIRST_SLICE: Duration = Duration::from_millis(5);
/// How long polling looks at the packet alone before it asks for the fence, which also ends rejected commands.
const POLL_SLICE: Duration = Duration::from_millis(1);

/// A command the NPU may be executing: it owns the command, and with it keeps every buffer alive.
///
/// Dropped before the command has ended, it leaves command and buffers to its context, which keeps them until
/// the command has ended or the context is destroyed.
#[derive(Debug)]
#[must_use = "wait() says how the command ended"]
pub struct Submission {
    context: HwContext,
    seq: Seq,
    recovering: bool,
    command: Option<Command>,
}

/// What a wait finds.
#[derive(Debug)]
#[must_use = "the command has not necessarily ended"]
pub enum Wait {
    /// The command has ended.
    Ended(Finished),
    /// The deadline passed before.
    Pending(Submission),
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How.
    pub outcome: Outcome,
    /// The command, to be submitted again or dropped.
    pub command: Command,
}

impl Submission {
    pub(crate) fn new(context: HwContext, seq: Seq, recovering: bool, command: Command) -> Self {
        Self {
            context,
            seq,
            recovering,
            command: Some(command),
        }
    }

    /// The command's place in its context's order.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The context it was submitted to.
    pub fn context(&self) -> &HwContext {
        &self.context
    }

    /// Waits for the command's fence, then looks how it ended: one ioctl.
    ///
    /// # Errors
    /// [`Error::DeviceGone`]: the device was unplugged; what the command has done is not known.
    pub fn wait(self, deadline: Deadline) -> Result<Wait, Error> {
        // Only the first command's point means more than itself, and only while others are in flight.
        let ambiguous = self.seq.get() == 0 && self.context.0.submitted.load(Ordering::Relaxed) > 1;
        loop {
            let slice = if ambiguous {
                deadline.min(Deadline::after(FIRST_SLICE))
            } else {
                deadline
            };
            if self.fence(slice)? || (ambiguous && self.has_terminal_state()) {
                return Ok(self.finish());
            }
            // The kernel's clock may say so before ours.
            if !ambiguous || deadline.has_passed() {
                return Ok(Wait::Pending(self));
            }
        }
    }

    /// Waits by looking at the packet's header again and again: the lowest latency, for a busy processor.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_polling(self, deadline: Deadline) -> Result<Wait, Error> {
        loop {
            let slice = deadline.min(Deadline::after(POLL_SLICE));
            while !slice.has_passed() && !self.has_terminal_state() {
                std::hint::spin_loop();
            }
            if self.state() == state::COMPLETED {
                return Ok(self.finish());
            }
            // A rejected command stays NEW, and a failed one is written to until its fence signals.
            let failed = self.has_terminal_state();
            let fence = if failed {
                deadline
            } else {
                Deadline::at(Instant::now())
            };
            if self.fence(fence)? {
                return Ok(self.finish());
            }
            if deadline.has_passed() {
                return Ok(Wait::Pending(self));
            }
        }
    }

    /// True once the packet's header says that the command has ended; a rejected command's never does. No
    /// system call.
    pub fn has_terminal_state(&self) -> bool {
        state::is_terminal(self.state())
    }

    /// Arms `event`, an eventfd, to be written once the command has ended: an async runtime waits for the
    /// descriptor to become readable, then calls [`wait`](Self::wait).
    ///
    /// For the first command of a context it may be written later, when all commands in flight at this moment
    /// have ended.
    ///
    /// # Errors
    /// What the kernel answers; kernels before 6.6 have no such call.
    pub fn notify(&self, event: BorrowedFd<'_>) -> Result<(), Error> {
        let inner = &*self.context.0;
        sys::syncobj::eventfd(inner.device.fd()?, inner.syncobj, self.seq.get(), event)
            .map_err(|e| inner.device.0.explain(e))
    }

    /// Creates an eventfd (non-blocking, close-on-exec) that becomes readable once the command has ended.
    ///
    /// # Errors
    /// As [`notify`](Self::notify), or no descriptor is free.
    pub fn completion_event(&self) -> Result<OwnedFd, Error> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event = EventFd::from_value_and_flags(0, flags).map_err(|e| Error::ioctl(Call::Eventfd, e))?;
        self.notify(event.as_fd())?;
        Ok(event.into())
    }

    fn state(&self) -> u32 {
        self.command.as_ref().map_or(state::INVALID, Command::state)
    }

    fn fence(&self, deadline: Deadline) -> Result<bool, Error> {
        let inner = &*self.context.0;
        sys::syncobj::timeline_wait(inner.device.fd()?, inner.syncobj, self.seq.get(), deadline)
            .map_err(|e| inner.device.0.explain(e))
    }

    /// The command has ended: lets go of its buffers and reads what the driver left.
    fn finish(mut self) -> Wait {
        let Some(mut command) = self.command.take() else {
            return Wait::Pending(self);
        };
        command.leave();
        let outcome = self.read(&command).outcome();
        if !outcome.is_success() {
            log::debug!(
                "context {}, command {}: {outcome}",
                self.context.id(),
                self.seq.get()
            );
            command.spoil();
        }
        if matches!(outcome, Outcome::TimedOut { .. } | Outcome::Aborted { .. }) {
            self.context.0.disturb();
        }
        Wait::Ended(Finished { outcome, command })
    }

    fn read(&self, command: &Command) -> Ended {
        let is_chain = command.operation() == Operation::Chain;
        let version = self.context.0.device_inner().version;
        let [error_index] = command.memory.read(3);
        let reported = command.links.first().unwrap_or(command);
        Ended {
            state: command.state(),
            error_index: is_chain.then_some(error_index),
            level_0: version.level() == 0,
            recovering: self.recovering || self.context.0.is_recovering(),
            // Older drivers leave what the command held before, which may look like a report.
            report: (version.level() >= REPORTS).then(|| reported.memory.read(1)),
        }
    }
}

impl Drop for Submission {
    fn drop(&mut self) {
        if let Some(command) = self.command.take() {
            self.context.0.adopt(self.seq, command);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_commands_and_submissions_can_change_threads() {
        fn shareable<T: Send + Sync>() {}
        shareable::<HwContext>();
        shareable::<Command>();
        shareable::<Submission>();
    }
}
