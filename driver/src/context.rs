//! Hardware contexts: a program's place on the array.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::bo::{Bo, BoKind};
use crate::command::Command;
use crate::device::{Device, DeviceInner};
use crate::error::Error;
use crate::ids::{ContextId, Seq, SyncobjHandle};
use crate::packet::CuIndex;
use crate::sys;

/// How long after a timeout or abort a command that was not started counts as lost instead of rejected. The
/// driver's documented recovery takes some tens of milliseconds; a restarted firmware more.
const RECOVERY: Duration = Duration::from_secs(1);

/// A hardware context: cheap to clone, destroyed with its last clone and [`Submission`](crate::Submission).
///
/// Commands of one context run in the order of their submission; contexts are unordered among each other. Four
/// commands can be in flight, a fifth waits in `submit` for a place.
#[derive(Clone, Debug)]
pub struct HwContext(pub(crate) Arc<ContextInner>);

#[derive(Debug)]
pub(crate) struct ContextInner {
    pub(crate) device: Device,
    pub(crate) id: ContextId,
    pub(crate) syncobj: SyncobjHandle,
    columns: u16,
    /// Buffers the context itself uses until it is destroyed: the driver loads PDIs again whenever it resumes
    /// or recovers.
    cus: OnceLock<Vec<Arc<Bo>>>,
    kept: Mutex<Vec<Arc<Bo>>>,
    /// Commands in flight that nobody waits for any more.
    orphans: Mutex<Vec<(Seq, Command)>>,
    /// Commands submitted so far.
    pub(crate) submitted: AtomicU64,
    disturbed: Mutex<Option<Instant>>,
}

/// A compute unit: the PDI image that configures the array for it, and its function in the kernel file.
#[derive(Clone, Copy, Debug)]
pub struct Cu<'a> {
    /// The image, in a DEV buffer; it can't be changed while the context lives.
    pub pdi: &'a Arc<Bo>,
    /// The `functional` attribute of the kernel.
    pub function: u8,
}

impl HwContext {
    pub(crate) fn new(device: &Device, new: sys::npu::NewContext, columns: u16) -> Self {
        Self(Arc::new(ContextInner {
            device: device.clone(),
            id: new.id,
            syncobj: new.syncobj,
            columns,
            cus: OnceLock::new(),
            kept: Mutex::default(),
            orphans: Mutex::default(),
            submitted: AtomicU64::new(0),
            disturbed: Mutex::default(),
        }))
    }

    /// The context's handle.
    pub fn id(&self) -> ContextId {
        self.0.id
    }

    /// Columns it was created with. The partition can be wider.
    pub fn columns(&self) -> u16 {
        self.0.columns
    }

    /// The device it belongs to.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// Gives the context its compute units; once. Their order is their [`CuIndex`].
    ///
    /// From Linux 6.19 on the firmware's opinion comes later: what it does not like lets the first command fail.
    ///
    /// # Errors
    /// - [`Error::AlreadyConfigured`], [`Error::TooLarge`] (none, or more than 32), [`Error::WrongKind`],
    ///   [`Error::OtherDevice`], [`Error::Viewed`].
    /// - `EINVAL`: Linux to 6.18: the firmware refuses.
    pub fn configure(&self, cus: &[Cu<'_>]) -> Result<(), Error> {
        let inner = &*self.0;
        let limit = xdna_uapi::MAX_CUS;
        if cus.is_empty() || cus.len() > limit {
            return Err(Error::TooLarge {
                what: "compute units of a context",
                len: cus.len(),
                limit,
            });
        }
        inner.device.0.check_process()?;
        let mut kept = inner.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.cus.get().is_some() {
            return Err(Error::AlreadyConfigured(inner.id));
        }
        let table: Vec<_> = cus.iter().map(|cu| (cu.pdi.handle(), cu.function)).collect();
        let held = Held::new(inner, cus.iter().map(|cu| cu.pdi))?;
        sys::npu::config_cus(inner.device.fd()?, inner.id, &table).map_err(|e| inner.device.0.explain(e))?;
        let pdis = held.keep();
        if inner.cus.set(pdis.clone()).is_err() {
            // Not reached: the lock of `kept` is held since the check above. The buffers stay held anyway.
            kept.extend(pdis);
        }
        Ok(())
    }

    /// Number of compute units it was given.
    pub fn cus(&self) -> usize {
        self.0.cus.get().map_or(0, Vec::len)
    }

    /// The `index`th compute unit, if there is one.
    pub fn cu(&self, index: usize) -> Option<CuIndex> {
        CuIndex::new(index).filter(|_| index < self.cus())
    }
}

/// Buffers marked as used by the device; released on drop unless kept.
pub(crate) struct Held(Vec<Arc<Bo>>);

impl Held {
    pub(crate) fn new<'a>(
        context: &ContextInner,
        buffers: impl Iterator<Item = &'a Arc<Bo>>,
    ) -> Result<Self, Error> {
        let mut held = Self(Vec::new());
        for bo in buffers {
            if !context.device.is(bo.device()) {
                return Err(Error::OtherDevice { what: "a buffer" });
            }
            if bo.kind() != BoKind::Dev {
                return Err(Error::WrongKind {
                    what: "a context's own use",
                    expected: "DEV",
                    found: bo.kind(),
                });
            }
            bo.usage.enter_command().map_err(|by| bo.taken(by))?;
            held.0.push(Arc::clone(bo));
        }
        Ok(held)
    }

