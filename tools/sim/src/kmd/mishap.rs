//! What a fault script does to the device.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;

use super::Kmd;
use super::client::ClientId;
use crate::fault::Mishap;
use crate::firmware::CreateContext;

/// An ECC error of a core module: number 9, driver 4, severity 3, module 3, class 2.
const CORE_ECC: u64 = 9 | 4 << 16 | 3 << 24 | 3 << 32 | 2 << 40;
/// Column 1, row 2.
const WHERE: u64 = 1 | 2 << 8;

impl Kmd {
    pub(super) fn mishap(&mut self, mishap: Mishap) -> Result<(), Errno> {
        match mishap {
            Mishap::Unplug => {
                self.cancel_everything();
                self.unplugged = true;
                return Err(Errno::ENODEV);
            }
            Mishap::Reset => self.cancel_everything(),
            Mishap::Suspend => {
                let busy = self
                    .clients
                    .values()
                    .any(|c| c.contexts.values().any(|x| !x.jobs.is_empty()));
                self.powered = busy;
            }
            Mishap::Steal => {
                // Another process holds it for good: nobody here can give it back.
                let stolen = self.firmware.create(CreateContext {
                    owner: ClientId(0),
                    priority: 2,
                    limited: true,
                });
                log::info!("another process takes a context: {stolen:?}");
            }
            Mishap::Async => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                self.async_error = xdna_uapi::amdxdna_async_error {
                    err_code: CORE_ECC,
                    ts_us: now.as_micros() as u64,
                    ex_err_code: WHERE,
                };
                self.tell_async_error();
            }
        }
        Ok(())
    }

    fn cancel_everything(&mut self) {
        let contexts: Vec<(ClientId, u32)> = self
            .clients
            .iter()
            .flat_map(|(&id, c)| c.contexts.keys().map(move |&h| (id, h)))
            .collect();
        for (id, handle) in contexts {
            self.cancel_jobs(id, handle, xdna_uapi::ert::state::ABORT);
        }
    }
}
