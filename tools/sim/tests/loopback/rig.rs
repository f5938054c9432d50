//! A context with the loopback overlay, its buffers and its commands.

use xdna_uapi as uapi;

use crate::support::*;

/// Words of a transfer, and of the buffers around them.
pub const WORDS: usize = 500;
pub const ROOM: usize = 2048;
pub const CANARY: u32 = 0xdead_beef;

/// A context with the loopback overlay.
pub struct Rig {
    pub dev: Dev,
    pub heap: Bo,
    pub ctx: Ctx,
}

impl Rig {
    /// A device, a context, and what it is configured with.
    pub fn new(image: &[u8]) -> Result<Self> {
        let dev = Dev::open().expect("the node");
        let heap = dev.heap()?;
        let ctx = dev.context()?;
        let (pdi, _) = dev.loaded(&heap.map, image)?;
        dev.configure(ctx, pdi)?;
        Ok(Self { dev, heap, ctx })
    }

    /// A buffer with these words.
    pub fn buffer(&self, word: impl Fn(usize) -> u32) -> Result<Bo> {
        let bo = self.dev.bo(uapi::AMDXDNA_BO_SHARE, 4 * ROOM as u64)?;
        (0..ROOM).for_each(|i| bo.map.store(i, word(i)));
        Ok(bo)
    }

    /// Where the device finds a buffer.
    pub fn address(&self, bo: &Bo) -> Result<u64> {
        let known = self.dev.info(bo.handle)?.xdna_addr;
        Ok(if known == u64::MAX {
            bo.map.address()
        } else {
            known
        })
    }

    /// A command that runs `code` on two buffers.
    pub fn command(&self, code: &[u8], from: &Bo, to: &Bo) -> Result<Bo> {
        let (_, at) = self.dev.loaded(&self.heap.map, code)?;
        let command = self.dev.bo(uapi::AMDXDNA_BO_CMD, 4096)?;
        let buffers = [self.address(from)?, self.address(to)?];
        write_transaction(&command, at, code.len(), &buffers);
        Ok(command)
    }

    /// Runs a command; the state it ends in.
    pub fn run(&self, command: &Bo, buffers: &[&Bo]) -> Result<u32> {
        let handles: Vec<u32> = buffers.iter().map(|b| b.handle).collect();
        let seq = self.dev.exec(self.ctx, command.handle, &handles)?;
        self.dev.wait(self.ctx, seq, 10 * SECOND)?;
        Ok(state_of(command))
    }
}

/// The words of a transfer arrived, and nothing behind them changed.
pub fn assert_moved(from: &Bo, to: &Bo) {
    for i in 0..ROOM {
        let expected = if i < WORDS { from.map.load(i) } else { CANARY };
        assert_eq!(to.map.load(i), expected, "word {i}");
    }
}
