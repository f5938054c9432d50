//! The hardware contexts of all processes.

use xdna_uapi as uapi;
use xdna_uapi::newer::HwctxEntry;
use zerocopy::{FromZeros, IntoBytes};

use super::text;
use crate::device::{Device, DeviceInner};
use crate::error::{Call, Error};
use crate::features::Feature;
use crate::qos::{Priority, Qos};
use crate::sys;

/// Contexts to make room for at first: four times what any device has.
const ROOM: usize = 64;
/// What the driver lists at most in one call.
const MAX_ENTRIES: usize = 1024;

/// A context of some process. Handles are unique within a process, so (`pid`, `id`) names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Context {
    /// Its handle in its process.
    pub id: u32,
    /// The process that created it.
    pub pid: i64,
    /// First column of its partition.
    pub start_column: u32,
    /// Width of its partition.
    pub columns: u32,
    /// Commands submitted.
    pub submissions: u64,
    /// Commands ended.
    pub completions: u64,
    /// Moves to another partition; mainline drivers say 0.
    pub migrations: u64,
    /// Preemptions by contexts of the same partition; mainline drivers say 0.
    pub preemptions: u64,
    /// Errors; mainline drivers say 0.
    pub errors: u64,
    /// What only newer drivers tell: Linux 6.18.
    pub detail: Option<ContextDetail>,
}

/// What Linux 6.18 and later tell about a context.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContextDetail {
    /// The firmware's number for it.
    pub firmware_id: u32,
    /// QoS it was created with.
    pub qos: Qos,
    /// Bytes its process uses of its device heap.
    pub heap_bytes: u64,
    /// Times it was suspended; mainline drivers say 0.
    pub suspensions: u64,
    /// Whether it works; mainline drivers always say active.
    pub state: ContextState,
    /// Process address space id.
    pub pasid: u32,
    /// Index of the last opcode of its instruction stream.
    pub opcode_index: u32,
    /// Its program counter.
    pub pc: u32,
    /// Kind of fatal error, 0 for none.
    pub fatal_error: u32,
    /// Exception of a fatal error.
    pub exception: u32,
    /// Program counter of that exception.
    pub exception_pc: u32,
    /// Module the error happened in.
    pub module: u32,
    /// Name of its process; staging and out-of-tree drivers.
    pub process: Option<String>,
}

/// Whether a context works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContextState {
    /// Nothing submitted.
    Idle,
    /// Commands under way.
    Active,
    /// A number this crate does not know.
    Other(u32),
}

impl From<u32> for ContextState {
    fn from(raw: u32) -> Self {
        match raw {
            uapi::AMDXDNA_HWCTX_STATE_IDLE => ContextState::Idle,
            uapi::AMDXDNA_HWCTX_STATE_ACTIVE => ContextState::Active,
            other => ContextState::Other(other),
        }
    }
}

impl Device {
    /// The contexts of all processes; staging drivers show other users' contexts to root only.
    ///
    /// # Errors
    /// What the driver answers.
    pub fn contexts(&self) -> Result<Vec<Context>, Error> {
        let list = if self.supports(Feature::ContextArray)? {
            context_array(&self.0, ROOM).and_then(|list| {
                // A full list may be a cut one.
                if list.len() == ROOM {
                    context_array(&self.0, MAX_ENTRIES)
                } else {
                    Ok(list)
                }
            })
        } else {
            context_info(&self.0)
        };
        list.map_err(|e| self.0.explain(e))
    }

    /// A context by its process and its handle there, neither of which is 0; `None` where there is none, or none that is
    /// shown to this process. Staging and out-of-tree drivers.
    ///
    /// # Errors
    /// What the driver answers: `EOPNOTSUPP` or `EINVAL` if it is another one.
    pub fn context_by_id(&self, pid: u32, id: u32) -> Result<Option<Context>, Error> {
        let mut wanted = HwctxEntry::new_zeroed();
        (wanted.base.pid, wanted.base.context_id) = (pid.into(), id);
        let fd = self.0.checked_fd()?;
        let buffer = wanted.as_mut_bytes();
        match sys::npu::get_array(fd, uapi::newer::HW_CONTEXT_BY_ID, 1, buffer) {
            Ok(shape) if shape.elements == 0 => Ok(None),
            Ok(_) => Ok(Some(wanted.into())),
            Err((e, _)) if e.errno() == Some(libc::ENOENT) => Ok(None),
            Err((e, _)) => Err(self.0.explain(e)),
        }
    }
}

