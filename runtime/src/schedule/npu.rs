//! The NPU's part of a graph: command after command, one queued behind the one that runs.

use std::collections::VecDeque;

use xdna_driver::Outcome;

use super::batch::Batch;
use super::flight::{Flight, Ran};
use super::graph::OperatorId;
use super::lane::{PLACES, Turn};
use super::repeat::{Access, spoiled};
use super::run::Inner;
use crate::contexts::Lease;
use crate::error::Error;
use crate::kernel::{Landing, Resend, Underway};

/// The commands of a graph, in their order.
pub(super) struct Npu<'s, 'a> {
    pub scheduler: &'s Inner,
    pub flight: &'s Flight<'s>,
    pub batches: &'s mut Vec<Batch<'a>>,
}

/// A command under way.
struct Airborne<'s> {
    underway: Underway,
    turn: Turn<'s>,
}

/// What became of a command that was to begin.
enum Begun<'s> {
    Flying(Airborne<'s>),
    /// It can't be queued behind what runs; on its own, it can.
    NotNow,
    /// It can't be submitted.
    Refused(Error),
}

impl<'s> Npu<'s, '_> {
    /// Runs all of them, each operator as the policy for failures has it.
    ///
    /// # Errors
    /// The first failure for good; [`Error::GraphLate`], [`Error::Cancelled`].
    pub fn run(mut self) -> Result<(), Error> {
        let mut flying: VecDeque<Airborne<'s>> = VecDeque::with_capacity(PLACES);
        // The context of what flies.
        let mut lease: Option<Lease> = None;
        let mut done = 0;
        let mut resend = Resend::default();
        while done < self.batches.len() {
            let next = done + flying.len();
            if flying.len() < PLACES && next < self.batches.len() {
                match self.begin(next, done, &mut lease, &mut resend)? {
                    Begun::Flying(airborne) => {
                        flying.push_back(airborne);
                        continue;
                    }
                    Begun::Refused(e) => {
                        lease = None;
                        done = self.recover(done, 0, e)?;
                        continue;
                    }
                    Begun::NotNow => {}
                }
            }
            let (Some(first), Some(context)) = (flying.pop_front(), &lease) else {
                continue;
            };
            let landing = self.batches[done].land(context, first.underway, self.flight.deadline)?;
            done = match landing {
                Landing::Done => {
                    self.note(done);
                    done + 1
                }
                Landing::Lost if flying.is_empty() && resend.after_loss(self.flight.deadline) => done,
                _ => {
                    let context = context.clone();
                    lease = None;
                    self.failed(done, landing, &mut flying, &context, first.turn)?
                }
            };
            if flying.is_empty() {
                lease = None;
            }
        }
        Ok(())
    }

    /// Submits a command: behind what flies, or when all it waits for has ended.
    fn begin(
        &mut self,
        next: usize,
        done: usize,
        lease: &mut Option<Lease>,
        resend: &mut Resend,
    ) -> Result<Begun<'s>, Error> {
        let (lane, flight) = (&self.scheduler.npu, self.flight);
        let (before, batch) = self.batches.split_at_mut(next);
        let batch = &mut batch[0];
        let identity = batch.overlay().identity();
        let (turn, context) = if let Some(context) = lease {
            let flies = |id: &OperatorId| {
                let mut tasks = before[done..].iter().flat_map(|b| &b.tasks);
                tasks.any(|task| task.step.operator == id.0)
            };
            let ready = before[done].overlay().identity() == identity
                && flight.have_ended(batch.waits_for().filter(|id| !flies(id)))
                && !flight.is_over();
            let turn = ready.then(|| lane.try_enter(flight.priority, flight.deadline, Some(identity)));
            match turn.flatten() {
                Some(turn) => (turn, context.clone()),
                None => return Ok(Begun::NotNow),
            }
        } else {
            let inputs: Vec<OperatorId> = batch.waits_for().collect();
            if !flight.wait(inputs.iter().copied()) {
                return Err(Error::Cancelled);
            }
            let turn = lane.enter(flight.priority, flight.deadline, Some(identity), flight.cancel)?;
            match batch.contexts().get(batch.overlay(), flight.deadline) {
                Ok(context) => (turn, context),
                Err(e) => return Ok(Begun::Refused(e)),
            }
        };
        match batch.submit(&context, flight.deadline) {
            Ok(underway) => {
                self.scheduler.counters.note_command();
                *lease = Some(context);
                Ok(Begun::Flying(Airborne { underway, turn }))
            }
            Err(Error::Driver(xdna_driver::Error::ContextLost { .. }))
                if lease.is_none() && resend.after_gone(flight.deadline) =>
            {
                batch.contexts().abandon(&context);
                Ok(Begun::NotNow)
            }
            Err(e) if lease.is_none() => Ok(Begun::Refused(e)),
            Err(e) => {
                log::debug!("not queued: {e}");
                Ok(Begun::NotNow)
            }
        }
    }

    /// A command has ended badly: what is queued behind it is waited for and counts for nothing.
    fn failed(
        &mut self,
        done: usize,
        landing: Landing,
        flying: &mut VecDeque<Airborne<'s>>,
        lease: &Lease,
        turn: Turn<'s>,
    ) -> Result<usize, Error> {
        let (mut again, mut ran) = (Vec::new(), Vec::new());
        let (first, certain) = match landing {
            // Behind the one that failed none has begun, if it is the firmware that says so.
            Landing::Failed { at, outcome } => (at, matches!(outcome, Outcome::Failed { .. })),
            _ => (0, true),
        };
        for (i, task) in self.batches[done].tasks.iter().enumerate().skip(first) {
            again.push(Access::of(&task.run));
            ran.push(has_begun(landing) && (i == first || !certain));
        }
        for (i, airborne) in flying.drain(..).enumerate() {
            let batch = &mut self.batches[done + 1 + i];
            let behind = batch.land(lease, airborne.underway, self.flight.deadline)?;
            if behind == Landing::Late {
                return batch.result(behind).map(|()| done);
            }
            again.extend(batch.tasks.iter().map(|task| Access::of(&task.run)));
            ran.resize(again.len(), has_begun(behind));
        }
        let batch = &self.batches[done];
        batch.contexts().abandon(lease);
        let Err(error) = batch.result(landing) else {
            return Ok(done + 1);
        };
        let at = match landing {
            Landing::Failed { at, .. } => at,
            Landing::Lost => 0,
            _ => return Err(error),
        };
        if self.flight.is_over() {
            return Err(error);
        }
        if let Some(i) = spoiled(&again, &ran) {
            let mut tasks = self.batches[done..].iter().flat_map(|b| &b.tasks);
            let operator = tasks.nth(at + i).map_or(String::new(), |t| t.step.name.clone());
            return Err(Error::Overwritten {
                operator,
                failure: Box::new(error),
            });
        }
        drop(turn);
        self.recover(done, at, error)
    }

    /// Operator `at` of a command has failed: runs it again, alone, in a fresh context, or else on the CPU. Those behind it
    /// become a command of their own; the place of the next command is returned.
    fn recover(&mut self, done: usize, at: usize, error: Error) -> Result<usize, Error> {
        let mut batch = self.batches.remove(done);
        batch.unpack();
        let mut tasks = batch.tasks;
        let behind = tasks.split_off(at + 1);
        let failed = tasks.pop();
        let parts = [tasks, Vec::from_iter(failed), behind];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        self.batches.splice(done..done, parts.map(Batch::new));
        let place = if at > 0 { done + 1 } else { done };
        if at > 0 {
            self.note(done);
        }
        let ran = self.again(place, error)?;
        self.flight.note(ran);
        Ok(place + 1)
    }

    /// Runs an operator again that has failed.
    fn again(&mut self, place: usize, mut error: Error) -> Result<Ran, Error> {
        let flight = self.flight;
        let task = &mut self.batches[place].tasks[0];
        let mut ran = Ran {
            operator: task.step.operator,
            planned: task.step.place,
            on_npu: true,
            retried: false,
        };
        let counters = &self.scheduler.counters;
        if is_worth_it(&error) {
            let identity = task.run.kernel().overlay().identity();
            let lane = &self.scheduler.npu;
            let _turn = lane.enter(flight.priority, flight.deadline, Some(identity), flight.cancel)?;
            ran.retried = true;
            counters.note_retry();
            match task.run.run(flight.deadline) {
                Ok(()) => {
                    counters.note_npu(1);
                    return Ok(ran);
                }
                Err(e) => error = e,
            }
        }
        let Some(on_cpu) = task.cpu.as_mut().filter(|_| !flight.is_over()) else {
            return Err(error);
        };
        self.scheduler.note_fall_back(&task.step.name, &error);
        on_cpu()?;
        counters.note_cpu();
        ran.on_npu = false;
        Ok(ran)
    }

    /// Operators of a command have completed.
    fn note(&self, batch: usize) {
        let tasks = &self.batches[batch].tasks;
        self.scheduler.counters.note_npu(tasks.len());
        for task in tasks {
            self.flight.note(Ran {
                operator: task.step.operator,
                planned: task.step.place,
                on_npu: true,
                retried: false,
            });
        }
    }
}

/// False for a command that nothing was done of.
fn has_begun(landing: Landing) -> bool {
    !matches!(
        landing,
        Landing::Lost
            | Landing::Failed {
                outcome: Outcome::Rejected,
                ..
            }
    )
}

/// False for what a second try can't change.
fn is_worth_it(e: &Error) -> bool {
    matches!(e, Error::Failed { .. })
}
