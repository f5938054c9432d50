//! Hardware contexts.

use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use nix::errno::Errno;
use xdna_uapi as uapi;

use super::bo::Bo;
use super::caller::{Caller, read_user};
use super::client::ClientId;
use super::columns::Given;
use super::heap::DevRange;
use super::job::Job;
use super::qos;
use super::syncobj::Syncobj;
use super::{Kmd, Outcome};
use crate::firmware::{CreateContext, Pdi};
use crate::profile::{Kernel, Level, Rule};

/// DEV buffers the driver takes for a context's command slots.
const SLOTS: usize = uapi::MAX_IN_FLIGHT;

/// One hardware context.
pub struct Context {
    /// Signalled by its commands.
    pub syncobj: Rc<Syncobj>,
    /// As requested.
    pub qos: uapi::amdxdna_qos_info,
    /// Columns given.
    pub columns: Given,
    /// Number of the firmware's context.
    pub firmware_id: usize,
    /// Level it asks of the clocks.
    pub clock: Option<usize>,
    /// Configured compute units.
    pub cus: Option<Vec<uapi::amdxdna_cu_config>>,
    /// What their images are, in the same order.
    pub pdis: Vec<Pdi>,
    /// Firmware refused the configuration; the first command finds out.
    pub broken: bool,
    /// Jobs not finished yet, oldest first.
    pub jobs: VecDeque<Job>,
    /// Sequence number of the next command.
    pub next_seq: u64,
    /// Commands submitted and completed.
    pub submissions: u64,
    /// Commands that ended, in whatever way.
    pub completions: u64,
    /// Its debug buffer.
    pub debug: Option<Weak<Bo>>,
    /// DESTROY_HWCTX waits for its jobs and will end them itself.
    pub closing: bool,
    /// Heap chunks firmware knows of.
    pub chunks: usize,
    /// Health of the last timeout.
    pub health: Option<uapi::ert::HealthRecord>,
    /// Until then commands after a timeout are dropped.
    pub drops_until: u64,
    /// Its tiles as a timeout found them.
    pub dumped: Option<Vec<u8>>,
    _slots: Vec<DevRange>,
}

impl Kmd {
    pub(super) fn create_hwctx(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::amdxdna_drm_create_hwctx,
    ) -> Result<Outcome, Errno> {
        let kernel = self.profile.kernel;
        self.deny(Rule::ExtZero, arg.ext != 0 || arg.ext_flags != 0, Errno::EINVAL)?;
        let qos: uapi::amdxdna_qos_info = read_user(&*caller.memory(), arg.qos_p)?;
        // To 6.18 the handle is taken first, and a failure later has used it up.
        let early = (kernel <= Kernel::V6_18)
            .then(|| self.take_handle(id))
            .transpose()?;
        let delay = self.power_up(id)?;
        let heap = self.client(id)?.heap.clone();
        self.deny(Rule::CtxHeap, heap.is_none(), Errno::ENOENT)?;
        let slots = (0..SLOTS)
            .map(|_| self.take_dev_range(id, 4096))
            .collect::<Result<Vec<_>, _>>()?;
        let requested = self.columns_wanted(arg.num_tiles)?;
        let mut columns = self.columns.clone();
        let given = columns.take(&self.profile, &self.rules, requested)?;
        let clock = match qos::clock_request(&self.profile, &qos, arg.max_opc, requested) {
            Err(_) if !self.rules.on(Rule::Qos) => None,
            other => other?,
        };
        let priority = qos::firmware_priority(&self.profile, &qos);
        let create = CreateContext {
            owner: id,
            priority,
            limited: self.rules.on(Rule::CtxLimit),
        };
        if self.faults.create() {
            return Err(Errno::EINVAL);
        }
        let firmware_id = match self.firmware.create(create) {
            Err(_) if kernel == Kernel::Oot => return Err(Errno::ENOENT),
            other => other?,
        };
        let chunks = heap.map_or(1, |h| h.chunks().len());
        if let Err(e) = self.check_chunks(chunks) {
            self.firmware.destroy(firmware_id);
            return Err(e);
        }
        let handle = match early.map_or_else(|| self.take_handle(id), Ok) {
            Ok(handle) => handle,
            Err(e) => {
                self.firmware.destroy(firmware_id);
                return Err(e);
            }
        };
        self.firmware.name(firmware_id, handle);
        self.columns = columns;
        let syncobj = Syncobj::new();
        let client = self.client(id)?;
        arg.syncobj_handle = client.syncobjs.insert(syncobj.clone());
        let context = Context {
            syncobj,
            qos,
            columns: given,
            firmware_id,
            clock,
            cus: None,
            pdis: Vec::new(),
            broken: false,
            jobs: VecDeque::new(),
            next_seq: 0,
            submissions: 0,
            completions: 0,
            debug: None,
            closing: false,
            chunks,
            health: None,
            drops_until: 0,
            dumped: None,
            _slots: slots,
        };
        client.contexts.insert(handle, context);
        arg.handle = handle;
        self.tell_created(firmware_id, priority, given);
        let doorbell = kernel.level() >= Level::L10;
        arg.umq_doorbell = if doorbell {
            uapi::AMDXDNA_INVALID_DOORBELL_OFFSET
        } else {
            0
        };
        self.choose_clock();
        Ok(self.after(delay))
    }

