//! mmap of buffer objects, through the node's descriptor or that of a dma-buf.

use std::rc::Rc;

use nix::errno::Errno;
use xdna_uapi as uapi;

use super::Kmd;
use super::bo::{Bo, Place};
use super::caller::{Caller, Region, UserMemory};
use super::client::{ClientId, PendingMap};
use super::store::{FIRST_OFFSET, PAGE};
use crate::profile::{AddressMode, Kernel, Level, Rule};

/// How often an mmap is looked for before it counts as failed.
const LOOKS: u32 = 1000;

/// An mmap call.
#[derive(Clone, Copy, Debug)]
pub struct MapRequest {
    /// Offset in the file.
    pub offset: u64,
    /// Bytes wanted.
    pub len: u64,
    /// True for MAP_PRIVATE.
    pub private: bool,
    /// True with PROT_WRITE.
    pub writes: bool,
}

/// How an mmap is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapPlan {
    /// As it came: the descriptor's file holds the buffer at that very offset.
    AsItCame,
    /// Of the device's memory file, at `offset`; before that the process's own ranges become mappings of it, too.
    Instead {
        /// Offset in the device's memory file.
        offset: u64,
        /// Ranges of the process: address, bytes, offset in the file, which holds what they hold.
        own: Vec<(u64, u64, u64)>,
    },
}

impl Kmd {
    /// Checks an mmap of the node's descriptor; on success it is to be carried out.
    ///
    /// # Errors
    /// What the driver's mmap says.
    pub fn mmap(&mut self, id: ClientId, caller: &dyn Caller, map: &MapRequest) -> Result<MapPlan, Errno> {
        let result = self.check_mmap(id, caller, map);
        self.trace_mmap(id, caller, map, &result);
        result
    }

    /// Checks an mmap of a dma-buf's descriptor; `None` if the descriptor with this inode number is none.
    ///
    /// # Errors
    /// `EACCES` for writing without DRM_RDWR, `EINVAL` beyond the buffer or for a private mapping.
    pub fn mmap_dmabuf(
        &mut self,
        inode: u64,
        caller: &dyn Caller,
        map: &MapRequest,
    ) -> Option<Result<MapPlan, Errno>> {
        let (bo, writable) = self.exports.dmabuf(inode)?;
        let len = map.len.checked_next_multiple_of(PAGE);
        let end = len.and_then(|len| map.offset.checked_add(len));
        let result = if map.writes && !map.private && !writable {
            Err(Errno::EACCES)
        } else if map.private || end.is_none_or(|end| end > bo.size) {
            Err(Errno::EINVAL)
        } else {
            self.plan(&bo, map.offset, caller)
        };
        // A dma-buf belongs to no client.
        self.trace_mmap(ClientId(0), caller, map, &result);
        Some(result)
    }

    fn trace_mmap(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        map: &MapRequest,
        result: &Result<MapPlan, Errno>,
    ) {
        if self.trace.is_on() {
            let answer = result.as_ref().map(|_| 0).map_err(|e| *e);
            self.trace
                .call(caller.thread(), id, "mmap", &format!("{map:?}"), &answer, "");
        }
    }

    fn check_mmap(&mut self, id: ClientId, caller: &dyn Caller, map: &MapRequest) -> Result<MapPlan, Errno> {
        self.settle(id)?;
        let low = if self.profile.kernel.level() >= Level::L10 {
            Errno::EOPNOTSUPP
        } else {
            Errno::EINVAL
        };
        self.deny(Rule::MapOffset, map.offset < FIRST_OFFSET, low)?;
        let here = self
            .client(id)?
            .bos
            .iter()
            .find_map(|(_, b)| within(b, map.offset).map(|at| (b.clone(), at)));
        let Some((bo, at)) = here else {
            let elsewhere = self
                .clients
                .values()
                .any(|c| c.bos.iter().any(|(_, b)| within(b, map.offset).is_some()));
            self.deny(Rule::MapOwner, elsewhere, Errno::EACCES)?;
            return Err(Errno::EINVAL);
        };
        let len = map.len.checked_next_multiple_of(PAGE).ok_or(Errno::EINVAL)?;
        let too_long = len > bo.size;
        self.deny(Rule::MapLength, at != 0 || too_long, Errno::EINVAL)?;
        self.deny(Rule::MapPrivate, map.private, Errno::EINVAL)?;
        let again = bo.was_mapped() && self.profile.kernel == Kernel::V6_14;
        self.deny(Rule::MapTwice, again, Errno::EEXIST)?;
        let user = matches!(bo.place, Place::User { .. });
        self.deny(
            Rule::MapUser,
            user && self.profile.kernel >= Kernel::V7_1,
            Errno::EINVAL,
        )?;
        if user {
            return self.plan(&bo, at, caller);
        }
        bo.count_mapping();
        let offset = bo.map_offset().unwrap_or(uapi::AMDXDNA_INVALID_ADDR);
        let memory = caller.memory();
        let before = mapped_at(&memory.regions(), offset);
        self.client(id)?.pending_maps.push(PendingMap {
            bo: Rc::downgrade(&bo),
            memory,
            before,
            looks: 0,
        });
        Ok(MapPlan::AsItCame)
    }

