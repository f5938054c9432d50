//! Signals between the start of a call and its answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};

use crate::support::sys::{SIGNALS, storm};
use crate::support::*;

const COMMANDS: u64 = 3000;

/// Submits through a storm of signals: the driver must have counted what the program did.
pub fn run(restart: bool) -> Result<()> {
    let dev = Dev::open().expect("open");
    let (heap, ctx) = dev.ready()?;
    let commands: Vec<Bo> = (0..4).map(|_| dev.command()).collect::<Result<_>>()?;
    storm(150, restart);
    let (mut interrupted, mut handles) = (0, Vec::new());
    for seq in 0..COMMANDS {
        let command = &commands[(seq % 4) as usize];
        let got = loop {
            match dev.exec(ctx, command.handle, &[heap.handle]) {
                Err(Errno::EINTR) => interrupted += 1,
                other => break other?,
            }
        };
        assert_eq!(got, seq, "a submission was lost or doubled");
        if seq % 4 == 3 {
            loop {
                match dev.wait(ctx, seq, SECOND) {
                    Err(Errno::EINTR) => interrupted += 1,
                    other => break other?,
                }
            }
        }
        if seq % 10 == 0 {
            // Each creation must make one handle, the next one.
            handles.push(loop {
                // A signal before the supervisor has received the call ends it without effect.
                match dev.create_bo(xdna_uapi::AMDXDNA_BO_SHARE, 4096) {
                    Err(Errno::EINTR) => interrupted += 1,
                    other => break other?,
                }
            });
        }
    }
    storm(0, restart);
    dev.wait(ctx, COMMANDS - 1, SECOND)?;
    let counters = dev.counters()?[0];
    assert_eq!(
        (counters.command_submissions, counters.command_completions),
        (COMMANDS, COMMANDS)
    );
    assert!(
        handles.windows(2).all(|w| w[1] == w[0] + 1),
        "a handle was leaked"
    );
    assert!(SIGNALS.load(Ordering::Relaxed) > 200, "no storm");
    assert!(
        !restart || interrupted == 0,
        "{interrupted} calls were not restarted"
    );
    Ok(())
}

/// A wait ends in EINTR when a handler without SA_RESTART runs.
pub fn interrupted() -> Result<()> {
    let dev = Dev::open().expect("open");
    let (_heap, ctx) = dev.ready()?;
    storm(50_000, false);
    let started = Instant::now();
    let result = dev.wait(ctx, 7, 5 * SECOND);
    storm(0, false);
    assert_eq!(result, Err(Errno::EINTR));
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(dev.wait(ctx, 7, SECOND / 20), Err(Errno::ETIME));
    Ok(())
}

/// Mappings made by other means than the kernel's own, while other threads call and signals arrive.
pub fn map_among_threads() -> Result<()> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(std::fs::metadata("/dev/null").is_ok());
                    std::fs::File::open("/dev/null").expect("a file");
                }
            });
        }
        storm(500, true);
        let mapped = (0..50).try_for_each(|_| mappings::dma_buf());
        storm(0, true);
        done.store(true, Ordering::Relaxed);
        mapped
    })
}

/// Calls that concern other files: none that the supervisor does not look at is ended by a signal, and none at all
/// whose handler restarts calls.
pub fn other_files(restart: bool) -> Result<()> {
    let dev = Dev::open().expect("open");
    let file = std::fs::File::open("/proc/self/exe").expect("a file");
    storm(150, restart);
    let (mut looked_at, mut others) = (0, 0);
    for _ in 0..3000 {
        let ended = |count: &mut u32, result: Result<()>| match result {
            Err(Errno::EINTR) => *count += 1,
            other => other.expect("a call"),
        };
        let opened = open("/dev/null", OFlag::O_RDONLY, Mode::empty());
        ended(&mut looked_at, opened.map(drop));
        ended(&mut looked_at, fstat(&file).map(drop));
        match Mapping::read_only(&file, 0, 4096) {
            Ok(mapping) => ended(&mut looked_at, mapping.unmap()),
            Err(e) => ended(&mut looked_at, Err(e)),
        }
        let reserved = Mapping::reserve(4096);
        ended(&mut others, reserved.as_ref().map(drop).map_err(|e| *e));
        ended(&mut looked_at, reserved.and_then(Mapping::unmap));
        ended(
            &mut others,
            file.try_clone()
                .map(drop)
                .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(0))),
        );
    }
    storm(0, restart);
    assert!(SIGNALS.load(Ordering::Relaxed) > 200, "no storm");
    assert_eq!(others, 0);
    assert!(!restart || looked_at == 0, "{looked_at} calls were not restarted");
    drop(dev);
    Ok(())
}
