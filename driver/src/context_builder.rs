//! Creating hardware contexts, and saying why one can't be.

use crate::context::HwContext;
use crate::device::Device;
use crate::error::Error;
use crate::qos::Qos;
use crate::sys;

/// What a context is created with.
#[derive(Clone, Debug)]
#[must_use = "a builder makes no context before build() is called"]
pub struct ContextBuilder<'d> {
    device: &'d Device,
    columns: u16,
    max_opc: Option<u32>,
    qos: Qos,
}

impl Device {
    /// Begins a context of `columns` columns.
    pub fn context(&self, columns: u16) -> ContextBuilder<'_> {
        ContextBuilder {
            device: self,
            columns,
            max_opc: None,
            qos: Qos::default(),
        }
    }
}

impl ContextBuilder<'_> {
    /// Operations per cycle of the partition, as the kernel file states them; all columns' by default. Only
    /// drivers up to level 8 use it, to check the QoS.
    pub fn max_ops_per_cycle(self, max_opc: u32) -> Self {
        Self {
            max_opc: Some(max_opc),
            ..self
        }
    }

    /// Quality of service; none by default, which runs the array at its top clock.
    pub fn qos(self, qos: Qos) -> Self {
        Self { qos, ..self }
    }

    /// Creates the context, and the device heap if there is none yet.
    ///
    /// # Errors
    /// - [`Error::ContextLimit`], [`Error::ColumnsOccupied`], [`Error::QosUnreachable`],
    ///   [`Error::ContextRefused`]: why there is no room.
    /// - [`Error::TooLarge`]: more columns than the device has, or none.
    /// - `ETIME`: the firmware does not answer.
    pub fn build(self) -> Result<HwContext, Error> {
        let Self {
            device,
            columns,
            max_opc,
            qos,
        } = self;
        device.0.check_process()?;
        if columns == 0 || columns > device.columns() {
            let (len, limit) = (columns.into(), device.columns().into());
            return Err(Error::TooLarge {
                what: "columns of a context",
                len,
                limit,
            });
        }
        device.0.heap.ensure(&device.0).map_err(|e| device.0.explain(e))?;
        let max_opc = max_opc.unwrap_or(device.chip().ops_per_cycle * u32::from(columns));
        let tiles = u32::from(columns) * u32::from(device.core_rows());
        let create = || {
            sys::npu::create_hwctx(device.fd()?, &qos.raw(), max_opc, tiles)
                .map_err(|e| refused(device, columns, qos, device.0.explain(e)))
        };
        let new = match create() {
            // Whoever had the last place may have left it between the refusal and the look at who has places.
            Err(Error::ContextRefused { .. }) => create()?,
            other => other?,
        };
        log::debug!("context {}: {columns} columns", new.id);
        Ok(HwContext::new(device, new, columns))
    }
}

/// Why the driver refused a context whose arguments are right: it says EINVAL or ENODEV for several reasons.
fn refused(device: &Device, columns: u16, qos: Qos, e: Error) -> Error {
    let errno = e.errno();
    if errno == Some(libc::EOPNOTSUPP) {
        return Error::HeapCanNotGrow;
    }
    if !matches!(errno, Some(libc::EINVAL | libc::ENODEV)) {
        return e;
    }
    let contexts = match device.contexts() {
        Ok(contexts) => contexts,
        Err(unreadable) => {
            log::debug!("contexts can't be listed: {unreadable}");
            return e;
        }
    };
    let (live, limit) = (contexts.len() as u32, device.chip().contexts);
    match errno {
        Some(libc::ENODEV) if contexts.is_empty() => e,
        Some(libc::ENODEV) => {
            let occupied = contexts.iter().map(|c| (c.start_column, c.columns)).collect();
            Error::ColumnsOccupied { columns, occupied }
        }
        _ if live >= limit => Error::ContextLimit { limit, live },
        _ if qos.asks_for_speed() => Error::QosUnreachable { columns },
        _ => Error::ContextRefused { columns, live, limit },
    }
}
