//! One open of the device node: its handles and what they name.

use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use nix::errno::Errno;

use super::bo::Bo;
use super::caller::UserMemory;
use super::context::Context;
use super::heap::Heap;
use super::store::Region;
use super::syncobj::Syncobj;

/// Number of an open file of the node, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// Handles: the lowest free number from 1.
#[derive(Debug)]
pub struct Handles<T>(BTreeMap<u32, T>);

impl<T> Default for Handles<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Handles<T> {
    /// Stores `value` under the lowest free number.
    pub fn insert(&mut self, value: T) -> u32 {
        let mut handle = 1;
        for &taken in self.0.keys() {
            if taken != handle {
                break;
            }
            handle += 1;
        }
        self.0.insert(handle, value);
        handle
    }

    /// What `handle` names.
    pub fn get(&self, handle: u32) -> Option<&T> {
        self.0.get(&handle)
    }

    /// Frees `handle`.
    pub fn remove(&mut self, handle: u32) -> Option<T> {
        self.0.remove(&handle)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.0.iter().map(|(&h, v)| (h, v))
    }
}

/// An mmap that was allowed; where it ended up is known at the next look at the process.
pub struct PendingMap {
    /// The buffer.
    pub bo: Weak<Bo>,
    /// The process that maps it.
    pub memory: Rc<dyn UserMemory>,
    /// Addresses that mapped the buffer before.
    pub before: Vec<u64>,
    /// How often it was not there yet.
    pub looks: u32,
}

/// State of one open file of the node.
pub struct Client {
    /// Process that opened it.
    pub pid: i32,
    /// Its memory.
    pub memory: Rc<dyn UserMemory>,
    /// Buffer objects.
    pub bos: Handles<Rc<Bo>>,
    /// Synchronisation objects.
    pub syncobjs: Handles<Rc<Syncobj>>,
    /// The device heap, kept after its handle is closed.
    pub heap: Option<Rc<Heap>>,
    /// Hardware contexts by handle.
    pub contexts: BTreeMap<u32, Context>,
    /// Where the search for the next context handle begins.
    pub next_context: u32,
    /// mmaps whose result is not known yet.
    pub pending_maps: Vec<PendingMap>,
    /// Memory of closed buffers that may still be mapped.
    pub graveyard: Vec<Rc<Region>>,
    /// False once a closed descriptor took it off the driver's list.
    pub listed: bool,
    /// It flushed something by SYNC_BO: that is how its flushes are seen.
    pub flushes: bool,
    /// It was told that its flushes are not seen.
    pub warned: bool,
}

impl Client {
    /// A fresh open by `pid`.
    pub fn new(pid: i32, memory: Rc<dyn UserMemory>) -> Self {
        Self {
            pid,
            memory,
            bos: Handles::default(),
            syncobjs: Handles::default(),
            heap: None,
            contexts: BTreeMap::new(),
            next_context: 1,
            pending_maps: Vec::new(),
            graveyard: Vec::new(),
            listed: true,
            flushes: false,
            warned: false,
        }
    }

    /// The buffer object `handle` names.
    ///
    /// # Errors
    /// `ENOENT`.
    pub fn bo(&self, handle: u32) -> Result<&Rc<Bo>, Errno> {
        self.bos.get(handle).ok_or(Errno::ENOENT)
    }

    /// The syncobj `handle` names.
    pub fn syncobj(&self, handle: u32) -> Option<&Rc<Syncobj>> {
        self.syncobjs.get(handle)
    }

    /// A context handle: cyclic, 1 to 255.
    ///
    /// # Errors
    /// `EBUSY` with 255 live.
    pub fn take_context_handle(&mut self) -> Result<u32, Errno> {
        for step in 0..255 {
            let handle = (self.next_context - 1 + step) % 255 + 1;
            if !self.contexts.contains_key(&handle) {
                self.next_context = handle % 255 + 1;
                return Ok(handle);
            }
        }
        Err(Errno::EBUSY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_the_lowest_free_numbers() {
        let mut h = Handles::default();
        assert_eq!((h.insert('a'), h.insert('b'), h.insert('c')), (1, 2, 3));
        h.remove(2);
        assert_eq!((h.insert('d'), h.insert('e')), (2, 4));
    }
}
