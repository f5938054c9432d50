//! How commands end.

use std::fmt;

use xdna_uapi::ert::{HealthRecord, state};

/// How a command ended. Only [`Completed`](Self::Completed) is success; a chain completes with all its commands.
///
/// `failed_at` is the index of the first command of a chain that did not succeed, as the driver reports it;
/// `None` for other commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a command that ended has not necessarily succeeded"]
pub enum Outcome {
    /// The firmware reported success.
    Completed,
    /// The driver did not start the command: its packet is malformed.
    Rejected,
    /// The driver did not start the command, and its context was recovering from a timeout or abort just before:
    /// commands sent in that moment are lost. Send it again, a bounded number of times.
    Lost,
    /// The firmware reported failure.
    Failed {
        /// First command of the chain that did not succeed.
        failed_at: Option<u32>,
    },
    /// The context was stopped before the command had ended, or the firmware's reply was unusable.
    Aborted {
        /// First command of the chain that did not succeed.
        failed_at: Option<u32>,
    },
    /// The command ran into the driver's time limit.
    TimedOut {
        /// First command of the chain that did not succeed; a hint, some firmware always reports 0.
        failed_at: Option<u32>,
        /// What the firmware reported about the context, if it did.
        health: Option<Health>,
    },
    /// The packet is in a state that no driver this crate knows leaves.
    Unknown {
        /// The state.
        state: u32,
        /// First command of the chain that did not succeed.
        failed_at: Option<u32>,
    },
}

impl Outcome {
    /// True for [`Completed`](Self::Completed).
    pub fn is_success(self) -> bool {
        self == Outcome::Completed
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, failed_at) = match self {
            Outcome::Completed => ("completed", None),
            Outcome::Rejected => ("rejected by the driver: malformed packet", None),
            Outcome::Lost => ("lost while its context recovered", None),
            Outcome::Failed { failed_at } => ("failed in the firmware", *failed_at),
            Outcome::Aborted { failed_at } => ("aborted with its context", *failed_at),
            Outcome::TimedOut { failed_at, .. } => ("timed out", *failed_at),
            Outcome::Unknown { failed_at, .. } => ("ended in an unknown state", *failed_at),
        };
        f.write_str(what)?;
        if let Outcome::Unknown { state, .. } = self {
            write!(f, " ({state})")?;
        }
        if let Some(index) = failed_at {
            write!(f, " at command {index} of the chain")?;
        }
        if let Outcome::TimedOut {
            health: Some(health), ..
        } = self
        {
            write!(f, "; {health}")?;
        }
        Ok(())
    }
}

/// What the firmware reported about a context after a timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Index of the last opcode of the instruction stream that was started; `None` before the first and after
    /// the last.
    pub opcode_index: Option<u32>,
    /// Program counter of the context.
    pub pc: u32,
    /// Kind of fatal error, 0 for none.
    pub fatal_error: u32,
    /// Exception of a fatal error.
    pub exception: u32,
    /// Program counter of that exception.
    pub exception_pc: u32,
    /// Module the error happened in.
    pub module: u32,
}

impl Health {
    /// Reads a record; `None` if there is none (all ones) or it is of another version.
    pub(crate) fn read(words: [u32; 8]) -> Option<Self> {
        let record: HealthRecord = zerocopy::transmute!(words);
        (record.version.get() == HealthRecord::VERSION).then(|| Self {
            opcode_index: Some(record.txn_op_idx.get()).filter(|index| *index != u32::MAX),
            pc: record.ctx_pc.get(),
            fatal_error: record.fatal_error_type.get(),
            exception: record.fatal_error_exception_type.get(),
            exception_pc: record.fatal_error_exception_pc.get(),
            module: record.fatal_error_app_module.get(),
        })
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.opcode_index {
            Some(index) => write!(f, "opcode {index} of the instruction stream was running")?,
            None => f.write_str("no opcode of the instruction stream was running")?,
        }
        write!(f, ", pc {:#x}", self.pc)?;
        if self.fatal_error != 0 {
            let Self {
                fatal_error,
                exception,
                exception_pc,
                module,
                ..
            } = self;
            write!(
                f,
                ", fatal error {fatal_error} (exception {exception} at {exception_pc:#x}, module {module})"
            )?;
        }
        Ok(())
    }
}

