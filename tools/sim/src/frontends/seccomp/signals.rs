//! Signals that wait for a thread inside a call.

use nix::errno::Errno;
use nix::libc;

use super::process::status_field;

/// The kernel's own ERESTARTSYS: the call is restarted or ends in EINTR, as the signal's handler was installed.
const ERESTARTSYS: i32 = 512;

/// How a waiting call of `thread` is to end because of a signal, as a positive errno.
///
/// A signal for this very thread cannot be taken by another one, so the kernel may decide about the restart; one
/// for the whole process may be, so the call ends in EINTR.
pub fn interruption(thread: i32) -> Option<i32> {
    let mask = |key| status_field(thread, key).and_then(|v| u64::from_str_radix(&v, 16).ok());
    let blocked = mask("SigBlk")?;
    let ignored = mask("SigIgn")?;
    // Stops and continuations by default actions do not end a wait.
    let waits = !(blocked | ignored) & !bit(libc::SIGCONT);
    if mask("SigPnd")? & waits != 0 {
        return Some(ERESTARTSYS);
    }
    let single = status_field(thread, "Threads").is_some_and(|n| n == "1");
    let shared = mask("ShdPnd")? & waits != 0;
    shared.then_some(if single { ERESTARTSYS } else { Errno::EINTR as i32 })
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}
