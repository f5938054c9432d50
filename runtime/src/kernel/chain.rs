//! Chains: commands of one overlay, packed as tightly as the driver takes them.

use std::collections::VecDeque;
use std::time::Instant;

use xdna_driver::ChainBuilder;

use super::link::{Landing, Link, Underway, is_full};
use super::{Arg, Kernel};
use crate::contexts::Lease;
use crate::error::Error;
use crate::overlay::Overlay;
use crate::runtime::Runtime;

/// Chains under way: one that runs and one behind it.
const UNDER_WAY: usize = 2;

/// Kernels of one overlay that run in order, as few commands of the driver as possible.
///
/// A chain is closed and submitted when the next command would not fit, and by [`finish`](Self::finish). Dropped before
/// that, what was not submitted is not run.
#[derive(Debug)]
#[must_use = "the last chain runs when finish() is called"]
pub struct Chain<'r> {
    runtime: &'r Runtime,
    overlay: Overlay,
    deadline: Instant,
    open: ChainBuilder<'r>,
    /// Kernel of every operator of the open chain.
    kernels: Vec<Kernel>,
    /// Operators pushed so far.
    pushed: usize,
    lease: Option<Lease>,
    /// An operator has failed: what is pushed after it is not run.
    broken: bool,
    flying: VecDeque<(Link, Underway)>,
    closed: usize,
}

impl<'r> Chain<'r> {
    /// A chain without commands; it must end before `deadline`.
    pub fn new(runtime: &'r Runtime, overlay: &Overlay, deadline: Instant) -> Self {
        Self {
            runtime,
            overlay: overlay.clone(),
            deadline,
            open: ChainBuilder::new(runtime.device()),
            kernels: Vec::new(),
            pushed: 0,
            lease: None,
            broken: false,
            flying: VecDeque::new(),
            closed: 0,
        }
    }

    /// Appends a run, whose place among all is returned; submits the open chain first, if it is full.
    ///
    /// # Errors
    /// [`Error::Argument`]; the failure of an earlier operator, by its place; [`Error::Broken`] after one.
    ///
    /// # Panics
    /// If the kernel is of another overlay.
    pub fn push(&mut self, kernel: &Kernel, args: &[Arg<'_>]) -> Result<usize, Error> {
        assert_eq!(
            kernel.overlay().identity(),
            self.overlay.identity(),
            "a chain runs in one context: kernels of one overlay"
        );
        self.check()?;
        let mut command = kernel.command(args)?;
        loop {
            match self.open.push(command) {
                Ok(()) => break,
                Err(full) if !self.open.is_empty() && is_full(&full.reason) => {
                    self.close()?;
                    command = *full.command;
                }
                Err(refused) => return Err(refused.reason.into()),
            }
        }
        self.kernels.push(kernel.clone());
        self.pushed += 1;
        Ok(self.pushed - 1)
    }

    /// Submits what is open and waits for the end of everything pushed so far: the host needs a value. More can be pushed.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn flush(&mut self) -> Result<(), Error> {
        self.check()?;
        if !self.open.is_empty() {
            self.close()?;
        }
        while !self.flying.is_empty() {
            self.land()?;
        }
        Ok(())
    }

    /// Submits what is open and waits for the end of everything; the chains that were submitted are counted.
    ///
    /// # Errors
    /// [`Error::Failed`] with the operator's place: those before it have run; those behind it in its chain have not, and what
    /// the next chain did is not to be used. [`Error::Broken`] if that was reported before.
    pub fn finish(mut self) -> Result<usize, Error> {
        self.flush()?;
        Ok(self.closed)
    }

    fn check(&self) -> Result<(), Error> {
        if self.broken { Err(Error::Broken) } else { Ok(()) }
    }

    /// Submits the open chain behind the one that runs.
    fn close(&mut self) -> Result<(), Error> {
        while self.flying.len() >= UNDER_WAY {
            self.land()?;
        }
        let fresh = ChainBuilder::new(self.runtime.device());
        let command = std::mem::replace(&mut self.open, fresh).build()?;
        let kernels = std::mem::take(&mut self.kernels);
        let mut link = Link::new(command, self.pushed - kernels.len(), kernels);
        let lease = match self.lease.take() {
            Some(lease) => lease,
            None => self.runtime.contexts().get(&self.overlay, self.deadline)?,
        };
        let submitted = link.submit(&lease, self.deadline);
        if submitted.is_err() {
            self.broken = true;
            self.runtime.contexts().abandon(&lease);
        }
        self.lease = Some(lease);
        self.flying.push_back((link, submitted?));
        self.closed += 1;
        Ok(())
    }

    /// Waits for the oldest chain under way.
    fn land(&mut self) -> Result<(), Error> {
        let (Some((mut link, flight)), Some(lease)) = (self.flying.pop_front(), &self.lease) else {
            return Ok(());
        };
        let contexts = self.runtime.contexts();
        let landing = link.land(contexts, lease, flight, self.deadline)?;
        if landing != Landing::Done {
            contexts.abandon(lease);
            self.lease = None;
            self.broken = true;
            // What is behind it in the context ends on its own and does not count.
            self.flying.clear();
        }
        link.result(landing)
    }
}
