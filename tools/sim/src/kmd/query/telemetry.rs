//! The telemetry query.

use std::collections::BTreeSet;

use nix::errno::Errno;

use super::users::sees;
use crate::kmd::Kmd;
use crate::kmd::caller::{Caller, read_user};
use crate::profile::{Kernel, Level, Rule};

/// Bytes before the context map.
const HEAD: usize = 16;
/// Bytes of the firmware's counters.
const PAYLOAD: usize = 4080;
const PAYLOAD_MAX: usize = 4 << 20;
/// Kinds of telemetry.
const TYPES: u32 = 5;
/// Interface version; no public document names its values.
const VERSION: [u32; 2] = [1, 0];
/// Where the counters of context starts and of scheduling begin in the payload.
const STARTED: usize = 8;
const SCHEDULED: usize = 136;

impl Kmd {
    pub(super) fn telemetry(&mut self, caller: &dyn Caller, buffer: u64, size: u32) -> Result<(), Errno> {
        let privileged = self.profile.kernel == Kernel::Oot && !caller.is_admin();
        self.deny(Rule::TelemetryAdmin, privileged, Errno::EPERM)?;
        let limit = self.profile.device.context_limit();
        let header = HEAD + 4 * limit;
        let room = (size as usize).saturating_sub(header);
        self.deny(Rule::TelemetrySize, room == 0, Errno::EINVAL)?;
        let memory = caller.memory();
        let kind: u32 = read_user(&*memory, buffer + 8)?;
        self.deny(Rule::TelemetryType, kind >= TYPES, Errno::EINVAL)?;
        let strict = self.profile.kernel.level() <= Level::L6 || self.profile.kernel == Kernel::Oot;
        if strict {
            self.deny(
                Rule::TelemetrySize,
                !(PAYLOAD..=PAYLOAD_MAX).contains(&room),
                Errno::EINVAL,
            )?;
        }
        let mut bytes = Vec::with_capacity(header + PAYLOAD);
        for word in [VERSION[0], VERSION[1], kind, limit as u32] {
            bytes.extend(word.to_le_bytes());
        }
        let mut handles = self.firmware.handles();
        handles.resize(limit, 0);
        if self.profile.kernel == Kernel::Staging {
            let visible = self.clients.values().filter(|c| sees(caller, c));
            let visible: BTreeSet<usize> = visible
                .flat_map(|c| c.contexts.values())
                .map(|c| c.firmware_id)
                .collect();
            let hidden = handles
                .iter_mut()
                .enumerate()
                .filter(|(i, _)| !visible.contains(i));
            hidden.for_each(|(_, handle)| *handle = 0);
        }
        bytes.extend(handles.iter().flat_map(|h| h.to_le_bytes()));
        bytes.extend(self.counters());
        bytes.truncate(header + room);
        memory.write(buffer, &bytes)
    }

    /// Counters of the live contexts; everything else stays zero without a model of the array.
    fn counters(&self) -> Vec<u8> {
        let mut payload = vec![0; PAYLOAD];
        for context in self.clients.values().flat_map(|c| c.contexts.values()) {
            for (base, value) in [(STARTED, 1), (SCHEDULED, context.completions)] {
                let at = base + 8 * context.firmware_id;
                if context.firmware_id < 16 {
                    payload[at..at + 8].copy_from_slice(&value.to_le_bytes());
                }
            }
        }
        payload
    }
}
