//! Signals that end what would go on for ever: noticed between two steps, so that what was begun is finished.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use xdna_terminal::Exit;

/// How long a signal may take to be noticed.
pub(crate) const NOTICED: Duration = Duration::from_millis(50);

/// The signal that came, if one did.
#[derive(Clone, Debug)]
pub(crate) struct Ending(Arc<AtomicUsize>);

impl Ending {
    /// Begins to watch for SIGINT, SIGTERM and SIGHUP. A second one ends the program at once: the first may have come while
    /// it waited for somebody to read.
    pub(crate) fn watch() -> io::Result<Self> {
        let (signal, again) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        for number in [SIGINT, SIGTERM, SIGHUP] {
            flag::register_conditional_shutdown(number, 128 + number, again.clone())?;
            flag::register(number, again.clone())?;
            flag::register_usize(number, signal.clone(), number.unsigned_abs() as usize)?;
        }
        full_files_are_errors()?;
        Ok(Self(signal))
    }

    /// How to end, once a signal has come: as shells say of programs that signals end.
    pub(crate) fn exit(&self) -> Option<Exit> {
        match self.0.load(Ordering::Relaxed) as i32 {
            0 => None,
            SIGINT => Some(Exit::Interrupted),
            signal => Some(Exit::Program(128 + signal as u8)),
        }
    }

    /// Waits until `due`, or for a signal.
    pub(crate) fn sleep_until(&self, due: Instant) {
        while self.exit().is_none() {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(NOTICED));
        }
    }
}

/// Makes a write beyond the limit of file sizes fail, which says why; by itself it kills.
pub(crate) fn full_files_are_errors() -> io::Result<()> {
    flag::register(SIGXFSZ, Arc::default()).map(drop)
}
