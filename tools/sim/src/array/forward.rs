//! Words move on by one hop: to all ports of a circuit, or along the way of their packet.

use super::fabric::{Fabric, Hop, Lane, SINKS, SLAVES, Sink, Target, Way, is_for_registers};
use super::stream::Beat;
use super::switch::{ARBITERS, Slot};

impl Fabric {
    pub(super) fn forward_packet(
        &mut self,
        now: u64,
        lanes: &[Lane],
        fifo: usize,
        beat: Beat,
        slots: &[(Slot, Vec<Hop>)],
    ) -> bool {
        let arbiter_of = |slot: &Slot| fifo / SLAVES * ARBITERS + usize::from(slot.arbiter);
        let heads = self.taken[fifo].is_none();
        let chosen = match self.taken[fifo] {
            Some(slot) => slot,
            None => {
                let id = (beat.word & 0x1f) as u8;
                let Some(slot) = slots.iter().position(|(s, _)| s.matches(id)) else {
                    return false;
                };
                let arbiter = arbiter_of(&slots[slot].0);
                if self.owners[arbiter].0.is_some() || !self.is_next(now, lanes, fifo, arbiter) {
                    return false;
                }
                slot
            }
        };
        let Some((slot, hops)) = slots.get(chosen) else {
            // The slots were written again while the packet was under way.
            return false;
        };
        let moved = !hops.is_empty() && self.forward(now, fifo, beat, hops, heads);
        if moved {
            let arbiter = arbiter_of(slot);
            self.taken[fifo] = (!beat.last).then_some(chosen);
            self.owners[arbiter] = ((!beat.last).then_some(fifo), fifo % SLAVES);
        }
        moved
    }

    /// True if no other slave port of the switch that asks for the arbiter has waited longer: they take turns.
    fn is_next(&self, now: u64, lanes: &[Lane], fifo: usize, arbiter: usize) -> bool {
        let (tile, last) = (fifo / SLAVES, self.owners[arbiter].1);
        let turn = |fifo: usize| (fifo % SLAVES + SLAVES - last - 1) % SLAVES;
        let asks = |lane: &Lane| {
            let Way::Packet(slots) = &lane.way else {
                return false;
            };
            let head = self.slaves[lane.fifo].front(now).map(|b| (b.word & 0x1f) as u8);
            self.taken[lane.fifo].is_none()
                && head.is_some_and(|id| {
                    let first = slots.iter().find(|(s, _)| s.matches(id));
                    first.is_some_and(|(s, _)| tile * ARBITERS + usize::from(s.arbiter) == arbiter)
                })
        };
        !lanes
            .iter()
            .any(|l| l.fifo / SLAVES == tile && turn(l.fifo) < turn(fifo) && asks(l))
    }

    /// Moves a word to all hops at once, if all have room.
    pub(super) fn forward(&mut self, now: u64, fifo: usize, beat: Beat, hops: &[Hop], header: bool) -> bool {
        let takes = |hop: &&Hop| !(header && hop.drops_header);
        let room = hops.iter().filter(takes).all(|hop| match hop.to {
            Target::Slave(to) => self.slaves[to].has_room(self.depth),
            Target::Sink(to) => self.sinks[to].has_room(self.depth) || to % SINKS == Sink::Firmware.offset(),
            Target::Nowhere => false,
        });
        if !room || self.slaves[fifo].pop(now).is_none() {
            return false;
        }
        for hop in hops.iter().filter(takes) {
            match hop.to {
                Target::Slave(to) => self.slaves[to].push(now, beat),
                Target::Sink(to) => {
                    self.sinks[to].push(now, beat);
                    self.for_registers += usize::from(is_for_registers(to));
                }
                Target::Nowhere => {}
            }
        }
        true
    }
}
