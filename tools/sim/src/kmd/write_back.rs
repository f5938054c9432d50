//! What the driver leaves in packets.

use std::rc::Rc;

use xdna_uapi::ert::{Header, HealthRecord};
use zerocopy::IntoBytes;

use super::Kmd;
use super::bo::Bo;
use super::job::{Job, Stage};
use crate::profile::{Feature, Kernel, Level, Rule};

/// Data words behind the header of a chain where the failing index is stored.
const ERROR_INDEX: u64 = 4 + 8;

impl Kmd {
    /// Writes what the driver leaves in the packet of a failed command.
    pub(super) fn write_back(
        &self,
        job: &Job,
        end: u32,
        failed: Option<(u32, u32)>,
        health: Option<&HealthRecord>,
    ) {
        let subs: &[Rc<Bo>] = match &job.stage {
            Stage::Running { subs, .. } | Stage::Posted { subs, .. } => subs,
            _ => &[],
        };
        let Some(command) = &job.command else { return };
        let fills = self.profile.kernel >= Kernel::V7_0 && self.rules.on(Rule::FailureFill);
        let Some(first) = subs.first() else {
            if fills {
                fill(command);
            }
            self.write_health(command, health);
            return set_state(command, end);
        };
        if fills {
            fill(first);
        }
        self.write_health(first, health);
        let count = subs.len() as u32;
        let (index, status) = failed.unwrap_or((0, 0));
        let index = if index >= count { 0 } else { index };
        store(command, ERROR_INDEX, &index.to_le_bytes());
        let raw = self.profile.kernel.level() == Level::L0 && failed.is_some();
        set_state(command, if raw { status & 0xf } else { end });
    }

    fn write_health(&self, bo: &Bo, health: Option<&HealthRecord>) {
        if let Some(health) = health.filter(|_| self.profile.has(Feature::AppHealth)) {
            store(bo, 4, health.as_bytes());
        }
    }
}

/// Changes the state in a packet's header.
pub(super) fn set_state(bo: &Bo, state: u32) {
    match bo.word(0) {
        Ok(word) => store(bo, 0, &Header(word).with_state(state).0.to_le_bytes()),
        Err(e) => log::warn!("cannot read a packet's header: {e}"),
    }
}

fn fill(bo: &Bo) {
    store(bo, 4, &vec![0xff; bo.size.saturating_sub(4) as usize]);
}

fn store(bo: &Bo, at: u64, bytes: &[u8]) {
    let room = bo.size.saturating_sub(at) as usize;
    if let Err(e) = bo.write(at, &bytes[..bytes.len().min(room)]) {
        log::warn!("cannot write to a packet: {e}");
    }
}