/// Up to `room` contexts by `GET_ARRAY`: entries packed at the size the driver returns.
pub(crate) fn context_array(dev: &DeviceInner, room: usize) -> Result<Vec<Context>, Error> {
    let mut buffer = vec![0_u8; room * size_of::<HwctxEntry>()];
    let shape = sys::npu::get_array(
        dev.checked_fd()?,
        uapi::DRM_AMDXDNA_HW_CONTEXT_ALL,
        room,
        &mut buffer,
    )
    .map_err(|(e, _)| e)?;
    let bad = |value| Error::Answer {
        call: Call::GetArray,
        what: "element_size",
        value,
    };
    if shape.elements == 0 {
        return Ok(Vec::new());
    }
    let size = shape.element_size;
    if size == 0 || size.saturating_mul(shape.elements) > buffer.len() {
        return Err(bad(size as u64));
    }
    Ok(buffer
        .chunks_exact(size)
        .take(shape.elements)
        .map(|bytes| entry(bytes).into())
        .collect())
}

/// One entry, of a driver that knows less or more fields than this crate.
fn entry(bytes: &[u8]) -> HwctxEntry {
    let mut entry = HwctxEntry::new_zeroed();
    let known = bytes.len().min(size_of::<HwctxEntry>());
    entry.as_mut_bytes()[..known].copy_from_slice(&bytes[..known]);
    entry
}

/// The contexts by `GET_INFO`, whose `buffer_size` means the bytes required up to Linux 6.17, later the bytes
/// left over.
fn context_info(dev: &DeviceInner) -> Result<Vec<Context>, Error> {
    const SIZE: usize = size_of::<uapi::amdxdna_drm_query_hwctx>();
    let mut room = ROOM;
    loop {
        let mut records = vec![uapi::amdxdna_drm_query_hwctx::default(); room];
        match sys::npu::hw_contexts(dev.checked_fd()?, &mut records) {
            Ok(returned) => {
                let written = if dev.version.level() == 0 {
                    returned
                } else {
                    (room * SIZE).saturating_sub(returned)
                };
                records.truncate(written / SIZE);
                return Ok(records.iter().map(Context::from).collect());
            }
            // Linux to 6.17: too little room.
            Err(e) if e.errno() == Some(libc::EINVAL) && room < MAX_ENTRIES => room *= 4,
            Err(e) => return Err(e),
        }
    }
}

impl From<&uapi::amdxdna_drm_query_hwctx> for Context {
    fn from(raw: &uapi::amdxdna_drm_query_hwctx) -> Self {
        Self {
            id: raw.context_id,
            pid: raw.pid,
            start_column: raw.start_col,
            columns: raw.num_col,
            submissions: raw.command_submissions,
            completions: raw.command_completions,
            migrations: raw.migrations,
            preemptions: raw.preemptions,
            errors: raw.errors,
            detail: None,
        }
    }
}

impl From<HwctxEntry> for Context {
    fn from(raw: HwctxEntry) -> Self {
        let (process, raw) = (text(&raw.name), raw.base);
        Self {
            id: raw.context_id,
            pid: raw.pid,
            start_column: raw.start_col,
            columns: raw.num_col,
            submissions: raw.command_submissions,
            completions: raw.command_completions,
            migrations: raw.migrations,
            preemptions: raw.preemptions,
            errors: raw.errors,
            detail: Some(ContextDetail {
                firmware_id: raw.hwctx_id,
                qos: Qos {
                    gops: raw.gops,
                    fps: raw.fps,
                    dma_bandwidth: raw.dma_bandwidth,
                    latency_ms: raw.latency,
                    frame_exec_time: raw.frame_exec_time,
                    priority: Priority::from(u32::try_from(raw.priority).unwrap_or(u32::MAX)),
                },
                heap_bytes: raw.heap_usage,
                suspensions: raw.suspensions,
                state: raw.state.into(),
                pasid: raw.pasid,
                opcode_index: raw.txn_op_idx,
                pc: raw.ctx_pc,
                fatal_error: raw.fatal_error_type,
                exception: raw.fatal_error_exception_type,
                exception_pc: raw.fatal_error_exception_pc,
                module: raw.fatal_error_app_module,
                process: Some(process).filter(|name| !name.is_empty()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_shorter_and_longer_drivers_are_read() {
        let mut full = HwctxEntry::default();
        full.base.context_id = 7;
        full.base.state = 9;
        full.name[..2].copy_from_slice(b"sh");
        let short = Context::from(entry(&full.as_bytes()[..144]));
        let detail = short.detail.unwrap();
        assert_eq!(
            (short.id, detail.state, detail.process),
            (7, ContextState::Other(9), None)
        );
        let long = [full.as_bytes(), &[0xff; 8]].concat();
        assert_eq!(
            Context::from(entry(&long)).detail.unwrap().process.as_deref(),
            Some("sh")
        );
    }
}
