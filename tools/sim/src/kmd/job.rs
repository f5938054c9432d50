//! Jobs: from the context's queue to firmware and back into the packet.

use std::collections::BTreeMap;
use std::rc::Rc;

use nix::errno::Errno;
use xdna_uapi::ert::{Header, opcode, state};

use super::Kmd;
use super::bo::{Bo, Kind};
use super::client::ClientId;
use super::fence::Fence;
use super::packet::{PacketRules, Path, Work};
use super::syncobj::Syncobj;
use super::write_back::set_state;
use crate::firmware::{Command, Run, Verdict};
use crate::profile::{Kernel, Level};

/// Cycles of the array that a context gets before others, and calls, have their turn: some milliseconds.
const STEPS: u64 = 20_000;

/// A command on its way.
#[derive(Debug)]
pub struct Job {
    /// Its sequence number.
    pub seq: u64,
    /// The packet; none of a job that only waits.
    pub command: Option<Rc<Bo>>,
    /// What it keeps alive.
    pub _args: Vec<Rc<Bo>>,
    /// Signalled when it ends.
    pub fence: Fence,
    /// Where it is.
    pub stage: Stage,
    /// Since when it waits there.
    pub since: u64,
}

/// Where a job is.
#[derive(Debug)]
pub enum Stage {
    /// Not looked at yet.
    Queued,
    /// Will end without having been looked at.
    Rejected,
    /// Does nothing, once these points are signalled; what comes later in its context waits for it.
    Waiting(Vec<(Rc<Syncobj>, u64)>),
    /// With firmware, which is not done with it or with what came before it.
    Running {
        /// How far it is.
        run: Box<Run>,
        /// Its sub-commands, if it is a chain.
        subs: Vec<Rc<Bo>>,
    },
    /// Firmware is done with it.
    Posted {
        /// How it ends.
        verdict: Verdict,
        /// When; `None` while an earlier command of the context runs.
        ends: Option<u64>,
        /// Its sub-commands, if it is a chain.
        subs: Vec<Rc<Bo>>,
    },
}

impl Kmd {
    /// Moves the jobs of all contexts on: starts, completes, times out.
    pub(super) fn run_jobs(&mut self) {
        let contexts: Vec<(ClientId, u32)> = self
            .clients
            .iter()
            .flat_map(|(&id, c)| {
                c.contexts
                    .iter()
                    .filter(|(_, x)| !x.jobs.is_empty())
                    .map(move |(&h, _)| (id, h))
            })
            .collect();
        let mut steps: BTreeMap<(ClientId, u32), u64> = BTreeMap::new();
        // What ends in one context may be what another one waits for.
        let mut progress = true;
        while progress {
            progress = false;
            for &(id, handle) in &contexts {
                self.start_jobs(id, handle);
                self.compute(id, handle, steps.entry((id, handle)).or_insert(STEPS));
                while self.finish_head(id, handle) {
                    progress = true;
                    self.start_jobs(id, handle);
                }
            }
        }
        self.detect_timeouts(&contexts);
    }

    fn start_jobs(&mut self, id: ClientId, handle: u32) {
        let now = self.now;
        let Some(count) = self.jobs_of(id, handle).map(|j| j.len()) else {
            return;
        };
        for index in 0..count {
            let Ok(context) = self.context(id, handle) else {
                return;
            };
            let dropped = context.drops_until > now;
            let Some(job) = context.jobs.get(index) else {
                return;
            };
            match job.stage {
                Stage::Queued => {}
                Stage::Waiting(_) => return,
                _ => continue,
            }
            let stage = match job.command.clone() {
                Some(command) if !dropped => {
                    set_state(&command, state::NEW);
                    self.post(id, handle, &command).unwrap_or_else(|e| {
                        log::debug!("context {handle}: packet rejected: {e}");
                        Stage::Rejected
                    })
                }
                _ => Stage::Rejected,
            };
            self.last_progress = now;
            if let Some(job) = self.context(id, handle).ok().and_then(|c| c.jobs.get_mut(index)) {
                (job.stage, job.since) = (stage, now);
            }
        }
    }

