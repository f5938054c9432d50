//! Runs in order, bound and packed once.

use std::time::Instant;

use xdna_driver::ChainBuilder;

use super::link::{Landing, Link, Underway, is_full};
use super::{Arg, Kernel};
use crate::contexts::Lease;
use crate::error::Error;
use crate::overlay::Overlay;
use crate::runtime::Runtime;

/// Runs of kernels of one overlay, in order, packed into chains once, to be run again and again: no allocation, two calls of
/// the driver a chain.
#[derive(Debug)]
pub struct Sequence {
    runtime: Runtime,
    overlay: Overlay,
    links: Vec<Link>,
}

impl Sequence {
    /// Binds runs of kernels of `overlay`.
    ///
    /// # Errors
    /// [`Error::Argument`], or no memory for the commands.
    ///
    /// # Panics
    /// If a kernel is of another overlay.
    pub fn new(runtime: &Runtime, overlay: &Overlay, runs: &[(&Kernel, &[Arg<'_>])]) -> Result<Self, Error> {
        let mut links = Vec::new();
        let mut open = ChainBuilder::new(runtime.device());
        let mut kernels: Vec<Kernel> = Vec::new();
        for (i, (kernel, args)) in runs.iter().enumerate() {
            assert_eq!(
                kernel.overlay().identity(),
                overlay.identity(),
                "a sequence runs in one context: kernels of one overlay"
            );
            let mut command = kernel.command(args)?;
            while let Err(refused) = open.push(command) {
                if open.is_empty() || !is_full(&refused.reason) {
                    return Err(refused.reason.into());
                }
                let full = std::mem::replace(&mut open, ChainBuilder::new(runtime.device()));
                let kernels = std::mem::take(&mut kernels);
                links.push(Link::new(full.build()?, i - kernels.len(), kernels));
                command = *refused.command;
            }
            kernels.push((*kernel).clone());
        }
        if !open.is_empty() {
            links.push(Link::new(open.build()?, runs.len() - kernels.len(), kernels));
        }
        Ok(Self {
            runtime: runtime.clone(),
            overlay: overlay.clone(),
            links,
        })
    }

    /// Chains it was packed into.
    pub fn chains(&self) -> usize {
        self.links.len()
    }

    /// Runs all of it and waits for its end; one chain is queued behind the one that runs.
    ///
    /// # Errors
    /// [`Error::Failed`] with the operator's place: those before it have run; those behind it in its chain have not, and what
    /// the next chain did is not to be used. [`Error::Late`], [`Error::ContextsTaken`], or what the driver answers.
    pub fn run(&mut self, deadline: Instant) -> Result<(), Error> {
        if self.links.is_empty() {
            return Ok(());
        }
        let contexts = self.runtime.contexts().clone();
        let lease = contexts.get(&self.overlay, deadline)?;
        let mut ahead: Option<(usize, Underway)> = None;
        for link in 0..self.links.len() {
            let done = match self.links[link].submit(&lease, deadline) {
                Ok(flight) => ahead
                    .replace((link, flight))
                    .map_or(Ok(()), |before| self.land(&lease, before, deadline)),
                Err(e) => Err(e),
            };
            if let Err(e) = done {
                // The other one's command is wanted back, how it ended is not.
                if let Some(Err(other)) = ahead.map(|flight| self.land(&lease, flight, deadline)) {
                    log::debug!("behind a chain that failed: {other}");
                }
                contexts.abandon(&lease);
                return Err(e);
            }
        }
        ahead.map_or(Ok(()), |flight| self.land(&lease, flight, deadline))
    }

    fn land(
        &mut self,
        lease: &Lease,
        (link, flight): (usize, Underway),
        deadline: Instant,
    ) -> Result<(), Error> {
        let (contexts, link) = (self.runtime.contexts(), &mut self.links[link]);
        let landing = link.land(contexts, lease, flight, deadline)?;
        if landing != Landing::Done {
            contexts.abandon(lease);
        }
        link.result(landing)
    }
}
