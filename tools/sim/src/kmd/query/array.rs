//! GET_ARRAY.

use nix::errno::Errno;
use xdna_uapi as uapi;
use zerocopy::IntoBytes;

use super::dpt::Stream;
use crate::kmd::bo::Kind;
use crate::kmd::caller::{Caller, read_user};
use crate::kmd::client::Client;
use crate::kmd::{ClientId, Kmd, Outcome};
use crate::profile::{Kernel, Level, Rule};

impl Kmd {
    pub(in crate::kmd) fn get_array(
        &mut self,
        _id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::amdxdna_drm_get_array,
    ) -> Result<Outcome, Errno> {
        self.deny(Rule::PadZero, arg.pad != 0, Errno::EINVAL)?;
        self.deny(
            Rule::ArraySize,
            arg.element_size == 0 || arg.num_element == 0,
            Errno::EINVAL,
        )?;
        let ready = self.wake(caller)?;
        match arg.param {
            uapi::DRM_AMDXDNA_HW_CONTEXT_ALL => {
                let large = arg.element_size > 4096 || arg.num_element > 1024;
                self.deny(Rule::ArraySize, large, Errno::EINVAL)?;
                let entries = self.context_entries(caller);
                let size = self.entry_bytes();
                let entries: Vec<&[u8]> = entries.iter().map(|e| &e.as_bytes()[..size]).collect();
                put_elements(caller, arg, &entries, size)?;
            }
            uapi::newer::HW_CONTEXT_BY_ID if self.has_names() => {
                self.deny(Rule::ArraySize, arg.num_element != 1, Errno::EINVAL)?;
                let wanted: uapi::amdxdna_drm_hwctx_entry = read_user(&*caller.memory(), arg.buffer)?;
                if wanted.pid == 0 || wanted.context_id == 0 {
                    return Err(Errno::EINVAL);
                }
                let entry = self
                    .entry_by_id(caller, wanted.pid, wanted.context_id)
                    .ok_or(Errno::ENOENT)?;
                put_elements(caller, arg, &[entry.as_bytes()], size_of_val(&entry))?;
            }
            uapi::DRM_AMDXDNA_HW_LAST_ASYNC_ERR => {
                self.since(Level::L6)?;
                let error = self.async_error;
                put_elements(caller, arg, &[error.as_bytes()], size_of_val(&error))?;
            }
            uapi::newer::FW_LOG => return self.dpt_payload(caller, arg, Stream::Log),
            uapi::newer::FW_TRACE => return self.dpt_payload(caller, arg, Stream::Trace),
            uapi::newer::FW_LOG_CONFIG => self.dpt_state(caller, arg, Stream::Log)?,
            uapi::newer::FW_TRACE_CONFIG => self.dpt_state(caller, arg, Stream::Trace)?,
            uapi::newer::AIE_COREDUMP => self.coredump(caller, arg)?,
            uapi::newer::AIE_TILE_READ => self.read_tile(caller, arg)?,
            uapi::DRM_AMDXDNA_BO_USAGE => {
                self.since(Level::L8)?;
                self.deny(Rule::ArraySize, arg.num_element != 1, Errno::EINVAL)?;
                let pid: i64 = read_user(&*caller.memory(), arg.buffer)?;
                self.deny(Rule::UsagePid, pid == 0, Errno::EINVAL)?;
                let usage = self.usage(pid);
                put_elements(caller, arg, &[usage.as_bytes()], size_of_val(&usage))?;
            }
            _ => return Err(Errno::EOPNOTSUPP),
        }
        Ok(self.after(ready))
    }

    /// True where context entries end in the process's name.
    fn has_names(&self) -> bool {
        self.profile.kernel >= Kernel::Staging
    }

    fn entry_bytes(&self) -> usize {
        let names = size_of::<uapi::newer::HwctxEntry>();
        if self.has_names() {
            names
        } else {
            size_of::<uapi::amdxdna_drm_hwctx_entry>()
        }
    }

    /// Memory of the clients of a process.
    pub fn usage(&self, pid: i64) -> uapi::amdxdna_drm_bo_usage {
        let mut usage = uapi::amdxdna_drm_bo_usage {
            pid,
            ..Default::default()
        };
        for client in self.clients.values().filter(|c| i64::from(c.pid) == pid) {
            let one = self.usage_of(client);
            usage.total_usage += one.total_usage;
            usage.internal_usage += one.internal_usage;
            usage.heap_usage += one.heap_usage;
        }
        usage
    }

    /// Memory of one client.
    pub(in crate::kmd) fn usage_of(&self, client: &Client) -> uapi::amdxdna_drm_bo_usage {
        let mut usage = uapi::amdxdna_drm_bo_usage {
            pid: i64::from(client.pid),
            ..Default::default()
        };
        for (_, bo) in client
            .bos
            .iter()
            .filter(|(_, b)| b.kind != Kind::Dev && !b.imported)
        {
            usage.total_usage += bo.size;
            let internal = matches!(bo.kind, Kind::Cmd | Kind::Heap);
            usage.internal_usage += if internal { bo.size } else { 0 };
        }
        // One counter of the heap: the command slots of contexts are DEV buffers, too.
        usage.heap_usage = client.heap.as_ref().map_or(0, |h| h.used());
        usage
    }
}

/// Packs elements at the returned element size.
fn put_elements(
    caller: &dyn Caller,
    arg: &mut uapi::amdxdna_drm_get_array,
    elements: &[&[u8]],
    kernel_size: usize,
) -> Result<(), Errno> {
    let size = (arg.element_size as usize).min(kernel_size);
    let count = elements.len().min(arg.num_element as usize);
    let bytes: Vec<u8> = elements[..count]
        .iter()
        .flat_map(|e| e[..size].iter().copied())
        .collect();
    caller.memory().write(arg.buffer, &bytes)?;
    arg.element_size = size as u32;
    arg.num_element = count as u32;
    Ok(())
}
