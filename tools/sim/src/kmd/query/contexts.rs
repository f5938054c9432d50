//! Lists of contexts.

use nix::errno::Errno;
use xdna_uapi as uapi;

use super::users::sees;
use crate::kmd::Kmd;
use crate::kmd::caller::{Caller, write_user};
use crate::kmd::client::Client;
use crate::kmd::context::Context;
use crate::profile::{Feature, Kernel, Level, Rule};

impl Kmd {
    /// Contexts of all listed clients; on staging, those that the caller may see.
    fn listed(&self, caller: &dyn Caller) -> impl Iterator<Item = (&Client, u32, &Context)> {
        let filtered = self.profile.kernel == Kernel::Staging;
        let clients = self.clients.values().filter(|c| c.listed);
        let clients = clients.filter(move |c| !filtered || sees(caller, c));
        clients.flat_map(|c| {
            c.contexts
                .iter()
                .map(move |(&handle, context)| (c, handle, context))
        })
    }

    pub(super) fn hw_contexts(
        &mut self,
        caller: &dyn Caller,
        arg: &mut uapi::amdxdna_drm_get_info,
    ) -> Result<(), Errno> {
        let all: Vec<_> = self
            .listed(caller)
            .map(|(client, handle, c)| uapi::amdxdna_drm_query_hwctx {
                context_id: handle,
                start_col: c.columns.start,
                num_col: c.columns.width,
                pid: i64::from(client.pid),
                command_submissions: c.submissions,
                command_completions: c.completions,
                ..Default::default()
            })
            .collect();
        let record = size_of::<uapi::amdxdna_drm_query_hwctx>();
        let given = arg.buffer_size;
        if self.profile.kernel.level() == Level::L0 {
            arg.buffer_size = (all.len() * record) as u32;
            self.deny(Rule::HwContextsSize, given < arg.buffer_size, Errno::EINVAL)?;
        }
        let count = all.len().min(given as usize / record);
        write_user(&*caller.memory(), arg.buffer, &all[..count])?;
        if self.profile.kernel.level() > Level::L0 {
            arg.buffer_size = given - (count * record) as u32;
        }
        Ok(())
    }

    /// Entries of all listed contexts, as GET_ARRAY tells them.
    pub(super) fn context_entries(&self, caller: &dyn Caller) -> Vec<uapi::newer::HwctxEntry> {
        self.listed(caller)
            .map(|(client, handle, context)| self.entry(client, handle, context))
            .collect()
    }

    /// The entry of one context.
    fn entry(&self, client: &Client, handle: u32, c: &Context) -> uapi::newer::HwctxEntry {
        let health = c.health.filter(|_| self.profile.has(Feature::AppHealth));
        let health = |f: fn(&uapi::ert::HealthRecord) -> u32| health.as_ref().map_or(0, f);
        let base = uapi::amdxdna_drm_hwctx_entry {
            context_id: handle,
            start_col: c.columns.start,
            num_col: c.columns.width,
            pid: i64::from(client.pid),
            command_submissions: c.submissions,
            command_completions: c.completions,
            priority: u64::from(c.qos.priority),
            heap_usage: client.heap.as_ref().map_or(0, |h| h.used()),
            state: uapi::AMDXDNA_HWCTX_STATE_ACTIVE,
            gops: c.qos.gops,
            fps: c.qos.fps,
            dma_bandwidth: c.qos.dma_bandwidth,
            latency: c.qos.latency,
            frame_exec_time: c.qos.frame_exec_time,
            txn_op_idx: health(|h| h.txn_op_idx.get()),
            ctx_pc: health(|h| h.ctx_pc.get()),
            fatal_error_type: health(|h| h.fatal_error_type.get()),
            fatal_error_exception_type: health(|h| h.fatal_error_exception_type.get()),
            fatal_error_exception_pc: health(|h| h.fatal_error_exception_pc.get()),
            fatal_error_app_module: health(|h| h.fatal_error_app_module.get()),
            ..Default::default()
        };
        let mut name = [0; 16];
        let comm = std::fs::read(format!("/proc/{}/comm", client.pid)).unwrap_or_default();
        let comm = comm.strip_suffix(b"\n").unwrap_or(&comm);
        let len = comm.len().min(name.len() - 1);
        name[..len].copy_from_slice(&comm[..len]);
        uapi::newer::HwctxEntry { base, name }
    }

    /// The entry of one context by process and handle.
    pub(super) fn entry_by_id(
        &self,
        caller: &dyn Caller,
        pid: i64,
        handle: u32,
    ) -> Option<uapi::newer::HwctxEntry> {
        let found = self
            .listed(caller)
            .find(|(c, h, _)| i64::from(c.pid) == pid && *h == handle);
        found.map(|(client, handle, context)| self.entry(client, handle, context))
    }
}
