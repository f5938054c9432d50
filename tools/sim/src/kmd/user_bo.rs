//! CREATE_BO with a va_tbl: the caller's own memory, or a dma-buf.

use std::rc::Rc;

use nix::errno::Errno;
use xdna_uapi as uapi;

use super::Kmd;
use super::bo::{Bo, Kind, Place};
use super::caller::{Caller, Region, read_user, read_user_vec};
use super::client::ClientId;
use super::create_bo::Made;
use super::store::PAGE;
use crate::profile::{Level, Rule};

impl Kmd {
    pub(super) fn create_from_table(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        kind: Kind,
        table: u64,
    ) -> Result<Made, Errno> {
        let memory = caller.memory();
        let [fd, entries]: [u32; 2] = read_user(&*memory, table).map_err(|_| Errno::EINVAL)?;
        if entries == 0 {
            return self.import(id, caller, fd as i32);
        }
        let at = table.checked_add(8).ok_or(Errno::EINVAL)?;
        // One entry per page of the largest possible range would still be fewer.
        if entries > 1 << 20 {
            return Err(Errno::EINVAL);
        }
        let entries: Vec<uapi::amdxdna_drm_va_entry> =
            read_user_vec(&*memory, at, entries as usize).map_err(|_| Errno::EINVAL)?;
        let mut size = 0u64;
        for e in &entries {
            let aligned = e.vaddr.is_multiple_of(PAGE) && e.len.is_multiple_of(PAGE);
            self.deny(Rule::UserAligned, !aligned, Errno::EINVAL)?;
            size = size.checked_add(e.len).ok_or(Errno::EINVAL)?;
        }
        if size == 0 {
            return Err(Errno::EINVAL);
        }
        let limit = caller.lock_limit();
        if !limit.exempt {
            self.deny(Rule::UserMemlock, limit.bytes == 0, Errno::EPERM)?;
            let pinned = self
                .client(id)?
                .bos
                .iter()
                .map(|(_, b)| pinned_bytes(b))
                .sum::<u64>();
            self.deny(
                Rule::UserMemlock,
                pinned.saturating_add(size) > limit.bytes,
                Errno::ENOMEM,
            )?;
        }
        let memory = self.client(id)?.memory.clone();
        let regions = memory.regions();
        let level = self.profile.kernel.level();
        let errno = if level <= Level::L6 {
            Errno::ENOMEM
        } else {
            Errno::EFAULT
        };
        for e in &entries {
            let read_only_works = level == Level::L16;
            let reachable = covered(&regions, e.vaddr, e.len, !read_only_works);
            self.deny(Rule::UserWritable, !reachable, errno)?;
        }
        let ranges = entries.iter().map(|e| (e.vaddr, e.len)).collect();
        let region = Rc::new(self.store.reserve(size)?);
        let place = Place::User {
            memory,
            ranges,
            region,
        };
        let mut bo = Bo::new(kind, size, place);
        bo.iova = self.take_iova(size);
        Ok(Made::New(Rc::new(bo)))
    }
}

fn pinned_bytes(bo: &Bo) -> u64 {
    if matches!(bo.place, Place::User { .. }) {
        bo.size
    } else {
        0
    }
}

/// True if `regions` (ascending) map all of the range, writable if that matters.
fn covered(regions: &[Region], start: u64, len: u64, writable: bool) -> bool {
    let Some(end) = start.checked_add(len) else {
        return false;
    };
    let mut at = start;
    for r in regions {
        if r.start <= at && at < r.end && r.readable && (r.writable || !writable) {
            at = r.end;
        }
    }
    at >= end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_must_be_mapped_without_a_gap() {
        let r = |start, end, writable| Region {
            start,
            end,
            readable: true,
            writable,
            shared: false,
            device_offset: None,
        };
        let map = [
            r(0x1000, 0x2000, true),
            r(0x2000, 0x3000, false),
            r(0x4000, 0x5000, true),
        ];
        assert!(covered(&map, 0x1000, 0x1000, true));
        assert!(!covered(&map, 0x1000, 0x2000, true));
        assert!(covered(&map, 0x1000, 0x2000, false));
        assert!(!covered(&map, 0x2000, 0x3000, false));
    }
}