    pub(crate) fn keep(mut self) -> Vec<Arc<Bo>> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.iter().for_each(|bo| bo.usage.leave_command());
    }
}

impl ContextInner {
    pub(crate) fn device_inner(&self) -> &Arc<DeviceInner> {
        &self.device.0
    }

    pub(crate) fn is_configured(&self) -> bool {
        self.cus.get().is_some()
    }

    /// Keeps a buffer, marked as used, until the context is destroyed.
    pub(crate) fn keep(&self, bo: Arc<Bo>) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(bo);
    }

    /// Notes that a command timed out or was aborted.
    pub(crate) fn disturb(&self) {
        *self.disturbed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    pub(crate) fn is_recovering(&self) -> bool {
        let disturbed = *self.disturbed.lock().unwrap_or_else(PoisonError::into_inner);
        disturbed.is_some_and(|at| at.elapsed() < RECOVERY)
    }

    /// Takes over a command in flight that nobody waits for, and lets go of those that have ended since.
    pub(crate) fn adopt(&self, seq: Seq, command: Command) {
        let mut orphans = self.orphans.lock().unwrap_or_else(PoisonError::into_inner);
        orphans.push((seq, command));
        orphans.retain(|(seq, command)| {
            let flying = !self.has_ended(*seq);
            if !flying {
                command.leave();
            }
            flying
        });
    }

    fn has_ended(&self, seq: Seq) -> bool {
        let poll = crate::Deadline::at(Instant::now());
        let ended = self
            .device
            .fd()
            .and_then(|fd| sys::syncobj::timeline_wait(fd, self.syncobj, seq.get(), poll));
        // What can't be asked about counts as flying.
        ended.unwrap_or(false)
    }

    pub(crate) fn count_submission(&self) {
        self.submitted.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for ContextInner {
    fn drop(&mut self) {
        let dev = &self.device.0;
        if dev.is_inherited() {
            // The context is the parent's, and so is what it uses.
            self.leak();
            return;
        }
        if let Err(e) = sys::syncobj::destroy(dev.fd(), self.syncobj) {
            e.warn_of_leak(&format_args!("syncobj of context {}", self.id));
        }
        match sys::npu::destroy_hwctx(dev.fd(), self.id) {
            // EINVAL: the kernel has destroyed it before, with all its commands. ENODEV: everything is.
            Err(e) if !matches!(e.errno(), Some(libc::EINVAL | libc::ENODEV)) => {
                log::error!("context {}: {e}; its buffers are leaked", self.id);
                self.leak();
            }
            _ => self.release(),
        }
    }
}

impl ContextInner {
    /// The context is gone: nothing uses its buffers any more.
    fn release(&mut self) {
        let orphans = self.orphans.get_mut().unwrap_or_else(PoisonError::into_inner);
        orphans.iter().for_each(|(_, command)| command.leave());
        let kept = self.kept.get_mut().unwrap_or_else(PoisonError::into_inner);
        let cus = self.cus.get().into_iter().flatten();
        cus.chain(kept.iter()).for_each(|bo| bo.usage.leave_command());
    }

    /// The device may go on using the context's buffers: they are never freed.
    fn leak(&mut self) {
        std::mem::forget(std::mem::take(
            self.orphans.get_mut().unwrap_or_else(PoisonError::into_inner),
        ));
        std::mem::forget(std::mem::take(
            self.kept.get_mut().unwrap_or_else(PoisonError::into_inner),
        ));
        std::mem::forget(self.cus.take());
    }
}
