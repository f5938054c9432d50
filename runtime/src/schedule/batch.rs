//! What goes to the NPU as one command: operators of one overlay in a row.

use std::time::Instant;

use xdna_driver::ChainBuilder;

use super::graph::{OnCpu, OperatorId};
use super::plan::{Place, Step};
use crate::contexts::{Contexts, Lease};
use crate::error::Error;
use crate::kernel::{Landing, Link, Prepared, Underway, is_full};
use crate::overlay::Overlay;
use crate::runtime::Runtime;

/// An operator that the plan has on the NPU.
pub(super) struct Task<'a> {
    pub step: Step,
    pub after: Vec<OperatorId>,
    pub run: Prepared,
    /// What it falls back to.
    pub cpu: Option<OnCpu<'a>>,
}

/// Operators that are one command: a chain, or a single one.
pub(super) struct Batch<'a> {
    pub tasks: Vec<Task<'a>>,
    /// None before it was packed; the tasks have their commands then.
    link: Option<Link>,
}

impl<'a> Batch<'a> {
    /// Makes commands of tasks in the order of their plan: a new one where the plan has one, and where the driver takes no
    /// more.
    ///
    /// # Errors
    /// No memory for the commands.
    pub fn pack(tasks: Vec<Task<'a>>) -> Result<Vec<Self>, Error> {
        let mut batches: Vec<Self> = Vec::new();
        for task in tasks {
            match batches.last_mut() {
                Some(batch) if matches!(task.step.place, Place::Npu { chained: true, .. }) => {
                    batch.tasks.push(task);
                }
                _ => batches.push(Self::new(vec![task])),
            }
        }
        let mut packed = Vec::with_capacity(batches.len());
        for mut batch in batches {
            while let Some(rest) = batch.link()? {
                packed.push(std::mem::replace(&mut batch, rest));
            }
            packed.push(batch);
        }
        Ok(packed)
    }

    /// Operators that become a command when they are submitted.
    pub fn new(tasks: Vec<Task<'a>>) -> Self {
        Self { tasks, link: None }
    }

    /// Makes the command, and returns the operators that do not fit into it.
    fn link(&mut self) -> Result<Option<Self>, Error> {
        let (link, rest) = self.build()?;
        self.link = Some(link);
        Ok((!rest.is_empty()).then(|| Self::new(rest)))
    }

    fn build(&mut self) -> Result<(Link, Vec<Task<'a>>), Error> {
        let mut fits = self.tasks.len();
        let command = if fits == 1 {
            self.tasks[0].run.take()?
        } else {
            let runtime = self.runtime().clone();
            let mut chain = ChainBuilder::new(runtime.device());
            for (i, task) in self.tasks.iter_mut().enumerate() {
                if let Err(refused) = chain.push(task.run.take()?) {
                    task.run.put(*refused.command);
                    if chain.is_empty() || !is_full(&refused.reason) {
                        return Err(refused.reason.into());
                    }
                    fits = i;
                    break;
                }
            }
            chain.build()?
        };
        let rest = self.tasks.split_off(fits);
        let kernels = self.tasks.iter().map(|task| task.run.kernel().clone());
        let first = self.tasks[0].step.operator;
        Ok((Link::new(command, first, kernels.collect()), rest))
    }

    /// Gives the tasks their commands back.
    pub fn unpack(&mut self) {
        let Some(command) = self.link.take().and_then(Link::into_command) else {
            return;
        };
        if command.links().is_empty() {
            return self.tasks[0].run.put(command);
        }
        for (task, command) in self.tasks.iter_mut().zip(command.into_links()) {
            task.run.put(command);
        }
    }

    pub fn overlay(&self) -> &Overlay {
        self.tasks[0].run.kernel().overlay()
    }

    pub fn runtime(&self) -> &Runtime {
        &self.tasks[0].run.kernel().inner().runtime
    }

    pub fn contexts(&self) -> &Contexts {
        self.runtime().contexts()
    }

    /// What it waits for beyond its own operators.
    pub fn waits_for(&self) -> impl Iterator<Item = OperatorId> {
        let own = |id: &OperatorId| self.tasks.iter().any(|task| task.step.operator == id.0);
        let all = self.tasks.iter().flat_map(|task| &task.after).copied();
        all.filter(move |id| !own(id))
    }

    /// Submits it.
    ///
    /// # Errors
    /// As [`Link::submit`].
    pub fn submit(&mut self, lease: &Lease, deadline: Instant) -> Result<Underway, Error> {
        // Tasks without a command are a part of what fitted before.
        let mut link = match self.link.take() {
            Some(link) => link,
            None => self.build()?.0,
        };
        let submitted = link.submit(lease, deadline);
        self.link = Some(link);
        submitted
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// As [`Link::land`].
    pub fn land(&mut self, lease: &Lease, underway: Underway, deadline: Instant) -> Result<Landing, Error> {
        let contexts = self.contexts().clone();
        match &mut self.link {
            Some(link) => link.land(&contexts, lease, underway, deadline),
            None => Ok(Landing::Done),
        }
    }

    /// What to say of a landing.
    pub fn result(&self, landing: Landing) -> Result<(), Error> {
        self.link.as_ref().map_or(Ok(()), |link| link.result(landing))
    }
}
