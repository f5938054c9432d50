//! Commands: a packet in a command buffer, and the buffers it touches.

use std::sync::Arc;

use xdna_uapi::{MAX_EXEC_ARGS, ert};

use crate::bo::Bo;
use crate::device::Device;
use crate::error::Error;
use crate::packet::{COMMAND_BYTES, Operation, Packet};
use crate::packet_memory::PacketMemory;

/// A command that is not in flight: it can be changed and submitted.
///
/// It owns its command buffer and keeps the buffers it touches alive. After a success it can be changed in place
/// and submitted again; after a failure the packet, which the driver then has overwritten, is written afresh.
#[derive(Debug)]
pub struct Command {
    pub(crate) memory: PacketMemory,
    packet: Packet,
    buffers: Buffers,
    /// Commands of a chain, in order; empty for other commands.
    pub(crate) links: Vec<Command>,
    /// The command buffer does not hold the packet's words.
    stale: bool,
}

/// The set of buffers a command may touch, and their handles as `EXEC_CMD` takes them: none twice.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    held: Vec<Arc<Bo>>,
    handles: Vec<u32>,
}

impl Buffers {
    pub(crate) fn add(&mut self, bo: &Arc<Bo>) {
        if !self.handles.contains(&bo.handle().get()) {
            self.handles.push(bo.handle().get());
            self.held.push(Arc::clone(bo));
        }
    }
}

impl Command {
    pub(crate) fn chain(device: &Device, links: Vec<Command>) -> Result<Self, Error> {
        let handles: Vec<u32> = links.iter().map(|link| link.memory.handle().get()).collect();
        let mut buffers = Buffers::default();
        links
            .iter()
            .flat_map(|link| &link.buffers.held)
            .for_each(|bo| buffers.add(bo));
        // Level 0 leaves the low bits of the firmware's status as state, so that a failed chain can look
        // completed: there an error index that changed tells.
        let error_index = if device.driver_version().level() == 0 {
            u32::MAX
        } else {
            0
        };
        Self::new(device, Packet::chain(&handles, error_index), buffers, links)
    }

    pub(crate) fn new(
        device: &Device,
        packet: Packet,
        buffers: Buffers,
        links: Vec<Command>,
    ) -> Result<Self, Error> {
        let limit = MAX_EXEC_ARGS as usize;
        if buffers.handles.len() > limit {
            return Err(Error::TooLarge {
                what: "buffers of a command",
                len: buffers.handles.len(),
                limit,
            });
        }
        let memory = PacketMemory::new(device.create_cmd_bo(COMMAND_BYTES)?);
        Ok(Self {
            memory,
            packet,
            buffers,
            links,
            stale: true,
        })
    }

    /// Sets a 32-bit argument at byte `at`.
    ///
    /// # Errors
    /// [`Error::Misaligned`], [`Error::TooLarge`]; [`Error::BadChain`]: a chain has no arguments.
    pub fn set_u32(&mut self, at: usize, value: u32) -> Result<(), Error> {
        self.set(at, &[value])
    }

    /// Sets a 64-bit argument at byte `at`, a multiple of 4.
    ///
    /// # Errors
    /// As [`set_u32`](Self::set_u32).
    pub fn set_u64(&mut self, at: usize, value: u64) -> Result<(), Error> {
        self.set(at, &split(value))
    }

    /// Sets the address of byte `offset` of a buffer as an argument at byte `at`, and holds the buffer. The
    /// buffer that was there before is held, too, until [`release`](Self::release).
    ///
    /// # Errors
    /// As [`set_u32`](Self::set_u32), and [`Error::OutOfRange`], [`Error::OtherDevice`].
    pub fn set_addr(&mut self, at: usize, bo: &Arc<Bo>, offset: usize) -> Result<(), Error> {
        self.check_device(bo)?;
        bo.check_range(offset, 0)?;
        self.set(at, &split(bo.device_addr().get() + offset as u64))?;
        self.buffers.add(bo);
        Ok(())
    }

    /// No longer holds `bo`: no argument and no instruction stream may name it any more.
    pub fn release(&mut self, bo: &Arc<Bo>) {
        if let Some(i) = self
            .buffers
            .handles
            .iter()
            .position(|handle| *handle == bo.handle().get())
        {
            self.buffers.handles.swap_remove(i);
            self.buffers.held.swap_remove(i);
        }
    }

    /// The buffers this command holds and tells the kernel about.
    pub fn buffers(&self) -> &[Arc<Bo>] {
        &self.buffers.held
    }

    /// The commands of a chain, in order; empty for other commands.
    pub fn links(&self) -> &[Command] {
        &self.links
    }

    /// Takes a chain apart; empty for other commands.
    pub fn into_links(self) -> Vec<Command> {
        self.links
    }

    /// Words of the packet, header included, as they are submitted.
    pub fn words(&self) -> &[u32] {
        self.packet.words()
    }

    /// The state in the packet's header, as the driver left it.
    pub fn state(&self) -> u32 {
        self.memory.header().state()
    }

    fn set(&mut self, at: usize, value: &[u32]) -> Result<(), Error> {
        if self.packet.operation == Operation::Chain {
            return Err(Error::BadChain);
        }
        self.packet.set(at, value)?;
        self.stale = true;
        Ok(())
    }

    fn check_device(&self, bo: &Bo) -> Result<(), Error> {
        if Arc::ptr_eq(bo.device(), self.memory.device()) {
            Ok(())
        } else {
            Err(Error::OtherDevice { what: "a buffer" })
        }
    }

    pub(crate) fn operation(&self) -> Operation {
        self.packet.operation
    }

    pub(crate) fn argument_words(&self) -> usize {
        self.packet.arguments()
    }

    pub(crate) fn handles(&self) -> &[u32] {
        &self.buffers.handles
    }

    /// Puts the packet into the command buffer, in state NEW; all of it if the buffer does not hold it.
    pub(crate) fn prepare(&mut self) {
        for link in self.links.iter_mut().filter(|link| link.stale) {
            link.memory.write(link.packet.words());
            link.stale = false;
        }
        if self.stale {
            self.memory.write(self.packet.words());
            self.stale = false;
        } else {
            self.memory.set_header(ert::Header(self.packet.words()[0]));
        }
    }

    /// The driver has overwritten the packet: it is written afresh before it is submitted again.
    pub(crate) fn spoil(&mut self) {
        self.stale = true;
        self.links.iter_mut().for_each(|link| link.stale = true);
    }

    /// Marks all buffers as used by a command in flight; none, if one is being viewed.
    pub(crate) fn enter(&self) -> Result<(), Error> {
        for (i, bo) in self.buffers.held.iter().enumerate() {
            if let Err(by) = bo.usage.enter_command() {
                self.buffers.held[..i]
                    .iter()
                    .for_each(|bo| bo.usage.leave_command());
                return Err(bo.taken(by));
            }
        }
        Ok(())
    }

    /// The command has ended: undoes [`enter`](Self::enter).
    pub(crate) fn leave(&self) {
        self.buffers.held.iter().for_each(|bo| bo.usage.leave_command());
    }
}

pub(crate) fn split(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}
