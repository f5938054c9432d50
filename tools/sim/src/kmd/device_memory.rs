//! What the device reaches of a client: its heap, and what its buffers are mapped at.
//!
//! With incoherent caches the device reads and writes memory, not what the host's caches hold: see [`super::shadow`].

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use nix::errno::Errno;

use super::bo::{Bo, Place};
use super::client::Client;
use super::store::Region;
use crate::firmware::DeviceMemory;
use crate::profile::AddressMode;

/// Lines that the device read as they were before the host changed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Handle of the buffer; 0 if the client closed it.
    pub handle: u32,
    /// Where in the buffer.
    pub bytes: Range<u64>,
}

/// A client's memory as the device addresses it.
pub struct ClientMemory<'a> {
    client: &'a Client,
    mode: AddressMode,
    incoherent: bool,
    stale: RefCell<Vec<Stale>>,
}

/// What lies at a device address.
enum Target<'a> {
    /// A region of the device's file, at an offset.
    Region(&'a Rc<Region>, u64),
    /// A buffer somewhere else.
    Bo(&'a Bo, u64),
    /// The process's own memory.
    Process(u64),
}

impl<'a> ClientMemory<'a> {
    /// The memory of `client`; `incoherent` if its caches are between.
    pub fn new(client: &'a Client, mode: AddressMode, incoherent: bool) -> Self {
        Self {
            client,
            mode,
            incoherent,
            stale: RefCell::default(),
        }
    }

    /// What the device read too early, each stretch once.
    pub fn into_stale(self) -> Vec<Stale> {
        let mut all = self.stale.into_inner();
        all.sort_by_key(|s| (s.handle, s.bytes.start));
        let mut merged: Vec<Stale> = Vec::new();
        for stale in all {
            match merged.last_mut() {
                Some(last) if last.handle == stale.handle && stale.bytes.start <= last.bytes.end => {
                    last.bytes.end = last.bytes.end.max(stale.bytes.end);
                }
                _ => merged.push(stale),
            }
        }
        merged
    }

    /// What is at `address`, and for how many bytes.
    fn resolve(&self, address: u64) -> Result<(Target<'a>, u64), Errno> {
        if let Some(heap) = &self.client.heap
            && let Some(at) = address
                .checked_sub(xdna_uapi::DEV_HEAP_BASE)
                .filter(|&at| at < heap.total.get())
        {
            return Ok((Target::Region(&heap.region, at), heap.total.get() - at));
        }
        let sva = self.mode == AddressMode::Sva;
        let mut room = u64::MAX;
        for (_, bo) in self.client.bos.iter() {
            let start = match (sva, &bo.place) {
                (true, Place::File { .. }) => bo.user_address(),
                (true, _) => None,
                (false, _) => bo.iova,
            };
            let Some(start) = start else { continue };
            match address.checked_sub(start) {
                Some(at) if at < bo.size => return Ok((self.within(bo, at), bo.size - at)),
                Some(_) => {}
                None => room = room.min(start - address),
            }
        }
        if sva {
            Ok((Target::Process(address), room))
        } else {
            Err(Errno::EFAULT)
        }
    }

    /// Byte `at` of a buffer. SYNC_BO does not flush imported ones everywhere, so they count as coherent.
    fn within(&self, bo: &'a Bo, at: u64) -> Target<'a> {
        match &bo.place {
            Place::File { region, at: base } if !bo.imported => Target::Region(region, base + at),
            _ => Target::Bo(bo, at),
        }
    }

    /// Walks the buffers behind `len` bytes at `address`.
    fn each(
        &self,
        address: u64,
        len: usize,
        mut part: impl FnMut(Target<'a>, Range<usize>) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let mut done = 0;
        while done < len {
            let at = address.checked_add(done as u64).ok_or(Errno::EFAULT)?;
            let (target, room) = self.resolve(at)?;
            let take = (len - done).min(usize::try_from(room).unwrap_or(usize::MAX));
            part(target, done..done + take)?;
            done += take;
        }
        Ok(())
    }

    fn note(&self, region: &Rc<Region>, stale: Vec<Range<u64>>) {
        for bytes in stale {
            let here = self.client.bos.iter().filter_map(|(handle, bo)| {
                let base = match &bo.place {
                    Place::File { region: r, at } if Rc::ptr_eq(r, region) => *at,
                    Place::Dev(range) if Rc::ptr_eq(&range.heap().region, region) => range.offset,
                    _ => return None,
                };
                let inside = base <= bytes.start && bytes.start < base + bo.size;
                inside.then(|| (bo.size, handle, bytes.start - base..bytes.end - base))
            });
            // Of a DEV buffer and the heap that it lies in, the former.
            let (_, handle, bytes) = here.min_by_key(|(size, ..)| *size).unwrap_or((0, 0, bytes));
            self.stale.borrow_mut().push(Stale { handle, bytes });
        }
    }
}

impl DeviceMemory for ClientMemory<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Errno> {
        if self.mode == AddressMode::Sva && !self.in_heap(address) {
            // Whatever lies there is reached by its mapping.
            self.client.memory.read(address, into)?;
            if !self.incoherent {
                return Ok(());
            }
        }
        self.each(address, into.len(), |target, part| match target {
            Target::Region(region, at) if self.incoherent => {
                let stale = region.device_read(at, &mut into[part])?;
                self.note(region, stale);
                Ok(())
            }
            Target::Region(region, at) => region.read(at, &mut into[part]),
            Target::Bo(bo, at) => bo.read(at, &mut into[part]),
            Target::Process(at) => self.client.memory.read(at, &mut into[part]),
        })
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), Errno> {
        if self.mode == AddressMode::Sva && !self.in_heap(address) {
            if !self.incoherent {
                return self.client.memory.write(address, from);
            }
            self.client.memory.read(address, &mut vec![0; from.len()])?;
        }
        self.each(address, from.len(), |target, part| match target {
            Target::Region(region, at) if self.incoherent => region.device_write(at, &from[part]),
            Target::Region(region, at) => region.write(at, &from[part]),
            Target::Bo(bo, at) => bo.write(at, &from[part]),
            Target::Process(at) => self.client.memory.write(at, &from[part]),
        })
    }
}

impl ClientMemory<'_> {
    fn in_heap(&self, address: u64) -> bool {
        let heap = self.client.heap.as_ref().map_or(0, |h| h.total.get());
        address
            .checked_sub(xdna_uapi::DEV_HEAP_BASE)
            .is_some_and(|at| at < heap)
    }
}
