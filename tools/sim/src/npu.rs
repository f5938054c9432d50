//! The simulated device inside a test: the calling thread is filtered, another thread answers.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::array::{Program, TileId};
use crate::fault::{Faults, ScriptError};
use crate::frontends::seccomp::{launch::LaunchError, thread as filtered};
use crate::kmd::{Config, Kmd};
use crate::profile::{AddressMode, Device, Kernel, ProbeError, Profile, Protocol, Rule, Rules};

/// Why there is no simulated device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpuError {
    /// The process lacks the right to filter one of its threads and to give it a mount namespace.
    #[error("needs root: a process with threads cannot enter a user namespace")]
    NotRoot,
    /// The profile is none the driver would probe.
    #[error("{0}")]
    Probe(#[from] ProbeError),
    /// The namespace or the filter failed.
    #[error("{0}")]
    Launch(#[from] LaunchError),
    /// Anything else.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A simulated NPU to start: `Npu::strix().kernel(Kernel::V6_18).start()`.
#[derive(Clone, Debug)]
pub struct Npu {
    device: Device,
    kernel: Kernel,
    protocol: Option<Protocol>,
    mode: AddressMode,
    config: Config,
}

/// The device of the calling thread, and of the threads it starts.
///
/// A filter cannot be taken off a thread: the device stays until the last filtered thread ends.
#[derive(Debug)]
pub struct Running(());

impl Npu {
    /// An NPU of this kind under the newest kernel.
    pub fn new(device: Device) -> Self {
        let config = Config::default();
        Self {
            device,
            kernel: Kernel::V7_3,
            protocol: None,
            mode: AddressMode::Sva,
            config,
        }
    }

    /// XDNA1: npu1.
    pub fn phoenix() -> Self {
        Self::new(Device::Npu1)
    }

    /// XDNA2: npu4.
    pub fn strix() -> Self {
        Self::new(Device::Npu4)
    }

    /// Under another kernel.
    pub fn kernel(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }

    /// With firmware of another protocol than the newest.
    pub fn firmware(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// With another address mode than shared virtual addressing.
    pub fn address_mode(mut self, mode: AddressMode) -> Self {
        self.mode = mode;
        self
    }

    /// With faults: see [`crate::fault`].
    ///
    /// # Errors
    /// When the script makes no sense.
    pub fn fault(mut self, script: &str) -> Result<Self, ScriptError> {
        self.config.faults = script.parse::<Faults>()?;
        Ok(self)
    }

    /// With another time limit per command; zero for none.
    pub fn job_timeout(mut self, limit: Duration) -> Self {
        self.config.timing.job_timeout = Some(limit);
        self
    }

    /// With another idle time before the device suspends.
    pub fn autosuspend(mut self, idle: Duration) -> Self {
        self.config.timing.autosuspend = idle;
        self
    }

    /// With commands that take time.
    pub fn exec_time(mut self, time: Duration) -> Self {
        self.config.timing.exec = time;
        self
    }

    /// With commands that vanish for so long after a timeout.
    pub fn drop_window(mut self, window: Duration) -> Self {
        self.config.timing.drop_window = window;
        self
    }

    /// With rules of the driver switched off.
    pub fn without(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.config.rules = Rules::without(rules);
        self
    }

    /// With caches between host and device: it sees what was flushed by SYNC_BO, 64-byte line by line.
    pub fn incoherent(mut self) -> Self {
        self.config.incoherent = true;
        self
    }

    /// With a closure that stands in for the program of a core: of that tile in each context's columns.
    pub fn core(mut self, tile: TileId, program: Program) -> Self {
        self.config.cores.push((tile, program));
        self
    }

    /// With every call written to a file.
    pub fn trace(mut self, file: impl Into<std::path::PathBuf>) -> Self {
        self.config.trace = Some(file.into());
        self
    }

    /// Whether this process may have a simulated device; the error is the reason to ignore a test.
    ///
    /// # Errors
    /// [`NpuError::NotRoot`].
    pub fn available() -> Result<(), NpuError> {
        if filtered::may_filter() {
            Ok(())
        } else {
            Err(NpuError::NotRoot)
        }
    }

    /// Gives the calling thread the device: from now on it sees the node, the sysfs files and nothing else of the
    /// kind.
    ///
    /// # Errors
    /// See [`NpuError`]; a thread has at most one device in its life.
    pub fn start(self) -> Result<Running, NpuError> {
        Self::available()?;
        let profile = Profile::new(self.device, self.kernel, self.protocol, self.mode)?;
        let config = Config {
            profile,
            ..self.config
        };
        let (to_supervisor, listeners) = mpsc::channel();
        // The supervisor must exist before the filter does: threads inherit it.
        thread::Builder::new().name("xdna-sim".into()).spawn(move || {
            let Ok(listener) = listeners.recv() else { return };
            let served = Kmd::new(config).and_then(|kmd| filtered::serve(listener, kmd));
            if let Err(e) = served {
                log::error!("the simulated device ends: {e}");
            }
        })?;
        let listener = filtered::filter(&profile)?;
        // The supervisor waits for exactly this; it cannot be gone.
        let _ = to_supervisor.send(listener);
        Ok(Running(()))
    }

    /// Runs `test` on a thread of its own that has the device.
    ///
    /// # Errors
    /// As [`Self::start`].
    ///
    /// # Panics
    /// If `test` does.
    pub fn run<T: Send>(self, test: impl FnOnce() -> T + Send) -> Result<T, NpuError> {
        let outcome = thread::scope(|scope| scope.spawn(|| self.start().map(|_running| test())).join());
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
