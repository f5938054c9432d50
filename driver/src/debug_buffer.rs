//! Debug buffers: memory that kernels write for the programmer.

use std::sync::Arc;

use crate::bo::Bo;
use crate::context::{Held, HwContext};
use crate::error::Error;
use crate::features::Feature;
use crate::sys;

/// A DEV buffer attached to a context; detached on drop.
///
/// Linux 6.19 and 7.0 can attach but not detach: there the buffer stays attached, and alive, until the context
/// is destroyed.
#[derive(Debug)]
pub struct DebugBuffer {
    context: HwContext,
    bo: Arc<Bo>,
}

impl HwContext {
    /// Attaches a DEV buffer for debug output; Linux 6.19 and later.
    ///
    /// # Errors
    /// - [`Error::Unsupported`] before.
    /// - `EBUSY`: it is attached already. [`Error::WrongKind`], [`Error::OtherDevice`], [`Error::Viewed`].
    pub fn attach_debug_buffer(&self, bo: &Arc<Bo>) -> Result<DebugBuffer, Error> {
        let inner = &*self.0;
        if !inner.device.supports(Feature::DebugBuffer)? {
            return Err(Error::Unsupported {
                what: "a debug buffer",
                needs: "Linux 6.19",
            });
        }
        let held = Held::new(inner, std::iter::once(bo))?;
        sys::npu::config_debug_bo(inner.device.fd()?, inner.id, bo.handle(), true)
            .map_err(|e| inner.device.0.explain(e))?;
        held.keep();
        Ok(DebugBuffer {
            context: self.clone(),
            bo: Arc::clone(bo),
        })
    }
}

impl DebugBuffer {
    /// Makes the firmware dump what it has, and copies bytes at `offset` out.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], or what the driver answers.
    pub fn read(&self, offset: usize, bytes: &mut [u8]) -> Result<(), Error> {
        self.bo.check_range(offset, bytes.len())?;
        let (dev, size) = (&self.context.0.device, self.bo.size() as u64);
        let from_device = sys::npu::SyncDirection::FromDevice;
        sys::npu::sync_bo(dev.fd()?, self.bo.handle(), from_device, 0, size).map_err(|e| dev.0.explain(e))?;
        self.bo.copy_while_attached(offset, bytes)
    }
}

impl Drop for DebugBuffer {
    fn drop(&mut self) {
        let inner = &*self.context.0;
        if inner.device.0.is_inherited() {
            return;
        }
        match sys::npu::config_debug_bo(inner.device.0.fd(), inner.id, self.bo.handle(), false) {
            Ok(()) => self.bo.usage.leave_command(),
            Err(e) => {
                log::debug!("debug buffer stays attached to context {}: {e}", inner.id);
                inner.keep(Arc::clone(&self.bo));
            }
        }
    }
}
