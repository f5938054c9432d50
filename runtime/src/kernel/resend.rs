//! How often, and when, a command is sent again that the driver has lost.

use std::time::{Duration, Instant};

/// Pauses of 1, 2, 4 ... ms: a second in all, for which a driver that recovers may lose commands.
const LOST: u32 = 10;
/// Contexts that may be gone one after another, before something else is wrong.
const GONE: u32 = 2;

/// What was sent again so far.
#[derive(Debug, Default)]
pub(crate) struct Resend {
    lost: u32,
    gone: u32,
}

impl Resend {
    /// After a command that was lost: waits a moment; false when it was sent often enough.
    pub fn after_loss(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        if self.lost == LOST || left.is_zero() {
            return false;
        }
        std::thread::sleep(left.min(Duration::from_millis(1 << self.lost)));
        self.lost += 1;
        true
    }

    /// After a context that the kernel does not know any more: false when others were gone before.
    pub fn after_gone(&mut self, deadline: Instant) -> bool {
        self.gone += 1;
        self.gone <= GONE && Instant::now() < deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_for_ever() {
        let far = Instant::now() + Duration::from_secs(60);
        let mut resend = Resend::default();
        assert_eq!((0..100).filter(|_| resend.after_loss(far)).count(), LOST as usize);
        assert_eq!((0..100).filter(|_| resend.after_gone(far)).count(), GONE as usize);
        assert!(!Resend::default().after_loss(Instant::now()));
        assert!(!Resend::default().after_gone(Instant::now()));
    }
}
