//! What only the out-of-tree driver has: WAIT_CMD.

use nix::errno::Errno;
use xdna_uapi as uapi;
use xdna_uapi::flags::WaitFlags;

use super::client::ClientId;
use super::syncobj_wait::Wait;
use super::{Kmd, Outcome};

impl Kmd {
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
        syncobj.replace(Some(fence.unwrap_or_else(super::fence::Fence::stub)));
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
