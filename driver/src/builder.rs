//! Putting commands together.

use std::sync::Arc;

use xdna_uapi::ert::{StartNpu, StartNpuPreempt};
use zerocopy::IntoBytes;

use crate::bo::{Bo, BoKind};
use crate::command::{Buffers, Command, split};
use crate::device::Device;
use crate::error::Error;
use crate::packet::{CuIndex, Operation, Packet};

/// A command being put together.
///
/// Arguments are 32-bit words behind the compute unit's mask (and the head of control-code commands). They are
/// appended in order, or set at the byte offsets that the kernel's argument table states. The first mistake is
/// reported by [`build`](Self::build).
#[derive(Debug)]
#[must_use = "a builder makes no command before build() is called"]
pub struct CommandBuilder<'d> {
    device: &'d Device,
    packet: Packet,
    buffers: Buffers,
    failed: Option<Error>,
}

impl Command {
    /// Runs compute unit `cu` with register-map words: at most 19 (a chain takes longer commands), of which
    /// firmware adds the array's address offset to the first five buffer addresses.
    pub fn start_cu(device: &Device, cu: CuIndex) -> CommandBuilder<'_> {
        CommandBuilder::new(device, Operation::StartCu, Some(cu), &[])
    }

    /// Runs `bytes` bytes of control code in `code` on compute unit `cu`.
    pub fn start_npu<'d>(
        device: &'d Device,
        cu: CuIndex,
        code: &Arc<Bo>,
        bytes: usize,
    ) -> CommandBuilder<'d> {
        let head = StartNpu {
            instruction_buffer: code.device_addr().get().into(),
            instruction_buffer_size: (bytes as u32).into(),
            instruction_prop_count: 0.into(),
        };
        CommandBuilder::new(device, Operation::StartNpu, Some(cu), head.as_bytes()).code(code, bytes)
    }

    /// Runs control code that can be preempted, with the code that saves and restores the array. Linux 6.19 and
    /// later on XDNA2.
    pub fn start_npu_preempt<'d>(
        device: &'d Device,
        cu: CuIndex,
        code: (&Arc<Bo>, usize),
        save: (&Arc<Bo>, usize),
        restore: (&Arc<Bo>, usize),
    ) -> CommandBuilder<'d> {
        CommandBuilder::preempt(device, Operation::StartNpuPreempt, Some(cu), code, save, restore)
    }

    /// Runs control code that carries its own configuration (a full ELF), with the code that saves and restores
    /// the array; it needs no compute unit. Linux 6.19 and later on XDNA2.
    pub fn start_elf<'d>(
        device: &'d Device,
        code: (&Arc<Bo>, usize),
        save: (&Arc<Bo>, usize),
        restore: (&Arc<Bo>, usize),
    ) -> CommandBuilder<'d> {
        CommandBuilder::preempt(device, Operation::StartNpuElf, None, code, save, restore)
    }
}

impl<'d> CommandBuilder<'d> {
    fn new(device: &'d Device, operation: Operation, cu: Option<CuIndex>, head: &[u8]) -> Self {
        let failed = operation.check(device.driver_version()).err();
        Self {
            device,
            packet: Packet::new(operation, cu, head),
            buffers: Buffers::default(),
            failed,
        }
    }

    fn preempt(
        device: &'d Device,
        operation: Operation,
        cu: Option<CuIndex>,
        code: (&Arc<Bo>, usize),
        save: (&Arc<Bo>, usize),
        restore: (&Arc<Bo>, usize),
    ) -> Self {
        let head = StartNpuPreempt {
            instruction_buffer: code.0.device_addr().get().into(),
            save_buffer: save.0.device_addr().get().into(),
            restore_buffer: restore.0.device_addr().get().into(),
            instruction_buffer_size: (code.1 as u32).into(),
            save_buffer_size: (save.1 as u32).into(),
            restore_buffer_size: (restore.1 as u32).into(),
            instruction_prop_count: 0.into(),
        };
        [code, save, restore].into_iter().fold(
            Self::new(device, operation, cu, head.as_bytes()),
            |b, (bo, bytes)| b.code(bo, bytes),
        )
    }

    /// Holds a buffer of control code, after checking that it is one.
    fn code(self, bo: &Arc<Bo>, bytes: usize) -> Self {
        self.attempt(|b| {
            if bo.kind() != BoKind::Dev {
                return Err(Error::WrongKind {
                    what: "control code",
                    expected: "DEV",
                    found: bo.kind(),
                });
            }
            bo.check_range(0, bytes)?;
            b.hold(bo)
        })
    }

    /// Appends a 32-bit argument.
    pub fn u32(self, value: u32) -> Self {
        let end = self.packet.arguments() * 4;
        self.set_u32(end, value)
    }

    /// Appends a 64-bit argument.
    pub fn u64(self, value: u64) -> Self {
        let end = self.packet.arguments() * 4;
        self.set_u64(end, value)
    }

    /// Appends the address of a buffer's first byte, and holds the buffer.
    pub fn addr(self, bo: &Arc<Bo>) -> Self {
        let end = self.packet.arguments() * 4;
        self.set_addr(end, bo, 0)
    }

    /// Sets a 32-bit argument at byte `at`.
    pub fn set_u32(self, at: usize, value: u32) -> Self {
        self.attempt(|b| b.packet.set(at, &[value]))
    }

    /// Sets a 64-bit argument at byte `at`, a multiple of 4.
    pub fn set_u64(self, at: usize, value: u64) -> Self {
        self.attempt(|b| b.packet.set(at, &split(value)))
    }

    /// Sets the address of byte `offset` of a buffer as an argument at byte `at`, and holds the buffer.
    pub fn set_addr(self, at: usize, bo: &Arc<Bo>, offset: usize) -> Self {
        self.attempt(|b| {
            bo.check_range(offset, 0)?;
            b.packet.set(at, &split(bo.device_addr().get() + offset as u64))?;
            b.hold(bo)
        })
    }

    /// Holds a buffer the command can touch without naming it in an argument: through its instruction stream.
    pub fn uses(self, bo: &Arc<Bo>) -> Self {
        self.attempt(|b| b.hold(bo))
    }

    /// Creates the command.
    ///
    /// # Errors
    /// The first mistake in the arguments, or what creating the command buffer runs into.
    pub fn build(self) -> Result<Command, Error> {
        match self.failed {
            Some(e) => Err(e),
            None => Command::new(self.device, self.packet, self.buffers, Vec::new()),
        }
    }

    fn hold(&mut self, bo: &Arc<Bo>) -> Result<(), Error> {
        if !self.device.is(bo.device()) {
            return Err(Error::OtherDevice { what: "a buffer" });
        }
        self.buffers.add(bo);
        Ok(())
    }

    fn attempt(mut self, step: impl FnOnce(&mut Self) -> Result<(), Error>) -> Self {
        if self.failed.is_none() {
            self.failed = step(&mut self).err();
        }
        self
    }
}
