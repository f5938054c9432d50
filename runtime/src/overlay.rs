//! Overlays: what an xclbin loads into the array, ready to be given to hardware contexts.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use xdna_driver::{Bo, Cu, CuIndex, Device, HwContext};

use crate::error::Error;
use crate::formats::Xclbin;
use crate::formats::xclbin::{Argument, Kernel as Described, Uuid};

/// An xclbin that was read, its PDIs in device memory. Cheap to clone.
///
/// The PDIs outlive the contexts that load them: the driver reads them again when it resumes or recovers.
#[derive(Clone, Debug)]
pub struct Overlay(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    identity: Identity,
    device: Device,
    columns: u16,
    operations_per_cycle: u32,
    pdis: Vec<Arc<Bo>>,
    units: Vec<Unit>,
}

/// What tells overlays apart: the file's bytes. Uuids alone do not, some tools leave them zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Identity {
    uuid: Uuid,
    len: usize,
    hash: u64,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.hash as u32)
    }
}

/// A compute unit: an instance of a kernel.
#[derive(Debug)]
pub(crate) struct Unit {
    pub kernel: String,
    pub instance: String,
    pub arguments: Vec<Argument>,
    function: u8,
    pdi: usize,
}

impl Identity {
    pub(crate) fn of(file: &[u8], uuid: Uuid) -> Self {
        let mut hasher = DefaultHasher::new();
        file.hash(&mut hasher);
        Self {
            uuid,
            len: file.len(),
            hash: hasher.finish(),
        }
    }
}

impl Overlay {
    /// Reads an xclbin and copies its PDIs to the device's heap.
    ///
    /// # Errors
    /// The file is damaged, needs more columns than the device has, or has no kernel that can be run.
    pub fn load(device: &Device, file: &[u8]) -> Result<Self, Error> {
        let xclbin = Xclbin::read(file)?;
        let partition = xclbin.partition()?;
        if partition.width > device.columns() {
            return Err(Error::TooWide {
                columns: partition.width,
                available: device.columns(),
            });
        }
        let instances = xclbin.instances()?;
        let mut units = Vec::new();
        for kernel in xclbin.kernels()? {
            for instance in &kernel.instances {
                let name = format!("{}:{instance}", kernel.name);
                let listed = instances.iter().find(|i| i.is_npu() && i.name == name);
                // Some files have the id in one place only.
                let id = listed
                    .map(|i| u64::from(i.kernel_id()))
                    .filter(|id| *id != 0)
                    .or(kernel.id);
                let serves = |pdi: &crate::formats::xclbin::PartitionPdi<'_>| {
                    id.is_some_and(|id| pdi.groups.iter().any(|group| group.kernel_ids.contains(&id)))
                };
                let Some(pdi) = partition.pdis.iter().position(serves) else {
                    log::debug!("kernel {name} has no PDI: it can't be run");
                    continue;
                };
                units.push(Unit::new(&kernel, instance, pdi));
            }
        }
        if units.is_empty() {
            return Err(Error::NothingToLoad);
        }
        let pdis = partition.pdis.iter().map(|pdi| -> Result<Arc<Bo>, Error> {
            let bo = device.create_dev_bo(pdi.image.len().max(1))?;
            bo.write(0, pdi.image)?;
            Ok(bo)
        });
        Ok(Self(Arc::new(Inner {
            identity: Identity::of(file, xclbin.header.uuid),
            device: device.clone(),
            columns: partition.width,
            operations_per_cycle: partition.operations_per_cycle,
            pdis: pdis.collect::<Result<_, _>>()?,
            units,
        })))
    }

    /// The device it was loaded for.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// Columns it needs.
    pub fn columns(&self) -> u16 {
        self.0.columns
    }

    /// Names of its kernels that can be run, in the order of their compute units.
    pub fn kernels(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for unit in &self.0.units {
            if !names.contains(&unit.kernel) {
                names.push(unit.kernel.clone());
            }
        }
        names
    }

    pub(crate) fn identity(&self) -> Identity {
        self.0.identity
    }

    /// Bytes that a context loads anew: what its eviction costs.
    pub(crate) fn bytes(&self) -> usize {
        self.0.pdis.iter().map(|bo| bo.size()).sum()
    }

    /// The first compute unit of the kernel of that name (`KERNEL` or `KERNEL:INSTANCE`); of the only one, without.
    pub(crate) fn unit(&self, name: Option<&str>) -> Result<(CuIndex, &Unit), Error> {
        let matches = |unit: &Unit| match name {
            None => true,
            Some(name) => name == unit.kernel || name.split_once(':') == Some((&unit.kernel, &unit.instance)),
        };
        let found = self.0.units.iter().position(matches);
        let several = name.is_none() && self.kernels().len() > 1;
        found
            .filter(|_| !several)
            .and_then(|i| Some((CuIndex::new(i)?, &self.0.units[i])))
            .ok_or_else(|| Error::NoKernel {
                name: name.unwrap_or_default().to_owned(),
                known: self.kernels(),
            })
    }

    /// Creates a context that has all compute units.
    pub(crate) fn context(&self) -> Result<HwContext, xdna_driver::Error> {
        let Inner { device, columns, .. } = &*self.0;
        let builder = device.context(*columns);
        // What a file does not say is the driver's to assume.
        let builder = match self.0.operations_per_cycle {
            0 => builder,
            operations => builder.max_ops_per_cycle(operations),
        };
        let context = builder.build()?;
        let units = self.0.units.iter().map(|unit| Cu {
            pdi: &self.0.pdis[unit.pdi],
            function: unit.function,
        });
        context.configure(&units.collect::<Vec<_>>())?;
        Ok(context)
    }
}

impl Unit {
    fn new(kernel: &Described, instance: &str, pdi: usize) -> Self {
        Self {
            kernel: kernel.name.clone(),
            instance: instance.to_owned(),
            arguments: kernel.arguments.clone(),
            function: kernel.functional.unwrap_or(0) as u8,
            pdi,
        }
    }
}

impl Overlay {
    /// True if somebody else has it, too.
    pub(crate) fn is_used(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}
