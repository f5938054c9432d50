//! Debug buffers, heap chunks and compute units as firmware is told of them.

use std::rc::Rc;

use nix::errno::Errno;
use xdna_uapi as uapi;

use super::Kmd;
use super::bo::{Bo, Kind, Place};
use super::client::ClientId;
use super::fence::Fence;
use crate::firmware::Pdi;
use crate::profile::{Feature, Kernel, Rule};

/// Where an image lies in the heap, and what it is if firmware takes it.
type Loaded = (Option<u64>, Option<Pdi>);

impl Kmd {
    pub(super) fn assign_debug(&mut self, id: ClientId, handle: u32, bo: u64) -> Result<(), Errno> {
        let bo = self.debug_candidate(id, bo)?;
        self.deny(Rule::DebugBusy, bo.debug_of.get().is_some(), Errno::EBUSY)?;
        bo.debug_of.set(Some(handle));
        self.context(id, handle)?.debug = Some(Rc::downgrade(&bo));
        self.debug_operation(id, handle)
    }

    pub(super) fn remove_debug(&mut self, id: ClientId, handle: u32, bo: u64) -> Result<(), Errno> {
        let bo = self.debug_candidate(id, bo)?;
        let missing_case = self.profile.kernel <= Kernel::V7_0;
        let wrong = bo.debug_of.get() != Some(handle);
        self.deny(Rule::DebugRemove, missing_case || wrong, Errno::EINVAL)?;
        bo.debug_of.set(None);
        self.context(id, handle)?.debug = None;
        self.debug_operation(id, handle)
    }

    fn debug_candidate(&mut self, id: ClientId, handle: u64) -> Result<Rc<Bo>, Errno> {
        self.deny(
            Rule::DebugSince,
            self.profile.kernel < Kernel::V6_19,
            Errno::EOPNOTSUPP,
        )?;
        let handle = u32::try_from(handle).map_err(|_| Errno::EINVAL)?;
        let bo = self.client(id)?.bos.get(handle).cloned();
        bo.filter(|b| b.kind == Kind::Dev).ok_or(Errno::EINVAL)
    }

    /// One command of the driver's own on a context: it takes a sequence number.
    pub(super) fn debug_operation(&mut self, id: ClientId, handle: u32) -> Result<(), Errno> {
        let context = self.context(id, handle)?;
        let seq = context.next_seq;
        context.next_seq += 1;
        context.submissions += 1;
        context.completions += 1;
        context.syncobj.add_point(Fence::stub(), seq);
        Ok(())
    }

    /// Whether firmware can be told of `chunks` heap chunks.
    pub(super) fn check_chunks(&self, chunks: usize) -> Result<(), Errno> {
        let unsupported = chunks > 1 && !self.profile.has(Feature::AddHostBuffer);
        self.deny(Rule::ChunkFeature, unsupported, Errno::EOPNOTSUPP)
    }

    /// Tells all live contexts of the client about new heap chunks.
    pub(super) fn announce_chunks(&mut self, id: ClientId) -> Result<(), Errno> {
        let client = self.client(id)?;
        let chunks = client.heap.as_ref().map_or(0, |h| h.chunks().len());
        let news = client.contexts.values().any(|c| c.chunks < chunks);
        if news {
            self.check_chunks(chunks)?;
            self.client(id)?
                .contexts
                .values_mut()
                .for_each(|c| c.chunks = chunks);
        }
        Ok(())
    }

    /// Hands a configuration to firmware; `None` if it refuses.
    ///
    /// # Errors
    /// `EINVAL` if a PDI buffer is gone.
    pub(super) fn load_pdis(
        &mut self,
        id: ClientId,
        cus: &[uapi::amdxdna_cu_config],
    ) -> Result<Option<Vec<Pdi>>, Errno> {
        let mut pdis = Vec::new();
        for cu in cus {
            let Some((address, pdi)) = self.load_pdi(id, cu)? else {
                continue;
            };
            if let Some(address) = address {
                self.tell_loaded(address, pdi.is_some());
            }
            pdis.push(pdi);
        }
        let refused = self.faults.config();
        Ok(pdis
            .into_iter()
            .collect::<Option<Vec<Pdi>>>()
            .filter(|_| !refused))
    }

    /// The image of a compute unit as firmware reads it, and where it lies in the heap.
    fn load_pdi(&mut self, id: ClientId, cu: &uapi::amdxdna_cu_config) -> Result<Option<Loaded>, Errno> {
        let bo = self
            .client(id)?
            .bos
            .get(cu.cu_bo)
            .filter(|b| b.kind == Kind::Dev)
            .cloned();
        self.deny(Rule::CuBo, bo.is_none(), Errno::EINVAL)?;
        let Some(bo) = bo else { return Ok(None) };
        let mut image = vec![0; bo.size as usize];
        let address = match &bo.place {
            Place::Dev(range) => {
                let at = range.address();
                // Whether the client flushes by SYNC_BO may show later.
                self.on_device_quietly(id, |_, memory| memory.read(at, &mut image))??;
                Some(at)
            }
            _ => {
                bo.read(0, &mut image)?;
                None
            }
        };
        Ok(Some((address, self.firmware.load(&image))))
    }

    /// A client whose flushes are seen from now on configured contexts before its first: firmware has read what was in
    /// memory.
    pub(super) fn reload_unflushed(&mut self, id: ClientId) -> Result<(), Errno> {
        let contexts = self.client(id)?.contexts.iter();
        let configured: Vec<_> = contexts
            .filter_map(|(&handle, c)| Some((handle, c.cus.clone()?)))
            .collect();
        for (handle, cus) in configured {
            let mut pdis = Vec::new();
            for cu in &cus {
                // A buffer that was closed since is not looked at any more.
                if let Ok(Some((_, pdi))) = self.load_pdi(id, cu) {
                    pdis.push(pdi);
                }
            }
            if pdis.iter().any(Option::is_none) {
                let context = self.context(id, handle)?;
                context.broken = true;
                context.pdis = Vec::new();
            }
        }
        Ok(())
    }
}
