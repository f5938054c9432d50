//! The device heap of a client and the ranges cut from it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use nix::errno::Errno;

use super::bo::Bo;
use super::store::{PAGE, Region};

/// Alignment of a DEV buffer's start.
pub const DEV_ALIGN: u64 = xdna_uapi::DEV_BO_ALIGN;
/// Device address of the heap's first byte.
pub const HEAP_BASE: u64 = xdna_uapi::DEV_HEAP_BASE;

/// Free space of the heap's address range: best fit, the lowest hole on ties.
#[derive(Debug, Default)]
struct Ranges {
    /// Start and length of what is taken.
    taken: BTreeMap<u64, u64>,
}

impl Ranges {
    fn allocate(&mut self, len: u64, span: u64) -> Option<u64> {
        let mut best: Option<(u64, u64)> = None;
        let mut from = 0u64;
        let ends = self.taken.iter().map(|(&s, &l)| (s, s + l)).chain([(span, span)]);
        for (start, end) in ends {
            let at = from.next_multiple_of(DEV_ALIGN);
            if at + len <= start && best.is_none_or(|(size, _)| start - from < size) {
                best = Some((start - from, at));
            }
            from = end;
        }
        let (_, at) = best?;
        self.taken.insert(at, len);
        Some(at)
    }
}

/// A client's device heap: one chunk, or several behind each other.
#[derive(Debug)]
pub struct Heap {
    /// Its memory: room for the largest heap of the device.
    pub region: Rc<Region>,
    chunks: RefCell<Vec<Rc<Bo>>>,
    ranges: RefCell<Ranges>,
    span: u64,
    used: Cell<u64>,
    /// Contexts keep the heap's pages in place.
    pub total: Cell<u64>,
}

impl Heap {
    /// An empty heap that may grow to `span` bytes.
    pub fn new(region: Region, span: u64) -> Rc<Self> {
        Rc::new(Self {
            region: Rc::new(region),
            chunks: RefCell::default(),
            ranges: RefCell::default(),
            span,
            used: Cell::new(0),
            total: Cell::new(0),
        })
    }

    /// Adds a chunk behind the others.
    pub fn push(&self, chunk: Rc<Bo>) {
        self.total.set(self.total.get() + chunk.size);
        self.chunks.borrow_mut().push(chunk);
    }

    /// The chunks, first to last.
    pub fn chunks(&self) -> Vec<Rc<Bo>> {
        self.chunks.borrow().clone()
    }

    /// Bytes of DEV buffers, rounded to pages.
    pub fn used(&self) -> u64 {
        self.used.get()
    }

    /// User address of the first chunk's mapping.
    pub fn user_address(&self) -> Option<u64> {
        self.chunks.borrow().first().and_then(|c| c.user_address())
    }

    /// Takes `size` bytes; `None` if no hole is large enough. `growable` heaps hand out addresses up to their
    /// largest size, others up to their present one.
    pub fn allocate(self: &Rc<Self>, size: u64, growable: bool) -> Option<DevRange> {
        let len = size.next_multiple_of(PAGE);
        let span = if growable { self.span } else { self.total.get() };
        let offset = self.ranges.borrow_mut().allocate(len, span)?;
        self.used.set(self.used.get() + len);
        Some(DevRange {
            heap: self.clone(),
            offset,
            len,
        })
    }

    /// How far mapped chunks cover the range from the start.
    ///
    /// # Errors
    /// `EAGAIN` if a chunk under the range is missing or not mapped, `EINVAL` if mappings are not adjacent.
    pub fn check_mapped(&self, range: &DevRange, adjacent: bool) -> Result<(), Errno> {
        let (mut at, mut expected) = (0, None);
        for chunk in self.chunks.borrow().iter() {
            let end = at + chunk.size;
            if end > range.offset && at < range.offset + range.len {
                let address = chunk.user_address().ok_or(Errno::EAGAIN)?;
                if adjacent && expected.is_some_and(|e| e != address) {
                    return Err(Errno::EINVAL);
                }
                expected = Some(address + chunk.size);
            }
            at = end;
        }
        if range.offset + range.len > at {
            Err(Errno::EAGAIN)
        } else {
            Ok(())
        }
    }
}

/// A range of the heap, given back when dropped.
#[derive(Debug)]
pub struct DevRange {
    heap: Rc<Heap>,
    /// Offset from the heap's start.
    pub offset: u64,
    len: u64,
}

impl DevRange {
    /// Device address.
    pub fn address(&self) -> u64 {
        HEAP_BASE + self.offset
    }

    /// The heap it was cut from.
    pub fn heap(&self) -> &Rc<Heap> {
        &self.heap
    }
}

impl Drop for DevRange {
    fn drop(&mut self) {
        self.heap.ranges.borrow_mut().taken.remove(&self.offset);
        self.heap.used.set(self.heap.used.get() - self.len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_aligned_and_the_best_hole_wins() {
        let mut r = Ranges::default();
        assert_eq!(r.allocate(4096, 1 << 20), Some(0));
        assert_eq!(r.allocate(0x20000, 1 << 20), Some(0x8000));
        assert_eq!(r.allocate(4096, 1 << 20), Some(0x28000));
        r.taken.remove(&0x8000);
        assert_eq!(r.allocate(4096, 1 << 20), Some(0x8000));
        assert_eq!(r.allocate(1 << 20, 1 << 20), None);
    }
}