    fn columns_wanted(&self, tiles: u32) -> Result<u32, Errno> {
        let device = self.profile.device;
        let columns = tiles / device.core_rows();
        let too_wide = columns > device.columns();
        if too_wide && self.profile.kernel == Kernel::Oot {
            return Err(Errno::ENOSPC);
        }
        self.deny(Rule::CtxTiles, columns == 0 || too_wide, Errno::EINVAL)?;
        Ok(columns.clamp(1, device.columns()))
    }

    /// A context handle: the client's own, on staging the device's.
    fn take_handle(&mut self, id: ClientId) -> Result<u32, Errno> {
        if self.profile.kernel != Kernel::Staging {
            return self.client(id)?.take_context_handle();
        }
        for step in 0..255 {
            let handle = (self.next_context - 1 + step) % 255 + 1;
            if !self.clients.values().any(|c| c.contexts.contains_key(&handle)) {
                self.next_context = handle % 255 + 1;
                return Ok(handle);
            }
        }
        Err(Errno::EBUSY)
    }

    pub(super) fn destroy_hwctx(
        &mut self,
        id: ClientId,
        arg: &uapi::amdxdna_drm_destroy_hwctx,
    ) -> Result<Outcome, Errno> {
        self.deny(Rule::PadZero, arg.pad != 0, Errno::EINVAL)?;
        let context = self.context(id, arg.handle)?;
        context.closing = true;
        if context.jobs.is_empty() {
            self.remove_context(id, arg.handle);
            return Ok(Outcome::Done(0));
        }
        let until = self.now + self.timing.drain.as_nanos() as u64;
        Ok(Outcome::Park(super::Park::Destroy {
            handle: arg.handle,
            until,
        }))
    }

    /// Ends a context at once: what it had in flight is aborted.
    pub(super) fn remove_context(&mut self, id: ClientId, handle: u32) {
        self.cancel_jobs(id, handle, xdna_uapi::ert::state::ABORT);
        let Some(context) = self.clients.get_mut(&id).and_then(|c| c.contexts.remove(&handle)) else {
            return;
        };
        if let Some(bo) = context.debug.and_then(|w| w.upgrade()) {
            bo.debug_of.set(None);
        }
        self.firmware.destroy(context.firmware_id);
        self.tell_deleted(context.firmware_id);
        self.columns.put(context.columns);
        self.choose_clock();
    }

    /// The client's context `handle`.
    ///
    /// # Errors
    /// `EINVAL`.
    pub(super) fn context(&mut self, id: ClientId, handle: u32) -> Result<&mut Context, Errno> {
        self.client(id)?.contexts.get_mut(&handle).ok_or(Errno::EINVAL)
    }
}
