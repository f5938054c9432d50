//! Running graphs: two lanes side by side, and what is done when something fails.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::batch::{Batch, Task};
use super::flight::{Cancel, Flight, Ran, Report};
use super::graph::{Graph, OnCpu, Operator, OperatorId, Priority};
use super::lane::{Lane, PLACES};
use super::npu::Npu;
use super::plan::{Place, Plan, Step, Target};
use crate::error::Error;

/// Runs graphs; several at a time, from as many threads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Scheduler(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    target: Target,
    /// Graphs that may be inside.
    limit: usize,
    room: Lane,
    pub npu: Lane,
    pub counters: Counters,
    /// Operators whose fall-back was logged.
    logged: Mutex<HashSet<String>>,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    commands: AtomicU64,
    on_npu: AtomicU64,
    on_cpu: AtomicU64,
    retried: AtomicU64,
    fell_back: AtomicU64,
}

/// What was scheduled so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScheduleStats {
    /// Commands that the operators on the NPU were packed into; those of second tries not counted.
    pub commands: u64,
    /// Operators that ran on the NPU.
    pub on_npu: u64,
    /// Operators that ran on the CPU.
    pub on_cpu: u64,
    /// Operators that were run a second time on the NPU, in a fresh context.
    pub retried: u64,
    /// Operators that ran on the CPU though the plan had them on the NPU.
    pub fell_back: u64,
}

/// A graph that was planned and packed into commands, to be run again and again.
pub struct Schedule<'a> {
    scheduler: Scheduler,
    plan: Plan,
    priority: Priority,
    operators: usize,
    npu: Vec<Batch<'a>>,
    cpu: Vec<OnTheCpu<'a>>,
}

/// An operator that the plan has on the CPU.
struct OnTheCpu<'a> {
    step: Step,
    after: Vec<OperatorId>,
    run: OnCpu<'a>,
}

impl fmt::Debug for Schedule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, npu, .. } = self;
        write!(f, "{} operators, {} commands", plan.steps.len(), npu.len())
    }
}

impl Counters {
    pub fn note_command(&self) {
        self.commands.fetch_add(1, Ordering::Relaxed);
    }

    pub fn note_npu(&self, operators: usize) {
        self.on_npu.fetch_add(operators as u64, Ordering::Relaxed);
    }

    pub fn note_cpu(&self) {
        self.on_cpu.fetch_add(1, Ordering::Relaxed);
    }

    pub fn note_retry(&self) {
        self.retried.fetch_add(1, Ordering::Relaxed);
    }
}

impl Inner {
    /// Counts an operator that goes to the CPU for `e`, and says so the first time.
    pub fn note_fall_back(&self, operator: &str, e: &Error) {
        self.counters.fell_back.fetch_add(1, Ordering::Relaxed);
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.insert(operator.to_owned()) {
            log::warn!("{operator}: {e}; run on the CPU instead (said once)");
        }
    }
}

impl Scheduler {
    /// A scheduler for `target` that has at most `limit` graphs inside, and at least one.
    pub fn new(target: Target, limit: usize) -> Self {
        Self(Arc::new(Inner {
            target,
            limit: limit.max(1),
            room: Lane::new(limit.max(1)),
            npu: Lane::new(PLACES),
            counters: Counters::default(),
            logged: Mutex::default(),
        }))
    }

