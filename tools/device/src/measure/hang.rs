//! A command that never ends, and what the driver makes of it.

use std::time::{Duration, Instant};

use xdna_driver::{Deadline, Device, Error, Generation, Outcome, Wait};

use super::numbers::{nanos, numbers};
use super::{Numbers, Rig};
use crate::nothing::endless_transaction;

/// Past the longest time limit of a driver, 60 s of each command, with time to recover.
const PATIENCE: Duration = Duration::from_secs(90);
/// Commands sent while a driver recovers may be lost; this many in a row are not.
const TRIES: usize = 10;

/// Lets the NPU wait for a transfer that nobody starts until the driver ends it, then runs a command in a new context.
pub(super) fn hang(device: &Device) -> anyhow::Result<Numbers> {
    let own = i64::from(std::process::id());
    let others = device.contexts()?.iter().filter(|c| c.pid != own).count();
    anyhow::ensure!(
        others == 0,
        "not done: {others} contexts of other programs live, and a reset may take them along (see `xdna contexts`)"
    );
    let code = endless_transaction(device.generation() == Generation::Xdna1);
    let rig = Rig::running(device, &code)?;
    let begin = Instant::now();
    let submission = rig.context.submit(rig.command()?).map_err(Error::from)?;
    let outcome = match submission.wait(Deadline::after(PATIENCE))? {
        Wait::Ended(finished) => finished.outcome,
        Wait::Pending(_) => anyhow::bail!("the driver did not end it within {} s", PATIENCE.as_secs()),
    };
    let detected = begin.elapsed();
    anyhow::ensure!(
        matches!(outcome, Outcome::TimedOut { .. } | Outcome::Aborted { .. }),
        "the command that never ends ended otherwise: {outcome}"
    );
    drop(rig);
    let begin = Instant::now();
    let mut last = None;
    for _ in 0..TRIES {
        let new = Rig::new(device)?;
        match new.run(new.command()?) {
            Ok(_) => {
                return Ok(numbers([
                    ("ended_by_driver_ns", nanos(detected)),
                    ("recovered_ns", nanos(begin.elapsed())),
                ]));
            }
            Err(e) => last = Some(e),
        }
    }
    Err(last.map_or_else(
        || anyhow::anyhow!("no command was tried"),
        |e| e.context(format!("{TRIES} commands after the hang did not complete")),
    ))
}
