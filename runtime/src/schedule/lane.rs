//! The NPU's lane: where graphs wait for their turn, command by command.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::flight::{Cancel, GLANCE};
use super::graph::Priority;
use crate::error::Error;
use crate::overlay::Identity;

/// Commands inside: one that runs, and one queued behind it.
pub(super) const PLACES: usize = 2;
/// Commands of one overlay that may pass an earlier one of another: longer, and nobody else would ever get a turn.
const MOST_IN_A_ROW: u32 = 32;

/// Somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticket {
    number: u64,
    priority: Priority,
    deadline: Instant,
    overlay: Option<Identity>,
}

/// So many commands at a time: high priority first, then the overlay that is loaded, then the earliest deadline, then the
/// first to come.
#[derive(Debug)]
pub(super) struct Lane {
    places: usize,
    queue: Mutex<Queue>,
    turn: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Ticket>,
    next: u64,
    /// Whose turn it is.
    inside: Vec<u64>,
    loaded: Option<Identity>,
    /// Turns of the overlay that is loaded while others waited.
    in_a_row: u32,
}

/// The lane, until dropped.
#[derive(Debug)]
pub(super) struct Turn<'l> {
    lane: &'l Lane,
    number: u64,
}

impl Queue {
    /// Takes a number.
    fn join(&mut self, priority: Priority, deadline: Instant, overlay: Option<Identity>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting.push(Ticket {
            number,
            priority,
            deadline,
            overlay,
        });
        number
    }

    fn leave(&mut self, number: u64) {
        self.waiting.retain(|ticket| ticket.number != number);
        self.inside.retain(|inside| *inside != number);
    }

    /// Gives free places to the best of those who wait.
    fn advance(&mut self, places: usize) {
        while self.inside.len() < places && self.admit() {}
    }

    /// Gives a place to the best of those who wait; false if nobody does.
    fn admit(&mut self) -> bool {
        let stay = self.in_a_row < MOST_IN_A_ROW;
        let rank = |t: &Ticket| {
            let elsewhere = !(stay && self.loaded == t.overlay);
            (std::cmp::Reverse(t.priority), elsewhere, t.deadline, t.number)
        };
        let Some(best) = self.waiting.iter().copied().min_by_key(rank) else {
            return false;
        };
        self.waiting.retain(|t| t.number != best.number);
        let passed = self.waiting.iter().any(|t| t.overlay != best.overlay);
        self.in_a_row = match self.loaded == best.overlay && passed {
            true => self.in_a_row + 1,
            false => 0,
        };
        self.loaded = best.overlay;
        self.inside.push(best.number);
        true
    }
}

impl Lane {
    /// A lane for so many at a time.
    pub fn new(places: usize) -> Self {
        Self {
            places,
            queue: Mutex::default(),
            turn: Condvar::new(),
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// The deadline passed before, or the graph was stopped.
    pub fn enter(
        &self,
        priority: Priority,
        deadline: Instant,
        overlay: Option<Identity>,
        cancel: &Cancel,
    ) -> Result<Turn<'_>, Error> {
        let mut queue = self.lock();
        let number = queue.join(priority, deadline, overlay);
        queue.advance(self.places);
        loop {
            if queue.inside.contains(&number) {
                return Ok(Turn { lane: self, number });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || cancel.is_cancelled() {
                queue.leave(number);
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

    /// A turn, if there is one at once.
    pub fn try_enter(
        &self,
        priority: Priority,
        deadline: Instant,
        overlay: Option<Identity>,
    ) -> Option<Turn<'_>> {
        let mut queue = self.lock();
        let number = queue.join(priority, deadline, overlay);
        queue.advance(self.places);
        let inside = queue.inside.contains(&number);
        if !inside {
            queue.leave(number);
        }
        inside.then(|| Turn { lane: self, number })
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = self.lane.lock();
        queue.leave(self.number);
        queue.advance(self.lane.places);
        drop(queue);
        self.lane.turn.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::formats::xclbin::Uuid;

    fn overlay(tag: u8) -> Option<Identity> {
        Some(Identity::of(&[tag], Uuid([tag; 16])))
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
            queue.admit();
            order.append(&mut queue.inside);
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
        let lane = Lane::new(PLACES);
        let far = Instant::now() + Duration::from_secs(60);
        let never = Cancel::default();
        let [first, second] =
            [(); PLACES].map(|()| lane.enter(Priority::Normal, far, overlay(0), &never).unwrap());
        assert!(lane.try_enter(Priority::High, far, overlay(0)).is_none());
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
        drop(first);
        let third = lane.enter(Priority::Normal, far, overlay(1), &never).unwrap();
        assert!(lane.try_enter(Priority::Normal, far, overlay(1)).is_none());
        drop((second, third));
        assert!(lane.try_enter(Priority::Normal, far, overlay(1)).is_some());
    }
}
