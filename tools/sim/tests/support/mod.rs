//! A client of the node by bare system calls.
#![allow(dead_code)] // each test binary uses its own part

pub mod caches;
pub mod images;
pub mod mappings;
#[allow(unsafe_code)]
pub mod sys;
pub mod trials;

use std::fs::{File, OpenOptions};
use std::io;

use nix::errno::Errno;
use xdna_uapi as uapi;
use xdna_uapi::ert::{Header, opcode, state};
use xdna_uapi::request::*;

pub use sys::Mapping;

pub type Result<T, E = Errno> = std::result::Result<T, E>;

/// An open node.
pub struct Dev {
    pub file: File,
}

/// A context and its syncobj.
#[derive(Clone, Copy, Debug)]
pub struct Ctx {
    pub handle: u32,
    pub syncobj: u32,
}

/// A mapped buffer object.
pub struct Bo {
    pub handle: u32,
    pub map: Mapping,
}

impl Dev {
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            file: OpenOptions::new()
                .read(true)
                .write(true)
                .open("/dev/accel/accel0")?,
        })
    }

    pub fn call<T>(&self, request: u32, arg: &mut T) -> Result<()> {
        sys::ioctl(&self.file, request, arg)
    }

    pub fn create_bo(&self, kind: u32, size: u64) -> Result<u32> {
        let mut arg = uapi::amdxdna_drm_create_bo {
            size,
            type_: kind,
            ..Default::default()
        };
        self.call(DRM_IOCTL_AMDXDNA_CREATE_BO, &mut arg)?;
        Ok(arg.handle)
    }

    pub fn info(&self, handle: u32) -> Result<uapi::amdxdna_drm_get_bo_info> {
        let mut arg = uapi::amdxdna_drm_get_bo_info {
            handle,
            ..Default::default()
        };
        self.call(DRM_IOCTL_AMDXDNA_GET_BO_INFO, &mut arg)?;
        Ok(arg)
    }

    pub fn map(&self, handle: u32, size: usize) -> Result<Mapping> {
        Mapping::new(&self.file, self.info(handle)?.map_offset, size)
    }

    pub fn bo(&self, kind: u32, size: u64) -> Result<Bo> {
        let handle = self.create_bo(kind, size)?;
        Ok(Bo {
            handle,
            map: self.map(handle, size as usize)?,
        })
    }

    pub fn heap(&self) -> Result<Bo> {
        self.bo(uapi::AMDXDNA_BO_DEV_HEAP, uapi::DEV_HEAP_CHUNK)
    }

    pub fn close(&self, handle: u32) -> Result<()> {
        self.call(DRM_IOCTL_GEM_CLOSE, &mut uapi::drm_gem_close { handle, pad: 0 })
    }

    /// A context of one column, not configured.
    pub fn context(&self) -> Result<Ctx> {
        let qos = uapi::amdxdna_qos_info::default();
        let mut arg = uapi::amdxdna_drm_create_hwctx {
            qos_p: &raw const qos as u64,
            max_opc: 2048,
            num_tiles: 4,
            ..Default::default()
        };
        self.call(DRM_IOCTL_AMDXDNA_CREATE_HWCTX, &mut arg)?;
        Ok(Ctx {
            handle: arg.handle,
            syncobj: arg.syncobj_handle,
        })
    }

    /// Configures one compute unit from the DEV buffer `pdi`.
    pub fn configure(&self, ctx: Ctx, pdi: u32) -> Result<()> {
        let config: [u32; 4] = [1, 0, pdi, 0];
        let mut arg = uapi::amdxdna_drm_config_hwctx {
            handle: ctx.handle,
            param_val: &raw const config as u64,
            param_val_size: 16,
            ..Default::default()
        };
        self.call(DRM_IOCTL_AMDXDNA_CONFIG_HWCTX, &mut arg)
    }

    /// A DEV buffer with `bytes`, in the heap mapped at `heap`.
    pub fn loaded(&self, heap: &Mapping, bytes: &[u8]) -> Result<(u32, u64)> {
        let handle = self.create_bo(uapi::AMDXDNA_BO_DEV, bytes.len() as u64)?;
        let address = self.info(handle)?.xdna_addr;
        let at = (address - uapi::DEV_HEAP_BASE) as usize / 4;
        for (i, word) in bytes.chunks_exact(4).enumerate() {
            heap.store(at + i, u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        }
        Ok((handle, address))
    }

    /// Flushes a range of a buffer by SYNC_BO.
    pub fn flush(&self, handle: u32, offset: u64, size: u64) -> Result<()> {
        let mut arg = uapi::amdxdna_drm_sync_bo {
            handle,
            direction: uapi::SYNC_DIRECT_TO_DEVICE,
            offset,
            size,
        };
        self.call(DRM_IOCTL_AMDXDNA_SYNC_BO, &mut arg)
    }

    /// A heap, a context and one compute unit.
    pub fn ready(&self) -> Result<(Bo, Ctx)> {
        let heap = self.heap()?;
        let ctx = self.context()?;
        let (pdi, _) = self.loaded(&heap.map, &images::empty_pdi())?;
        self.configure(ctx, pdi)?;
        Ok((heap, ctx))
    }

    /// A command buffer with a START_CU packet of three words.
    pub fn command(&self) -> Result<Bo> {
        let bo = self.bo(uapi::AMDXDNA_BO_CMD, 4096)?;
        write_command(&bo);
        Ok(bo)
    }

    pub fn exec(&self, ctx: Ctx, command: u32, args: &[u32]) -> Result<u64> {
        let mut arg = uapi::amdxdna_drm_exec_cmd {
            hwctx: ctx.handle,
            cmd_handles: command.into(),
            args: args.as_ptr() as u64,
            cmd_count: 1,
            arg_count: args.len() as u32,
            ..Default::default()
        };
        self.call(DRM_IOCTL_AMDXDNA_EXEC_CMD, &mut arg)?;
        Ok(arg.seq)
    }

    /// Waits for a point until `deadline` nanoseconds from now.
    pub fn wait(&self, ctx: Ctx, point: u64, deadline: i64) -> Result<()> {
        let timeout_nsec = sys::now_ns().saturating_add(deadline);
        let mut arg = uapi::drm_syncobj_timeline_wait {
            handles: &raw const ctx.syncobj as u64,
            points: &raw const point as u64,
            timeout_nsec,
            count_handles: 1,
            flags: uapi::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,
            ..Default::default()
        };
        self.call(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut arg)
    }

    pub fn destroy(&self, ctx: Ctx) -> Result<()> {
        let mut arg = uapi::amdxdna_drm_destroy_hwctx {
            handle: ctx.handle,
            pad: 0,
        };
        self.call(DRM_IOCTL_AMDXDNA_DESTROY_HWCTX, &mut arg)
    }

    /// Submissions and completions of all listed contexts.
    pub fn counters(&self) -> Result<Vec<uapi::amdxdna_drm_query_hwctx>> {
        let mut entries = [uapi::amdxdna_drm_query_hwctx::default(); 64];
        let given = size_of_val(&entries) as u32;
        let mut arg = uapi::amdxdna_drm_get_info {
            param: uapi::DRM_AMDXDNA_QUERY_HW_CONTEXTS,
            buffer_size: given,
            buffer: &raw mut entries as u64,
        };
        self.call(DRM_IOCTL_AMDXDNA_GET_INFO, &mut arg)?;
        Ok(entries.into_iter().filter(|e| e.context_id != 0).collect())
    }
}

pub fn write_command(bo: &Bo) {
    bo.map.store(2, 3);
    bo.map.store(3, 0);
    bo.map.store(1, 1);
    bo.map.store(0, Header::new(opcode::START_CU, 3).0);
}

/// A packet that runs `bytes` of control code at `code` with buffer arguments.
pub fn write_transaction(bo: &Bo, code: u64, bytes: usize, buffers: &[u64]) {
    let mut words = vec![1, 3, 0, code as u32, (code >> 32) as u32, bytes as u32 / 4];
    words.extend(buffers.iter().flat_map(|&b| [b as u32, (b >> 32) as u32]));
    for (i, &word) in words.iter().enumerate() {
        bo.map.store(1 + i, word);
    }
    bo.map
        .store(0, Header::new(opcode::START_CU, words.len() as u32).0);
}

pub fn state_of(bo: &Bo) -> u32 {
    Header(bo.map.load(0)).state()
}

pub const SECOND: i64 = 1_000_000_000;
pub const COMPLETED: u32 = state::COMPLETED;
