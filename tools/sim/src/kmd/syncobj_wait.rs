//! Waiting for synchronisation objects.

use std::rc::Rc;

use nix::errno::Errno;
use xdna_uapi as uapi;
use xdna_uapi::flags::WaitFlags;

use super::caller::{Caller, read_user_vec};
use super::client::ClientId;
use super::syncobj::{Found, Syncobj};
use super::{Kmd, Outcome, Park};
use crate::profile::Rule;

/// A wait for syncobjs.
#[derive(Debug)]
pub struct Wait {
    entries: Vec<(Rc<Syncobj>, u64, Option<Found>)>,
    flags: WaitFlags,
    timeout: i64,
    first_at: usize,
}

impl Wait {
    /// The absolute deadline; `None` waits for ever.
    pub fn deadline(&self) -> Option<u64> {
        (self.timeout != i64::MAX).then_some(self.timeout.max(0) as u64)
    }

    /// Index of the first entry that is signalled, if the wait is over.
    fn done(&mut self) -> Option<u32> {
        let (mut count, mut first) = (0, None);
        for (i, (syncobj, point, found)) in self.entries.iter_mut().enumerate() {
            if found.is_none() {
                *found = syncobj.find(*point);
            }
            let available = self.flags.contains(WaitFlags::AVAILABLE);
            if found.as_ref().is_some_and(|f| available || f.is_signalled()) {
                count += 1;
                first.get_or_insert(i as u32);
            }
        }
        let all = self.flags.contains(WaitFlags::ALL);
        let over = count == self.entries.len() || (count > 0 && !all);
        if over { first } else { None }
    }
}

impl Kmd {
    pub(super) fn syncobj_wait(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::drm_syncobj_wait,
    ) -> Result<Outcome, Errno> {
        let known = WaitFlags::from_bits(arg.flags).filter(|f| !f.contains(WaitFlags::AVAILABLE));
        let flags = self.wait_flags(known)?;
        if arg.count_handles == 0 {
            return Ok(Outcome::Done(0));
        }
        let syncobjs = self.syncobjs(id, caller, arg.handles, arg.count_handles)?;
        let at = std::mem::offset_of!(uapi::drm_syncobj_wait, first_signaled);
        let wait = Wait::new(syncobjs.into_iter().map(|s| (s, 0)), flags, arg.timeout_nsec, at)?;
        self.wait(wait, |first| arg.first_signaled = first)
    }

    pub(super) fn syncobj_timeline_wait(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::drm_syncobj_timeline_wait,
    ) -> Result<Outcome, Errno> {
        let flags = self.wait_flags(WaitFlags::from_bits(arg.flags))?;
        if arg.count_handles == 0 {
            return Ok(Outcome::Done(0));
        }
        let syncobjs = self.syncobjs(id, caller, arg.handles, arg.count_handles)?;
        let points: Vec<u64> = match arg.points {
            0 => vec![0; syncobjs.len()],
            at => read_user_vec(&*caller.memory(), at, syncobjs.len())?,
        };
        let at = std::mem::offset_of!(uapi::drm_syncobj_timeline_wait, first_signaled);
        let wait = Wait::new(syncobjs.into_iter().zip(points), flags, arg.timeout_nsec, at)?;
        self.wait(wait, |first| arg.first_signaled = first)
    }

    fn wait_flags(&self, flags: Option<WaitFlags>) -> Result<WaitFlags, Errno> {
        match flags {
            None if self.rules.on(Rule::WaitFlags) => Err(Errno::EINVAL),
            flags => Ok(flags.unwrap_or(WaitFlags::ALL)),
        }
    }

    pub(super) fn wait(&mut self, mut wait: Wait, set_first: impl FnOnce(u32)) -> Result<Outcome, Errno> {
        self.run_jobs();
        if let Some(first) = wait.done() {
            set_first(first);
            return Ok(Outcome::Done(0));
        }
        if wait.deadline().is_some_and(|at| at <= self.now) {
            self.deny(Rule::WaitTimeout, true, Errno::ETIME)?;
            return Ok(Outcome::Done(0));
        }
        Ok(Outcome::Park(Park::Wait(wait)))
    }

    /// Looks again at a wait; `first_at` is where its struct has `first_signaled`.
    pub(super) fn poll_wait(&mut self, wait: Wait, arg: &mut [u8]) -> Result<Outcome, Errno> {
        let at = wait.first_at;
        self.wait(wait, |first| {
            if let Some(field) = arg.get_mut(at..at + 4) {
                field.copy_from_slice(&first.to_le_bytes());
            }
        })
    }
}

impl Wait {
    /// # Errors
    /// `EINVAL` if a point has no fence and the flags do not allow to wait for one.
    pub(super) fn new(
        entries: impl Iterator<Item = (Rc<Syncobj>, u64)>,
        flags: WaitFlags,
        timeout: i64,
        first_at: usize,
    ) -> Result<Self, Errno> {
        let patient = flags.intersects(WaitFlags::FOR_SUBMIT | WaitFlags::AVAILABLE);
        let entries = entries.map(|(syncobj, point)| {
            let found = syncobj.find(point);
            if found.is_none() && !patient {
                return Err(Errno::EINVAL);
            }
            Ok((syncobj, point, found))
        });
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
            flags,
            timeout,
            first_at,
        })
    }
}