    /// Reads the packet and hands it to firmware.
    fn post(&mut self, id: ClientId, handle: u32, command: &Rc<Bo>) -> Result<Stage, Errno> {
        let chain = Header(command.word(0)?).opcode() == opcode::CMD_CHAIN;
        let parser = PacketRules {
            profile: &self.profile,
            rules: &self.rules,
        };
        let level = self.profile.kernel.level();
        let (subs, works): (Vec<Rc<Bo>>, Vec<Work>) = if chain {
            let client = self.clients.get(&id).ok_or(Errno::EINVAL)?;
            let is_command =
                |b: &&Rc<Bo>| b.kind == Kind::Cmd || (level >= Level::L8 && b.kind == Kind::Share);
            let subs = parser.parse_chain(command, |h| client.bos.get(h).filter(is_command).cloned())?;
            subs.into_iter().unzip()
        } else {
            let path = if self.cmdlist() { Path::List } else { Path::Direct };
            (Vec::new(), vec![parser.parse(command, path)?])
        };
        let fault = self.faults.command();
        let context = self.context(id, handle)?;
        let command = Command {
            works,
            cus: context.pdis.clone(),
            broken: context.broken,
            context: context.firmware_id,
            columns: context.columns,
        };
        Ok(Stage::Running {
            run: Box::new(Run::new(command, fault)),
            subs,
        })
    }

    /// True if single commands travel in lists too.
    fn cmdlist(&self) -> bool {
        self.timing
            .force_cmdlist
            .unwrap_or(self.profile.kernel >= Kernel::V7_0)
    }

    /// Ends the oldest job of a context if its time has come; true if it did.
    fn finish_head(&mut self, id: ClientId, handle: u32) -> bool {
        let (now, exec) = (self.now, self.timing.exec.as_nanos() as u64);
        let Some(head) = self.jobs_of(id, handle).and_then(|j| j.front_mut()) else {
            return false;
        };
        let verdict = match &mut head.stage {
            Stage::Queued | Stage::Running { .. } => return false,
            Stage::Rejected => None,
            Stage::Waiting(points) => {
                let reached = |(syncobj, point): &(Rc<Syncobj>, u64)| {
                    syncobj.find(*point).is_some_and(|found| found.is_signalled())
                };
                if !points.iter().all(reached) {
                    return false;
                }
                Some(Verdict::Done(0))
            }
            Stage::Posted { verdict, ends, .. } => {
                let began = head.since;
                let ends = *ends.get_or_insert(began.max(now) + exec + verdict.extra_ns());
                match verdict {
                    Verdict::Hang { .. } | Verdict::Lost => return false,
                    _ if ends > now => return false,
                    verdict => Some(verdict.clone()),
                }
            }
        };
        let Some(job) = self.take_head(id, handle) else {
            return false;
        };
        match verdict {
            None => job.fence.signal(Err(Errno::EINVAL)),
            Some(Verdict::Failed { index, status }) => {
                self.write_back(&job, state::ERROR, Some((index, status)), None);
                job.fence.signal(Ok(()));
            }
            Some(_) => {
                if let Some(command) = &job.command {
                    set_state(command, state::COMPLETED);
                }
                job.fence.signal(Ok(()));
            }
        }
        true
    }

    fn take_head(&mut self, id: ClientId, handle: u32) -> Option<Job> {
        let now = self.now;
        let context = self.context(id, handle).ok()?;
        let job = context.jobs.pop_front()?;
        context.completions += 1;
        if let Some(next) = context.jobs.front_mut() {
            next.since = now;
        }
        (self.last_progress, self.last_use) = (now, now);
        Some(job)
    }

    pub(super) fn jobs_of(
        &mut self,
        id: ClientId,
        handle: u32,
    ) -> Option<&mut std::collections::VecDeque<Job>> {
        self.clients
            .get_mut(&id)?
            .contexts
            .get_mut(&handle)
            .map(|c| &mut c.jobs)
    }

    /// Ends all jobs of a context in `end`; the oldest first.
    pub(super) fn cancel_jobs(&mut self, id: ClientId, handle: u32, end: u32) {
        while let Some(job) = self.take_head(id, handle) {
            // A job that never started keeps the state its client wrote.
            self.write_back(&job, end, None, None);
            job.fence.signal(Err(Errno::ECANCELED));
        }
    }
}