    /// What would be done, without doing it.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn plan(&self, graph: &Graph<'_>) -> Result<Plan, Error> {
        Plan::new(graph, self.0.target)
    }

    /// Plans a graph and packs what runs on the NPU into commands: as many operators of one overlay in a row as the driver
    /// takes, up to where the host needs a value.
    ///
    /// # Errors
    /// As [`Plan::new`], and no memory for the commands.
    pub fn load<'a>(&self, graph: Graph<'a>) -> Result<Schedule<'a>, Error> {
        let plan = self.plan(&graph)?;
        let operators = graph.operators.len();
        let mut slots: Vec<Option<Operator<'a>>> = graph.operators.into_iter().map(Some).collect();
        let (mut tasks, mut cpu) = (Vec::new(), Vec::new());
        for step in plan.steps.iter().cloned() {
            let Some(operator) = slots[step.operator].take() else {
                continue;
            };
            let (after, on_cpu) = (operator.after, operator.cpu.map(|(run, _)| run));
            match (step.place, operator.npu, on_cpu) {
                (Place::Npu { .. }, Some((run, _)), cpu) => tasks.push(Task {
                    step,
                    after,
                    run,
                    cpu,
                }),
                (_, _, Some(run)) => cpu.push(OnTheCpu { step, after, run }),
                // A plan puts nothing where no implementation is.
                _ => {
                    let operator = operator.name;
                    return Err(Error::NotOnCpu { operator });
                }
            }
        }
        Ok(Schedule {
            scheduler: self.clone(),
            plan,
            priority: graph.priority,
            operators,
            npu: Batch::pack(tasks)?,
            cpu,
        })
    }

    /// Runs a graph to its end, waiting for room before: high priority first, then the earliest deadline.
    ///
    /// An operator that fails on the NPU is run again once, in a fresh context, then on the CPU where that can be; it
    /// is counted, and logged the first time. Neither is done where what it reads was overwritten since: values that
    /// have buffers of their own are always found.
    ///
    /// # Errors
    /// The first failure for good; [`Error::Overwritten`], [`Error::GraphLate`], [`Error::Cancelled`]. What the graph wrote is
    /// not to be used.
    pub fn run(&self, graph: Graph<'_>, cancel: &Cancel) -> Result<Report, Error> {
        let (priority, deadline) = (graph.priority, graph.deadline);
        let _room = self.0.room.enter(priority, deadline, None, cancel)?;
        self.load(graph)?.run_inside(deadline, cancel)
    }

    /// As [`run`](Self::run), but without waiting for room.
    ///
    /// # Errors
    /// [`Error::Busy`] with no operator begun, and as `run`.
    pub fn try_run(&self, graph: Graph<'_>, cancel: &Cancel) -> Result<Report, Error> {
        let (priority, deadline) = (graph.priority, graph.deadline);
        let limit = self.0.limit;
        let room = self.0.room.try_enter(priority, deadline, None);
        let _room = room.ok_or(Error::Busy { limit })?;
        self.load(graph)?.run_inside(deadline, cancel)
    }

    /// What was scheduled so far.
    pub fn stats(&self) -> ScheduleStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters {
            commands,
            on_npu,
            on_cpu,
            retried,
            fell_back,
        } = &self.0.counters;
        ScheduleStats {
            commands: read(commands),
            on_npu: read(on_npu),
            on_cpu: read(on_cpu),
            retried: read(retried),
            fell_back: read(fell_back),
        }
    }
}

impl Schedule<'_> {
    /// The plan it follows.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Commands that its operators on the NPU were packed into; more after a failure, which leaves chains in parts.
    pub fn commands(&self) -> usize {
        self.npu.len()
    }

    /// Runs it to its end, waiting for room before.
    ///
    /// # Errors
    /// As [`Scheduler::run`].
    pub fn run(&mut self, deadline: Instant, cancel: &Cancel) -> Result<Report, Error> {
        let scheduler = self.scheduler.clone();
        let _room = scheduler.0.room.enter(self.priority, deadline, None, cancel)?;
        self.run_inside(deadline, cancel)
    }

    fn run_inside(&mut self, deadline: Instant, cancel: &Cancel) -> Result<Report, Error> {
        let flight = Flight::new(self.operators, cancel, self.priority, deadline);
        let (scheduler, cpu) = (&*self.scheduler.0, &mut self.cpu);
        let npu = Npu {
            scheduler,
            flight: &flight,
            batches: &mut self.npu,
        };
        let on_npu = |npu: Npu<'_, '_>| {
            let _ends = flight.ends_with_thread();
            if let Err(e) = npu.run() {
                flight.fail(e);
            }
        };
        if cpu.is_empty() {
            on_npu(npu);
        } else if npu.batches.is_empty() {
            on_cpu(scheduler, &flight, cpu);
        } else {
            std::thread::scope(|scope| {
                scope.spawn(|| on_cpu(scheduler, &flight, cpu));
                on_npu(npu);
            });
        }
        flight.end()
    }
}

/// Runs operators in their order, each when what it waits for has ended.
fn on_cpu(scheduler: &Inner, flight: &Flight<'_>, operators: &mut [OnTheCpu<'_>]) {
    // Should one panic, nobody waits for it.
    let _ends = flight.ends_with_thread();
    for OnTheCpu { step, after, run } in operators {
        if !flight.wait(after.iter().copied()) {
            return;
        }
        if let Err(e) = run() {
            return flight.fail(e);
        }
        scheduler.counters.note_cpu();
        flight.note(Ran {
            operator: step.operator,
            planned: step.place,
            on_npu: false,
            retried: false,
        });
    }
}
