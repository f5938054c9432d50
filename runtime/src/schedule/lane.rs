//! The NPU's lane: where graphs wait for their turn, operator by operator.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::flight::{Cancel, GLANCE};
use super::graph::Priority;
use crate::error::Error;
use crate::overlay::Identity;

/// Operators of one overlay that may pass an earlier one of another: longer, and nobody else would ever get a turn.
const MOST_IN_A_ROW: u32 = 32;

/// Somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticket {
    number: u64,
    priority: Priority,
    deadline: Instant,
    overlay: Identity,
}

/// One operator at a time: high priority first, then the overlay that is loaded, then the earliest deadline, then the
/// first to come.
#[derive(Debug, Default)]
pub(super) struct Lane {
    queue: Mutex<Queue>,
    turn: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Ticket>,
    next: u64,
    /// Whose turn it is.
    running: Option<u64>,
    loaded: Option<Identity>,
    /// Turns of the overlay that is loaded while others waited.
    in_a_row: u32,
}

/// The lane, until dropped.
#[derive(Debug)]
pub(super) struct Turn<'l>(&'l Lane);

impl Queue {
    /// Gives the turn to the best of those who wait.
    fn advance(&mut self) {
        if self.running.is_some() {
            return;
        }
        let stay = self.in_a_row < MOST_IN_A_ROW;
        let rank = |t: &Ticket| {
            let elsewhere = !(stay && self.loaded == Some(t.overlay));
            (std::cmp::Reverse(t.priority), elsewhere, t.deadline, t.number)
        };
        let Some(best) = self.waiting.iter().copied().min_by_key(rank) else {
            return;
        };
        self.waiting.retain(|t| t.number != best.number);
        let passed = self.waiting.iter().any(|t| t.overlay != best.overlay);
        self.in_a_row = match self.loaded == Some(best.overlay) && passed {
            true => self.in_a_row + 1,
            false => 0,
        };
        (self.running, self.loaded) = (Some(best.number), Some(best.overlay));
    }
}

impl Lane {
    /// Waits for a turn.
    ///
    /// # Errors
    /// The deadline passed before, or the graph was stopped.
    pub fn enter(
        &self,
        priority: Priority,
        deadline: Instant,
        overlay: Identity,
        cancel: &Cancel,
    ) -> Result<Turn<'_>, Error> {
        let mut queue = self.lock();
        let number = queue.next;
        queue.next += 1;
        queue.waiting.push(Ticket {
            number,
            priority,
            deadline,
            overlay,
        });
        queue.advance();
        loop {
            if queue.running == Some(number) {
                return Ok(Turn(self));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || cancel.is_cancelled() {
                queue.waiting.retain(|t| t.number != number);
                let cancelled = cancel.is_cancelled();
                return Err(if cancelled {
                    Error::Cancelled
                } else {
                    Error::GraphLate
                });
            }
            queue = match self.turn.wait_timeout(queue, left.min(GLANCE)) {
                Ok((queue, _)) => queue,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.running = None;
        queue.advance();
        drop(queue);
        self.0.turn.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::formats::xclbin::Uuid;

    fn overlay(tag: u8) -> Identity {
        Identity::of(&[tag], Uuid([tag; 16]))
    }

    /// The order in which tickets (overlay, priority, deadline in seconds) that wait together get their turn.
    fn order(tickets: &[(u8, Priority, u64)]) -> Vec<u64> {
        let now = Instant::now();
        let ticket = |(number, (tag, priority, deadline)): (usize, &(u8, Priority, u64))| Ticket {
            number: number as u64,
            priority: *priority,
            deadline: now + Duration::from_secs(*deadline),
            overlay: overlay(*tag),
        };
        let mut queue = Queue {
            waiting: tickets.iter().enumerate().map(ticket).collect(),
            ..Queue::default()
        };
        let mut order = Vec::new();
        while !queue.waiting.is_empty() {
            queue.advance();
            order.extend(queue.running.take());
        }
        order
    }

    #[test]
    fn high_priority_goes_first_then_the_overlay_that_is_loaded() {
        use Priority::{High, Normal};
        let tickets = [
            (0, Normal, 9),
            (1, Normal, 9),
            (0, Normal, 9),
            (1, High, 9),
            (1, Normal, 9),
        ];
        assert_eq!(order(&tickets), [3, 1, 4, 0, 2]);
    }

    #[test]
    fn earlier_deadlines_go_first() {
        use Priority::Normal;
        assert_eq!(
            order(&[(0, Normal, 9), (1, Normal, 5), (2, Normal, 7)]),
            [1, 2, 0]
        );
    }

    #[test]
    fn nobody_waits_for_ever_for_an_overlay() {
        use Priority::Normal;
        let mut tickets = vec![(0, Normal, 5)];
        tickets.extend((0..100).map(|_| (0, Normal, 9)));
        tickets.insert(1, (1, Normal, 8));
        let place = order(&tickets).iter().position(|n| *n == 1).unwrap();
        assert!((20..=MOST_IN_A_ROW as usize + 1).contains(&place), "{place}");
    }

    #[test]
    fn a_deadline_and_a_stop_end_the_wait() {
        let lane = Lane::default();
        let far = Instant::now() + Duration::from_secs(60);
        let never = Cancel::default();
        let turn = lane.enter(Priority::Normal, far, overlay(0), &never).unwrap();
        let soon = Instant::now() + Duration::from_millis(20);
        assert!(matches!(
            lane.enter(Priority::High, soon, overlay(0), &never),
            Err(Error::GraphLate)
        ));
        let stopped = Cancel::default();
        stopped.cancel();
        assert!(matches!(
            lane.enter(Priority::High, far, overlay(0), &stopped),
            Err(Error::Cancelled)
        ));
        drop(turn);
        assert!(lane.enter(Priority::Normal, far, overlay(1), &never).is_ok());
    }
}
