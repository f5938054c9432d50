//! Calls that wait.

use nix::errno::Errno;
use xdna_uapi as uapi;

use super::caller::Caller;
use super::client::ClientId;
use super::exec::Prepared;
use super::query::dpt::Stream;
use super::syncobj_wait::Wait;
use super::{Kmd, Outcome};

/// What a call waits for.
#[derive(Debug)]
pub enum Park {
    /// Fences.
    Wait(Wait),
    /// A slot of its context.
    Slot {
        /// The submission.
        prepared: Prepared,
    },
    /// The end of a context's commands, until they are cancelled.
    Destroy {
        /// The context.
        handle: u32,
        /// When they are cancelled.
        until: u64,
    },
    /// More of the firmware's log or trace.
    Data {
        /// Which.
        stream: Stream,
    },
    /// A moment.
    Until {
        /// The moment.
        at: u64,
    },
}

impl Park {
    /// When the call ends even if nothing happens.
    pub fn deadline(&self) -> Option<u64> {
        match self {
            Self::Wait(wait) => wait.deadline(),
            Self::Slot { .. } | Self::Data { .. } => None,
            Self::Destroy { until, .. } => Some(*until),
            Self::Until { at } => Some(*at),
        }
    }

    /// True if a signal ends it.
    pub fn is_interruptible(&self) -> bool {
        matches!(self, Self::Wait(_) | Self::Slot { .. } | Self::Data { .. })
    }
}

impl Kmd {
    /// Looks again at a call that waits.
    pub(super) fn reconsider(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        park: Park,
        arg: &mut [u8],
    ) -> Result<Outcome, Errno> {
        match park {
            Park::Wait(wait) => self.poll_wait(wait, arg),
            Park::Slot { prepared } => {
                let mut exec = super::dispatch::load::<uapi::amdxdna_drm_exec_cmd>(arg);
                let outcome = self.submit(id, prepared, &mut exec);
                super::dispatch::save(arg, &exec);
                outcome
            }
            Park::Data { stream } => {
                let mut array = super::dispatch::load::<uapi::amdxdna_drm_get_array>(arg);
                let outcome = self.dpt_payload(caller, &mut array, stream);
                super::dispatch::save(arg, &array);
                outcome
            }
            Park::Destroy { handle, until } => {
                let Some(jobs) = self.jobs_of(id, handle) else {
                    return Ok(Outcome::Done(0));
                };
                if !jobs.is_empty() && self.now < until {
                    return Ok(Outcome::Park(Park::Destroy { handle, until }));
                }
                self.remove_context(id, handle);
                Ok(Outcome::Done(0))
            }
            Park::Until { at } if self.now < at => Ok(Outcome::Park(Park::Until { at })),
            Park::Until { .. } => Ok(Outcome::Done(0)),
        }
    }
}
