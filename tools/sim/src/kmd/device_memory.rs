//! What the device reaches of a client: its heap, and what its buffers are mapped at.

use nix::errno::Errno;

use super::client::Client;
use crate::firmware::DeviceMemory;
use crate::profile::AddressMode;

/// A client's memory as the device addresses it.
pub struct ClientMemory<'a> {
    /// The client.
    pub client: &'a Client,
    /// How the device reaches it.
    pub mode: AddressMode,
}

impl DeviceMemory for ClientMemory<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Errno> {
        let base = xdna_uapi::DEV_HEAP_BASE;
        if let Some(heap) = &self.client.heap
            && let Some(at) = address.checked_sub(base).filter(|&at| at < heap.total.get())
        {
            let fits = at
                .checked_add(into.len() as u64)
                .is_some_and(|end| end <= heap.total.get());
            return if fits {
                heap.region.read(at, into)
            } else {
                Err(Errno::EFAULT)
            };
        }
        if self.mode == AddressMode::Sva {
            return self.client.memory.read(address, into);
        }
        let found = self.client.bos.iter().find_map(|(_, bo)| {
            let at = address.checked_sub(bo.iova?)?;
            (at < bo.size).then_some((bo, at))
        });
        let (bo, at) = found.ok_or(Errno::EFAULT)?;
        bo.read(at, into)
    }
}
