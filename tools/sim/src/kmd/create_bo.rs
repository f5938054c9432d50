//! CREATE_BO: sizes, types and the device heap.

use std::rc::Rc;

use nix::errno::Errno;
use xdna_uapi as uapi;

use super::bo::{Bo, Kind, Place};
use super::caller::Caller;
use super::client::ClientId;
use super::heap::{DevRange, Heap};
use super::store::PAGE;
use super::{Kmd, round_up};
use crate::profile::{AddressMode, Kernel, Level, Rule};

const CHUNK: u64 = uapi::DEV_HEAP_CHUNK;
const CMD_MAX: u64 = 32 << 10;

impl Kmd {
    pub(super) fn create_bo(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::amdxdna_drm_create_bo,
    ) -> Result<(), Errno> {
        let level = self.profile.kernel.level();
        let flags = if self.profile.kernel == Kernel::Oot {
            arg.flags & !0xff
        } else {
            arg.flags
        };
        self.deny(Rule::BoFlags, flags != 0, Errno::EINVAL)?;
        if level == Level::L0 {
            self.deny(Rule::BoVaddr, arg.vaddr != 0, Errno::EINVAL)?;
            self.deny(Rule::BoSizeZero, arg.size == 0, Errno::EINVAL)?;
        }
        let bo = match arg.type_ {
            uapi::AMDXDNA_BO_DEV => self.create_dev(id, arg.size)?,
            uapi::AMDXDNA_BO_DEV_HEAP if arg.vaddr == 0 => self.create_heap(id, arg.size)?,
            uapi::AMDXDNA_BO_SHARE | uapi::AMDXDNA_BO_CMD | uapi::AMDXDNA_BO_DEV_HEAP => {
                let kind = if arg.type_ == uapi::AMDXDNA_BO_CMD {
                    Kind::Cmd
                } else {
                    Kind::Share
                };
                match arg.vaddr {
                    0 => self.create_shared(kind, arg.size)?,
                    table => match self.create_from_table(id, caller, kind, table)? {
                        Made::New(bo) => bo,
                        Made::Known(handle) => {
                            arg.handle = handle;
                            return Ok(());
                        }
                    },
                }
            }
            _ if self.rules.on(Rule::BoType) => return Err(Errno::EINVAL),
            _ => self.create_shared(Kind::Share, arg.size)?,
        };
        arg.handle = self.client(id)?.bos.insert(bo);
        Ok(())
    }

    fn create_shared(&mut self, kind: Kind, size: u64) -> Result<Rc<Bo>, Errno> {
        let kernel = self.profile.kernel;
        if kind == Kind::Cmd && kernel <= Kernel::V7_0 {
            let too_large = kernel <= Kernel::V6_19 && size > CMD_MAX;
            self.deny(Rule::CmdSize, size < 4 || too_large, Errno::EINVAL)?;
        }
        if size == 0 {
            let errno = match self.profile.mode {
                AddressMode::Carveout => Errno::EINVAL,
                _ => Errno::ENOSPC,
            };
            self.deny(Rule::BoSizeZero, true, errno)?;
        }
        let size = round_up(size.max(1), PAGE)?;
        let region = Rc::new(self.store.reserve(size)?);
        let mut bo = Bo::new(kind, size, Place::File { region, at: 0 });
        bo.iova = self.take_iova(size);
        Ok(Rc::new(bo))
    }

    /// An address range of the IOMMU or the carveout, where that is how the device reaches memory.
    pub(super) fn take_iova(&mut self, size: u64) -> Option<u64> {
        if self.profile.mode == AddressMode::Sva {
            return None;
        }
        let at = self.next_iova;
        self.next_iova = at + size.next_multiple_of(PAGE);
        Some(at)
    }

    fn create_heap(&mut self, id: ClientId, size: u64) -> Result<Rc<Bo>, Errno> {
        let (level, max, growable) = (
            self.profile.kernel.level(),
            self.profile.heap_max(),
            self.profile.expandable_heap(),
        );
        let multiple = size != 0 && size.is_multiple_of(CHUNK);
        match level {
            Level::L0 | Level::L1 | Level::L6 => {
                self.deny(Rule::HeapSize, size > CHUNK, Errno::EINVAL)?;
                self.deny(Rule::BoSizeZero, size == 0, Errno::ENOSPC)?;
            }
            _ => self.deny(Rule::HeapSize, !multiple, Errno::EINVAL)?,
        }
        let total = self.client(id)?.heap.as_ref().map(|h| h.total.get());
        if !growable {
            self.deny(Rule::HeapSecond, total.is_some(), Errno::EBUSY)?;
            self.deny(Rule::HeapMax, size > max, Errno::ENOSPC)?;
        }
        let total = total.unwrap_or(0);
        let end = total
            .checked_add(round_up(size.max(1), PAGE)?)
            .ok_or(Errno::ENOSPC)?;
        self.deny(Rule::HeapMax, end > max, Errno::ENOSPC)?;
        let end = end.min(1 << 40);
        let heap = match self.client(id)?.heap.clone() {
            Some(heap) => heap,
            None => {
                let heap = Heap::new(self.store.reserve(max.max(end))?, max.max(end));
                self.client(id)?.heap = Some(heap.clone());
                heap
            }
        };
        // With the limits switched off a chunk may not fit the reserved range.
        if end > heap.region.len {
            return Err(Errno::ENOSPC);
        }
        let place = Place::File {
            region: heap.region.clone(),
            at: total,
        };
        let chunk = Rc::new(Bo::new(Kind::Heap, end - total, place));
        heap.push(chunk.clone());
        Ok(chunk)
    }

    fn create_dev(&mut self, id: ClientId, size: u64) -> Result<Rc<Bo>, Errno> {
        let range = self.take_dev_range(id, size)?;
        let size = round_up(size.max(1), PAGE)?;
        if range.heap().chunks().len() > 1 {
            self.announce_chunks(id)?;
        }
        Ok(Rc::new(Bo::new(Kind::Dev, size, Place::Dev(range))))
    }

    /// A range of the client's heap, also for the driver's own DEV buffers.
    pub(super) fn take_dev_range(&mut self, id: ClientId, size: u64) -> Result<DevRange, Errno> {
        let growable = self.profile.expandable_heap();
        let max = self.profile.heap_max();
        let missing = if growable { Errno::EAGAIN } else { Errno::EINVAL };
        self.deny(Rule::DevSize, size == 0, Errno::EINVAL)?;
        if growable {
            self.deny(Rule::DevSize, size > max, Errno::EINVAL)?;
        }
        let heap = self.client(id)?.heap.clone().ok_or(missing)?;
        self.deny(Rule::HeapMapped, heap.user_address().is_none(), missing)?;
        if !growable {
            self.deny(Rule::DevSize, size > heap.total.get(), Errno::EINVAL)?;
        }
        let range = heap.allocate(size.max(1), growable).ok_or(Errno::ENOSPC)?;
        if growable {
            match heap.check_mapped(&range, self.rules.on(Rule::HeapAdjacent)) {
                Err(Errno::EAGAIN) if !self.rules.on(Rule::HeapMapped) => {}
                other => other?,
            }
        }
        Ok(range)
    }
}

/// What a va_tbl led to.
pub(super) enum Made {
    /// A new buffer.
    New(Rc<Bo>),
    /// A handle the client already held.
    Known(u32),
}
