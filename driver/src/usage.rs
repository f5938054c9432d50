//! Who may touch a buffer's bytes: the device, or the host, never both.

use std::sync::atomic::{AtomicU32, Ordering};

const WRITER: u32 = 1 << 31;
const READER: u32 = 1 << 16;
const READERS: u32 = WRITER - READER;
const COMMANDS: u32 = READER - 1;

/// Commands in flight (low half), host readers (high half), one host writer (top bit).
#[derive(Debug, Default)]
pub(crate) struct Usage(AtomicU32);

/// Why a buffer can't be had now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// By commands in flight.
    ByDevice,
    /// By a view of the host.
    ByHost,
}

impl Usage {
    /// One more command uses the buffer; refused while the host views it.
    pub(crate) fn enter_command(&self) -> Result<(), Taken> {
        self.update(|now| match now {
            now if now & !COMMANDS != 0 => Err(Taken::ByHost),
            now if now & COMMANDS == COMMANDS => Err(Taken::ByDevice),
            now => Ok(now + 1),
        })
    }

    /// One command less uses the buffer.
    pub(crate) fn leave_command(&self) {
        let before = self.0.fetch_sub(1, Ordering::Release);
        debug_assert!(before & COMMANDS != 0);
    }

    /// One more host reader; refused while a command or a host writer has the buffer.
    pub(crate) fn enter_reader(&self) -> Result<(), Taken> {
        self.update(|now| match now {
            now if now & COMMANDS != 0 => Err(Taken::ByDevice),
            now if now & WRITER != 0 || now & READERS == READERS => Err(Taken::ByHost),
            now => Ok(now + READER),
        })
    }

    /// One host reader less.
    pub(crate) fn leave_reader(&self) {
        let before = self.0.fetch_sub(READER, Ordering::Release);
        debug_assert!(before & READERS != 0);
    }

    /// The one host writer; refused while anybody has the buffer.
    pub(crate) fn enter_writer(&self) -> Result<(), Taken> {
        self.update(|now| match now {
            now if now & COMMANDS != 0 => Err(Taken::ByDevice),
            0 => Ok(WRITER),
            _ => Err(Taken::ByHost),
        })
    }

    /// The host writer is done.
    pub(crate) fn leave_writer(&self) {
        let before = self.0.fetch_and(!WRITER, Ordering::Release);
        debug_assert!(before & WRITER != 0);
    }

    fn update(&self, change: impl Fn(u32) -> Result<u32, Taken>) -> Result<(), Taken> {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            match self
                .0
                .compare_exchange_weak(now, change(now)?, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(seen) => now = seen,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_and_host_exclude_each_other() {
        let usage = Usage::default();
        usage.enter_command().unwrap();
        usage.enter_command().unwrap();
        assert_eq!(usage.enter_reader(), Err(Taken::ByDevice));
        assert_eq!(usage.enter_writer(), Err(Taken::ByDevice));
        usage.leave_command();
        assert_eq!(usage.enter_reader(), Err(Taken::ByDevice));
        usage.leave_command();
        usage.enter_reader().unwrap();
        usage.enter_reader().unwrap();
        assert_eq!(usage.enter_command(), Err(Taken::ByHost));
        assert_eq!(usage.enter_writer(), Err(Taken::ByHost));
        usage.leave_reader();
        usage.leave_reader();
        usage.enter_writer().unwrap();
        assert_eq!(usage.enter_reader(), Err(Taken::ByHost));
        assert_eq!(usage.enter_command(), Err(Taken::ByHost));
        usage.leave_writer();
        usage.enter_command().unwrap();
    }

    #[test]
    fn counters_do_not_run_into_each_other() {
        let usage = Usage(AtomicU32::new(COMMANDS));
        assert_eq!(usage.enter_command(), Err(Taken::ByDevice));
        let usage = Usage(AtomicU32::new(READERS));
        assert_eq!(usage.enter_reader(), Err(Taken::ByHost));
    }
}
