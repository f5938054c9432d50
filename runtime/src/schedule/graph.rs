//! What is to be done: operators, and which of them wait for which.

use std::fmt;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::kernel::Prepared;

/// An operator of a graph: its place among those added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperatorId(pub(super) usize);

/// An implementation on the CPU; it can be run again.
pub type OnCpu<'a> = Box<dyn FnMut() -> Result<(), Error> + Send + 'a>;

/// One operation with its implementations: at least one of both.
pub struct Operator<'a> {
    pub(super) name: String,
    pub(super) npu: Option<(Prepared, Duration)>,
    pub(super) cpu: Option<(OnCpu<'a>, Duration)>,
    pub(super) after: Vec<OperatorId>,
}

impl fmt::Debug for Operator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (npu, cpu) = (self.npu.is_some(), self.cpu.is_some());
        write!(f, "{} (NPU {npu}, CPU {cpu}, after {:?})", self.name, self.after)
    }
}

impl<'a> Operator<'a> {
    /// An operator without implementations.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            npu: None,
            cpu: None,
            after: Vec::new(),
        }
    }

    /// Can run on the NPU, in about `estimate`.
    pub fn on_npu(self, run: Prepared, estimate: Duration) -> Self {
        Self {
            npu: Some((run, estimate)),
            ..self
        }
    }

    /// Can run on the CPU, in about `estimate`.
    pub fn on_cpu(self, run: impl FnMut() -> Result<(), Error> + Send + 'a, estimate: Duration) -> Self {
        Self {
            cpu: Some((Box::new(run), estimate)),
            ..self
        }
    }

    /// Begins when `others` have ended.
    pub fn after(mut self, others: impl IntoIterator<Item = OperatorId>) -> Self {
        self.after.extend(others);
        self
    }
}

/// Which graph goes first where several wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// After all others: a file being transcribed.
    #[default]
    Normal,
    /// Before all others: somebody waits for it.
    High,
}

/// Operators that belong together. They end together, too: the first that fails for good stops the rest.
#[derive(Debug)]
pub struct Graph<'a> {
    pub(super) operators: Vec<Operator<'a>>,
    pub(super) priority: Priority,
    pub(super) deadline: Instant,
}

impl<'a> Graph<'a> {
    /// A graph without operators that must end before `deadline`.
    pub fn new(priority: Priority, deadline: Instant) -> Self {
        Self {
            operators: Vec::new(),
            priority,
            deadline,
        }
    }

    /// Adds an operator. What it waits for has been added before, so that there are no circles.
    ///
    /// # Panics
    /// If it waits for an operator of another, larger graph, or has no implementation.
    pub fn add(&mut self, operator: Operator<'a>) -> OperatorId {
        let id = OperatorId(self.operators.len());
        assert!(
            operator.after.iter().all(|other| *other < id),
            "{}: waits for what is not there yet",
            operator.name
        );
        assert!(
            operator.npu.is_some() || operator.cpu.is_some(),
            "{}: nothing implements it",
            operator.name
        );
        self.operators.push(operator);
        id
    }
}
