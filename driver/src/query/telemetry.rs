//! Counters of the firmware. What they count is known from their names only: show differences, and say that
//! they are the firmware's.

use xdna_uapi as uapi;
use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::device::{Device, DeviceInner};
use crate::error::{Call, Error};
use crate::sys;

const HEADER: usize = size_of::<uapi::amdxdna_drm_query_telemetry_header>();
/// Room for the payload: what the vendor's tool asks for.
const PAYLOAD: usize = 256 << 10;

/// A snapshot of the firmware's counters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Telemetry {
    /// Version of the firmware's telemetry interface: major, minor.
    pub version: (u32, u32),
    /// Context handle by the firmware's context number; 0 for none.
    pub contexts: Vec<u32>,
    /// The counters, boxed for their size; `u64::MAX` in one means that it is not supported.
    pub counters: Box<Counters>,
}

/// The counters. Arrays of 16 are by the firmware's context number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Counters {
    /// Interrupts from the array to the controller.
    pub l1_interrupts: u64,
    /// Starts of a context.
    pub context_started: [u64; 16],
    /// Times scheduled in.
    pub scheduled: [u64; 16],
    /// System calls into the firmware.
    pub syscalls: [u64; 16],
    /// DMA accesses.
    pub dma_access: [u64; 16],
    /// Partitions or columns acquired.
    pub resource_acquisitions: [u64; 16],
    /// Stream-buffer tokens.
    pub stream_tokens: [u64; 8],
    /// Deep-sleep entries.
    pub deep_sleep: [u64; 9],
    /// Commands by firmware opcode.
    pub opcode_count: [u64; 30],
    /// Address-translation misses.
    pub dtlb_misses: [[u64; 12]; 16],
    reserved_1: [u64; 32],
    /// Preemptions at a checkpoint inside a command.
    pub layer_preemptions: [u64; 16],
    /// Preemptions between commands.
    pub frame_preemptions: [u64; 16],
    reserved_2: [u64; 126],
}

const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<Counters>() == 4080);
    assert!(offset_of!(Counters, stream_tokens) == 648 && offset_of!(Counters, deep_sleep) == 712);
    assert!(offset_of!(Counters, opcode_count) == 784 && offset_of!(Counters, dtlb_misses) == 1024);
    assert!(
        offset_of!(Counters, layer_preemptions) == 2816 && offset_of!(Counters, frame_preemptions) == 2944
    );
};

impl Device {
    /// The firmware's counters; Linux 6.19 and later.
    ///
    /// # Errors
    /// `EOPNOTSUPP` before; `EPERM`: out-of-tree drivers answer root only.
    pub fn telemetry(&self) -> Result<Telemetry, Error> {
        let buffer = raw_telemetry(&self.0).map_err(|e| self.0.explain(e))?;
        parse(&buffer)
    }
}

/// The whole answer. The type asked for is 0, the only one these devices have.
pub(crate) fn raw_telemetry(dev: &DeviceInner) -> Result<Vec<u8>, Error> {
    let mut buffer = vec![0; HEADER + 4 * dev.chip.contexts as usize + PAYLOAD];
    sys::npu::telemetry(dev.checked_fd()?, &mut buffer)?;
    Ok(buffer)
}

fn parse(buffer: &[u8]) -> Result<Telemetry, Error> {
    let word = |i: usize| {
        buffer
            .get(4 * i..)
            .and_then(|b| u32::read_from_prefix(b).ok())
            .map(|(w, _)| w)
    };
    let short = Error::Answer {
        call: Call::GetInfo,
        what: "map_num_elements",
        value: buffer.len() as u64,
    };
    let (Some(major), Some(minor), Some(contexts)) = (word(0), word(1), word(3)) else {
        return Err(short);
    };
    // The payload begins behind the map, whose length is the device's: the vendor's tool assumes 16 entries.
    let map: Option<Vec<u32>> = (0..contexts.min(1024) as usize).map(|i| word(4 + i)).collect();
    let payload = buffer.get(HEADER.saturating_add(4 * contexts as usize)..);
    let counters = payload.and_then(|bytes| Counters::read_from_prefix(bytes).ok());
    match (map, counters) {
        (Some(contexts), Some((counters, _))) => Ok(Telemetry {
            version: (major, minor),
            contexts,
            counters: Box::new(counters),
        }),
        _ => Err(short),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer of a device with `contexts` contexts whose nth counter is n.
    fn answer(contexts: u32) -> Vec<u8> {
        let mut buffer: Vec<u8> = [1_u32, 2, 0, contexts]
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect();
        buffer.extend((0..contexts).flat_map(|i| (100 + i).to_le_bytes()));
        buffer.extend((0..510_u64).flat_map(|i| i.to_le_bytes()));
        buffer
    }

    #[test]
    fn the_payload_begins_behind_the_devices_own_map() {
        for contexts in [6, 16] {
            let t = parse(&answer(contexts)).unwrap();
            assert_eq!(
                (t.version, t.contexts.len(), t.contexts[5]),
                ((1, 2), contexts as usize, 105)
            );
            assert_eq!((t.counters.l1_interrupts, t.counters.context_started[0]), (0, 1));
            assert_eq!(t.counters.frame_preemptions[0], 2944 / 8);
        }
    }

    #[test]
    fn a_map_that_reaches_past_the_buffer_is_refused() {
        let mut lies = answer(6);
        lies[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(parse(&lies).is_err());
        assert!(parse(&answer(6)[..100]).is_err());
        assert!(parse(&[]).is_err());
    }
}
