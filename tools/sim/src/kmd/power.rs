//! Power: autosuspend, resume, clock levels.

use nix::errno::Errno;

use super::client::ClientId;
use super::qos;
use super::{Kmd, Outcome, Park};
use crate::profile::{Kernel, Rule};

/// Power mode numbers of SET_STATE.
const LOW: u8 = 1;
const MEDIUM: u8 = 2;
const HIGH: u8 = 3;
const TURBO: u8 = 4;

impl Kmd {
    /// Makes sure the device is on; returns when it is ready.
    ///
    /// # Errors
    /// What a failed resume says: a compute unit whose PDI buffer is gone cannot be configured again.
    pub(super) fn power_up(&mut self, _id: ClientId) -> Result<u64, Errno> {
        self.last_use = self.now;
        if self.powered {
            return Ok(self.now);
        }
        if let Some(e) = self.faults.resume() {
            return Err(e);
        }
        let configured: Vec<_> = self
            .clients
            .iter()
            .flat_map(|(&id, c)| {
                c.contexts
                    .iter()
                    .filter_map(move |(&h, x)| Some((id, h, x.cus.clone()?)))
            })
            .collect();
        for (id, handle, cus) in configured {
            let pdis = self.load_pdis(id, &cus)?;
            let context = self.context(id, handle)?;
            context.broken = pdis.is_none();
            context.pdis = pdis.unwrap_or_default();
        }
        self.tell_power(true);
        log::info!("device resumed");
        self.powered = true;
        Ok(self.now + self.timing.boot.as_nanos() as u64)
    }

    /// Success now, or when the device is ready.
    pub(super) fn after(&self, ready: u64) -> Outcome {
        if ready > self.now {
            Outcome::Park(Park::Until { at: ready })
        } else {
            Outcome::Done(0)
        }
    }

    /// When the device suspends by itself.
    pub(super) fn suspends_at(&self) -> Option<u64> {
        let by_open = self.profile.kernel <= Kernel::V6_18;
        let busy = if by_open {
            !self.clients.is_empty()
        } else {
            self.clients
                .values()
                .any(|c| c.contexts.values().any(|x| !x.jobs.is_empty()))
        };
        (self.powered && !busy).then(|| self.last_use + self.timing.autosuspend.as_nanos() as u64)
    }

    /// Suspends if it is time.
    pub(super) fn autosuspend(&mut self) {
        if self.rules.on(Rule::Autosuspend) && self.suspends_at().is_some_and(|at| at <= self.now) {
            self.tell_power(false);
            log::info!("device suspended");
            self.powered = false;
        }
        if !self.rules.on(Rule::Autosuspend) {
            self.last_use = self.now;
        }
    }

    /// Sets the clock level that the live contexts need.
    pub(super) fn choose_clock(&mut self) {
        if qos::is_bypassed(&self.profile) {
            return;
        }
        let contexts = || self.clients.values().flat_map(|c| c.contexts.values());
        self.clock_default = match (contexts().next(), contexts().filter_map(|c| c.clock).max()) {
            (None, _) => 0,
            (_, Some(level)) => level,
            (_, None) => self.clock_default,
        };
    }

    /// The clock level in force: an index into the device's levels.
    pub(super) fn clock_level(&self) -> usize {
        let top = self.profile.device.clocks().len() - 1;
        match self.power_mode {
            LOW => 0,
            MEDIUM => top / 2,
            HIGH | TURBO => top,
            _ => self.clock_default,
        }
    }
}
