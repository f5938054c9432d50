//! Coherence mode: which clients' caches are between them and the device, and what is said about it.
//!
//! Cache-line instructions are seen by nobody here; SYNC_BO is. A client that flushes by SYNC_BO has its buffers behind
//! incoherent caches from then on, and what firmware read at its CONFIG_CU before was not flushed. Any other gets one
//! warning when its first command runs, and counts as coherent. So do the memory of user pointers and imported buffers, which SYNC_BO refuses to flush from 7.2 on.

use nix::errno::Errno;

use super::Kmd;
use super::bo::{Bo, Place};
use super::client::ClientId;
use super::device_memory::{ClientMemory, Stale};
use crate::firmware::DeviceMemory;
use crate::profile::Kernel;

impl Kmd {
    /// A client flushed a range of a buffer.
    pub(super) fn flush(&mut self, id: ClientId, bo: &Bo, offset: u64, size: u64) -> Result<(), Errno> {
        if !self.incoherent {
            return Ok(());
        }
        if !std::mem::replace(&mut self.client(id)?.flushes, true) {
            self.reload_unflushed(id)?;
        }
        // To 6.16 the range is not looked at.
        let whole = self.profile.kernel < Kernel::V6_17;
        let (offset, size) = if whole { (0, bo.size) } else { (offset, size) };
        let size = size.min(bo.size.saturating_sub(offset));
        match &bo.place {
            _ if size == 0 => Ok(()),
            Place::File { region, at } => region.flush(at + offset, size),
            Place::Dev(range) => range.heap().region.flush(range.offset + offset, size),
            Place::User { .. } => Ok(()),
        }
    }

    /// Lets `access` work on a client's memory as the device sees it, and says what it read too early.
    pub(super) fn on_device<T>(
        &mut self,
        id: ClientId,
        access: impl FnOnce(&Self, &dyn DeviceMemory) -> T,
    ) -> Result<T, Errno> {
        self.warn_once(id)?;
        self.on_device_quietly(id, access)
    }

    /// The same for a client of which it may yet show that it flushes.
    pub(super) fn on_device_quietly<T>(
        &mut self,
        id: ClientId,
        access: impl FnOnce(&Self, &dyn DeviceMemory) -> T,
    ) -> Result<T, Errno> {
        let client = self.clients.get(&id).ok_or(Errno::ENODEV)?;
        let memory = ClientMemory::new(client, self.profile.mode, self.incoherent && client.flushes);
        let result = access(self, &memory);
        for stale in memory.into_stale() {
            self.report(id, &stale);
        }
        Ok(result)
    }

    fn warn_once(&mut self, id: ClientId) -> Result<(), Errno> {
        let incoherent = self.incoherent;
        let client = self.client(id)?;
        if !incoherent || client.flushes || client.warned {
            return Ok(());
        }
        client.warned = true;
        let text = format!(
            "process {} has flushed no buffer by SYNC_BO: flushes by cache-line instructions are not seen here, so its \
             memory counts as coherent (programs on xdna-driver flush by SYNC_BO with XDNA_DEBUG=sync-ioctl)",
            client.pid
        );
        self.tell(&text);
        Ok(())
    }

    fn report(&mut self, id: ClientId, stale: &Stale) {
        let Stale { handle, bytes } = stale;
        let text = format!(
            "missing flush: the device read bytes {:#x} to {:#x} of buffer {handle} of client {}, which the host changed \
             and did not flush since (SYNC_BO, direction 0): it saw what was there before",
            bytes.start, bytes.end, id.0
        );
        self.tell(&text);
    }

    /// A warning, also in the trace.
    fn tell(&mut self, text: &str) {
        log::warn!("{text}");
        self.trace.line(text);
    }
}
