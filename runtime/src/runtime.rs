//! One open NPU and what its kernels share.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use xdna_driver::Device;

use crate::buffers::{BufferStats, Buffers};
use crate::contexts::{ContextStats, ContextUse, Contexts};
use crate::error::Error;
use crate::formats::Xclbin;
use crate::kernel::Verdicts;
use crate::overlay::{Identity, Overlay};
use crate::stats::{Meter, RunStats};

/// One open file of an NPU with its heap, buffers and contexts, shared by everything in the process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Runtime(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    device: Device,
    buffers: Buffers,
    contexts: Contexts,
    overlays: Mutex<HashMap<Identity, Overlay>>,
    meters: Mutex<BTreeMap<String, Arc<Meter>>>,
    verdicts: Verdicts,
}

/// Everything that is counted, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// By label of the kernel: see [`Kernel::label`](crate::Kernel::label).
    pub kernels: BTreeMap<String, RunStats>,
    /// Contexts in all.
    pub contexts: ContextStats,
    /// The contexts that exist, the oldest first.
    pub each_context: Vec<ContextUse>,
    /// What was run in contexts that do not exist any more.
    pub past_contexts: RunStats,
    /// Buffers.
    pub buffers: BufferStats,
}

impl Runtime {
    /// The first NPU of the machine.
    ///
    /// # Errors
    /// There is none, or it can't be opened.
    pub fn open() -> Result<Self, Error> {
        Ok(Self::new(Device::open_first()?))
    }

    /// An NPU that is open.
    pub fn new(device: Device) -> Self {
        let contexts = Contexts::new(&device);
        Self::with_contexts(device, contexts)
    }

    /// An NPU that is open, with a pool of contexts of one's own size.
    pub fn with_contexts(device: Device, contexts: Contexts) -> Self {
        Self(Arc::new(Inner {
            buffers: Buffers::new(&device),
            contexts,
            device,
            overlays: Mutex::default(),
            meters: Mutex::default(),
            verdicts: Verdicts::default(),
        }))
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// Its buffers.
    pub fn buffers(&self) -> &Buffers {
        &self.0.buffers
    }

    /// Its contexts.
    pub fn contexts(&self) -> &Contexts {
        &self.0.contexts
    }

    /// Loads an xclbin; the same file again is the same overlay, and shares its context.
    ///
    /// # Errors
    /// As [`Overlay::load`].
    pub fn overlay(&self, file: &[u8]) -> Result<Overlay, Error> {
        let identity = Identity::of(file, Xclbin::read(file)?.header.uuid);
        let overlays = self.0.overlays.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = overlays.get(&identity) {
            return Ok(known.clone());
        }
        drop(overlays);
        let overlay = self.with_room(|| Overlay::load(&self.0.device, file))?;
        let mut overlays = self.0.overlays.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(overlays.entry(identity).or_insert(overlay).clone())
    }

    /// Does what takes memory of the device's heap; where there is none, again without what nothing uses.
    pub(crate) fn with_room<T>(&self, make: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
        match make() {
            Err(Error::Driver(e)) if is_short(&e) => {
                log::info!("{e}: giving up overlays that nothing uses");
                self.forget_unused();
                make()
            }
            made => made,
        }
    }

    /// Loads an xclbin from a file.
    ///
    /// # Errors
    /// [`Error::Read`], and as [`Overlay::load`].
    pub fn overlay_from(&self, path: &Path) -> Result<Overlay, Error> {
        let file = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        self.overlay(&file)
    }

    /// Forgets overlays that nothing uses, and their memory.
    pub fn forget_unused(&self) {
        self.0.contexts.clear();
        let mut overlays = self.0.overlays.lock().unwrap_or_else(PoisonError::into_inner);
        overlays.retain(|_, overlay| overlay.is_used());
    }

    /// Everything that is counted, now.
    pub fn snapshot(&self) -> Snapshot {
        let (each_context, past_contexts) = self.0.contexts.each();
        let meters = self.0.meters.lock().unwrap_or_else(PoisonError::into_inner);
        Snapshot {
            each_context,
            past_contexts,
            kernels: meters
                .iter()
                .map(|(name, meter)| (name.clone(), meter.snapshot()))
                .collect(),
            contexts: self.0.contexts.stats(),
            buffers: self.0.buffers.stats(),
        }
    }

    /// What self-tests have found.
    pub(crate) fn verdicts(&self) -> &Verdicts {
        &self.0.verdicts
    }

    pub(crate) fn meter(&self, kernel: &str) -> Arc<Meter> {
        let mut meters = self.0.meters.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(meters.entry(kernel.to_owned()).or_default())
    }
}

/// True for what more memory would help.
pub(crate) fn is_short(e: &xdna_driver::Error) -> bool {
    const ENOMEM: i32 = 12;
    const ENOSPC: i32 = 28;
    matches!(e, xdna_driver::Error::HeapCanNotGrow) || matches!(e.errno(), Some(ENOMEM | ENOSPC))
}

/// True of a submission that signals interrupted until its deadline had passed.
pub(crate) fn is_late(e: &xdna_driver::Error) -> bool {
    const EINTR: i32 = 4;
    e.errno() == Some(EINTR)
}
