//! What only the out-of-tree driver has: WAIT_CMD, and submissions that wait for syncobjs or signal them.

use nix::errno::Errno;
use xdna_uapi as uapi;
use xdna_uapi::flags::WaitFlags;

use super::caller::{Caller, read_user_vec};
use super::client::ClientId;
use super::exec::Prepared;
use super::fence::Fence;
use super::syncobj_wait::Wait;
use super::{Kmd, Outcome};

impl Kmd {
    /// EXEC_CMD type 1: a job that does nothing once all of the points are signalled. A point without a fence is
    /// waited for too.
    pub(super) fn submit_dependency(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::amdxdna_drm_exec_cmd,
    ) -> Result<Outcome, Errno> {
        let count = arg.cmd_count;
        if count == 0 || count != arg.arg_count || count > uapi::MAX_EXEC_ARGS {
            return Err(Errno::EINVAL);
        }
        let memory = caller.memory();
        let handles: Vec<u32> = read_user_vec(&*memory, arg.cmd_handles, count as usize)?;
        let points: Vec<u64> = read_user_vec(&*memory, arg.args, count as usize)?;
        let client = self.client(id)?;
        let syncobjs = handles
            .iter()
            .map(|&h| client.syncobj(h).cloned().ok_or(Errno::ENOENT));
        let waits = syncobjs
            .zip(points)
            .map(|(syncobj, point)| Ok((syncobj?, point)))
            .collect::<Result<Vec<_>, Errno>>()?;
        self.context(id, arg.hwctx)?;
        self.submit(id, Prepared::wait(arg.hwctx, waits), arg)
    }

    /// EXEC_CMD type 2: a point that is signalled with what the context was given so far.
    pub(super) fn submit_signal(
        &mut self,
        id: ClientId,
        arg: &uapi::amdxdna_drm_exec_cmd,
    ) -> Result<Outcome, Errno> {
        if arg.cmd_count != 1 || arg.arg_count != 1 {
            return Err(Errno::EINVAL);
        }
        let handle = u32::try_from(arg.cmd_handles).map_err(|_| Errno::ENOENT)?;
        let syncobj = self.client(id)?.syncobj(handle).cloned().ok_or(Errno::ENOENT)?;
        let last = self.context(id, arg.hwctx)?.jobs.back().map(|j| j.fence.clone());
        let fence = last.unwrap_or_else(Fence::stub);
        match arg.args {
            0 => syncobj.replace(Some(fence)),
            point => syncobj.add_point(fence, point),
        }
        Ok(Outcome::Done(0))
    }

    pub(super) fn wait_for_command(
        &mut self,
        id: ClientId,
        arg: &uapi::amdxdna_drm_wait_cmd,
    ) -> Result<Outcome, Errno> {
        let now = self.now;
        let context = self.context(id, arg.hwctx)?;
        if arg.seq >= context.next_seq {
            return Err(Errno::EINVAL);
        }
        // Finished commands are gone from the queue; of the others the fence is waited for.
        let fence = context
            .jobs
            .iter()
            .find(|j| j.seq == arg.seq)
            .map(|j| j.fence.clone());
        let deadline = match arg.timeout {
            0 => i64::MAX,
            ms => now.saturating_add(u64::from(ms) * 1_000_000).min(i64::MAX as u64) as i64,
        };
        let syncobj = super::syncobj::Syncobj::new();
        syncobj.replace(Some(fence.unwrap_or_else(Fence::stub)));
        // The struct has no output: the index of the entry goes nowhere.
        let wait = Wait::new(
            std::iter::once((syncobj, 0)),
            WaitFlags::ALL,
            deadline,
            usize::MAX - 4,
        )?;
        self.wait(wait, |_| {})
    }
}
