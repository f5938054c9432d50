//! Fences: what a submission signals.

use std::cell::Cell;
use std::rc::Rc;

use nix::errno::Errno;

/// One event in the future, or in the past.
#[derive(Clone, Debug)]
pub struct Fence(Rc<Cell<Option<Result<(), Errno>>>>);

impl Fence {
    /// Not signalled.
    pub fn new() -> Self {
        Self(Rc::new(Cell::new(None)))
    }

    /// Signalled from the start: the kernel's stub.
    pub fn stub() -> Self {
        Self(Rc::new(Cell::new(Some(Ok(())))))
    }

    /// Signals; the first signal counts.
    pub fn signal(&self, result: Result<(), Errno>) {
        if self.0.get().is_none() {
            self.0.set(Some(result));
        }
    }

    /// True once signalled, with or without an error.
    pub fn is_signalled(&self) -> bool {
        self.0.get().is_some()
    }
}

impl Default for Fence {
    fn default() -> Self {
        Self::new()
    }
}
