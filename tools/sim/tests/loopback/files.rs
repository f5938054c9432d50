//! An overlay without cores, and its control code: what enters a shim's stream switch leaves it at once.

use xdna_runtime::formats::cdo::Command;
use xdna_runtime::formats::{Cdo, Pdi};

/// Writes that join MM2S 0 to S2MM 0 in the shim of column 0, and its registers to firmware for tokens.
const CONFIGURATION: [(u32, u32); 7] = [
    // South 3 to South 2.
    (0x3_f114, 0x8000_0000),
    (0x3_f010, 0x8000_0005),
    // TileControl to South 0, packets of id 15.
    (0x3_f100, 0xc000_0000),
    (0x3_f200, 0x0f1f_0135),
    (0x3_f008, 0xc000_0045),
    // MM2S 0 is South 3, South 2 is S2MM 0.
    (0x1_f000, 0x400),
    (0x1_f004, 0x10),
];

/// The image; with `core` it enables that of column 0, row 2.
pub fn pdi(core: bool) -> Vec<u8> {
    let mut commands: Vec<Command> = CONFIGURATION
        .iter()
        .map(|&(address, value)| Command::Write { address, value })
        .collect();
    if core {
        let address = 2 << 20 | 0x3_2000;
        commands.push(Command::Write { address, value: 1 });
    }
    Pdi::new(Cdo::new(commands)).write()
}

fn write(address: u32, value: u32) -> Vec<u32> {
    vec![0, 0, address, 0, value, 24]
}

/// The last word of a descriptor that is valid.
const VALID: u32 = 1 << 25;

/// A linear descriptor with this last word, and the patch that gives it the address of an argument.
fn descriptor(index: u32, words: u32, last: u32, argument: u32) -> Vec<u32> {
    let at = 0x1_d000 + 0x20 * index;
    let block = [1, 0, at, 48, words, 0, 0, 0, 0x8000_0000, 0, 0, last];
    let patch = [129, 48, 0, 0, 0, 0, at + 4, 0, argument, 0, 0, 0];
    [block, patch].concat()
}

/// What control code does besides moving words from argument 0 to argument 1.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// It starts the sender.
    pub send: bool,
    /// It waits for the receiver's token.
    pub wait: bool,
    /// Each descriptor is followed by itself.
    pub endless: bool,
}

impl Code {
    /// What works.
    pub const GOOD: Self = Self {
        send: true,
        wait: true,
        endless: false,
    };

    /// The control code that moves `words` words.
    pub fn bytes(self, words: u32) -> Vec<u8> {
        let follows = |index: u32| if self.endless { 1 << 26 | index << 27 } else { 0 };
        let mut operations = vec![
            descriptor(0, words, VALID | follows(0), 0),
            descriptor(1, words, VALID | follows(1), 1),
            write(0x1_d200, 0xf00),
            write(0x1_d204, 0x8000_0001),
        ];
        operations.extend(self.send.then(|| write(0x1_d214, 0)));
        operations.extend(self.wait.then(|| vec![128, 16, 0, 0x0001_0100]));
        let body = operations.concat();
        // A descriptor is two operations.
        let head = [
            0x0603_0100,
            0x0000_0101,
            operations.len() as u32 + 2,
            16 + 4 * body.len() as u32,
        ];
        head.iter().chain(&body).flat_map(|w| w.to_le_bytes()).collect()
    }
}
