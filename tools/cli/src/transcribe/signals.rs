//! Ctrl-C: told to the main thread, and enforced where that one is stuck.

use std::{
    io,
    sync::{Arc, mpsc::Sender},
    thread,
    time::Duration,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM, SIGXFSZ},
    iterator::Signals,
};

use super::{files, worker::Message};
use crate::exit::Exit;

/// How long the main thread may take to end; it can be blocked in a write that nobody reads.
const PATIENCE: Duration = Duration::from_millis(120);

/// Starts watching for SIGINT and SIGTERM.
///
/// # Errors
/// Where the system refuses the handlers or the thread.
pub(super) fn watch(to: Sender<Message>) -> io::Result<()> {
    // by itself it kills; handled, the write fails and says why
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let watch = move || {
        if signals.forever().next().is_some() {
            // fails where the main thread is past listening: then it is ending anyway
            let _ = to.send(Message::Interrupted);
            thread::sleep(PATIENCE);
            files::abandon();
            std::process::exit(i32::from(u8::from(Exit::Interrupted)));
        }
    };
    thread::Builder::new()
        .name("xdna-signals".to_owned())
        .spawn(watch)?;
    Ok(())
}
