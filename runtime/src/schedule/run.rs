//! Running graphs: two lanes side by side, and what is done when something fails.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::flight::{Cancel, Flight, GLANCE, Ran, Report};
use super::graph::{Graph, Operator};
use super::lane::Lane;
use super::plan::{Place, Plan, Step, Target};
use crate::error::Error;

/// Runs graphs; several at a time, from as many threads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Scheduler(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    target: Target,
    /// Graphs that may be inside.
    limit: usize,
    inside: Mutex<usize>,
    left: Condvar,
    npu: Lane,
    counters: Counters,
    /// Operators whose fall-back was logged.
    logged: Mutex<HashSet<String>>,
}

#[derive(Debug, Default)]
struct Counters {
    on_npu: AtomicU64,
    on_cpu: AtomicU64,
    retried: AtomicU64,
    fell_back: AtomicU64,
}

/// What was scheduled so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScheduleStats {
    /// Operators that ran on the NPU.
    pub on_npu: u64,
    /// Operators that ran on the CPU.
    pub on_cpu: u64,
    /// Operators that were run a second time on the NPU, in a fresh context.
    pub retried: u64,
    /// Operators that ran on the CPU though the plan had them on the NPU.
    pub fell_back: u64,
}

/// A place among the graphs under way, until dropped.
#[derive(Debug)]
struct Room<'s>(&'s Inner);

impl Drop for Room<'_> {
    fn drop(&mut self) {
        *self.0.inside.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.left.notify_one();
    }
}

impl Scheduler {
    /// A scheduler for `target` that has at most `limit` graphs inside, and at least one.
    pub fn new(target: Target, limit: usize) -> Self {
        Self(Arc::new(Inner {
            target,
            limit: limit.max(1),
            inside: Mutex::default(),
            left: Condvar::new(),
            npu: Lane::default(),
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

    /// Runs a graph to its end, waiting for room before.
    ///
    /// An operator that fails on the NPU is run again once, in a fresh context, then on the CPU where that can be; it
    /// is counted, and logged the first time.
    ///
    /// # Errors
    /// The first failure for good; [`Error::GraphLate`], [`Error::Cancelled`]. What the graph wrote is not to be used.
    pub fn run(&self, graph: Graph<'_>, cancel: &Cancel) -> Result<Report, Error> {
        let _room = self.enter(graph.deadline, cancel)?;
        self.run_inside(graph, cancel)
    }

    /// As [`run`](Self::run), but without waiting for room.
    ///
    /// # Errors
    /// [`Error::Busy`] with no operator begun, and as `run`.
    pub fn try_run(&self, graph: Graph<'_>, cancel: &Cancel) -> Result<Report, Error> {
        let full = |e| match e {
            Error::GraphLate => Error::Busy { limit: self.0.limit },
            e => e,
        };
        let _room = self.enter(Instant::now(), cancel).map_err(full)?;
        self.run_inside(graph, cancel)
    }

    /// What was scheduled so far.
    pub fn stats(&self) -> ScheduleStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters {
            on_npu,
            on_cpu,
            retried,
            fell_back,
        } = &self.0.counters;
        ScheduleStats {
            on_npu: read(on_npu),
            on_cpu: read(on_cpu),
            retried: read(retried),
            fell_back: read(fell_back),
        }
    }

    fn enter(&self, deadline: Instant, cancel: &Cancel) -> Result<Room<'_>, Error> {
        let mut inside = self.0.inside.lock().unwrap_or_else(PoisonError::into_inner);
        while *inside >= self.0.limit {
            let left = deadline.saturating_duration_since(Instant::now());
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if left.is_zero() {
                return Err(Error::GraphLate);
            }
            inside = match self.0.left.wait_timeout(inside, left.min(GLANCE)) {
                Ok((inside, _)) => inside,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        *inside += 1;
        Ok(Room(&self.0))
    }

    fn run_inside(&self, graph: Graph<'_>, cancel: &Cancel) -> Result<Report, Error> {
        let plan = self.plan(&graph)?;
        let flight = Flight::new(graph.operators.len(), cancel, graph.priority, graph.deadline);
        let mut slots: Vec<Option<Operator<'_>>> = graph.operators.into_iter().map(Some).collect();
        let (mut npu, mut cpu) = (Vec::new(), Vec::new());
        for step in plan.steps {
            let Some(operator) = slots[step.operator].take() else {
                continue;
            };
            let lane = if step.place == Place::Cpu {
                &mut cpu
            } else {
                &mut npu
            };
            lane.push((step, operator));
        }
        if cpu.is_empty() || npu.is_empty() {
            npu.append(&mut cpu);
            self.lane(&flight, npu);
        } else {
            std::thread::scope(|scope| {
                scope.spawn(|| self.lane(&flight, cpu));
                self.lane(&flight, npu);
            });
        }
        flight.end()
    }

    /// Runs operators in their order, each when what it waits for has ended.
    fn lane(&self, flight: &Flight<'_>, operators: Vec<(Step, Operator<'_>)>) {
        for (step, mut operator) in operators {
            if !flight.wait(&operator) {
                return;
            }
            match self.one(flight, &step, &mut operator) {
                Ok(ran) => flight.note(ran),
                Err(e) => return flight.fail(e),
            }
        }
    }

    fn one(&self, flight: &Flight<'_>, step: &Step, operator: &mut Operator<'_>) -> Result<Ran, Error> {
        let Inner {
            npu,
            counters,
            logged,
            ..
        } = &*self.0;
        let mut ran = Ran {
            operator: step.operator,
            planned: step.place,
            on_npu: true,
            retried: false,
        };
        if step.place != Place::Cpu
            && let Some((run, _)) = &mut operator.npu
        {
            let overlay = run.kernel().overlay().identity();
            let turn = npu.enter(flight.priority, flight.deadline, overlay, flight.cancel)?;
            let first = run.run(flight.deadline);
            let result = match first {
                Err(Error::Failed { .. }) if !flight.cancel.is_cancelled() => {
                    ran.retried = true;
                    counters.retried.fetch_add(1, Ordering::Relaxed);
                    run.run(flight.deadline)
                }
                other => other,
            };
            drop(turn);
            match result {
                Ok(()) => {
                    counters.on_npu.fetch_add(1, Ordering::Relaxed);
                    return Ok(ran);
                }
                Err(e) if operator.cpu.is_none() || flight.is_over() => return Err(e),
                Err(e) => {
                    counters.fell_back.fetch_add(1, Ordering::Relaxed);
                    let mut logged = logged.lock().unwrap_or_else(PoisonError::into_inner);
                    if logged.insert(operator.name.clone()) {
                        log::warn!("{}: {e}; run on the CPU instead (said once)", operator.name);
                    }
                }
            }
        }
        let Some((run, _)) = &mut operator.cpu else {
            // A plan puts nothing where no implementation is.
            return Err(Error::NotOnCpu {
                operator: operator.name.clone(),
            });
        };
        run()?;
        counters.on_cpu.fetch_add(1, Ordering::Relaxed);
        ran.on_npu = false;
        Ok(ran)
    }
}
