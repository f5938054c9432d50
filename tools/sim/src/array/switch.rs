//! The configuration of a stream switch: registers, and the routes they make (npu-formats, section 10.3).

use super::geometry::Kind;
use super::ports::{Side, ports};

/// Slots of a slave port.
const SLOTS: usize = 4;
/// Arbiters of a switch, as many as their field can name.
pub const ARBITERS: usize = 8;

const ENABLE: u32 = 1 << 31;
const PACKET: u32 = 1 << 30;

/// A register of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// Of a master port.
    Master(usize),
    /// Of a slave port.
    Slave(usize),
    /// Of a slot of a slave port.
    Slot(usize, usize),
}

/// The registers of a switch.
#[derive(Clone, Debug)]
pub struct Switch {
    masters: Vec<u32>,
    slaves: Vec<u32>,
    slots: Vec<[u32; SLOTS]>,
}

/// Where packets of a slave port go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Compared with the header's id where the mask says so.
    pub id: u8,
    /// Bits that are compared.
    pub mask: u8,
    /// The arbiter that the packet asks for.
    pub arbiter: u8,
    /// Which masters of the arbiter take it.
    pub msel: u8,
}

impl Slot {
    fn read(word: u32) -> Option<Self> {
        (word & 1 << 8 != 0).then_some(Self {
            id: (word >> 24 & 0x1f) as u8,
            mask: (word >> 16 & 0x1f) as u8,
            arbiter: (word & 7) as u8,
            msel: (word >> 4 & 3) as u8,
        })
    }

    /// True if packets of `id` take this slot.
    pub fn matches(self, id: u8) -> bool {
        id & self.mask == self.id & self.mask
    }
}

/// What a slave port does with the words that arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// It is off: words wait.
    Off,
    /// All words go to these masters.
    Circuit(Vec<usize>),
    /// The header decides.
    Packet(Vec<Slot>),
}

impl Switch {
    /// All ports off.
    pub fn new(kind: Kind) -> Self {
        let slaves = ports(kind, Side::Slave).count();
        Self {
            masters: vec![0; ports(kind, Side::Master).count()],
            slaves: vec![0; slaves],
            slots: vec![[0; SLOTS]; slaves],
        }
    }

    /// The register at `offset` from the first master's, in the layout all tiles share.
    pub fn register(&self, offset: u32) -> Option<Register> {
        let at = offset as usize;
        let register = match at {
            0..0x100 => Register::Master(at / 4),
            0x100..0x200 => Register::Slave((at - 0x100) / 4),
            0x200..0x400 => Register::Slot((at - 0x200) / 0x10, at % 0x10 / 4),
            _ => return None,
        };
        let exists = match register {
            Register::Master(port) => port < self.masters.len(),
            Register::Slave(port) | Register::Slot(port, _) => port < self.slaves.len(),
        };
        exists.then_some(register)
    }

    /// Reads a register that [`Self::register`] named.
    pub fn read(&self, register: Register) -> u32 {
        match register {
            Register::Master(port) => self.masters[port],
            Register::Slave(port) => self.slaves[port],
            Register::Slot(port, slot) => self.slots[port][slot],
        }
    }

    /// Writes a register that [`Self::register`] named.
    pub fn write(&mut self, register: Register, value: u32) {
        match register {
            Register::Master(port) => self.masters[port] = value,
            Register::Slave(port) => self.slaves[port] = value,
            Register::Slot(port, slot) => self.slots[port][slot] = value,
        }
    }

    /// The route of a slave port.
    pub fn route(&self, slave: usize) -> Route {
        let word = self.slaves[slave];
        if word & ENABLE == 0 {
            return Route::Off;
        }
        if word & PACKET != 0 {
            return Route::Packet(self.slots[slave].iter().copied().filter_map(Slot::read).collect());
        }
        let takes = |m: u32| m & (ENABLE | PACKET) == ENABLE && (m & 0x7f) as usize == slave;
        Route::Circuit(self.masters_where(takes))
    }

    /// The masters that take packets of an arbiter with a selection.
    pub fn selected(&self, arbiter: u8, msel: u8) -> Vec<usize> {
        let both = ENABLE | PACKET;
        self.masters_where(|m| m & both == both && (m & 7) as u8 == arbiter && m >> (3 + msel) & 1 != 0)
    }

    /// True if a master drops headers.
    pub fn drops_header(&self, master: usize) -> bool {
        self.masters[master] & 1 << 7 != 0
    }

    /// The slaves that may feed a master.
    pub fn sources(&self, master: usize) -> Vec<usize> {
        let feeds = |slave: &usize| match self.route(*slave) {
            Route::Off => false,
            Route::Circuit(masters) => masters.contains(&master),
            Route::Packet(slots) => slots
                .iter()
                .any(|s| self.selected(s.arbiter, s.msel).contains(&master)),
        };
        (0..self.slaves.len()).filter(feeds).collect()
    }

    fn masters_where(&self, takes: impl Fn(u32) -> bool) -> Vec<usize> {
        let all = self.masters.iter().enumerate();
        all.filter(|&(_, &m)| takes(m)).map(|(i, _)| i).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(switch: &mut Switch, offset: u32, value: u32) {
        let register = switch.register(offset).unwrap();
        switch.write(register, value);
        assert_eq!(switch.read(register), value);
    }

    #[test]
    fn circuits_join_one_slave_to_masters() {
        let mut switch = Switch::new(Kind::Shim);
        assert_eq!(switch.route(5), Route::Off);
        set(&mut switch, 0x114, 0x8000_0000);
        set(&mut switch, 0x34, 0x8000_0005);
        set(&mut switch, 0x38, 0x8000_0005);
        assert_eq!(switch.route(5), Route::Circuit(vec![13, 14]));
        assert_eq!(switch.sources(13), [5]);
    }

    #[test]
    fn packets_take_the_slot_of_their_id() {
        // The token route that open tools configure in shims: id 15 from TileControl to South 0.
        let mut switch = Switch::new(Kind::Shim);
        set(&mut switch, 0x100, 0xc000_0000);
        set(&mut switch, 0x200, 0x0f1f_0135);
        set(&mut switch, 0x8, 0xc000_0045);
        let Route::Packet(slots) = switch.route(0) else {
            panic!("not a packet route")
        };
        assert!(slots[0].matches(15) && !slots[0].matches(14));
        assert_eq!(switch.selected(slots[0].arbiter, slots[0].msel), [2]);
        assert!(switch.selected(slots[0].arbiter, 2).is_empty());
        assert!(!switch.drops_header(2));
        assert_eq!(switch.sources(2), [0]);
    }

    #[test]
    fn registers_that_do_not_exist_are_none() {
        let switch = Switch::new(Kind::Memory);
        assert_eq!(switch.register(4 * 16), Some(Register::Master(16)));
        assert_eq!(switch.register(4 * 17), None);
        assert_eq!(switch.register(0x100 + 4 * 18), None);
        assert_eq!(switch.register(0x400), None);
        assert_eq!(switch.register(0x21c), Some(Register::Slot(1, 3)));
    }
}
