//! What the crate warns of.

use std::sync::Mutex;

static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Listener;

impl log::Log for Listener {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            HEARD.lock().expect("no panic").push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// From now on warnings and errors are kept.
pub fn listen() {
    log::set_logger(&Listener).expect("the only logger");
    log::set_max_level(log::LevelFilter::Warn);
}

/// Those since.
pub fn heard() -> Vec<String> {
    std::mem::take(&mut HEARD.lock().expect("no panic"))
}
