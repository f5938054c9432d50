//! What to simulate.

use std::path::PathBuf;
use std::time::Duration;

use crate::array::{Program, TileId};
use crate::fault::Faults;
use crate::profile::{Profile, Rules};

/// Durations and switches of the model: tests make them short.
#[derive(Clone, Debug)]
pub struct Timing {
    /// Time limit of a job; `None` is the kernel's own, zero switches detection off.
    pub job_timeout: Option<Duration>,
    /// Idle time before the device suspends.
    pub autosuspend: Duration,
    /// How long a command takes.
    pub exec: Duration,
    /// How long firmware boots after a suspend.
    pub boot: Duration,
    /// How long DESTROY_HWCTX waits for running commands.
    pub drain: Duration,
    /// How long after a timeout commands vanish.
    pub drop_window: Duration,
    /// Module parameter `force_cmdlist`; `None` is the kernel's default.
    pub force_cmdlist: Option<bool>,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            job_timeout: None,
            autosuspend: Duration::from_secs(5),
            exec: Duration::ZERO,
            boot: Duration::ZERO,
            drain: Duration::from_secs(2),
            drop_window: Duration::ZERO,
            force_cmdlist: None,
        }
    }
}

impl Timing {
    /// Cycles of the array, of a nanosecond each, after which what an operation waits for never comes.
    pub(super) fn cycles(&self) -> u64 {
        let default = crate::array::Timing::default().limit;
        let limit = self.job_timeout.filter(|t| !t.is_zero());
        limit.map_or(default, |t| {
            default.min(u64::try_from(t.as_nanos()).unwrap_or(default))
        })
    }
}

/// What to simulate.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The machine.
    pub profile: Profile,
    /// Rules switched off.
    pub rules: Rules,
    /// Durations.
    pub timing: Timing,
    /// What goes wrong.
    pub faults: Faults,
    /// Where every call is written.
    pub trace: Option<PathBuf>,
    /// The device sees what was flushed by SYNC_BO, and nothing newer.
    pub incoherent: bool,
    /// Tells stderr how many cycles of the array each command took.
    pub cycles: bool,
    /// Closures that stand in for core programs, by the tiles of each context.
    pub cores: Vec<(TileId, Program)>,
}
