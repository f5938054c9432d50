//! Chains: many commands for the price of one submission.

use xdna_uapi::CHAIN_SLOT_BYTES;

use crate::command::Command;
use crate::device::Device;
use crate::error::Error;
use crate::packet::{MAX_CHAIN, Operation};

/// Commands of one opcode that run in order, submitted as one.
///
/// The driver copies them into a list of 4096 bytes and says nothing when they do not fit: the job is dropped.
/// [`push`](Self::push) therefore adds up their slots and refuses the one that would not.
#[derive(Debug)]
#[must_use = "a chain makes no command before build() is called"]
pub struct ChainBuilder<'d> {
    device: &'d Device,
    links: Vec<Command>,
    slot_bytes: usize,
}

/// A command that a chain did not take, returned unchanged.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct NotTaken {
    /// Why.
    #[source]
    pub reason: Error,
    /// The command.
    pub command: Box<Command>,
}

impl<'d> ChainBuilder<'d> {
    /// A chain without commands.
    pub fn new(device: &'d Device) -> Self {
        Self {
            device,
            links: Vec::new(),
            slot_bytes: 0,
        }
    }

    /// Appends a command.
    ///
    /// # Errors
    /// Returns the command with the reason: [`Error::TooLarge`] (the chain is full: build it and begin another),
    /// [`Error::MixedChain`], [`Error::BadChain`], [`Error::OtherDevice`].
    pub fn push(&mut self, command: Command) -> Result<(), NotTaken> {
        match self.slot(&command) {
            Ok(bytes) => {
                self.slot_bytes += bytes;
                self.links.push(command);
                Ok(())
            }
            Err(reason) => Err(NotTaken {
                reason,
                command: Box::new(command),
            }),
        }
    }

    /// Number of commands.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// True without commands.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Bytes of the driver's list of 4096 that the commands fill.
    pub fn slot_bytes(&self) -> usize {
        self.slot_bytes
    }

    /// Creates the command that runs them all; it touches what they touch.
    ///
    /// # Errors
    /// [`Error::BadChain`] without commands, or what creating the command buffer runs into.
    pub fn build(self) -> Result<Command, Error> {
        if self.links.is_empty() {
            return Err(Error::BadChain);
        }
        Command::chain(self.device, self.links)
    }

    /// Bytes `command` would fill, if it suits the chain.
    fn slot(&self, command: &Command) -> Result<usize, Error> {
        let (version, operation) = (self.device.driver_version(), command.operation());
        if !self.device.is(command.memory.device()) {
            return Err(Error::OtherDevice { what: "the command" });
        }
        if operation == Operation::Chain {
            return Err(Error::BadChain);
        }
        if let Some(first) = self
            .links
            .first()
            .map(|link| link.operation().opcode())
            .filter(|op| *op != operation.opcode())
        {
            return Err(Error::MixedChain {
                first,
                other: operation.opcode(),
            });
        }
        let (words, limit) = (command.argument_words(), operation.max_arguments(version, true));
        if words > limit {
            return Err(Error::TooLarge {
                what: "argument words of a command in a chain",
                len: words,
                limit,
            });
        }
        if self.links.len() == MAX_CHAIN {
            return Err(Error::TooLarge {
                what: "commands of a chain",
                len: MAX_CHAIN + 1,
                limit: MAX_CHAIN,
            });
        }
        let bytes = operation.slot_bytes(version, words);
        let total = self.slot_bytes + bytes;
        if total > CHAIN_SLOT_BYTES {
            return Err(Error::TooLarge {
                what: "slot bytes of a chain",
                len: total,
                limit: CHAIN_SLOT_BYTES,
            });
        }
        Ok(bytes)
    }
}
