//! CONFIG_HWCTX: compute units, debug buffers.

use nix::errno::Errno;
use xdna_uapi as uapi;

use super::bo::Kind;
use super::caller::Caller;
use super::client::ClientId;
use super::{Kmd, Outcome};
use crate::profile::{Kernel, Rule};

impl Kmd {
    pub(super) fn config_hwctx(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &uapi::amdxdna_drm_config_hwctx,
    ) -> Result<Outcome, Errno> {
        self.deny(Rule::PadZero, arg.pad != 0, Errno::EINVAL)?;
        let cu = arg.param_type == uapi::DRM_AMDXDNA_HWCTX_CONFIG_CU;
        let bytes = if cu {
            self.read_cu_config(caller, arg)?
        } else {
            Vec::new()
        };
        if !self.client(id)?.contexts.contains_key(&arg.handle) {
            return Err(Errno::EINVAL);
        }
        let known = arg.param_type <= uapi::DRM_AMDXDNA_HWCTX_REMOVE_DBG_BUF;
        self.deny(Rule::ConfigType, !known, Errno::EINVAL)?;
        let delay = self.power_up(id)?;
        match arg.param_type {
            uapi::DRM_AMDXDNA_HWCTX_CONFIG_CU => self.configure_cus(id, arg.handle, &bytes)?,
            uapi::DRM_AMDXDNA_HWCTX_ASSIGN_DBG_BUF => self.assign_debug(id, arg.handle, arg.param_val)?,
            uapi::DRM_AMDXDNA_HWCTX_REMOVE_DBG_BUF => self.remove_debug(id, arg.handle, arg.param_val)?,
            _ => {}
        }
        Ok(self.after(delay))
    }

    fn read_cu_config(
        &self,
        caller: &dyn Caller,
        arg: &uapi::amdxdna_drm_config_hwctx,
    ) -> Result<Vec<u8>, Errno> {
        self.deny(Rule::ConfigSize, arg.param_val_size > 4096, Errno::E2BIG)?;
        let mut bytes = vec![0; arg.param_val_size as usize];
        caller.memory().read(arg.param_val, &mut bytes)?;
        Ok(bytes)
    }

    fn configure_cus(&mut self, id: ClientId, handle: u32, bytes: &[u8]) -> Result<(), Errno> {
        let mut head = [0u8; 8];
        let have = bytes.len().min(8);
        head[..have].copy_from_slice(&bytes[..have]);
        let count = usize::from(u16::from_le_bytes([head[0], head[1]]));
        self.deny(Rule::PadZero, head[2..].iter().any(|&b| b != 0), Errno::EINVAL)?;
        let fits = 8 + 8 * count <= bytes.len();
        self.deny(
            Rule::CuCount,
            count == 0 || !fits || count > uapi::MAX_CUS,
            Errno::EINVAL,
        )?;
        let again = self.context(id, handle)?.cus.is_some();
        self.deny(Rule::CuOnce, again, Errno::EINVAL)?;
        let mut cus = Vec::new();
        for entry in bytes.get(8..).unwrap_or_default().chunks_exact(8).take(count) {
            let cu = uapi::amdxdna_cu_config {
                cu_bo: u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]),
                cu_func: entry[4],
                pad: [entry[5], entry[6], entry[7]],
            };
            self.deny(Rule::PadZero, cu.pad != [0; 3], Errno::EINVAL)?;
            let dev = self
                .client(id)?
                .bos
                .get(cu.cu_bo)
                .is_some_and(|b| b.kind == Kind::Dev);
            self.deny(Rule::CuBo, !dev, Errno::EINVAL)?;
            cus.push(cu);
        }
        let pdis = self.load_pdis(id, &cus)?;
        if pdis.is_none() && self.profile.kernel <= Kernel::V6_18 {
            return Err(Errno::EINVAL);
        }
        let context = self.context(id, handle)?;
        context.cus = Some(cus);
        context.broken = pdis.is_none();
        context.pdis = pdis.unwrap_or_default();
        Ok(())
    }
}
