//! What firmware notes in its log and its event trace as things happen.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Kmd;
use super::client::ClientId;
use super::columns::Given;
use super::ring::{Severity, category};
use crate::firmware::Verdict;
use crate::profile::Feature;

/// Numbers of events.
mod event {
    pub const MESSAGE_START: u16 = 0;
    pub const MESSAGE_DONE: u16 = 1;
    pub const CREATED: u16 = 2;
    pub const DELETED: u16 = 3;
    pub const SUSPEND: u16 = 14;
    pub const RESUME: u16 = 15;
    pub const ASYNC_ERROR: u16 = 16;
    pub const PDI_START: u16 = 18;
    pub const PDI_DONE: u16 = 19;
}

impl Kmd {
    /// Nanoseconds: of the wall clock if the driver handed it over, else of our own.
    fn firmware_time(&self) -> u64 {
        let wall = self.profile.has(Feature::CalibrateClock);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if wall { now.as_nanos() as u64 } else { self.now }
    }

    fn firmware_logs(&mut self, severity: Severity, text: &str) {
        let time = self.firmware_time();
        self.log.log(severity, time, text);
    }

    fn firmware_traces(&mut self, category: u32, event: u16, payload: u64) {
        let time = self.firmware_time();
        self.events_trace.event(category, time, event, payload);
    }

    pub(super) fn tell_created(&mut self, number: usize, priority: u32, columns: Given) {
        let payload = number as u64 & 0xf
            | u64::from(priority) << 4
            | u64::from(columns.start) << 12
            | u64::from(columns.width) << 20;
        self.firmware_traces(category::SCHEDULING, event::CREATED, payload);
        self.firmware_logs(Severity::Info, &format!("context {number} created"));
    }

    pub(super) fn tell_deleted(&mut self, number: usize) {
        self.firmware_traces(category::SCHEDULING, event::DELETED, number as u64 & 0xf);
        self.firmware_logs(Severity::Info, &format!("context {number} deleted"));
    }

    /// A command reached firmware, and how it will end is known.
    pub(super) fn tell_command(&mut self, number: usize, opcode: u32, verdict: &Verdict) {
        let payload = number as u64 & 0xf | u64::from(opcode & 0xffff) << 4;
        self.firmware_traces(category::MAILBOX, event::MESSAGE_START, payload);
        match verdict {
            Verdict::Done(_) => self.firmware_traces(category::MAILBOX, event::MESSAGE_DONE, payload),
            Verdict::Failed { index, status } => {
                let text = format!("context {number}: command {index} failed with status {status:#x}");
                self.firmware_logs(Severity::Error, &text);
                self.firmware_traces(category::MAILBOX, event::MESSAGE_DONE, payload);
            }
            Verdict::Hang { .. } | Verdict::Lost => {}
        }
    }

    pub(super) fn tell_hung(&mut self, id: ClientId, handle: u32, seq: u64) {
        let text = format!("client {} context {handle}: command {seq} is stuck", id.0);
        self.firmware_logs(Severity::Error, &text);
    }

    pub(super) fn tell_loaded(&mut self, address: u64, accepted: bool) {
        let payload = (address & 0xffff_ffff) << 4;
        self.firmware_traces(category::PDI, event::PDI_START, payload);
        if accepted {
            self.firmware_traces(category::PDI, event::PDI_DONE, payload);
        } else {
            self.firmware_logs(Severity::Warning, &format!("no PDI at {address:#x}"));
        }
    }

    pub(super) fn tell_power(&mut self, on: bool) {
        let event = if on { event::RESUME } else { event::SUSPEND };
        self.firmware_traces(category::POWER, event, 0);
    }

    pub(super) fn tell_async_error(&mut self) {
        self.firmware_traces(category::ERRORS, event::ASYNC_ERROR, 0);
        self.firmware_logs(Severity::Error, "an error of the array");
    }
}
