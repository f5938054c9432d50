//! Jobs that firmware works on: the array moves, a slice of time at a time.

use super::Kmd;
use super::client::ClientId;
use super::job::Stage;
use crate::firmware::Verdict;

impl Kmd {
    /// The oldest job of a context that firmware can go on with: it waits for those before, and what hangs lets none by.
    fn computable(&mut self, id: ClientId, handle: u32) -> Option<usize> {
        for (index, job) in self.jobs_of(id, handle)?.iter().enumerate() {
            match &job.stage {
                Stage::Running { .. } => return Some(index),
                Stage::Posted {
                    verdict: Verdict::Hang { .. },
                    ..
                }
                | Stage::Queued
                | Stage::Waiting(_) => return None,
                Stage::Posted { .. } | Stage::Rejected => {}
            }
        }
        None
    }

    /// True if firmware has work to do now.
    pub(super) fn computes(&mut self, id: ClientId, handle: u32) -> bool {
        self.computable(id, handle).is_some()
    }

    /// Lets firmware work for a context until all is done or `steps` cycles are used up.
    pub(super) fn compute(&mut self, id: ClientId, handle: u32, steps: &mut u64) {
        while *steps > 0
            && let Some(index) = self.computable(id, handle)
        {
            let Some(job) = self.jobs_of(id, handle).and_then(|j| j.get_mut(index)) else {
                return;
            };
            let (mut run, subs) = match std::mem::replace(&mut job.stage, Stage::Rejected) {
                Stage::Running { run, subs } => (run, subs),
                other => {
                    job.stage = other;
                    return;
                }
            };
            let verdict = self.on_device(id, |kmd, memory| kmd.firmware.proceed(&mut run, memory, steps));
            // A client without memory is one that is gone.
            let verdict = verdict.unwrap_or(Some(Verdict::Lost));
            if let Some(verdict) = &verdict {
                let command = run.command();
                let (number, opcode) = (command.context, command.works.first().map_or(0, |w| w.opcode));
                if let Some(cycles) = run.cycles() {
                    self.trace.cycles(id, handle, cycles);
                }
                self.tell_command(number, opcode, verdict);
                self.last_progress = self.now;
            }
            let now = self.now;
            let Some(job) = self.jobs_of(id, handle).and_then(|j| j.get_mut(index)) else {
                return;
            };
            job.stage = match verdict {
                None => Stage::Running { run, subs },
                Some(verdict) => {
                    job.since = now;
                    Stage::Posted {
                        verdict,
                        ends: None,
                        subs,
                    }
                }
            };
        }
    }
}
