//! Hardware contexts.

use xdna_uapi::*;

use super::{Client, area, words};
use crate::check::Fail;
use crate::env::Env;

/// A context's handle and syncobj.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The handle.
    pub handle: u32,
    /// The syncobj that carries its fences.
    pub syncobj: u32,
    /// `umq_doorbell` on return.
    pub doorbell: u32,
}

/// What a query tells of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its handle, unique in its process.
    pub handle: u32,
    /// First column.
    pub start_col: u32,
    /// Columns.
    pub num_col: u32,
    /// Its process.
    pub pid: u64,
    /// Commands submitted.
    pub submissions: u64,
    /// Commands completed.
    pub completions: u64,
}

/// QoS by its words: gops, fps, dma_bandwidth, latency, frame_exec_time, priority. The two words behind are those of
/// the out-of-tree driver: no preferred column.
pub fn qos(gops: u32, fps: u32, latency: u32, priority: u32) -> [u32; 8] {
    [gops, fps, 0, latency, 0, priority, 0xff, 0]
}

impl Client {
    /// A context of `columns` columns with default QoS.
    pub fn context(&self, columns: u32) -> Result<Context, Fail> {
        self.context_with(columns * Env::CORE_ROWS, 0, qos(0, 0, 0, 0))
    }

    /// A context with any number of tiles, operations per cycle and QoS.
    pub fn context_with(&self, tiles: u32, max_opc: u32, qos: [u32; 8]) -> Result<Context, Fail> {
        let qos = words(&qos)?;
        self.create_hwctx(amdxdna_drm_create_hwctx {
            qos_p: qos.addr(),
            num_tiles: tiles,
            max_opc,
            ..Default::default()
        })
    }

    /// CREATE_HWCTX as given.
    pub fn create_hwctx(&self, mut arg: amdxdna_drm_create_hwctx) -> Result<Context, Fail> {
        self.call(request::DRM_IOCTL_AMDXDNA_CREATE_HWCTX, &mut arg)?;
        Ok(Context {
            handle: arg.handle,
            syncobj: arg.syncobj_handle,
            doorbell: arg.umq_doorbell,
        })
    }

    /// Every live context of the device, by the query that every level has.
    pub fn contexts(&self) -> Result<Vec<Listed>, Fail> {
        const ENTRY: usize = size_of::<amdxdna_drm_query_hwctx>();
        let list = area(64 * ENTRY)?;
        // Unused entries keep their zeros: a context's process is never 0.
        self.get_info(DRM_AMDXDNA_QUERY_HW_CONTEXTS, &list, (64 * ENTRY) as u32)?;
        let entries = (0..64).map(|n| n * ENTRY).map(|at| Listed {
            handle: list.word(at),
            start_col: list.word(at + 4),
            num_col: list.word(at + 8),
            pid: list.long(at + 16),
            submissions: list.long(at + 24),
            completions: list.long(at + 32),
        });
        Ok(entries.take_while(|entry| entry.pid != 0).collect())
    }

    /// Goes on only if the device has this many contexts altogether.
    pub fn sole(&self, contexts: usize) -> Result<(), Fail> {
        if self.contexts()?.len() == contexts {
            Ok(())
        } else {
            Err(Fail::Needs("a device that nobody else uses"))
        }
    }

    /// True if a context of this process is listed.
    pub fn lists_this_process(&self) -> Result<bool, Fail> {
        Ok(self
            .contexts()?
            .iter()
            .any(|entry| entry.pid == u64::from(std::process::id())))
    }

    /// DESTROY_HWCTX.
    pub fn destroy_hwctx(&self, handle: u32) -> Result<(), Fail> {
        self.call(
            request::DRM_IOCTL_AMDXDNA_DESTROY_HWCTX,
            &mut amdxdna_drm_destroy_hwctx { handle, pad: 0 },
        )
    }

    /// CONFIG_HWCTX as given.
    pub fn config_hwctx(&self, mut arg: amdxdna_drm_config_hwctx) -> Result<(), Fail> {
        self.call(request::DRM_IOCTL_AMDXDNA_CONFIG_HWCTX, &mut arg)
    }

    /// CONFIG_CU with these compute units: (buffer object, function).
    pub fn config_cu(&self, context: u32, units: &[(u32, u32)]) -> Result<(), Fail> {
        let mut payload = vec![units.len() as u32, 0];
        payload.extend(units.iter().flat_map(|(bo, func)| [*bo, *func]));
        self.config_cu_raw(context, &payload, 4 * payload.len() as u32)
    }

    /// CONFIG_CU with any payload, of which `size` bytes are offered.
    pub fn config_cu_raw(&self, context: u32, payload: &[u32], size: u32) -> Result<(), Fail> {
        let area = words(payload)?;
        self.config_hwctx(amdxdna_drm_config_hwctx {
            handle: context,
            param_type: DRM_AMDXDNA_HWCTX_CONFIG_CU,
            param_val: area.addr(),
            param_val_size: size,
            pad: 0,
        })
    }

    /// Attaches or detaches a debug buffer.
    pub fn debug_bo(&self, context: u32, attach: bool, bo: u32) -> Result<(), Fail> {
        let param_type = if attach {
            DRM_AMDXDNA_HWCTX_ASSIGN_DBG_BUF
        } else {
            DRM_AMDXDNA_HWCTX_REMOVE_DBG_BUF
        };
        let param_val = bo.into();
        self.config_hwctx(amdxdna_drm_config_hwctx {
            handle: context,
            param_type,
            param_val,
            ..Default::default()
        })
    }
}
