//! Locks: counting semaphores with acquire and release (npu-formats, section 10.2).

/// Least and greatest value of a lock: six bits. Requests have seven, with a sign.
const RANGE: std::ops::RangeInclusive<i32> = 0..=63;

/// A lock request: which, and the signed value of seven bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Number of the lock, in the numbering of whoever asks.
    pub lock: u8,
    /// Acquire: negative `-n` waits for at least `n` and takes `n`; other values wait for exactly that and take it.
    /// Release: added.
    pub value: i8,
}

impl Request {
    /// True where an acquire would be granted at `now`.
    pub fn granted_at(self, now: i8) -> bool {
        if self.value < 0 {
            i32::from(now) >= -i32::from(self.value)
        } else {
            now == self.value
        }
    }

    /// What the request waits for, in words.
    pub fn waits_for(self) -> String {
        if self.value < 0 {
            format!("at least {}", -i32::from(self.value))
        } else {
            format!("exactly {}", self.value)
        }
    }
}

/// A signed value of seven bits.
pub fn signed7(bits: u32) -> i8 {
    ((bits as u8) << 1) as i8 >> 1
}

/// The locks of a tile.
#[derive(Clone, Debug)]
pub struct Locks {
    values: Vec<i8>,
    overflow: u64,
    underflow: u64,
}

impl Locks {
    /// `count` locks at zero.
    pub fn new(count: usize) -> Self {
        Self {
            values: vec![0; count],
            overflow: 0,
            underflow: 0,
        }
    }

    /// The value of a lock; zero where there is none.
    pub fn value(&self, lock: u8) -> i8 {
        self.values.get(usize::from(lock)).copied().unwrap_or_default()
    }

    /// Sets a lock.
    pub fn set(&mut self, lock: u8, register: u32) {
        if let Some(value) = self.values.get_mut(usize::from(lock)) {
            *value = (register & 0x3f) as i8;
        }
    }

    /// Takes a lock if it can be had now.
    pub fn acquire(&mut self, request: Request) -> bool {
        let granted = request.granted_at(self.value(request.lock));
        if granted {
            let change = -i32::from(request.value).abs();
            self.add(request.lock, change);
        }
        granted
    }

    /// Gives a lock back.
    pub fn release(&mut self, request: Request) {
        self.add(request.lock, i32::from(request.value));
    }

    /// The flags of locks that left their range: above, below.
    pub fn out_of_range(&self) -> (u64, u64) {
        (self.overflow, self.underflow)
    }

    /// Clears flags of [`Self::out_of_range`].
    pub fn clear_flags(&mut self, above: bool, bits: u64) {
        let flags = if above {
            &mut self.overflow
        } else {
            &mut self.underflow
        };
        *flags &= !bits;
    }

    fn add(&mut self, lock: u8, change: i32) {
        let Some(value) = self.values.get_mut(usize::from(lock)) else {
            return;
        };
        let sum = i32::from(*value) + change;
        if sum > *RANGE.end() {
            self.overflow |= 1 << lock;
        }
        if sum < *RANGE.start() {
            self.underflow |= 1 << lock;
        }
        *value = sum.clamp(*RANGE.start(), *RANGE.end()) as i8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lock: u8, value: i8) -> Request {
        Request { lock, value }
    }

    #[test]
    fn negative_acquires_wait_for_at_least() {
        let mut locks = Locks::new(16);
        assert!(!locks.acquire(request(3, -1)));
        locks.release(request(3, 2));
        assert!(locks.acquire(request(3, -1)) && locks.acquire(request(3, -1)));
        assert!(!locks.acquire(request(3, -1)));
        assert_eq!(locks.value(3), 0);
    }

    #[test]
    fn positive_acquires_wait_for_exactly() {
        let mut locks = Locks::new(16);
        locks.set(0, 2);
        assert!(!locks.acquire(request(0, 1)));
        assert!(locks.acquire(request(0, 2)));
        assert_eq!(locks.value(0), 0);
        assert!(locks.acquire(request(0, 0)));
    }

    #[test]
    fn locks_stay_in_their_range() {
        let mut locks = Locks::new(64);
        locks.release(request(63, 63));
        locks.release(request(63, 1));
        assert_eq!((locks.value(63), locks.out_of_range()), (63, (1 << 63, 0)));
        assert_eq!((signed7(0x7f), signed7(0x40), signed7(0x3f)), (-1, -64, 63));
    }
}
