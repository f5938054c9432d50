//! Running behind incoherent caches.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use xdna_sim::Npu;

static RUNS: AtomicU32 = AtomicU32::new(0);

/// Runs `test` behind incoherent caches; returns what it said and the lines of the trace that are no calls.
pub fn behind<T: Send>(npu: Npu, name: &str, test: impl FnOnce() -> T + Send) -> (T, Vec<String>) {
    let file: PathBuf = {
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        std::env::temp_dir().join(format!("xdna-coherence-{name}-{}-{number}", std::process::id()))
    };
    let result = npu.incoherent().trace(&file).run(test).expect("a device");
    let text = fs::read_to_string(&file).expect("the trace");
    fs::remove_file(&file).expect("the trace goes");
    let said = text
        .lines()
        .filter(|l| {
            !l.starts_with("thread ") && !l.starts_with("client ") && !l.starts_with("process ")
                || l.contains("SYNC_BO")
        })
        .map(str::to_owned)
        .collect();
    (result, said)
}