/// What a signalled fence and the packet it left say together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub state: u32,
    /// `error_index` of a chain.
    pub error_index: Option<u32>,
    /// The driver is level 0, where chains start with an error index of all ones.
    pub level_0: bool,
    /// The context was recovering when the command was submitted.
    pub recovering: bool,
    /// First data words of the packet, or of the first command of a chain, if the driver writes reports there.
    pub report: Option<[u32; 8]>,
}

impl Ended {
    pub(crate) fn outcome(self) -> Outcome {
        let failed_at = self.error_index.filter(|index| *index != u32::MAX);
        // Level 0 stores the low bits of the firmware's status, which may look like success.
        let hidden = self.level_0 && self.error_index.is_some_and(|index| index != u32::MAX);
        match self.state {
            _ if hidden => Outcome::Failed { failed_at },
            state::COMPLETED => Outcome::Completed,
            state::NEW if self.recovering => Outcome::Lost,
            state::NEW => Outcome::Rejected,
            state::ERROR => Outcome::Failed { failed_at },
            state::ABORT => Outcome::Aborted { failed_at },
            state::TIMEOUT => Outcome::TimedOut {
                failed_at,
                health: self.report.and_then(Health::read),
            },
            state => Outcome::Unknown { state, failed_at },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(state: u32, error_index: Option<u32>) -> Ended {
        Ended {
            state,
            error_index,
            level_0: false,
            recovering: false,
            report: Some([u32::MAX; 8]),
        }
    }

    #[test]
    fn every_state_has_its_outcome() {
        assert_eq!(ended(4, None).outcome(), Outcome::Completed);
        assert_eq!(ended(1, None).outcome(), Outcome::Rejected);
        assert_eq!(
            Ended {
                recovering: true,
                ..ended(1, None)
            }
            .outcome(),
            Outcome::Lost
        );
        assert_eq!(ended(5, None).outcome(), Outcome::Failed { failed_at: None });
        assert_eq!(
            ended(5, Some(3)).outcome(),
            Outcome::Failed { failed_at: Some(3) }
        );
        assert_eq!(ended(6, None).outcome(), Outcome::Aborted { failed_at: None });
        assert_eq!(
            ended(8, None).outcome(),
            Outcome::TimedOut {
                failed_at: None,
                health: None
            }
        );
        for state in [0, 2, 3, 7, 9, 10, 15] {
            assert_eq!(
                ended(state, None).outcome(),
                Outcome::Unknown {
                    state,
                    failed_at: None
                }
            );
        }
    }

    #[test]
    fn a_chain_that_only_looks_completed_on_level_0_has_failed() {
        let level_0 = |error_index| Ended {
            level_0: true,
            ..ended(4, error_index)
        };
        assert_eq!(level_0(Some(1)).outcome(), Outcome::Failed { failed_at: Some(1) });
        assert_eq!(level_0(Some(u32::MAX)).outcome(), Outcome::Completed);
        assert_eq!(level_0(None).outcome(), Outcome::Completed);
        assert_eq!(ended(4, Some(0)).outcome(), Outcome::Completed);
    }

    #[test]
    fn a_health_record_is_read_and_all_ones_is_none() {
        let health = Health::read([1, 0, 17, 0x1234, 0, 0, 0, 0]).unwrap();
        assert_eq!((health.opcode_index, health.pc), (Some(17), 0x1234));
        assert_eq!(
            health.to_string(),
            "opcode 17 of the instruction stream was running, pc 0x1234"
        );
        assert_eq!(
            Health::read([1, 0, u32::MAX, 0, 2, 3, 4, 5])
                .unwrap()
                .opcode_index,
            None
        );
        assert_eq!(Health::read([u32::MAX; 8]), None);
        assert_eq!(Health::read([2, 0, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn outcomes_say_where_a_chain_failed() {
        let text = Outcome::Failed { failed_at: Some(1) }.to_string();
        assert_eq!(text, "failed in the firmware at command 1 of the chain");
    }
}
