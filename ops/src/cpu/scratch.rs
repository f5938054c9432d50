//! Buffers that a thread keeps, so that operators do not allocate once they have run.
use std::cell::RefCell;

thread_local! {
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Values in a cache line.
const LINE: usize = 16;

/// Lends `work` a buffer of `len` values that starts a cache line; what it holds is left from its last use.
pub(super) fn with<R>(len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut buffer = SPARE.with(|spare| spare.borrow_mut().pop()).unwrap_or_default();
    if buffer.len() < len + LINE {
        buffer = vec![0.0; len + LINE];
    }
    let skip = buffer.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
    let result = work(&mut buffer[skip..skip + len]);
    SPARE.with(|spare| spare.borrow_mut().push(buffer));
    result
}
