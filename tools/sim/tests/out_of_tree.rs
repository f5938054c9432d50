//! Submissions of the out-of-tree driver that wait for syncobjs or signal them.

mod support;

use std::process::ExitCode;

use nix::errno::Errno;
use support::*;
use xdna_sim::Npu;
use xdna_sim::profile::Kernel;
use xdna_uapi as uapi;
use xdna_uapi::request::*;

fn syncobj(dev: &Dev) -> Result<u32> {
    let mut arg = uapi::drm_syncobj_create::default();
    dev.call(DRM_IOCTL_SYNCOBJ_CREATE, &mut arg)?;
    Ok(arg.handle)
}

/// EXEC_CMD of types 1 and 2.
fn submit(dev: &Dev, ctx: Ctx, type_: u32, cmd_handles: u64, args: u64, count: u32) -> Result<u64> {
    let mut arg = uapi::amdxdna_drm_exec_cmd {
        hwctx: ctx.handle,
        type_,
        cmd_handles,
        args,
        cmd_count: count,
        arg_count: count,
        ..Default::default()
    };
    dev.call(DRM_IOCTL_AMDXDNA_EXEC_CMD, &mut arg)?;
    Ok(arg.seq)
}

fn submissions_wait_and_signal_out_of_tree() -> Result<()> {
    let npu = Npu::strix().kernel(Kernel::Oot);
    npu.run(|| {
        let dev = Dev::open().expect("the node");
        let (_heap, first) = dev.ready()?;
        let second = dev.context()?;
        // The PDI of `ready`, behind the heap.
        dev.configure(second, 2)?;
        let gate = Ctx {
            handle: 0,
            syncobj: syncobj(&dev)?,
        };
        let (handles, points) = ([gate.syncobj], [5u64]);
        let wait = |ctx| submit(&dev, ctx, 1, handles.as_ptr() as u64, points.as_ptr() as u64, 1);
        // The second context waits for point 5, which the first one signals behind its command.
        assert_eq!(wait(second)?, 0);
        let (early, late) = (dev.command()?, dev.command()?);
        assert_eq!(dev.exec(second, late.handle, &[])?, 1);
        assert_eq!(dev.wait(second, 1, SECOND / 20), Err(Errno::ETIME));
        assert_eq!(state_of(&late), xdna_uapi::ert::state::NEW);
        dev.exec(first, early.handle, &[])?;
        submit(&dev, first, 2, gate.syncobj.into(), 5, 1)?;
        dev.wait(gate, 5, SECOND)?;
        dev.wait(second, 1, SECOND)?;
        assert_eq!((state_of(&early), state_of(&late)), (COMPLETED, COMPLETED));
        assert_eq!(
            submit(&dev, first, 1, handles.as_ptr() as u64, points.as_ptr() as u64, 0),
            Err(Errno::EINVAL)
        );
        assert_eq!(submit(&dev, first, 2, 99, 5, 1), Err(Errno::ENOENT));
        assert_eq!(
            submit(&dev, first, 1, 8, points.as_ptr() as u64, 1),
            Err(Errno::EFAULT)
        );
        Ok(())
    })
    .expect("a device")
}

const TESTS: &[trials::Named] = &[(
    "submissions_wait_and_signal_out_of_tree",
    submissions_wait_and_signal_out_of_tree,
)];

fn main() -> ExitCode {
    trials::run(TESTS)
}
