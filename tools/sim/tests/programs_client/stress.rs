//! Eight threads of one process, each with its context, and faults.

use std::sync::Arc;

use nix::errno::Errno;
use xdna_uapi::ert::state;

use crate::support::*;

const THREADS: u64 = 8;
/// Commands per thread; XDNA_STRESS asks for another number.
const COMMANDS: u64 = 300;

/// Every submission ends in a terminal state, and the driver's counters agree.
pub fn run() -> Result<()> {
    let commands = std::env::var("XDNA_STRESS")
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(COMMANDS);
    let dev = Arc::new(Dev::open().expect("open"));
    let heap = dev.heap()?;
    let (pdi, _) = dev.loaded(&heap.map, &images::empty_pdi())?;
    let before = descriptors();
    let worker = |dev: Arc<Dev>| std::thread::spawn(move || worker(&dev, pdi, commands));
    let threads: Vec<_> = (0..THREADS).map(|_| worker(dev.clone())).collect();
    let mut ended = [0u64; 16];
    for thread in threads {
        for (total, n) in ended.iter_mut().zip(thread.join().expect("a thread")?) {
            *total += n;
        }
    }
    assert_eq!(ended.iter().sum::<u64>(), THREADS * commands, "{ended:?}");
    assert!(
        ended[state::COMPLETED as usize] > 0 && ended[state::ERROR as usize] > 0,
        "{ended:?}"
    );
    assert_eq!(descriptors(), before, "a descriptor leaked");
    // The next handle is the lowest free one: heap, PDI, and nothing else is left.
    dev.close(pdi)?;
    assert_eq!(dev.create_bo(xdna_uapi::AMDXDNA_BO_SHARE, 4096)?, pdi);
    assert_eq!(dev.create_bo(xdna_uapi::AMDXDNA_BO_SHARE, 4096)?, pdi + 1);
    drop(heap);
    Ok(())
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("fd").count()
}

/// How many commands ended in which state.
fn worker(dev: &Dev, pdi: u32, commands: u64) -> Result<[u64; 16]> {
    let ctx = dev.context()?;
    dev.configure(ctx, pdi)?;
    let command = dev.command()?;
    let mut ended = [0; 16];
    for _ in 0..commands {
        write_command(&command);
        let seq = loop {
            match dev.exec(ctx, command.handle, &[]) {
                Err(Errno::ENOMEM) => {}
                other => break other?,
            }
        };
        // Progress of any context restarts the clock of a hanging one: it may wait for the end of all others.
        dev.wait(ctx, seq, 600 * SECOND)?;
        let end = state_of(&command);
        assert!(state::is_terminal(end), "command {seq} is lost in state {end}");
        ended[end as usize] += 1;
    }
    let own = |c: &xdna_uapi::amdxdna_drm_query_hwctx| {
        c.context_id == ctx.handle && c.pid == i64::from(std::process::id())
    };
    let mine = dev.counters()?.into_iter().find(own).expect("the context");
    assert_eq!(
        (mine.command_submissions, mine.command_completions),
        (commands, commands)
    );
    dev.destroy(ctx)?;
    let mut syncobj = xdna_uapi::drm_syncobj_destroy {
        handle: ctx.syncobj,
        pad: 0,
    };
    dev.call(xdna_uapi::request::DRM_IOCTL_SYNCOBJ_DESTROY, &mut syncobj)?;
    dev.close(command.handle)?;
    Ok(ended)
}
