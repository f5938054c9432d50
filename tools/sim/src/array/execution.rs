//! Control code executes, as far as there is time for it.

use std::collections::VecDeque;
use std::fmt;

use xdna_runtime::formats::txn::Record;
use xdna_runtime::formats::{FormatError, Txn};

use super::control::Arguments;
use super::geometry::Address;
use super::host::Window;
use super::{Array, ChannelId, Stop};

/// Where and why control code ended before its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("operation {operation}: {stop}")]
pub struct Interrupted {
    /// Index of the operation; their number if all were done.
    pub operation: u32,
    /// Why.
    #[source]
    pub stop: Stop,
}

/// What control code waits for before it goes on.
#[derive(Debug)]
pub(super) enum Wait {
    /// The time that an operation takes.
    Until(u64),
    /// A register's bits under a mask.
    Poll { at: Address, mask: u32, value: u32 },
    /// The tokens of these channels, in this order.
    Tokens(VecDeque<ChannelId>),
    /// So many tokens of any channel.
    Any(usize),
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Until(cycle) => write!(f, "cycle {cycle}"),
            Self::Poll { at, mask, value } => {
                write!(f, "a value of {value:#x} under {mask:#x} at {:#x}", at.0)
            }
            Self::Tokens(channels) => match channels.front() {
                Some(channel) => write!(f, "the token of {channel}"),
                None => f.write_str("no token"),
            },
            Self::Any(count) => write!(f, "{count} tokens"),
        }
    }
}

/// Control code on its way.
#[derive(Debug)]
pub struct Execution {
    records: Vec<Record>,
    next: usize,
    wait: Wait,
    /// Since when it waits.
    since: u64,
    began: u64,
}

impl Array {
    /// Executes control code to its end; what it started and did not wait for is [unfinished](Self::unfinished), and
    /// goes on with the next one.
    ///
    /// Returns the cycles it took: an estimate, see [`Timing`](super::Timing).
    ///
    /// # Errors
    /// [`RunError::Damaged`] before anything has an effect, or [`Interrupted`].
    pub fn run(
        &mut self,
        code: &[u8],
        arguments: Arguments<'_>,
        host: &mut Window<'_>,
    ) -> Result<u64, RunError> {
        let mut execution = self.begin(code)?;
        let mut steps = u64::MAX;
        loop {
            if let Some(cycles) = self.resume(&mut execution, arguments, host, &mut steps)? {
                return Ok(cycles);
            }
        }
    }

    /// Reads control code; nothing has an effect yet.
    ///
    /// # Errors
    /// Where it is damaged.
    pub fn begin(&self, code: &[u8]) -> Result<Execution, FormatError> {
        Ok(Execution {
            records: Txn::read_prefix(code)?.records,
            next: 0,
            wait: Wait::Until(self.now),
            since: self.now,
            began: self.now,
        })
    }

    /// Goes on with control code for at most `steps` cycles in which something happens, which are taken off; returns the
    /// cycles it took, if it came to its end. What was written to host memory so far is there in any case.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub fn resume(
        &mut self,
        execution: &mut Execution,
        arguments: Arguments<'_>,
        host: &mut Window<'_>,
        steps: &mut u64,
    ) -> Result<Option<u64>, Interrupted> {
        let ended = self.proceed(execution, arguments, host, steps);
        let ended = ended.and_then(|ended| Ok(host.flush().map(|()| ended)?));
        let ended = ended.map_err(|stop| Interrupted {
            operation: execution.next as u32,
            stop,
        })?;
        Ok(ended.then(|| self.now - execution.began))
    }

    fn proceed(
        &mut self,
        execution: &mut Execution,
        arguments: Arguments<'_>,
        host: &mut Window<'_>,
        steps: &mut u64,
    ) -> Result<bool, Stop> {
        loop {
            while !self.is_over(&mut execution.wait) {
                if *steps == 0 {
                    return Ok(false);
                }
                *steps -= 1;
                let latest = match execution.wait {
                    Wait::Until(end) => end,
                    _ => u64::MAX,
                };
                match (self.advance(host, latest)?, &execution.wait) {
                    (true, _) => {}
                    (false, Wait::Until(end)) => self.now = *end,
                    (false, wait) => return Err(self.deadlock(&wait.to_string())),
                }
                let cycles = self.now - execution.since;
                if cycles > self.timing.limit {
                    let waits_for = execution.wait.to_string();
                    return Err(Stop::Endless { waits_for, cycles });
                }
            }
            if !matches!(execution.wait, Wait::Until(_)) {
                execution.next += 1;
                execution.wait = self.pause();
                continue;
            }
            let Some(record) = execution.records.get(execution.next) else {
                return Ok(true);
            };
            execution.since = self.now;
            let wait = self.operation(&record.operation, arguments, host)?;
            execution.wait = wait.unwrap_or_else(|| {
                execution.next += 1;
                self.pause()
            });
        }
    }

    /// The time that an operation takes.
    fn pause(&self) -> Wait {
        Wait::Until(self.now + self.timing.operation)
    }

    /// True if there is nothing to wait for any more.
    fn is_over(&mut self, wait: &mut Wait) -> bool {
        match wait {
            Wait::Until(end) => self.now >= *end,
            Wait::Poll { at, mask, value } => self.read(*at).is_ok_and(|now| now & *mask == *value & *mask),
            Wait::Tokens(channels) => {
                while channels.front().is_some_and(|&c| self.take_token(c)) {
                    channels.pop_front();
                }
                channels.is_empty()
            }
            Wait::Any(count) => {
                let come = self.tokens.len() >= *count;
                if come {
                    self.tokens.drain(..*count);
                }
                come
            }
        }
    }
}

/// Why control code did not run to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// It is damaged; nothing had an effect.
    #[error("{0}")]
    Damaged(#[from] FormatError),
    /// It ended before its end.
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}
