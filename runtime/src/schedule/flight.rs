//! A graph under way, as both lanes see it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::graph::{OperatorId, Priority};
use super::plan::Place;
use crate::error::Error;

/// How often who waits looks whether the graph was stopped.
pub(super) const GLANCE: Duration = Duration::from_millis(20);

/// Stops a graph: what has not begun does not begin.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Stops the graph it was given to.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// An operator that has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its place in the graph.
    pub operator: usize,
    /// Where the plan had it.
    pub planned: Place,
    /// Whether it ran on the NPU in the end.
    pub on_npu: bool,
    /// Whether it took a second try on the NPU.
    pub retried: bool,
}

/// A graph that has run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Operators in the order in which they ended.
    pub ran: Vec<Ran>,
}

/// How far a graph is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub done: Vec<bool>,
    pub ran: Vec<Ran>,
    pub failed: Option<Error>,
}

/// A graph under way, as both lanes see it.
pub(super) struct Flight<'f> {
    progress: Mutex<Progress>,
    changed: Condvar,
    pub cancel: &'f Cancel,
    pub priority: Priority,
    pub deadline: Instant,
}

impl<'f> Flight<'f> {
    /// A graph of `operators` operators of which none has begun.
    pub fn new(operators: usize, cancel: &'f Cancel, priority: Priority, deadline: Instant) -> Self {
        Self {
            progress: Mutex::new(Progress {
                done: vec![false; operators],
                ..Progress::default()
            }),
            changed: Condvar::new(),
            cancel,
            priority,
            deadline,
        }
    }

    /// How it ended.
    pub fn end(self) -> Result<Report, Error> {
        let progress = self.progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        match progress.failed {
            Some(e) => Err(e),
            None => Ok(Report { ran: progress.ran }),
        }
    }

    pub fn is_over(&self) -> bool {
        self.cancel.is_cancelled() || Instant::now() >= self.deadline
    }

    /// Whether all of these have ended.
    pub fn have_ended(&self, mut operators: impl Iterator<Item = OperatorId>) -> bool {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        operators.all(|id| progress.done[id.0])
    }

    /// Waits for an operator's inputs; false if the graph ends here.
    pub fn wait(&self, inputs: impl Iterator<Item = OperatorId> + Clone) -> bool {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if progress.failed.is_some() {
                return false;
            }
            if self.is_over() {
                let cancelled = self.cancel.is_cancelled();
                progress.failed = Some(if cancelled {
                    Error::Cancelled
                } else {
                    Error::GraphLate
                });
                self.changed.notify_all();
                return false;
            }
            if inputs.clone().all(|id| progress.done[id.0]) {
                return true;
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            progress = match self.changed.wait_timeout(progress, left.min(GLANCE)) {
                Ok((progress, _)) => progress,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    pub fn note(&self, ran: Ran) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.done[ran.operator] = true;
        progress.ran.push(ran);
        self.changed.notify_all();
    }

    /// Fails the graph if the thread that holds this panics.
    pub fn ends_with_thread(&self) -> EndsWithThread<'_> {
        EndsWithThread(self)
    }

    pub fn fail(&self, e: Error) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.failed.get_or_insert(e);
        self.changed.notify_all();
    }
}

/// A lane at work.
pub(super) struct EndsWithThread<'f>(&'f Flight<'f>);

impl Drop for EndsWithThread<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(Error::Cancelled);
        }
    }
}