    /// How to map a buffer from offset `at` on, where the descriptor's own file does not hold it.
    fn plan(&self, bo: &Bo, at: u64, caller: &dyn Caller) -> Result<MapPlan, Errno> {
        let start = bo.map_offset().ok_or(Errno::EINVAL)?;
        let own = match &bo.place {
            Place::User { memory, ranges, .. } => self.share(start, &**memory, ranges, caller)?,
            _ => Vec::new(),
        };
        Ok(MapPlan::Instead {
            offset: start + at,
            own,
        })
    }

    /// The ranges of a user-pointer buffer that have yet to become mappings of the device's file; it gets what they
    /// hold.
    fn share(
        &self,
        start: u64,
        memory: &dyn UserMemory,
        ranges: &[(u64, u64)],
        caller: &dyn Caller,
    ) -> Result<Vec<(u64, u64, u64)>, Errno> {
        let regions = memory.regions();
        if caller.memory().regions() != regions {
            log::warn!("mmap of another process's user-pointer buffer is not modelled");
            return Err(Errno::EOPNOTSUPP);
        }
        let (mut own, mut at) = (Vec::new(), start);
        for &(address, len) in ranges {
            let end = address.saturating_add(len);
            let under = regions.iter().filter(|r| r.start < end && address < r.end);
            let ours = |r: &Region| {
                r.device_offset
                    .is_some_and(|o| r.start.wrapping_sub(address) == o.wrapping_sub(at))
            };
            if under.clone().any(|r| r.shared && !ours(r)) {
                log::warn!("mmap of a user-pointer buffer over shared memory is not modelled");
                return Err(Errno::EOPNOTSUPP);
            }
            if !under.clone().all(ours) {
                let mut bytes = vec![0; len as usize];
                memory.read(address, &mut bytes)?;
                self.store.write(at, &bytes)?;
                own.push((address, len, at));
            }
            at += len;
        }
        Ok(own)
    }

    /// A buffer was mapped at `address` by other means than the mmap that asked for it.
    pub fn mapped(&mut self, id: ClientId, offset: u64, address: u64) {
        let here = self.clients.get(&id).into_iter().flat_map(|c| c.bos.iter());
        for (_, bo) in here.filter(|(_, b)| b.map_offset() == Some(offset)) {
            if bo.count_mapping() == 0 {
                bo.set_user_address(Some(address));
            }
        }
    }

    /// Finds out where the mmaps of all clients ended up, before one of them may go away.
    pub fn settle_all(&mut self) {
        for id in self.clients() {
            // The client was there just now.
            let _ = self.settle(id);
        }
    }

    /// Finds out where allowed mmaps ended up.
    pub(super) fn settle(&mut self, id: ClientId) -> Result<(), Errno> {
        let latest_counts = self.profile.mode != AddressMode::Sva && self.profile.kernel >= Kernel::V7_2;
        let client = self.client(id)?;

        for mut pending in std::mem::take(&mut client.pending_maps) {
            let Some(bo) = pending.bo.upgrade() else { continue };
            let Some(offset) = bo.map_offset() else { continue };
            let now = mapped_at(&pending.memory.regions(), offset);
            // Its thread has not come to it yet, or it failed: another thread's call is what made us look.
            if now.is_empty() && pending.looks < LOOKS {
                pending.looks += 1;
                client.pending_maps.push(pending);
                continue;
            }
            // A MAP_FIXED over the old place leaves nothing new; the old address is then the new one.
            let fresh = now.iter().find(|a| !pending.before.contains(a)).or(now.last());
            if let Some(&address) = fresh
                && (bo.user_address().is_none() || latest_counts)
            {
                bo.set_user_address(Some(address));
            }
        }
        Ok(())
    }
}

/// Addresses where `regions` map offset `offset` of the device's file.
pub(super) fn mapped_at(regions: &[Region], offset: u64) -> Vec<u64> {
    let at = |r: &Region| {
        let from = r.device_offset?;
        let inside = from <= offset && offset < from + (r.end - r.start);
        inside.then(|| r.start + (offset - from))
    };
    regions.iter().filter_map(at).collect()
}

/// How far into `bo` the offset of an mmap lies.
fn within(bo: &Bo, offset: u64) -> Option<u64> {
    let from = bo.map_offset()?;
    offset.checked_sub(from).filter(|&at| at < bo.size)
}
